//! This machine as a host.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::process::{Pid, Signal};
use tokio::process::Child;

use crate::privilege::{Login, sudo_refusal};
use crate::process::{Captured, ExchangeError, exchange};
use crate::{Command, Conversation, Host, HostError, HostName, Hosts, Output, Privilege};

/// How long a process has to end after SIGTERM before SIGKILL; nobody waits for it meanwhile.
const GRACE: Duration = Duration::from_secs(5);

/// This machine.
///
/// A command runs in a process group of its own. At its deadline the group gets SIGTERM, and SIGKILL 5 seconds later; when the
/// call is dropped, SIGKILL at once. Under sudo, where a signal from us would be refused, `timeout` ends the command.
#[derive(Debug, Clone)]
pub struct LocalHost {
    name: HostName,
    login: Login,
}

impl LocalHost {
    /// Takes this machine for the host `name`; commands for root go through sudo unless this process is root.
    #[must_use]
    pub fn new(name: HostName) -> Self {
        Self::with_privilege(name, Privilege::Sudo)
    }

    /// Takes this machine for the host `name` and says how commands for root become root.
    #[must_use]
    pub fn with_privilege(name: HostName, privilege: Privilege) -> Self {
        let login = Login {
            is_root: rustix::process::geteuid().is_root(),
            has_timeout: true,
            privilege,
        };
        Self { name, login }
    }

    fn argv(&self, command: &Command) -> Vec<String> {
        // Our own signals suffice without sudo, and are exact to the millisecond.
        let login = Login {
            has_timeout: self.login.uses_sudo(command),
            ..self.login
        };
        login.argv(command)
    }
}

#[async_trait]
impl Host for LocalHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let start = Instant::now();
        let host = || self.name.clone();
        let io = |source| HostError::Io {
            host: host(),
            command: command.to_string(),
            source,
        };
        let argv = self.argv(command);
        let mut builder = tokio::process::Command::new(&argv[0]);
        builder.args(&argv[1..]);
        builder.stdin(if command.input().is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        builder.stdout(Stdio::piped()).stderr(Stdio::piped());
        builder.process_group(0).kill_on_drop(true);
        let mut child = builder.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound if self.login.uses_sudo(command) => HostError::SudoRefused {
                host: host(),
                command: command.to_string(),
                detail: "there is no program `sudo`".to_owned(),
            },
            std::io::ErrorKind::NotFound => HostError::NotFound {
                host: host(),
                program: command.program().to_owned(),
            },
            _ => io(source),
        })?;
        let mut group = Group::of(&child);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        let work = async {
            let captured = exchange(stdin, command.input(), stdout, stderr, command.limits()).await?;
            let status = child.wait().await.map_err(ExchangeError::Io)?;
            Ok((captured, status))
        };
        let result = tokio::time::timeout(command.get_deadline(), work).await;
        let (captured, status): (Captured, _) = match result {
            Ok(Ok(ended)) => ended,
            Ok(Err(ExchangeError::TooLarge)) => {
                group.end_later(child);
                let limit = command.limits().stdout;
                return Err(HostError::OutputTooLarge {
                    host: host(),
                    command: command.to_string(),
                    limit,
                });
            }
            Ok(Err(ExchangeError::Io(source))) => {
                group.end_later(child);
                return Err(io(source));
            }
            Err(_elapsed) => {
                group.end_later(child);
                let after = command.get_deadline();
                return Err(HostError::Deadline {
                    host: host(),
                    command: command.to_string(),
                    after,
                });
            }
        };
        group.has_ended();
        let status = {
            use std::os::unix::process::ExitStatusExt;
            status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap_or(255)
        };
        finish(
            &self.name,
            command,
            self.login.uses_sudo(command),
            status,
            captured,
            start,
        )
    }

    async fn open(&self, command: &Command) -> Result<Conversation, HostError> {
        let argv = self.argv(command);
        let mut builder = tokio::process::Command::new(&argv[0]);
        builder.args(&argv[1..]).process_group(0).kill_on_drop(true);
        builder
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = builder.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => HostError::NotFound {
                host: self.name.clone(),
                program: argv[0].clone(),
            },
            _ => HostError::Io {
                host: self.name.clone(),
                command: command.to_string(),
                source,
            },
        })?;
        let input = child.stdin.take().expect("standard input is piped");
        let output = child.stdout.take().expect("standard output is piped");
        Ok(Conversation::new(input, output, child))
    }
}

