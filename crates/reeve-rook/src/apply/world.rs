//! Everything that a run touches.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reeve_ceph::{CephCommand, CephCommands, CephProgram, CommandOutput, DaemonName, Query, TransportError};
use reeve_host::{Command, Host, HostError, HostName, Hosts, Output};
use reeve_journal::{Cancellation, Journal, SecretFiles, StepError};
use reeve_kube::Cluster;
use reeve_kube::gate::{DaemonKey, Mark, Probe};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::failure;
use super::outline::{OldUnit, Outline};
use crate::remote_ceph::RemoteCeph;
use crate::survey::host::parse::{Process, parse_ps};

/// How often the world is asked while something is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause between two questions.
    pub poll: Duration,
    /// For how long the invariants of a take-over hold once they were checked; each check costs a second of Ceph's time, and a
    /// daemon that is away waits for it.
    pub checks_hold: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(300),
            checks_hold: Duration::from_secs(8),
        }
    }
}

/// What a [`World`] is made of.
pub struct WorldParts {
    /// The way to hosts.
    pub hosts: Arc<dyn Hosts>,
    /// The Kubernetes cluster.
    pub cluster: Cluster,
    /// Asked to stop by a step that pauses the run; the engine listens to the same.
    pub cancellation: Cancellation,
    /// How often to ask.
    pub pace: Pace,
}

/// Everything that a run touches. Hosts are behind a trait and the cluster behind its client, so that models can stand in for both.
pub struct World {
    pub(crate) outline: Arc<Outline>,
    pub(crate) cluster: Cluster,
    pub(crate) run: String,
    pub(crate) made_at: jiff::Timestamp,
    pub(crate) secrets: SecretFiles,
    pub(crate) pace: Pace,
    pub(crate) cancellation: Cancellation,
    /// When the invariants were last found to hold.
    pub(crate) checked: Mutex<Option<Instant>>,
    /// Whether the gate was proved to be in force, steadily, by this process.
    pub(crate) gate_in_force: AtomicBool,
    hosts: Arc<dyn Hosts>,
    admin: Arc<dyn Host>,
    ceph: RemoteCeph,
}

/// A wait that did not end as it should.
#[derive(Debug, thiserror::Error)]
#[error("{what}: not so after {} s; last seen: {last}", after.as_secs())]
struct WaitError {
    what: String,
    after: Duration,
    last: String,
}

/// A `ceph` command that failed.
#[derive(Debug, thiserror::Error)]
#[error("`ceph {command}` ended with status {status}: {said}")]
pub(crate) struct CommandFailed {
    command: String,
    status: i32,
    pub(crate) said: String,
}

impl World {
    /// Connects to the admin host of a journal's plan.
    ///
    /// # Errors
    ///
    /// [`HostError`] if it cannot be reached.
    pub async fn connect(parts: WorldParts, outline: Arc<Outline>, journal: &Journal) -> Result<Self, HostError> {
        let admin = parts.hosts.connect(&outline.options.scope.admin_host).await?;
        Ok(Self {
            ceph: RemoteCeph::conversing(Arc::clone(&admin)),
            admin,
            hosts: parts.hosts,
            cluster: parts.cluster,
            run: journal.run().to_string(),
            made_at: journal.state().created_at().unwrap_or(jiff::Timestamp::UNIX_EPOCH),
            secrets: journal.secrets(),
            pace: parts.pace,
            cancellation: parts.cancellation,
            checked: Mutex::new(None),
            gate_in_force: AtomicBool::new(false),
            outline,
        })
    }

    /// Returns the namespace of the CephCluster.
    pub(crate) fn namespace(&self) -> &str {
        &self.outline.context.namespace
    }

    /// Returns the mark of this run on the gate's objects.
    pub(crate) fn mark(&self) -> Mark {
        Mark::of_run(&self.run, self.made_at)
    }

    /// Returns the pod that proofs of the gate offer: with the image that Rook will run, because registries may be restricted.
    pub(crate) fn probe(&self) -> Probe {
        let scope = &self.outline.options.scope;
        let image = self
            .outline
            .options
            .chosen
            .ceph_image
            .clone()
            .or(scope.ceph_image.clone());
        image.map_or_else(Probe::default, |image| Probe {
            image,
            ..Probe::default()
        })
    }

    /// Returns a host, connected.
    pub(crate) async fn host(&self, name: &str) -> Result<Arc<dyn Host>, StepError> {
        let name = HostName::new(name).map_err(StepError::permanent)?;
        self.hosts.connect(&name).await.map_err(failure::host)
    }

    /// Runs a program as root on a host; any status but 0 is a failure.
    pub(crate) async fn run_on<S: Into<String>>(
        &self,
        host: &str,
        argv: impl IntoIterator<Item = S>,
        deadline: Duration,
    ) -> Result<Output, StepError> {
        let command = command(argv).deadline(deadline);
        self.host(host).await?.run_ok(&command).await.map_err(failure::host)
    }

    /// Runs a program as root on a host, whatever its status.
    pub(crate) async fn try_on<S: Into<String>>(
        &self,
        host: &str,
        argv: impl IntoIterator<Item = S>,
    ) -> Result<Output, StepError> {
        let command = command(argv).deadline(Duration::from_secs(60));
        self.host(host).await?.run(&command).await.map_err(failure::host)
    }

