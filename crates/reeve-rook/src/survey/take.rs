//! Taking a survey.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use reeve_host::{HostName, Hosts};
use tracing::Instrument;

use super::ceph::{CephAnswers, Wanted};
use super::names::{Admin, Reached, reach};
use super::{KubernetesSource, Progress, SurveyError, SurveyEvent, ceph, host};
use crate::facts::{FACTS_FORMAT, Facts, HostReading, KubernetesFacts, Scope};
use crate::remote_ceph::RemoteCeph;

/// How many hosts are visited at once.
const HOSTS_AT_ONCE: usize = 24;

/// How long everything on one host may take, after it let us in. Two slow lists of `ceph-volume` fit in.
const VISIT_DEADLINE: Duration = Duration::from_secs(300);

/// A survey to take: where to begin, and how to reach things.
pub struct Survey {
    scope: Scope,
    hosts: Arc<dyn Hosts>,
    kubernetes: Arc<dyn KubernetesSource>,
}

impl Survey {
    /// Returns a survey that begins at `scope.admin_host`, reaches hosts through `hosts`, and asks `kubernetes`.
    pub fn new(scope: Scope, hosts: Arc<dyn Hosts>, kubernetes: Arc<dyn KubernetesSource>) -> Self {
        Self {
            scope,
            hosts,
            kubernetes,
        }
    }

    /// Reads everything and changes nothing.
    ///
    /// Takes as long as the slowest host: each has its own deadlines, and a host that does not answer becomes
    /// [`HostReading::Unreachable`]. A repeat reads everything again.
    ///
    /// # Errors
    ///
    /// Any [`SurveyError`].
    pub async fn take(&self, progress: &dyn Progress) -> Result<Facts, SurveyError> {
        let taken_at = jiff::Timestamp::now();
        let ((admin, ceph), kubernetes) = futures::try_join!(self.read_ceph(progress), self.read_kubernetes(progress))?;
        let hosts = self.visit_all(&admin, &ceph.wanted, progress).await;
        self.compare_with_nodes(&hosts, &ceph, &kubernetes)?;
        Ok(Facts {
            format: FACTS_FORMAT,
            made_by: concat!("reeve ", env!("CARGO_PKG_VERSION")).into(),
            taken_at,
            scope: self.scope.clone(),
            ceph: ceph.facts,
            hosts,
            kubernetes,
        })
    }

    async fn read_ceph(&self, progress: &dyn Progress) -> Result<(Admin, CephAnswers), SurveyError> {
        let name = self.scope.admin_host.clone();
        progress.event(&SurveyEvent::ReadingCeph { host: name.clone() });
        let failed = |source| SurveyError::AdminHost {
            host: name.clone(),
            source,
        };
        let connected = self.hosts.connect(&name).await.map_err(failed)?;
        let login = host::Visit::new(Arc::clone(&connected))
            .log_in()
            .await
            .map_err(failed)?;
        let answers = ceph::read(&RemoteCeph::new(connected), &name).await?;
        Ok((
            Admin {
                name,
                hostname: login.facts.hostname,
            },
            answers,
        ))
    }

    async fn read_kubernetes(&self, progress: &dyn Progress) -> Result<KubernetesFacts, SurveyError> {
        progress.event(&SurveyEvent::ReadingKubernetes);
        let facts = self
            .kubernetes
            .read(&self.scope)
            .await
            .map_err(|source| SurveyError::Kubernetes { source })?;
        progress.event(&SurveyEvent::KubernetesRead {
            nodes: facts.nodes.len(),
        });
        Ok(facts)
    }

    async fn visit_all(
        &self,
        admin: &Admin,
        wanted: &[Wanted],
        progress: &dyn Progress,
    ) -> BTreeMap<HostName, HostReading> {
        progress.event(&SurveyEvent::HostsFound { hosts: wanted.len() });
        let (done, of) = (AtomicUsize::new(0), wanted.len());
        let visits = wanted.iter().map(|wanted| {
            let done = &done;
            let span = tracing::debug_span!("visit", host = wanted.hostname);
            async move {
                let (name, reading) = self.visit(admin, wanted).await;
                let unreachable = match &reading {
                    HostReading::Unreachable { because } => Some(because.clone()),
                    HostReading::Reached(_) => None,
                };
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress.event(&SurveyEvent::HostVisited {
                    // The name comes from Ceph, and events go to terminals.
                    host: reeve_untrusted::short(&wanted.hostname, 100),
                    done,
                    of,
                    unreachable,
                });
                (name, reading)
            }
            .instrument(span)
        });
        let readings: Vec<_> = futures::stream::iter(visits)
            .buffer_unordered(HOSTS_AT_ONCE)
            .collect()
            .await;
        one_per_machine(readings)
    }