/// What `timeout` from coreutils ends with when it has ended a program (timeout(1), EXIT STATUS).
const TIMED_OUT: i32 = 124;

/// Turns a status and what was captured into an output, or into the error that it means.
pub(crate) fn finish(
    host: &HostName,
    command: &Command,
    used_sudo: bool,
    status: i32,
    captured: Captured,
    start: Instant,
) -> Result<Output, HostError> {
    let elapsed = start.elapsed();
    tracing::debug!(%host, %command, status, elapsed_ms = elapsed.as_millis(), "command ended");
    if used_sudo && let Some(detail) = sudo_refusal(status, &captured.stderr) {
        return Err(HostError::SudoRefused {
            host: host.clone(),
            command: command.to_string(),
            detail,
        });
    }
    // On a busy machine the host's `timeout` may be heard before our own clock is looked at; it is the same deadline.
    if status == TIMED_OUT && elapsed >= command.get_deadline() {
        return Err(HostError::Deadline {
            host: host.clone(),
            command: command.to_string(),
            after: command.get_deadline(),
        });
    }
    // POSIX keeps 127 for "not found", in shells as in `env` and `timeout`.
    if status == 127 {
        return Err(HostError::NotFound {
            host: host.clone(),
            program: command.program().to_owned(),
        });
    }
    let Captured {
        stdout,
        stderr,
        truncated,
    } = captured;
    Ok(Output {
        status,
        stdout,
        stderr,
        elapsed,
        truncated,
    })
}

/// The process group of a child that has not been waited for, so that its number cannot have gone to another.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn has_ended(&mut self) {
        self.0 = None;
    }

    /// Asks the group to end and, in the background, makes it end; the child is waited for.
    fn end_later(&mut self, mut child: Child) {
        let Some(group) = self.0.take() else { return };
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            // The leader is gone and its number may be reused; what it left behind still has the group, or nobody has it.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
            return;
        }
        let _ = rustix::process::kill_process_group(group, Signal::TERM);
        tokio::spawn(async move {
            if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
                let _ = child.wait().await;
            }
        });
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// The way to this machine only.
#[derive(Debug, Clone)]
pub struct LocalHosts {
    host: Arc<LocalHost>,
}

impl LocalHosts {
    /// Knows this one host.
    #[must_use]
    pub fn new(host: LocalHost) -> Self {
        Self { host: Arc::new(host) }
    }
}

#[async_trait]
impl Hosts for LocalHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        if *name == self.host.name {
            return Ok(Arc::clone(&self.host) as Arc<dyn Host>);
        }
        let detail = format!("it is not this machine, which is {}", self.host.name);
        Err(HostError::Unreachable {
            host: name.clone(),
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_ends_a_command_at_its_deadline_says_so_as_we_do() {
        let host = HostName::new("n1").unwrap();
        let command = Command::new("sleep").deadline(Duration::from_secs(1));
        let end = |status, ago| {
            let start = Instant::now().checked_sub(Duration::from_millis(ago)).unwrap();
            finish(&host, &command, false, status, Captured::default(), start)
        };
        assert!(matches!(end(TIMED_OUT, 1059), Err(HostError::Deadline { after, .. }) if after.as_secs() == 1));
        // Before the deadline it is the command's own word.
        assert_eq!(end(TIMED_OUT, 900).unwrap().status, TIMED_OUT);
        assert_eq!(end(1, 1059).unwrap().status, 1);
    }
}
