//! A source as an import sees it: its machines, each disk opened once, and marks by which it is known again.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::bytes::{ByteSource, read_vec};
use crate::disk::{CHUNK_BYTES, DiskImage, DiskKind};
use crate::error::ReadError;
use crate::folder::Members;
use crate::guest::{self, GuestLook};
use crate::inspect::{Depth, Inspection, Search, SourceKind, descriptor_of, inspect_place, kind, open_file};
use crate::machine::{Bus, Machine, MachineDisk};
use crate::member_name::MemberName;
use crate::ova::Ova;
use crate::ovf::Envelope;
use crate::partition::DiskLayout;
use crate::place::{Place, SourceAddress, Sources, cannot_be_read, told};
use crate::vmdk::VmdkImage;
use crate::vsphere::{self, Description, SnapshotKind, TransferChoice, VsphereMachine, Way};

/// A disk of a machine, looked at.
#[derive(Clone, Debug, Serialize)]
pub struct SourceDisk {
    /// The description's name for it.
    pub label: String,
    /// What it is connected by, if the description says so.
    pub bus: Option<Bus>,
    /// The model of its controller, if the description says so.
    pub controller: Option<String>,
    /// The file that holds it; `None` for a disk that is to be made empty.
    pub file: Option<MemberName>,
    /// Its size in bytes.
    pub size: u64,
    /// The bytes that its files keep for it.
    pub stored: u64,
    /// The kind of its image.
    pub kind: Option<DiskKind>,
    /// What it is known again by.
    pub fingerprint: Option<String>,
    /// How it is divided.
    pub layout: Option<DiskLayout>,
    /// Why it cannot be taken.
    pub refused: Option<String>,
    /// Its key among the machine's devices, if it comes by an export lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
}

/// What an export of a machine has to know besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportFacts {
    /// By what the machine is found again.
    pub instance_uuid: String,
    /// Whether a snapshot is made and exported, because the machine runs; then, whether its file systems are brought to rest for it.
    pub snapshot: Option<Quiesce>,
}

/// Whether a guest's file systems are brought to rest for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiesce {
    /// They are, by VMware Tools.
    Yes,
    /// They are not: a person wants it so.
    NotWanted,
    /// They cannot be: VMware Tools do not run.
    NoTools,
}

/// A machine of a source and everything that an import has to know of it.
#[derive(Clone, Debug, Serialize)]
pub struct SourceFacts {
    /// Where it stands; a path is absolute.
    // The name by which plans' digests of facts know it.
    #[serde(rename = "path")]
    pub address: SourceAddress,
    /// What it is.
    pub kind: SourceKind,
    /// The machine; for a disk alone, one that has nothing but the disk.
    pub machine: Machine,
    /// Whether the source says anything of the machine besides its disk.
    pub is_described: bool,
    /// Its disks, in the machine's order.
    pub disks: Vec<SourceDisk>,
    /// What the guest's own files say, if it is a Linux or a Windows whose root file system can be looked into.
    pub guest: Option<GuestLook>,
    /// What of the disks could not be looked into; empty if the guest was found.
    pub unseen: Vec<String>,
    /// What is wrong with the source as a whole.
    pub problems: Vec<String>,
    /// What is odd about it, without standing in the way.
    pub remarks: Vec<String>,
    /// How it is exported; none if its files are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportFacts>,
}

/// Looks at a source: every machine of it, and every disk.
///
/// # Errors
///
/// [`ReadError`] if the source itself cannot be read; a disk that cannot be read is told in [`SourceDisk::refused`].
pub fn survey_source(path: &Utf8Path, depth: Depth) -> Result<Vec<SourceFacts>, ReadError> {
    Sources::default().survey(&SourceAddress::Local(path.to_owned()), depth)
}

impl Sources {
    /// Looks at a source, wherever it stands; a machine of a host comes as it can without being changed.
    ///
    /// # Errors
    ///
    /// As [`survey_source`].
    pub fn survey(&self, address: &SourceAddress, depth: Depth) -> Result<Vec<SourceFacts>, ReadError> {
        self.survey_by(address, depth, TransferChoice::default())
    }

    /// Looks at a source, wherever it stands; a machine of a host comes as it is chosen.
    ///
    /// # Errors
    ///
    /// As [`survey_source`].
    pub fn survey_by(
        &self,
        address: &SourceAddress,
        depth: Depth,
        choice: TransferChoice,
    ) -> Result<Vec<SourceFacts>, ReadError> {
        match address {
            SourceAddress::Local(path) => survey_place(&self.open(&SourceAddress::Local(absolute(path)?))?, depth),
            SourceAddress::Datastore(file) => match self.machines_at(file)?.first() {
                Some(machine) => self.survey_listed(machine, depth, choice),
                // Files of a machine that nobody runs.
                None => survey_place(&self.open_file(file)?, depth),
            },
        }
    }

