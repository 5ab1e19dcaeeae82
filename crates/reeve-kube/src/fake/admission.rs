//! What admission makes of a pod.

use serde_json::Value;

use super::object_path::ObjectPath;
use super::store::Store;

fn path(group_version: &str, resource: &str, name: Option<&str>) -> ObjectPath {
    ObjectPath {
        group_version: group_version.into(),
        namespace: None,
        resource: resource.into(),
        name: name.map(str::to_owned),
    }
}

/// Returns why the gate's policies in `store` refuse a pod in `namespace`; none if they do not.
///
/// Policies are expected to be of the daemon gate's shape; the expressions are not read but known. The messages are those of the real server.
pub(super) fn refusal(store: &Store, namespace: &str, pod: &Value) -> Option<String> {
    const GROUP: &str = "admissionregistration.k8s.io/v1";
    let label = |key: &str| pod["metadata"]["labels"][key].as_str();
    let (kind, id) = (label("ceph_daemon_type")?, label("ceph_daemon_id")?);
    let annotations = store
        .get(&path("v1", "namespaces", Some(namespace)))
        .map(|found| &found["metadata"]["annotations"]);
    if annotations.is_some_and(|found| found.get(format!("{kind}.released.reeve/{id}")).is_some()) {
        return None;
    }
    store
        .list(&path(GROUP, "validatingadmissionpolicybindings", None), "")
        .into_iter()
        .find_map(|binding| {
            let policy_name = binding["spec"]["policyName"].as_str()?;
            // A binding without its policy does nothing.
            let policy = store.get(&path(GROUP, "validatingadmissionpolicies", Some(policy_name)))?;
            let selects = |selector: &Value| {
                selector["matchLabels"]["kubernetes.io/metadata.name"]
                    .as_str()
                    .is_none_or(|only| only == namespace)
            };
            let selected = selects(&binding["spec"]["matchResources"]["namespaceSelector"])
                && selects(&policy["spec"]["matchConstraints"]["namespaceSelector"]);
            let binding_name = binding["metadata"]["name"].as_str().unwrap_or_default();
            selected.then(|| {
                format!(
                    "ValidatingAdmissionPolicy '{policy_name}' with binding '{binding_name}' denied request: \
                 daemon {kind}.{id} has not been handed over yet"
                )
            })
        })
}
