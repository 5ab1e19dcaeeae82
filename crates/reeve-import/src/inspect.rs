//! What is in a source: the machines, their disks, and what stands in the way. Nothing is copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8Path;
use serde::Serialize;

use crate::bytes::{ByteSource, ConcatSource, read_vec};
use crate::certificate::Signature;
use crate::disk::DiskImage;
use crate::error::ReadError;
use crate::folder::Members;
use crate::guest::{GuestLook, look};
use crate::machine::Machine;
use crate::manifest::{Manifest, ManifestAlgorithm, file_digest};
use crate::member_name::MemberName;
use crate::ova::Ova;
use crate::ovf::{Envelope, OvfFile, OvfVersion};
use crate::place::{Place, SourceAddress, Sources};
use crate::vmdk::VmdkImage;
use crate::vmx::Vmx;

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// An archive with a descriptor and disks.
    Ova,
    /// A descriptor beside disks.
    Ovf,
    /// The configuration of a machine beside its disks.
    Vmx,
    /// A disk alone.
    Vmdk,
}

/// A disk file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiskFile {
    /// Its name beside the descriptor.
    pub name: String,
    /// The kind of image, if it could be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The disk's size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<u64>,
    /// The bytes that the image keeps for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<u64>,
    /// The system that is on it, if one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestLook>,
    /// What is odd about it, without standing in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What came of a file's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestState {
    /// It was not computed.
    Unchecked,
    /// It fits.
    Fits,
    /// It does not fit.
    Differs,
    /// The file is missing.
    Missing,
}

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDigest {
    /// The file.
    pub name: MemberName,
    /// The digest's algorithm.
    pub algorithm: ManifestAlgorithm,
    /// What came of it.
    pub state: DigestState,
}

/// What is in a source.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The source as it was named.
    pub source: String,
    /// What it is.
    pub kind: SourceKind,
    /// The version of the descriptor of an OVA or OVF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ovf_version: Option<OvfVersion>,
    /// The networks of the description.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// The configurations that a user may choose from; the first is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<String>,
    /// The machines; none for a disk alone.
    pub machines: Vec<Machine>,
    /// The disk files.
    pub disks: Vec<DiskFile>,
    /// The manifest's files; none if there is no manifest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifest: Vec<FileDigest>,
    /// The signature over the manifest, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// What is odd about the source as a whole, without standing in the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What stands in the way of an import, or will be lost, of the source as a whole.
    pub problems: Vec<String>,
}

impl Inspection {
    /// Tells whether anything stands in the way or will be lost.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
            || self.machines.iter().any(|machine| !machine.problems.is_empty())
            || self.disks.iter().any(|disk| disk.error.is_some())
    }
}

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Descriptions, headers and tables.
    Tables,
    /// All files of the manifest too, for their digests.
    Digests,
}

/// Whether systems are searched for on the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// They are.
    Yes,
    /// They are not: it is done elsewhere.
    No,
}

/// Looks into a source.
///
/// # Errors
///
/// [`ReadError`] if the source itself cannot be read; a disk that cannot be read is told in [`DiskFile::error`].
pub fn inspect(path: &Utf8Path, depth: Depth) -> Result<Inspection, ReadError> {
    inspect_place(&Place::local(path)?, depth, Search::Yes)
}

impl Sources {
    /// Looks into a source, wherever it stands.
    ///
    /// # Errors
    ///
    /// As [`inspect`].
    pub fn inspect(&self, address: &SourceAddress, depth: Depth) -> Result<Inspection, ReadError> {
        inspect_place(&self.open(address)?, depth, Search::Yes)
    }
}

pub(crate) fn inspect_place(place: &Place, depth: Depth, search: Search) -> Result<Inspection, ReadError> {
    let source = Arc::clone(&place.file);
    let folder = place.members.as_ref();
    let mut found = Inspection {
        source: source.name().as_str().to_owned(),
        kind: kind(place)?,
        ovf_version: None,
        networks: Vec::new(),
        configurations: Vec::new(),
        machines: Vec::new(),
        disks: Vec::new(),
        manifest: Vec::new(),
        signature: None,
        remarks: Vec::new(),
        problems: Vec::new(),
    };
    match found.kind {
        SourceKind::Ova => {
            let ova = Ova::open(source)?;
            found.remarks.extend_from_slice(ova.remarks());
            let descriptor = descriptor_of(&ova, &mut found.remarks)?;
            let opened = ova.open(&descriptor)?;
            package(&descriptor, opened.as_ref(), &ova, (depth, search), &mut found)?;
        }
        SourceKind::Ovf => {
            let name = MemberName::new(&place.file_name, source.name(), 0)?;
            package(&name, source.as_ref(), folder, (depth, search), &mut found)?;
        }
        SourceKind::Vmx => {
            let machine = Vmx::read(source.as_ref())?.machine()?;
            for file in machine.disks.iter().filter_map(|disk| disk.file.as_ref()) {
                found
                    .disks
                    .push(disk_file(&file.to_string(), || folder.open(file), folder, search));
            }
            found.machines.push(machine);
        }
        SourceKind::Vmdk => {
            let name = MemberName::new(&place.file_name, source.name(), 0)?;
            let image = VmdkImage::open(source, folder)?;
            found.disks.push(opened(&name.to_string(), image, search));
        }
    }
    Ok(found)
}

