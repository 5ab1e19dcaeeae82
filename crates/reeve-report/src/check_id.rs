//! The stable name of a check.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What [`CheckId::new`] accepts, as a regular expression for the published schema; a test holds the two together.
const PATTERN: &str = r"^[a-z0-9]+([-_][a-z0-9]+)*(\.[a-z0-9]+([-_][a-z0-9]+)*)*$";

/// Longest id in bytes; ids stand in one column of tables and in JUnit names.
const MAX_LENGTH: usize = 80;

/// The stable name of a check, for example `rook.mon-quorum` or `scs-0100-flavor-names`.
///
/// Shape: words of ASCII lower-case letters and digits joined by `-` or `_`, in one or more areas joined by `.`; at most 80 bytes. Waivers, JUnit
/// histories and links refer to it, so an id never changes its meaning. Our own ids use `-`; `_` is for ids that others gave (`scs-0102-prop-min_disk`),
/// which are kept letter by letter because people search for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckId(String);

/// A text is not a check id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a check id: expected lower-case words joined by '-' or '_', areas joined by '.', at most {MAX_LENGTH} bytes"
)]
pub struct CheckIdError {
    /// The text as given, cut after the longest length an id may have.
    pub text: String,
}

impl CheckId {
    /// Returns the id spelled by `text`.
    ///
    /// # Errors
    ///
    /// [`CheckIdError`] if `text` has another shape than the type describes.
    pub fn new(text: &str) -> Result<CheckId, CheckIdError> {
        let well_formed = text.len() <= MAX_LENGTH
            && text
                .split(['.', '-', '_'])
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        if well_formed {
            Ok(CheckId(text.to_owned()))
        } else {
            Err(CheckIdError {
                text: text.chars().take(MAX_LENGTH).collect(),
            })
        }
    }

    /// Returns the id spelled by a constant of the program.
    ///
    /// # Panics
    ///
    /// If the constant is no check id, which the first test that runs the check shows.
    pub fn fixed(text: &'static str) -> CheckId {
        CheckId::new(text).expect("check ids written in the source have the right shape")
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for CheckId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for CheckId {
    type Err = CheckIdError;

    fn from_str(text: &str) -> Result<CheckId, CheckIdError> {
        CheckId::new(text)
    }
}

impl TryFrom<String> for CheckId {
    type Error = CheckIdError;

    fn try_from(text: String) -> Result<CheckId, CheckIdError> {
        CheckId::new(&text)
    }
}

impl From<CheckId> for String {
    fn from(id: CheckId) -> String {
        id.0
    }
}

impl JsonSchema for CheckId {
    fn schema_name() -> Cow<'static, str> {
        "CheckId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The stable name of a check, for example `rook.mon-quorum` or `scs-0100-flavor-names`.",
            "type": "string",
            "pattern": PATTERN,
            "maxLength": MAX_LENGTH,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_words_and_areas_only() {
        for good in [
            "rook.mon-quorum",
            "scs-0100-flavor-names",
            "a",
            "openstack.api.tls-1-2",
            "scs-0102-prop-image_build_date",
        ] {
            assert_eq!(CheckId::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(MAX_LENGTH + 1);
        for bad in [
            "", "-", ".", "a-", "-a", "a--b", "a..b", "a.-b", "A", "a b", "_", "a_", "_a", "a__b", "a-_b", "a._b", "ä",
            "a\n", &long,
        ] {
            assert!(CheckId::new(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_bad_id_in_json_is_refused() {
        let error = serde_json::from_str::<CheckId>("\"Rook Quorum\"").unwrap_err();
        assert!(
            error.to_string().contains("\"Rook Quorum\" is not a check id"),
            "{error}"
        );
    }

    proptest! {
        /// The published pattern and the constructor accept the same texts.
        #[test]
        fn texts_of_the_pattern_are_ids(text in "[a-z0-9]{1,4}([-_][a-z0-9]{1,4}){0,3}(\\.[a-z0-9]{1,4}([-_][a-z0-9]{1,4}){0,3}){0,2}") {
            prop_assert!(CheckId::new(&text).is_ok());
        }

        #[test]
        fn near_misses_agree_with_the_pattern(text in "[a-c0A.\\-_ ]{0,8}") {
            let schema = CheckId::json_schema(&mut SchemaGenerator::default());
            let validator = jsonschema::validator_for(schema.as_value()).expect("the schema of an id is valid");
            prop_assert_eq!(CheckId::new(&text).is_ok(), validator.is_valid(&serde_json::Value::String(text)));
        }
    }
}
