//! Reading JSON as Ceph writes it.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::AnswerError;

/// Reads one JSON value.
///
/// Ceph's formatter writes numbers that are none as a bare `nan` or `inf` (utilization of an empty OSD, for example), which no JSON
/// reader takes; they are read as `null`.
///
/// Source: ceph/ceph: `src/common/Formatter.cc` – `JSONFormatter::dump_float`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AnswerError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(AnswerError::new("the answer is empty", bytes));
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) if error.is_syntax() => match without_nan(bytes) {
            Some(cleaned) => serde_json::from_slice(&cleaned).map_err(|error| AnswerError::new(error, bytes)),
            None => Err(AnswerError::new(error, bytes)),
        },
        Err(error) => Err(AnswerError::new(error, bytes)),
    }
}

/// Returns the text with `null` in place of every bare `nan` and `inf`, if there is one.
fn without_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut cleaned = Vec::with_capacity(bytes.len());
    let (mut in_string, mut escaped, mut found) = (false, false, false);
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte == b'"' {
            in_string = true;
        } else if let Some(word) = [&b"-nan"[..], b"nan", b"-inf", b"inf"]
            .into_iter()
            .find(|w| bytes[at..].starts_with(w))
        {
            cleaned.extend_from_slice(b"null");
            at += word.len();
            found = true;
            continue;
        }
        cleaned.push(byte);
        at += 1;
    }
    found.then_some(cleaned)
}

/// Reads a truth that is written as `true`, `1`, `"1"` or `"true"`.
pub(crate) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Scalar::deserialize(deserializer)? {
        Scalar::Bool(value) => Ok(value),
        Scalar::Int(value) => Ok(value != 0),
        Scalar::Float(_) | Scalar::Null(()) => Err(D::Error::custom("expected true or false")),
        Scalar::Text(text) => match text.as_str() {
            "1" | "true" | "yes" => Ok(true),
            "0" | "false" | "no" | "" => Ok(false),
            _ => Err(D::Error::custom("expected true or false")),
        },
    }
}

/// A single value that is kept as text, however it is written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Null(()),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Null(()) => Ok(()),
        }
    }
}

/// Reads a value as text: numbers and truths in their own writing, `null` as empty.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Scalar::deserialize(deserializer).map(|scalar| scalar.to_string())
}

/// Reads a map whose values are single values, each as text; values that are lists or maps are left out.
pub(crate) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<std::collections::BTreeMap<String, String>, D::Error> {
    let raw = std::collections::BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    let scalars = raw.into_iter().filter_map(|(key, value)| {
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
        };
        Some((key, text))
    });
    Ok(scalars.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_become_null_and_texts_stay() {
        let bytes = br#"{"var": -nan, "name": "nan \" inf", "list": [inf, 1.5]}"#;
        let value: serde_json::Value = read(bytes).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"var": null, "name": "nan \" inf", "list": [null, 1.5]})
        );
    }

    #[test]
    fn an_error_shows_place_and_beginning_and_nothing_a_terminal_obeys() {
        let error = read::<Vec<u8>>(b"\x1b[2Jhello\nworld").unwrap_err();
        insta::assert_snapshot!(error, @r"expected value at line 1 column 1; it begins with `\x1b[2Jhello\nworld`");
        insta::assert_snapshot!(read::<Vec<u8>>(b" \n").unwrap_err(), @r"the answer is empty; it begins with ` \n`");
        let error = read::<Vec<u8>>(b"[\"\\u001b[2J\"]").unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error}");
    }
}
