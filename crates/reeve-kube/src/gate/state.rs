//! What there is of a gate.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;

use super::{FORMAT_ANNOTATION, MADE_AT_ANNOTATION, RELEASED_LIST, RUN_ANNOTATION, policy_name};
use crate::cluster::Cluster;
use crate::error::RequestError;
use crate::untrusted::printable;

/// The gate of one namespace, as it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateState {
    /// The API server serves ValidatingAdmissionPolicy v1.
    pub supported: bool,
    /// The policy exists.
    pub policy: bool,
    /// The binding exists.
    pub binding: bool,
    /// Keys of the list of released daemons; none where there is no list.
    pub released: Option<BTreeSet<String>>,
    /// The run that made it, as the first of its objects says that says it.
    pub run: Option<String>,
    /// When it was made: as annotated, else the oldest creation time of its objects.
    pub since: Option<jiff::Timestamp>,
}

impl GateState {
    /// Tells whether any object of a gate is there.
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
    pub(super) list: Option<ConfigMap>,
}

impl Existing {
    /// Returns the metadata of each object that exists.
    pub(super) fn metadata(&self) -> impl Iterator<Item = &ObjectMeta> {
        let policy = self.policy.as_ref().map(|one| &one.metadata);
        let binding = self.binding.as_ref().map(|one| &one.metadata);
        let list = self.list.as_ref().map(|one| &one.metadata);
        [policy, binding, list].into_iter().flatten()
    }
}

/// Returns an annotation, safe to print.
pub(super) fn annotation(metadata: &ObjectMeta, key: &str) -> Option<String> {
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
    let lists: Api<ConfigMap> = Api::namespaced(client(), namespace);
    let read_list = format!("read configmap {RELEASED_LIST} in namespace {namespace}");
    let (supported, list) = futures::try_join!(
        is_supported(cluster),
        cluster.ask(&read_list, lists.get_opt(RELEASED_LIST))
    )?;
    if !supported {
        return Ok(Existing {
            supported,
            policy: None,
            binding: None,
            list,
        });
    }
    let name = policy_name(namespace);
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client());
    let (read_policy, read_binding) = (
        format!("read ValidatingAdmissionPolicy {name}"),
        format!("read ValidatingAdmissionPolicyBinding {name}"),
    );
    let (policy, binding) = futures::try_join!(
        cluster.ask(&read_policy, policies.get_opt(&name)),
        cluster.ask(&read_binding, bindings.get_opt(&name)),
    )?;
    Ok(Existing {
        supported,
        policy,
        binding,
        list,
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
    Ok(GateState {
        supported: existing.supported,
        policy: existing.policy.is_some(),
        binding: existing.binding.is_some(),
        run,
        since,
        released: existing
            .list
            .map(|list| list.data.unwrap_or_default().into_keys().collect()),
    })
}
