//! A whole cloud on disk: every answer of a session, without secrets, to be judged again without the cloud.
//!
//! Shape: `recording.json` says which cloud this is; `answers/` has a file per request with request and answer. An answer is found by what was asked, so the
//! order of requests does not matter; if the same was asked twice, the last answer counts. Folder and files are for their owner only: what a cloud is made of
//! is nobody else's business even without secrets.

mod key;
mod recorder;
mod redact;
mod replay;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use recorder::Recorder;
pub(crate) use replay::Replay;

use crate::config::{Interface, ServiceOptions};

/// The version of the shape; a reader refuses a higher one.
const FORMAT: u32 = 1;

/// The file that makes a folder a recording.
const HEAD_FILE: &str = "recording.json";

/// The folder with the answers.
const ANSWERS: &str = "answers";

/// What a recording is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    format: u32,
    tool: String,
    recorded_at: Timestamp,
    cloud: String,
    region: Option<String>,
    interface: Interface,
    auth_url: String,
    #[serde(default)]
    services: BTreeMap<String, ServiceOptions>,
}

/// One request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    request: String,
    #[serde(flatten)]
    outcome: Kept,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// An answer.
    Answer {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        body: KeptBody,
    },
    /// No answer; the words of the problem.
    Failure(String),
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptBody {
    /// JSON.
    Json(serde_json::Value),
    /// Anything else; bytes that are no UTF-8 are lost.
    Text(String),
}

/// A recording cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file or folder cannot be used.
    #[error("{path} cannot be used: {what}")]
    Path {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There are files in the folder already.
    #[error("{path} is not empty; a recording goes into a folder of its own")]
    NotEmpty {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// The recording was made by a newer program.
    #[error("{path} has format {format}; this program reads up to {FORMAT}")]
    Newer {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        format: u32,
    },
}

impl RecordingError {
    fn path(path: &camino::Utf8Path, what: impl ToString) -> RecordingError {
        RecordingError::Path {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}
