//! The service map: daemons that register themselves with the mgr.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::json;

/// Answer to `ceph service dump`.
///
/// Source: ceph/ceph: `src/mgr/ServiceMap.cc` – `ServiceMap::dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServiceDump {
    /// Kind → its daemons.
    pub services: BTreeMap<String, ServiceDaemons>,
}

/// The daemons of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServiceDaemons {
    /// Registered name → daemon.
    #[serde(default, deserialize_with = "daemons")]
    pub daemons: BTreeMap<String, ServiceDaemon>,
}

/// A daemon that registered itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServiceDaemon {
    /// What it says of itself: `hostname`, `id`, `zone_name` …
    #[serde(default, deserialize_with = "json::texts")]
    pub metadata: BTreeMap<String, String>,
}

/// The map of daemons also holds a text `summary`, which is no daemon.
fn daemons<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, ServiceDaemon>, D::Error> {
    let raw = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    raw.into_iter()
        .filter(|(_, value)| value.is_object())
        .map(|(name, value)| Ok((name, serde_json::from_value(value).map_err(serde::de::Error::custom)?)))
        .collect()
}
