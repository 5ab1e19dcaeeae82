//! Names of runs and of what they make.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ring::rand::{SecureRandom, SystemRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every name begins with; the number of the form would go behind it if there were ever another form.
const PREFIX: &str = "scsx-";

/// The id of a run: `r261121161259a1b2c3`, the second in which it began (UTC) and six random digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text is not the id of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of a run of `reeve check`, such as r261121161259a1b2c3")]
pub struct RunIdError {
    /// The text, cut.
    pub text: String,
}

impl RunId {
    /// Returns the id of a run that begins now; `random` keeps runs of one second apart.
    pub fn new(now: Timestamp, random: [u8; 3]) -> RunId {
        let time = now.to_zoned(TimeZone::UTC).strftime("%y%m%d%H%M%S").to_string();
        RunId(format!("r{time}{}", hex::encode(random)))
    }

    /// Returns the id of a run that begins now, with random digits of the system.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers, as no TLS connection could be made either.
    pub fn generate(now: Timestamp) -> RunId {
        let mut random = [0; 3];
        SystemRandom::new()
            .fill(&mut random)
            .expect("the system has random numbers, or nothing could be encrypted");
        RunId::new(now, random)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when the run began, to the second.
    pub fn began_at(&self) -> Timestamp {
        time_of(&self.0).expect("the constructor has read the time")
    }
}

fn time_of(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('r')?.get(..12)?;
    let civil = DateTime::strptime("%y%m%d%H%M%S", digits).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<RunId, RunIdError> {
        let lower_hex = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
        let well_formed = text.len() == 19
            && text.is_ascii()
            && text[1..13].chars().all(|c| c.is_ascii_digit())
            && text[13..].chars().all(lower_hex)
            && time_of(text).is_some();
        if well_formed {
            Ok(RunId(text.to_owned()))
        } else {
            Err(RunIdError {
                text: text.chars().take(40).collect(),
            })
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<RunId, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of something that a run makes: `scsx-r261121161259a1b2c3-03-volume`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceName {
    /// The run.
    pub run: RunId,
    /// Its number in the run.
    pub number: u32,
    /// What it is for, in lower-case letters.
    pub word: String,
}

impl ResourceName {
    /// Reads a name; `None` for any that this program would not have given.
    pub fn parse(name: &str) -> Option<ResourceName> {
        let mut parts = name.strip_prefix(PREFIX)?.split('-');
        let (run, number, word) = (parts.next()?, parts.next()?, parts.next()?);
        let read = ResourceName {
            run: run.parse().ok()?,
            number: number.parse().ok()?,
            word: word.to_owned(),
        };
        let letters = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        (letters && parts.next().is_none() && read.to_string() == name).then_some(read)
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{:02}-{}", self.run, self.number, self.word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_others_are_none_of_ours() {
        for foreign in [
            "",
            "scsx",
            "scsx-",
            "web-1",
            "scs-test-volume",
            "scsx-r261121161259a1b2c3",
            "scsx-r261121161259a1b2c3-3-volume",
            "scsx-r261121161259a1b2c3-03-volume-old",
            "scsx-r261121161259a1b2c3-03-Volume",
            "scsx-r261121161259a1b2C3-03-volume",
            "scsx-r269921161259a1b2c3-03-volume",
            "my scsx-r261121161259a1b2c3-03-volume",
        ] {
            assert_eq!(ResourceName::parse(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn names_are_read_as_they_were_given(second in 1_600_000_000_i64..3_000_000_000, random: [u8; 3], number in 0_u32..1000, word in "[a-z]{1,10}") {
            let began_at = Timestamp::from_second(second).unwrap();
            let run = RunId::new(began_at, random);
            prop_assert_eq!(run.began_at(), began_at);
            let name = ResourceName { run, number, word };
            let text = name.to_string();
            prop_assert!(text.len() <= 64);
            prop_assert_eq!(ResourceName::parse(&text), Some(name));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}") {
            let _ = ResourceName::parse(&text);
            let _ = text.parse::<RunId>();
        }
    }
}
