//! Certificates by their SHA-256 digest.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

/// The SHA-256 digest of a certificate, as `AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the fingerprint of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
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
