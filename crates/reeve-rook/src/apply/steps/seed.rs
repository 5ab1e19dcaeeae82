//! What Rook is given to see: the cluster's identity, its mons, and the CephCluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reeve_ceph::query;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_kube::{Resource, gate};
use serde_json::{Value, json};

use super::ceph_settings::{config_value, put_config, same_value};
use super::leftovers::AlreadyThere;
use super::mgr::forget_rook_mgrs;
use super::rook_cluster::{
    ceph_cluster, generations, label, name, of_daemons, patch_ceph_cluster, remove_finalized, scale_operator, unready,
};
use crate::apply::World;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::apply::once::Deed;
use crate::apply::steps::With;
use crate::plan::objects::seed;
use crate::plan::steps::{
    AwaitDeployments, CreateCephCluster, CreateConfigOverride, CreateEndpoints, CreateSecret, GuardCephSettings,
    LabelOsdDeployments, TriggerReconcile,
};

/// Returns the text behind a base64 value of a Secret.
pub(in crate::apply) fn decoded(value: &Value) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(value.as_str()?).ok()?).ok()
}

async fn entities(world: &World) -> Result<BTreeSet<String>, StepError> {
    let list = world.ask(&query::AUTH_LS).await?;
    Ok(list.auth_dump.into_iter().map(|entry| entry.entity).collect())
}

#[async_trait]
impl Deed for With<GuardCephSettings> {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let mut changed = Vec::new();
        for wanted in &self.0.config {
            let now = config_value(world, &wanted.section, &wanted.name).await?;
            let same = match (&now, &wanted.before) {
                (Some(now), Some(before)) => same_value(now, before),
                (None, None) => true,
                _ => false,
            };
            if !same {
                changed.push(format!("option {} of {}", wanted.name, wanted.section));
            }
        }
        let now = entities(world).await?;
        changed.extend(self.0.created.iter().filter(|entity| now.contains(*entity)).cloned());
        changed.extend(self.0.deleted.iter().filter(|entity| !now.contains(*entity)).cloned());
        if changed.is_empty() {
            // From here on Rook makes things, so this is the last moment to see what is not Rook's.
            return Recorded::value(AlreadyThere::look(world).await?);
        }
        let changed = changed.join(", ");
        Err(failure::because(format!(
            "changed since the survey: {changed}; take a new survey and plan again"
        )))
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        for wanted in &self.0.config {
            let now = config_value(world, &wanted.section, &wanted.name).await?;
            if now != wanted.before {
                put_config(world, &wanted.section, &wanted.name, wanted.before.as_deref()).await?;
            }
        }
        let now = entities(world).await?;
        for entity in self.0.created.iter().filter(|entity| now.contains(*entity)) {
            world.ceph(&["auth", "rm", entity]).await?;
        }
        let missing: BTreeSet<&str> = self
            .0
            .deleted
            .iter()
            .map(String::as_str)
            .filter(|entity| !now.contains(*entity))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let backup = self.1.auth_export.as_ref();
        let backup = backup.ok_or_else(|| failure::because("the backup of the keys is not recorded"))?;
        let backup = world.secrets.read(backup).map_err(failure::journal)?;
        let keyring = only(&String::from_utf8_lossy(&backup), &missing);
        world
            .ceph_fed(&["auth", "import", "-i", "-"], keyring.into_bytes())
            .await
            .map(drop)
    }
}

