//! The objects of the daemon gate, as the plan shows them; `reeve_kube::gate` makes them and says how the gate works.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonName;
use reeve_kube::gate::{self, Mark};
use serde_json::{Value, json};

pub(crate) use reeve_kube::gate::{NUDGE_ANNOTATION, RELEASED_LIST, policy_name};

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

/// Returns the list with these daemons on it; the planner has refused every daemon whose name could not be on it.
pub(crate) fn released_list(namespace: &str, released: &BTreeSet<String>) -> Value {
    let keys = released.iter().filter_map(|daemon| daemon.parse().ok()).collect();
    gate::released_list(namespace, &Mark::default(), &keys)
}

pub(crate) fn release_patch(daemon: &DaemonName) -> Value {
    json!({ "data": { daemon.to_string(): "released" } })
}

pub(crate) fn withdraw_patch(daemon: &DaemonName) -> Value {
    json!({ "data": { daemon.to_string(): null } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_makes_the_list_that_a_new_gate_would_have() {
        let released = BTreeSet::from(["mgr.a".to_owned(), "osd.12".to_owned()]);
        let mut list = released_list("ns", &BTreeSet::from(["mgr.a".to_owned()]));
        let patch = release_patch(&"osd.12".parse().unwrap());
        list["data"]["osd.12"] = patch["data"]["osd.12"].clone();
        assert_eq!(list, released_list("ns", &released));
        assert!(withdraw_patch(&"osd.12".parse().unwrap())["data"]["osd.12"].is_null());
    }
}
