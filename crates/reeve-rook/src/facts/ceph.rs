//! What Ceph says of itself.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{CephVersion, DaemonName, DaemonType, Fsid, OsdId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;

/// What Ceph says of itself, read with the admin key on the admin host.
///
/// The parts that no plan can do without (fsid, health, mons, quorum, OSDs, CRUSH, PGs, pools, versions) are plain: a survey that
/// cannot read them fails. The others are [`Reading`]s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CephFacts {
    /// The cluster's id.
    pub fsid: Fsid,
    /// `ceph health detail`.
    pub health: Health,
    /// `ceph versions`: for each kind of daemon, the version strings that run and how many daemons run each.
    pub versions: BTreeMap<DaemonType, BTreeMap<String, u32>>,
    /// The mon map.
    pub monmap: MonMap,
    /// The mons in quorum and who leads.
    pub quorum: Quorum,
    /// The mgr map.
    pub mgr: MgrMap,
    /// The OSD map without pools and CRUSH.
    pub osdmap: OsdMap,
    /// Every OSD, sorted by id.
    pub osds: Vec<Osd>,
    /// Every pool, sorted by id.
    pub pools: Vec<Pool>,
    /// The CRUSH hierarchy and rules.
    pub crush: Crush,
    /// PGs by state.
    pub pgs: PgSummary,
    /// CephFS file systems and their MDS daemons.
    pub filesystems: Reading<Vec<FileSystem>>,
    /// Daemons in the service map that are neither mon, mgr, OSD nor MDS (RGW, rbd-mirror, NFS, iSCSI …).
    pub services: Reading<Vec<Service>>,
    /// RGW multisite names.
    pub rgw: Reading<RgwSites>,
    /// Auth entities and their caps, sorted by entity; never keys.
    pub auth: Reading<Vec<AuthEntity>>,
    /// `ceph config dump`, in its order; values that can hold secrets are replaced by `(hidden)`.
    pub config: Reading<Vec<ConfigOption>>,
    /// Names of the keys in the config-key store; never values.
    pub config_keys: Reading<BTreeSet<String>>,
    /// The orchestrator.
    pub orchestrator: Reading<Orchestrator>,
    /// cephx cipher settings from `ceph mon dump`: none where the release has none (before 19.2.6 and 20.2.4).
    pub ciphers: Option<CephxCiphers>,
    /// Where each mon, mgr and MDS runs, from `ceph node ls` and the daemons' metadata: daemon → host name as the daemon reports it.
    pub daemon_hosts: BTreeMap<DaemonName, String>,
}

/// Ceph's overall health word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// `HEALTH_OK`
    Ok,
    /// `HEALTH_WARN`
    Warn,
    /// `HEALTH_ERR`
    Err,
}

/// `ceph health detail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The overall word.
    pub status: HealthStatus,
    /// Health checks that are raised, by code (`MON_DOWN`, `OSD_NEARFULL`).
    pub checks: BTreeMap<String, HealthCheck>,
}

/// One raised health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Warn or Err.
    pub severity: HealthStatus,
    /// Ceph's one-line summary.
    pub summary: String,
    /// Ceph's detail lines, at most a hundred.
    pub detail: Vec<String>,
    /// Somebody muted it.
    pub muted: bool,
}

/// The mon map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MonMap {
    /// Its epoch.
    pub epoch: u32,
    /// The mons, by rank.
    pub mons: Vec<Mon>,
    /// `min_mon_release_name`: `reef`.
    pub min_mon_release: String,
    /// Stretch mode is on.
    pub stretch_mode: bool,
}

/// One mon in the mon map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mon {
    /// Its id: `n1`.
    pub name: String,
    /// Its rank.
    pub rank: u32,
    /// The msgr2 address `10.0.0.1:3300`, if it has one.
    pub v2: Option<String>,
    /// The legacy address `10.0.0.1:6789`, if it has one.
    pub v1: Option<String>,
}

impl Mon {
    /// Returns the IP address that clients reach the mon by, without port and brackets.
    pub fn ip(&self) -> Option<&str> {
        let address = self.v2.as_deref().or(self.v1.as_deref())?;
        let (host, _port) = address.rsplit_once(':')?;
        Some(host.trim_start_matches('[').trim_end_matches(']'))
    }
}

/// The mons in quorum and who leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// Ids of the mons in quorum.
    pub names: BTreeSet<String>,
    /// The leader's id.
    pub leader: String,
}