/// Tells what a source is: by its first bytes, and where these are text by its name.
pub(crate) fn kind(place: &Place) -> Result<SourceKind, ReadError> {
    let source = place.file.as_ref();
    let length = usize::try_from(source.len().min(512)).expect("at most 512");
    let head = read_vec(source, 0, length)?;
    if <&[u8; 512]>::try_from(head.as_slice()).is_ok_and(Ova::is_archive) {
        return Ok(SourceKind::Ova);
    }
    match place.extension().as_str() {
        "ova" => Err(source
            .name()
            .damaged(0, "not an OVA: a tar header is to be here, and there is none")),
        "ovf" => Ok(SourceKind::Ovf),
        "vmx" => Ok(SourceKind::Vmx),
        _ => Ok(SourceKind::Vmdk),
    }
}

/// Returns the descriptor of an archive.
pub(crate) fn descriptor_of(ova: &Ova, remarks: &mut Vec<String>) -> Result<MemberName, ReadError> {
    let mut found = ova
        .members()
        .iter()
        .enumerate()
        .filter(|(_, member)| member.name.has_extension("ovf"));
    let Some((place, member)) = found.next() else {
        return Err(ova
            .name()
            .refused(0, "an archive without an OVF descriptor (.ovf); it is not an OVA"));
    };
    if let Some((_, second)) = found.next() {
        return Err(ova.name().refused(
            second.offset,
            format!(
                "a second OVF descriptor, {}; which of them counts is not said",
                second.name
            ),
        ));
    }
    if place != 0 {
        remarks.push(
            "the descriptor is not the first file of the archive, as OVF wants it: it can be read from a file, not from a stream"
                .into(),
        );
    }
    Ok(member.name.clone())
}

fn package(
    name: &MemberName,
    source: &dyn ByteSource,
    members: &dyn Members,
    (depth, search): (Depth, Search),
    found: &mut Inspection,
) -> Result<(), ReadError> {
    let envelope = Envelope::read(source)?;
    found.ovf_version = Some(envelope.version);
    found.networks = envelope.networks;
    found.configurations = envelope.configurations;
    let capacities: BTreeMap<&str, Option<u64>> = envelope
        .disks
        .iter()
        .filter_map(|disk| Some((disk.file.as_ref()?.id.as_str(), disk.capacity)))
        .collect();
    for file in &envelope.files {
        // Files that no disk refers to are ISO images, texts and the like.
        let Some(capacity) = capacities.get(file.id.as_str()) else {
            continue;
        };
        let mut disk = disk_file(&file.href, || open_file(file, members), members, search);
        if let (Some(size), Some(said)) = (disk.virtual_size, *capacity)
            && size != said
        {
            disk.remarks
                .push(format!("the description says {said} bytes; the disk's own size counts"));
        }
        found.disks.push(disk);
    }
    found.machines = envelope.machines;
    check_manifest(name, source, members, depth, found)
}

/// Opens a file of a package, in pieces if it has any.
///
/// # Errors
///
/// [`ReadError`] if a piece is missing, or the file is compressed as a whole.
pub fn open_file(file: &OvfFile, members: &dyn Members) -> Result<Arc<dyn ByteSource>, ReadError> {
    let name = crate::error::SourceName::new(&file.href);
    let Some(member) = &file.name else {
        return Err(name.refused(
            0,
            file.refusal
                .clone()
                .unwrap_or_else(|| "a name that leads elsewhere".into()),
        ));
    };
    if file.gzip {
        return Err(name.refused(
            0,
            "compressed with gzip as a whole, which cannot be read in place; unpack it (gunzip --keep), and take the compression out of the descriptor",
        ));
    }
    let (Some(chunk), Some(size)) = (file.chunk, file.size) else {
        if file.chunk.is_some() {
            return Err(name.damaged(0, "the file is in pieces, and its size is not said"));
        }
        return members.open(member);
    };
    /// The most pieces of a file.
    const MAX_PIECES: u64 = 4096;
    let count = size.div_ceil(chunk);
    if count > MAX_PIECES {
        return Err(name.too_large(0, "the number of pieces", count, MAX_PIECES));
    }
    let mut pieces = Vec::new();
    for piece in 0..count {
        // DSP0243: the pieces are numbered with nine digits from 0 on.
        let piece_name = MemberName::new(&format!("{}.{piece:09}", member.as_str()), &name, 0)?;
        let source = members.open(&piece_name)?;
        let wanted = chunk.min(size - piece * chunk);
        if source.len() != wanted {
            return Err(source.name().damaged(
                source.len(),
                format!("a piece of {} bytes, and it is to have {wanted}", source.len()),
            ));
        }
        pieces.push(source);
    }
    Ok(Arc::new(ConcatSource::new(name, pieces)))
}

