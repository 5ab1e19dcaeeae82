//! A disk on its way from the source to the cloud: decoded, digested, sent, with no copy in between.

use std::sync::Arc;

use reeve_journal::Cancellation;
use reeve_journal::plan::StepId;
use reeve_openstack::{Bytes, UploadWriter};
use sha2::{Digest, Sha256, Sha512};

use super::world::CopyWatch;
use crate::decode::{self, DecodeError, DigestKind, Piece, decode_in_order, decode_stream_in_order};
use crate::disk::{CHUNK_BYTES, DiskImage};
use crate::error::{ReadError, SourceName};
use crate::place::{SourceAddress, Sources};
use crate::plan::{ExportInput, HashAlgorithm, ImageFormat, ImageInput};
use crate::qcow2::{Clusters, Layout};
use crate::source::OpenedDisk;
use crate::vmdk::StreamDisk;
use crate::vsphere::{self, ExportError, ExportedDisk, Lease, NfcStream, Stop};

/// What came of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the bytes that were sent, in hexadecimal.
    pub digest: String,
    /// The digest of the disk's content, whatever the format in which it was sent.
    pub content: String,
    /// How many bytes were sent.
    pub sent: u64,
    /// Bytes that the source had as data; all others are zeros.
    pub data: u64,
}

/// A disk could not be copied to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The source is at fault.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The source has changed since the plan was made.
    #[error("{file} is not the disk that the plan was made for: {what}")]
    Changed {
        /// The disk's file.
        file: String,
        /// What differs.
        what: String,
    },
    /// The source did not stand still while it was copied.
    #[error("{file} was changed while it was copied: {what}")]
    Moved {
        /// The disk's file.
        file: String,
        /// What was seen.
        what: String,
    },
    /// A person asked to stop.
    #[error("stopped as asked")]
    Stopped,
    /// The cloud takes no more.
    #[error("the upload ended before the disk did")]
    Closed,
}

/// The digest in the making.
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: HashAlgorithm) -> Self {
        match algorithm {
            HashAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            HashAlgorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

/// The disk of a step, known again and ready to be copied.
pub(super) enum Ready {
    /// Files that are read at any place.
    Files {
        disk: OpenedDisk,
        /// Where everything goes in a qcow2; none for raw bytes.
        layout: Option<Layout>,
    },
    /// A disk that a host exports, as raw bytes.
    Export(ExportedDisk),
}

/// A disk whose copy has begun.
pub(super) enum Begun {
    Files {
        disk: OpenedDisk,
        layout: Option<Layout>,
    },
    Export {
        lease: Lease,
        disk: Box<StreamDisk<NfcStream>>,
    },
}

impl Begun {
    /// Returns how many bytes are sent.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Files {
                layout: Some(layout), ..
            } => layout.length(),
            Self::Files { disk, .. } => disk.image.virtual_size(),
            Self::Export { disk, .. } => disk.virtual_size(),
        }
    }
}

/// Opens the disk of a step and makes sure that it is the one that the plan was made for.
///
/// # Errors
///
/// [`CopyError::Read`] or [`CopyError::Changed`].
pub(super) fn open(input: &ImageInput, sources: &Sources) -> Result<Ready, CopyError> {
    let changed = |what: String| CopyError::Changed {
        file: named(input),
        what,
    };
    if let Some(export) = &input.export {
        let disk = exported(input, export, sources)?;
        if disk.capacity != input.size {
            return Err(changed(format!(
                "it has {} bytes instead of {}",
                disk.capacity, input.size
            )));
        }
        if disk.fingerprint != input.fingerprint {
            return Err(changed(format!("its host knows it as {} now", disk.fingerprint)));
        }
        return Ok(Ready::Export(disk));
    }
    let disk = OpenedDisk::open(sources, &input.source, &input.file)?;
    let size = disk.image.virtual_size();
    if size != input.size {
        return Err(changed(format!("it has {size} bytes instead of {}", input.size)));
    }
    if disk.fingerprint()? != input.fingerprint {
        return Err(changed("its content differs".to_owned()));
    }
    let layout = match input.format {
        ImageFormat::Raw => None,
        ImageFormat::Qcow2 => Some(Layout::of(disk.image.as_ref())?),
    };
    Ok(Ready::Files { disk, layout })
}

