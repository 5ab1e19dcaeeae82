//! A streamOptimized disk that comes as a stream and can be read once, front to back.

use std::collections::VecDeque;
use std::io::Read;

use crate::bytes::MemorySource;
use crate::disk::CHUNK_BYTES;
use crate::error::{ReadError, SourceName};
use crate::vmdk::descriptor::Descriptor;
use crate::vmdk::footer;
use crate::vmdk::header::{Directory, SECTOR, SparseHeader};
use crate::vmdk::marker::{self, GRAIN_MARKER_BYTES, Marker};
use crate::vmdk::tables::Tables;

/// The most bytes that header, descriptor and tables may take before the first grain, because they are kept: enough for
/// a disk of about 128 GiB whose tables stand in front, as qemu-img writes them. VMware's tables stand behind.
const MAX_FRONT_BYTES: u64 = 16 << 20;

/// The most tables kept until their own copy in the stream is met; VMware writes each right behind its grains.
const MAX_PENDING_TABLES: usize = 4096;

/// The compressed grains of one chunk of the disk, as they came.
#[derive(Default)]
pub(crate) struct PackedChunk {
    /// Where the chunk begins on the disk, a multiple of [`CHUNK_BYTES`].
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) grains: Vec<PackedGrain>,
}

/// One compressed grain within a [`PackedChunk`].
#[derive(Clone, Copy)]
pub(crate) struct PackedGrain {
    /// Its number on the disk.
    pub(crate) grain: u64,
    /// Where its zlib stream stands among the chunk's bytes.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Where its zlib stream stood in the stream of the disk.
    pub(crate) offset: u64,
}

/// A streamOptimized disk read front to back: from a download, a pipe, a member of a streamed archive.
///
/// Grains must come in the order of the disk, as every writer makes them. What the markers say is compared with the grain tables,
/// the directory and the footer as these come by; a disk is whole only when
/// [`decode_stream`](crate::decode_stream) has returned without an error.
pub struct StreamDisk<R> {
    input: R,
    name: SourceName,
    offset: u64,
    header: SparseHeader,
    next_grain: u64,
    /// The grain that belongs to the next chunk already.
    held: Option<(PackedGrain, Vec<u8>)>,
    check: Check,
    footer: Option<SparseHeader>,
    done: bool,
}

/// What the markers are compared with.
enum Check {
    /// The tables stood in front: each grain's sector, and how many grains are still to come.
    Front { tables: Tables, left: u64 },
    /// Tables, directory and footer are still to come.
    Behind(Behind),
}

/// What was seen of the stream, until its own tables confirm it.
#[derive(Default)]
struct Behind {
    /// Tables whose grains came and whose copy in the stream did not yet: number of the table, its entries.
    pending: VecDeque<(u64, Vec<u32>)>,
    /// The sector of each table that was confirmed; 0 for none.
    directory: Vec<u32>,
    /// Sectors of tables without a grain.
    empty: Vec<u32>,
    /// The byte at which the directory stood.
    directory_offset: Option<u64>,
}

impl<R: Read> StreamDisk<R> {
    /// Reads header and descriptor, and the tables if they stand in front.
    ///
    /// The input is read in small pieces: give one with a buffer.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if this is not a streamOptimized disk, or cannot be read from a stream.
    pub fn open(input: R, name: &str) -> Result<Self, ReadError> {
        let name = SourceName::new(name);
        let mut input = input;
        let mut front = vec![0; 512];
        read(&mut input, &mut front, &name, 0)?;
        let bytes: &[u8; 512] = front.as_slice().try_into().expect("512 bytes");
        let header = SparseHeader::parse(bytes, &name, 0)?;
        if !header.compressed {
            return Err(name.refused(
                8,
                "a disk of this kind cannot be read from a stream: its grains are in no order; save it to a file first",
            ));
        }
        if header.overhead < 512 || header.overhead > MAX_FRONT_BYTES {
            return Err(name.too_large(
                64,
                "the bytes before the first grain, in a stream,",
                header.overhead,
                MAX_FRONT_BYTES,
            ));
        }
        let overhead = usize::try_from(header.overhead).expect("at most 16 MiB");
        front.resize(overhead, 0);
        read(&mut input, &mut front[512..], &name, 512)?;
        check_descriptor(&header, &front, &name)?;
        let check = match header.directory {
            Directory::AtEnd => {
                let entries = usize::try_from(header.directory_entries()).expect("at most 4 Mi");
                Check::Behind(Behind {
                    directory: vec![0; entries],
                    ..Behind::default()
                })
            }
            Directory::At(offset) => {
                let source = MemorySource::new(name.as_str(), front);
                let tables = Tables::load(&source, &header, offset)?;
                let left = tables.data_grains();
                Check::Front { tables, left }
            }
        };
        Ok(Self {
            input,
            name,
            offset: header.overhead,
            header,
            next_grain: 0,
            held: None,
            check,
            footer: None,
            done: false,
        })
    }

