//! The name of a host, checked once so that it can stand on a command line.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Name by which a host is reached: a DNS name, an IP address or an alias from ssh's configuration.
///
/// Letters, digits and `. _ : -`, at most 253 characters, beginning with a letter, a digit or (an IPv6 address) a colon. It never
/// begins with a dash, so no program takes it for an option, and it holds no user name: that belongs to ssh's configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// A text that cannot be the name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a host name: use a DNS name, an IP address or an alias from ssh_config, without a user name")]
pub struct HostNameError {
    given: String,
}

impl HostName {
    /// Checks a name and takes it.
    ///
    /// # Errors
    ///
    /// [`HostNameError`] if it is empty, longer than 253 characters or has other characters than the type allows.
    pub fn new(name: impl Into<String>) -> Result<Self, HostNameError> {
        let name = name.into();
        let first = name.bytes().next();
        let fits = name.len() <= 253
            && first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b':')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
        if fits {
            return Ok(Self(name));
        }
        Err(HostNameError {
            given: name.chars().take(80).flat_map(char::escape_debug).collect(),
        })
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(name: &str) -> Result<Self, HostNameError> {
        Self::new(name)
    }
}

impl TryFrom<String> for HostName {
    type Error = HostNameError;

    fn try_from(name: String) -> Result<Self, HostNameError> {
        Self::new(name)
    }
}

impl TryFrom<&str> for HostName {
    type Error = HostNameError;

    fn try_from(name: &str) -> Result<Self, HostNameError> {
        Self::new(name)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl AsRef<str> for HostName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for HostName {
    fn schema_name() -> Cow<'static, str> {
        "HostName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 253, "pattern": "^[A-Za-z0-9:][A-Za-z0-9._:-]*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["n1", "storage-3.example.org", "10.0.0.1", "fd00::1", "::1", "my_alias"] {
            assert_eq!(HostName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-oProxyCommand=x",
            "root@n1",
            "a b",
            "n1\n",
            "n1;id",
            "ssh://n1",
            "nö",
            &"a".repeat(254),
        ] {
            assert!(HostName::new(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<HostName>("\"a\\u001b[2J\"")
            .unwrap_err()
            .to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
