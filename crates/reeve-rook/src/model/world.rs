//! The model as the executor meets it: hosts to run commands on, an API server to ask, a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use reeve_ceph::DaemonName;
use reeve_host::{Command, Host, HostError, HostName, Hosts, Output};
use reeve_journal::Clock;
use reeve_journal::plan::Plan;
use reeve_kube::Cluster;
use reeve_kube::fake::{ApiServer, Asked, Attendant, Trouble};
use tokio::time::Instant;

use super::layout::Layout;
use super::ledger::Ledger;
use super::machine::Machine;
use super::timing;
use crate::apply::OutlineError;
use crate::facts::Facts;

/// How often a command that waits for a mon or a mgr looks again.
const LOOKS_AGAIN: Duration = Duration::from_millis(200);

/// A modelled world; clones are the same world.
///
/// It has to be made and used within a tokio runtime, whose clock it takes; with paused time it takes no time at all.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

struct Shared {
    machine: Mutex<Machine>,
    api: ApiServer,
    origin: Instant,
    began_at: jiff::Timestamp,
}

impl Shared {
    /// Returns the machine with everything done that was due until now.
    fn now(&self) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.advance(self.origin.elapsed());
        machine
    }
}

impl Model {
    /// Makes the world before a plan begins; its clock begins at `began_at`.
    ///
    /// # Errors
    ///
    /// [`OutlineError`] if the plan is not one of a take-over.
    pub fn new(plan: &Plan, facts: Option<&Facts>, began_at: jiff::Timestamp) -> Result<Self, OutlineError> {
        let layout = Layout::of(plan, facts)?;
        let api = ApiServer::default();
        let shared = Arc::new(Shared {
            machine: Mutex::new(Machine::new(layout, api.clone())),
            api: api.clone(),
            origin: Instant::now(),
            began_at,
        });
        api.attend(Arc::new(Controllers(Arc::downgrade(&shared))));
        Ok(Self { shared })
    }

    /// Returns the way to the modelled hosts.
    #[must_use]
    pub fn hosts(&self) -> Arc<dyn Hosts> {
        Arc::new(ModelHosts(Arc::clone(&self.shared)))
    }

    /// Returns the modelled Kubernetes cluster.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        self.shared.api.cluster()
    }

    /// Returns a clock that tells modelled time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let shared = Arc::downgrade(&self.shared);
        let began_at = self.shared.began_at;
        Clock::of(move || {
            let passed = shared
                .upgrade()
                .map(|shared| shared.origin.elapsed())
                .unwrap_or_default();
            began_at
                .checked_add(jiff::SignedDuration::try_from(passed).unwrap_or(jiff::SignedDuration::ZERO))
                .unwrap_or(began_at)
        })
    }

    /// Returns how much modelled time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.origin.elapsed()
    }

    /// Returns what was counted until now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut machine = self.shared.now();
        machine.note();
        machine.ledger.clone()
    }

    /// Returns the daemons that serve now and where: a unit's or a pod's name. A mgr that has gone for good is not among them.
    #[must_use]
    pub fn serving(&self) -> Vec<(DaemonName, String)> {
        let machine = self.shared.now();
        let mut serving: Vec<(DaemonName, String)> = machine
            .processes
            .values()
            .filter(|process| machine.serves(&process.daemon))
            .map(|process| (process.daemon.clone(), process.home.name().to_owned()))
            .collect();
        serving.sort();
        serving
    }

    /// Changes the world, or looks into it, past all that could keep one from it.
    #[cfg(test)]
    pub(super) fn reach_in<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.shared.now();
        let answer = change(&mut machine);
        machine.note();
        answer
    }

    /// Returns the API server, whose objects can be seen and changed.
    #[cfg(test)]
    pub(super) fn api(&self) -> &ApiServer {
        &self.shared.api
    }
}

struct ModelHosts(Arc<Shared>);

#[async_trait]
impl Hosts for ModelHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        let known = self.0.now().hosts.contains_key(name.as_str());
        if !known {
            return Err(HostError::Unreachable {
                host: name.clone(),
                detail: "the model has no such host".into(),
            });
        }
        Ok(Arc::new(ModelHost {
            name: name.clone(),
            shared: Arc::clone(&self.0),
        }))
    }
}

struct ModelHost {
    name: HostName,
    shared: Arc<Shared>,
}

#[async_trait]
impl Host for ModelHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let begun = Instant::now();
        let shown = command.shown_argv();
        let argv: Vec<&str> = shown.iter().map(String::as_str).collect();
        let is_ceph = argv.first() == Some(&"ceph");
        tokio::time::sleep(if is_ceph {
            timing::CEPH_COMMAND
        } else {
            timing::HOST_COMMAND
        })
        .await;
        let stdin = command.input().unwrap_or_default();
        loop {
            let said = {
                let mut machine = self.shared.now();
                let said = machine.run(self.name.as_str(), &argv, stdin);
                machine.note();
                said
            };
            if let Some(said) = said {
                tokio::time::sleep(said.takes).await;
                return Ok(Output {
                    status: said.status,
                    stdout: said.stdout,
                    stderr: said.stderr.into_bytes(),
                    elapsed: begun.elapsed(),
                    truncated: false,
                });
            }
            if begun.elapsed() > timing::CEPH_CONNECTS {
                return Ok(Output {
                    status: 1,
                    stdout: Vec::new(),
                    stderr: b"[errno 110] RADOS timed out (error connecting to the cluster)".to_vec(),
                    elapsed: begun.elapsed(),
                    truncated: false,
                });
            }
            tokio::time::sleep(LOOKS_AGAIN).await;
        }
    }
}

/// Lets the model attend to the API server's requests.
struct Controllers(Weak<Shared>);

impl Attendant for Controllers {
    fn before(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async {
            tokio::time::sleep(timing::REQUEST).await;
            let Some(shared) = self.0.upgrade() else { return Ok(()) };
            let machine = shared.now();
            if machine.now < machine.api_away_until {
                return Err((503, "the server is currently unable to handle the request".into()));
            }
            Ok(())
        }
        .boxed()
    }

    fn after(&self, asked: &Asked) {
        if let Some(shared) = self.0.upgrade() {
            let mut machine = shared.now();
            machine.was_asked(&asked.method, &asked.uri);
            machine.note();
        }
    }
}
