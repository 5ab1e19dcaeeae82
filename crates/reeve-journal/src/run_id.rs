//! The name of a run.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Name of a run, such as `20261121T091500Z-rook-4f2a`: the second of its making in UTC, its operation and four random digits.
///
/// Sorting by name sorts by time. It is a file name without a part, so no path can be made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is not the name of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a run: a run is called like `20261121T091500Z-rook-4f2a`, see `reeve run list`")]
pub struct RunIdError {
    given: String,
}

impl RunId {
    /// What stands in the place of the operation in the name of a rehearsal.
    pub(crate) const REHEARSAL: &str = "rehearsal";

    /// Makes a name for a run of `operation` that begins at `at`; characters that cannot stand in a name are left out.
    #[must_use]
    pub fn make(operation: &str, at: jiff::Timestamp) -> Self {
        let word: String = operation
            .bytes()
            .filter(u8::is_ascii_lowercase)
            .take(20)
            .map(char::from)
            .collect();
        let word = if word.is_empty() { "run" } else { &word };
        // The hasher's keys are random for each process and differ from one to the next.
        let random = RandomState::new().hash_one(std::process::id()) & 0xffff;
        Self(format!("{}-{word}-{random:04x}", at.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// Checks a name and takes it.
    ///
    /// # Errors
    ///
    /// [`RunIdError`] unless it has the form that the type describes.
    pub fn new(name: impl Into<String>) -> Result<Self, RunIdError> {
        let name = name.into();
        if is_run_id(&name) {
            return Ok(Self(name));
        }
        Err(RunIdError {
            given: name.chars().take(80).flat_map(char::escape_debug).collect(),
        })
    }

    /// Tells whether the run is a rehearsal: its plan was played on a model, so nothing may ever go on with it on a real system.
    ///
    /// The name is under the chain of the journal's records, so it cannot be taken away from a journal.
    #[must_use]
    pub fn is_rehearsal(&self) -> bool {
        self.0.split('-').nth(1) == Some(Self::REHEARSAL)
    }

    /// Returns the second of its making, as the name has it.
    pub(crate) fn second(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_run_id(name: &str) -> bool {
    let mut parts = name.split('-');
    let (Some(time), Some(word), Some(random), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let time_fits = time.len() == 16
        && time.is_ascii()
        && digits(&time[..8])
        && &time[8..9] == "T"
        && digits(&time[9..15])
        && &time[15..] == "Z";
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    time_fits
        && (1..=20).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && random.len() == 4
        && random.bytes().all(hex)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(name: &str) -> Result<Self, RunIdError> {
        Self::new(name)
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(name: String) -> Result<Self, RunIdError> {
        Self::new(name)
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl JsonSchema for RunId {
    fn schema_name() -> Cow<'static, str> {
        "RunId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z-[a-z]{1,20}-[0-9a-f]{4}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_name_is_a_name_and_sorts_by_time() {
        let at: jiff::Timestamp = "2026-11-21T09:15:00Z".parse().unwrap();
        let run = RunId::make("rook", at);
        assert!(run.as_str().starts_with("20261121T091500Z-rook-"));
        assert_eq!(RunId::new(run.as_str()).unwrap(), run);
        assert!(RunId::new(RunId::make("Ä/../x", at).as_str()).is_ok());
        assert!(RunId::make("zzz", at) < RunId::make("aaa", at + jiff::SignedDuration::from_secs(1)));
        assert!(!run.is_rehearsal());
        assert!(RunId::make(RunId::REHEARSAL, at).is_rehearsal());
        for bad in [
            "",
            "latest",
            "../../etc/passwd",
            "20261121T091500Z-rook",
            "20261121T091500Z-ro/k-4f2a",
            "ä",
        ] {
            assert!(RunId::new(bad).is_err(), "{bad}");
        }
    }
}
