//! The gate's objects, one at a time.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::Resource;
use reeve_kube::gate::{self, DaemonKey, GateError, Probe, Proof, policy_name};
use serde_json::Value;

use super::cluster_state::vitals;
use crate::apply::World;
use crate::apply::earlier::Before;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::plan::steps::{
    CreateGateBinding, CreateGatePolicy, CreateReleasedList, DeleteGateBinding, DeleteGatePolicy, DeleteReleasedList,
    ProveGateClosed,
};

/// Refuses where another run's gate is in the way.
async fn ours(world: &World) -> Result<(), Refusal> {
    let state = gate::read_state(&world.cluster, world.namespace())
        .await
        .map_err(failure::request)?;
    match state.run {
        Some(run) if run != world.run => Err(Refusal::refused(
            format!("the gate of namespace {} belongs to run {run}", world.namespace()),
            "go on with that run, or undo it",
        )),
        // The list alone is signed by nobody: it is annotations of the namespace, and comes before the policy.
        None if state.policy || state.binding => Err(Refusal::refused(
            format!("namespace {} has a gate that no run has signed", world.namespace()),
            "see who made it, and remove it",
        )),
        _ => Ok(()),
    }
}

fn keys(names: &BTreeSet<String>) -> Result<BTreeSet<DaemonKey>, StepError> {
    names
        .iter()
        .map(|name| name.parse().map_err(StepError::permanent))
        .collect()
}

async fn is_there(world: &World, resource: Resource, name: &str) -> Result<bool, StepError> {
    let found = world.cluster.get(resource, world.namespace(), name).await;
    Ok(found.map_err(failure::request)?.is_some())
}

async fn delete(world: &World, resource: Resource, name: &str) -> Result<(), StepError> {
    let deleted = world.cluster.delete(resource, world.namespace(), name).await;
    deleted.map_err(failure::request).map(drop)
}

async fn apply(world: &World, resource: Resource, object: &Value) -> Result<(), StepError> {
    let applied = world.cluster.apply(resource, world.namespace(), object).await;
    applied.map_err(failure::request)
}

/// Changes the list of released daemons, which is annotations of the namespace.
async fn patch_list(world: &World, patch: &Value) -> Result<(), StepError> {
    let namespace = world.namespace();
    let patched = world.cluster.patch(Resource::NAMESPACE, "", namespace, patch).await;
    patched.map_err(failure::request)
}

/// Returns the daemons of `names` that are on the list.
async fn listed(world: &World, names: &BTreeSet<String>) -> Result<usize, StepError> {
    let state = gate::read_state(&world.cluster, world.namespace())
        .await
        .map_err(failure::request)?;
    let released = state.released.unwrap_or_default();
    Ok(keys(names)?.intersection(&released).count())
}

#[async_trait]
impl Step<World> for CreateReleasedList {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(listed(world, &self.released).await? == self.released.len())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        patch_list(world, &gate::release_patch(&keys(&self.released)?)).await?;
        self.recall(world).await
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        patch_list(world, &gate::withhold_patch(&keys(&self.released)?)).await
    }

    /// How things are right before Rook learns of the cluster is noted with the first of its objects.
    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        let operator = world.cluster.operator(&world.outline.context.operator_namespace).await;
        let vitals = vitals(world).await?;
        Recorded::value(Before {
            health: vitals.codes,
            mon_epoch: vitals.mon_epoch,
            operator_image: operator.map_err(failure::request)?.image,
        })
    }
}

#[async_trait]
impl Step<World> for CreateGatePolicy {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_there(world, Resource::POLICY, &policy_name(world.namespace())).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        apply(world, Resource::POLICY, &gate::policy(world.namespace(), &world.mark())).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        delete(world, Resource::POLICY, &policy_name(world.namespace())).await
    }
}

#[async_trait]
impl Step<World> for CreateGateBinding {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_there(world, Resource::POLICY_BINDING, &policy_name(world.namespace())).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let binding = gate::binding(world.namespace(), &world.mark());
        apply(world, Resource::POLICY_BINDING, &binding).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        delete(world, Resource::POLICY_BINDING, &policy_name(world.namespace())).await
    }
}

#[async_trait]
impl Step<World> for DeleteGateBinding {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(!is_there(world, Resource::POLICY_BINDING, &policy_name(world.namespace())).await?)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        delete(world, Resource::POLICY_BINDING, &policy_name(world.namespace())).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        let binding = gate::binding(world.namespace(), &world.mark());
        apply(world, Resource::POLICY_BINDING, &binding).await
    }
}

#[async_trait]
impl Step<World> for DeleteGatePolicy {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(!is_there(world, Resource::POLICY, &policy_name(world.namespace())).await?)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        delete(world, Resource::POLICY, &policy_name(world.namespace())).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        apply(world, Resource::POLICY, &gate::policy(world.namespace(), &world.mark())).await
    }
}

#[async_trait]
impl Step<World> for DeleteReleasedList {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        ours(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(listed(world, &self.released).await? == 0)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        patch_list(world, &gate::withhold_patch(&keys(&self.released)?)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        patch_list(world, &gate::release_patch(&keys(&self.released)?)).await
    }
}

#[async_trait]
impl Looking for ProveGateClosed {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let probe = world.probe();
        // The cluster bounds how many requests are under way at once.
        let proofs = futures::future::join_all(self.daemons.iter().map(|name| prove_closed(world, name, &probe))).await;
        for proof in proofs {
            if let Some(seen) = proof? {
                world.gate_in_force.store(false, Ordering::Relaxed);
                return Ok(Look::NotYet(seen));
            }
        }
        world.gate_in_force.store(true, Ordering::Relaxed);
        Ok(Look::Met)
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        let what = format!("no pod of {} can start", self.daemons.join(", "));
        // Of the step's 60 s the first look may have taken some.
        (Duration::from_secs(50), what)
    }
}

/// Says why a daemon's pod is not proved to be refused, if it is not.
async fn prove_closed(world: &World, daemon: &str, probe: &Probe) -> Result<Option<String>, StepError> {
    let key: DaemonKey = daemon.parse().map_err(StepError::permanent)?;
    let proved = |proof| gate::prove_closed(&world.cluster, world.namespace(), &key, probe, proof);
    // Once every API server has taken note of the gate, one refusal tells that it is still there. Any other answer calls for the long proof.
    let once = Proof {
        deadline: Duration::ZERO,
        ..Proof::QUICK
    };
    if world.gate_in_force.load(Ordering::Relaxed) && proved(once).await.is_ok() {
        return Ok(None);
    }
    // The step asks again and again; a proof that takes long itself would leave no time to say what was seen.
    let at_length = Proof {
        deadline: Duration::from_secs(3),
        ..Proof::default()
    };
    match proved(at_length).await {
        Ok(()) => Ok(None),
        // The API server may need a moment to learn of the gate; whether that moment is too long says the step's deadline.
        Err(error @ (GateError::StillOpen { .. } | GateError::StillClosed { .. })) => Ok(Some(error.to_string())),
        Err(error) => Err(failure::gate(error)),
    }
}
