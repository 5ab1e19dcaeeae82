//! The invariants of a take-over, checked before every step that changes something.

use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::Resource;
use serde_json::Value;
use tokio::time::Instant;

use super::World;
use super::earlier::Earlier;
use super::failure;
use super::steps::{crush_digest, decoded};
use crate::plan::objects::seed;

/// A step behind the invariants.
pub(crate) struct Guarded {
    pub(crate) step: Box<dyn Step<World>>,
    pub(crate) earlier: Earlier,
}

#[async_trait]
impl Step<World> for Guarded {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        check(world, &self.earlier).await?;
        self.step.ready(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        self.step.done(world).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.step.act(world).await
    }

    async fn undo(&self, world: &World, was: &Recorded) -> Result<(), StepError> {
        // What is undone changes the world; a check from before does not count any more.
        *world.checked.lock().await = None;
        self.step.undo(world, was).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        self.step.recall(world).await
    }
}

/// Checks everything that has to hold whatever step comes next.
async fn check(world: &World, earlier: &Earlier) -> Result<(), Refusal> {
    let mut checked = world.checked.lock().await;
    if checked.is_some_and(|at| at.elapsed() < world.pace.checks_hold) {
        return Ok(());
    }
    // One of two mons, or the only one, is away: Ceph answers nobody, and the plan said so.
    let answers = earlier.mon_away.is_none() || world.outline.mons.len() >= 3;
    let in_ceph = async { if answers { ceph(world, earlier).await } else { Ok(()) } };
    let (in_ceph, in_kubernetes) = futures::join!(in_ceph, kubernetes(world, earlier));
    in_ceph?;
    in_kubernetes?;
    *checked = Some(Instant::now());
    Ok(())
}

/// For how long mons may be missing from the quorum before a step is refused. Until an election is over, none is in it; one follows the stop of the leader.
const ELECTION: Duration = Duration::from_secs(30);

/// Asks Ceph how it is, again and again while an election may be under way.
async fn status_after_election(world: &World, earlier: &Earlier) -> Result<Value, Refusal> {
    let begun = Instant::now();
    loop {
        let status = world.ask_json(["status"]).await?;
        let in_quorum = names(&status["quorum_names"]);
        let missing: Vec<&str> = world
            .outline
            .mons
            .keys()
            .map(String::as_str)
            .filter(|mon| earlier.mon_away.as_deref() != Some(*mon) && !in_quorum.contains(mon))
            .collect();
        if missing.is_empty() {
            return Ok(status);
        }
        if begun.elapsed() >= ELECTION {
            return Err(Refusal::refused(
                format!("mon {} not in quorum", missing.join(", ")),
                "bring them back first",
            ));
        }
        tokio::time::sleep(world.pace.poll).await;
    }
}

async fn ceph(world: &World, earlier: &Earlier) -> Result<(), Refusal> {
    let crush = async { crush_now(world, earlier).await.map_err(Refusal::from) };
    let (status, crush) = futures::try_join!(status_after_election(world, earlier), crush)?;
    let fsid = status["fsid"].as_str().unwrap_or_default();
    if fsid != world.outline.fsid {
        return Err(Refusal::refused(
            format!("this is cluster {fsid}, and the plan is for {}", world.outline.fsid),
            "look at the admin host's ceph.conf",
        ));
    }
    if status["health"]["status"] == "HEALTH_ERR" {
        let codes: Vec<&str> = status["health"]["checks"]
            .as_object()
            .map(|checks| checks.keys().map(String::as_str).collect())
            .unwrap_or_default();
        return Err(Refusal::refused(
            format!("health is HEALTH_ERR: {}", codes.join(", ")),
            "see `ceph health detail` and mend it first",
        ));
    }
    let before = earlier.before.as_ref().and_then(|before| before.mon_epoch);
    let now = status["monmap"]["epoch"].as_u64();
    if let (Some(before), Some(now)) = (before, now)
        && u64::from(before) != now
    {
        return Err(Refusal::refused(
            format!("the mon map's epoch was {before} and is {now}: somebody has changed the mon map"),
            "see `ceph mon dump` and `ceph log last`; roll back and plan anew",
        ));
    }
    if crush.is_some() && crush != earlier.crush {
        return Err(Refusal::refused(
            "somebody has changed the CRUSH map since this run began",
            "compare `ceph osd crush dump` with the copy beside the journal; change it back, or roll back and plan anew",
        ));
    }
    Ok(())
}

async fn crush_now(world: &World, earlier: &Earlier) -> Result<Option<String>, StepError> {
    if earlier.crush.is_none() {
        return Ok(None);
    }
    let dump = world.ask_json(["osd", "crush", "dump"]).await?;
    Ok(Some(crush_digest(dump, &world.outline.renames)))
}

async fn kubernetes(world: &World, earlier: &Earlier) -> Result<(), Refusal> {
    if earlier.has_secret {
        let secret = world
            .cluster
            .get(Resource::SECRET, world.namespace(), seed::SECRET)
            .await;
        let secret = secret.map_err(failure::request)?;
        let fsid = secret.as_ref().and_then(|secret| decoded(&secret["data"]["fsid"]));
        if fsid.as_deref() != Some(world.outline.fsid.as_str()) {
            return Err(Refusal::refused(
                "Secret rook-ceph-mon is gone or names another cluster; without it Rook would make a new cluster",
                "scale the Rook operator to nothing at once, and put the Secret back",
            ));
        }
    }
    let Some(image) = earlier
        .before
        .as_ref()
        .and_then(|before| before.operator_image.as_ref())
    else {
        return Ok(());
    };
    let operator = world.cluster.operator(&world.outline.context.operator_namespace).await;
    let operator = operator.map_err(failure::request)?;
    if operator.image.as_ref() != Some(image) {
        return Err(Refusal::refused(
            format!(
                "the Rook operator's image was {image} and is {}",
                operator.image.as_deref().unwrap_or("gone")
            ),
            "put the old image back until the take-over is finished",
        ));
    }
    Ok(())
}

/// Returns the texts of a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}
