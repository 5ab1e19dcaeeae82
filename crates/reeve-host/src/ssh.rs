//! Hosts over the system's own ssh.

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use openssh::{ControlPersist, Session, SessionBuilder, Stdio};
use tokio::sync::Semaphore;

use crate::local::finish;
use crate::privilege::Login;
use crate::process::{Captured, ExchangeError, Limits, exchange};
use crate::ssh_failure::{connect_error, never_started};
use crate::{Command, Conversation, Host, HostError, HostName, Hosts, Output, Privilege, output};

/// Commands at once over one connection; sshd allows 10 sessions unless told otherwise (`MaxSessions` in sshd_config(5)), so there is room for conversations.
const SESSIONS: usize = 8;

/// An unused connection ends by itself after this, so that a killed process leaves none behind for good. It is made anew when needed.
const IDLE: usize = 600;

/// The longest control directory: socket names end at 107 bytes (unix(7)), and ssh and the openssh crate add up to 48.
const CONTROL_DIRECTORY_BYTES: usize = 59;

/// What to do about host keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KnownHosts {
    /// The key has to be in known_hosts already.
    #[default]
    Strict,
    /// A host without a known key is believed and remembered; a changed key is refused.
    AcceptNew,
}

/// How to reach hosts by ssh; whatever is not set here comes from ssh's own configuration.
#[derive(Debug, Clone)]
pub struct SshOptions {
    /// Configuration file in place of the user's and the system's (`ssh -F`).
    pub config_file: Option<Utf8PathBuf>,
    /// Login name (`ssh -l`).
    pub user: Option<String>,
    /// Port (`ssh -p`).
    pub port: Option<u16>,
    /// Private key, and then only this one (`ssh -i` with `IdentitiesOnly`).
    pub identity_file: Option<Utf8PathBuf>,
    /// File of known host keys in place of the user's.
    pub known_hosts_file: Option<Utf8PathBuf>,
    /// What to do about host keys.
    pub known_hosts: KnownHosts,
    /// After how long a host that does not answer is unreachable; whole seconds, at least one.
    pub connect_deadline: Duration,
    /// Directory for the sockets of the shared connections: made if missing, mode 0700, at most 59 bytes long.
    pub control_directory: Utf8PathBuf,
    /// How commands for root become root where the login is not root.
    pub privilege: Privilege,
}

impl SshOptions {
    /// Leaves everything to ssh's configuration but for the control directory; 10 seconds to connect, strict host keys, sudo.
    #[must_use]
    pub fn new(control_directory: impl Into<Utf8PathBuf>) -> Self {
        Self {
            config_file: None,
            user: None,
            port: None,
            identity_file: None,
            known_hosts_file: None,
            known_hosts: KnownHosts::Strict,
            connect_deadline: Duration::from_secs(10),
            control_directory: control_directory.into(),
            privilege: Privilege::Sudo,
        }
    }
}

