//! The end: Rook looks after its daemons.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::query;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::Resource;
use serde_json::{Value, json};

use super::cluster_state::vitals;
use super::pod_starts::{pod_start, pods_of_daemons, started_again};
use super::rook_cluster::{await_ready, ceph_cluster, is_ready, of_daemons, patch_ceph_cluster, unready};
use super::units::{is_masked, is_stopped};
use crate::apply::World;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::apply::once::Deed;
use crate::apply::steps::With;
use crate::plan::steps::{EnableHealthChecks, ProveNoRestart, RecordPodStarts, VerifyTakeover};

#[async_trait]
impl Deed for RecordPodStarts {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let pods = pods_of_daemons(world).await?;
        if pods.len() != self.daemons {
            let found: Vec<&str> = pods.keys().map(String::as_str).collect();
            let found = found.join(", ");
            return Err(failure::because(format!(
                "{} daemons are planned, and there are pods of {found}",
                self.daemons
            )));
        }
        let starts: BTreeMap<&String, _> = pods.iter().map(|(daemon, pod)| (daemon, pod_start(pod))).collect();
        Recorded::value(starts)
    }
}

fn checks(on: bool) -> Value {
    json!({ "spec": {
        "disruptionManagement": { "managePodBudgets": on },
        "healthCheck": { "daemonHealth": { "mon": { "disabled": !on }, "osd": { "disabled": !on } } },
    } })
}

impl EnableHealthChecks {
    fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds.into())
    }
}

#[async_trait]
impl Step<World> for EnableHealthChecks {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let Some(cluster) = ceph_cluster(world).await? else {
            return Ok(false);
        };
        let spec = &cluster["spec"];
        // A field that is false may be left out of the object by the operator's own writing.
        let is_off = |value: &Value| *value != true;
        let health = &spec["healthCheck"]["daemonHealth"];
        let on = spec["disruptionManagement"]["managePodBudgets"] == true
            && is_off(&health["mon"]["disabled"])
            && is_off(&health["osd"]["disabled"]);
        Ok(on && unready(Some(&cluster)).is_none())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        // A change begins a reconcile beside the one under way, for example that of an operator which has just started again; the older one gives up a minute
        // later and then says `Progressing`, though nothing is in progress (seen with Rook v1.18.11).
        await_ready(world, self.deadline()).await?;
        patch_ceph_cluster(world, &checks(true)).await?;
        await_ready(world, self.deadline()).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        patch_ceph_cluster(world, &checks(false)).await?;
        await_ready(world, self.deadline()).await
    }
}

#[async_trait]
impl Looking for With<ProveNoRestart> {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let before = self.1.pod_starts.as_ref();
        let before = before.ok_or_else(|| failure::because("the pods' starts are not recorded"))?;
        let pods = pods_of_daemons(world).await?;
        let mut again = Vec::new();
        for (daemon, start) in before {
            again.extend(started_again(world, daemon, start, pods.get(daemon)).await?);
        }
        if again.is_empty() {
            return Ok(Look::Met);
        }
        Ok(Look::Never(format!("restarted: {}", again.join(", "))))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(60),
            format!("none of {} daemons has restarted", self.0.daemons),
        )
    }
}

#[async_trait]
impl Looking for With<VerifyTakeover> {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let before = self.1.before.clone().unwrap_or_default().health;
        let vitals = vitals(world).await?;
        let new = vitals.new_codes(&before);
        if vitals.is_error || !new.is_empty() {
            return Ok(Look::NotYet(format!("new in health: {}", new.join(", "))));
        }
        let versions = world.ask(&query::VERSIONS).await?.by_kind();
        let lines: std::collections::BTreeSet<&String> = versions.values().flat_map(|counts| counts.keys()).collect();
        if lines.len() > 1 {
            return Ok(Look::NotYet(format!("{} versions run", lines.len())));
        }
        let cluster = ceph_cluster(world).await?;
        if let Some(seen) = unready(cluster.as_ref()) {
            return Ok(Look::NotYet(seen));
        }
        let pods = of_daemons(world, Resource::POD).await?;
        let ready: Vec<&str> = pods
            .iter()
            .filter(|(_, pod)| is_ready(pod))
            .map(|(daemon, _)| daemon.as_str())
            .collect();
        for (daemon, old) in &world.outline.units {
            let is_mgr = daemon.kind == reeve_ceph::DaemonType::Mgr;
            if !is_mgr && !ready.contains(&daemon.to_string().as_str()) {
                return Ok(Look::NotYet(format!("no ready pod of {daemon}")));
            }
            let (stopped, masked) = futures::try_join!(
                is_stopped(world, &old.host, &old.unit),
                is_masked(world, &old.host, &old.unit)
            )?;
            if !stopped || !masked {
                return Ok(Look::Never(format!(
                    "{} on {} is not stopped and masked",
                    old.unit, old.host
                )));
            }
        }
        Ok(Look::Met)
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(600),
            "every daemon runs under Rook, as well as before".into(),
        )
    }
}