/// The mgr map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MgrMap {
    /// The active mgr's id, or none.
    pub active: Option<String>,
    /// Ids of the standbys.
    pub standbys: BTreeSet<String>,
    /// Enabled modules, without the always-on ones.
    pub modules: BTreeSet<String>,
    /// URLs that modules publish, by module (`dashboard`, `prometheus`).
    pub services: BTreeMap<String, String>,
}

/// The OSD map without pools and CRUSH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OsdMap {
    /// Its epoch.
    pub epoch: u32,
    /// Flags that are set (`noout`, `nodown`, `sortbitwise` …).
    pub flags: BTreeSet<String>,
    /// The share of a device, 0 to 1, at which Ceph warns.
    pub nearfull_ratio: f64,
    /// The share at which backfill stops.
    pub backfillfull_ratio: f64,
    /// The share at which writes stop.
    pub full_ratio: f64,
    /// `require_osd_release`: `reef`.
    pub require_osd_release: String,
    /// `require_min_compat_client`.
    pub require_min_compat_client: String,
}

/// One OSD: its place in the maps and what its daemon says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Osd {
    /// Its number.
    pub id: OsdId,
    /// Its uuid (`osd_fsid`).
    pub uuid: String,
    /// The daemon is up.
    pub up: bool,
    /// It is in.
    pub in_cluster: bool,
    /// Share of the device in use, 0 to 1; none if Ceph does not say.
    pub utilization: Option<f64>,
    /// What the daemon said when it last started; none where Ceph has no metadata.
    pub metadata: Option<OsdMetadata>,
}

/// What an OSD daemon says of itself (`ceph osd metadata`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OsdMetadata {
    /// The host's name as the daemon saw it.
    pub hostname: String,
    /// `bluestore` or `filestore`.
    pub objectstore: String,
    /// The DB lies on a device of its own.
    pub dedicated_db: bool,
    /// The WAL lies on a device of its own.
    pub dedicated_wal: bool,
    /// Kernel names of its devices: `sdb`, `nvme0n1`.
    pub devices: Vec<String>,
    /// The public address.
    pub front_addr: String,
    /// The cluster address.
    pub back_addr: String,
    /// `hdd`, `ssd` or `nvme` as detected; empty if not said.
    pub default_device_class: String,
    /// Size of the block device in bytes, if said.
    pub device_bytes: Option<u64>,
    /// The Ceph version line.
    pub version: String,
    /// The image it runs in, if it runs in a container.
    pub container_image: Option<String>,
    /// `osd_memory_target`-relevant memory of the host in KiB, if said.
    pub mem_total_kb: Option<u64>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Replicated, or erasure coded with the profile named.
    pub kind: PoolKind,
    /// Copies, or k+m.
    pub size: u32,
    /// Copies needed to serve.
    pub min_size: u32,
    /// Number of PGs.
    pub pg_num: u32,
    /// Id of its CRUSH rule.
    pub crush_rule: i64,
    /// `on`, `off` or `warn`.
    pub autoscale_mode: String,
    /// Applications that use it (`rbd`, `cephfs`, `rgw`, `mgr`).
    pub applications: BTreeSet<String>,
    /// RBD mirroring: none where it is off or was not asked.
    pub mirroring: Option<String>,
}

/// How a pool keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PoolKind {
    /// Full copies.
    Replicated,
    /// Erasure coded.
    Erasure {
        /// The profile's name.
        profile: String,
    },
}

/// The CRUSH hierarchy and rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crush {
    /// Buckets, sorted by id from -1 downwards; no shadow buckets.
    pub buckets: Vec<Bucket>,
    /// OSDs as leaves, sorted by id.
    pub devices: Vec<CrushDevice>,
    /// Rules, sorted by id.
    pub rules: Vec<CrushRule>,
}

/// A bucket: a root, rack, host …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its number, negative.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its type: `root`, `rack`, `host`.
    pub kind: String,
    /// Ids of what it holds: buckets (negative) or OSDs.
    pub children: Vec<i64>,
}

/// An OSD's leaf in CRUSH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrushDevice {
    /// The OSD.
    pub id: OsdId,
    /// Its device class; empty if it has none.
    pub class: String,
    /// Its CRUSH weight, by custom the size in TiB.
    pub weight: f64,
}

/// A CRUSH rule, as far as placement domains matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrushRule {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where it starts: the name of a root, with `~class` where it has one.
    pub take: String,
    /// The type of bucket of which no two copies may share one: `host`, `rack`; `osd` for leaves.
    pub failure_domain: String,
}

impl Crush {
    /// Returns the bucket that holds the OSD directly, if any.
    pub fn parent_of(&self, osd: OsdId) -> Option<&Bucket> {
        let id = i64::from(osd.0);
        self.buckets.iter().find(|bucket| bucket.children.contains(&id))
    }

