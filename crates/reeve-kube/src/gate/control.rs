//! Closing the gate, releasing daemons, removing it.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::objects::{Mark, binding, policy, release_patch, replace_patch, withhold_patch};
use super::state::{Existing, format_of, read_existing, run_of};
use super::{
    DAEMON_ID_LABEL, DAEMON_TYPE_LABEL, DaemonKey, FIELD_MANAGER, GATE_FORMAT, GateError, NUDGE_ANNOTATION, policy_name,
};
use crate::cluster::Cluster;
use crate::error::RequestError;

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
    /// How many daemons were on the list of released ones.
    pub released: usize,
}

/// Closes the gate: list of released daemons, policy, binding, in this order.
///
/// A repeat by the same run mends policy and binding and leaves the list as it is, with whatever was released since. What a dead run left on the
/// list goes. Whether the gate works is for [`super::prove_closed`] to say; the API server takes a moment.
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
    if !existing.namespace {
        return Err(GateError::NamespaceMissing {
            namespace: namespace.to_owned(),
        });
    }
    // The list is there before the policy is; a policy that is there was made after it.
    if existing.policy.is_none() && existing.released != gate.released {
        let action = format!("set the list of released daemons of namespace {namespace}");
        patch_namespace(
            cluster,
            namespace,
            &action,
            replace_patch(&existing.released, &gate.released),
        )
        .await?;
    }

    let mark = Mark::of_run(&gate.run, gate.made_at);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let name = policy_name(namespace);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client().clone());
    let wanted = Patch::Apply(policy(namespace, &mark));
    let action = format!("create ValidatingAdmissionPolicy {name}");
    cluster.ask(&action, policies.patch(&name, &params, &wanted)).await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client().clone());
    let wanted = Patch::Apply(binding(namespace, &mark));
    let action = format!("create ValidatingAdmissionPolicyBinding {name}");
    cluster.ask(&action, bindings.patch(&name, &params, &wanted)).await?;
    Ok(())
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
        release_patch([daemon]),
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
        withhold_patch([daemon]),
    )
    .await
}

async fn patch_list(cluster: &Cluster, namespace: &str, run: &str, what: &str, patch: Value) -> Result<(), GateError> {
    let existing = read_existing(cluster, namespace).await?;
    refuse_foreign(&existing, namespace, Some(run))?;
    if existing.policy.is_none() {
        return Err(GateError::Missing {
            namespace: namespace.to_owned(),
        });
    }
    Ok(patch_namespace(cluster, namespace, &format!("{what} in namespace {namespace}"), patch).await?)
}

async fn patch_namespace(cluster: &Cluster, namespace: &str, action: &str, patch: Value) -> Result<(), RequestError> {
    let namespaces: Api<Namespace> = Api::all(cluster.client().clone());
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    cluster
        .ask(
            action,
            namespaces.patch_metadata(namespace, &params, &Patch::Merge(patch)),
        )
        .await?;
    Ok(())
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
        let action = format!("delete ValidatingAdmissionPolicyBinding {name}");
        removed.binding = was_there(cluster.ask(&action, api.delete(&name, &params)).await)?;
    }
    if existing.policy.is_some() {
        let api: Api<ValidatingAdmissionPolicy> = Api::all(client());
        let action = format!("delete ValidatingAdmissionPolicy {name}");
        removed.policy = was_there(cluster.ask(&action, api.delete(&name, &params)).await)?;
    }
    if !existing.released.is_empty() {
        let action = format!("clear the list of released daemons of namespace {namespace}");
        let cleared = patch_namespace(cluster, namespace, &action, withhold_patch(&existing.released)).await;
        if was_there(cleared)? {
            removed.released = existing.released.len();
        }
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
