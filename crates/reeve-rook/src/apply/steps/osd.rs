//! OSDs.

use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::DaemonName;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use serde_json::Value;

use super::cluster_state::{is_in_a_pod, osd};
use super::pod_state::not_running;
use crate::apply::World;
use crate::apply::looking::{Look, Looking};
use crate::facts::UserIds;
use crate::plan::steps::{AwaitOsdDown, AwaitOsdUp, ChownDevices, ProveCrushPosition};

#[async_trait]
impl Looking for AwaitOsdDown {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let is_up = osd(world, self.osd).await?.is_some_and(|osd| osd.up);
        Ok(Look::when(!is_up, || "it is up".into()))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (Duration::from_secs(120), format!("osd.{} is marked down", self.osd))
    }
}

impl ChownDevices {
    async fn give(&self, world: &World, owner: UserIds) -> Result<(), StepError> {
        let owner = format!("{}:{}", owner.uid, owner.gid);
        let argv = ["chown", "--dereference", &owner, "--"];
        let argv = argv.into_iter().chain(self.devices.iter().map(String::as_str));
        world.run_on(&self.host, argv, Duration::from_secs(60)).await.map(drop)
    }
}

#[async_trait]
impl Step<World> for ChownDevices {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let argv = ["stat", "--dereference", "--format=%u:%g", "--"];
        let argv = argv.into_iter().chain(self.devices.iter().map(String::as_str));
        let output = world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        let wanted = format!("{}:{}", self.after.uid, self.after.gid);
        Ok(output.stdout_text().lines().all(|line| line == wanted))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.give(world, self.after).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        self.give(world, self.before).await
    }
}

#[async_trait]
impl Looking for AwaitOsdUp {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let id = self.osd;
        let daemon = DaemonName::osd(id);
        if let Some(look) = not_running(world, &daemon).await {
            return Ok(look);
        }
        let Some(entry) = osd(world, id).await? else {
            return Ok(Look::Never(format!("osd.{id} is not in the OSD map any more")));
        };
        if entry.uuid != self.uuid {
            return Ok(Look::Never(format!(
                "osd.{id} has uuid {}, and had {}",
                entry.uuid, self.uuid
            )));
        }
        if !entry.up || !entry.in_cluster {
            return Ok(Look::NotYet("it is down or out".into()));
        }
        let metadata = world.ask_json(["osd", "metadata", &id.to_string()]).await?;
        if !is_in_a_pod(&metadata) {
            return Ok(Look::NotYet("it does not run in Rook's pod".into()));
        }
        let node = metadata["container_hostname"]
            .as_str()
            .or(metadata["hostname"].as_str())
            .unwrap_or_default();
        let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        if short(node) != short(&self.hostname) {
            return Ok(Look::Never(format!(
                "osd.{id} runs on {node}, and should on {}",
                self.hostname
            )));
        }
        Ok(Look::Met)
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(600),
            format!("osd.{} is up in Rook's pod", self.osd),
        )
    }
}

#[async_trait]
impl Looking for ProveCrushPosition {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let tree = world.ask_json(["osd", "tree"]).await?;
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let id = Value::from(self.osd.0);
        let own = nodes.iter().find(|node| node["id"] == id);
        let holder = nodes.iter().find(|node| {
            node["children"]
                .as_array()
                .is_some_and(|children| children.contains(&id))
        });
        let bucket = holder.and_then(|node| node["name"].as_str()).unwrap_or_default();
        let class = own.and_then(|node| node["device_class"].as_str()).unwrap_or_default();
        let weight = own.and_then(|node| node["crush_weight"].as_f64()).unwrap_or_default();
        // Weights are kept in 1/65536 and printed with fewer digits.
        let is_same = bucket == self.bucket && class == self.class && (weight - self.weight).abs() < 0.001;
        if is_same {
            return Ok(Look::Met);
        }
        Ok(Look::Never(format!(
            "osd.{} is in {bucket} with weight {weight} and class `{class}`, and was in {} with {} and `{}`",
            self.osd, self.bucket, self.weight, self.class
        )))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(60),
            format!("osd.{} stands in CRUSH where it stood", self.osd),
        )
    }
}
