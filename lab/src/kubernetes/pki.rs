//! Certificates: one authority for Kubernetes and one for etcd, and a key pair for each part that speaks or listens.

use camino::Utf8Path;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};

use crate::error::{LabError, Result};

/// The name and group of the laboratory's administrator. The group is bound to cluster-admin by Kubernetes itself.
pub(crate) const ADMIN: Subject<'static> = Subject {
    name: "admin",
    group: Some("system:masters"),
};

/// Whose certificate it is. Kubernetes takes the common name as user and the organisation as group: "X509 client certificates" of its
/// page on authentication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: Option<&'a str>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Client,
    Server,
    /// etcd's own: it also speaks to itself.
    Both,
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An authority that signs certificates.
pub(crate) struct Authority {
    name: String,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let failed = |source| LabError::Certificate {
            subject: name.to_owned(),
            source,
        };
        let mut params = parameters(Subject { name, group: None }, &[]).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self {
            name: name.to_owned(),
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// Returns the authority's own certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Makes a key and signs its certificate. `names` are the DNS names and addresses that a server answers to.
    pub(crate) fn sign(&self, subject: Subject<'_>, purpose: Purpose, names: &[&str]) -> Result<Credentials> {
        let failed = |source| LabError::Certificate {
            subject: format!("{} by {}", subject.name, self.name),
            source,
        };
        let mut params = parameters(subject, names).map_err(failed)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Purpose::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?.pem();
        Ok(Credentials {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

/// Makes the key pair that signs service account tokens: private and public key, PEM.
pub(crate) fn service_account_keys() -> Result<(String, String)> {
    let failed = |source| LabError::Certificate {
        subject: "service accounts".into(),
        source,
    };
    let key = KeyPair::generate().map_err(failed)?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn parameters(subject: Subject<'_>, names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    for name in names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into()?),
        });
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(group) = subject.group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.distinguished_name.push(DnType::CommonName, subject.name);
    // A laboratory lives for days. Two days back, for clocks that are behind; a year at most in all, as Mozilla's profiles have it.
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |offset: i64| {
        let day = today.saturating_add(jiff::Span::new().days(offset));
        let number = |number: i8| u8::try_from(number).expect("months and days are positive");
        date_time_ymd(day.year().into(), number(day.month()), number(day.day()))
    };
    (params.not_before, params.not_after) = (day(-2), day(363));
    Ok(params)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Utf8Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(LabError::file("write", path))
}

impl Credentials {
    /// Writes `NAME.crt` and `NAME.key` into a folder.
    pub(crate) fn write(&self, folder: &Utf8Path, name: &str) -> Result<()> {
        write_secret(&folder.join(format!("{name}.crt")), &self.certificate)?;
        write_secret(&folder.join(format!("{name}.key")), &self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_carry_names_and_keys_stay_secret() {
        use std::os::unix::fs::PermissionsExt;
        let authority = Authority::new("test-ca").unwrap();
        let node = Subject {
            name: "system:node:n1",
            group: Some("system:nodes"),
        };
        let credentials = authority.sign(node, Purpose::Server, &["n1", "10.77.1.11"]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        credentials.write(folder, "kubelet").unwrap();
        let mode = folder.join("kubelet.key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(credentials.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        let (private, public) = service_account_keys().unwrap();
        assert!(private.contains("PRIVATE KEY") && public.contains("PUBLIC KEY"));
    }
}
