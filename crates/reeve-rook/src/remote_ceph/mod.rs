//! Ceph commands, carried to the admin host.

mod conversation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::{CephCommand, CephCommands, CommandOutput, TransportError};
use reeve_host::{Command, Host, HostError};
use tokio::sync::Semaphore;

use conversation::CephConversation;

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

    /// Keeps one connection to the cluster open on the host where that is possible, and starts `ceph` otherwise. For those who ask again and again: a start takes
    /// a third of a second of a processor, a question over an open connection some milliseconds.
    ///
    /// All commands have to be questions: one whose answer is lost is asked again.
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
            && let Some(output) = conversation.ask(command).await
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
