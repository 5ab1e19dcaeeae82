//! Certificates by their digest.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use sha1::Sha1;
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
        let digits = digits(text);
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

/// A certificate as a host of vSphere names that of another one (`sslThumbprint`): its digest by SHA-1, as it always was, or by SHA-256.
///
/// SHA-1 is enough here: whoever wanted to pass for the other host would need a second certificate with the digest of a given one, which nobody can make. A person
/// gives a [`Fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumbprint(Digits);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl Thumbprint {
    /// Reads 40 or 64 hexadecimal digits, with colons between the bytes or without; `None` if it is something else.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let bytes = hex::decode(digits(text)).ok()?;
        let sha1 = bytes.as_slice().try_into().ok().map(Digits::Sha1);
        sha1.or_else(|| bytes.as_slice().try_into().ok().map(Digits::Sha256))
            .map(Self)
    }

    /// Tells whether a certificate has this digest.
    #[must_use]
    pub fn is_of(&self, certificate: &CertificateDer<'_>) -> bool {
        match &self.0 {
            Digits::Sha1(wanted) => Sha1::digest(certificate.as_ref()).as_slice() == wanted,
            Digits::Sha256(wanted) => Sha256::digest(certificate.as_ref()).as_slice() == wanted,
        }
    }
}

fn digits(text: &str) -> String {
    text.trim().chars().filter(|char| *char != ':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_that_of_one_certificate() {
        let certificate = CertificateDer::from(b"abc".to_vec());
        let other = CertificateDer::from(b"abd".to_vec());
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for text in [sha1, sha256] {
            let thumbprint = Thumbprint::of(text).unwrap();
            assert!(thumbprint.is_of(&certificate) && !thumbprint.is_of(&other), "{text}");
        }
        for none in ["", "*", "A9:99", "zz"] {
            assert_eq!(Thumbprint::of(none), None, "{none}");
        }
    }

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
