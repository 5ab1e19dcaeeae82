//! Names that Ceph gives to its parts: cluster ids, daemons and OSD numbers.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Ceph name that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a cluster id.
    #[error("`{0}` is not a cluster id: expected a UUID such as 11111111-2222-3333-4444-555555555555")]
    Fsid(String),
    /// The text does not name a daemon.
    #[error("`{0}` does not name a daemon: expected TYPE.ID such as mon.n1 or osd.12")]
    Daemon(String),
    /// The text is not an OSD number.
    #[error("`{0}` is not an OSD number: expected 12 or osd.12")]
    Osd(String),
}

/// The id of a Ceph cluster: a UUID in lower case, with hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Fsid(String);

impl Fsid {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Fsid {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let lower = text.trim().to_ascii_lowercase();
        let well_formed = lower.len() == 36
            && lower.char_indices().all(|(at, c)| match at {
                8 | 13 | 18 | 23 => c == '-',
                _ => c.is_ascii_hexdigit(),
            });
        if well_formed {
            Ok(Self(lower))
        } else {
            Err(NameError::Fsid(text.into()))
        }
    }
}

impl TryFrom<String> for Fsid {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Fsid> for String {
    fn from(fsid: Fsid) -> Self {
        fsid.0
    }
}

impl fmt::Display for Fsid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an OSD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct OsdId(pub u32);

impl fmt::Display for OsdId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for OsdId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.strip_prefix("osd.").unwrap_or(text);
        digits.parse().map(OsdId).map_err(|_| NameError::Osd(text.into()))
    }
}

/// The kinds of Ceph daemon that Reeve tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DaemonType {
    /// Monitor.
    Mon,
    /// Manager.
    Mgr,
    /// Object storage daemon.
    Osd,
    /// Metadata server of CephFS.
    Mds,
    /// Object gateway; units and the service map call it `rgw` or `radosgw`.
    Rgw,
    /// Mirrors RBD images to another cluster.
    RbdMirror,
    /// Mirrors CephFS snapshots to another cluster.
    CephfsMirror,
    /// Posts crash reports.
    Crash,
    /// Exports metrics of the daemons on its host.
    Exporter,
    /// NFS gateway (ganesha).
    Nfs,
    /// iSCSI gateway (tcmu-runner, rbd-target-api).
    Iscsi,
}

impl DaemonType {
    /// All kinds, in the order in which Ceph upgrades them, gateways last.
    pub const ALL: [Self; 11] = [
        Self::Mon,
        Self::Mgr,
        Self::Osd,
        Self::Mds,
        Self::Rgw,
        Self::RbdMirror,
        Self::CephfsMirror,
        Self::Crash,
        Self::Exporter,
        Self::Nfs,
        Self::Iscsi,
    ];

    /// Returns the word that Ceph uses for this kind in daemon names (`mon` in `mon.n1`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Mgr => "mgr",
            Self::Osd => "osd",
            Self::Mds => "mds",
            Self::Rgw => "rgw",
            Self::RbdMirror => "rbd-mirror",
            Self::CephfsMirror => "cephfs-mirror",
            Self::Crash => "crash",
            Self::Exporter => "exporter",
            Self::Nfs => "nfs",
            Self::Iscsi => "iscsi",
        }
    }

    /// Returns the kind that any of Ceph's words means, in daemon names, unit names, program names or the service map.
    ///
    /// Source: ceph/ceph: `systemd/*.service.in`, `src/rgw/rgw_main.cc` and `src/tools/*` (names given to `service_daemon_register`).
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.strip_prefix("ceph-").unwrap_or(word);
        match word {
            "radosgw" | "rgw-nfs" => Some(Self::Rgw),
            "fs-mirror" => Some(Self::CephfsMirror),
            "tcmu-runner" | "rbd-target-api" | "rbd-target-gw" => Some(Self::Iscsi),
            "nfs-ganesha" | "ganesha.nfsd" => Some(Self::Nfs),
            _ => Self::ALL.into_iter().find(|kind| kind.as_str() == word),
        }
    }
}

impl fmt::Display for DaemonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One daemon: its kind and its id, written `mon.n1`, `osd.12`, `mds.cephfs.n1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DaemonName {
    /// The kind.
    pub kind: DaemonType,
    /// The id without the kind: `n1`, `12`.
    pub id: String,
}

impl DaemonName {
    /// Returns the name of the daemon of kind `kind` with id `id`.
    pub fn new(kind: DaemonType, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Returns the name of the mon `id`.
    pub fn mon(id: impl Into<String>) -> Self {
        Self::new(DaemonType::Mon, id)
    }

    /// Returns the name of the mgr `id`.
    pub fn mgr(id: impl Into<String>) -> Self {
        Self::new(DaemonType::Mgr, id)
    }

    /// Returns the name of the OSD with number `id`.
    pub fn osd(id: OsdId) -> Self {
        Self::new(DaemonType::Osd, id.to_string())
    }
}

impl FromStr for DaemonName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Daemon(text.into());
        let (kind, id) = text.split_once('.').ok_or_else(wrong)?;
        let kind = DaemonType::ALL
            .into_iter()
            .find(|k| k.as_str() == kind)
            .ok_or_else(wrong)?;
        let printable = !id.is_empty() && id.chars().all(|c| c.is_ascii_graphic());
        if printable {
            Ok(Self::new(kind, id))
        } else {
            Err(wrong())
        }
    }
}

impl TryFrom<String> for DaemonName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<DaemonName> for String {
    fn from(name: DaemonName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for DaemonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}
