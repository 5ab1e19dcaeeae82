//! Mgrs and the orchestrator that lives in them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Answer to `ceph mgr dump`.
///
/// Source: ceph/ceph: `src/mon/MgrMap.h` – `MgrMap::dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MgrDump {
    /// The active mgr's id; empty for none.
    #[serde(default)]
    pub active_name: String,
    /// The active mgr serves.
    #[serde(default)]
    pub available: bool,
    /// The standbys.
    #[serde(default)]
    pub standbys: Vec<Named>,
    /// Enabled modules.
    #[serde(default)]
    pub modules: BTreeSet<String>,
    /// URLs by module.
    #[serde(default)]
    pub services: BTreeMap<String, String>,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// Answer to `ceph mgr module ls`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MgrModules {
    /// Modules that cannot be disabled in this release.
    #[serde(default)]
    pub always_on_modules: BTreeSet<String>,
    /// Modules that somebody enabled, or that are enabled from birth.
    pub enabled_modules: BTreeSet<String>,
}

/// Answer to `ceph orch status`.
///
/// Without a backend some releases answer with `available: false`, others end with status 2 (ENOENT).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OrchStatus {
    /// The backend answers.
    #[serde(default)]
    pub available: bool,
    /// `cephadm`, `rook`.
    #[serde(default)]
    pub backend: Option<String>,
    /// Background work is paused.
    #[serde(default)]
    pub paused: bool,
}

/// Answer to `ceph orch upgrade status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OrchUpgradeStatus {
    /// An upgrade runs, or is paused.
    #[serde(default)]
    pub in_progress: bool,
    /// The image it goes to.
    #[serde(default)]
    pub target_image: Option<String>,
}