/// Returns the sections of a keyring that have one of the names.
fn only(keyring: &str, names: &BTreeSet<&str>) -> String {
    let mut kept = String::new();
    let mut is_wanted = false;
    for line in keyring.lines() {
        if let Some(section) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_wanted = names.contains(section);
        }
        if is_wanted {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

impl CreateSecret {
    /// Reads what the Secret has to hold; only the answer leaves this function, and it goes into the Secret.
    async fn contents(&self, world: &World) -> Result<BTreeMap<&'static str, String>, StepError> {
        let mut keys = Vec::new();
        for entity in ["mon.", "client.admin"] {
            let key = world.ceph(&["auth", "get-key", entity]).await?;
            let key = String::from_utf8_lossy(&key).trim().to_owned();
            if key.is_empty() {
                return Err(failure::because(format!("{entity} has no key")));
            }
            keys.push(key);
        }
        let admin = keys.pop().expect("two were pushed");
        let mon = keys.pop().expect("two were pushed");
        Ok(BTreeMap::from([
            ("fsid", self.fsid.clone()),
            ("mon-secret", mon),
            ("ceph-username", "client.admin".into()),
            ("ceph-secret", admin),
        ]))
    }

    async fn existing(&self, world: &World) -> Result<Option<Value>, StepError> {
        let found = world
            .cluster
            .get(Resource::SECRET, world.namespace(), seed::SECRET)
            .await;
        found.map_err(failure::request)
    }
}

#[async_trait]
impl Step<World> for CreateSecret {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        match self.existing(world).await? {
            Some(_) => Err(Refusal::refused(
                "Secret rook-ceph-mon is there, and does not hold this cluster's id and keys",
                "see whose it is, and remove it",
            )),
            None => Ok(()),
        }
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let Some(secret) = self.existing(world).await? else {
            return Ok(false);
        };
        let wanted = self.contents(world).await?;
        Ok(wanted
            .iter()
            .all(|(key, value)| decoded(&secret["data"][*key]).as_ref() == Some(value)))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let mut secret = seed::secret(world.namespace(), &self.fsid);
        secret["stringData"] = json!(self.contents(world).await?);
        let created = world.cluster.create(Resource::SECRET, world.namespace(), &secret).await;
        created.map_err(failure::request)?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        remove_finalized(world, Resource::SECRET, seed::SECRET).await
    }
}

async fn config_map(world: &World, name: &str) -> Result<Option<Value>, StepError> {
    let found = world.cluster.get(Resource::CONFIG_MAP, world.namespace(), name).await;
    found.map_err(failure::request)
}

/// Returns the mons of a list of endpoints, in any order.
pub(super) fn endpoints(list: &str) -> BTreeSet<&str> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty()).collect()
}

#[async_trait]
impl Step<World> for CreateEndpoints {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        match config_map(world, seed::ENDPOINTS).await? {
            Some(_) => Err(Refusal::refused(
                "ConfigMap rook-ceph-mon-endpoints is there, with other mons",
                "see whose it is, and remove it",
            )),
            None => Ok(()),
        }
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let found = config_map(world, seed::ENDPOINTS).await?;
        let wanted = self.data.get("data").map(|list| endpoints(list));
        Ok(found.is_some_and(|found| found["data"]["data"].as_str().map(endpoints) == wanted))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let object = seed::endpoints(world.namespace(), &self.data);
        let created = world
            .cluster
            .create(Resource::CONFIG_MAP, world.namespace(), &object)
            .await;
        created.map_err(failure::request)?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        remove_finalized(world, Resource::CONFIG_MAP, seed::ENDPOINTS).await
    }
}

#[async_trait]
impl Step<World> for CreateConfigOverride {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(config_map(world, seed::OVERRIDE).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let object = seed::config_override(world.namespace());
        let created = world
            .cluster
            .create(Resource::CONFIG_MAP, world.namespace(), &object)
            .await;
        created.map_err(failure::request)?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        remove_finalized(world, Resource::CONFIG_MAP, seed::OVERRIDE).await
    }
}

