//! What `ceph-volume` prints on an OSD host, and the files that `ceph-volume simple` keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AnswerError, OsdId, json};

/// An OSD on the disks of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedOsd {
    /// Its number.
    pub id: OsdId,
    /// Its uuid.
    pub uuid: String,
    /// The cluster's id, if it is told.
    pub cluster: Option<String>,
    /// The device or logical volume with the data.
    pub data: String,
    /// A DB device of its own.
    pub db: Option<String>,
    /// A WAL device of its own.
    pub wal: Option<String>,
    /// dm-crypt.
    pub encrypted: bool,
}

#[derive(Deserialize)]
struct LvmEntry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    lv_path: String,
    #[serde(default)]
    tags: LvmTags,
}

/// Only these tags are read; others hold the secret of the lockbox.
#[derive(Default, Deserialize)]
struct LvmTags {
    #[serde(default, rename = "ceph.osd_fsid")]
    osd_fsid: String,
    #[serde(default, rename = "ceph.cluster_fsid")]
    cluster_fsid: String,
    #[serde(default, rename = "ceph.encrypted", deserialize_with = "json::text")]
    encrypted: String,
}

impl LvmEntry {
    fn device(&self) -> &str {
        if self.lv_path.is_empty() {
            &self.path
        } else {
            &self.lv_path
        }
    }
}

/// Reads the answer to `ceph-volume lvm list --format json`, sorted by id.
///
/// # Errors
///
/// [`AnswerError`] if it is not such an answer.
///
/// Source: ceph/ceph: `src/ceph-volume/ceph_volume/devices/lvm/listing.py`.
pub fn read_lvm_list(bytes: &[u8]) -> Result<Vec<ListedOsd>, AnswerError> {
    let by_id: BTreeMap<String, Vec<LvmEntry>> = json::read(bytes)?;
    let mut osds = Vec::new();
    for (id, entries) in by_id {
        let id = id.parse().map_err(|error| AnswerError::new(error, bytes))?;
        let of = |kind: &str| entries.iter().find(|entry| entry.kind == kind);
        // An entry without a block volume is what a zapped OSD left behind: there is nothing to take over.
        let Some(block) = of("block").or_else(|| of("data")) else {
            continue;
        };
        osds.push(ListedOsd {
            id,
            uuid: block.tags.osd_fsid.clone(),
            cluster: Some(block.tags.cluster_fsid.clone()).filter(|fsid| !fsid.is_empty()),
            data: block.device().to_owned(),
            db: of("db").map(|entry| entry.device().to_owned()),
            wal: of("wal").map(|entry| entry.device().to_owned()),
            encrypted: block.tags.encrypted == "1",
        });
    }
    osds.sort_by_key(|osd| osd.id);
    Ok(osds)
}

#[derive(Deserialize)]
struct RawEntry {
    osd_id: OsdId,
    #[serde(default)]
    osd_uuid: String,
    #[serde(default)]
    ceph_fsid: Option<String>,
    #[serde(default)]
    device: String,
    #[serde(default)]
    device_db: Option<String>,
    #[serde(default)]
    device_wal: Option<String>,
}

/// Reads the answer to `ceph-volume raw list --format json`, sorted by id.
///
/// Some releases also list the logical volumes of lvm OSDs here, as `/dev/mapper/…`; they are in the list.
///
/// # Errors
///
/// [`AnswerError`] if it is not such an answer.
///
/// Source: ceph/ceph: `src/ceph-volume/ceph_volume/devices/raw/list.py`.
pub fn read_raw_list(bytes: &[u8]) -> Result<Vec<ListedOsd>, AnswerError> {
    let by_uuid: BTreeMap<String, RawEntry> = json::read(bytes)?;
    let mut osds: Vec<ListedOsd> = by_uuid
        .into_iter()
        .map(|(key, entry)| ListedOsd {
            id: entry.osd_id,
            uuid: if entry.osd_uuid.is_empty() { key } else { entry.osd_uuid },
            cluster: entry.ceph_fsid,
            encrypted: entry.device.ends_with("-dmcrypt"),
            data: entry.device,
            db: entry.device_db,
            wal: entry.device_wal,
        })
        .collect();
    osds.sort_by_key(|osd| osd.id);
    Ok(osds)
}

#[derive(Deserialize)]
struct SimpleFile {
    whoami: OsdId,
    #[serde(default)]
    fsid: String,
    #[serde(default)]
    ceph_fsid: Option<String>,
    #[serde(default)]
    encrypted: bool,
    #[serde(default)]
    data: Option<SimpleDevice>,
    #[serde(default)]
    block: Option<SimpleDevice>,
    #[serde(default, rename = "block.db")]
    db: Option<SimpleDevice>,
    #[serde(default, rename = "block.wal")]
    wal: Option<SimpleDevice>,
}

#[derive(Deserialize)]
struct SimpleDevice {
    path: String,
}

/// Reads a file `/etc/ceph/osd/ID-UUID.json` that `ceph-volume simple scan` wrote; its keyring is not kept.
///
/// # Errors
///
/// [`AnswerError`] if it is not such a file.
///
/// Source: ceph/ceph: `src/ceph-volume/ceph_volume/devices/simple/scan.py`.
pub fn read_simple_file(bytes: &[u8]) -> Result<ListedOsd, AnswerError> {
    let file: SimpleFile = json::read(bytes)?;
    let path = |device: Option<SimpleDevice>| device.map(|device| device.path);
    Ok(ListedOsd {
        id: file.whoami,
        uuid: file.fsid,
        cluster: file.ceph_fsid,
        data: path(file.block).or(path(file.data)).unwrap_or_default(),
        db: path(file.db),
        wal: path(file.wal),
        encrypted: file.encrypted,
    })
}
