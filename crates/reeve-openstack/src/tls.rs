//! TLS as a cloud's configuration wants it: system's or own authorities, own certificate, or no verification at all.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::config::TlsOptions;
use crate::error::Problem;

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
    #[error("this system has no certificates of authorities, and `cacert` is not set")]
    NoAuthorities,
    /// Certificate and key do not go together.
    #[error("the client certificate cannot be used: {0}")]
    ClientCertificate(String),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// Returns the settings for connections.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let builder = if options.verify {
        builder.with_root_certificates(authorities(options)?)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NoVerification(algorithms(&provider))))
    };
    match &options.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(path) => {
            let chain = certificates(path)?;
            let key_path = options.client_key.as_ref().unwrap_or(path);
            let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| file(key_path, &error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| TlsError::ClientCertificate(error.to_string()))
        }
    }
}

fn authorities(options: &TlsOptions) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match &options.ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| TlsError::File {
                    path: path.clone(),
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

fn certificates(path: &Utf8Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::File {
            path: path.to_owned(),
            what: "has no certificate in it".to_owned(),
        });
    }
    Ok(certificates)
}

fn file(path: &Utf8Path, error: &rustls_pki_types::pem::Error) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        what: format!("cannot be read as PEM: {error}"),
    }
}

fn algorithms(provider: &CryptoProvider) -> WebPkiSupportedAlgorithms {
    provider.signature_verification_algorithms
}

/// Accepts every certificate, because the operator said `verify: false`; the configuration carries a warning for it.
#[derive(Debug)]
struct NoVerification(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
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
