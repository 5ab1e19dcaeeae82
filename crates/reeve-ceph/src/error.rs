//! Why a question to Ceph has no answer.

use crate::{CommandOutput, TransportError};

/// An answer that is not what the command gives.
#[derive(Debug, thiserror::Error)]
#[error("{problem}; it begins with `{begins}`")]
pub struct AnswerError {
    /// What is wrong, with line and column.
    pub problem: String,
    /// The first bytes, escaped.
    pub begins: String,
}

impl AnswerError {
    /// Returns the error of an answer `bytes` with `problem`.
    pub(crate) fn new(problem: impl std::fmt::Display, bytes: &[u8]) -> Self {
        // serde_json quotes unexpected values, and these come from outside.
        let problem = reeve_untrusted::short(&without_keys(&problem.to_string()), 300);
        let head = &bytes[..bytes.len().min(60)];
        Self {
            problem,
            begins: without_keys(&head.escape_ascii().to_string()),
        }
    }
}

/// Why a question to Ceph has no answer.
///
/// Texts from Ceph are escaped, so that a terminal obeys nothing in them.
#[derive(Debug, thiserror::Error)]
pub enum CephError {
    /// The program is not installed there.
    #[error("{place} has no program `{program}`")]
    NoProgram {
        /// Where.
        place: String,
        /// The program.
        program: &'static str,
    },
    /// The command could not be run to its end.
    #[error("`{command}` could not be run on {place}")]
    Transport {
        /// Where.
        place: String,
        /// The command.
        command: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cluster refuses: no key, a wrong key, or one without the right.
    #[error("Ceph refused `{command}` on {place}: {said}")]
    Denied {
        /// Where.
        place: String,
        /// The command.
        command: String,
        /// What Ceph said.
        said: String,
    },
    /// No mon answers, or no configuration says where the mons are.
    #[error("`{command}` on {place} reached no Ceph cluster: {said}")]
    NoCluster {
        /// Where.
        place: String,
        /// The command.
        command: String,
        /// What Ceph said.
        said: String,
    },
    /// The command failed for another reason.
    #[error("`{command}` on {place} ended with status {status}: {said}")]
    Failed {
        /// Where.
        place: String,
        /// The command.
        command: String,
        /// Exit status.
        status: i32,
        /// What Ceph said.
        said: String,
    },
    /// The answer cannot be read.
    #[error("`{command}` on {place} gave an answer that cannot be read")]
    Garbage {
        /// Where.
        place: String,
        /// The command.
        command: String,
        /// What is wrong with it.
        #[source]
        source: AnswerError,
    },
}

impl CephError {
    pub(crate) fn transport(place: String, command: &crate::CephCommand, error: TransportError) -> Self {
        match error {
            TransportError::NoProgram => Self::NoProgram {
                place,
                program: command.program().as_str(),
            },
            TransportError::Failed(source) => Self::Transport {
                place,
                command: command.to_string(),
                source,
            },
        }
    }

    /// Tells apart why a command ended with another status than 0.
    ///
    /// Source: ceph/ceph: `src/ceph.in` – `main` (exit status is the errno of the answer; connecting to the cluster fails with
    /// `[errno N] RADOS …`, and status 1), `src/pybind/rados/rados.pyx` – `make_ex`.
    pub(crate) fn of_status(place: String, command: &crate::CephCommand, output: &CommandOutput) -> Self {
        let said = tail(&output.stderr);
        let lower = String::from_utf8_lossy(&output.stderr).to_lowercase();
        let has = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
        let command = command.to_string();
        let no_connection = has(&["error connecting to the cluster"]);
        // Without a key `ceph` only warns of the keyring and then finds no object; elsewhere the warning means nothing.
        let no_key = no_connection && has(&["unable to find a keyring", "[errno 1]", "[errno 13]"]);
        if output.status == 13 || no_key || has(&["error eacces", "error eperm", "access denied"]) {
            return Self::Denied { place, command, said };
        }
        let away = [
            "error connecting to the cluster",
            "error connecting to cluster",
            "error initializing cluster client",
            "conf_read_file",
            "couldn't connect to cluster",
            "couldn't connect to the cluster",
            "timed out",
        ];
        if has(&away) {
            return Self::NoCluster { place, command, said };
        }
        Self::Failed {
            place,
            command,
            status: output.status,
            said,
        }
    }
}

/// Returns the text with `(hidden)` in place of what may be a cephx key or the beginning of one: `auth ls` and `ceph-volume lvm list` hold
/// keys, and an excerpt of their answers must not.
fn without_keys(text: &str) -> String {
    let in_key = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.split_inclusive(|c: char| !in_key(c))
        .map(|piece| {
            let word = piece.trim_end_matches(|c| !in_key(c));
            let hidden = word.len() > 6 && (word.starts_with("AQ") || word.starts_with("Ag"));
            if hidden {
                format!("(hidden){}", &piece[word.len()..])
            } else {
                piece.to_owned()
            }
        })
        .collect()
}

/// Returns the last three lines in one, escaped, at most 600 characters.
fn tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .rev()
        .take(3)
        .collect();
    if lines.is_empty() {
        return "it gave no reason".into();
    }
    lines.reverse();
    reeve_untrusted::printable(&lines.join(" / "))
}
