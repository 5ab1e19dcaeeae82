//! The verifier of server certificates behind all connections.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::TlsError;
use crate::fingerprint::{Fingerprint, Thumbprint};

/// How a server's certificate is verified.
#[derive(Debug)]
pub enum Verification {
    /// It is from one of these authorities, for the server's name, and valid now.
    Authorities(RootCertStore),
    /// It is this one, whatever name and time it is for.
    Certificate(Fingerprint),
    /// It is the one that a host which is trusted has named, whatever name and time it is for.
    Named(Thumbprint),
    /// It is refused, after it was looked at; for where there is no authority that it could be from.
    Refused,
    /// Not at all. Whoever chooses this has to say so to the person at the keyboard.
    Off,
}

/// The last certificate that a server showed.
#[derive(Clone, Debug, Default)]
pub struct LastShown(Arc<Mutex<Option<Fingerprint>>>);

impl LastShown {
    /// Returns it; `None` before the first handshake.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What decides.
#[derive(Debug)]
enum Decision {
    Authorities(Arc<WebPkiServerVerifier>),
    Certificate(Fingerprint),
    Named(Thumbprint),
    Refused,
    Off,
}

#[derive(Debug)]
pub(crate) struct Verifier {
    decision: Decision,
    provider: Arc<CryptoProvider>,
    shown: LastShown,
}

/// Returns the verifier for a choice.
pub(crate) fn verifier(
    verification: Verification,
    provider: Arc<CryptoProvider>,
    shown: LastShown,
) -> Result<Verifier, TlsError> {
    let decision = match verification {
        Verification::Authorities(store) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider)).build();
            Decision::Authorities(verifier.map_err(|error| TlsError::Setup(error.to_string()))?)
        }
        Verification::Certificate(fingerprint) => Decision::Certificate(fingerprint),
        Verification::Named(thumbprint) => Decision::Named(thumbprint),
        Verification::Refused => Decision::Refused,
        Verification::Off => Decision::Off,
    };
    Ok(Verifier {
        decision,
        provider,
        shown,
    })
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
        match &self.decision {
            Decision::Authorities(verifier) => verifier.verify_server_cert(certificate, intermediates, name, ocsp, now),
            Decision::Certificate(wanted) if *wanted == shown => Ok(ServerCertVerified::assertion()),
            Decision::Named(wanted) if wanted.is_of(certificate) => Ok(ServerCertVerified::assertion()),
            Decision::Off => Ok(ServerCertVerified::assertion()),
            Decision::Certificate(_) | Decision::Named(_) | Decision::Refused => {
                Err(CertificateError::UnknownIssuer.into())
            }
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
