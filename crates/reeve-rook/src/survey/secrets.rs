//! Values that may hold a secret, and how they are shown.

/// What stands in place of a value that may hold a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Returns the value of option `name` as facts may keep it: itself, or `(hidden)`.
///
/// Hidden is a value whose option's name tells of a secret (`key`, `rgw_keystone_admin_password`, `…_secret`, `…access_key`, `…token`),
/// and any value that looks like a cephx key, a private key or a URL with a password in it. A `keyring` option is shown where it is a path.
pub(crate) fn shown(name: &str, value: &str) -> String {
    if names_a_secret(name) || looks_like_a_secret(value) {
        HIDDEN.into()
    } else {
        value.into()
    }
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', ' '], "_");
    let last = name.rsplit(['/', '.']).next().unwrap_or_default();
    let telling = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "access_key",
        "private_key",
        "encryption_key",
        "token",
        "credential",
    ];
    telling.iter().any(|word| name.contains(word)) || last == "key" || last.ends_with("_key")
}

fn looks_like_a_secret(value: &str) -> bool {
    let url_with_password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', ' ']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    url_with_password
        || value.contains("PRIVATE KEY-----")
        || value.split(|c: char| c.is_whitespace() || c == '"').any(is_cephx_key)
}

/// A cephx key in base64: type 1 (AES-128) has 40 characters and begins with `AQ`, type 2 (AES-256) has 60 and begins with `Ag`.
///
/// Source: ceph/ceph: `src/auth/Crypto.cc` – `CryptoKey::encode` (16-bit type, time stamp, 16-bit length, secret).
fn is_cephx_key(word: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    (word.starts_with("AQ") || word.starts_with("Ag")) && matches!(word.len(), 40 | 60) && word.chars().all(base64)
}

/// Returns the text with every cephx key and every secret tag of LVM replaced, for recordings of `ceph` and `ceph-volume`.
pub(crate) fn without_keys(text: &str) -> String {
    let delimiter = |c: char| c.is_whitespace() || "\"',=;:[]{}()".contains(c);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['A']) {
        let (before, from) = rest.split_at(start);
        clean.push_str(before);
        let at_word_start = clean.chars().next_back().is_none_or(delimiter);
        // The equals signs at the end of a key are part of it.
        let end = from.find(|c: char| c != '=' && delimiter(c)).unwrap_or(from.len());
        if at_word_start && is_cephx_key(&from[..end]) {
            clean.push_str(HIDDEN);
            rest = &from[end..];
        } else {
            clean.push('A');
            rest = &from[1..];
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "AQBSdFhcGGFCDRAAxJxDtMSR6qMOJgmqkXVMdQ==";

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        for name in [
            "key",
            "client.rgw.key",
            "mgr/dashboard/key",
            "rgw_keystone_admin_password",
            "rgw keystone admin token",
            "rgw_s3_auth_secret",
            "rgw_barbican_access_key",
            "mgr/cephadm/ssh_identity_key",
        ] {
            assert_eq!(shown(name, "x"), HIDDEN, "{name}");
        }
        for (name, value) in [
            ("keyring", "/etc/ceph/ceph.client.admin.keyring"),
            ("osd_memory_target", "4294967296"),
            ("mon_host", "10.0.0.1"),
            ("rgw_keystone_url", "https://keystone.example:5000"),
            ("osd_crush_update_on_start", "false"),
        ] {
            assert_eq!(shown(name, value), value);
        }
        for value in [KEY, "http://user:pass@proxy:3128/", "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(shown("anything", value), HIDDEN, "{value}");
        }
    }

    #[test]
    fn keys_leave_a_text() {
        let text = format!("{{\"key\":\"{KEY}\",\"caps\":\"Allow\"}} a=AQ b={KEY}");
        assert_eq!(
            without_keys(&text),
            r#"{"key":"(hidden)","caps":"Allow"} a=AQ b=(hidden)"#
        );
    }

    proptest! {
        #[test]
        fn a_text_without_keys_stays(text in "[A-Za-z0-9 =\"ü]{0,30}") {
            prop_assert_eq!(without_keys(&text), text);
        }
    }
}
