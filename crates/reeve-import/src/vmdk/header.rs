//! The header of a sparse extent.

use crate::disk::{CHUNK_BYTES, MAX_DISK_BYTES};
use crate::error::{ReadError, SourceName};

/// Bytes of a sector, the unit of every offset in the format.
pub(crate) const SECTOR: u64 = 512;

/// The first four bytes of a sparse extent.
pub(crate) const MAGIC: &[u8; 4] = b"KDMV";
/// The first four bytes of a delta of ESXi (vmfsSparse).
pub(crate) const MAGIC_COWD: &[u8; 4] = b"COWD";
/// The first eight bytes of a delta of ESXi from version 6.5 on (seSparse).
pub(crate) const MAGIC_SE_SPARSE: &[u8; 8] = &0xcafe_babe_u64.to_le_bytes();

/// Stands in place of the grain directory's offset when the directory is at the file's end.
const DIRECTORY_AT_END: u64 = u64::MAX;

const FLAG_NEWLINE_TEST: u32 = 1;
const FLAG_ZERO_GRAINS: u32 = 1 << 2;
const FLAG_COMPRESSED: u32 = 1 << 16;
const FLAG_MARKERS: u32 = 1 << 17;

const COMPRESSION_NONE: u16 = 0;
const COMPRESSION_DEFLATE: u16 = 1;

/// Entries of the largest grain directory that is read: at the usual 32 MiB for each it covers 128 TiB.
const MAX_DIRECTORY_ENTRIES: u64 = 4 << 20;

/// The most entries that a grain table may have; all known writers use exactly this many.
const MAX_TABLE_ENTRIES: u32 = 512;

/// Where the grain directory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directory {
    /// At this byte.
    At(u64),
    /// Behind the data; the footer says where.
    AtEnd,
}

/// The header of a sparse extent, checked: sizes are within their limits and products of them do not overflow.
///
/// Source: VMware, "Virtual Disk Format 5.0", hosted sparse extent header and stream-optimized compressed sparse extents;
/// qemu: block/vmdk.c – `VMDK4Header`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SparseHeader {
    pub(crate) flags: u32,
    /// The extent's size on the disk, in bytes.
    pub(crate) capacity: u64,
    /// Bytes of a grain: a power of two from 4 KiB to 1 MiB.
    pub(crate) grain: u64,
    /// Where the embedded descriptor stands, in bytes, and how many bytes it has; 0 for none.
    pub(crate) descriptor: (u64, u64),
    /// Entries of a grain table.
    pub(crate) table_entries: u64,
    pub(crate) directory: Directory,
    /// Bytes of header, descriptor, directory and tables that stand before the data.
    pub(crate) overhead: u64,
    pub(crate) unclean: bool,
    /// Whether grains are compressed and stand behind markers.
    pub(crate) compressed: bool,
}

impl SparseHeader {
    /// Reads the header from the 512 bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`], [`ReadError::Refused`] or [`ReadError::TooLarge`], each at the field's own byte.
    pub(crate) fn parse(bytes: &[u8; 512], file: &SourceName, offset: u64) -> Result<Self, ReadError> {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if !bytes.starts_with(MAGIC) {
            return Err(file.damaged(
                offset,
                "a sparse extent's header is to be here, and its magic number KDMV is not",
            ));
        }
        let version = u32_at(4);
        if !(1..=3).contains(&version) {
            return Err(file.refused(
                offset + 4,
                format!("version {version} of the sparse format; 1 to 3 are read"),
            ));
        }
        let flags = u32_at(8);
        if flags & FLAG_NEWLINE_TEST != 0 && bytes[73..77] != *b"\n \r\n" {
            return Err(file.damaged(
                offset + 73,
                "the line ends kept here for a test are changed: the file was transferred as text; transfer it again in binary mode",
            ));
        }
        let capacity = sectors(u64_at(12), file, offset + 12, "the capacity in sectors", MAX_DISK_BYTES)?;
        if capacity == 0 {
            return Err(file.damaged(offset + 12, "the capacity is 0"));
        }
        let grain = sectors(u64_at(20), file, offset + 20, "the grain size in sectors", CHUNK_BYTES)?;
        if !grain.is_power_of_two() || grain < 8 * SECTOR {
            return Err(file.damaged(
                offset + 20,
                format!("the grain size is {grain} bytes; it must be a power of two from 4096 on"),
            ));
        }
        let descriptor_offset = sectors(
            u64_at(28),
            file,
            offset + 28,
            "the descriptor's offset in sectors",
            1 << 50,
        )?;
        let descriptor_size = sectors(
            u64_at(36),
            file,
            offset + 36,
            "the descriptor's size in sectors",
            1 << 50,
        )?;
        let table_entries = u32_at(44);
        if table_entries == 0 || table_entries > MAX_TABLE_ENTRIES {
            return Err(file.damaged(
                offset + 44,
                format!("a grain table has {table_entries} entries; 1 to {MAX_TABLE_ENTRIES} are read"),
            ));
        }
        let directory = match u64_at(56) {
            DIRECTORY_AT_END => Directory::AtEnd,
            at => Directory::At(sectors(
                at,
                file,
                offset + 56,
                "the grain directory's offset in sectors",
                1 << 50,
            )?),
        };
        let overhead = sectors(u64_at(64), file, offset + 64, "the overhead in sectors", 1 << 50)?;
        let compression = u16_at(77);
        let compressed = flags & FLAG_COMPRESSED != 0;
        match (compressed, compression) {
            (false, COMPRESSION_NONE | COMPRESSION_DEFLATE) | (true, COMPRESSION_DEFLATE) => {}
            _ => {
                return Err(file.refused(
                    offset + 77,
                    format!("compression method {compression}; deflate (1) is read"),
                ));
            }
        }
        if compressed && flags & FLAG_MARKERS == 0 {
            return Err(file.refused(
                offset + 8,
                "compressed grains without markers; convert the disk with its own tools to streamOptimized",
            ));
        }
        let header = Self {
            flags,
            capacity,
            grain,
            descriptor: (descriptor_offset, descriptor_size),
            table_entries: u64::from(table_entries),
            directory,
            overhead,
            unclean: bytes[72] != 0,
            compressed,
        };
        if header.directory_entries() > MAX_DIRECTORY_ENTRIES {
            return Err(file.too_large(
                offset + 12,
                "the number of grain tables that the capacity asks for",
                header.directory_entries(),
                MAX_DIRECTORY_ENTRIES,
            ));
        }
        Ok(header)
    }

