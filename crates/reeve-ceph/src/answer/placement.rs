//! Where things run and lie: status of PGs, the tree, hosts of daemons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::{DaemonName, DaemonType, Fsid};

/// Answer to `ceph status`, as far as PGs go.
///
/// Source: ceph/ceph: `src/mon/PGMap.cc` – `PGMapDigest::print_summary`, `recovery_summary`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Status {
    /// The cluster's id.
    pub fsid: Fsid,
    /// PGs.
    pub pgmap: PgMap,
}

/// PGs by state.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct PgMap {
    /// All PGs.
    pub num_pgs: u32,
    /// PGs by state.
    #[serde(default)]
    pub pgs_by_state: Vec<PgState>,
    /// Copies that are missing; absent where there are none.
    #[serde(default)]
    pub degraded_objects: u64,
    /// Copies that lie elsewhere than wanted; absent where there are none.
    #[serde(default)]
    pub misplaced_objects: u64,
}

/// How many PGs are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PgState {
    /// `active+clean`
    pub state_name: String,
    /// How many.
    pub count: u32,
}

/// Answer to `ceph osd tree`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OsdTree {
    /// Buckets and OSDs, parents first.
    pub nodes: Vec<TreeNode>,
    /// OSDs outside the tree.
    #[serde(default)]
    pub stray: Vec<TreeNode>,
}

/// A bucket or an OSD in the tree.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TreeNode {
    /// Its number, negative for buckets.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `root`, `host`, `osd`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it holds.
    #[serde(default)]
    pub children: Vec<i64>,
}

/// Answer to `ceph node ls`: kind → host → ids.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct NodeList(BTreeMap<String, BTreeMap<String, Vec<IdWord>>>);

/// An id: a number for OSDs, a text for others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
enum IdWord {
    Number(u32),
    Text(String),
}

impl NodeList {
    /// Returns each daemon and its host; daemons of kinds that this crate does not know are left out.
    pub fn hosts(&self) -> BTreeMap<DaemonName, String> {
        let mut hosts = BTreeMap::new();
        for (kind, by_host) in &self.0 {
            let Some(kind) = DaemonType::from_word(kind) else {
                continue;
            };
            for (host, ids) in by_host.iter().filter(|(host, _)| !host.is_empty()) {
                for id in ids {
                    let id = match id {
                        IdWord::Number(number) => number.to_string(),
                        IdWord::Text(text) => text.clone(),
                    };
                    if !id.is_empty() {
                        hosts.insert(DaemonName::new(kind, id), host.clone());
                    }
                }
            }
        }
        hosts
    }
}

/// One entry of the answers to `ceph mon metadata`, `ceph mgr metadata` and `ceph mds metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct DaemonMetadata {
    /// Its id.
    #[serde(alias = "id", deserialize_with = "json::text")]
    pub name: String,
    /// Its host, as the daemon saw it; absent for a daemon that never reported.
    #[serde(default)]
    pub hostname: String,
    /// The address it listens on; mgrs and MDS daemons say this.
    #[serde(default)]
    pub addr: String,
    /// The addresses it listens on, as `[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0]`; mons say this.
    #[serde(default)]
    pub addrs: String,
}
