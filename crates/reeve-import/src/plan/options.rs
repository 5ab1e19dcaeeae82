//! What a person can choose.

use std::collections::BTreeMap;

use reeve_journal::Plan;
use serde::{Deserialize, Serialize};

/// How far an import goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Makes {
    /// To an image for each disk.
    #[default]
    Images,
    /// To a volume of each image.
    Volumes,
    /// To a server that starts from the volumes.
    Server,
}

/// The format of the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// Every byte of the disk, zeros included; what clouds on Ceph start from without another copy.
    #[default]
    Raw,
    /// Only what has data, behind tables that say where it belongs.
    Qcow2,
    /// The source's own streamOptimized disk, byte by byte: the smallest upload.
    Vmdk,
}

impl ImageFormat {
    /// Returns the name that Glance uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
        }
    }
}

/// How an image gets its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageMethod {
    /// Uploaded into the store, as every cloud takes it.
    #[default]
    Upload,
    /// Staged, then imported by the cloud (`glance-direct`), which may make it raw on the way.
    GlanceDirect,
}

impl ImageMethod {
    /// Returns the name of the import method; `None` for the upload, which is none.
    #[must_use]
    pub const fn import_method(self) -> Option<&'static str> {
        match self {
            Self::Upload => None,
            Self::GlanceDirect => Some("glance-direct"),
        }
    }

    /// Tells whether this is what is done if nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The bus by which a server sees its disks (`hw_disk_bus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskBus {
    /// IDE; only with BIOS.
    Ide,
    /// SATA.
    Sata,
    /// SCSI by virtio.
    Scsi,
    /// virtio block devices.
    Virtio,
}

/// The model of a server's network cards (`hw_vif_model`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NicModel {
    /// Intel 82540EM.
    E1000,
    /// Intel 82574L.
    E1000e,
    /// AMD PCnet.
    Pcnet,
    /// virtio.
    Virtio,
    /// VMware's own.
    Vmxnet3,
}

impl NicModel {
    /// Returns the name that Nova uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::E1000 => "e1000",
            Self::E1000e => "e1000e",
            Self::Pcnet => "pcnet",
            Self::Virtio => "virtio",
            Self::Vmxnet3 => "vmxnet3",
        }
    }
}

/// What becomes of MAC addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MacPolicy {
    /// Kept on networks of the project, where Neutron's usual policy allows it; new elsewhere.
    #[default]
    Auto,
    /// Kept everywhere; the import fails where the cloud does not allow it.
    Keep,
    /// New everywhere.
    New,
}

/// Which network of the cloud stands for one of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkChoice {
    /// The network as the source calls it; `None` for all that no other choice is for.
    pub source: Option<String>,
    /// The network's name or id in the cloud.
    pub network: String,
}

/// What a person can choose for an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// How far to go.
    pub makes: Makes,
    /// The format of the images.
    pub format: ImageFormat,
    /// The machine's name in the cloud, if it is to be another.
    pub name: Option<String>,
    /// The flavor's name or id.
    pub flavor: Option<String>,
    /// Networks.
    pub networks: Vec<NetworkChoice>,
    /// MAC addresses.
    pub mac: MacPolicy,
    /// The store of Glance that the images go to, by id; `None` for the cloud's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// How images get their data.
    #[serde(default, skip_serializing_if = "ImageMethod::is_default")]
    pub method: ImageMethod,
    /// Whether the data of the volumes is compared with that of the disks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify_volumes: bool,
    /// The volume type's name.
    pub volume_type: Option<String>,
    /// The disk bus.
    pub disk_bus: Option<DiskBus>,
    /// The model of network cards.
    pub nic_model: Option<NicModel>,
    /// Properties of the images, in place of or beside those that follow from the machine; an empty value takes one away.
    pub properties: BTreeMap<String, String>,
    /// Whether the licence texts of the package are accepted.
    pub accept_licences: bool,
}

/// What a plan keeps of the choices: all of them, and the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    /// The cloud's name in clouds.yaml, as whoever planned had it.
    pub cloud: String,
    /// The region.
    pub region: Option<String>,
    /// The choices.
    pub import: ImportOptions,
}

impl PlanOptions {
    /// Reads the options of a plan of this operation.
    ///
    /// # Errors
    ///
    /// What serde says, for a plan of another operation or another version.
    pub fn of(plan: &Plan) -> Result<Self, serde_json::Error> {
        Self::deserialize(&plan.options)
    }
}
