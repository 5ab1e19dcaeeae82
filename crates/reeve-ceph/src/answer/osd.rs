//! OSDs and pools.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::json;
use crate::{Fsid, OsdId};

/// Answer to `ceph osd dump`.
///
/// Source: ceph/ceph: `src/osd/OSDMap.cc` – `OSDMap::dump`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OsdDump {
    /// The map's epoch.
    pub epoch: u32,
    /// The cluster's id.
    pub fsid: Fsid,
    /// Share at which writes stop.
    #[serde(default)]
    pub full_ratio: f64,
    /// Share at which backfill stops.
    #[serde(default)]
    pub backfillfull_ratio: f64,
    /// Share at which Ceph warns.
    #[serde(default)]
    pub nearfull_ratio: f64,
    /// Flags, with commas between them.
    #[serde(default)]
    pub flags: String,
    /// `luminous`
    #[serde(default)]
    pub require_min_compat_client: String,
    /// `reef`
    #[serde(default)]
    pub require_osd_release: String,
    /// Pools.
    pub pools: Vec<PoolEntry>,
    /// OSDs.
    pub osds: Vec<OsdEntry>,
}

impl OsdDump {
    /// Returns the flags one by one.
    pub fn flag_set(&self) -> BTreeSet<String> {
        self.flags
            .split(',')
            .map(str::trim)
            .filter(|flag| !flag.is_empty())
            .map(String::from)
            .collect()
    }
}

/// A pool in the OSD map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PoolEntry {
    /// Its number.
    pub pool: i64,
    /// Its name.
    pub pool_name: String,
    /// 1 for replicated, 3 for erasure coded.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Copies, or k+m.
    pub size: u32,
    /// Copies needed to serve.
    pub min_size: u32,
    /// Number of PGs.
    pub pg_num: u32,
    /// Its rule.
    #[serde(default)]
    pub crush_rule: i64,
    /// `on`, `off`, `warn`.
    #[serde(default)]
    pub pg_autoscale_mode: String,
    /// The erasure code profile; empty for replicated pools.
    #[serde(default)]
    pub erasure_code_profile: String,
    /// Applications and their notes.
    #[serde(default)]
    pub application_metadata: BTreeMap<String, serde_json::Value>,
}

/// An OSD in the OSD map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OsdEntry {
    /// Its number.
    pub osd: OsdId,
    /// Its uuid.
    #[serde(default)]
    pub uuid: String,
    /// It is up.
    #[serde(deserialize_with = "json::truth")]
    pub up: bool,
    /// It is in.
    #[serde(rename = "in", deserialize_with = "json::truth")]
    pub in_cluster: bool,
}

/// One entry of the answer to `ceph osd metadata`; an OSD that never reported has only its number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OsdMetadata {
    /// Its number.
    pub id: OsdId,
    /// Everything else, as text.
    #[serde(flatten, deserialize_with = "json::texts")]
    pub values: BTreeMap<String, String>,
}

impl OsdMetadata {
    /// Returns a value, or nothing if it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Answer to `ceph osd df`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OsdDf {
    /// OSDs.
    pub nodes: Vec<OsdDfNode>,
    /// OSDs outside the tree.
    #[serde(default)]
    pub stray: Vec<OsdDfNode>,
}

/// One OSD's fill.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct OsdDfNode {
    /// Its number.
    pub id: i64,
    /// Percent in use; none where Ceph wrote no number.
    #[serde(default)]
    pub utilization: Option<f64>,
}
