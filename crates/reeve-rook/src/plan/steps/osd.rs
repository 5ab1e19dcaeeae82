//! OSDs.

use reeve_ceph::OsdId;
use reeve_journal::plan::Place;
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::facts::UserIds;
use crate::plan::StepContext;
use crate::plan::context::{command, wait};
use crate::plan::measured::{COMMAND_DEADLINE, GONE_DEADLINE, OSD_UP_DEADLINE};

/// How the host's own ceph-volume makes an OSD startable by its old unit, after Rook's pod had its devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Activation {
    /// `ceph-volume lvm activate`.
    Lvm {
        /// The OSD's uuid.
        uuid: String,
    },
    /// `ceph-volume raw activate`.
    Raw {
        /// The data device.
        device: String,
    },
    /// `ceph-volume simple activate`.
    Simple {
        /// The OSD's uuid.
        uuid: String,
    },
    /// The unit does it itself, as container units do.
    ByUnit,
}

impl Activation {
    /// Returns the command, if one is needed; it starts and enables nothing.
    pub(crate) fn argv<'a>(&'a self, id: &'a str) -> Option<Vec<&'a str>> {
        match self {
            Self::Lvm { uuid } => Some(vec![
                "ceph-volume",
                "lvm",
                "activate",
                "--no-systemd",
                "--bluestore",
                id,
                uuid,
            ]),
            Self::Raw { device } => Some(vec![
                "ceph-volume",
                "raw",
                "activate",
                "--no-systemd",
                "--device",
                device,
            ]),
            Self::Simple { uuid } => Some(vec!["ceph-volume", "simple", "activate", "--no-systemd", id, uuid]),
            Self::ByUnit => None,
        }
    }
}

/// Waits until Ceph has marked an OSD down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitOsdDown {
    /// The OSD.
    pub osd: OsdId,
}

impl StepDefinition for AwaitOsdDown {
    const KIND: &'static str = "await_osd_down";
    const ABOUT: &'static str = "Waits until Ceph has marked an OSD down.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            wait(format!("osd.{} is down", self.osd)),
            context.ceph_read(
                "the OSD map",
                ["osd", "info", &self.osd.to_string(), "--format", "json"],
            ),
        ];
        Description::looking(
            format!("Waits until osd.{} is marked down.", self.osd),
            Place::Ceph,
            act,
            GONE_DEADLINE,
        )
    }
}

/// Gives an OSD's devices to the user that Ceph has in Rook's image.
///
/// Rook's pod does the same when it activates the OSD; done here it has an undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChownDevices {
    /// The OSD.
    pub osd: OsdId,
    /// Its host.
    pub host: String,
    /// Its devices.
    pub devices: Vec<String>,
    /// Their owner now.
    pub before: UserIds,
    /// Their owner to be.
    pub after: UserIds,
}

impl StepDefinition for ChownDevices {
    const KIND: &'static str = "chown_devices";
    const ABOUT: &'static str =
        "Gives an OSD's devices to the user that Ceph has in Rook's image, where that is another.";

    fn describe(&self, _: &StepContext) -> Description {
        let chown = |owner: UserIds| {
            let owner = format!("{}:{}", owner.uid, owner.gid);
            let argv = ["chown", "--dereference", &owner, "--"]
                .into_iter()
                .chain(self.devices.iter().map(String::as_str));
            vec![command(&self.host, argv)]
        };
        let what = format!(
            "Gives the devices of osd.{} to {}:{}.",
            self.osd, self.after.uid, self.after.gid
        );
        Description::changing(
            what,
            Place::Host(self.host.clone()),
            chown(self.after),
            COMMAND_DEADLINE,
            chown(self.before),
        )
    }
}

/// Waits until an OSD is up under Rook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitOsdUp {
    /// The OSD.
    pub osd: OsdId,
    /// The OSD's uuid, unchanged.
    pub uuid: String,
    /// The value of the node's label `kubernetes.io/hostname`.
    pub hostname: String,
}

impl StepDefinition for AwaitOsdUp {
    const KIND: &'static str = "await_osd_up";
    const ABOUT: &'static str = "Waits until an OSD is up in Rook's pod, the same OSD on the same networks.";

    fn describe(&self, context: &StepContext) -> Description {
        let Self { osd, uuid, hostname } = self;
        let act = vec![
            wait(format!("osd.{osd} is up and in, with uuid {uuid}")),
            context.ceph_read(
                format!("it runs in Rook's image on {hostname}, in its old networks"),
                ["osd", "metadata", &osd.to_string(), "--format", "json"],
            ),
        ];
        Description::looking(
            format!("Waits until osd.{osd} is up."),
            Place::Ceph,
            act,
            OSD_UP_DEADLINE,
        )
    }
}

/// Proves that an OSD stands in CRUSH where it stood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveCrushPosition {
    /// The OSD.
    pub osd: OsdId,
    /// The bucket that holds it.
    pub bucket: String,
    /// Its device class; empty for none.
    pub class: String,
    /// Its CRUSH weight.
    pub weight: f64,
}

impl StepDefinition for ProveCrushPosition {
    const KIND: &'static str = "prove_crush_position";
    const ABOUT: &'static str = "Proves that an OSD has its old bucket, weight and device class.";

    fn describe(&self, context: &StepContext) -> Description {
        let Self {
            osd,
            bucket,
            class,
            weight,
        } = self;
        let class = if class.is_empty() { "no class" } else { class };
        let expected = format!("osd.{osd} in {bucket}, weight {weight}, {class}");
        let act = vec![context.ceph_read(expected, ["osd", "tree", "--format", "json"])];
        Description::looking(
            format!("Proves that osd.{osd} has not moved in CRUSH."),
            Place::Ceph,
            act,
            COMMAND_DEADLINE,
        )
    }
}
