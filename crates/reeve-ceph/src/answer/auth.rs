//! Auth entities and central configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::json;

/// Answer to `ceph auth ls`, without the keys: they are skipped while the answer is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuthList {
    /// Entities.
    pub auth_dump: Vec<AuthEntry>,
}

/// An auth entity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuthEntry {
    /// `client.glance`
    pub entity: String,
    /// Caps by service.
    #[serde(default)]
    pub caps: BTreeMap<String, String>,
}

/// One entry of the answer to `ceph config dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ConfigEntry {
    /// `global`, `mon`, `osd.3`.
    pub section: String,
    /// The option.
    pub name: String,
    /// Its value.
    #[serde(deserialize_with = "json::text")]
    pub value: String,
    /// `host:n1`, `class:ssd`, or empty.
    #[serde(default)]
    pub mask: String,
}

/// Answer to `ceph config-key ls`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ConfigKeys(pub BTreeSet<String>);
