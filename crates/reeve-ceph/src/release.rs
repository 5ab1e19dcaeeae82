//! Ceph versions: the number, the build and the release name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is not a Ceph version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Ceph version: expected `ceph version 18.2.7 (…) reef (stable)` or `18.2.7`")]
pub struct VersionError(pub String);

/// A Ceph version number: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CephVersion {
    /// The release: 17 Quincy, 18 Reef, 19 Squid, 20 Tentacle, 21 Umbrella.
    pub major: u16,
    /// 2 for stable releases.
    pub minor: u16,
    /// The point release.
    pub patch: u16,
}

impl CephVersion {
    /// Returns the version `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Returns the name of the release, capitalised, or `release N` for one that this build does not know.
    ///
    /// Source: ceph/ceph: `doc/releases/index.rst`.
    pub fn release_name(self) -> String {
        match self.major {
            14 => "Nautilus".into(),
            15 => "Octopus".into(),
            16 => "Pacific".into(),
            17 => "Quincy".into(),
            18 => "Reef".into(),
            19 => "Squid".into(),
            20 => "Tentacle".into(),
            21 => "Umbrella".into(),
            other => format!("release {other}"),
        }
    }
}

impl fmt::Display for CephVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for CephVersion {
    type Err = VersionError;

    /// Reads `18.2.7`, `v18.2.7`, `18.2.7-1~bpo12` or the line that `ceph --version` prints.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let wrong = || VersionError(text.chars().take(120).collect());
        let number = text.strip_prefix("ceph version ").unwrap_or(text).trim();
        let number = number.strip_prefix('v').unwrap_or(number);
        let end = number
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(number.len());
        let mut parts = number[..end].split('.').map(|p| p.parse::<u16>());
        let mut next = || parts.next().and_then(Result::ok).ok_or_else(wrong);
        Ok(Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        })
    }
}

impl TryFrom<String> for CephVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<CephVersion> for String {
    fn from(version: CephVersion) -> Self {
        version.to_string()
    }
}
