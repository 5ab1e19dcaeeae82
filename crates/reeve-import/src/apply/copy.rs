//! A disk on its way from the source to the cloud: decoded, digested, sent, with no copy in between.

use std::io::Read;
use std::sync::Arc;

use reeve_journal::Cancellation;
use reeve_journal::plan::StepId;
use reeve_openstack::{Bytes, UploadWriter};

use super::digests::{Digests, Tally};
use super::way::{Passing, Way};
use super::world::CopyWatch;
use crate::decode::{DecodeError, Piece, decode_in_order, decode_stream_in_order};
use crate::disk::{DiskImage, DiskKind};
use crate::error::{ReadError, SourceName};
use crate::place::{SourceAddress, Sources};
use crate::plan::{ExportInput, ImageFormat, ImageInput};
use crate::qcow2::{Clusters, Layout};
use crate::source::OpenedDisk;
use crate::vmdk::StreamDisk;
use crate::vsphere::{self, ExportError, ExportedDisk, Lease, NfcStream, Stop};

/// What came of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The digests that Glance may have of it.
    pub digests: Digests,
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

/// The disk of a step, known again and ready to be copied.
pub(super) enum Ready {
    /// Files that are read at any place.
    Files {
        disk: OpenedDisk,
        /// Where everything goes in a qcow2; none for raw bytes, and for a file that is sent as it is.
        layout: Option<Layout>,
    },
    /// A disk that a host exports.
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
    /// A disk whose own bytes are sent.
    AsItIs {
        from: Origin,
        disk: Box<StreamDisk<Passing>>,
    },
}

/// Where a disk that is sent as it is comes from.
pub(super) enum Origin {
    File(OpenedDisk),
    Lease(Lease),
}

