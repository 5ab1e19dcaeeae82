//! CephFS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Answer to `ceph fs dump`.
///
/// Source: ceph/ceph: `src/mds/FSMap.cc` – `FSMap::dump`, `src/mds/MDSMap.cc` – `MDSMap::dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FsDump {
    /// MDS daemons that serve no file system.
    #[serde(default)]
    pub standbys: Vec<MdsInfo>,
    /// File systems.
    pub filesystems: Vec<FsMap>,
}

/// A file system.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FsMap {
    /// Its number.
    pub id: i64,
    /// The rest.
    pub mdsmap: MdsMap,
}

/// A file system's MDS map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MdsMap {
    /// The file system's name.
    pub fs_name: String,
    /// Wanted active daemons.
    #[serde(default)]
    pub max_mds: u32,
    /// Pools of data, by number.
    #[serde(default)]
    pub data_pools: Vec<i64>,
    /// The pool of metadata, by number.
    #[serde(default)]
    pub metadata_pool: i64,
    /// Flags as bits.
    #[serde(default)]
    pub flags: u64,
    /// Flags by name; since Quincy.
    #[serde(default)]
    pub flags_state: BTreeMap<String, bool>,
    /// Its daemons, by `gid_N`.
    #[serde(default)]
    pub info: BTreeMap<String, MdsInfo>,
}

impl MdsMap {
    /// The bit of standby replay in `flags`.
    ///
    /// Source: ceph/ceph: `src/include/ceph_fs.h` – `CEPH_MDSMAP_ALLOW_STANDBY_REPLAY`.
    const ALLOW_STANDBY_REPLAY: u64 = 1 << 5;

    /// Tells whether standby replay is allowed.
    pub fn standby_replay(&self) -> bool {
        match self.flags_state.get("allow_standby_replay") {
            Some(allowed) => *allowed,
            None => self.flags & Self::ALLOW_STANDBY_REPLAY != 0,
        }
    }
}

/// An MDS daemon.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MdsInfo {
    /// Its id.
    pub name: String,
    /// `up:active`
    #[serde(default)]
    pub state: String,
    /// The file system it prefers; -1 or absent for any.
    #[serde(default)]
    pub join_fscid: Option<i64>,
}
