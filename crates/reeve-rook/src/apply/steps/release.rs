//! Releasing a daemon to Rook.

use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::DaemonName;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::Resource;
use reeve_kube::gate::{self, NUDGE_ANNOTATION, Proof};
use serde_json::json;

use super::rook_cluster::name;
use crate::apply::World;
use crate::apply::failure;
use crate::apply::world::key;
use crate::plan::steps::{NudgeReplicaSet, ReleaseDaemon, selector};

/// A daemon is away while this is proved, so it takes no longer than it must: should another API server still refuse its pod, then the controller is
/// made to try again.
fn quick() -> Proof {
    Proof {
        deadline: Duration::from_secs(60),
        ..Proof::QUICK
    }
}

#[async_trait]
impl Step<World> for ReleaseDaemon {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        let Some(old) = world.old_unit(&self.daemon) else {
            return Ok(());
        };
        if let Some(process) = world.processes(&old.host, &self.daemon).await?.first() {
            return Err(Refusal::refused(
                format!("{} runs on {} as process {}", self.daemon, old.host, process.pid),
                "see what started it; two processes with one identity must never be",
            ));
        }
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let state = gate::read_state(&world.cluster, world.namespace())
            .await
            .map_err(failure::request)?;
        let key = key(&self.daemon)?;
        Ok(state.released.is_some_and(|released| released.contains(&key)))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let key = key(&self.daemon)?;
        let (cluster, namespace) = (&world.cluster, world.namespace());
        gate::release(cluster, namespace, &world.run, &key)
            .await
            .map_err(failure::gate)?;
        gate::prove_open(cluster, namespace, &key, &world.probe(), quick())
            .await
            .map_err(failure::gate)?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        let key = key(&self.daemon)?;
        let (cluster, namespace) = (&world.cluster, world.namespace());
        gate::withhold(cluster, namespace, &world.run, &key)
            .await
            .map_err(failure::gate)?;
        gate::prove_closed(cluster, namespace, &key, &world.probe(), Proof::default())
            .await
            .map_err(failure::gate)?;
        for pod in pods(world, &self.daemon).await? {
            cluster
                .delete(Resource::POD, namespace, &pod)
                .await
                .map_err(failure::request)?;
        }
        let what = format!("no pod of {} is left and no process of it runs", self.daemon);
        world
            .until(&what, Duration::from_secs(80), || async {
                let left = pods(world, &self.daemon).await?;
                if !left.is_empty() {
                    return Ok(Err(format!("left: {}", left.join(", "))));
                }
                let Some(old) = world.old_unit(&self.daemon) else {
                    return Ok(Ok(()));
                };
                let processes = world.processes(&old.host, &self.daemon).await?;
                // The old unit may run again already, when this undo is taken up after a crash.
                let in_pods = processes.iter().filter(|process| process.is_in_a_pod()).count();
                Ok(if in_pods == 0 {
                    Ok(())
                } else {
                    Err(format!("{in_pods} processes left"))
                })
            })
            .await
    }
}

/// How often, and how far apart, a daemon's pod is looked for right after its ReplicaSet was touched.
const LOOKS_AFTER_TOUCH: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// Returns the names of a daemon's pods, those on their way out too.
async fn pods(world: &World, daemon: &DaemonName) -> Result<Vec<String>, StepError> {
    let pods = world
        .cluster
        .select(Resource::POD, world.namespace(), &selector(daemon))
        .await;
    Ok(pods
        .map_err(failure::request)?
        .iter()
        .map(|pod| name(pod).to_owned())
        .collect())
}

#[async_trait]
impl Step<World> for NudgeReplicaSet {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(!pods(world, &self.daemon).await?.is_empty())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let key = key(&self.daemon)?;
        let mut round = 0_u32;
        let what = format!("there is a pod of {}", self.daemon);
        world
            .until(&what, Duration::from_secs(60), || {
                round += 1;
                // The controller may have tried a moment too early; a new value makes it try again.
                let value = format!("{}-{round}", self.daemon);
                let key = &key;
                async move {
                    if !pods(world, &self.daemon).await?.is_empty() {
                        return Ok(Ok(()));
                    }
                    let touched = gate::nudge(&world.cluster, world.namespace(), key, &value).await;
                    let touched = touched.map_err(failure::request)?;
                    // The daemon is away, and the controller usually needs a few milliseconds: less than the pause between two questions.
                    for _ in 0..LOOKS_AFTER_TOUCH {
                        tokio::time::sleep(BETWEEN_LOOKS).await;
                        if !pods(world, &self.daemon).await?.is_empty() {
                            return Ok(Ok(()));
                        }
                    }
                    Ok(Err(format!("{touched} ReplicaSets touched, no pod yet")))
                }
            })
            .await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        let patch = json!({ "metadata": { "annotations": { NUDGE_ANNOTATION: null } } });
        let sets = world
            .cluster
            .select(Resource::REPLICA_SET, world.namespace(), &selector(&self.daemon))
            .await;
        for set in sets.map_err(failure::request)? {
            let patched = world
                .cluster
                .patch(Resource::REPLICA_SET, world.namespace(), name(&set), &patch)
                .await;
            match patched {
                Err(error) if !error.is_not_found() => return Err(failure::request(error)),
                _ => {}
            }
        }
        Ok(())
    }
}