impl Begun {
    /// Returns how many bytes are sent; `None` for an export that is sent as it comes, whose end tells.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Files {
                layout: Some(layout), ..
            } => Some(layout.length()),
            Self::Files { disk, .. } => Some(disk.image.virtual_size()),
            Self::Export { disk, .. } => Some(disk.virtual_size()),
            Self::AsItIs {
                from: Origin::File(disk),
                ..
            } => Some(disk.file().len()),
            Self::AsItIs {
                from: Origin::Lease(_), ..
            } => None,
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
        ImageFormat::Vmdk if disk.image.kind() == DiskKind::StreamOptimized => None,
        ImageFormat::Vmdk => return Err(changed(format!("it is {} now", disk.image.kind().as_str()))),
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
    if input.format == ImageFormat::Qcow2 {
        return Err(changed("a disk that is exported becomes no qcow2".to_owned()));
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
            Ready::Files { disk, .. } if self.input.format == ImageFormat::Vmdk => {
                let stream = StreamDisk::open(Passing::of_file(Arc::clone(disk.file())), &named(&self.input))?;
                return Ok(Begun::AsItIs {
                    from: Origin::File(disk),
                    disk: Box::new(stream),
                });
            }
            Ready::Files { disk, layout } => return Ok(Begun::Files { disk, layout }),
            Ready::Export(exported) => exported,
        };
        let name = named(&self.input);
        let cancellation = self.cancellation.clone();
        let stop: Stop = Arc::new(move || cancellation.is_cancelled());
        let begun = exported.begin(&stop);
        let (lease, stream) = begun.map_err(|error| vsphere::failed(&SourceName::new(&name), 0, error))?;
        if self.input.format == ImageFormat::Vmdk {
            let (lease, disk) = self.opened(lease, Passing::of_export(stream))?;
            let from = Origin::Lease(lease);
            return Ok(Begun::AsItIs { from, disk });
        }
        let (lease, disk) = self.opened(lease, stream)?;
        Ok(Begun::Export { lease, disk })
    }

    /// Reads the head of a disk that comes by a lease, and makes sure that it is as large as its host said; otherwise the lease is given up.
    fn opened<R: Read>(&self, lease: Lease, stream: R) -> Result<(Lease, Box<StreamDisk<R>>), CopyError> {
        let name = named(&self.input);
        let said = self.input.size;
        let opened = StreamDisk::open(stream, &name).map_err(CopyError::from);
        match opened {
            Ok(disk) if disk.virtual_size() == said => Ok((lease, Box::new(disk))),
            other => {
                lease.abort();
                Err(match other {
                    Ok(disk) => CopyError::Changed {
                        file: name,
                        what: format!(
                            "its host says that it has {said} bytes, and exports one of {}",
                            disk.virtual_size()
                        ),
                    },
                    Err(error) => error,
                })
            }
        }
    }

    /// Reads the disk to its end.
    ///
    /// # Errors
    ///
    /// [`CopyError`]; nothing is held then.
    pub(super) fn run(self, begun: Begun, writer: Option<UploadWriter>) -> Result<Copied, CopyError> {
        let length = begun.length();
        let way = Way::new(&self, writer);
        match begun {
            Begun::Files { disk, layout } => self.files(&disk, layout.as_ref(), length.unwrap_or_default(), way),
            Begun::Export { lease, disk } => self.export(lease, *disk, way),
            Begun::AsItIs { from, disk } => self.as_it_is(from, *disk, way),
        }
    }

    fn files(
        &self,
        disk: &OpenedDisk,
        layout: Option<&Layout>,
        length: u64,
        mut way: Way,
    ) -> Result<Copied, CopyError> {
        let image = disk.image.as_ref();
        let line = way.line();
        let mut tally = Tally::of(image.virtual_size(), &self.input);
        let mut clusters = Clusters::of(image);
        let mut failed = None;
        let mut send = |bytes: Bytes| {
            let goes_on = way.send(bytes);
            line.report(way.sent(), length);
            goes_on
        };
        if let Some(layout) = layout
            && !layout.tables(image, &mut |bytes| send(Bytes::from(bytes)))?
        {
            return Err(line.why(None));
        }
        let mut take = |piece: Piece| match piece {
            // In a qcow2, what has no data is not there.
            Piece::Zeros(_) if layout.is_some() => {
                tally.count(&piece);
                !line.is_stopped()
            }
            Piece::Data(ref bytes) if layout.is_some() => {
                let start = tally.count(&piece);
                match clusters.of_chunk(start, bytes) {
                    Ok(bytes) => send(Bytes::from(bytes)),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                }
            }
            piece => {
                tally.count(&piece);
                send(tally.raw(piece))
            }
        };
        let result = decode_in_order(image, self.threads, &mut take);
        if let Some(error) = failed {
            return Err(error.into());
        }
        match result {
            Ok(()) => {
                self.still_the_same(disk)?;
                Self::copied(tally, way)
            }
            Err(DecodeError::Read(error)) => Err(error.into()),
            Err(_) => Err(line.why(None)),
        }
    }

    fn export(&self, lease: Lease, disk: StreamDisk<NfcStream>, mut way: Way) -> Result<Copied, CopyError> {
        let size = disk.virtual_size();
        let line = way.line();
        let mut tally = Tally::of(size, &self.input);
        let mut take = |piece: Piece| {
            tally.count(&piece);
            lease.progress(tally.position(), size);
            line.report(tally.position(), size);
            way.send(tally.raw(piece))
        };
        let result = match decode_stream_in_order(disk, self.threads, &mut take) {
            Ok(disk) => {
                disk.into_input().drain();
                self.still_exported()
            }
            Err(error) => Err(line.why(of_decoding(error))),
        };
        self.give_back(lease, result)?;
        Self::copied(tally, way)
    }

    /// Sends the disk's own bytes, and decodes it on the way: what cannot be decoded does not arrive.
    fn as_it_is(&self, from: Origin, mut disk: StreamDisk<Passing>, way: Way) -> Result<Copied, CopyError> {
        let size = disk.virtual_size();
        let line = way.line();
        disk.input_mut().by(way);
        let mut tally = Tally::of(size, &self.input);
        let mut take = |piece: Piece| {
            tally.count(&piece);
            if let Origin::Lease(lease) = &from {
                lease.progress(tally.position(), size);
            }
            line.report(tally.position(), size);
            !line.is_stopped()
        };
        let result = match decode_stream_in_order(disk, self.threads, &mut take) {
            Ok(disk) => {
                let name = SourceName::new(&named(&self.input));
                let rest = disk.into_input().finish();
                rest.map_err(|error| line.why(Some(name.io(size, error).into())))
            }
            Err(error) => Err(line.why(of_decoding(error))),
        };
        let way = match from {
            Origin::File(disk) => {
                let way = result?;
                self.still_the_same(&disk)?;
                way
            }
            Origin::Lease(lease) => {
                let (way, result) = match result {
                    Ok(way) => (way, self.still_exported()),
                    Err(error) => (None, Err(error)),
                };
                self.give_back(lease, result)?;
                way
            }
        };
        Self::copied(tally, way.ok_or(CopyError::Closed)?)
    }

    /// Completes the lease of a disk that was copied, or gives it up.
    fn give_back(&self, lease: Lease, result: Result<(), CopyError>) -> Result<(), CopyError> {
        if let Err(error) = result {
            lease.abort();
            return Err(error);
        }
        let name = SourceName::new(&named(&self.input));
        lease
            .complete()
            .map_err(|error| vsphere::failed(&name, 0, error).into())
    }

    /// Says that everything was sent.
    fn copied(tally: Tally, way: Way) -> Result<Copied, CopyError> {
        let (hasher, sent) = way.end()?;
        let data = tally.data();
        let (digests, content) = tally.finish(hasher);
        Ok(Copied {
            digests,
            content,
            sent,
            data,
        })
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

/// Returns what of an error of decoding is the source's fault.
fn of_decoding(error: DecodeError) -> Option<CopyError> {
    match error {
        DecodeError::Read(error) => Some(error.into()),
        _ => None,
    }
}