#[async_trait]
impl Step<World> for With<CreateCephCluster> {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        let state = gate::read_state(&world.cluster, world.namespace())
            .await
            .map_err(failure::request)?;
        if !state.is_in_force() || state.run.as_ref() != Some(&world.run) {
            return Err(Refusal::refused(
                "the gate is not closed, and Rook would start daemons beside the old ones",
                "roll back and begin again: somebody removed a part of it",
            ));
        }
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(ceph_cluster(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let created = world
            .cluster
            .create(Resource::CEPH_CLUSTER, world.namespace(), &self.0.object)
            .await;
        created.map_err(failure::request)?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        scale_operator(world, 0).await?;
        let minute = Duration::from_secs(120);
        let operator_namespace = &world.outline.context.operator_namespace;
        world
            .until("no operator pod is left", minute, || async {
                let pods = world
                    .cluster
                    .select(Resource::POD, operator_namespace, "app=rook-ceph-operator")
                    .await;
                let count = pods.map_err(failure::request)?.len();
                Ok(if count == 0 {
                    Ok(())
                } else {
                    Err(format!("{count} left"))
                })
            })
            .await?;
        let cluster_name = &world.outline.context.cluster_name;
        remove_finalized(world, Resource::CEPH_CLUSTER, cluster_name).await?;
        // Deployments belong to the CephCluster and go with it, and their pods with them; so do those of its jobs and of its exporter.
        let selector = format!("rook_cluster={}", world.namespace());
        world
            .until("no Deployment and no pod of Rook is left", minute * 4, || async {
                let deployments = of_daemons(world, Resource::DEPLOYMENT).await?.len();
                let pods = world.cluster.select(Resource::POD, world.namespace(), &selector).await;
                let pods = pods.map_err(failure::request)?.len() + of_daemons(world, Resource::POD).await?.len();
                Ok(if deployments + pods == 0 {
                    Ok(())
                } else {
                    Err(format!("{deployments} Deployments, {pods} pods left"))
                })
            })
            .await?;
        forget_rook_mgrs(world).await?;
        for resource in [Resource::JOB, Resource::SERVICE, Resource::SECRET, Resource::CONFIG_MAP] {
            let left = world.cluster.select(resource, world.namespace(), &selector).await;
            for object in left.map_err(failure::request)? {
                remove_finalized(world, resource, name(&object)).await?;
            }
        }
        // A run of a version that did not look before leaves them, because some may be another's.
        if let Some(already_there) = &self.1.already_there {
            already_there.remove_the_rest(world).await?;
        }
        scale_operator(world, self.0.operator_replicas).await
    }
}

/// Returns the node that a Deployment is pinned to, by its label `kubernetes.io/hostname`.
fn pinned_to(deployment: &Value) -> &str {
    let selector = &deployment["spec"]["template"]["spec"]["nodeSelector"];
    selector["kubernetes.io/hostname"].as_str().unwrap_or_default()
}

#[async_trait]
impl Looking for AwaitDeployments {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let (cluster, deployments, pods, nodes) = futures::try_join!(
            ceph_cluster(world),
            of_daemons(world, Resource::DEPLOYMENT),
            of_daemons(world, Resource::POD),
            async { world.cluster.nodes().await.map_err(failure::request) },
        )?;
        if let Some((daemon, _)) = pods.iter().find(|(daemon, _)| !daemon.starts_with("mgr.")) {
            return Ok(Look::Never(format!(
                "there is a pod of {daemon}, and the gate should have refused it"
            )));
        }
        let mut wanted: BTreeMap<String, Option<&str>> =
            self.mons.iter().map(|mon| (format!("mon.{mon}"), None)).collect();
        for (node, osds) in &self.osds {
            wanted.extend(osds.iter().map(|osd| (format!("osd.{osd}"), Some(node.as_str()))));
        }
        for (daemon, deployment) in deployments.iter().filter(|(daemon, _)| !daemon.starts_with("mgr.")) {
            let Some(node) = wanted.remove(daemon) else {
                return Ok(Look::Never(format!(
                    "Rook has made a Deployment of {daemon}, which is not in the plan"
                )));
            };
            let Some(node) = node else { continue };
            let hostname = nodes
                .iter()
                .find(|it| it.name == node)
                .and_then(|it| it.labels.get("kubernetes.io/hostname"));
            if hostname.map(String::as_str) != Some(pinned_to(deployment)) {
                let found = pinned_to(deployment);
                return Ok(Look::Never(format!(
                    "Rook pins {daemon} to {found}, and it is on {node}"
                )));
            }
        }
        if !wanted.is_empty() {
            let missing: Vec<&str> = wanted.keys().map(String::as_str).collect();
            let state = unready(cluster.as_ref()).unwrap_or_default();
            return Ok(Look::NotYet(format!(
                "no Deployment yet of {}; {state}",
                missing.join(", ")
            )));
        }
        Ok(unready(cluster.as_ref()).map_or(Look::Met, Look::NotYet))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        let what = "Rook has found all mons and OSDs and is Ready".into();
        (Duration::from_secs(self.deadline_seconds.into()), what)
    }
}

