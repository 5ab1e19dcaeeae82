//! What workers take their chunks from: an image that can be read at any place, or a stream.

use std::io::Read;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::disk::{CHUNK_BYTES, DiskImage, DiskReader, Extent, ExtentKind, Extents};
use crate::error::ReadError;
use crate::inflate::Inflater;
use crate::vmdk::{PackedChunk, StreamDisk};

/// A chunk of the disk that has data.
#[derive(Default)]
pub(super) struct Job {
    /// Its place among the chunks with data, counted from 0.
    pub(super) number: u64,
    pub(super) start: u64,
    /// Its bytes: [`CHUNK_BYTES`], or less at the disk's end.
    pub(super) length: usize,
    /// Where it has data, in order, as bytes of the chunk; everything else in it is zeros.
    pub(super) data: Vec<Range<usize>>,
}

/// Gives chunks to workers.
pub(super) trait Work: Sync {
    /// What a worker keeps between chunks.
    type Scratch;

    fn size(&self) -> u64;

    fn scratch(&self) -> Self::Scratch;

    /// Takes the next chunk with data; tells whether there was one. Numbers and places rise from call to call.
    fn take(&self, job: &mut Job, scratch: &mut Self::Scratch) -> Result<bool, ReadError>;

    /// Fills the chunk's buffer where it has data.
    fn fill(&self, job: &Job, scratch: &mut Self::Scratch, chunk: &mut [u8]) -> Result<(), ReadError>;
}

/// An image that can be read at any place.
pub(super) struct ImageWork<'a> {
    image: &'a dyn DiskImage,
    cursor: Mutex<Cursor<'a>>,
}

struct Cursor<'a> {
    extents: Extents<'a>,
    /// What is left of the extent at hand.
    held: Option<Extent>,
    next_number: u64,
}

impl<'a> ImageWork<'a> {
    pub(super) fn new(image: &'a dyn DiskImage) -> Self {
        Self {
            image,
            cursor: Mutex::new(Cursor {
                extents: image.extents(),
                held: None,
                next_number: 0,
            }),
        }
    }
}

impl Cursor<'_> {
    /// Returns the next extent with data, or what is left of one.
    fn data(&mut self) -> Result<Option<Extent>, ReadError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        for extent in &mut self.extents {
            let extent = extent?;
            if extent.kind == ExtentKind::Data {
                return Ok(Some(extent));
            }
        }
        Ok(None)
    }

    fn take(&mut self, job: &mut Job, size: u64) -> Result<bool, ReadError> {
        job.data.clear();
        // Bounded: every turn adds a range to the chunk, or ends it.
        while let Some(extent) = self.data()? {
            let start = extent.start / CHUNK_BYTES * CHUNK_BYTES;
            if job.data.is_empty() {
                job.start = start;
            } else if start != job.start {
                self.held = Some(extent);
                break;
            }
            let end = extent.end().min(start + CHUNK_BYTES);
            let within = |at: u64| usize::try_from(at - start).expect("within a chunk");
            job.data.push(within(extent.start)..within(end));
            if end < extent.end() {
                self.held = Some(Extent {
                    start: end,
                    length: extent.end() - end,
                    kind: extent.kind,
                });
                break;
            }
        }
        if job.data.is_empty() {
            return Ok(false);
        }
        job.length = usize::try_from(CHUNK_BYTES.min(size - job.start)).expect("at most a chunk");
        job.number = self.next_number;
        self.next_number += 1;
        Ok(true)
    }
}

impl<'a> Work for ImageWork<'a> {
    type Scratch = Box<dyn DiskReader + 'a>;

    fn size(&self) -> u64 {
        self.image.virtual_size()
    }

    fn scratch(&self) -> Self::Scratch {
        self.image.reader()
    }

    fn take(&self, job: &mut Job, _scratch: &mut Self::Scratch) -> Result<bool, ReadError> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        cursor.take(job, self.image.virtual_size())
    }

    fn fill(&self, job: &Job, scratch: &mut Self::Scratch, chunk: &mut [u8]) -> Result<(), ReadError> {
        for range in &job.data {
            scratch.read_at(&mut chunk[range.clone()], job.start + range.start as u64)?;
        }
        Ok(())
    }
}

/// A stream: a worker takes compressed grains under the lock and inflates them outside it.
pub(super) struct StreamWork<R> {
    inner: Mutex<(StreamDisk<R>, u64)>,
    size: u64,
    grain: usize,
    name: crate::error::SourceName,
}

impl<R: Read> StreamWork<R> {
    pub(super) fn new(disk: StreamDisk<R>) -> Self {
        Self {
            size: disk.virtual_size(),
            grain: usize::try_from(disk.header().grain).expect("a grain is at most 1 MiB"),
            name: disk.name().clone(),
            inner: Mutex::new((disk, 0)),
        }
    }

    /// Returns the stream, read to where it was read.
    pub(super) fn into_inner(self) -> StreamDisk<R> {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A worker's compressed grains and its decompressor.
pub(super) struct StreamScratch {
    packed: PackedChunk,
    inflater: Inflater,
    last: Vec<u8>,
}

impl<R: Read + Send> Work for StreamWork<R> {
    type Scratch = StreamScratch;

    fn size(&self) -> u64 {
        self.size
    }

    fn scratch(&self) -> StreamScratch {
        StreamScratch {
            packed: PackedChunk::default(),
            inflater: Inflater::new(),
            last: Vec::new(),
        }
    }

    fn take(&self, job: &mut Job, scratch: &mut StreamScratch) -> Result<bool, ReadError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (disk, next_number) = &mut *inner;
        if !disk.next_chunk(&mut scratch.packed)? {
            return Ok(false);
        }
        job.number = *next_number;
        *next_number += 1;
        drop(inner);
        let packed = &scratch.packed;
        job.start = packed.start;
        job.length = usize::try_from(CHUNK_BYTES.min(self.size - job.start)).expect("at most a chunk");
        job.data.clear();
        for grain in &packed.grains {
            let from = usize::try_from(grain.grain * self.grain as u64 - job.start).expect("within a chunk");
            let to = (from + self.grain).min(job.length);
            match job.data.last_mut() {
                Some(last) if last.end == from => last.end = to,
                _ => job.data.push(from..to),
            }
        }
        Ok(true)
    }

    fn fill(&self, job: &Job, scratch: &mut StreamScratch, chunk: &mut [u8]) -> Result<(), ReadError> {
        for grain in &scratch.packed.grains {
            let from = usize::try_from(grain.grain * self.grain as u64 - job.start).expect("within a chunk");
            let needed = self.grain.min(chunk.len() - from);
            let stream = &scratch.packed.bytes[grain.from..grain.to];
            let inflater = &mut scratch.inflater;
            if needed == self.grain {
                inflater.inflate(
                    stream,
                    &mut chunk[from..from + needed],
                    needed,
                    &self.name,
                    grain.offset,
                )?;
            } else {
                // The last grain of a disk may be stored whole, though the disk ends inside it.
                scratch.last.resize(self.grain, 0);
                inflater.inflate(stream, &mut scratch.last, needed, &self.name, grain.offset)?;
                chunk[from..].copy_from_slice(&scratch.last[..needed]);
            }
        }
        Ok(())
    }
}