    /// Returns the disk's size in bytes.
    #[must_use]
    pub const fn virtual_size(&self) -> u64 {
        self.header.capacity
    }

    /// Returns the name for errors.
    #[must_use]
    pub const fn name(&self) -> &SourceName {
        &self.name
    }

    /// Returns the bytes of the stream that were read.
    #[must_use]
    pub const fn consumed(&self) -> u64 {
        self.offset
    }

    /// Returns the input, read to where the disk was read: after its end-of-stream marker, once everything was decoded.
    #[must_use]
    pub fn into_input(self) -> R {
        self.input
    }

    /// Returns the input, wherever it was read to.
    pub(crate) const fn input_mut(&mut self) -> &mut R {
        &mut self.input
    }

    pub(crate) const fn header(&self) -> &SparseHeader {
        &self.header
    }

    /// Reads the compressed grains of the next chunk that has any; tells whether there was one.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the stream is cut, a marker lies, or tables, directory or footer contradict the grains that came.
    pub(crate) fn next_chunk(&mut self, chunk: &mut PackedChunk) -> Result<bool, ReadError> {
        chunk.bytes.clear();
        chunk.grains.clear();
        if let Some((grain, bytes)) = self.held.take() {
            chunk.start = self.chunk_of(grain.grain);
            chunk.grains.push(PackedGrain {
                from: 0,
                to: bytes.len(),
                ..grain
            });
            chunk.bytes = bytes;
        }
        // Bounded: every turn takes at least one sector of the stream, grains only go forward, and metadata is bounded below.
        while !self.done {
            let Some((grain, size)) = self.next_marker()? else {
                continue;
            };
            let start = self.chunk_of(grain);
            let next = !chunk.grains.is_empty() && start != chunk.start;
            let mut apart = Vec::new();
            let bytes = if next { &mut apart } else { &mut chunk.bytes };
            let from = bytes.len();
            let offset = self.take_grain(size, bytes)?;
            let packed = PackedGrain {
                grain,
                from,
                to: bytes.len(),
                offset,
            };
            if next {
                self.held = Some((packed, apart));
                return Ok(true);
            }
            chunk.start = start;
            chunk.grains.push(packed);
        }
        Ok(!chunk.grains.is_empty())
    }

    const fn chunk_of(&self, grain: u64) -> u64 {
        grain * self.header.grain / CHUNK_BYTES * CHUNK_BYTES
    }

    /// Reads the next sector's marker; a grain's number and size are returned, everything else is dealt with here.
    fn next_marker(&mut self) -> Result<Option<(u64, usize)>, ReadError> {
        let mut bytes = [0; 16];
        let at = self.offset;
        // Only a disk whose tables came in front and were fulfilled may end without the end-of-stream marker.
        if let Check::Front { left: 0, .. } = self.check {
            self.done = true;
            return Ok(None);
        }
        read(&mut self.input, &mut bytes[..GRAIN_MARKER_BYTES], &self.name, at)?;
        if bytes[8..12] == [0; 4] {
            read(&mut self.input, &mut bytes[12..], &self.name, at + 12)?;
        }
        match Marker::parse(&bytes, &self.name, at)? {
            Marker::Grain { sector, size } => {
                let grain = self.check_grain(sector, at)?;
                let size = marker::check_size(size, self.header.grain, &self.name, at)?;
                Ok(Some((grain, size)))
            }
            other => {
                self.offset = at + SECTOR;
                let mut rest = [0; 496];
                read(&mut self.input, &mut rest, &self.name, at + 16)?;
                self.metadata(other, at)?;
                Ok(None)
            }
        }
    }

