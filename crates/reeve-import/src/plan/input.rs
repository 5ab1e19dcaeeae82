//! What a plan keeps of each step, so that the step can be built again.

use std::collections::BTreeMap;

use reeve_journal::plan::StepId;
use serde::{Deserialize, Serialize};

use super::options::{ImageFormat, ImageMethod};
use crate::place::SourceAddress;

/// How Glance digests the data of images, as far as it can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512, Glance's own choice.
    #[default]
    Sha512,
}

impl HashAlgorithm {
    /// Returns the algorithm that Glance calls so.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Returns the name that Glance uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A disk that becomes an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    /// By what the image is found again.
    pub mark: String,
    /// Its name.
    pub name: String,
    /// Where the source stands; a path is absolute.
    pub source: SourceAddress,
    /// The disk's file in the source.
    pub file: String,
    /// What the disk is known again by.
    pub fingerprint: String,
    /// The disk's size in bytes.
    pub size: u64,
    /// The image's format.
    pub format: ImageFormat,
    /// The store that it goes to; `None` for the cloud's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// How it gets its data.
    #[serde(default, skip_serializing_if = "ImageMethod::is_default")]
    pub method: ImageMethod,
    /// How the bytes that are sent are digested.
    pub hash: HashAlgorithm,
    /// Whether a volume of it is compared with the disk later: then the digest of the disk, with zeros up to the volume's size, is computed as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_proof: bool,
    /// The size of the smallest volume that holds it, in GiB.
    pub min_disk_gib: u64,
    /// The image's properties.
    pub properties: BTreeMap<String, String>,
    /// How it is exported; none if its files are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportInput>,
}

/// A disk that comes by an export lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportInput {
    /// The machine's instance UUID.
    pub instance_uuid: String,
    /// The disk's key among its devices.
    pub key: u32,
    /// The mark of the snapshot that is exported; none for the machine itself, which is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// A snapshot of a machine that runs, made and removed for its copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotInput {
    /// Its name, by which it is found again.
    pub mark: String,
    /// The machine, by the address of its `.vmx`.
    pub source: SourceAddress,
    /// The machine's instance UUID.
    pub instance_uuid: String,
    /// Whether the guest's file systems are brought to rest.
    pub quiesce: bool,
}

/// A volume, made of an image or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeInput {
    /// By what the volume is found again.
    pub mark: String,
    /// Its name.
    pub name: String,
    /// Its size in GiB.
    pub size_gib: u64,
    /// The step that makes its image; `None` for an empty one.
    pub image_step: Option<StepId>,
    /// Its type; `None` for the cloud's own choice.
    pub volume_type: Option<String>,
}

/// A volume whose data is compared with its disk, by an image that the cloud makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofInput {
    /// The name of the image that is made for it, by which it is found again.
    pub mark: String,
    /// The volume's size in GiB.
    pub size_gib: u64,
    /// How Glance digests it.
    pub hash: HashAlgorithm,
    /// The step that made the image of the disk, and knows what the volume should hold.
    pub image_step: StepId,
    /// The step that made the volume.
    pub volume_step: StepId,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortInput {
    /// By what the port is found again.
    pub mark: String,
    /// Its name.
    pub name: String,
    /// The network's id.
    pub network_id: String,
    /// Its MAC address; `None` for a new one.
    pub mac: Option<String>,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerInput {
    /// By what the server is found again.
    pub mark: String,
    /// Its name.
    pub name: String,
    /// The flavor's id.
    pub flavor_id: String,
    /// The steps that make its volumes; it starts from the first.
    pub volume_steps: Vec<StepId>,
    /// The steps that make its ports.
    pub port_steps: Vec<StepId>,
}