/// The label that Rook takes from an OSD's Deployment at its second look.
const DEVICE_TYPE: &str = "device-type";

impl LabelOsdDeployments {
    async fn put(&self, world: &World, osd: &str, value: Value) -> Result<(), StepError> {
        let labels = json!({ "labels": { DEVICE_TYPE: value } });
        let patch = json!({ "metadata": labels, "spec": { "template": { "metadata": labels } } });
        let name = format!("rook-ceph-osd-{osd}");
        let patched = world
            .cluster
            .patch(Resource::DEPLOYMENT, world.namespace(), &name, &patch)
            .await;
        patched.map_err(failure::request)
    }

    /// Returns the type of each OSD's device as the OSD says it.
    async fn types(&self, world: &World) -> Result<BTreeMap<String, String>, StepError> {
        let metadata = world.ask(&query::OSD_METADATA).await?;
        self.osds
            .iter()
            .map(|osd| {
                let found = metadata.iter().find(|it| it.id == *osd);
                let kind = found.and_then(|it| it.get("bluestore_bdev_type"));
                let kind = kind.ok_or_else(|| failure::because(format!("osd.{osd} does not say its device's type")))?;
                Ok((osd.to_string(), kind.to_owned()))
            })
            .collect()
    }
}

#[async_trait]
impl Step<World> for LabelOsdDeployments {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let deployments = of_daemons(world, Resource::DEPLOYMENT).await?;
        Ok(self.osds.iter().all(|osd| {
            let wanted = format!("osd.{osd}");
            let found = deployments.iter().find(|(daemon, _)| *daemon == wanted);
            found.is_some_and(|(_, it)| {
                let in_pods = &it["spec"]["template"]["metadata"]["labels"][DEVICE_TYPE];
                label(it, DEVICE_TYPE).is_none() && in_pods.is_null()
            })
        }))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        for osd in &self.osds {
            self.put(world, &osd.to_string(), Value::Null).await?;
        }
        self.recall(world).await
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        for (osd, kind) in self.types(world).await? {
            self.put(world, &osd, json!(kind)).await?;
        }
        Ok(())
    }

    /// The generations of all Deployments as they are now: Rook's second look must not raise them.
    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        Recorded::value(generations(world).await?)
    }
}

impl TriggerReconcile {
    async fn put(&self, world: &World, interval: &str) -> Result<(), StepError> {
        let patch = json!({ "spec": { "healthCheck": { "daemonHealth": { "status": { "interval": interval } } } } });
        patch_ceph_cluster(world, &patch).await
    }
}

#[async_trait]
impl Step<World> for TriggerReconcile {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let cluster = ceph_cluster(world).await?.unwrap_or_default();
        let interval = &cluster["spec"]["healthCheck"]["daemonHealth"]["status"]["interval"];
        Ok(*interval == self.after.as_str())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.put(world, &self.after).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        self.put(world, &self.before).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_values_are_read() {
        for (encoded, text) in [
            ("", ""),
            ("YQ==", "a"),
            ("YWI=", "ab"),
            ("YWJj", "abc"),
            ("w7w/Pg==", "ü?>"),
        ] {
            assert_eq!(decoded(&json!(encoded)).as_deref(), Some(text));
        }
        assert_eq!(decoded(&json!("a*b")), None);
        assert_eq!(decoded(&Value::Null), None);
    }

    #[test]
    fn a_keyring_is_cut_to_the_wanted_sections() {
        let keyring =
            "[client.a]\n\tkey = x\n\tcaps mon = \"allow r\"\n[client.bootstrap-osd]\n\tkey = y\n[mon.]\n\tkey = z\n";
        let kept = only(keyring, &BTreeSet::from(["client.bootstrap-osd"]));
        assert_eq!(kept, "[client.bootstrap-osd]\n\tkey = y\n");
    }
}
