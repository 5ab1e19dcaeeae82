//! Why a host did not do what it was asked.

use std::time::Duration;

use crate::HostName;

/// Why a command or a file operation on a host failed.
///
/// `command` is the command as its `Display` shows it, secrets masked; texts from the host are already safe to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The host does not answer, or its name is not known.
    #[error("cannot reach {host}: {detail}")]
    Unreachable {
        /// The host.
        host: HostName,
        /// What ssh said.
        detail: String,
    },
    /// The host answers and lets nobody in with what ssh has to offer.
    #[error("{host} refused the login: {detail}; `ssh {host} true` has to work without a question")]
    LoginRefused {
        /// The host.
        host: HostName,
        /// What ssh said.
        detail: String,
    },
    /// The host's key is unknown or is not the known one.
    #[error("{host} showed a host key that is not the known one: {detail}; check it and put it into known_hosts")]
    HostKey {
        /// The host.
        host: HostName,
        /// What ssh said.
        detail: String,
    },
    /// ssh does not accept its configuration.
    #[error("ssh cannot be used for {host}: {detail}")]
    SshConfiguration {
        /// The host.
        host: HostName,
        /// What ssh said.
        detail: String,
    },
    /// The connection broke while the command ran; whether it had its effect is not known.
    #[error("the connection to {host} broke while `{command}` ran: {detail}")]
    Disconnected {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// What ssh said.
        detail: String,
    },
    /// The command did not end in time; whether it had its effect is not known.
    #[error("`{command}` on {host} did not end within {after:?}")]
    Deadline {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// The deadline.
        after: Duration,
    },
    /// The command ended with another status than 0.
    #[error("`{command}` on {host} ended with status {status}{}", said(stderr_tail))]
    Status {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// Exit status, see [`crate::Output::status`].
        status: i32,
        /// The last lines of standard error, printable.
        stderr_tail: String,
    },
    /// The command gave more standard output than it was allowed.
    #[error("`{command}` on {host} gave more than {limit} bytes")]
    OutputTooLarge {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The login is not root and may not become root without a password.
    #[error("sudo on {host} refused `{command}`: {detail}; allow it without a password, or log in as root")]
    SudoRefused {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// What sudo said.
        detail: String,
    },
    /// The host does not have the program.
    #[error("{host} has no program `{program}`")]
    NotFound {
        /// The host.
        host: HostName,
        /// The program.
        program: String,
    },
    /// A file cannot be read, written or renamed in the way that is promised.
    #[error("{host}: {path}: {problem}")]
    File {
        /// The host.
        host: HostName,
        /// The file.
        path: String,
        /// What stands in the way.
        problem: String,
    },
    /// A recording has no answer to this command.
    #[error("the recording of {host} has no answer to `{command}`; record it again")]
    Unrecorded {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
    },
    /// The host runs commands to their end and offers no conversations, as recordings and models do not.
    #[error("{host} offers no conversation with a program that keeps running")]
    NoConversation {
        /// The host.
        host: HostName,
    },
    /// This machine could not start a program or talk to it.
    #[error("cannot run `{command}` for {host}")]
    Io {
        /// The host.
        host: HostName,
        /// The command.
        command: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl HostError {
    /// Tells whether the same call may succeed later without anybody changing anything.
    ///
    /// After [`HostError::Disconnected`] and [`HostError::Deadline`] the command may have had its effect: ask before repeating it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Disconnected { .. } | Self::Deadline { .. }
        )
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &HostName {
        match self {
            Self::Unreachable { host, .. }
            | Self::LoginRefused { host, .. }
            | Self::HostKey { host, .. }
            | Self::SshConfiguration { host, .. }
            | Self::Disconnected { host, .. }
            | Self::Deadline { host, .. }
            | Self::Status { host, .. }
            | Self::OutputTooLarge { host, .. }
            | Self::SudoRefused { host, .. }
            | Self::NotFound { host, .. }
            | Self::File { host, .. }
            | Self::Unrecorded { host, .. }
            | Self::NoConversation { host }
            | Self::Io { host, .. } => host,
        }
    }

    /// Tells whether the host could not be used at all, so that no other command would fare better.
    #[must_use]
    pub fn is_about_the_host(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::LoginRefused { .. } | Self::HostKey { .. } | Self::SshConfiguration { .. }
        )
    }
}

fn said(tail: &str) -> String {
    if tail.is_empty() {
        String::new()
    } else {
        format!(": {tail}")
    }
}
