//! Ceph commands, carried to the admin host.

mod conversation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::{CephCommand, CephCommands, CephProgram, CommandOutput, TransportError};
use reeve_host::{Command, Host, HostError};
use tokio::sync::Semaphore;

use conversation::{Carried, CephConversation, Words};

/// How many `ceph` run at once: each start costs a third of a second of CPU, and the host has other work.
const COMMANDS_AT_ONCE: usize = 4;

/// How long a command may take. A mon that is being elected answers late.
const DEADLINE: Duration = Duration::from_secs(60);

/// `ceph osd metadata` gives about 3 KiB for each OSD: this is room for more than 20,000.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Runs Ceph commands on a host, as root, because the admin keyring is root's.
pub(crate) struct RemoteCeph {
    host: Arc<dyn Host>,
    permits: Semaphore,
    deadline: Duration,
    conversation: Option<CephConversation>,
}

impl RemoteCeph {
    /// Starts `ceph` for each command.
    pub(crate) fn new(host: Arc<dyn Host>) -> Self {
        Self {
            host,
            permits: Semaphore::new(COMMANDS_AT_ONCE),
            deadline: DEADLINE,
            conversation: None,
        }
    }

    /// Keeps one connection to the cluster open on the host where that is possible, and starts `ceph` otherwise. For those with many commands: a start takes
    /// a third of a second of a processor, a question over an open connection some milliseconds.
    ///
    /// What is given to [`CephCommands::run`] has to be a question: one whose answer is lost is asked again. What changes something is for [`RemoteCeph::order`].
    pub(crate) fn conversing(host: Arc<dyn Host>) -> Self {
        Self {
            conversation: Some(CephConversation::begin(Arc::clone(&host))),
            ..Self::new(host)
        }
    }

    /// Sets how long a started `ceph` may take; a minute otherwise.
    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// An order whose answer was lost.
#[derive(Debug, thiserror::Error)]
#[error("the connection to the cluster broke before it answered; whether it had an effect is not known")]
pub(crate) struct AnswerLost;

impl RemoteCeph {
    /// Carries `ceph WORDS`, which may change something, over the open connection; none if it was not sent, and `ceph` has to be started for it.
    ///
    /// # Errors
    ///
    /// [`AnswerLost`]: look whether it had its effect before it is given again.
    pub(crate) async fn order(&self, words: &[&str]) -> Result<Option<CommandOutput>, AnswerLost> {
        let Some(conversation) = &self.conversation else {
            return Ok(None);
        };
        match conversation.carry(Words::new(words.iter().copied())).await {
            Carried::Answered(output) => Ok(Some(output)),
            Carried::NotSent => Ok(None),
            Carried::Lost => Err(AnswerLost),
        }
    }
}

/// Returns the command as it is run on the admin host.
pub(crate) fn host_command(command: &CephCommand) -> Command {
    let mut argv = command.argv().into_iter();
    let program = argv.next().expect("a command has a program");
    Command::new(program)
        .args(argv)
        .as_root()
        .deadline(DEADLINE)
        .stdout_limit(ANSWER_LIMIT)
}

#[async_trait]
impl CephCommands for RemoteCeph {
    fn place(&self) -> String {
        self.host.name().to_string()
    }

    async fn run(&self, command: &CephCommand) -> Result<CommandOutput, TransportError> {
        if let Some(conversation) = &self.conversation
            && command.program() == CephProgram::Ceph
            && let words = command.words().iter().map(String::as_str).chain(["--format", "json"])
            && let Carried::Answered(output) = conversation.carry(Words::new(words)).await
        {
            return Ok(output);
        }
        let _permit = self.permits.acquire().await.expect("nobody closes the semaphore");
        match self.host.run(&host_command(command).deadline(self.deadline)).await {
            Ok(output) => Ok(CommandOutput {
                status: output.status,
                stdout: output.stdout,
                stderr: output.stderr,
            }),
            Err(HostError::NotFound { .. }) => Err(TransportError::NoProgram),
            Err(error) => Err(TransportError::Failed(Box::new(error))),
        }
    }
}
