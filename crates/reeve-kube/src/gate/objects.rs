//! The three objects that the gate is made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    DAEMON_ID_LABEL, DAEMON_TYPE_LABEL, DaemonKey, FORMAT_ANNOTATION, GATE_FORMAT, MADE_AT_ANNOTATION, RELEASED_LIST,
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
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": mark.metadata(&policy_name(namespace)),
        "spec": {
            "failurePolicy": "Fail",
            "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
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
                "expression": format!("has(params.data) && ({kind} + '.' + {id}) in params.data"),
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
            "paramRef": { "name": RELEASED_LIST, "namespace": namespace, "parameterNotFoundAction": "Deny" },
            "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": only(namespace) },
        },
    })
}

/// Returns the list of released daemons: a ConfigMap whose keys they are.
pub fn released_list(namespace: &str, mark: &Mark, released: &BTreeSet<DaemonKey>) -> Value {
    let mut metadata = mark.metadata(RELEASED_LIST);
    metadata["namespace"] = json!(namespace);
    let data: Map<String, Value> = released
        .iter()
        .map(|daemon| (daemon.to_string(), json!("released")))
        .collect();
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data })
}

/// Returns the objects of a gate that nobody is released from, in the order in which they are created.
///
/// The list comes first and the binding last: a policy without its list would refuse released daemons, too.
pub fn objects(namespace: &str, run: &str) -> Vec<Value> {
    let mark = Mark {
        run: Some(run.to_owned()),
        made_at: None,
    };
    vec![
        released_list(namespace, &mark, &BTreeSet::new()),
        policy(namespace, &mark),
        binding(namespace, &mark),
    ]
}

/// Returns the merge patch that puts a daemon on the list.
pub(super) fn release_patch(daemon: &DaemonKey) -> Value {
    json!({ "data": { daemon.to_string(): "released" } })
}

/// Returns the merge patch that takes a daemon off the list.
pub(super) fn withhold_patch(daemon: &DaemonKey) -> Value {
    json!({ "data": { daemon.to_string(): null } })
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
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    #[test]
    fn the_objects_are_these() {
        let mark = Mark::of_run("20260102T030405Z-rook-a1b2", "2026-01-02T03:04:05Z".parse().unwrap());
        let released = BTreeSet::from(["mgr.a".parse().unwrap(), "mgr.b".parse().unwrap()]);
        let objects = [
            released_list("rook-ceph", &mark, &released),
            policy("rook-ceph", &mark),
            binding("rook-ceph", &mark),
        ];
        insta::assert_json_snapshot!(objects);
    }

    #[test]
    fn they_are_objects_that_kubernetes_knows() {
        let [list, policy, binding] = <[Value; 3]>::try_from(objects("ns", "run")).unwrap();
        // What the typed form would lose was misspelled.
        assert_eq!(
            serde_json::to_value(serde_json::from_value::<ConfigMap>(list.clone()).unwrap()).unwrap(),
            list
        );
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
                .map(|o| format!("{}", o["metadata"]["name"]))
                .collect::<Vec<_>>()
        };
        assert_ne!(names("a")[1..], names("b")[1..]);
    }
}