    /// Asks Ceph one of the known questions.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, query: &Query<T>) -> Result<T, StepError> {
        query.ask(&self.ceph).await.map_err(failure::ceph)
    }

    /// Asks Ceph and returns the answer as JSON.
    pub(crate) async fn ask_json<S: Into<String>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Value, StepError> {
        let command = CephCommand::new(CephProgram::Ceph, words);
        reeve_ceph::query::ask(&self.ceph, &command)
            .await
            .map_err(failure::ceph)
    }

    /// Asks Ceph a question whose answer may come with a status other than 0.
    pub(crate) async fn answer<S: Into<String>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> Result<CommandOutput, StepError> {
        let command = CephCommand::new(CephProgram::Ceph, words);
        self.ceph.run(&command).await.map_err(|error| match error {
            TransportError::NoProgram => StepError::permanent(error),
            TransportError::Failed(_) => StepError::transient(error),
        })
    }

    /// Does what `ceph WORDS` on the admin host does, and returns what it prints, as it is.
    pub(crate) async fn ceph<S: AsRef<str>>(&self, words: &[S]) -> Result<Vec<u8>, StepError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match self.ceph.order(&words).await {
            Ok(Some(output)) => printed(&words, output.status, output.stdout, &output.stderr),
            Ok(None) => self.ceph_fed(&words, Vec::new()).await,
            // The engine asks whether the step is done before it tries again.
            Err(lost) => Err(StepError::transient(lost)),
        }
    }

    /// Runs `ceph WORDS` on the admin host with something on its standard input.
    pub(crate) async fn ceph_fed<S: AsRef<str>>(&self, words: &[S], stdin: Vec<u8>) -> Result<Vec<u8>, StepError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let mut command = command(
            ["ceph", "--connect-timeout", "15"]
                .into_iter()
                .chain(words.iter().copied()),
        )
        .deadline(Duration::from_secs(60))
        .stdout_limit(64 << 20);
        if !stdin.is_empty() {
            command = command.stdin(stdin);
        }
        let output = self.admin.run(&command).await.map_err(failure::host)?;
        printed(&words, output.status, output.stdout, &output.stderr)
    }

    /// Returns the old unit of a daemon.
    pub(crate) fn old_unit(&self, daemon: &DaemonName) -> Option<&OldUnit> {
        self.outline.units.get(daemon)
    }

    /// Returns the processes of a daemon on a host, in pods and outside.
    pub(crate) async fn processes(&self, host: &str, daemon: &DaemonName) -> Result<Vec<Process>, StepError> {
        let argv = ["ps", "--no-headers", "-ww", "-e", "-o", "pid,ppid,cgroup,args"];
        let output = self.run_on(host, argv, Duration::from_secs(30)).await?;
        let processes = parse_ps(&output.stdout_text());
        Ok(processes
            .into_iter()
            .filter(|process| process.daemon().as_ref() == Some(daemon))
            .collect())
    }

    /// Asks again and again until there is an answer, or the time is over.
    ///
    /// `look` gives the answer, or says what it saw instead. Errors that pass count as "not yet"; others end the wait. A wait whose last question was not
    /// answered may be tried again: what was not seen is no failure of the step.
    pub(crate) async fn until<T, F>(
        &self,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut() -> F,
    ) -> Result<T, StepError>
    where
        F: Future<Output = Result<Result<T, String>, StepError>>,
    {
        // The engine has the same deadline; ending a little earlier lets the error say what was seen last.
        let allowed = deadline
            .saturating_sub(Duration::from_secs(2))
            .max(Duration::from_millis(500));
        let begun = Instant::now();
        let mut last = "no answer yet".to_owned();
        let mut answered;
        loop {
            let left = allowed.saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, look()).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(seen))) => (last, answered) = (seen, true),
                Ok(Err(error)) if error.is_transient() => (last, answered) = (error.to_string(), false),
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => answered = false,
            }
            if begun.elapsed() + self.pace.poll >= allowed {
                let error = WaitError {
                    what: what.to_owned(),
                    after: begun.elapsed(),
                    last,
                };
                return Err(if answered {
                    StepError::permanent(error)
                } else {
                    StepError::transient(error)
                });
            }
            tokio::time::sleep(self.pace.poll).await;
        }
    }
}

/// Returns what a `ceph` printed, unless it failed.
fn printed(words: &[&str], status: i32, stdout: Vec<u8>, stderr: &[u8]) -> Result<Vec<u8>, StepError> {
    if status == 0 {
        return Ok(stdout);
    }
    let failed = CommandFailed {
        command: words.join(" "),
        status,
        said: reeve_host::printable_tail(stderr),
    };
    let lower = failed.said.to_lowercase();
    let passes = ["timed out", "connecting to the cluster", "connecting to cluster"];
    if passes.iter().any(|word| lower.contains(word)) {
        return Err(StepError::transient(failed));
    }
    Err(StepError::permanent(failed))
}

fn command<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
    let mut argv = argv.into_iter();
    let program = argv.next().map_or_else(|| "true".to_owned(), Into::into);
    Command::new(program).args(argv).as_root()
}

/// Returns a daemon's key on the released list.
pub(crate) fn key(daemon: &DaemonName) -> Result<DaemonKey, StepError> {
    DaemonKey::new(daemon.kind.as_str(), &daemon.id).map_err(StepError::permanent)
}