    /// Checks a grain's marker and notes it.
    fn check_grain(&mut self, sector: u64, at: u64) -> Result<u64, ReadError> {
        let sectors = self.header.grain / SECTOR;
        let grain = sector / sectors;
        if !sector.is_multiple_of(sectors) || grain >= self.header.grains() {
            return Err(self.name.damaged(
                at,
                format!(
                    "the marker here is that of sector {sector}: not the first of a grain, or beyond the disk's {} sectors",
                    self.header.capacity / SECTOR
                ),
            ));
        }
        if grain < self.next_grain {
            return Err(self.name.damaged(
                at,
                format!(
                    "the marker here is that of sector {sector}, and sector {} came before; a stream must be in order: save it to a file first",
                    (self.next_grain - 1) * sectors
                ),
            ));
        }
        if self.footer.is_some() {
            return Err(self.name.damaged(at, "a grain after the footer"));
        }
        self.next_grain = grain + 1;
        let stream_sector = u32::try_from(at / SECTOR).map_err(|_| {
            self.name
                .damaged(at, "a stream of more than 2 TiB, which its tables cannot describe")
        })?;
        match &mut self.check {
            Check::Front { tables, left } => {
                if tables.sector(grain) != stream_sector {
                    return Err(self.name.damaged(
                        at,
                        format!(
                            "the marker here is that of grain {grain}, which the grain tables place at byte {}",
                            u64::from(tables.sector(grain)) * SECTOR
                        ),
                    ));
                }
                *left -= 1;
            }
            Check::Behind(behind) => {
                let entries = self.header.table_entries;
                let table = grain / entries;
                if behind.pending.back().is_none_or(|(last, _)| *last != table) {
                    if behind.pending.len() == MAX_PENDING_TABLES {
                        return Err(self.name.refused(
                            at,
                            "the grain tables come too late for a stream; save the disk to a file first",
                        ));
                    }
                    let length = usize::try_from(entries).expect("at most 512");
                    behind.pending.push_back((table, vec![0; length]));
                }
                let (_, last) = behind.pending.back_mut().expect("one was just made sure of");
                last[usize::try_from(grain % entries).expect("at most 512")] = stream_sector;
            }
        }
        Ok(grain)
    }

    /// Reads a grain's data behind its marker, and the padding; returns where the data stood.
    fn take_grain(&mut self, size: usize, bytes: &mut Vec<u8>) -> Result<u64, ReadError> {
        let data = self.offset + GRAIN_MARKER_BYTES as u64;
        let stored = marker::stored_grain(size);
        let padded = usize::try_from(stored).expect("at most 2 MiB and a sector") - GRAIN_MARKER_BYTES;
        let from = bytes.len();
        bytes.resize(from + padded, 0);
        read(&mut self.input, &mut bytes[from..], &self.name, data)?;
        bytes.truncate(from + size);
        self.offset += stored;
        Ok(data)
    }

    /// Deals with a marker that announces tables, directory, footer or the end.
    fn metadata(&mut self, marker: Marker, at: u64) -> Result<(), ReadError> {
        let Check::Behind(behind) = &mut self.check else {
            // The tables in front are what counts; all grains they name did not come yet, or we would not be here.
            return Err(self.name.damaged(
                at,
                format!("{marker:?}, and grains that the tables in front of the stream name did not come: it was cut"),
            ));
        };
        if self.footer.is_some() && marker != Marker::EndOfStream {
            return Err(self.name.damaged(at, format!("{marker:?} after the footer")));
        }
        let (what, wanted) = match marker {
            Marker::Table { .. } => ("a grain table", (self.header.table_entries * 4).div_ceil(SECTOR)),
            Marker::Directory { .. } => (
                "the grain directory",
                (self.header.directory_entries() * 4).div_ceil(SECTOR),
            ),
            Marker::Footer { .. } => ("the footer", 1),
            Marker::EndOfStream | Marker::Grain { .. } => ("", 0),
        };
        let (Marker::Table { sectors } | Marker::Directory { sectors } | Marker::Footer { sectors }) = marker else {
            self.done = true;
            return behind.finish(self.footer.as_ref(), &self.name, at);
        };
        if sectors != wanted {
            return Err(self.name.damaged(
                at,
                format!("{what} is to have {sectors} sectors, and has {wanted} for this disk"),
            ));
        }
        let offset = self.offset;
        let length = usize::try_from(sectors * SECTOR).expect("at most 16 MiB by the header's limits");
        let mut bytes = vec![0; length];
        read(&mut self.input, &mut bytes, &self.name, offset)?;
        self.offset += length as u64;
        match marker {
            Marker::Table { .. } => behind.table(&bytes, &self.header, &self.name, offset),
            Marker::Directory { .. } => behind.grain_directory(&bytes, &self.name, offset),
            _ => {
                let bytes: &[u8; 512] = bytes.as_slice().try_into().expect("one sector");
                let footer = SparseHeader::parse(bytes, &self.name, offset)?;
                footer::agrees(&self.name, &self.header, &footer, offset)?;
                self.footer = Some(footer);
                Ok(())
            }
        }
    }
}

