//! OSDs on the disks of a host.

use reeve_ceph::ceph_volume::{self, ListedOsd};
use reeve_host::{HostError, printable_tail};

use super::commands::{self, OsdContainer};
use super::parse::{FoundFiles, parse_files_of};
use super::visit::Visit;
use crate::facts::{OsdVolume, Reading, VolumeLayout};

/// What came of `ceph-volume lvm list` and `ceph-volume raw list`.
pub(super) enum Listed {
    /// The host has no `ceph-volume`.
    NoProgram,
    /// One of them failed.
    Failed(String),
    /// Both answered.
    Both {
        /// OSDs on LVM.
        lvm: Vec<ListedOsd>,
        /// OSDs on bare devices.
        raw: Vec<ListedOsd>,
    },
}

/// Lists OSDs, on the host or in an OSD's container.
///
/// One after the other: both ask LVM, and on a busy host they would only wait for each other's locks.
pub(super) async fn list(visit: &Visit, loop_devices: bool, container: Option<&OsdContainer>) -> Listed {
    let ask = async |kind: &str, loop_devices: bool| {
        let command = commands::ceph_volume(kind, loop_devices, container);
        match visit.run(&command).await {
            Ok(output) if output.success() => Ok(Some(output.stdout)),
            Ok(output) => Err(format!(
                "`{command}` ended with status {}: {}",
                output.status,
                printable_tail(&output.stderr)
            )),
            Err(HostError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    };
    let unread =
        |kind: &str, error: reeve_ceph::AnswerError| Listed::Failed(format!("`ceph-volume {kind} list`: {error}"));
    let lvm = match ask("lvm", false).await {
        Ok(Some(bytes)) => match ceph_volume::read_lvm_list(&bytes) {
            Ok(lvm) => lvm,
            Err(error) => return unread("lvm", error),
        },
        Ok(None) => return Listed::NoProgram,
        Err(because) => return Listed::Failed(because),
    };
    match ask("raw", loop_devices).await {
        Ok(Some(bytes)) => match ceph_volume::read_raw_list(&bytes) {
            Ok(raw) => Listed::Both { lvm, raw },
            Err(error) => unread("raw", error),
        },
        Ok(None) => Listed::NoProgram,
        Err(because) => Listed::Failed(because),
    }
}

impl Listed {
    /// Adds the files of `ceph-volume simple` and gives each OSD one layout.
    ///
    /// Some releases' raw list also shows the logical volumes of lvm OSDs, and always the block partitions of simple OSDs: those are left
    /// out of it. An OSD that is on two devices otherwise stays twice, for that is a fact to be judged.
    pub(super) fn merge(self, files: &FoundFiles, has_osds: bool) -> Reading<Vec<OsdVolume>> {
        let (lvm, raw) = match self {
            Self::Both { lvm, raw } => (lvm, raw),
            Self::Failed(because) => return Reading::unknown(because),
            Self::NoProgram if has_osds => {
                return Reading::unknown("there is no `ceph-volume`, and no OSD runs in a container that has it");
            }
            Self::NoProgram => (vec![], vec![]),
        };
        let mut simple = Vec::new();
        for (path, text) in parse_files_of(files, "/etc/ceph/osd/", ".json") {
            match simple_file(text) {
                Ok(osd) => simple.push(osd),
                Err(error) => return Reading::unknown(format!("{path}: {error}")),
            }
        }
        let mapped = |device: &str| device.starts_with("/dev/mapper/") || device.starts_with("/dev/dm-");
        let raw: Vec<ListedOsd> = raw
            .into_iter()
            .filter(|osd| !(mapped(&osd.data) && lvm.iter().any(|other| other.uuid == osd.uuid)))
            .filter(|osd| !simple.iter().any(|other| other.uuid == osd.uuid))
            .collect();
        let mut volumes: Vec<OsdVolume> = Vec::new();
        for (layout, osds) in [
            (VolumeLayout::Lvm, lvm),
            (VolumeLayout::Raw, raw),
            (VolumeLayout::Simple, simple),
        ] {
            volumes.extend(osds.into_iter().map(|osd| volume(layout, osd)));
        }
        volumes.sort_by(|a, b| (a.id, &a.device).cmp(&(b.id, &b.device)));
        Reading::Known(volumes)
    }
}

/// The line with the keyring was left on the host, which can leave a comma before a closing brace.
fn simple_file(text: &str) -> Result<ListedOsd, reeve_ceph::AnswerError> {
    ceph_volume::read_simple_file(text.as_bytes()).or_else(|error| {
        let trimmed = text.trim_end();
        let body = trimmed
            .strip_suffix('}')
            .map(str::trim_end)
            .and_then(|body| body.strip_suffix(','))
            .ok_or(error)?;
        ceph_volume::read_simple_file(format!("{body}}}").as_bytes())
    })
}

fn volume(layout: VolumeLayout, osd: ListedOsd) -> OsdVolume {
    OsdVolume {
        id: osd.id,
        uuid: osd.uuid,
        cluster: osd.cluster,
        layout,
        device: osd.data,
        db: osd.db,
        wal: osd.wal,
        encrypted: osd.encrypted,
    }
}

#[cfg(test)]
mod tests {
    use reeve_ceph::OsdId;

    use super::*;

    fn osd(id: u32, data: &str) -> ListedOsd {
        ListedOsd {
            id: OsdId(id),
            uuid: format!("uuid-{id}"),
            cluster: None,
            data: data.into(),
            db: None,
            wal: None,
            encrypted: false,
        }
    }

    fn shown(reading: Reading<Vec<OsdVolume>>) -> Vec<(u32, VolumeLayout, String)> {
        reading
            .known()
            .unwrap()
            .iter()
            .map(|v| (v.id.0, v.layout, v.device.clone()))
            .collect()
    }

    #[test]
    fn each_osd_has_one_layout_unless_it_really_lies_twice() {
        let simple = "{\n \"whoami\": 3,\n \"fsid\": \"uuid-3\",\n \"block\": {\"path\": \"/dev/sdd2\"},\n}";
        let files = FoundFiles::from([("/etc/ceph/osd/3-uuid-3.json".into(), simple.into())]);
        let listed = Listed::Both {
            lvm: vec![osd(1, "/dev/vg/lv")],
            raw: vec![
                osd(1, "/dev/mapper/vg-lv"),
                osd(1, "/dev/sdx"),
                osd(2, "/dev/sdb"),
                osd(3, "/dev/sdd2"),
            ],
        };
        let expected = [
            (1, VolumeLayout::Raw, "/dev/sdx".to_owned()),
            (1, VolumeLayout::Lvm, "/dev/vg/lv".to_owned()),
            (2, VolumeLayout::Raw, "/dev/sdb".to_owned()),
            (3, VolumeLayout::Simple, "/dev/sdd2".to_owned()),
        ];
        assert_eq!(shown(listed.merge(&files, true)), expected);
    }

    #[test]
    fn no_program_is_no_fault_on_a_host_without_osds() {
        assert_eq!(
            Listed::NoProgram.merge(&FoundFiles::new(), false),
            Reading::Known(vec![])
        );
        assert!(Listed::NoProgram.merge(&FoundFiles::new(), true).known().is_none());
    }
}
