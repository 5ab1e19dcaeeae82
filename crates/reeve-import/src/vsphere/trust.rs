//! Whom a connection trusts: the system's authorities, given ones, or one certificate by its fingerprint. Never nobody.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};

use super::error::VsphereError;

/// The SHA-256 digest of a certificate, as `AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Reads 64 hexadecimal digits, with colons between the bytes or without, as the host's console and `openssl x509 -fingerprint -sha256` print them.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.trim().chars().filter(|char| *char != ':').collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| {
            let count = digits.len();
            if count == 40 {
                "this is a SHA-1 fingerprint; give the SHA-256 one: `openssl x509 -noout -fingerprint -sha256`"
                    .to_owned()
            } else {
                "a SHA-256 fingerprint has 64 hexadecimal digits, with colons or without".to_owned()
            }
        })?;
        Ok(Self(bytes))
    }
}

/// Whom a connection trusts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Trust {
    /// The system's authorities.
    #[default]
    System,
    /// The authorities in a PEM file, and no others.
    Authorities(Utf8PathBuf),
    /// The certificate with this fingerprint, and no other, whatever name and time it is for.
    Certificate(Fingerprint),
}

/// The last certificate that a server showed, for the words of an error.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown(Arc<Mutex<Option<Fingerprint>>>);

impl Shown {
    pub(super) fn last(&self) -> Option<Fingerprint> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the settings for connections.
pub(super) fn client_config(trust: &Trust, shown: &Shown) -> Result<ClientConfig, VsphereError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (authorities, pin) = match trust {
        Trust::Certificate(pin) => (None, Some(*pin)),
        Trust::System => {
            let mut store = RootCertStore::empty();
            // Single files that do not parse are common on old systems and no reason to trust none of the rest.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            (Some(store), None)
        }
        Trust::Authorities(path) => (Some(authorities(path)?), None),
    };
    let inner = match authorities {
        // Without any authority every certificate is unknown, which is what the error then says.
        Some(store) if !store.is_empty() => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider));
            Some(
                verifier
                    .build()
                    .map_err(|error| VsphereError::Trust(error.to_string()))?,
            )
        }
        _ => None,
    };
    let verifier = Verifier {
        pin,
        inner,
        provider: Arc::clone(&provider),
        shown: shown.clone(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| VsphereError::Trust(error.to_string()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn authorities(path: &Utf8Path) -> Result<RootCertStore, VsphereError> {
    let unusable = |what: String| VsphereError::Trust(format!("{path} {what}"));
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(format!("cannot be read as PEM: {error}")))?;
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        let added = store.add(certificate);
        added.map_err(|error| unusable(format!("has a certificate that cannot be used: {error}")))?;
    }
    if store.is_empty() {
        return Err(unusable("has no certificate in it".to_owned()));
    }
    Ok(store)
}

/// Verifies as [`Trust`] says, and remembers what was shown.
#[derive(Debug)]
struct Verifier {
    pin: Option<Fingerprint>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    shown: Shown,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(certificate);
        *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        match (&self.inner, self.pin) {
            (_, Some(pin)) if pin == shown => Ok(ServerCertVerified::assertion()),
            (Some(inner), None) => inner.verify_server_cert(certificate, intermediates, name, ocsp, now),
            _ => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
    }

    // The handshake is signed with the certificate's key in any case: a copied certificate does not help anybody.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_they_are_printed() {
        let text = "AB".repeat(32);
        let read: Fingerprint = text.parse().unwrap();
        assert_eq!(read.to_string().parse(), Ok(read));
        assert!(read.to_string().starts_with("AB:AB:"));
        let sha1 = "AB:".repeat(20);
        let error = sha1.parse::<Fingerprint>().unwrap_err();
        assert!(error.contains("SHA-1"), "{error}");
        assert!("xyz".parse::<Fingerprint>().is_err());
    }
}
