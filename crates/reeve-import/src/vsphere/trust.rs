//! Whom a connection to a host trusts. Never nobody.

use camino::Utf8PathBuf;
use reeve_tls::{Fingerprint, LastShown, Thumbprint, TlsError, Verification, authorities, client_builder};
use rustls::ClientConfig;

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

impl Trust {
    fn verification(&self) -> Result<Verification, TlsError> {
        match self {
            Self::System => match authorities(None) {
                Ok(store) => Ok(Verification::Authorities(store)),
                // The host is asked all the same: its certificate is what a person needs to see then.
                Err(TlsError::NoAuthorities) => Ok(Verification::Refused),
                Err(error) => Err(error),
            },
            Self::Authorities(path) => authorities(Some(path)).map(Verification::Authorities),
            Self::Certificate(fingerprint) => Ok(Verification::Certificate(*fingerprint)),
        }
    }
}

/// Returns the settings for connections.
pub(super) fn client_config(trust: &Trust, shown: &LastShown) -> Result<ClientConfig, TlsError> {
    Ok(client_builder(trust.verification()?, shown)?.with_no_client_auth())
}

/// Returns the settings for connections to a host whose certificate another host has named.
pub(super) fn thumbprint_config(wanted: Thumbprint) -> Result<ClientConfig, TlsError> {
    Ok(client_builder(Verification::Named(wanted), &LastShown::default())?.with_no_client_auth())
}