    /// Returns the bytes of the disk that one grain table covers.
    pub(crate) const fn table_span(&self) -> u64 {
        self.grain * self.table_entries
    }

    /// Returns the number of entries of the grain directory.
    pub(crate) const fn directory_entries(&self) -> u64 {
        self.capacity.div_ceil(self.table_span())
    }

    /// Returns the number of grains.
    pub(crate) const fn grains(&self) -> u64 {
        self.capacity.div_ceil(self.grain)
    }

    /// Tells whether the entry 1 of a grain table means "zeros".
    pub(crate) const fn has_zero_grains(&self) -> bool {
        self.flags & FLAG_ZERO_GRAINS != 0
    }
}

/// Returns a number of sectors as bytes, at most `limit`.
fn sectors(value: u64, file: &SourceName, offset: u64, what: &'static str, limit: u64) -> Result<u64, ReadError> {
    if value > limit / SECTOR {
        return Err(file.too_large(offset, what, value, limit / SECTOR));
    }
    Ok(value * SECTOR)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a header as a writer makes it.
    pub(crate) fn bytes(flags: u32, capacity: u64, directory: u64, overhead: u64) -> [u8; 512] {
        let mut bytes = [0; 512];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..8].copy_from_slice(&3_u32.to_le_bytes());
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        bytes[12..20].copy_from_slice(&capacity.to_le_bytes());
        bytes[20..28].copy_from_slice(&128_u64.to_le_bytes());
        bytes[44..48].copy_from_slice(&512_u32.to_le_bytes());
        bytes[56..64].copy_from_slice(&directory.to_le_bytes());
        bytes[64..72].copy_from_slice(&overhead.to_le_bytes());
        bytes[73..77].copy_from_slice(b"\n \r\n");
        bytes[77..79].copy_from_slice(&u16::from(flags & FLAG_COMPRESSED != 0).to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; 512]) -> Result<SparseHeader, ReadError> {
        SparseHeader::parse(bytes, &SourceName::new("test.vmdk"), 0)
    }

    #[test]
    fn a_stream_header_is_read() {
        let header = parse(&bytes(0x3_0001, 4096, DIRECTORY_AT_END, 128)).unwrap();
        assert_eq!(header.capacity, 2 << 20);
        assert_eq!(header.grain, 65536);
        assert_eq!(header.directory, Directory::AtEnd);
        assert_eq!((header.directory_entries(), header.grains()), (1, 32));
        assert!(header.compressed);
    }

    #[test]
    fn each_lie_is_told_at_its_own_byte() {
        let good = bytes(0x3_0001, 4096, DIRECTORY_AT_END, 128);
        let lies: [(usize, &[u8], u64); 9] = [
            (0, b"X", 0),
            (4, &[9], 4),
            (8, &[1, 0, 1, 0], 8),
            (12, &[0; 8], 12),
            (12, &[255; 8], 12),
            (20, &[3], 20),
            (44, &[0, 0, 1, 0], 44),
            (73, b"\r", 73),
            (77, &[7], 77),
        ];
        for (at, lie, said) in lies {
            let mut bytes = good;
            bytes[at..at + lie.len()].copy_from_slice(lie);
            let error = parse(&bytes).unwrap_err();
            assert_eq!(error.offset(), said, "{error}");
        }
    }

    proptest! {
        /// Whatever the bytes, products of accepted fields stay within 64 bits and within the limits.
        #[test]
        fn accepted_headers_are_within_limits(noise in prop::collection::vec((0_usize..79, any::<u8>()), 0..12)) {
            let mut bytes = bytes(0x3_0001, 4096, 21, 128);
            for (at, byte) in noise {
                bytes[at] = byte;
            }
            if let Ok(header) = parse(&bytes) {
                prop_assert!(header.capacity <= MAX_DISK_BYTES && header.capacity > 0);
                prop_assert!(CHUNK_BYTES.is_multiple_of(header.grain));
                prop_assert!(header.directory_entries() <= MAX_DIRECTORY_ENTRIES);
                prop_assert!(header.table_span() * header.directory_entries() >= header.capacity);
            }
        }
    }
}
