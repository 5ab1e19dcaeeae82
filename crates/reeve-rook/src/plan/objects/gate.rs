//! The objects of the daemon gate, as the plan shows them; `reeve_kube::gate` makes them and says how the gate works.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonName;
use reeve_journal::plan::Action;
use reeve_kube::gate::{self, DaemonKey, Mark};
use serde_json::Value;

pub(crate) use reeve_kube::gate::{NUDGE_ANNOTATION, policy_name};

/// Labels of everything that the take-over makes for itself and removes again.
pub(crate) fn labels() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("app.kubernetes.io/managed-by", "reeve"),
        ("app.kubernetes.io/part-of", "rook-take-over"),
    ])
}

pub(crate) fn policy(namespace: &str) -> Value {
    gate::policy(namespace, &Mark::default())
}

pub(crate) fn binding(namespace: &str) -> Value {
    gate::binding(namespace, &Mark::default())
}

/// Returns the action that puts daemons on the list of released ones, which is annotations of the namespace.
///
/// The planner has refused every daemon whose name could not be on it.
pub(crate) fn release<'a>(namespace: &str, daemons: impl IntoIterator<Item = &'a String>) -> Action {
    on_namespace(namespace, gate::release_patch(&keys(daemons)))
}

/// Returns the action that takes daemons off the list of released ones.
pub(crate) fn withdraw<'a>(namespace: &str, daemons: impl IntoIterator<Item = &'a String>) -> Action {
    on_namespace(namespace, gate::withhold_patch(&keys(daemons)))
}

/// As [`release`], for one daemon.
pub(crate) fn release_one(namespace: &str, daemon: &DaemonName) -> Action {
    release(namespace, &[daemon.to_string()])
}

/// As [`withdraw`], for one daemon.
pub(crate) fn withdraw_one(namespace: &str, daemon: &DaemonName) -> Action {
    withdraw(namespace, &[daemon.to_string()])
}

fn keys<'a>(daemons: impl IntoIterator<Item = &'a String>) -> BTreeSet<DaemonKey> {
    daemons.into_iter().filter_map(|daemon| daemon.parse().ok()).collect()
}

fn on_namespace(namespace: &str, patch: Value) -> Action {
    Action::Patch {
        object: format!("Namespace {namespace}"),
        patch,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn daemons_are_released_by_annotations_of_the_namespace() {
        let daemon = "osd.12".parse().unwrap();
        let (object, patch) = (
            "Namespace ns".to_owned(),
            json!({ "metadata": { "annotations": { "osd.released.reeve/12": "true" } } }),
        );
        assert_eq!(
            release_one("ns", &daemon),
            Action::Patch {
                object: object.clone(),
                patch
            }
        );
        let patch = json!({ "metadata": { "annotations": { "osd.released.reeve/12": null } } });
        assert_eq!(withdraw_one("ns", &daemon), Action::Patch { object, patch });
    }
}
