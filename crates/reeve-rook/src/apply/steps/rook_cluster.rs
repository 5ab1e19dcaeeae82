//! What Rook has made of the CephCluster: phase, Deployments, pods.

use std::collections::BTreeMap;
use std::time::Duration;

use reeve_journal::StepError;
use reeve_kube::gate::{DAEMON_ID_LABEL, DAEMON_TYPE_LABEL};
use reeve_kube::{RequestError, Resource};
use serde_json::{Value, json};

use crate::apply::World;
use crate::apply::failure;

/// Returns the CephCluster whole.
pub(super) async fn ceph_cluster(world: &World) -> Result<Option<Value>, StepError> {
    let name = &world.outline.context.cluster_name;
    let found = world.cluster.get(Resource::CEPH_CLUSTER, world.namespace(), name).await;
    found.map_err(failure::request)
}

pub(super) async fn patch_ceph_cluster(world: &World, patch: &Value) -> Result<(), StepError> {
    let name = &world.outline.context.cluster_name;
    let patched = world
        .cluster
        .patch(Resource::CEPH_CLUSTER, world.namespace(), name, patch)
        .await;
    patched.map_err(failure::request)
}

/// Returns why the CephCluster is not Ready with its latest spec, or nothing if it is.
pub(super) fn unready(cluster: Option<&Value>) -> Option<String> {
    let Some(cluster) = cluster else {
        return Some("there is no CephCluster".into());
    };
    let phase = cluster["status"]["phase"].as_str().unwrap_or("none");
    let wanted = cluster["metadata"]["generation"].as_i64().unwrap_or_default();
    let seen = cluster["status"]["observedGeneration"].as_i64().unwrap_or_default();
    if phase == "Ready" && seen >= wanted {
        return None;
    }
    let message = cluster["status"]["message"].as_str().unwrap_or_default();
    let message = reeve_untrusted::short(message, 200);
    Some(format!("phase {phase} ({message}), generation {seen} of {wanted}"))
}

/// Waits until Rook has observed the CephCluster's latest spec and is Ready.
pub(super) async fn await_ready(world: &World, deadline: Duration) -> Result<(), StepError> {
    world
        .until(
            "the CephCluster is Ready and has observed its latest spec",
            deadline,
            || async {
                let cluster = ceph_cluster(world).await?;
                Ok(unready(cluster.as_ref()).map_or(Ok(()), Err))
            },
        )
        .await
}

/// Returns a label of an object.
pub(super) fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["labels"][name].as_str()
}

pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Returns the objects of one kind that Rook made for Ceph daemons, by daemon: `mon.n1`.
pub(super) async fn of_daemons(world: &World, resource: Resource) -> Result<Vec<(String, Value)>, StepError> {
    let list = world.cluster.select(resource, world.namespace(), DAEMON_ID_LABEL).await;
    let list = list.map_err(failure::request)?;
    Ok(list
        .into_iter()
        .filter_map(|object| {
            // A Deployment of Rook carries the id in its own labels and the type in its pods' only.
            let kind = label(&object, DAEMON_TYPE_LABEL)
                .or_else(|| object["spec"]["template"]["metadata"]["labels"][DAEMON_TYPE_LABEL].as_str())?;
            let id = label(&object, DAEMON_ID_LABEL)?;
            Some((format!("{kind}.{id}"), object))
        })
        .collect())
}

/// Returns the generations of the daemons' Deployments, by name.
pub(super) async fn generations(world: &World) -> Result<BTreeMap<String, i64>, StepError> {
    let deployments = of_daemons(world, Resource::DEPLOYMENT).await?;
    Ok(deployments
        .iter()
        .map(|(_, object)| {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
            (name(object).to_owned(), generation)
        })
        .collect())
}

/// Tells whether a pod runs and is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|list| list.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// Scales the operator.
pub(super) async fn scale_operator(world: &World, replicas: i32) -> Result<(), StepError> {
    let namespace = &world.outline.context.operator_namespace;
    let patch = json!({ "spec": { "replicas": replicas } });
    let patched = world
        .cluster
        .patch(Resource::DEPLOYMENT, namespace, reeve_kube::OPERATOR_DEPLOYMENT, &patch)
        .await;
    patched.map_err(failure::request)
}

/// Takes a finalizer off an object and deletes it; one that is not there is no error.
pub(super) async fn remove_finalized(world: &World, resource: Resource, name: &str) -> Result<(), StepError> {
    let patch = json!({ "metadata": { "finalizers": null } });
    let absent = |error: RequestError| {
        if error.is_not_found() {
            Ok(())
        } else {
            Err(failure::request(error))
        }
    };
    let patched = world.cluster.patch(resource, world.namespace(), name, &patch).await;
    patched.or_else(absent)?;
    let deleted = world.cluster.delete(resource, world.namespace(), name).await;
    deleted.map_err(failure::request).map(drop)
}
