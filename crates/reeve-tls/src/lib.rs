//! Whom a TLS connection trusts: authorities of the system or of a file, one certificate by its fingerprint, or nobody at all.
//!
//! Clouds and hosts of VMware both need it, with one provider of cryptography. A call: [`authorities`] or a [`Fingerprint`] gives a
//! [`Verification`], [`client_builder`] makes settings of it, and [`LastShown`] tells which certificate a server showed that was refused.

mod fingerprint;
mod verifier;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

pub use fingerprint::{Fingerprint, Thumbprint};
pub use verifier::{LastShown, Verification};

/// Why no connection could be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file with certificates or a key cannot be used.
    #[error("{path} {what}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The system has no authorities that could be trusted.
    #[error("this system has no certificates of authorities, and no file with any is named")]
    NoAuthorities,
    /// Certificate and key do not go together.
    #[error("the client certificate cannot be used: {0}")]
    ClientCertificate(String),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl TlsError {
    /// Returns the error for a file that is no PEM.
    pub fn not_pem(path: &Utf8Path, error: &rustls_pki_types::pem::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            what: format!("cannot be read as PEM: {error}"),
        }
    }
}

/// Returns settings for connections, without a client certificate yet.
///
/// # Errors
///
/// [`TlsError::Setup`].
pub fn client_builder(
    verification: Verification,
    shown: &LastShown,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier::verifier(verification, Arc::clone(&provider), shown.clone())?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

/// Returns the authorities in a PEM file, or the system's.
///
/// # Errors
///
/// [`TlsError::File`]; [`TlsError::NoAuthorities`] if the system has none.
pub fn authorities(file: Option<&Utf8Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| TlsError::File {
                    path: path.to_owned(),
                    what: format!("has a certificate that cannot be used: {error}"),
                })?;
            }
        }
        None => {
            // Single files that do not parse are common on old systems and no reason to trust none of the rest.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        Err(TlsError::NoAuthorities)
    } else {
        Ok(store)
    }
}

/// Returns the certificates in a PEM file; at least one.
///
/// # Errors
///
/// [`TlsError::File`].
pub fn certificates(path: &Utf8Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError::not_pem(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::File {
            path: path.to_owned(),
            what: "has no certificate in it".to_owned(),
        });
    }
    Ok(certificates)
}
