//! What can go wrong with a laboratory, each with the part, what was done and what to do next.

use std::time::Duration;

use camino::Utf8PathBuf;

/// A laboratory could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine lacks something that the laboratory needs.
    #[error("this machine cannot run the laboratory:\n{}", .missing.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    Lacking {
        /// One line for each thing that is missing, with the way to get it.
        missing: Vec<String>,
    },
    /// A program could not be started.
    #[error("{part}: could not start `{command}`")]
    Start {
        /// The part of the laboratory that was being made.
        part: String,
        /// The program and its arguments.
        command: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with an error.
    #[error("{part}: `{command}` ended with {status}; its last lines:\n{tail}")]
    Failed {
        /// The part of the laboratory that was being made.
        part: String,
        /// The program and its arguments.
        command: String,
        /// Exit status or signal.
        status: String,
        /// The last lines of its output.
        tail: String,
    },
    /// A program did not end in time and was killed.
    #[error("{part}: `{command}` had not ended after {} s and was killed; its last lines:\n{tail}", .deadline.as_secs())]
    TooLong {
        /// The part of the laboratory that was being made.
        part: String,
        /// The program and its arguments.
        command: String,
        /// How long it was given.
        deadline: Duration,
        /// The last lines of its output.
        tail: String,
    },
    /// A condition did not come true in time.
    #[error("{part}: waited {} s in vain for {what}; last seen: {seen}", .deadline.as_secs())]
    Waited {
        /// The part of the laboratory that was being made.
        part: String,
        /// What was waited for.
        what: String,
        /// How long.
        deadline: Duration,
        /// What was seen at the last look.
        seen: String,
    },
    /// A file could not be read or written.
    #[error("could not {doing} {path}")]
    File {
        /// The verb: `read`, `write`, `make`, …
        doing: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// What was read does not have the form it should have.
    #[error("{what} has a form that the laboratory does not know: {why}")]
    Form {
        /// What was read.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or key could not be made.
    #[error("could not make the certificate of {subject}")]
    Certificate {
        /// Whose certificate.
        subject: String,
        /// What rcgen said.
        #[source]
        source: rcgen::Error,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Request(String),
    /// No laboratory of this name.
    #[error(
        "there is no laboratory `{name}`; `lab list` shows those that are, `lab up rook --name {name}` or `lab up openstack --name {name}` makes it"
    )]
    NotThere {
        /// The name asked for.
        name: String,
    },
    /// Another process works on this laboratory.
    #[error("another process ({holder}) works on the laboratory `{name}`; wait for it or end it, then try again")]
    Busy {
        /// The laboratory's name.
        name: String,
        /// What is known of the other process.
        holder: String,
    },
    /// Something that the laboratory made is still there after everything was tried.
    #[error("the laboratory `{name}` left behind:\n{}\nrun `lab down --name {name}` again; if it stays, the lines say what holds it", .left.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    LeftBehind {
        /// The laboratory's name.
        name: String,
        /// One line for each thing left.
        left: Vec<String>,
    },
}

impl LabError {
    /// Returns a closure that turns an I/O error about `path` into [`LabError::File`].
    pub(crate) fn file(doing: &'static str, path: impl Into<Utf8PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}

/// The outcome of what the laboratory does.
pub type Result<T, E = LabError> = std::result::Result<T, E>;
