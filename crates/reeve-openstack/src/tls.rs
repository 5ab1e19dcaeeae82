//! TLS as a cloud's configuration wants it: system's or own authorities, own certificate, or no verification at all.

pub use reeve_tls::TlsError;
use reeve_tls::{LastShown, Verification, authorities, certificates, client_builder};
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::config::TlsOptions;
use crate::error::Problem;

/// Returns the settings for connections.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, TlsError> {
    // Without verification because the operator said `verify: false`; the configuration carries a warning for it.
    let verification = if options.verify {
        Verification::Authorities(authorities(options.ca_file.as_deref())?)
    } else {
        Verification::Off
    };
    let builder = client_builder(verification, &LastShown::default())?;
    match &options.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(path) => {
            let chain = certificates(path)?;
            let key_path = options.client_key.as_ref().unwrap_or(path);
            let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| TlsError::not_pem(key_path, &error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| TlsError::ClientCertificate(error.to_string()))
        }
    }
}

/// Returns why a handshake failed.
pub(crate) fn classify(error: &rustls::Error) -> Problem {
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            // A bad signature is what an authority of the same name with another key gives.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Problem::CertificateUnknown,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Problem::CertificateName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Problem::CertificateTime,
            other => Problem::Tls(format!("bad certificate: {other}")),
        },
        other => Problem::Tls(other.to_string()),
    }
}