/// Why ssh cannot be used with these options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshSetupError {
    /// The control directory's name leaves no room for the sockets' names.
    #[error("{path} is too long a name for ssh's control directory: at most {CONTROL_DIRECTORY_BYTES} bytes")]
    TooLong {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// The control directory cannot be made or looked at.
    #[error("cannot make ssh's control directory {path}")]
    Make {
        /// The directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others could use our connections.
    #[error("ssh's control directory {path} is not ours alone: owner {owner}, mode {mode:04o}; it has to be 0700")]
    NotPrivate {
        /// The directory.
        path: Utf8PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A file named in the options is not there.
    #[error("{path}, named as {what}, cannot be read")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What it was named as.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Hosts over ssh: one connection each, shared by all commands, closed when this value and its hosts are dropped.
///
/// Needs a tokio runtime with time and processes.
#[derive(Debug)]
pub struct SshHosts {
    options: Arc<SshOptions>,
    hosts: Mutex<HashMap<HostName, Arc<SshHost>>>,
}

impl SshHosts {
    /// Checks the options and makes the control directory; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`SshSetupError`] if a named file is missing or the control directory cannot be made private.
    pub fn new(options: SshOptions) -> Result<Self, SshSetupError> {
        let named = [
            (&options.config_file, "ssh configuration"),
            (&options.identity_file, "private key"),
            (&options.known_hosts_file, "known hosts"),
        ];
        for (path, what) in named {
            if let Some(path) = path {
                // ssh would take a missing file for an empty one and fail later with another reason.
                std::fs::File::open(path).map_err(|source| SshSetupError::File {
                    path: path.clone(),
                    what,
                    source,
                })?;
            }
        }
        private_directory(&options.control_directory)?;
        Ok(Self {
            options: Arc::new(options),
            hosts: Mutex::default(),
        })
    }

    fn host(&self, name: &HostName) -> Arc<SshHost> {
        let mut hosts = self.hosts.lock().expect("nothing panics while it holds this lock");
        let host = hosts.entry(name.clone()).or_insert_with(|| {
            Arc::new(SshHost {
                name: name.clone(),
                options: Arc::clone(&self.options),
                link: tokio::sync::Mutex::default(),
            })
        });
        Arc::clone(host)
    }
}

#[async_trait]
impl Hosts for SshHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        let host = self.host(name);
        host.link().await?;
        Ok(host)
    }
}

/// One host; keeps its connection and makes a new one when the old one has gone while idle.
#[derive(Debug)]
struct SshHost {
    name: HostName,
    options: Arc<SshOptions>,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
}

/// A connection and what was learned when it was made.
#[derive(Debug)]
struct Link {
    session: Arc<Session>,
    login: Login,
    sessions: Semaphore,
}

enum Attempt {
    Ended(i32, Captured),
    TooLarge,
    NeverStarted(String),
    Broken(String),
    Io(std::io::Error),
}

impl SshHost {
    /// Returns the connection, making it if there is none; callers at the same time wait for the same one.
    async fn link(&self) -> Result<Arc<Link>, HostError> {
        let mut slot = self.link.lock().await;
        if let Some(link) = &*slot {
            return Ok(Arc::clone(link));
        }
        let deadline = self.options.connect_deadline.max(Duration::from_secs(1));
        let link = tokio::time::timeout(deadline, self.open())
            .await
            .unwrap_or_else(|_elapsed| {
                let detail = format!("no answer within {deadline:?}");
                Err(HostError::Unreachable {
                    host: self.name.clone(),
                    detail,
                })
            })?;
        let link = Arc::new(link);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    async fn open(&self) -> Result<Link, HostError> {
        let builder = self.builder();
        let name = self.name.clone();
        // A task of its own: if we stop waiting, a connection that comes about late is still dropped and so closed.
        let connecting = tokio::spawn(async move { builder.connect(name.as_str()).await });
        let session = match connecting.await {
            Ok(session) => session.map_err(|error| connect_error(&self.name, error))?,
            Err(stopped) => {
                let source = std::io::Error::other(stopped);
                return Err(HostError::Io {
                    host: self.name.clone(),
                    command: "ssh".to_owned(),
                    source,
                });
            }
        };
        let privilege = self.options.privilege;
        let sessions = Semaphore::new(SESSIONS);
        let mut login = Login {
            is_root: false,
            has_timeout: true,
            privilege,
        };
        let ask = Command::new("id")
            .arg("-u")
            .stdout_limit(1024)
            .cut_stdout()
            .stderr_limit(1024);
        let mut link = Link {
            session: Arc::new(session),
            login,
            sessions,
        };
        // The first question also tells whether the host has a `timeout` that knows our options.
        for has_timeout in [true, false] {
            login.has_timeout = has_timeout;
            link.login = login;
            match link.attempt(&ask).await {
                Attempt::Ended(0, answer) => {
                    link.login.is_root = answer.stdout.trim_ascii() == b"0";
                    tracing::debug!(host = %self.name, root = link.login.is_root, has_timeout, "connected");
                    return Ok(link);
                }
                Attempt::Ended(..) if has_timeout => {}
                Attempt::Ended(status, answer) => {
                    // A login shell such as nologin lets nobody in, with a word of its own.
                    let said = [answer.stderr, answer.stdout].concat();
                    let detail = format!("`id -u` ended with status {status}: {}", output::printable_tail(&said));
                    return Err(HostError::LoginRefused {
                        host: self.name.clone(),
                        detail,
                    });
                }
                Attempt::NeverStarted(detail) | Attempt::Broken(detail) => {
                    return Err(HostError::Unreachable {
                        host: self.name.clone(),
                        detail,
                    });
                }
                Attempt::TooLarge => unreachable!("the question has its output cut"),
                Attempt::Io(source) => {
                    return Err(HostError::Io {
                        host: self.name.clone(),
                        command: ask.to_string(),
                        source,
                    });
                }
            }
        }
        unreachable!("the second round returns")
    }

    fn builder(&self) -> SessionBuilder {
        let options = &*self.options;
        let mut builder = SessionBuilder::default();
        builder.known_hosts_check(match options.known_hosts {
            KnownHosts::Strict => openssh::KnownHosts::Strict,
            KnownHosts::AcceptNew => openssh::KnownHosts::Add,
        });
        builder.connect_timeout(options.connect_deadline.max(Duration::from_secs(1)));
        // Three unanswered requests end a dead connection (ServerAliveCountMax in ssh_config(5)).
        builder.server_alive_interval(Duration::from_secs(15));
        builder.control_directory(&options.control_directory);
        builder.control_persist(ControlPersist::IdleFor(
            IDLE.try_into().expect("the constant is not zero"),
        ));
        if let Some(path) = &options.config_file {
            builder.config_file(path);
        }
        if let Some(user) = &options.user {
            builder.user(user.clone());
        }
        if let Some(port) = options.port {
            builder.port(port);
        }
        if let Some(path) = &options.identity_file {
            builder.keyfile(path);
        }
        if let Some(path) = &options.known_hosts_file {
            builder.user_known_hosts_file(path);
        }
        builder
    }

    /// Forgets a connection that is gone, unless somebody has made a new one meanwhile.
    async fn forget(&self, gone: &Arc<Link>) {
        let mut slot = self.link.lock().await;
        if slot.as_ref().is_some_and(|link| Arc::ptr_eq(link, gone)) {
            *slot = None;
        }
    }

    async fn run_within(&self, command: &Command, start: Instant) -> Result<Output, HostError> {
        let mut link = self.link().await?;
        let mut result = link.attempt(command).await;
        if let Attempt::NeverStarted(detail) = result {
            tracing::debug!(host = %self.name, detail, "the connection is gone, making a new one");
            self.forget(&link).await;
            link = self.link().await?;
            result = link.attempt(command).await;
        }
        let host = self.name.clone();
        match result {
            Attempt::Ended(status, captured) => finish(
                &self.name,
                command,
                link.login.uses_sudo(command),
                status,
                captured,
                start,
            ),
            Attempt::TooLarge => {
                let limit = command.limits().stdout;
                Err(HostError::OutputTooLarge {
                    host,
                    command: command.to_string(),
                    limit,
                })
            }
            Attempt::NeverStarted(detail) => Err(HostError::Unreachable { host, detail }),
            Attempt::Broken(detail) => {
                self.forget(&link).await;
                Err(HostError::Disconnected {
                    host,
                    command: command.to_string(),
                    detail,
                })
            }
            Attempt::Io(source) => Err(HostError::Io {
                host,
                command: command.to_string(),
                source,
            }),
        }
    }
}

impl Link {
    async fn converse(&self, command: &Command) -> std::io::Result<Conversation> {
        let argv = self.login.argv(command);
        let mut builder = Arc::clone(&self.session).arc_command(argv[0].as_str());
        builder.args(&argv[1..]);
        builder
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = builder.spawn().await.map_err(std::io::Error::other)?;
        let input = child.stdin().take().expect("standard input is piped");
        let output = child.stdout().take().expect("standard output is piped");
        // Dropping the child kills the local ssh, which closes both pipes on the host.
        Ok(Conversation::new(input, output, child))
    }

    async fn attempt(&self, command: &Command) -> Attempt {
        let _session = self.sessions.acquire().await.expect("the semaphore is never closed");
        let argv = self.login.argv(command);
        let mut builder = self.session.command(argv[0].as_str());
        builder.args(&argv[1..]);
        builder.stdin(if command.input().is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        builder.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match builder.spawn().await {
            Ok(child) => child,
            Err(error) => return Attempt::Io(std::io::Error::other(error)),
        };
        let stdin = child.stdin().take();
        let stdout = child.stdout().take().expect("standard output is piped");
        let stderr = child.stderr().take().expect("standard error is piped");
        // ssh needs a few bytes of its own to tell why it failed, whatever the command allows.
        let limits = Limits {
            stderr: command.limits().stderr.max(4096),
            ..command.limits()
        };
        let mut captured = match exchange(stdin, command.input(), stdout, stderr, limits).await {
            Ok(captured) => captured,
            // Dropping the child kills the local ssh; the pipe breaks on the host, and `timeout` ends what ignores that.
            Err(ExchangeError::TooLarge) => return Attempt::TooLarge,
            Err(ExchangeError::Io(source)) => return Attempt::Io(source),
        };
        let status = match child.wait().await {
            Ok(status) => status.code().unwrap_or(255),
            Err(openssh::Error::Remote(source)) if source.kind() == std::io::ErrorKind::NotFound => 127,
            // ssh ends with 255 for its own failures, for a command's status 255 and for a command that a signal ended.
            Err(openssh::Error::RemoteProcessTerminated) => {
                if never_started(&captured.stderr) {
                    return Attempt::NeverStarted(output::printable_tail(&captured.stderr));
                }
                if let Err(gone) = self.session.check().await {
                    let said = format!("{gone}\n{}", String::from_utf8_lossy(&captured.stderr));
                    return Attempt::Broken(output::printable_tail(said.as_bytes()));
                }
                255
            }
            Err(error) => return Attempt::Io(std::io::Error::other(error)),
        };
        let surplus = captured.stderr.len().saturating_sub(command.limits().stderr);
        if surplus > 0 {
            captured.stderr.drain(..surplus);
            captured.truncated = true;
        }
        Attempt::Ended(status, captured)
    }
}

#[async_trait]
impl Host for SshHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let start = Instant::now();
        let after = command.get_deadline();
        match tokio::time::timeout(after, self.run_within(command, start)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(HostError::Deadline {
                host: self.name.clone(),
                command: command.to_string(),
                after,
            }),
        }
    }

    async fn open(&self, command: &Command) -> Result<Conversation, HostError> {
        // A connection that has gone while idle shows itself by an output that ends at once; the next command makes it anew.
        let link = self.link().await?;
        link.converse(command).await.map_err(|source| HostError::Io {
            host: self.name.clone(),
            command: command.to_string(),
            source,
        })
    }
}

fn private_directory(path: &Utf8Path) -> Result<(), SshSetupError> {
    if path.as_str().len() > CONTROL_DIRECTORY_BYTES {
        return Err(SshSetupError::TooLong { path: path.to_owned() });
    }
    let make = |source| SshSetupError::Make {
        path: path.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(make)?;
    let found = std::fs::metadata(path).map_err(make)?;
    let mode = found.mode() & 0o7777;
    if found.uid() != rustix::process::geteuid().as_raw() || mode != 0o700 {
        return Err(SshSetupError::NotPrivate {
            path: path.to_owned(),
            owner: found.uid(),
            mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn options() -> (tempfile::TempDir, SshOptions) {
        let directory = tempfile::Builder::new().prefix("reeve").tempdir_in("/tmp").unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("ssh")).unwrap();
        (
            directory,
            SshOptions {
                connect_deadline: Duration::from_secs(2),
                ..SshOptions::new(path)
            },
        )
    }

    #[tokio::test]
    async fn a_host_that_cannot_be_reached_is_an_error_in_time() {
        let (directory, mut options) = options();
        let config = Utf8PathBuf::from_path_buf(directory.path().join("config")).unwrap();
        // Port 1 is refused at once; the proxy that sleeps is a host that accepts and stays silent.
        std::fs::write(
            &config,
            "Host closed\n HostName 127.0.0.1\n Port 1\nHost silent\n ProxyCommand sleep 20\n\
             Host broken\n ProxyCommand echo nonsense\n",
        )
        .unwrap();
        options.config_file = Some(config);
        let hosts = SshHosts::new(options).unwrap();
        for name in ["closed", "silent", "broken"] {
            let start = Instant::now();
            let error = hosts.connect(&HostName::new(name).unwrap()).await.err().unwrap();
            assert!(matches!(error, HostError::Unreachable { .. }), "{name}: {error}");
            assert!(
                error.is_transient() && start.elapsed() < Duration::from_secs(4),
                "{name}: {:?}",
                start.elapsed()
            );
        }
    }

    #[test]
    fn the_control_directory_is_private_and_short() {
        let (directory, options) = options();
        SshHosts::new(options.clone()).unwrap();
        let mode =
            |mode| std::fs::set_permissions(&options.control_directory, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o755);
        assert!(matches!(
            SshHosts::new(options.clone()),
            Err(SshSetupError::NotPrivate { mode: 0o755, .. })
        ));
        let long = Utf8PathBuf::from_path_buf(directory.path().join("x".repeat(60))).unwrap();
        assert!(matches!(
            SshHosts::new(SshOptions::new(long)),
            Err(SshSetupError::TooLong { .. })
        ));
        mode(0o700);
        let missing = SshOptions {
            config_file: Some("/nonexistent/ssh_config".into()),
            ..options.clone()
        };
        let error = SshHosts::new(missing).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nonexistent/ssh_config, named as ssh configuration, cannot be read"
        );
    }
}