    async fn visit(&self, admin: &Admin, wanted: &Wanted) -> (HostName, HostReading) {
        let unreachable = |because: String| HostReading::Unreachable { because };
        match reach(&*self.hosts, admin, wanted).await {
            Ok(Reached { name, visit, login }) => {
                let read = tokio::time::timeout(VISIT_DEADLINE, visit.read(login, &self.scope, &wanted.expected)).await;
                let reading = match read {
                    Ok(Ok(facts)) => HostReading::Reached(Box::new(facts)),
                    Ok(Err(error)) => unreachable(error.to_string()),
                    Err(_) => unreachable(format!(
                        "it did not answer every question within {} s",
                        VISIT_DEADLINE.as_secs()
                    )),
                };
                (name, reading)
            }
            Err(because) => (name_for(wanted), unreachable(because)),
        }
    }

    /// Refuses a Kubernetes cluster of which no node is a Ceph host.
    fn compare_with_nodes(
        &self,
        hosts: &BTreeMap<HostName, HostReading>,
        ceph: &CephAnswers,
        kubernetes: &KubernetesFacts,
    ) -> Result<(), SurveyError> {
        let reached = || hosts.values().filter_map(HostReading::reached);
        let mut addresses: BTreeSet<&str> = ceph
            .wanted
            .iter()
            .flat_map(|host| &host.addresses)
            .map(String::as_str)
            .collect();
        addresses.extend(reached().flat_map(|host| &host.addresses).map(String::as_str));
        addresses.extend(ceph.facts.monmap.mons.iter().filter_map(|mon| mon.ip()));
        let machines: BTreeSet<&str> = reached()
            .map(|host| host.machine_id.as_str())
            .filter(|id| !id.is_empty())
            .collect();
        let is_a_ceph_host = |node: &crate::facts::Node| {
            machines.contains(node.machine_id.as_str())
                || node
                    .addresses
                    .iter()
                    .any(|address| addresses.contains(address.as_str()))
        };
        if kubernetes.nodes.iter().any(is_a_ceph_host) {
            return Ok(());
        }
        Err(SurveyError::OtherKubernetes {
            server: kubernetes.server.clone(),
            nodes: kubernetes.nodes.iter().map(|node| node.name.clone()).collect(),
            hosts: hosts.keys().map(ToString::to_string).collect(),
        })
    }
}

/// Returns the name under which an unreachable host stands in the facts: the reported one or an address, or what is left of it without the
/// characters that no host name has.
fn name_for(wanted: &Wanted) -> HostName {
    let names = std::iter::once(&wanted.hostname).chain(&wanted.addresses);
    let name = names.filter_map(|name| HostName::new(name.as_str()).ok()).next();
    name.unwrap_or_else(|| {
        let letters = wanted.hostname.chars().filter(|c| c.is_ascii_alphanumeric()).take(60);
        let text = format!("unnamed-{}", letters.collect::<String>());
        HostName::new(text).expect("letters, digits and a hyphen are a host name")
    })
}

/// Keeps one reading of each machine: two daemons may report their host once with its domain and once without.
fn one_per_machine(readings: impl IntoIterator<Item = (HostName, HostReading)>) -> BTreeMap<HostName, HostReading> {
    let mut hosts: BTreeMap<HostName, HostReading> = BTreeMap::new();
    for (name, reading) in readings {
        let Some(facts) = reading.reached() else {
            hosts.entry(name).or_insert(reading);
            continue;
        };
        let same = |other: &HostReading| {
            other.reached().is_some_and(|other| {
                !facts.machine_id.is_empty() && other.machine_id == facts.machine_id && other.hostname == facts.hostname
            })
        };
        let twin = hosts
            .iter()
            .find(|(other, reading)| **other != name && same(reading))
            .map(|(other, _)| other.clone());
        match twin {
            // The host's own name is the better key; else the first in order, whichever answered first.
            Some(twin) if name.as_str() == facts.hostname || (twin.as_str() != facts.hostname && name < twin) => {
                hosts.remove(&twin);
                hosts.insert(name, reading);
            }
            Some(_) => {}
            None => {
                hosts.insert(name, reading);
            }
        }
    }
    hosts
}

/// Takes a survey of recorded hosts and facts about Kubernetes that are known already: for tests and benchmarks.
///
/// # Errors
///
/// Any [`SurveyError`].
pub async fn replayed(scope: Scope, hosts: Arc<dyn Hosts>, kubernetes: KubernetesFacts) -> Result<Facts, SurveyError> {
    Survey::new(scope, hosts, Arc::new(kubernetes)).take(&()).await
}
