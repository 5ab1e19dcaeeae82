//! What was found on one host.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, OsdId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;

/// What was found on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// `hostname` there.
    pub hostname: String,
    /// `/etc/machine-id`.
    pub machine_id: String,
    /// `PRETTY_NAME` of os-release.
    pub os: String,
    /// `uname -r`.
    pub kernel: String,
    /// Its addresses without loopback and link-local, sorted.
    pub addresses: BTreeSet<String>,
    /// Commands that need root can be run (as root or through sudo without a password).
    pub root: Reading<bool>,
    /// Units of Ceph daemons, sorted by daemon; one entry for each daemon that has a unit or a running process.
    pub daemons: Vec<DaemonUnit>,
    /// Ceph processes that no known unit owns (a container started by hand, a stray).
    pub stray_processes: Vec<StrayProcess>,
    /// Other units and timers that can bring a legacy daemon back (`ceph-volume@…`, `ceph.target`, Puppet, unattended-upgrades).
    pub revivers: Vec<Reviver>,
    /// Data directories of mons on this host.
    pub mon_stores: Vec<MonStore>,
    /// What lies at `dataDirHostPath`.
    pub data_dir: Reading<DataDir>,
    /// OSDs that `ceph-volume lvm list`, `raw list` and `simple` know, sorted by id.
    pub volumes: Reading<Vec<OsdVolume>>,
    /// ceph.conf files.
    pub ceph_confs: Vec<CephConf>,
    /// The user and group id of `ceph`, if there is such a user.
    pub ceph_user: Option<UserIds>,
    /// SELinux: `enforcing`, `permissive`, `disabled` or `absent`.
    pub selinux: String,
    /// The clock is synchronised.
    pub time_synchronised: Reading<bool>,
    /// Memory in bytes.
    pub memory_bytes: Reading<u64>,
    /// Memory available in bytes.
    pub memory_available_bytes: Reading<u64>,
    /// Listening TCP ports of interest (3300, 6789, 6800-7300, 7000, 8443, 9283, 9926 and RGW's): port → process name.
    pub ports: BTreeMap<u16, String>,
    /// Virtual machines or nova-compute run here too.
    pub hypervisor: bool,
    /// Images in the container runtime's store, as `repository:tag`.
    pub images: Reading<BTreeSet<String>>,
}

/// How a daemon was deployed: it decides which units to stop and mask and where its data lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Deployment {
    /// Distribution packages: the unit runs `/usr/bin/ceph-mon` and the like.
    Packages,
    /// ceph-ansible (or ceph-container): the unit runs `podman run` or `docker run`.
    CephAnsible {
        /// `podman` or `docker`.
        engine: String,
        /// The image.
        image: String,
    },
    /// cephadm: unit `ceph-FSID@TYPE.ID`, data in `/var/lib/ceph/FSID/TYPE.ID`.
    Cephadm {
        /// The cluster that the unit name carries.
        fsid: String,
        /// The image, if the unit's `unit.run` or `unit.image` names one.
        image: Option<String>,
    },
    /// Rook runs it in a pod.
    Rook,
    /// None of the above.
    Unknown {
        /// What its unit runs.
        exec_start: String,
    },
}

/// The unit of one daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DaemonUnit {
    /// The daemon.
    pub daemon: DaemonName,
    /// The unit: `ceph-mon@n1.service`.
    pub unit: String,
    /// How it was deployed.
    pub deployment: Deployment,
    /// `ActiveState`: `active`, `inactive`, `failed`.
    pub active: String,
    /// `UnitFileState`: `enabled`, `disabled`, `masked`, `static`; empty for none.
    pub enabled: String,
    /// `MainPID`; 0 for none.
    pub main_pid: u32,
    /// `FragmentPath`.
    pub path: String,
    /// Where its data lies, if that is known.
    pub data_dir: Option<String>,
}

/// A Ceph process that no known unit owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrayProcess {
    /// Its pid.
    pub pid: u32,
    /// The daemon, where its arguments tell.
    pub daemon: Option<DaemonName>,
    /// Its command line, shortened.
    pub command: String,
}

/// A unit or timer that can bring a legacy daemon back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reviver {
    /// Its name.
    pub unit: String,
    /// What it does to the daemons, in words.
    pub effect: String,
    /// `UnitFileState`.
    pub enabled: String,
}

/// The data directory of a mon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MonStore {
    /// The mon's id.
    pub mon: String,
    /// The directory.
    pub path: String,
    /// Bytes in it.
    pub bytes: u64,
    /// Its device number (`st_dev`).
    pub device: u64,
    /// Owner.
    pub owner: UserIds,
    /// What `kv_backend` says: `rocksdb`.
    pub kv_backend: Option<String>,
}

/// A user id and a group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserIds {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// What lies at `dataDirHostPath`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataDir {
    /// It exists.
    pub exists: bool,
    /// Names in it, at most a hundred; empty where it does not exist.
    pub entries: BTreeSet<String>,
    /// Device number of it, or of the nearest folder above that exists.
    pub device: u64,
    /// Type of its file system: `ext4`, `xfs`, `tmpfs`.
    pub filesystem: String,
    /// Free bytes there.
    pub free_bytes: u64,
}

/// An OSD that ceph-volume knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OsdVolume {
    /// The OSD's number.
    pub id: OsdId,
    /// The OSD's uuid.
    pub uuid: String,
    /// The cluster it belongs to; none where ceph-volume does not say.
    pub cluster: Option<String>,
    /// How it lies on the disks.
    pub layout: VolumeLayout,
    /// The data device or logical volume.
    pub device: String,
    /// A DB device of its own.
    pub db: Option<String>,
    /// A WAL device of its own.
    pub wal: Option<String>,
    /// dm-crypt.
    pub encrypted: bool,
}

/// How an OSD lies on the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeLayout {
    /// ceph-volume lvm.
    Lvm,
    /// ceph-volume raw: BlueStore on the bare device.
    Raw,
    /// ceph-disk, taken over by `ceph-volume simple`.
    Simple,
}

/// A ceph.conf file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CephConf {
    /// Its path.
    pub path: String,
    /// Options by section, names with underscores; values that can hold secrets are `(hidden)`.
    pub sections: BTreeMap<String, BTreeMap<String, String>>,
}
