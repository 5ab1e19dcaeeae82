//! A disk decoded by several threads: to a sink, with a digest on the way.
//!
//! Workers take chunks of one MiB in the order of the disk, decode them each on their own, write what is not zeros to its place, and
//! hand what the digest needs to a hasher that puts it into order again. Memory is a few chunks for each worker.

mod digest;
mod order;
mod sequence;
mod sink;
mod work;

use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub use digest::{ContentDigest, DigestKind, digest_of};
pub(crate) use digest::{Hasher, Leaf, leaf};
pub use sequence::{Piece, decode_in_order, decode_stream_in_order};
pub use sink::{DiskSink, NoSink, RawFile};

use crate::bytes::is_zero;
use crate::disk::{CHUNK_BYTES, DiskImage};
use crate::error::ReadError;
use crate::vmdk::StreamDisk;
use order::InOrder;
use work::{ImageWork, Job, StreamWork, Work};

/// Zeros are looked for in pieces of this many bytes: the grain of VMware's writers.
const PIECE_BYTES: usize = 64 << 10;

/// The most threads; each takes a few MiB.
pub(crate) const MAX_THREADS: usize = 16;

/// Is told of progress, and asked whether to go on. Called from all workers.
pub trait Progress: Sync {
    /// A part of the disk is done: everything before `position` was taken, `written` bytes of it were written since the last call.
    fn advanced(&self, position: u64, written: u64);

    /// Tells whether to stop; asked before each chunk.
    fn stopped(&self) -> bool {
        false
    }
}

/// Nobody watches.
pub struct NoProgress;

impl Progress for NoProgress {
    fn advanced(&self, _position: u64, _written: u64) {}
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct DecodeOptions {
    /// Threads, from 1 to 16.
    pub threads: usize,
    /// How the content is digested.
    pub digest: DigestKind,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MAX_THREADS),
            digest: DigestKind::default(),
        }
    }
}

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The disk's size in bytes.
    pub size: u64,
    /// Bytes that were written to the sink; all others are zeros.
    pub written: u64,
    /// The digest of the whole disk, zeros included.
    pub digest: ContentDigest,
}

/// A disk could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The source is at fault.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sink did not take the bytes.
    #[error("could not write at byte {offset} of the disk")]
    Write {
        /// Where on the disk.
        offset: u64,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// [`Progress::stopped`] said so.
    #[error("stopped before the end")]
    Stopped,
}

/// Decodes an image.
///
/// # Errors
///
/// [`DecodeError`]; the sink has then a part of the disk.
pub fn decode_image(
    image: &dyn DiskImage,
    sink: &dyn DiskSink,
    options: DecodeOptions,
    progress: &dyn Progress,
) -> Result<Decoded, DecodeError> {
    run(&ImageWork::new(image), sink, options, progress)
}

/// Decodes a stream; returns what its input is read to, for what may follow it.
///
/// # Errors
///
/// [`DecodeError`]; the sink has then a part of the disk.
pub fn decode_stream<R: Read + Send>(
    disk: StreamDisk<R>,
    sink: &dyn DiskSink,
    options: DecodeOptions,
    progress: &dyn Progress,
) -> Result<(Decoded, StreamDisk<R>), DecodeError> {
    let work = StreamWork::new(disk);
    let decoded = run(&work, sink, options, progress)?;
    Ok((decoded, work.into_inner()))
}

/// What the workers of one run share.
struct Shared<'a, W> {
    work: &'a W,
    sink: &'a dyn DiskSink,
    kind: DigestKind,
    progress: &'a dyn Progress,
    order: InOrder,
    written: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<DecodeError>>,
}

fn run<W: Work>(
    work: &W,
    sink: &dyn DiskSink,
    options: DecodeOptions,
    progress: &dyn Progress,
) -> Result<Decoded, DecodeError> {
    let threads = options.threads.clamp(1, MAX_THREADS);
    let size = work.size();
    let shared = Shared {
        work,
        sink,
        kind: options.digest,
        progress,
        order: InOrder::new(options.digest, size, 2 * threads as u64),
        written: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        error: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.worker());
        }
        shared.worker();
    });
    if let Some(error) = shared.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    Ok(Decoded {
        size,
        written: shared.written.into_inner(),
        digest: shared.order.finish(),
    })
}

impl<W: Work> Shared<'_, W> {
    /// Works until there is nothing left, or one of the workers failed.
    fn worker(&self) {
        let _guard = ReleaseOnPanic(self);
        if let Err(error) = self.chunks() {
            let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error);
            drop(first);
            self.failed.store(true, Ordering::Relaxed);
            self.order.give_up();
        }
    }

    fn chunks(&self) -> Result<(), DecodeError> {
        let mut scratch = self.work.scratch();
        let mut job = Job::default();
        let mut buffer = vec![0; usize::try_from(CHUNK_BYTES).expect("a chunk is 1 MiB")];
        while !self.failed.load(Ordering::Relaxed) {
            if self.progress.stopped() {
                return Err(DecodeError::Stopped);
            }
            if !self.work.take(&mut job, &mut scratch)? {
                return Ok(());
            }
            buffer.resize(job.length, 0);
            clear_around(&mut buffer, &job.data);
            self.work.fill(&job, &mut scratch, &mut buffer)?;
            let written = self.write(&buffer, &job)?;
            let leaf = match self.kind {
                DigestKind::Blake3Chunks => Leaf::Digest(digest::leaf(&buffer)),
                DigestKind::Sha256 => {
                    let fresh = vec![0; buffer.len()];
                    Leaf::Bytes(std::mem::replace(&mut buffer, fresh))
                }
            };
            self.written.fetch_add(written, Ordering::Relaxed);
            if !self.order.deliver(job.number, job.start, leaf) {
                return Ok(());
            }
            self.progress.advanced(job.start + job.length as u64, written);
        }
        Ok(())
    }

    /// Writes what is not zeros and returns how many bytes that were.
    fn write(&self, chunk: &[u8], job: &Job) -> Result<u64, DecodeError> {
        let mut written = 0;
        for range in &job.data {
            // Neighbouring pieces with content go out in one write.
            let mut run: Range<usize> = range.start..range.start;
            for from in (range.start..range.end).step_by(PIECE_BYTES) {
                let to = (from + PIECE_BYTES).min(range.end);
                if is_zero(&chunk[from..to]) {
                    self.write_run(chunk, job, &run)?;
                    written += run.len() as u64;
                    run = to..to;
                } else {
                    run.end = to;
                }
            }
            self.write_run(chunk, job, &run)?;
            written += run.len() as u64;
        }
        Ok(written)
    }

    fn write_run(&self, chunk: &[u8], job: &Job, run: &Range<usize>) -> Result<(), DecodeError> {
        if run.is_empty() {
            return Ok(());
        }
        let offset = job.start + run.start as u64;
        self.sink
            .write_at(&chunk[run.clone()], offset)
            .map_err(|source| DecodeError::Write { offset, source })
    }
}

/// Lets the other workers end when one panics: they would wait for its chunk for ever.
struct ReleaseOnPanic<'a, 'b, W>(&'a Shared<'b, W>);

impl<W> Drop for ReleaseOnPanic<'_, '_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
            self.0.order.give_up();
        }
    }
}

/// Zeros everything outside the ranges, which are in order.
fn clear_around(chunk: &mut [u8], ranges: &[Range<usize>]) {
    let mut from = 0;
    for range in ranges {
        chunk[from..range.start].fill(0);
        from = range.end;
    }
    chunk[from..].fill(0);
}
