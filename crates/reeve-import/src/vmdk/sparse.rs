//! A sparse extent in a file that can be read at any place.

use std::sync::Arc;

use crate::bytes::{ByteSource, check_range, read_vec};
use crate::disk::{Extent, ExtentKind, Extents, Joined};
use crate::error::{ReadError, SourceName};
use crate::vmdk::footer;
use crate::vmdk::header::{Directory, SECTOR, SparseHeader};
use crate::vmdk::marker::{self, GRAIN_MARKER_BYTES, Marker};
use crate::vmdk::occupied::Occupied;

/// A sparse extent: header, grain directory, and grain tables that are read when they are needed.
pub(crate) struct SparseExtent {
    source: Arc<dyn ByteSource>,
    header: SparseHeader,
    /// Where the directory stands, for errors.
    directory_offset: u64,
    /// The sector of each grain table; 0 for none.
    directory: Vec<u32>,
    data_grains: u64,
}

/// What a grain table says of a grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    Hole,
    Zero,
    /// Its data, or its marker, stands at this byte.
    At(u64),
}

impl SparseExtent {
    /// Opens an extent and checks its directory and all its tables.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if header, footer, directory or tables contradict each other or the file's length, or one grain is used twice.
    pub(crate) fn open(source: Arc<dyn ByteSource>) -> Result<Self, ReadError> {
        let mut bytes = [0; 512];
        source.read_at(&mut bytes, 0)?;
        let mut header = SparseHeader::parse(&bytes, source.name(), 0)?;
        if header.directory == Directory::AtEnd {
            header = footer::find(source.as_ref(), &header)?;
        }
        let Directory::At(directory_offset) = header.directory else {
            return Err(source
                .name()
                .damaged(0, "neither header nor footer says where the grain directory stands"));
        };
        let directory = read_entries(source.as_ref(), directory_offset, header.directory_entries())?;
        let mut extent = Self {
            source,
            header,
            directory_offset,
            directory,
            data_grains: 0,
        };
        extent.check_directory()?;
        extent.data_grains = extent.check_tables()?;
        Ok(extent)
    }

    pub(crate) const fn header(&self) -> &SparseHeader {
        &self.header
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.header.capacity
    }

    pub(crate) fn name(&self) -> &SourceName {
        self.source.name()
    }

    /// Returns the bytes of the file that hold grains.
    pub(crate) fn stored_bytes(&self) -> u64 {
        if self.header.compressed {
            self.source.len()
        } else {
            self.data_grains * self.header.grain
        }
    }

    /// Returns the extents in order, in bytes of this extent.
    pub(crate) fn extents(&self) -> Extents<'_> {
        Box::new(Joined::new(SparseExtents {
            extent: self,
            grain: 0,
            table: TableCache::default(),
            failed: false,
        }))
    }

    /// Two entries that lead to one table would make two parts of the disk out of one.
    fn check_directory(&self) -> Result<(), ReadError> {
        let mut used: Vec<u32> = self.directory.iter().copied().filter(|entry| *entry != 0).collect();
        used.sort_unstable();
        if let Some(pair) = used.windows(2).find(|pair| pair[0] == pair[1]) {
            let second = self.directory.iter().rposition(|entry| *entry == pair[0]).unwrap_or(0);
            return Err(self.name().damaged(
                self.directory_offset + 4 * second as u64,
                format!("the grain directory leads twice to the table in sector {}", pair[0]),
            ));
        }
        Ok(())
    }

    /// Reads every table once and returns the number of grains with data.
    fn check_tables(&self) -> Result<u64, ReadError> {
        let mut occupied = Occupied::new(self.header.grain);
        let mut table = TableCache::default();
        let mut count = 0;
        let mut last = 0;
        let mut next = 0;
        while next < self.header.grains() {
            let grain = next;
            if self.directory[self.table_index(grain)] == 0 {
                next = (grain / self.header.table_entries + 1) * self.header.table_entries;
                continue;
            }
            next += 1;
            let Grain::At(at) = table.grain(self, grain)? else {
                continue;
            };
            count += 1;
            let entry = self.entry_offset(grain);
            if self.header.compressed {
                // What stands there, and that no other grain stands there too, its marker says when it is read.
                check_range(self.source.as_ref(), at, 16)?;
                last = last.max(at);
            } else {
                check_range(self.source.as_ref(), at, self.needed(grain))?;
                occupied.take(at, self.name(), entry)?;
            }
        }
        if last > 0 {
            self.check_last(last)?;
        }
        Ok(count)
    }

    /// Checks that the compressed grain that stands last in the file is all there: one that was cut is found before it is copied.
    fn check_last(&self, at: u64) -> Result<(), ReadError> {
        let mut bytes = [0; 16];
        self.source.read_at(&mut bytes, at)?;
        if let Marker::Grain { size, .. } = Marker::parse(&bytes, self.name(), at)? {
            let size = marker::check_size(size, self.header.grain, self.name(), at)?;
            check_range(self.source.as_ref(), at + GRAIN_MARKER_BYTES as u64, size)?;
        }
        Ok(())
    }

    fn table_index(&self, grain: u64) -> usize {
        usize::try_from(grain / self.header.table_entries).expect("the directory is in memory")
    }

    /// Returns where a grain's entry stands in its table.
    fn entry_offset(&self, grain: u64) -> u64 {
        u64::from(self.directory[self.table_index(grain)]) * SECTOR + 4 * (grain % self.header.table_entries)
    }

    /// Returns how many bytes of a grain belong to the disk.
    pub(crate) fn needed(&self, grain: u64) -> usize {
        let start = grain * self.header.grain;
        usize::try_from(self.header.grain.min(self.header.capacity - start)).expect("a grain is at most 1 MiB")
    }

    fn classify(&self, entry: u32, grain: u64) -> Result<Grain, ReadError> {
        match entry {
            0 => Ok(Grain::Hole),
            1 if self.header.has_zero_grains() => Ok(Grain::Zero),
            1 => Err(self.name().damaged(
                self.entry_offset(grain),
                "a grain table's entry says \"zeros\", and the header does not allow it",
            )),
            sector => Ok(Grain::At(u64::from(sector) * SECTOR)),
        }
    }

    pub(crate) fn source(&self) -> &dyn ByteSource {
        self.source.as_ref()
    }
}