/// Finds the disk of a step on its host.
fn exported(input: &ImageInput, export: &ExportInput, sources: &Sources) -> Result<ExportedDisk, CopyError> {
    let changed = |what: String| CopyError::Changed {
        file: named(input),
        what,
    };
    let name = SourceName::new(&named(input));
    let failed = |error| CopyError::Read(vsphere::failed(&name, 0, error));
    let SourceAddress::Datastore(file) = &input.source else {
        return Err(changed("only a host exports disks".to_owned()));
    };
    if input.format != ImageFormat::Raw {
        return Err(changed("a disk that is exported becomes a raw image only".to_owned()));
    }
    let session = sources.host(&file.host).map_err(failed)?;
    let snapshot = export.snapshot.as_deref();
    ExportedDisk::find(session, &export.instance_uuid, export.key, snapshot).map_err(|error| match error {
        ExportError::Host(error) => failed(error),
        ExportError::Changed(what) => changed(what),
    })
}

fn named(input: &ImageInput) -> String {
    format!(
        "{} ({})",
        crate::error::escaped(&input.source.to_string(), 400),
        crate::error::escaped(&input.file, 200)
    )
}

/// Reads a disk to its end, computes its digests, and gives its bytes to `writer` if there is one. Blocks; memory is bounded.
pub(super) struct Copy {
    pub(super) step: StepId,
    pub(super) input: ImageInput,
    pub(super) sources: Arc<Sources>,
    pub(super) threads: usize,
    pub(super) cancellation: Cancellation,
    pub(super) watch: Arc<dyn CopyWatch>,
}

impl Copy {
    /// Begins to read the disk: of an export, obtains the lease.
    ///
    /// # Errors
    ///
    /// [`CopyError`]; nothing is held then.
    pub(super) fn begin(&self, ready: Ready) -> Result<Begun, CopyError> {
        let exported = match ready {
            Ready::Files { disk, layout } => return Ok(Begun::Files { disk, layout }),
            Ready::Export(exported) => exported,
        };
        let name = named(&self.input);
        let cancellation = self.cancellation.clone();
        let stop: Stop = Arc::new(move || cancellation.is_cancelled());
        let begun = exported.begin(&stop);
        let (lease, stream) = begun.map_err(|error| vsphere::failed(&SourceName::new(&name), 0, error))?;
        let disk = match StreamDisk::open(stream, &name) {
            Ok(disk) => disk,
            Err(error) => {
                lease.abort();
                return Err(error.into());
            }
        };
        let (comes, said) = (disk.virtual_size(), self.input.size);
        if comes != said {
            lease.abort();
            return Err(CopyError::Changed {
                file: name,
                what: format!("its host says that it has {said} bytes, and exports one of {comes}"),
            });
        }
        Ok(Begun::Export {
            lease,
            disk: Box::new(disk),
        })
    }

    /// Reads the disk to its end.
    ///
    /// # Errors
    ///
    /// [`CopyError`]; nothing is held then.
    pub(super) fn run(self, begun: Begun, writer: Option<UploadWriter>) -> Result<Copied, CopyError> {
        let length = begun.length();
        let way = Way {
            hasher: Hasher::new(self.input.hash),
            sent: 0,
            length,
            closed: false,
            writer,
            copy: &self,
        };
        match begun {
            Begun::Files { disk, layout } => self.files(&disk, layout.as_ref(), way),
            Begun::Export { lease, disk } => self.export(lease, *disk, way),
        }
    }

    fn files(&self, disk: &OpenedDisk, layout: Option<&Layout>, mut way: Way<'_>) -> Result<Copied, CopyError> {
        let image = disk.image.as_ref();
        let mut tally = Tally::of(image.virtual_size());
        let mut clusters = Clusters::of(image);
        let mut failed = None;
        if let Some(layout) = layout
            && !layout.tables(image, &mut |bytes| way.send(Bytes::from(bytes)))?
        {
            return Err(way.stopped());
        }
        let mut take = |piece: Piece| match piece {
            // In a qcow2, what has no data is not there.
            Piece::Zeros(_) if layout.is_some() => {
                tally.count(&piece);
                !way.is_stopped()
            }
            Piece::Data(ref bytes) if layout.is_some() => {
                let start = tally.count(&piece);
                match clusters.of_chunk(start, bytes) {
                    Ok(bytes) => way.send(Bytes::from(bytes)),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                }
            }
            piece => {
                tally.count(&piece);
                way.send(tally.raw(piece))
            }
        };
        let result = decode_in_order(image, self.threads, &mut take);
        if let Some(error) = failed {
            return Err(error.into());
        }
        match result {
            Ok(()) => {
                self.still_the_same(disk)?;
                Ok(tally.copied(way))
            }
            Err(DecodeError::Read(error)) => Err(error.into()),
            Err(_) => Err(way.stopped()),
        }
    }