impl Behind {
    /// Compares a table with the grains that came.
    fn table(&mut self, bytes: &[u8], header: &SparseHeader, name: &SourceName, offset: u64) -> Result<(), ReadError> {
        let sector = u32::try_from(offset / SECTOR)
            .map_err(|_| name.damaged(offset, "a stream of more than 2 TiB, which its tables cannot describe"))?;
        let (entries, _) = bytes.as_chunks::<4>();
        let length = usize::try_from(header.table_entries).expect("at most 512");
        let entries: Vec<u32> = entries[..length]
            .iter()
            .map(|entry| u32::from_le_bytes(*entry))
            .collect();
        // 1 means zeros where the header allows it; no grain came for it.
        let plain = |entry: &u32| {
            if *entry == 1 && header.has_zero_grains() {
                0
            } else {
                *entry
            }
        };
        if entries.iter().all(|entry| plain(entry) == 0) {
            if self.empty.len() >= self.directory.len() {
                return Err(name.damaged(offset, "more grain tables than the grain directory has entries"));
            }
            self.empty.push(sector);
            return Ok(());
        }
        let Some((table, seen)) = self.pending.pop_front() else {
            return Err(name.damaged(
                offset,
                "a grain table that names grains, and none came since the last one",
            ));
        };
        if let Some(slot) = (0..length).find(|slot| plain(&entries[*slot]) != seen[*slot]) {
            return Err(name.damaged(
                offset + 4 * slot as u64,
                format!(
                    "the grain table says sector {} for grain {}, and the stream had it in sector {}",
                    entries[slot],
                    table * header.table_entries + slot as u64,
                    seen[slot]
                ),
            ));
        }
        self.directory[usize::try_from(table).expect("the directory is in memory")] = sector;
        Ok(())
    }

    /// Compares the directory with the tables that came.
    fn grain_directory(&mut self, bytes: &[u8], name: &SourceName, offset: u64) -> Result<(), ReadError> {
        self.confirm_pending(name, offset)?;
        if self.directory_offset.is_some() {
            return Err(name.damaged(offset, "a second grain directory"));
        }
        let (entries, _) = bytes.as_chunks::<4>();
        self.empty.sort_unstable();
        for (index, (entry, seen)) in entries.iter().zip(&self.directory).enumerate() {
            let entry = u32::from_le_bytes(*entry);
            let empty = *seen == 0 && self.empty.binary_search(&entry).is_ok();
            if entry != *seen && !empty {
                return Err(name.damaged(
                    offset + 4 * index as u64,
                    format!("the grain directory says sector {entry} for table {index}, and the stream had it in sector {seen}"),
                ));
            }
        }
        self.directory_offset = Some(offset);
        Ok(())
    }

    fn confirm_pending(&self, name: &SourceName, offset: u64) -> Result<(), ReadError> {
        match self.pending.front() {
            Some((table, _)) => Err(name.damaged(
                offset,
                format!("grain table {table} is missing before this place, though its grains came"),
            )),
            None => Ok(()),
        }
    }

    /// Checks at the end-of-stream marker that everything came.
    fn finish(&self, footer: Option<&SparseHeader>, name: &SourceName, at: u64) -> Result<(), ReadError> {
        self.confirm_pending(name, at)?;
        let Some(footer) = footer else {
            return Err(name.damaged(
                at,
                "the stream ends without a footer: it was cut, or its writer did not finish",
            ));
        };
        match (footer.directory, self.directory_offset) {
            (Directory::At(said), Some(seen)) if said == seen => Ok(()),
            (said, seen) => Err(name.damaged(
                at,
                format!(
                    "the footer and the stream disagree on where the grain directory stands: {said:?} and {seen:?}"
                ),
            )),
        }
    }
}

fn check_descriptor(header: &SparseHeader, front: &[u8], name: &SourceName) -> Result<(), ReadError> {
    let (offset, length) = header.descriptor;
    if offset == 0 || length == 0 {
        return Ok(());
    }
    let range = usize::try_from(offset)
        .ok()
        .zip(usize::try_from(offset + length).ok())
        .and_then(|(from, to)| front.get(from..to));
    let text = range.ok_or_else(|| name.damaged(28, "the descriptor is not before the first grain"))?;
    Descriptor::parse(text, name, offset, true).map(drop)
}

fn read(input: &mut impl Read, buffer: &mut [u8], name: &SourceName, offset: u64) -> Result<(), ReadError> {
    input.read_exact(buffer).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => name.damaged(
            offset,
            "the stream ends here or shortly after, in the middle of the disk: it was cut",
        ),
        _ => name.io(offset, error),
    })
}
