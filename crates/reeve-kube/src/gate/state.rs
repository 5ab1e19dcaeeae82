//! What there is of a gate.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;

use super::{DaemonKey, FORMAT_ANNOTATION, MADE_AT_ANNOTATION, RUN_ANNOTATION, policy_name};
use crate::cluster::Cluster;
use crate::error::RequestError;
use reeve_untrusted::printable;

/// The gate of one namespace, as it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateState {
    /// The API server serves ValidatingAdmissionPolicy v1.
    pub supported: bool,
    /// The policy exists.
    pub policy: bool,
    /// The binding exists.
    pub binding: bool,
    /// Daemons that the namespace's annotations release; none where there is neither such an annotation nor a policy or binding.
    pub released: Option<BTreeSet<DaemonKey>>,
    /// The run that made it, as the first of its objects says that says it.
    pub run: Option<String>,
    /// When it was made: as annotated, else the oldest creation time of its objects.
    pub since: Option<jiff::Timestamp>,
}

impl GateState {
    /// Tells whether anything of a gate is there.
    pub const fn is_there(&self) -> bool {
        self.policy || self.binding || self.released.is_some()
    }

    /// Tells whether the gate refuses pods: policy and binding are there. Whether it works is for [`super::prove_closed`] to say.
    pub const fn is_in_force(&self) -> bool {
        self.policy && self.binding
    }
}

/// The gate's objects, as far as they exist.
pub(super) struct Existing {
    pub(super) supported: bool,
    pub(super) policy: Option<ValidatingAdmissionPolicy>,
    pub(super) binding: Option<ValidatingAdmissionPolicyBinding>,
    pub(super) namespace: bool,
    pub(super) released: BTreeSet<DaemonKey>,
}

impl Existing {
    /// Returns the metadata of policy and binding, of which each exists.
    pub(super) fn metadata(&self) -> impl Iterator<Item = &ObjectMeta> {
        let policy = self.policy.as_ref().map(|one| &one.metadata);
        let binding = self.binding.as_ref().map(|one| &one.metadata);
        [policy, binding].into_iter().flatten()
    }
}

/// Returns an annotation, safe to print.
fn annotation(metadata: &ObjectMeta, key: &str) -> Option<String> {
    metadata.annotations.as_ref()?.get(key).map(|value| printable(value))
}

pub(super) fn run_of(metadata: &ObjectMeta) -> Option<String> {
    annotation(metadata, RUN_ANNOTATION)
}

pub(super) fn format_of(metadata: &ObjectMeta) -> Option<String> {
    annotation(metadata, FORMAT_ANNOTATION)
}

pub(super) async fn read_existing(cluster: &Cluster, namespace: &str) -> Result<Existing, RequestError> {
    let client = || cluster.client().clone();
    let namespaces: Api<Namespace> = Api::all(client());
    let read_namespace = format!("read namespace {namespace}");
    let (supported, found) = futures::try_join!(
        is_supported(cluster),
        cluster.ask(&read_namespace, namespaces.get_metadata_opt(namespace))
    )?;
    let exists = found.is_some();
    let annotations = found.and_then(|found| found.metadata.annotations).unwrap_or_default();
    let released = annotations
        .keys()
        .filter_map(|key| DaemonKey::from_annotation(key))
        .collect();
    if !supported {
        return Ok(Existing {
            supported,
            policy: None,
            binding: None,
            namespace: exists,
            released,
        });
    }
    let name = policy_name(namespace);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client());
    let read_policy = format!("read ValidatingAdmissionPolicy {name}");
    let read_binding = format!("read ValidatingAdmissionPolicyBinding {name}");
    let (policy, binding) = futures::try_join!(
        cluster.ask(&read_policy, policies.get_opt(&name)),
        cluster.ask(&read_binding, bindings.get_opt(&name)),
    )?;
    Ok(Existing {
        supported,
        policy,
        binding,
        namespace: exists,
        released,
    })
}

/// Tells whether the API server serves ValidatingAdmissionPolicy v1, by asking it and not by its version: it can be switched off.
async fn is_supported(cluster: &Cluster) -> Result<bool, RequestError> {
    let resources = cluster
        .client()
        .list_api_group_resources("admissionregistration.k8s.io/v1");
    match cluster
        .ask("read the resources of admissionregistration.k8s.io/v1", resources)
        .await
    {
        Ok(list) => Ok(list
            .resources
            .iter()
            .any(|one| one.name == "validatingadmissionpolicies")),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns what there is of the gate of `namespace`. Reads only.
///
/// # Errors
///
/// [`RequestError`] if the server does not answer or the user may not see one of the objects.
pub async fn read_state(cluster: &Cluster, namespace: &str) -> Result<GateState, RequestError> {
    let existing = read_existing(cluster, namespace).await?;
    let annotated = |one: &ObjectMeta| annotation(one, MADE_AT_ANNOTATION).and_then(|text| text.parse().ok());
    let created = existing
        .metadata()
        .filter_map(|one| one.creation_timestamp.as_ref().map(|time| time.0))
        .min();
    let since = existing.metadata().find_map(annotated).or(created);
    let run = existing.metadata().find_map(run_of);
    let (policy, binding) = (existing.policy.is_some(), existing.binding.is_some());
    let there = policy || binding || !existing.released.is_empty();
    let released = there.then_some(existing.released);
    Ok(GateState {
        supported: existing.supported,
        policy,
        binding,
        released,
        run,
        since,
    })
}