    /// Looks at a machine that was just listed: the host is not asked once more for it.
    ///
    /// # Errors
    ///
    /// As [`survey_source`]; [`ReadError::Refused`] if there is no such way for it.
    pub fn survey_listed(
        &self,
        machine: &VsphereMachine,
        depth: Depth,
        choice: TransferChoice,
    ) -> Result<Vec<SourceFacts>, ReadError> {
        let Some(file) = &machine.source else {
            return Ok(Vec::new());
        };
        let snapshot = match machine.way(choice).map_err(|obstacle| cannot_be_read(file, obstacle))? {
            Way::Files => return survey_place(&self.open_file(file)?, depth),
            Way::Machine => None,
            Way::Snapshot(kind) => Some(kind),
        };
        let name = crate::error::SourceName::new(&file.datastore_path());
        let description = self
            .host(&file.host)
            .and_then(|session| session.describe(machine))
            .map_err(|error| vsphere::failed(&name, 0, error))?;
        Ok(vec![exported(
            SourceAddress::Datastore(file.clone()),
            description,
            snapshot,
        )])
    }
}

/// Returns the facts of a machine that is exported: what its host says of it.
fn exported(address: SourceAddress, description: Description, snapshot: Option<SnapshotKind>) -> SourceFacts {
    let machine = description.machine;
    let disks = machine.disks.iter().zip(&description.disks);
    let disks: Vec<SourceDisk> = disks
        .map(|(disk, described)| {
            let described_only = as_described(disk, &machine);
            let refused = described_only.refused.clone().or_else(|| {
                let is_left_out = described.is_independent && snapshot.is_some();
                is_left_out
                    .then(|| "it is independent of snapshots: shut the machine down, and it can be exported".to_owned())
            });
            SourceDisk {
                kind: Some(DiskKind::StreamOptimized),
                fingerprint: Some(described.fingerprint.clone()),
                refused,
                key: Some(described.key),
                ..described_only
            }
        })
        .collect();
    let quiesce = |kind| match kind {
        SnapshotKind::CrashConsistent => Quiesce::NotWanted,
        SnapshotKind::Quiesced if description.has_tools => Quiesce::Yes,
        SnapshotKind::Quiesced => Quiesce::NoTools,
    };
    SourceFacts {
        address,
        // Its `.vmx` is what it stands under, though its host's inventory is what was read.
        kind: SourceKind::Vmx,
        is_described: true,
        disks,
        guest: None,
        unseen: vec![
            "the disks come by an export lease and cannot be looked into before: what the guest says of itself, and how its disks are divided, is not known".to_owned(),
        ],
        problems: Vec::new(),
        remarks: Vec::new(),
        export: Some(ExportFacts {
            instance_uuid: description.instance_uuid,
            snapshot: snapshot.map(quiesce),
        }),
        machine,
    }
}

fn survey_place(place: &Place, depth: Depth) -> Result<Vec<SourceFacts>, ReadError> {
    let found = inspect_place(place, depth, Search::No)?;
    let machines = if found.kind == SourceKind::Vmdk {
        vec![lone_disk(place)]
    } else {
        found.machines.clone()
    };
    Ok(machines
        .into_iter()
        .map(|machine| survey_machine(place, machine, &found))
        .collect())
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, ReadError> {
    path.canonicalize_utf8()
        .map_err(|source| crate::error::SourceName::new(path.as_str()).io(0, source))
}

/// Returns the machine of a disk that comes alone.
fn lone_disk(place: &Place) -> Machine {
    let name = Utf8Path::new(&place.file_name);
    Machine {
        name: name.file_stem().unwrap_or("disk").to_owned(),
        disks: vec![MachineDisk {
            label: "disk".to_owned(),
            controller: None,
            unit: 0,
            capacity: None,
            file: MemberName::new(name.as_str(), place.file.name(), 0).ok(),
            refused: None,
        }],
        ..Machine::default()
    }
}

fn survey_machine(place: &Place, machine: Machine, found: &Inspection) -> SourceFacts {
    let (mut found_guest, mut unseen) = (None, Vec::new());
    let mut disks = Vec::new();
    for disk in &machine.disks {
        let mut eyes = Eyes {
            guest: &mut found_guest,
            unseen: &mut unseen,
        };
        disks.push(survey_disk(place, disk, &machine, &mut eyes));
    }
    if found_guest.is_some() {
        unseen.clear();
    }
    SourceFacts {
        guest: found_guest,
        unseen,
        address: place.address.clone(),
        kind: found.kind,
        is_described: found.kind != SourceKind::Vmdk,
        disks,
        problems: found.problems.clone(),
        remarks: found.remarks.clone(),
        export: None,
        machine,
    }
}

/// What is looked for in the disks until it is found.
struct Eyes<'a> {
    guest: &'a mut Option<GuestLook>,
    unseen: &'a mut Vec<String>,
}