fn disk_file(
    name: &str,
    open: impl FnOnce() -> Result<Arc<dyn ByteSource>, ReadError>,
    members: &dyn Members,
    search: Search,
) -> DiskFile {
    match open().and_then(|source| VmdkImage::open(source, members)) {
        Ok(image) => opened(name, image, search),
        Err(error) => DiskFile {
            name: name.to_owned(),
            kind: None,
            virtual_size: None,
            stored: None,
            guest: None,
            remarks: Vec::new(),
            error: Some(with_cause(&error)),
        },
    }
}

/// Returns an error with what is behind it, in one line.
pub(crate) fn with_cause(error: &ReadError) -> String {
    match error {
        ReadError::Io { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

fn opened(name: &str, image: VmdkImage, search: Search) -> DiskFile {
    let mut remarks = image.remarks();
    let image: Arc<dyn DiskImage> = Arc::new(image);
    let mut guest = None;
    if search == Search::Yes {
        let (found, unseen) = look(&image);
        if found.is_none() {
            remarks.extend(unseen);
        }
        guest = found;
    }
    DiskFile {
        name: name.to_owned(),
        kind: Some(image.kind().as_str()),
        virtual_size: Some(image.virtual_size()),
        stored: Some(image.stored_bytes()),
        guest,
        remarks,
        error: None,
    }
}

fn check_manifest(
    name: &MemberName,
    descriptor: &dyn ByteSource,
    members: &dyn Members,
    depth: Depth,
    found: &mut Inspection,
) -> Result<(), ReadError> {
    let Some(source) = optional(members, &name.with_extension("mf"))? else {
        found
            .remarks
            .push("there is no manifest (.mf): whether the files are whole cannot be checked".into());
        return Ok(());
    };
    let manifest = Manifest::read(source.as_ref())?;
    if manifest.entry(name).is_none() {
        found
            .problems
            .push("the manifest has no digest of the descriptor".into());
    }
    if manifest
        .entries
        .iter()
        .any(|entry| entry.algorithm == ManifestAlgorithm::Sha1)
    {
        found
            .remarks
            .push("the manifest's SHA-1 tells accidents, and not a file that was changed on purpose".into());
    }
    for disk in &found.disks {
        // A file in pieces has a digest for each piece.
        let covers = |entry: &crate::manifest::ManifestEntry| {
            let rest = entry.name.as_str().strip_prefix(&disk.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !manifest.entries.iter().any(covers) {
            found
                .problems
                .push(format!("the manifest has no digest of {}", disk.name));
        }
    }
    for entry in &manifest.entries {
        let state = match (depth, entry.name == *name) {
            // The descriptor is small, and everything else follows from it.
            (_, true) => compare(descriptor, entry.algorithm, &entry.digest)?,
            (Depth::Tables, false) => match optional(members, &entry.name)? {
                Some(_) => DigestState::Unchecked,
                None => DigestState::Missing,
            },
            (Depth::Digests, false) => match optional(members, &entry.name)? {
                Some(file) => compare(file.as_ref(), entry.algorithm, &entry.digest)?,
                None => DigestState::Missing,
            },
        };
        match state {
            DigestState::Differs => found.problems.push(format!(
                "{} is not the file that the manifest was made for: its {} differs",
                entry.name,
                entry.algorithm.as_str()
            )),
            DigestState::Missing => found
                .problems
                .push(format!("{} is in the manifest, and there is no such file", entry.name)),
            DigestState::Fits | DigestState::Unchecked => {}
        }
        found.manifest.push(FileDigest {
            name: entry.name.clone(),
            algorithm: entry.algorithm,
            state,
        });
    }
    if let Some(source) = optional(members, &name.with_extension("cert"))? {
        let signature = Signature::check(source.as_ref(), &manifest)?;
        if !signature.valid {
            found.problems.push(format!(
                "the signature over the manifest is not that of {}: manifest or certificate was changed",
                signature.subject
            ));
        }
        found.signature = Some(signature);
    }
    Ok(())
}

fn compare(source: &dyn ByteSource, algorithm: ManifestAlgorithm, digest: &[u8]) -> Result<DigestState, ReadError> {
    Ok(if file_digest(source, algorithm)? == digest {
        DigestState::Fits
    } else {
        DigestState::Differs
    })
}

/// Opens a file that may be missing.
fn optional(members: &dyn Members, name: &MemberName) -> Result<Option<Arc<dyn ByteSource>>, ReadError> {
    match members.open(name) {
        Ok(source) => Ok(Some(source)),
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
