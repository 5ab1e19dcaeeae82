//! Settings of Kubernetes objects that the take-over changes, and the proof of the image.

use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::{OPERATOR_CONFIG, Resource};
use serde_json::{Map, Value, json};

use crate::apply::World;
use crate::apply::failure;
use crate::apply::once::Deed;
use crate::plan::objects::probe_pod;
use crate::plan::steps::{AnnotateNode, ProveImage, SetOperatorSettings, SettingChange};

/// The annotation from which Rook takes a mon's address on a node.
const MON_IP: &str = "network.rook.io/mon-ip";

impl SetOperatorSettings {
    async fn put(&self, world: &World, value: fn(&SettingChange) -> Value) -> Result<(), StepError> {
        let data: Map<String, Value> = self
            .settings
            .iter()
            .map(|(name, change)| (name.clone(), value(change)))
            .collect();
        let namespace = &world.outline.context.operator_namespace;
        let patch = json!({ "data": data });
        let patched = world
            .cluster
            .patch(Resource::CONFIG_MAP, namespace, OPERATOR_CONFIG, &patch)
            .await;
        patched.map_err(failure::request)
    }
}

#[async_trait]
impl Step<World> for SetOperatorSettings {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let namespace = &world.outline.context.operator_namespace;
        let found = world
            .cluster
            .get(Resource::CONFIG_MAP, namespace, OPERATOR_CONFIG)
            .await;
        let found = found.map_err(failure::request)?.unwrap_or_default();
        Ok(self
            .settings
            .iter()
            .all(|(name, change)| found["data"][name] == change.after.as_str()))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.put(world, |change| json!(change.after)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        self.put(world, |change| json!(change.before)).await
    }
}

impl AnnotateNode {
    async fn put(&self, world: &World, value: Value) -> Result<(), StepError> {
        let patch = json!({ "metadata": { "annotations": { MON_IP: value } } });
        let patched = world.cluster.patch(Resource::NODE, "", &self.node, &patch).await;
        patched.map_err(failure::request)
    }
}

#[async_trait]
impl Step<World> for AnnotateNode {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let node = world.cluster.get(Resource::NODE, "", &self.node).await;
        let node = node.map_err(failure::request)?.unwrap_or_default();
        Ok(node["metadata"]["annotations"][MON_IP] == self.address.as_str())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.put(world, json!(self.address)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        self.put(world, Value::Null).await
    }
}

impl ProveImage {
    async fn clear(&self, world: &World, name: &str) -> Result<(), StepError> {
        let deleted = world.cluster.delete(Resource::POD, world.namespace(), name).await;
        deleted.map_err(failure::request)?;
        world
            .until("the probe pod is gone", Duration::from_secs(120), || async {
                let pod = world.cluster.get(Resource::POD, world.namespace(), name).await;
                Ok(match pod.map_err(failure::request)? {
                    None => Ok(()),
                    Some(_) => Err("it is still there".to_owned()),
                })
            })
            .await
    }
}

#[async_trait]
impl Deed for ProveImage {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let pod = probe_pod(world.namespace(), self);
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        // One that an interrupted run left behind proves nothing about now.
        self.clear(world, &name).await?;
        let created = world.cluster.create(Resource::POD, world.namespace(), &pod).await;
        created.map_err(failure::request)?;
        let phase = world
            .until("the probe pod has ended", Duration::from_secs(780), || async {
                let pod = world.cluster.get(Resource::POD, world.namespace(), &name).await;
                let pod = pod.map_err(failure::request)?.unwrap_or_default();
                let phase = pod["status"]["phase"].as_str().unwrap_or("not scheduled").to_owned();
                let waits = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
                Ok(match phase.as_str() {
                    "Succeeded" | "Failed" => Ok(phase),
                    _ => Err(format!("{phase} {}", waits["reason"].as_str().unwrap_or_default())),
                })
            })
            .await?;
        let log = world
            .cluster
            .pod_log(world.namespace(), &name, 4096)
            .await
            .map_err(failure::request)?;
        self.clear(world, &name).await?;
        let has_version = log.lines().any(|line| line.trim() == self.version_line);
        let has_user = log.contains("uid=167(ceph) gid=167(ceph)");
        if phase != "Succeeded" || !has_version || !has_user {
            let said = reeve_untrusted::short(&log, 300);
            let (image, node) = (&self.image, &self.node);
            return Err(failure::because(format!(
                "image {image} on node {node} is not what runs now: expected `{}` and user 167, got `{said}`",
                self.version_line
            )));
        }
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        let pod = probe_pod(world.namespace(), self);
        self.clear(world, pod["metadata"]["name"].as_str().unwrap_or_default())
            .await
    }
}
