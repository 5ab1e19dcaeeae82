//! What a server's certificate is like, against Mozilla's profile "intermediate" 5.7.

use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ECDSA_WITH_SHA512,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Longest life of a certificate, in days.
const LONGEST_LIFE: i64 = 366;

/// Shortest RSA key, in bits.
const SHORTEST_RSA: usize = 2048;

/// Returns what is wrong with a certificate; nothing of one that cannot be read, which other checks trip over.
pub(super) fn faults(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < SHORTEST_RSA => {
            faults.push(format!(
                "its RSA key has {} bits, and must have {SHORTEST_RSA}",
                rsa.key_size()
            ));
        }
        Ok(PublicKey::RSA(_)) => {}
        Ok(PublicKey::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            if !curve.is_some_and(|curve| [OID_EC_P256, OID_NIST_EC_P384].contains(&curve)) {
                faults.push("its key is on another curve than P-256 and P-384".to_owned());
            }
        }
        _ => faults.push("its key is neither RSA nor ECDSA".to_owned()),
    }
    let signature = certificate.signature_algorithm.oid();
    let fine = [
        OID_PKCS1_SHA256WITHRSA,
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
        OID_SIG_ECDSA_WITH_SHA512,
    ];
    if !fine.contains(signature) {
        faults.push(format!(
            "it is signed with an algorithm outside the profile ({signature})"
        ));
    }
    let validity = certificate.validity();
    let seconds = validity
        .not_after
        .timestamp()
        .saturating_sub(validity.not_before.timestamp());
    // One second more or less is a matter of how the ends are counted.
    let days = (seconds - 1).max(0) / 86_400;
    if days >= LONGEST_LIFE {
        faults.push(format!(
            "it is valid for {} days, and may be for {LONGEST_LIFE}",
            days + 1
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm,
    };

    use super::*;

    fn made(algorithm: &'static SignatureAlgorithm, until: (i32, u8, u8)) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["c.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn keys_signatures_and_life_are_looked_at() {
        assert_eq!(
            faults(&made(&PKCS_ECDSA_P256_SHA256, (2027, 1, 1))),
            Vec::<String>::new()
        );
        assert_eq!(
            faults(&made(&PKCS_ECDSA_P384_SHA384, (2027, 1, 2))),
            Vec::<String>::new()
        );
        assert_eq!(
            faults(&made(&PKCS_ECDSA_P256_SHA256, (2028, 1, 1))),
            ["it is valid for 730 days, and may be for 366"]
        );
        let strange = faults(&made(&PKCS_ED25519, (2026, 3, 1)));
        assert_eq!(strange.len(), 2, "{strange:?}");
        assert_eq!(faults(b"no certificate"), Vec::<String>::new());
    }
}
