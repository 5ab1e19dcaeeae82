//! The two traits: a host, and the way to hosts.

use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8Path;

use crate::{Command, Conversation, HostError, HostName, Output, files, output};

/// A host on which commands run.
///
/// An implementation gives `name` and `run`; files are read and written through commands.
#[async_trait]
pub trait Host: Send + Sync {
    /// Returns the name by which the host was reached.
    fn name(&self) -> &HostName;

    /// Runs a command to its end and returns its output, whatever its status.
    ///
    /// # Errors
    ///
    /// Any [`HostError`] but [`HostError::Status`] and [`HostError::File`]. Status 127 is [`HostError::NotFound`].
    async fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Runs a command and takes any other status than 0 for a failure.
    ///
    /// # Errors
    ///
    /// Those of [`Host::run`], and [`HostError::Status`] with the last lines of standard error.
    async fn run_ok(&self, command: &Command) -> Result<Output, HostError> {
        let output = self.run(command).await?;
        if output.success() {
            return Ok(output);
        }
        Err(HostError::Status {
            host: self.name().clone(),
            command: command.to_string(),
            status: output.status,
            stderr_tail: output::printable_tail(&output.stderr),
        })
    }

    /// Starts a program and leaves it running, for questions and answers over its standard input and output.
    ///
    /// The command's own standard input and limits do not count; its deadline is for the whole conversation. That the program exists is not told: if it does not,
    /// the output ends at once.
    ///
    /// # Errors
    ///
    /// [`HostError::NoConversation`] where only commands are run, which is what an implementation does that does not give this function, and the errors that
    /// [`HostError::is_about_the_host`] knows.
    async fn open(&self, _command: &Command) -> Result<Conversation, HostError> {
        Err(HostError::NoConversation {
            host: self.name().clone(),
        })
    }

    /// Reads a file as root; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// [`HostError::OutputTooLarge`] if it has more than `limit` bytes, [`HostError::File`] if it cannot be read, and those of
    /// [`Host::run`].
    async fn read(&self, path: &Utf8Path, limit: usize) -> Result<Option<Vec<u8>>, HostError> {
        files::read(self, path, limit).await
    }

    /// Writes a file as root, all or nothing: beside its place, synced, then renamed over it.
    ///
    /// The bytes travel through standard input. `mode` is the permission bits, such as `0o600`; the file is never readable by more
    /// than them. It belongs to root afterwards, whoever owned it before. A repeat writes it again.
    ///
    /// # Errors
    ///
    /// [`HostError::File`] if it cannot be written, and those of [`Host::run`].
    async fn write(&self, path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        files::write(self, path, bytes, mode).await
    }

    /// Renames a file or directory as root, within one file system, and syncs both parents.
    ///
    /// # Errors
    ///
    /// [`HostError::File`] if `from` is missing, `to` exists or lies on another mount (nothing is ever copied), and those of
    /// [`Host::run`].
    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), HostError> {
        files::rename(self, from, to).await
    }
}

/// The way to hosts.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// Returns the host of this name, connected; a second call returns the same connection.
    ///
    /// # Errors
    ///
    /// The [`HostError`]s for which [`HostError::is_about_the_host`] holds, and [`HostError::Io`].
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError>;
}
