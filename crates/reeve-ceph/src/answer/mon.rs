//! Mons: map, quorum, ciphers.

use serde::{Deserialize, Serialize};

use crate::Fsid;

/// Answer to `ceph mon dump`.
///
/// Source: ceph/ceph: `src/mon/MonMap.cc` – `MonMap::dump`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MonDump {
    /// The map's epoch.
    pub epoch: u32,
    /// The cluster's id.
    pub fsid: Fsid,
    /// `reef`; empty where a release does not say.
    #[serde(default)]
    pub min_mon_release_name: String,
    /// Stretch mode; releases before Pacific have none.
    #[serde(default)]
    pub stretch_mode: bool,
    /// The mons.
    pub mons: Vec<MonEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_service_cipher: Option<CipherWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_allowed_ciphers: Option<CipherWords>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_preferred_cipher: Option<CipherWord>,
}

/// A cipher is written as an object with a name; a plain word is taken too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
enum CipherWord {
    Object { name: String },
    Word(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
enum CipherWords {
    Many(Vec<CipherWord>),
    One(CipherWord),
}

impl CipherWord {
    fn name(&self) -> &str {
        match self {
            Self::Object { name } | Self::Word(name) => name,
        }
    }
}

/// The cephx ciphers that a cluster is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphers {
    /// For tickets of services.
    pub service: String,
    /// Those that are allowed, in Ceph's order.
    pub allowed: Vec<String>,
    /// For new keys.
    pub preferred: String,
}

impl MonDump {
    /// Returns the cephx ciphers, which releases from 19.2.6 and 20.2.4 on show.
    pub fn ciphers(&self) -> Option<Ciphers> {
        let allowed = match self.auth_allowed_ciphers.as_ref()? {
            CipherWords::Many(words) => words.iter().map(|word| word.name().to_owned()).collect(),
            CipherWords::One(word) => word.name().split(',').map(|name| name.trim().to_owned()).collect(),
        };
        Some(Ciphers {
            service: self.auth_service_cipher.as_ref()?.name().to_owned(),
            allowed,
            preferred: self.auth_preferred_cipher.as_ref()?.name().to_owned(),
        })
    }
}

/// A mon in the map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MonEntry {
    /// Its rank.
    pub rank: u32,
    /// Its id.
    pub name: String,
    /// Its addresses.
    #[serde(default)]
    pub public_addrs: Addresses,
}

/// The addresses of one end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Addresses {
    /// One per protocol.
    #[serde(default)]
    pub addrvec: Vec<Address>,
}

/// One address: protocol, and host with port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Address {
    /// `v1` or `v2`; `any` and `none` occur.
    #[serde(rename = "type")]
    pub protocol: String,
    /// `10.0.0.1:3300`, `[fd00::1]:3300`.
    pub addr: String,
}

impl Addresses {
    /// Returns the address of a protocol.
    pub fn of(&self, protocol: &str) -> Option<&str> {
        self.addrvec
            .iter()
            .find(|address| address.protocol == protocol)
            .map(|address| address.addr.as_str())
    }
}

/// Answer to `ceph quorum_status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct QuorumStatus {
    /// Ids of the mons in quorum.
    pub quorum_names: Vec<String>,
    /// The leader's id.
    #[serde(default)]
    pub quorum_leader_name: String,
}
