//! The Secret and ConfigMaps from which Rook learns which cluster it has.
//!
//! Source: rook: `pkg/operator/ceph/controller/cluster_info.go`, `CreateOrLoadClusterInfo` and `loadMonConfig`; the same formats stand in
//! Rook's disaster recovery guide.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::plan::site::Site;

pub(crate) const SECRET: &str = "rook-ceph-mon";
pub(crate) const ENDPOINTS: &str = "rook-ceph-mon-endpoints";
pub(crate) const OVERRIDE: &str = "rook-config-override";

/// Returns the Secret with notes in the place of keys.
pub(crate) fn secret(namespace: &str, fsid: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": SECRET, "namespace": namespace, "finalizers": ["ceph.rook.io/disaster-protection"] },
        "type": "kubernetes.io/rook",
        "stringData": {
            "fsid": fsid,
            "mon-secret": "(the key of mon., read from Ceph when the step runs)",
            "ceph-username": "client.admin",
            "ceph-secret": "(the key of client.admin, read from Ceph when the step runs)",
        },
    })
}

/// Returns the `data` of the mons' ConfigMap.
pub(crate) fn endpoints_data(site: &Site<'_>) -> BTreeMap<String, String> {
    let mut mons: Vec<_> = site.mons.iter().collect();
    mons.sort_by(|one, two| one.id.cmp(&two.id));
    let list: Vec<String> = mons.iter().map(|mon| format!("{}={}", mon.id, mon.endpoint)).collect();
    let nodes: Map<String, Value> = mons
        .iter()
        .map(|mon| {
            let node = site.node(&mon.host);
            (
                mon.id.clone(),
                json!({ "Name": node.node, "Hostname": node.hostname, "Address": mon.ip }),
            )
        })
        .collect();
    BTreeMap::from([
        ("data".to_owned(), list.join(",")),
        ("mapping".to_owned(), json!({ "node": nodes }).to_string()),
        // Rook counts its own letters from here: -1 makes its first new mon `a`. Names that are no single letters do not count.
        (
            "maxMonId".to_owned(),
            max_mon_id(mons.iter().map(|mon| mon.id.as_str())).to_string(),
        ),
    ])
}

/// Returns the index of the highest mon that has a single letter for a name, or -1.
fn max_mon_id<'a>(ids: impl Iterator<Item = &'a str>) -> i32 {
    ids.filter_map(|id| match id.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(i32::from(letter - b'a')),
        _ => None,
    })
    .max()
    .unwrap_or(-1)
}

pub(crate) fn endpoints(namespace: &str, data: &BTreeMap<String, String>) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": ENDPOINTS, "namespace": namespace }, "data": data })
}

pub(crate) fn config_override(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": OVERRIDE, "namespace": namespace },
        "data": { "config": "[global]\n" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_letters_count() {
        assert_eq!(max_mon_id(["n1", "alpha", "mon-a"].into_iter()), -1);
        assert_eq!(max_mon_id(["a", "c", "b"].into_iter()), 2);
    }
}
