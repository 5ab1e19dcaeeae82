//! A Ceph command as a value, and the trait of whatever runs it.

use std::fmt;

use async_trait::async_trait;

/// The programs that answer questions about a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CephProgram {
    /// `ceph`
    Ceph,
    /// `radosgw-admin`
    RadosgwAdmin,
    /// `rbd`
    Rbd,
}

impl CephProgram {
    /// Returns the program's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ceph => "ceph",
            Self::RadosgwAdmin => "radosgw-admin",
            Self::Rbd => "rbd",
        }
    }
}

/// A command with its arguments; the answer is always asked for as JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CephCommand {
    program: CephProgram,
    words: Vec<String>,
}

impl CephCommand {
    /// How many seconds `ceph` tries to reach a mon before it gives up by itself.
    pub const CONNECT_SECONDS: u32 = 15;

    /// Returns the command `program words…`.
    pub fn new<W: Into<String>>(program: CephProgram, words: impl IntoIterator<Item = W>) -> Self {
        Self {
            program,
            words: words.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the program.
    pub fn program(&self) -> CephProgram {
        self.program
    }

    /// Returns the words after the program's name, without those that ask for JSON.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns program and arguments as they are run.
    pub fn argv(&self) -> Vec<String> {
        let mut argv = vec![self.program.as_str().to_owned()];
        if self.program == CephProgram::Ceph {
            argv.extend(["--connect-timeout".into(), Self::CONNECT_SECONDS.to_string()]);
        }
        argv.extend(self.words.iter().cloned());
        argv.extend(["--format", "json"].map(String::from));
        argv
    }
}

impl fmt::Display for CephCommand {
    /// The words that an operator would type, without timeout and format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program.as_str())?;
        self.words
            .iter()
            .try_for_each(|word| write!(f, " {}", word.escape_debug()))
    }
}

/// What a command that ran to its end gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, or its end.
    pub stderr: Vec<u8>,
}

/// Why a command did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The place has no such program.
    #[error("there is no such program")]
    NoProgram,
    /// The place was not reached, the deadline passed, or the output was too large.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Runs Ceph commands somewhere, with a key that the place holds.
#[async_trait]
pub trait CephCommands: Send + Sync {
    /// Returns where the commands run, for messages: the name of a host.
    fn place(&self) -> String;

    /// Runs a command to its end, within a deadline and an output limit of the implementation's choice.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if it did not run to its end; a status other than 0 is no error here.
    async fn run(&self, command: &CephCommand) -> Result<CommandOutput, TransportError>;
}
