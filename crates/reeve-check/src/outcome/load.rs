//! Reading a run back.

use serde::Deserialize;

use super::{CheckRun, RUN_FORMAT};

/// Largest text that is read.
const MAX_BYTES: usize = 64 << 20;

/// A text is not the result of a run that this version can read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadRunError {
    /// It has another shape.
    #[error("this is not what `--format json` of `reeve check run` prints")]
    Shape(#[source] serde_json::Error),
    /// It was written by a later version in a later format.
    #[error("this result has format {found}; this version reads from 1 to {RUN_FORMAT}")]
    Format {
        /// The format that it names.
        found: u32,
    },
    /// It is larger than a result can be.
    #[error("this is larger than {MAX_BYTES} bytes, which no result is")]
    TooLarge,
}

/// Returns the run that `text` holds; unknown fields are ignored, since later versions may add some.
///
/// # Errors
///
/// [`LoadRunError`] for a later format and for anything that is no result of a run.
pub fn load_run(text: &str) -> Result<CheckRun, LoadRunError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    if text.len() > MAX_BYTES {
        return Err(LoadRunError::TooLarge);
    }
    // The format first: a later one may well have another shape, and then its number is the better answer.
    let head: Head = serde_json::from_str(text).map_err(LoadRunError::Shape)?;
    match head.format {
        1..=RUN_FORMAT => serde_json::from_str(text).map_err(LoadRunError::Shape),
        found => Err(LoadRunError::Format { found }),
    }
}
