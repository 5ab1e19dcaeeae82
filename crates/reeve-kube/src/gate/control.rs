//! Closing the gate, releasing daemons, removing it.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::objects::{Mark, binding, policy, release_patch, released_list, withhold_patch};
use super::state::{Existing, format_of, read_existing, run_of};
use super::{
    DAEMON_ID_LABEL, DAEMON_TYPE_LABEL, DaemonKey, FIELD_MANAGER, GATE_FORMAT, GateError, NUDGE_ANNOTATION,
    RELEASED_LIST, policy_name,
};
use crate::cluster::Cluster;
use crate::error::{Problem, RequestError};

/// A gate that is to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGate {
    /// The namespace.
    pub namespace: String,
    /// The run that makes it.
    pub run: String,
    /// When the run began to make it; the same on a repeat.
    pub made_at: jiff::Timestamp,
    /// Daemons that are released from the start.
    pub released: BTreeSet<DaemonKey>,
}

/// What [`remove`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The binding was there.
    pub binding: bool,
    /// The policy was there.
    pub policy: bool,
    /// The list was there.
    pub list: bool,
}

/// Closes the gate: list, policy, binding, in this order.
///
/// A repeat by the same run mends policy and binding and leaves the list as it is, with whatever was released since.
/// Whether the gate works is for [`super::prove_closed`] to say; the API server takes a moment.
///
/// # Errors
///
/// [`GateError::Unsupported`] before Kubernetes 1.30; [`GateError::OfAnotherRun`] and [`GateError::Format`] if another gate is there, which
/// is left as it is; [`GateError::NamespaceMissing`]; [`GateError::Request`].
pub async fn close(cluster: &Cluster, gate: &NewGate) -> Result<(), GateError> {
    let namespace = gate.namespace.as_str();
    let existing = read_existing(cluster, namespace).await?;
    if !existing.supported {
        let version = cluster.version().await?;
        return Err(GateError::Unsupported {
            version,
            server: cluster.origin().server.clone(),
        });
    }
    refuse_foreign(&existing, namespace, Some(&gate.run))?;
    let namespaces: Api<Namespace> = Api::all(cluster.client().clone());
    if cluster
        .ask(&format!("read namespace {namespace}"), namespaces.get_opt(namespace))
        .await?
        .is_none()
    {
        return Err(GateError::NamespaceMissing {
            namespace: namespace.to_owned(),
        });
    }

    let mark = Mark::of_run(&gate.run, gate.made_at);
    if existing.list.is_none() {
        create_list(cluster, namespace, &mark, &gate.released).await?;
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let name = policy_name(namespace);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client().clone());
    let wanted = Patch::Apply(policy(namespace, &mark));
    cluster
        .ask(
            &format!("create ValidatingAdmissionPolicy {name}"),
            policies.patch(&name, &params, &wanted),
        )
        .await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client().clone());
    let wanted = Patch::Apply(binding(namespace, &mark));
    cluster
        .ask(
            &format!("create ValidatingAdmissionPolicyBinding {name}"),
            bindings.patch(&name, &params, &wanted),
        )
        .await?;
    Ok(())
}

/// Creates the list; one that appeared meanwhile was made by a repeat of this run, whose earlier request had no answer.
async fn create_list(
    cluster: &Cluster,
    namespace: &str,
    mark: &Mark,
    released: &BTreeSet<DaemonKey>,
) -> Result<(), GateError> {
    let lists: Api<ConfigMap> = Api::namespaced(cluster.client().clone(), namespace);
    let action = format!("create configmap {RELEASED_LIST} in namespace {namespace}");
    let list: ConfigMap = serde_json::from_value(released_list(namespace, mark, released))
        .map_err(|error| cluster.failed(&action, Problem::Garbage(error.to_string())))?;
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    };
    match cluster.ask(&action, lists.create(&params, &list)).await {
        Ok(_) => Ok(()),
        Err(RequestError {
            problem: Problem::AlreadyExists(_),
            ..
        }) => refuse_foreign(
            &read_existing(cluster, namespace).await?,
            namespace,
            mark.run.as_deref(),
        ),
        Err(error) => Err(error.into()),
    }
}

/// Releases a daemon: its pod may be created from now on. A repeat changes nothing.
///
/// # Errors
///
/// [`GateError::Missing`] without a gate; [`GateError::OfAnotherRun`], [`GateError::Format`]; [`GateError::Request`].
pub async fn release(cluster: &Cluster, namespace: &str, run: &str, daemon: &DaemonKey) -> Result<(), GateError> {
    patch_list(
        cluster,
        namespace,
        run,
        &format!("release {daemon}"),
        &release_patch(daemon),
    )
    .await
}

/// Takes a daemon's release back: no new pod of it is created from now on; one that runs goes on running. A repeat changes nothing.
///
/// # Errors
///
/// As [`release`].
pub async fn withhold(cluster: &Cluster, namespace: &str, run: &str, daemon: &DaemonKey) -> Result<(), GateError> {
    patch_list(
        cluster,
        namespace,
        run,
        &format!("withhold {daemon}"),
        &withhold_patch(daemon),
    )
    .await
}