/// Reads `count` entries of a directory or table.
fn read_entries(source: &dyn ByteSource, offset: u64, count: u64) -> Result<Vec<u32>, ReadError> {
    let length = usize::try_from(count * 4).expect("the header bounds directories and tables to a few MiB");
    let bytes = read_vec(source, offset, length)?;
    let (entries, _) = bytes.as_chunks::<4>();
    Ok(entries.iter().map(|entry| u32::from_le_bytes(*entry)).collect())
}

/// The grain table that was read last.
#[derive(Default)]
pub(crate) struct TableCache {
    index: Option<usize>,
    entries: Vec<u32>,
}

impl TableCache {
    /// Returns what is said of a grain; the grain must be below the header's number.
    pub(crate) fn grain(&mut self, extent: &SparseExtent, grain: u64) -> Result<Grain, ReadError> {
        let index = extent.table_index(grain);
        let sector = extent.directory[index];
        if sector == 0 {
            return Ok(Grain::Hole);
        }
        if self.index != Some(index) {
            self.index = None;
            self.entries = read_entries(extent.source(), u64::from(sector) * SECTOR, extent.header.table_entries)?;
            self.index = Some(index);
        }
        extent.classify(self.entries[self.slot(extent, grain)], grain)
    }

    fn slot(&self, extent: &SparseExtent, grain: u64) -> usize {
        usize::try_from(grain % extent.header.table_entries).expect("a table has at most 512 entries")
    }

    /// Returns the nearest byte after `at` at which the table of `grain` has another grain, if it is the one at hand.
    pub(crate) fn next_after(&self, extent: &SparseExtent, grain: u64, at: u64) -> Option<u64> {
        if self.index != Some(extent.table_index(grain)) {
            return None;
        }
        let rest = self.entries.get(self.slot(extent, grain) + 1..)?;
        rest.iter()
            .map(|entry| u64::from(*entry) * SECTOR)
            .find(|offset| *offset > at)
    }
}

struct SparseExtents<'a> {
    extent: &'a SparseExtent,
    grain: u64,
    table: TableCache,
    failed: bool,
}

impl SparseExtents<'_> {
    fn step(&mut self) -> Result<Extent, ReadError> {
        let extent = self.extent;
        let first = self.grain;
        let table_end = (first / extent.header.table_entries + 1) * extent.header.table_entries;
        let end = table_end.min(extent.header.grains());
        let kind = |grain| match grain {
            Grain::Hole => ExtentKind::Hole,
            Grain::Zero => ExtentKind::Zero,
            Grain::At(_) => ExtentKind::Data,
        };
        let is = kind(self.table.grain(extent, first)?);
        let mut next = first + 1;
        if extent.directory[extent.table_index(first)] == 0 {
            next = end;
        }
        while next < end && kind(self.table.grain(extent, next)?) == is {
            next += 1;
        }
        self.grain = next;
        let start = first * extent.header.grain;
        Ok(Extent {
            start,
            length: (next * extent.header.grain).min(extent.header.capacity) - start,
            kind: is,
        })
    }
}

impl Iterator for SparseExtents<'_> {
    type Item = Result<Extent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.grain >= self.extent.header.grains() {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        Some(step)
    }
}
