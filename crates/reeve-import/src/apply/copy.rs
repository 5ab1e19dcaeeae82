//! A disk on its way from the source to the cloud: decoded, digested, sent, with no copy in between.

use std::sync::Arc;

use reeve_journal::Cancellation;
use reeve_journal::plan::StepId;
use reeve_openstack::{Bytes, UploadWriter};
use sha2::{Digest, Sha256, Sha512};

use super::world::CopyWatch;
use crate::decode::{self, DecodeError, DigestKind, Piece, decode_in_order};
use crate::disk::{CHUNK_BYTES, DiskImage};
use crate::error::ReadError;
use crate::place::Sources;
use crate::plan::{HashAlgorithm, ImageFormat, ImageInput};
use crate::qcow2::{Clusters, Layout};
use crate::source::OpenedDisk;

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
pub(super) struct Ready {
    disk: OpenedDisk,
    /// Where everything goes in a qcow2; none for raw bytes.
    layout: Option<Layout>,
}

impl Ready {
    /// Returns how many bytes are sent.
    pub(super) fn length(&self) -> u64 {
        match &self.layout {
            Some(layout) => layout.length(),
            None => self.disk.image.virtual_size(),
        }
    }
}

/// Opens the disk of a step and makes sure that it is the one that the plan was made for.
///
/// # Errors
///
/// [`CopyError::Read`] or [`CopyError::Changed`].
pub(super) fn open(input: &ImageInput, sources: &Sources) -> Result<Ready, CopyError> {
    let disk = OpenedDisk::open(sources, &input.source, &input.file)?;
    let changed = |what: String| CopyError::Changed {
        file: named(input),
        what,
    };
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
    Ok(Ready { disk, layout })
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
    pub(super) fn run(self, ready: &Ready, writer: Option<UploadWriter>) -> Result<Copied, CopyError> {
        let image = ready.disk.image.as_ref();
        let zeros = Bytes::from(vec![0; usize::try_from(CHUNK_BYTES).expect("a chunk is 1 MiB")]);
        let mut content = decode::Hasher::new(DigestKind::Blake3Chunks, image.virtual_size());
        let (mut position, mut data) = (0, 0);
        let mut way = Way {
            hasher: Hasher::new(self.input.hash),
            sent: 0,
            length: ready.length(),
            closed: false,
            writer,
            copy: &self,
        };
        let mut clusters = Clusters::of(image);
        let mut failed = None;
        if let Some(layout) = &ready.layout
            && !layout.tables(image, &mut |bytes| way.send(Bytes::from(bytes)))?
        {
            return Err(way.stopped());
        }
        let mut take = |piece: Piece| match piece {
            Piece::Zeros(length) => {
                position += length as u64;
                // In a qcow2, what has no data is not there.
                match ready.layout {
                    Some(_) => !way.is_stopped(),
                    None => way.send(zeros.slice(..length)),
                }
            }
            Piece::Data(bytes) => {
                data += bytes.len() as u64;
                content.chunk(position, &decode::Leaf::Digest(decode::leaf(&bytes)));
                let start = position;
                position += bytes.len() as u64;
                if ready.layout.is_none() {
                    return way.send(Bytes::from(bytes));
                }
                match clusters.of_chunk(start, &bytes) {
                    Ok(bytes) => way.send(Bytes::from(bytes)),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                }
            }
        };
        let result = decode_in_order(image, self.threads, &mut take);
        if let Some(error) = failed {
            return Err(error.into());
        }
        match result {
            Ok(()) => {
                self.still_the_same(ready)?;
                Ok(Copied {
                    digest: way.hasher.finish(),
                    content: content.finish().to_string(),
                    sent: way.sent,
                    data,
                })
            }
            Err(DecodeError::Read(error)) => Err(error.into()),
            Err(_) => Err(way.stopped()),
        }
    }

    /// Makes sure that what was copied is one state of the disk: nobody started its machine meanwhile, and it still is what the plan knows.
    fn still_the_same(&self, ready: &Ready) -> Result<(), CopyError> {
        let moved = |what: String| CopyError::Moved {
            file: named(&self.input),
            what,
        };
        match self.sources.still_at_rest(&self.input.source) {
            Err(ReadError::Refused { what, .. }) => return Err(moved(what)),
            other => other?,
        }
        if ready.disk.fingerprint()? != self.input.fingerprint {
            return Err(moved(
                "its content differs from what it was when the copy began".to_owned(),
            ));
        }
        Ok(())
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