async fn patch_list(
    cluster: &Cluster,
    namespace: &str,
    run: &str,
    what: &str,
    patch: &serde_json::Value,
) -> Result<(), GateError> {
    let existing = read_existing(cluster, namespace).await?;
    refuse_foreign(&existing, namespace, Some(run))?;
    let missing = || GateError::Missing {
        namespace: namespace.to_owned(),
    };
    if existing.list.is_none() {
        return Err(missing());
    }
    let lists: Api<ConfigMap> = Api::namespaced(cluster.client().clone(), namespace);
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    let request = lists.patch(RELEASED_LIST, &params, &patch);
    match cluster.ask(&format!("{what} in namespace {namespace}"), request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Removes the gate: binding, policy, list, in this order. What is not there is no error, so a repeat removes the rest.
///
/// With `run` none, whoever made it: for a gate whose run is lost, when a person has said so.
/// Whether pods are let through again is for [`super::prove_open`] to say.
///
/// # Errors
///
/// [`GateError::OfAnotherRun`] and [`GateError::Format`] if `run` did not make it; [`GateError::Request`].
pub async fn remove(cluster: &Cluster, namespace: &str, run: Option<&str>) -> Result<Removed, GateError> {
    let existing = read_existing(cluster, namespace).await?;
    if run.is_some() {
        refuse_foreign(&existing, namespace, run)?;
    }
    let name = policy_name(namespace);
    let client = || cluster.client().clone();
    let params = DeleteParams::default();
    let mut removed = Removed::default();
    if existing.binding.is_some() {
        let api: Api<ValidatingAdmissionPolicyBinding> = Api::all(client());
        let request = api.delete(&name, &params);
        removed.binding = was_there(
            cluster
                .ask(&format!("delete ValidatingAdmissionPolicyBinding {name}"), request)
                .await,
        )?;
    }
    if existing.policy.is_some() {
        let api: Api<ValidatingAdmissionPolicy> = Api::all(client());
        let request = api.delete(&name, &params);
        removed.policy = was_there(
            cluster
                .ask(&format!("delete ValidatingAdmissionPolicy {name}"), request)
                .await,
        )?;
    }
    if existing.list.is_some() {
        let api: Api<ConfigMap> = Api::namespaced(client(), namespace);
        let request = api.delete(RELEASED_LIST, &params);
        let action = format!("delete configmap {RELEASED_LIST} in namespace {namespace}");
        removed.list = was_there(cluster.ask(&action, request).await)?;
    }
    Ok(removed)
}

/// Touches the ReplicaSets of a daemon, so that their controller tries at once to create its pod instead of after its back-off.
///
/// Returns how many were touched: none while Rook has not made the Deployment. `value` goes into the annotation and should differ from the last one.
///
/// # Errors
///
/// [`RequestError`] if the server does not answer or the user may not patch ReplicaSets.
pub async fn nudge(cluster: &Cluster, namespace: &str, daemon: &DaemonKey, value: &str) -> Result<usize, RequestError> {
    let api: Api<ReplicaSet> = Api::namespaced(cluster.client().clone(), namespace);
    let selector = format!(
        "{DAEMON_TYPE_LABEL}={},{DAEMON_ID_LABEL}={}",
        daemon.kind(),
        daemon.id()
    );
    let action = format!("list the ReplicaSets of {daemon} in namespace {namespace}");
    let sets = cluster
        .list_all(&action, &api, ListParams::default().labels(&selector))
        .await?;
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { NUDGE_ANNOTATION: value } } }));
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let mut touched = 0;
    for set in sets {
        // Old revisions of a Deployment stay behind with no replicas.
        let wanted = set.spec.and_then(|spec| spec.replicas).unwrap_or_default();
        let (Some(name), 1..) = (set.metadata.name, wanted) else {
            continue;
        };
        cluster
            .ask(
                &format!("touch ReplicaSet {name} in namespace {namespace}"),
                api.patch_metadata(&name, &params, &patch),
            )
            .await?;
        touched += 1;
    }
    Ok(touched)
}

/// Refuses a gate that `run` did not make, or whose format is not ours.
fn refuse_foreign(existing: &Existing, namespace: &str, run: Option<&str>) -> Result<(), GateError> {
    for metadata in existing.metadata() {
        let found = run_of(metadata);
        if found.as_deref() != run {
            return Err(GateError::OfAnotherRun {
                namespace: namespace.to_owned(),
                run: found.unwrap_or_else(|| "unknown".into()),
                wanted: run.unwrap_or("unknown").to_owned(),
            });
        }
        let format = format_of(metadata).unwrap_or_default();
        if format != GATE_FORMAT {
            return Err(GateError::Format {
                namespace: namespace.to_owned(),
                found: format,
            });
        }
    }
    Ok(())
}

/// Turns the answer to a deletion into whether there was something to delete.
fn was_there<T>(answer: Result<T, RequestError>) -> Result<bool, RequestError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
