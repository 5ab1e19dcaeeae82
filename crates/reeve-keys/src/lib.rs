//! What to say of a key that a file should not have: which key it is, and which known key is most like it.
//!
//! serde words an unknown key in one way for every format ("unknown field `X`, expected one of `a`, `b`"). [`UnknownKey::of`] takes that
//! sentence apart, so that facts, plans and configuration answer a typing error in the same words. Where the key stands (line, path) is left
//! to the format's own error.

use std::fmt;

/// A key that a file should not have, and the known key most like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// The key as written, control characters escaped, at most 80 characters.
    pub key: String,
    /// The known key most like it, if any is like it at all.
    pub nearest: Option<String>,
}

impl UnknownKey {
    /// Takes serde's complaint apart; `None` if it is about something else than an unknown key.
    ///
    /// Source of the wording: serde: `serde_core/src/de/mod.rs` – `Error::unknown_field`.
    #[must_use]
    pub fn of(complaint: &str) -> Option<Self> {
        let (key, rest) = complaint.strip_prefix("unknown field `")?.split_once("`, ")?;
        let nearest = nearest(key, rest.split('`').skip(1).step_by(2)).map(str::to_owned);
        let key = key.chars().take(80).flat_map(char::escape_debug).collect();
        Some(Self { key, nearest })
    }
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown key `{}`", self.key)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; the nearest known key is `{nearest}`"),
            None => Ok(()),
        }
    }
}

/// Returns the name that is most like `wanted`, if any is like it at all; of two that are equally alike, the later one.
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the names of the fields matter")]
    struct File {
        admin_host: String,
        namespace: String,
    }

    fn complaint(json: &str) -> String {
        serde_json::from_str::<File>(json).unwrap_err().to_string()
    }

    #[test]
    fn a_typing_error_is_answered_with_the_nearest_key() {
        let unknown = UnknownKey::of(&complaint(r#"{"admin_hots": "n1"}"#)).unwrap();
        assert_eq!(
            unknown.to_string(),
            "unknown key `admin_hots`; the nearest known key is `admin_host`"
        );
    }

    #[test]
    fn toml_words_it_in_the_same_way() {
        let error = toml::from_str::<File>("namespce = 'x'").unwrap_err();
        assert_eq!(
            UnknownKey::of(error.message()).unwrap().nearest.as_deref(),
            Some("namespace")
        );
    }

    #[test]
    fn a_key_like_no_other_gets_no_suggestion() {
        assert_eq!(UnknownKey::of(&complaint(r#"{"zzz": 1}"#)).unwrap().nearest, None);
    }

    #[test]
    fn other_complaints_are_left_alone() {
        assert_eq!(UnknownKey::of(&complaint(r#"{"admin_host": 1}"#)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stumble(text in ".*") {
            let _ = UnknownKey::of(&text);
            if let Some(unknown) = UnknownKey::of(&format!("unknown field `{text}`, expected `a`")) {
                prop_assert!(!unknown.key.chars().any(char::is_control));
            }
        }
    }
}
