//! The file in which the answers of hosts are kept for tests.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{Command, HostError, HostName, Output};

/// The layout of a recording that this version writes and reads.
pub const RECORDING_FORMAT: u32 = 1;

/// What hosts answered to which commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Layout of this file; see [`RECORDING_FORMAT`].
    pub format: u32,
    /// The hosts, by name.
    pub hosts: BTreeMap<HostName, HostRecording>,
}

/// What one host answered, in the order of the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostRecording {
    /// Why the host could not be connected to, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
    /// The answers.
    #[serde(default)]
    pub commands: Vec<Recorded>,
}

/// A command and its answer.
///
/// What makes a command the same as another is its arguments (secret ones masked), whether it runs as root, and how many bytes it
/// is fed. Deadline and limits do not count, and the fed bytes themselves are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Whether it was to run as root.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_root: bool,
    /// How many bytes it was fed; absent if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin_bytes: Option<usize>,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It ended.
    Output {
        /// Exit status.
        status: i32,
        /// Standard output.
        #[serde(default, skip_serializing_if = "RecordedBytes::is_empty")]
        stdout: RecordedBytes,
        /// Standard error.
        #[serde(default, skip_serializing_if = "RecordedBytes::is_empty")]
        stderr: RecordedBytes,
        /// Whether an output was cut.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// The host does not have the program.
    NotFound,
    /// It did not end in time.
    Deadline,
    /// It gave too much output.
    OutputTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// sudo refused it.
    SudoRefused {
        /// What sudo said.
        detail: String,
    },
    /// The connection broke.
    Disconnected {
        /// What was said.
        detail: String,
    },
}

/// Bytes that are kept as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecordedBytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes {
        /// Two hexadecimal digits a byte.
        hex: String,
    },
}

/// Why a recording cannot be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read or written.
    #[error("cannot read or write the recording {path}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a recording.
    #[error("{path} is not a recording of hosts")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// The file has another layout.
    #[error("{path} is of recording format {found}, and this version reads format {RECORDING_FORMAT}; record it again")]
    Format {
        /// The file.
        path: Utf8PathBuf,
        /// The format that the file names.
        found: u32,
    },
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            format: RECORDING_FORMAT,
            hosts: BTreeMap::new(),
        }
    }
}

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// [`RecordingError`] if it cannot be read or is not a recording of this format.
    pub fn load(path: &Utf8Path) -> Result<Self, RecordingError> {
        let text = std::fs::read(path).map_err(|source| RecordingError::Io {
            path: path.to_owned(),
            source,
        })?;
        let recording: Self = serde_json::from_slice(&text).map_err(|source| RecordingError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        if recording.format != RECORDING_FORMAT {
            return Err(RecordingError::Format {
                path: path.to_owned(),
                found: recording.format,
            });
        }
        Ok(recording)
    }

    /// Writes the recording as indented JSON, mode 0600, because answers can hold what is not for everybody.
    ///
    /// # Errors
    ///
    /// [`RecordingError::Io`].
    pub fn save(&self, path: &Utf8Path) -> Result<(), RecordingError> {
        let io = |source| RecordingError::Io {
            path: path.to_owned(),
            source,
        };
        let mut text = serde_json::to_vec_pretty(self).expect("a recording is JSON all through");
        text.push(b'\n');
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        file.write_all(&text).map_err(io)
    }
}

impl Recorded {
    /// Puts a command and its answer together.
    #[must_use]
    pub fn new(command: &Command, answer: Answer) -> Self {
        Self {
            argv: command.shown_argv(),
            as_root: command.is_as_root(),
            stdin_bytes: command.stdin_bytes(),
            answer,
        }
    }
}

impl Answer {
    /// Makes an answer of what [`crate::Host::run`] returned; `None` for errors that are about the host or this machine.
    #[must_use]
    pub fn of(result: &Result<Output, HostError>) -> Option<Self> {
        Some(match result {
            Ok(output) => Self::Output {
                status: output.status,
                stdout: RecordedBytes::new(&output.stdout),
                stderr: RecordedBytes::new(&output.stderr),
                truncated: output.truncated,
            },
            Err(HostError::NotFound { .. }) => Self::NotFound,
            Err(HostError::Deadline { .. }) => Self::Deadline,
            Err(HostError::OutputTooLarge { limit, .. }) => Self::OutputTooLarge { limit: *limit },
            Err(HostError::SudoRefused { detail, .. }) => Self::SudoRefused { detail: detail.clone() },
            Err(HostError::Disconnected { detail, .. }) => Self::Disconnected { detail: detail.clone() },
            Err(_) => return None,
        })
    }

    /// Gives the answer again, as `host`'s to `command`.
    ///
    /// # Errors
    ///
    /// The [`HostError`] that was recorded.
    pub fn give(&self, host: &HostName, command: &Command, elapsed: Duration) -> Result<Output, HostError> {
        let host = host.clone();
        match self {
            Self::Output {
                status,
                stdout,
                stderr,
                truncated,
            } => Ok(Output {
                status: *status,
                stdout: stdout.bytes(),
                stderr: stderr.bytes(),
                elapsed,
                truncated: *truncated,
            }),
            Self::NotFound => Err(HostError::NotFound {
                host,
                program: command.program().to_owned(),
            }),
            Self::Deadline => Err(HostError::Deadline {
                host,
                command: command.to_string(),
                after: command.get_deadline(),
            }),
            Self::OutputTooLarge { limit } => Err(HostError::OutputTooLarge {
                host,
                command: command.to_string(),
                limit: *limit,
            }),
            Self::SudoRefused { detail } => Err(HostError::SudoRefused {
                host,
                command: command.to_string(),
                detail: detail.clone(),
            }),
            Self::Disconnected { detail } => Err(HostError::Disconnected {
                host,
                command: command.to_string(),
                detail: detail.clone(),
            }),
        }
    }
}

impl RecordedBytes {
    /// Keeps bytes, as text if they are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes {
                hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
        }
    }

    /// Returns the bytes; digits that are not hexadecimal end them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes { hex } => hex
                .as_bytes()
                .chunks(2)
                .map_while(|pair| {
                    std::str::from_utf8(pair)
                        .ok()
                        .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                })
                .collect(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl Default for RecordedBytes {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            let kept = RecordedBytes::new(&bytes);
            prop_assert_eq!(kept.bytes(), bytes);
            let json = serde_json::to_string(&kept).unwrap();
            prop_assert_eq!(serde_json::from_str::<RecordedBytes>(&json).unwrap(), kept);
        }
    }

    #[test]
    fn another_format_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        Recording {
            format: 2,
            ..Recording::default()
        }
        .save(path)
        .unwrap();
        assert!(matches!(
            Recording::load(path),
            Err(RecordingError::Format { found: 2, .. })
        ));
        std::fs::write(path, "{}").unwrap();
        assert!(matches!(Recording::load(path), Err(RecordingError::Syntax { .. })));
    }
}
