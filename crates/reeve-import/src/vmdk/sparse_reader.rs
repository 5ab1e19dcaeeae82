//! Reading the bytes of a sparse extent.

use crate::error::ReadError;
use crate::inflate::Inflater;
use crate::vmdk::marker::{self, GRAIN_MARKER_BYTES, Marker};
use crate::vmdk::sparse::{Grain, SparseExtent, TableCache};

/// The largest part of the file that is read at once: neighbouring compressed grains come in one read.
const MAX_WINDOW: u64 = 4 << 20;

/// Reads a sparse extent's bytes; holds one grain table and one window on the file.
pub(crate) struct SparseReader<'a> {
    extent: &'a SparseExtent,
    table: TableCache,
    inflater: Inflater,
    /// One grain, for requests that begin or end inside it.
    scratch: Vec<u8>,
    window: Window,
    grains: Vec<Grain>,
}

/// A part of the file in memory.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Loads the bytes from `start` to `end`, cut at the file's end.
    fn load(&mut self, extent: &SparseExtent, start: u64, end: u64) -> Result<(), ReadError> {
        let end = end.min(extent.source().len());
        let length = usize::try_from(end.saturating_sub(start)).expect("windows are a few MiB");
        self.start = start;
        self.bytes.resize(length, 0);
        let result = extent.source().read_at(&mut self.bytes, start);
        if result.is_err() {
            self.bytes.clear();
        }
        result
    }

    /// Returns `length` bytes from `offset` on, if they are at hand.
    fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

impl<'a> SparseReader<'a> {
    pub(crate) fn new(extent: &'a SparseExtent) -> Self {
        Self {
            extent,
            table: TableCache::default(),
            inflater: Inflater::new(),
            scratch: Vec::new(),
            window: Window::default(),
            grains: Vec::new(),
        }
    }

    /// Fills `buffer` with the extent's bytes from `offset` on.
    pub(crate) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let header = self.extent.header();
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > header.capacity) {
            return Err(self.extent.name().damaged(
                0,
                format!(
                    "{} bytes are asked for at {offset} of a disk of {} bytes",
                    buffer.len(),
                    header.capacity
                ),
            ));
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let first = offset / header.grain;
        let last = (offset + buffer.len() as u64 - 1) / header.grain;
        self.grains.clear();
        for grain in first..=last {
            let place = self.table.grain(self.extent, grain)?;
            self.grains.push(place);
        }
        if header.compressed {
            self.load_window(last)?;
            self.read_compressed(buffer, offset, first)
        } else {
            self.read_plain(buffer, offset)
        }
    }

    fn read_plain(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let grain = self.extent.header().grain;
        let (mut rest, mut at, mut index) = (buffer, offset, 0);
        while !rest.is_empty() {
            let within = at % grain;
            let place = self.grains[index];
            let mut length = grain - within;
            index += 1;
            // Grains that follow each other in the file come in one read.
            while let (Grain::At(from), Some(Grain::At(next))) = (place, self.grains.get(index)) {
                if *next != from + within + length {
                    break;
                }
                length += grain;
                index += 1;
            }
            let take = rest.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at_mut(take);
            match place {
                Grain::Hole | Grain::Zero => now.fill(0),
                Grain::At(from) => self.extent.source().read_at(now, from + within)?,
            }
            at += take as u64;
            rest = later;
        }
        Ok(())
    }

    /// Loads the part of the file with all grains of the request, if they stand together, as they do in a stream.
    fn load_window(&mut self, last: u64) -> Result<(), ReadError> {
        let places = self.grains.iter().filter_map(|grain| match grain {
            Grain::At(at) => Some(*at),
            _ => None,
        });
        let Some((from, until)) = places.fold(None, |range: Option<(u64, u64)>, at| {
            Some(range.map_or((at, at), |(from, until)| (from.min(at), until.max(at))))
        }) else {
            return Ok(());
        };
        let grain = self.extent.header().grain;
        let longest = until + GRAIN_MARKER_BYTES as u64 + marker::max_compressed(grain);
        let end = self
            .table
            .next_after(self.extent, last, until)
            .map_or(longest, |next| next.min(longest));
        // Far apart: each grain loads its own window.
        if end - from > MAX_WINDOW {
            return Ok(());
        }
        self.window.load(self.extent, from, end)
    }

    fn read_compressed(&mut self, buffer: &mut [u8], offset: u64, first: u64) -> Result<(), ReadError> {
        let size = usize::try_from(self.extent.header().grain).expect("a grain is at most 1 MiB");
        let (mut rest, mut at) = (buffer, offset);
        for index in 0..self.grains.len() {
            let grain = first + index as u64;
            let within = usize::try_from(at % size as u64).expect("less than a grain");
            let take = rest.len().min(size - within);
            let (now, later) = rest.split_at_mut(take);
            match self.grains[index] {
                Grain::Hole | Grain::Zero => now.fill(0),
                Grain::At(place) if take == size => self.inflate(grain, place, Some(now))?,
                Grain::At(place) => {
                    self.inflate(grain, place, None)?;
                    now.copy_from_slice(&self.scratch[within..within + take]);
                }
            }
            at += take as u64;
            rest = later;
        }
        Ok(())
    }

    /// Inflates the grain behind the marker at `place` into `out`, or into the scratch buffer.
    fn inflate(&mut self, grain: u64, place: u64, out: Option<&mut [u8]>) -> Result<(), ReadError> {
        let extent = self.extent;
        let header = extent.header();
        let longest = GRAIN_MARKER_BYTES as u64 + marker::max_compressed(header.grain);
        if self.window.get(place, 16).is_none() {
            self.window.load(extent, place, place + longest)?;
        }
        let bytes: &[u8; 16] = self
            .window
            .get(place, 16)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| extent.name().damaged(place, "the file ends in a grain's marker"))?;
        let size = match Marker::parse(bytes, extent.name(), place)? {
            Marker::Grain { sector, size } if sector == grain * (header.grain / 512) => {
                marker::check_size(size, header.grain, extent.name(), place)?
            }
            Marker::Grain { sector, .. } => {
                return Err(extent.name().damaged(
                    place,
                    format!(
                        "the marker here is that of sector {sector}, and a grain table leads here for sector {}",
                        grain * (header.grain / 512)
                    ),
                ));
            }
            other => {
                return Err(extent
                    .name()
                    .damaged(place, format!("a grain is to be here, and there is {other:?}")));
            }
        };
        let data = place + GRAIN_MARKER_BYTES as u64;
        if self.window.get(data, size).is_none() {
            self.window.load(extent, place, place + longest)?;
        }
        let stream = self.window.get(data, size).ok_or_else(|| {
            extent.name().damaged(
                data,
                format!(
                    "a compressed grain of {size} bytes begins here, and the file ends at byte {}",
                    extent.source().len()
                ),
            )
        })?;
        let grain_bytes = usize::try_from(header.grain).expect("a grain is at most 1 MiB");
        let out = match out {
            Some(out) => out,
            None => {
                self.scratch.resize(grain_bytes, 0);
                &mut self.scratch
            }
        };
        self.inflater
            .inflate(stream, out, extent.needed(grain), extent.name(), data)
    }
}
