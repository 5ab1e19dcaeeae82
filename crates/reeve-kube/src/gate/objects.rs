//! What the gate is made of: policy, binding, and annotations of the namespace.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    DAEMON_ID_LABEL, DAEMON_TYPE_LABEL, DaemonKey, FORMAT_ANNOTATION, GATE_FORMAT, MADE_AT_ANNOTATION, RELEASED_SUFFIX,
    RUN_ANNOTATION, policy_name,
};

/// What an unreleased daemon's pod is told; [`super::prove_closed`] looks for it.
pub(crate) const NOT_RELEASED: &str = "has not been handed over yet";

/// Who made a gate, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The run's id; none while it is only planned.
    pub run: Option<String>,
    /// When; none while it is only planned.
    pub made_at: Option<jiff::Timestamp>,
}

impl Mark {
    /// Returns the mark of a run.
    pub fn of_run(run: &str, made_at: jiff::Timestamp) -> Self {
        Self {
            run: Some(run.to_owned()),
            made_at: Some(made_at),
        }
    }

    fn metadata(&self, name: &str) -> Value {
        let mut annotations = Map::new();
        annotations.insert(FORMAT_ANNOTATION.into(), json!(GATE_FORMAT));
        if let Some(run) = &self.run {
            annotations.insert(RUN_ANNOTATION.into(), json!(run));
        }
        if let Some(made_at) = self.made_at {
            annotations.insert(MADE_AT_ANNOTATION.into(), json!(made_at.to_string()));
        }
        json!({
            "name": name,
            "labels": { "app.kubernetes.io/managed-by": "reeve", "app.kubernetes.io/part-of": "rook-take-over" },
            "annotations": annotations,
        })
    }
}

/// Returns the policy of the gate of `namespace`.
///
/// It matches in that namespace only, also where somebody binds it elsewhere.
pub fn policy(namespace: &str, mark: &Mark) -> Value {
    let kind = format!("object.metadata.labels['{DAEMON_TYPE_LABEL}']");
    let id = format!("object.metadata.labels['{DAEMON_ID_LABEL}']");
    let annotations = "namespaceObject.metadata.annotations";
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": mark.metadata(&policy_name(namespace)),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": only(namespace),
                "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
            },
            "matchConditions": [{
                "name": "ceph-daemon",
                "expression": format!(
                    "has(object.metadata.labels) && '{DAEMON_TYPE_LABEL}' in object.metadata.labels && '{DAEMON_ID_LABEL}' in object.metadata.labels"
                ),
            }],
            "validations": [{
                "expression": format!("has({annotations}) && ({kind} + '.{RELEASED_SUFFIX}/' + {id}) in {annotations}"),
                "messageExpression": format!("'daemon ' + {kind} + '.' + {id} + ' {NOT_RELEASED}'"),
                "reason": "Forbidden",
            }],
        },
    })
}

/// Returns the binding of the gate of `namespace`; it closes the gate.
pub fn binding(namespace: &str, mark: &Mark) -> Value {
    let name = policy_name(namespace);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": mark.metadata(&name),
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": only(namespace) },
        },
    })
}

/// Returns the objects of a gate, in the order in which they are created; nobody is released by them.
pub fn objects(namespace: &str, run: &str) -> Vec<Value> {
    let mark = Mark {
        run: Some(run.to_owned()),
        made_at: None,
    };
    vec![policy(namespace, &mark), binding(namespace, &mark)]
}

/// Returns the merge patch of the namespace that releases daemons.
pub fn release_patch<'a>(daemons: impl IntoIterator<Item = &'a DaemonKey>) -> Value {
    patch(daemons.into_iter().map(|daemon| (daemon, json!("true"))))
}

/// Returns the merge patch of the namespace that takes daemons off the list of released ones.
pub fn withhold_patch<'a>(daemons: impl IntoIterator<Item = &'a DaemonKey>) -> Value {
    patch(daemons.into_iter().map(|daemon| (daemon, Value::Null)))
}

/// Returns the merge patch of the namespace that makes `wanted` of the list `found`.
pub(super) fn replace_patch(found: &BTreeSet<DaemonKey>, wanted: &BTreeSet<DaemonKey>) -> Value {
    let off = found.difference(wanted).map(|daemon| (daemon, Value::Null));
    patch(off.chain(wanted.iter().map(|daemon| (daemon, json!("true")))))
}

fn patch<'a>(entries: impl Iterator<Item = (&'a DaemonKey, Value)>) -> Value {
    let annotations: Map<String, Value> = entries.map(|(daemon, value)| (daemon.annotation(), value)).collect();
    json!({ "metadata": { "annotations": annotations } })
}

/// Selects one namespace by the label that the API server itself puts there and keeps.
///
/// Source: Kubernetes documentation: Well-Known Labels – `kubernetes.io/metadata.name`.
fn only(namespace: &str) -> Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};

    use super::*;

    #[test]
    fn the_objects_are_these() {
        let mark = Mark::of_run("20260102T030405Z-rook-a1b2", "2026-01-02T03:04:05Z".parse().unwrap());
        let (mgr, mon) = ("mgr.a".parse().unwrap(), "mon.n1".parse().unwrap());
        let patches = [release_patch([&mgr, &mon]), withhold_patch([&mon])];
        insta::assert_json_snapshot!((policy("rook-ceph", &mark), binding("rook-ceph", &mark), patches));
    }

    #[test]
    fn they_are_objects_that_kubernetes_knows() {
        let [policy, binding] = <[Value; 2]>::try_from(objects("ns", "run")).unwrap();
        // What the typed form would lose was misspelled.
        let typed: ValidatingAdmissionPolicy = serde_json::from_value(policy.clone()).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), policy);
        let typed: ValidatingAdmissionPolicyBinding = serde_json::from_value(binding.clone()).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), binding);
    }

    #[test]
    fn two_namespaces_have_two_gates() {
        let names = |namespace: &str| {
            objects(namespace, "run")
                .iter()
                .map(|o| o["metadata"]["name"].clone())
                .collect::<Vec<_>>()
        };
        let (a, b) = (names("a"), names("b"));
        assert!(a.iter().all(|name| !b.contains(name)), "{a:?} {b:?}");
    }

    #[test]
    fn a_list_becomes_another_by_one_patch() {
        let daemon = |name: &str| -> DaemonKey { name.parse().unwrap() };
        let found = BTreeSet::from([daemon("mon.old"), daemon("mgr.a")]);
        let patch = replace_patch(&found, &BTreeSet::from([daemon("mgr.a"), daemon("mgr.b")]));
        let wanted =
            json!({ "mon.released.reeve/old": null, "mgr.released.reeve/a": "true", "mgr.released.reeve/b": "true" });
        assert_eq!(patch["metadata"]["annotations"], wanted);
    }
}
