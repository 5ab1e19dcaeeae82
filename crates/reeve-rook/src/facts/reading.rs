//! A fact that may not have been readable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that was read, or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reading<T> {
    /// The value as read.
    Known(T),
    /// Nobody knows the value.
    Unknown {
        /// Why it could not be read: the command and what it said.
        because: String,
    },
}

impl<T> Reading<T> {
    /// Returns a reading that failed because of `because`.
    pub fn unknown(because: impl Into<String>) -> Self {
        Self::Unknown {
            because: because.into(),
        }
    }

    /// Returns the value, if it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// Returns the value, or the reason why it is not known.
    ///
    /// # Errors
    ///
    /// The reason, as the survey recorded it.
    pub fn require(&self) -> Result<&T, &str> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown { because } => Err(because),
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Reading<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(error) => Self::unknown(error.to_string()),
        }
    }
}
