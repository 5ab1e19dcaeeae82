//! Health and versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DaemonType;

/// Answer to `ceph health detail`.
///
/// Source: ceph/ceph: `src/mon/health_check.h` – `health_check_map_t::dump`, `src/mon/HealthMonitor.cc`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HealthDetail {
    /// The overall word.
    pub status: HealthWord,
    /// Raised checks by code.
    #[serde(default)]
    pub checks: BTreeMap<String, HealthCheck>,
}

/// Ceph's words for health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum HealthWord {
    /// All is well.
    #[serde(rename = "HEALTH_OK")]
    Ok,
    /// Something wants attention.
    #[serde(rename = "HEALTH_WARN")]
    Warn,
    /// Something is broken.
    #[serde(rename = "HEALTH_ERR")]
    Err,
}

/// One raised health check.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HealthCheck {
    /// How bad it is.
    pub severity: HealthWord,
    /// One line.
    pub summary: Message,
    /// One line for each thing concerned.
    #[serde(default)]
    pub detail: Vec<Message>,
    /// Somebody muted it.
    #[serde(default)]
    pub muted: bool,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Message {
    /// The text.
    pub message: String,
}

/// Answer to `ceph versions`: for each kind of daemon, how many daemons run which version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Versions(pub BTreeMap<String, BTreeMap<String, u32>>);

impl Versions {
    /// Returns the counts by kind, without Ceph's own sum and without kinds that this crate does not know.
    pub fn by_kind(&self) -> BTreeMap<DaemonType, BTreeMap<String, u32>> {
        let mut kinds: BTreeMap<DaemonType, BTreeMap<String, u32>> = BTreeMap::new();
        for (word, counts) in self.0.iter().filter(|(_, counts)| !counts.is_empty()) {
            if let Some(kind) = DaemonType::from_word(word) {
                let entry = kinds.entry(kind).or_default();
                for (line, n) in counts {
                    let count = entry.entry(line.clone()).or_default();
                    *count = count.saturating_add(*n);
                }
            }
        }
        kinds
    }
}
