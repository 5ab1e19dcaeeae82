//! Names of phases, step kinds and steps: checked once, so that journals and command lines can rely on them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A name that cannot be used, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    given: String,
    rule: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $pattern:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the name and takes it.
            ///
            /// # Errors
            ///
            #[doc = concat!("[`NameError`] unless it is ", $rule, ".")]
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                if $check(&name) {
                    return Ok(Self(name));
                }
                // A hostile file may hold a name of any length and with any bytes.
                let given = name.chars().take(80).flat_map(char::escape_debug).collect();
                Err(NameError { what: $what, given, rule: concat!("it has to be ", $rule) })
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

checked_name!(
    /// Name of a phase, such as `mons`: snake_case.
    PhaseName,
    "phase name",
    "snake_case: a small letter, then small letters, digits and single underscores, at most 60",
    "^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
    is_snake_case
);

checked_name!(
    /// Which of an operation's steps one is, such as `stop_unit`: verb and noun in snake_case; stable, because journals keep it.
    StepKind,
    "step kind",
    "a verb and a noun in snake_case, such as `stop_unit`, at most 60 characters",
    "^[a-z][a-z0-9]*(_[a-z0-9]+)+$",
    is_verb_noun
);

checked_name!(
    /// Name of one step in a plan, such as `mons/mon.n1/stop_unit`: phase, subject and kind, parted by slashes.
    StepId,
    "step id",
    "two or more parts between slashes, of letters, digits and any of `. _ : @ + = -`, at most 200 characters",
    "^[A-Za-z0-9._:@+=-]+(/[A-Za-z0-9._:@+=-]+)+$",
    is_step_id
);

fn is_snake_case(name: &str) -> bool {
    name.len() <= 60
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('_').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn is_verb_noun(name: &str) -> bool {
    is_snake_case(name) && name.contains('_')
}

fn is_step_id(name: &str) -> bool {
    name.len() <= 200
        && name.contains('/')
        && name.split('/').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._:@+=-".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["mons", "close_gate", "phase2"] {
            assert!(PhaseName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Mons", "_mons", "mons_", "a__b", "2nd", "mons\n", &"a".repeat(61)] {
            assert!(PhaseName::new(bad).is_err(), "{bad}");
        }
        assert!(StepKind::new("stop_unit").is_ok());
        assert!(StepKind::new("stop").is_err());
        for good in [
            "mons/mon.n1/stop_unit",
            "cluster/freeze_balancer",
            "osds/osd.1201/release_daemon",
        ] {
            assert!(StepId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a/",
            "/a",
            "a//b",
            "a/b c",
            "a/ä",
            &format!("a/{}", "b".repeat(200)),
        ] {
            assert!(StepId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_in_a_file_is_an_error_without_control_characters() {
        let error = serde_json::from_str::<StepId>(r#""a\u001b[2J""#)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("is not a step id") && !error.contains('\u{1b}'),
            "{error}"
        );
    }
}