    /// Returns the chain of buckets above the child `id`, nearest first; bounded by the number of buckets.
    pub fn ancestors_of(&self, id: i64) -> Vec<&Bucket> {
        let mut chain = Vec::new();
        let mut at = id;
        while let Some(parent) = self.buckets.iter().find(|bucket| bucket.children.contains(&at)) {
            if chain.len() >= self.buckets.len() {
                break;
            }
            at = parent.id;
            chain.push(parent);
        }
        chain
    }
}

/// PGs by state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgSummary {
    /// All PGs.
    pub total: u32,
    /// PGs by state (`active+clean`, `active+undersized+degraded`).
    pub states: BTreeMap<String, u32>,
    /// Objects with fewer copies than wanted.
    pub degraded_objects: u64,
    /// Objects that lie elsewhere than CRUSH wants.
    pub misplaced_objects: u64,
}

impl PgSummary {
    /// Returns how many PGs are not active+clean; scrubbing counts as clean.
    pub fn unclean(&self) -> u32 {
        self.states
            .iter()
            .filter(|(state, _)| {
                let mut words = state.split('+').collect::<BTreeSet<_>>();
                let clean = words.remove("active") && words.remove("clean");
                !(clean
                    && words
                        .iter()
                        .all(|word| matches!(*word, "scrubbing" | "deep" | "snaptrim" | "snaptrim_wait")))
            })
            .map(|(_, count)| count)
            .sum()
    }
}

/// A CephFS file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSystem {
    /// Its name.
    pub name: String,
    /// The pool that holds metadata.
    pub metadata_pool: String,
    /// Pools that hold data.
    pub data_pools: Vec<String>,
    /// Wanted active MDS daemons.
    pub max_mds: u32,
    /// Standby replay is allowed.
    pub standby_replay: bool,
    /// Ids of the MDS daemons that serve it or stand by, sorted.
    pub mds: BTreeSet<String>,
}

/// A daemon in the service map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The word in the service map: `rgw`, `rbd-mirror`, `iscsi`, `tcmu-runner`, `nfs`.
    pub kind: String,
    /// The daemon's id there.
    pub id: String,
    /// The host it runs on, as it says itself.
    pub hostname: String,
    /// Zone and zonegroup of an RGW and other metadata that names no secret.
    pub metadata: BTreeMap<String, String>,
}

/// RGW multisite names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RgwSites {
    /// Realms; empty on most clusters.
    pub realms: Vec<String>,
    /// Zonegroups.
    pub zonegroups: Vec<String>,
    /// Zones.
    pub zones: Vec<String>,
}

/// An auth entity and its caps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthEntity {
    /// `client.glance`, `osd.3`.
    pub entity: String,
    /// Caps by service: `mon` → `profile rbd`.
    pub caps: BTreeMap<String, String>,
}

/// One line of `ceph config dump`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigOption {
    /// `global`, `mon`, `osd.3`, `client.rgw.x`.
    pub section: String,
    /// A mask such as `host:n1` or `class:ssd`; empty for none.
    pub mask: String,
    /// The option.
    pub name: String,
    /// Its value, or `(hidden)`.
    pub value: String,
}

/// The orchestrator module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orchestrator {
    /// `cephadm`, `rook`, or none where no backend is set.
    pub backend: Option<String>,
    /// It is paused.
    pub paused: bool,
    /// A cephadm upgrade is in progress: its target.
    pub upgrade: Option<String>,
}

/// cephx cipher settings, as `ceph mon dump` of newer releases shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CephxCiphers {
    /// `auth_service_cipher`
    pub service: String,
    /// `auth_allowed_ciphers`
    pub allowed: String,
    /// `auth_preferred_cipher`
    pub preferred: String,
}

impl CephFacts {
    /// Returns the version that runs, if all daemons run the same version string.
    pub fn single_version(&self) -> Option<(&str, CephVersion)> {
        let strings: BTreeSet<&str> = self
            .versions
            .values()
            .flat_map(|by_string| by_string.keys().map(String::as_str))
            .collect();
        let mut strings = strings.into_iter();
        let only = strings.next()?;
        if strings.next().is_some() {
            return None;
        }
        only.parse().ok().map(|version| (only, version))
    }

    /// Returns the value of a config option at `section`, if it is set there without a mask.
    pub fn config_value(&self, section: &str, name: &str) -> Option<&str> {
        let options = self.config.known()?;
        let found = options
            .iter()
            .find(|o| o.section == section && o.name == name && o.mask.is_empty())?;
        Some(&found.value)
    }
}
