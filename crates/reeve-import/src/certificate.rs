//! The certificate of an OVF package: a signature over the manifest, and who made it.

use ring::signature;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::bytes::{ByteSource, read_whole};
use crate::error::{ReadError, SourceName, escaped};
use crate::manifest::{Manifest, ManifestAlgorithm, digest_line, text_of};

/// The largest certificate file, in bytes: a signature and a chain of certificates.
const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;

/// What was found of a package's certificate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Signature {
    /// Whether the signature over the manifest is that of the certificate's key.
    pub valid: bool,
    /// The algorithm of the digest that is signed.
    pub algorithm: ManifestAlgorithm,
    /// Whose certificate it is.
    pub subject: String,
    /// Who vouches for it. Whether that is to be believed is not judged: no list of authorities is consulted.
    pub issuer: String,
    /// Whether subject and issuer are one: nobody else vouches.
    pub self_signed: bool,
    /// Its first and last second, as seconds since 1970.
    pub validity: (i64, i64),
}

impl Signature {
    /// Reads the certificate file of a package and checks its signature over the manifest.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte where the file is not a signature followed by a certificate in PEM; [`ReadError::Refused`] for keys
    /// other than RSA from 2048 bits on. A signature that does not fit is not an error: see [`Signature::valid`].
    ///
    /// Source: DMTF DSP0243 2.1.1, section 5.1 "OVF package structure".
    pub fn check(source: &dyn ByteSource, manifest: &Manifest) -> Result<Self, ReadError> {
        let bytes = read_whole(source, "the size of the certificate file", MAX_CERTIFICATE_BYTES)?;
        let name = source.name();
        let text = text_of(&bytes, name)?;
        let (line, _) = text.split_once('\n').unwrap_or((text, ""));
        let (algorithm, signed, signature) = digest_line(line.trim(), name, 0)?;
        if signed != base_name(&manifest.name, signed) {
            return Err(name.damaged(
                0,
                format!(
                    "the signature is one over {}, and the manifest is {}",
                    escaped(signed, 256),
                    manifest.name
                ),
            ));
        }
        let begin = text
            .find("-----BEGIN CERTIFICATE-----")
            .ok_or_else(|| name.damaged(line.len() as u64, "no certificate in PEM after the signature"))?;
        let broken = || name.damaged(begin as u64, "a certificate that cannot be read");
        let (_, pem) = x509_parser::pem::parse_x509_pem(&bytes[begin..]).map_err(|_| broken())?;
        let (_, certificate) = X509Certificate::from_der(&pem.contents).map_err(|_| broken())?;
        let valid = verify(&certificate, algorithm, &manifest.bytes, &signature, name, begin as u64)?;
        let subject = escaped(&certificate.subject().to_string(), 512);
        let issuer = escaped(&certificate.issuer().to_string(), 512);
        Ok(Self {
            valid,
            algorithm,
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            subject,
            issuer,
            validity: (
                certificate.validity().not_before.timestamp(),
                certificate.validity().not_after.timestamp(),
            ),
        })
    }
}

/// Returns `signed` if the manifest has this name in its folder or archive, and otherwise a text that differs.
fn base_name<'a>(manifest: &SourceName, signed: &'a str) -> &'a str {
    let shown = manifest.as_str().trim_end_matches(')');
    let fits = shown
        .strip_suffix(escaped(signed, 1024).as_str())
        .is_some_and(|before| before.is_empty() || before.ends_with(['/', '(']));
    if fits { signed } else { "" }
}

fn verify(
    certificate: &X509Certificate<'_>,
    algorithm: ManifestAlgorithm,
    message: &[u8],
    signed: &[u8],
    name: &SourceName,
    at: u64,
) -> Result<bool, ReadError> {
    const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
    let key = certificate.public_key();
    if key.algorithm.algorithm.to_id_string() != RSA_ENCRYPTION {
        return Err(name.refused(
            at,
            "a certificate whose key is not RSA; OVF packages are signed with RSA",
        ));
    }
    let scheme = match algorithm {
        ManifestAlgorithm::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        ManifestAlgorithm::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        ManifestAlgorithm::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    };
    if key.parsed().is_ok_and(|key| key.key_size() < 2048) {
        return Err(name.refused(
            at,
            "a certificate with an RSA key below 2048 bits: signatures of such keys can be forged",
        ));
    }
    let key = signature::UnparsedPublicKey::new(scheme, &key.subject_public_key.data);
    Ok(key.verify(message, signed).is_ok())
}