/// Returns what its machine's description says of a disk.
fn as_described(disk: &MachineDisk, machine: &Machine) -> SourceDisk {
    let controller = disk.controller.and_then(|index| machine.controllers.get(index));
    SourceDisk {
        label: disk.label.clone(),
        bus: controller.map(|controller| controller.bus),
        controller: controller.and_then(|controller| controller.model.clone()),
        file: disk.file.clone(),
        size: disk.capacity.unwrap_or(0),
        stored: 0,
        kind: None,
        fingerprint: None,
        layout: None,
        refused: disk.refused.clone(),
        key: None,
    }
}

fn survey_disk(place: &Place, disk: &MachineDisk, machine: &Machine, eyes: &mut Eyes<'_>) -> SourceDisk {
    let mut surveyed = as_described(disk, machine);
    let Some(file) = &disk.file else {
        return surveyed;
    };
    let looked = OpenedDisk::of_place(place, file.as_str()).and_then(|opened| {
        let layout = DiskLayout::of(opened.image.as_ref())?;
        Ok((opened.fingerprint()?, layout, opened))
    });
    match looked {
        Ok((fingerprint, layout, opened)) => {
            surveyed.size = opened.image.virtual_size();
            surveyed.stored = opened.image.stored_bytes();
            surveyed.kind = Some(opened.image.kind());
            surveyed.fingerprint = Some(fingerprint);
            surveyed.layout = Some(layout);
            if eyes.guest.is_none() {
                let image: Arc<dyn DiskImage> = Arc::clone(&opened.image) as _;
                let (found, unseen) = guest::look(&image);
                *eyes.guest = found;
                eyes.unseen.extend(unseen);
            }
            if surveyed.bus.is_none() && opened.image.adapter() == Some("ide") {
                surveyed.bus = Some(Bus::Ide);
            }
        }
        Err(error) => surveyed.refused = Some(told(&error)),
    }
    surveyed
}

/// A disk of a source, opened.
pub struct OpenedDisk {
    /// The disk.
    pub image: Arc<VmdkImage>,
    /// The file that was named; further files may belong to the disk.
    file: Arc<dyn ByteSource>,
}

impl OpenedDisk {
    /// Opens the disk in `file` of a source, as [`SourceFacts`] names both.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is no such file in the source, or it is no disk that can be read.
    pub fn open(sources: &Sources, address: &SourceAddress, file: &str) -> Result<Self, ReadError> {
        Self::of_place(&sources.open(address)?, file)
    }

    fn of_place(place: &Place, file: &str) -> Result<Self, ReadError> {
        let source = Arc::clone(&place.file);
        let name = MemberName::new(file, source.name(), 0)?;
        let folder = place.members.as_ref();
        match kind(place)? {
            SourceKind::Ova => {
                let ova = Ova::open(source)?;
                let descriptor = descriptor_of(&ova, &mut Vec::new())?;
                let envelope = Envelope::read(ova.open(&descriptor)?.as_ref())?;
                Self::of_package(&envelope, &name, &ova)
            }
            SourceKind::Ovf => Self::of_package(&Envelope::read(source.as_ref())?, &name, folder),
            SourceKind::Vmx => Self::of_file(folder.open(&name)?, folder),
            SourceKind::Vmdk => Self::of_file(source, folder),
        }
    }

    fn of_package(envelope: &Envelope, name: &MemberName, members: &dyn Members) -> Result<Self, ReadError> {
        let file = envelope.files.iter().find(|file| file.name.as_ref() == Some(name));
        let source = match file {
            Some(file) => open_file(file, members)?,
            None => members.open(name)?,
        };
        Self::of_file(source, members)
    }

    fn of_file(file: Arc<dyn ByteSource>, members: &dyn Members) -> Result<Self, ReadError> {
        Ok(Self {
            image: Arc::new(VmdkImage::open(Arc::clone(&file), members)?),
            file,
        })
    }

    /// Returns the file that was named.
    pub(crate) const fn file(&self) -> &Arc<dyn ByteSource> {
        &self.file
    }

    /// Returns what the disk is known again by: `blake3:` and a digest of its sizes, of the first and the last MiB of the file that was named, and of the first MiB of the disk.
    ///
    /// It tells another disk, and one that was written to in the usual places; it does not tell every change. The digest of the content does, while it is copied.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if one of these cannot be read.
    pub fn fingerprint(&self) -> Result<String, ReadError> {
        let piece = |length: u64| usize::try_from(length.min(CHUNK_BYTES)).expect("at most a chunk");
        let (length, size) = (self.file.len(), self.image.virtual_size());
        let mut hasher = blake3::Hasher::new();
        for number in [length, size] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&read_vec(self.file.as_ref(), 0, piece(length))?);
        let tail = length.saturating_sub(CHUNK_BYTES);
        hasher.update(&read_vec(self.file.as_ref(), tail, piece(length - tail))?);
        let mut start = vec![0; piece(size)];
        self.image.reader().read_at(&mut start, 0)?;
        hasher.update(&start);
        Ok(format!("blake3:{}", hasher.finalize().to_hex()))
    }
}
