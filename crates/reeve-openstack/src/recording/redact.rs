//! Taking secrets out of answers.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands where a secret was.
pub(super) const REMOVED: &str = "(removed)";

/// Members whose value is a secret wherever they stand, in lower case. Where the value is an object, the object is looked into instead: the body of a login has its all in `token`.
const SECRET_MEMBERS: [&str; 27] = [
    "password",
    "original_password",
    "adminpass",
    "admin_pass",
    "passcode",
    "passphrase",
    "token",
    "auth_token",
    "access_token",
    "id_token",
    "refresh_token",
    "audit_ids",
    "secret",
    "secret_key",
    "access",
    "access_key",
    "payload",
    "private_key",
    "blob",
    "user_data",
    "os-ext-srv-attr:user_data",
    "personality",
    "auth_password",
    "auth_key",
    "temp_url_key",
    "kubeconfig",
    "ssh_authorized_keys",
];

/// Shortest known secret that is looked for inside other texts; shorter ones would also hit names such as `member`.
const SHORTEST: usize = 8;

/// Takes secrets out of a JSON value: by the names of members, and those that are known.
pub(super) fn json(value: &mut Value, known: &[SecretString]) {
    match value {
        Value::Object(map) => {
            for (name, below) in map.iter_mut() {
                let secret = SECRET_MEMBERS.contains(&name.to_ascii_lowercase().as_str());
                match below {
                    Value::Null | Value::Object(_) => json(below, known),
                    Value::Array(list) if secret && list.iter().any(|item| !item.is_object()) => {
                        *below = REMOVED.into()
                    }
                    Value::Array(_) => json(below, known),
                    _ if secret => *below = REMOVED.into(),
                    _ => json(below, known),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|below| json(below, known)),
        Value::String(text) => {
            let cleaned = self::text(text, known);
            if cleaned != *text {
                *text = cleaned;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes secrets out of a text: known ones, and users and signatures in addresses.
pub(super) fn text(text: &str, known: &[SecretString]) -> String {
    let mut cleaned = text.to_owned();
    for secret in known {
        let secret = secret.expose_secret();
        if secret.len() >= SHORTEST && cleaned.contains(secret) {
            cleaned = cleaned.replace(secret, REMOVED);
        }
    }
    if cleaned.contains("://") {
        cleaned = crate::url::without_user(&cleaned);
        if cleaned.contains('?') && !cleaned.contains(char::is_whitespace) {
            cleaned = crate::url::shown(&cleaned);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let known = [SecretString::from("s3cr3t-pass"), SecretString::from("member")];
        let mut value = json!({
            "token": { "roles": [{ "name": "member" }], "audit_ids": ["abc"], "user": { "name": "joe", "password_expires_at": null } },
            "server": { "OS-EXT-SRV-ATTR:user_data": "I2Nsb3Vk", "adminPass": "x", "metadata": { "note": "with s3cr3t-pass inside" } },
            "credentials": [{ "blob": "{\"access\": 1}", "type": "ec2", "secret": 5 }],
            "image": { "direct_url": "swift+https://u:k@host/c/o", "secret": null, "locations": [{ "url": "rbd://a/b" }] },
            "secrets": [{ "name": "n", "payload": "foo" }],
        });
        super::json(&mut value, &known);
        assert_eq!(
            value,
            json!({
                "token": { "roles": [{ "name": "member" }], "audit_ids": "(removed)", "user": { "name": "joe", "password_expires_at": null } },
                "server": { "OS-EXT-SRV-ATTR:user_data": "(removed)", "adminPass": "(removed)", "metadata": { "note": "with (removed) inside" } },
                "credentials": [{ "blob": "(removed)", "type": "ec2", "secret": "(removed)" }],
                "image": { "direct_url": "swift+https://…@host/c/o", "secret": null, "locations": [{ "url": "rbd://a/b" }] },
                "secrets": [{ "name": "n", "payload": "(removed)" }],
            })
        );
    }

    fn any_json(secret: &'static str) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
            ("[a-z]{0,4}", "[a-z]{0,4}").prop_map(move |(a, b)| format!("{a}{secret}{b}").into()),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}|password|payload", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_known_secret_is_nowhere_afterwards(value in any_json("hunter2-hunter2")) {
            let mut cleaned = value.clone();
            super::json(&mut cleaned, &[SecretString::from("hunter2-hunter2")]);
            prop_assert!(!cleaned.to_string().contains("hunter2-hunter2"), "{cleaned}");
            let mut again = cleaned.clone();
            super::json(&mut again, &[SecretString::from("hunter2-hunter2")]);
            prop_assert_eq!(cleaned, again);
        }
    }
}