    fn export(&self, lease: Lease, disk: StreamDisk<NfcStream>, mut way: Way<'_>) -> Result<Copied, CopyError> {
        let mut tally = Tally::of(disk.virtual_size());
        let size = disk.virtual_size();
        let mut take = |piece: Piece| {
            tally.count(&piece);
            lease.progress(tally.position, size);
            way.send(tally.raw(piece))
        };
        let result = match decode_stream_in_order(disk, self.threads, &mut take) {
            Ok(disk) => {
                disk.into_input().drain();
                self.still_exported()
            }
            Err(DecodeError::Read(error)) if !self.cancellation.is_cancelled() => Err(error.into()),
            Err(_) => Err(way.stopped()),
        };
        if let Err(error) = result {
            lease.abort();
            return Err(error);
        }
        let name = SourceName::new(&named(&self.input));
        lease.complete().map_err(|error| vsphere::failed(&name, 0, error))?;
        Ok(tally.copied(way))
    }

    /// Makes sure that what was copied is one state of the disk: nobody started its machine meanwhile, and it still is what the plan knows.
    fn still_the_same(&self, disk: &OpenedDisk) -> Result<(), CopyError> {
        let moved = |what: String| CopyError::Moved {
            file: named(&self.input),
            what,
        };
        match self.sources.still_at_rest(&self.input.source) {
            Err(ReadError::Refused { what, .. }) => return Err(moved(what)),
            other => other?,
        }
        if disk.fingerprint()? != self.input.fingerprint {
            return Err(moved(
                "its content differs from what it was when the copy began".to_owned(),
            ));
        }
        Ok(())
    }

    /// Makes sure that the machine is off still, or the snapshot there: a lease holds both, and a host may not.
    fn still_exported(&self) -> Result<(), CopyError> {
        match open(&self.input, &self.sources) {
            Err(CopyError::Changed { file, what }) => Err(CopyError::Moved { file, what }),
            other => other.map(drop),
        }
    }
}

/// What of the disk has come, and the digest of its content.
struct Tally {
    content: decode::Hasher,
    position: u64,
    data: u64,
    zeros: Bytes,
}

impl Tally {
    fn of(size: u64) -> Self {
        Self {
            content: decode::Hasher::new(DigestKind::Blake3Chunks, size),
            position: 0,
            data: 0,
            zeros: Bytes::from(vec![0; usize::try_from(CHUNK_BYTES).expect("a chunk is 1 MiB")]),
        }
    }

    /// Counts a piece and returns where on the disk it begins.
    fn count(&mut self, piece: &Piece) -> u64 {
        let start = self.position;
        self.position += match piece {
            Piece::Zeros(length) => *length as u64,
            Piece::Data(bytes) => {
                self.data += bytes.len() as u64;
                self.content.chunk(start, &decode::Leaf::Digest(decode::leaf(bytes)));
                bytes.len() as u64
            }
        };
        start
    }

    /// Returns a piece as the bytes that it stands for.
    fn raw(&self, piece: Piece) -> Bytes {
        match piece {
            Piece::Zeros(length) => self.zeros.slice(..length),
            Piece::Data(bytes) => Bytes::from(bytes),
        }
    }

    fn copied(self, way: Way<'_>) -> Copied {
        Copied {
            digest: way.hasher.finish(),
            content: self.content.finish().to_string(),
            sent: way.sent,
            data: self.data,
        }
    }
}

/// The way of a copy's bytes: into the digest, and to the cloud if they are sent at all.
struct Way<'a> {
    hasher: Hasher,
    sent: u64,
    length: u64,
    closed: bool,
    writer: Option<UploadWriter>,
    copy: &'a Copy,
}

impl Way<'_> {
    /// Sends a piece; tells whether to go on.
    fn send(&mut self, bytes: Bytes) -> bool {
        if self.is_stopped() {
            return false;
        }
        self.hasher.update(&bytes);
        self.sent += bytes.len() as u64;
        let (watch, step) = (&self.copy.watch, &self.copy.step);
        match &self.writer {
            Some(writer) => {
                self.closed = writer.give(bytes).is_err();
                watch.copied(step, self.sent, self.length);
            }
            None => watch.read_again(step, self.sent, self.length),
        }
        !self.closed
    }

    fn is_stopped(&self) -> bool {
        self.closed || self.copy.cancellation.is_cancelled()
    }

    fn stopped(&self) -> CopyError {
        if self.closed {
            CopyError::Closed
        } else {
            CopyError::Stopped
        }
    }
}
