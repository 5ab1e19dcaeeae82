//! A look at how a disk is divided, for a guess at how its machine starts. Reads the first sectors only.

use serde::Serialize;

use crate::disk::DiskImage;
use crate::error::ReadError;
use crate::logical::{is_extended, logical};
use crate::machine::Firmware;

const SECTOR: usize = 512;

/// The most entries of a GPT that are looked at; the table has room for 128 by convention.
const MAX_ENTRIES: usize = 256;

/// Type of an EFI system partition, as it stands on disk. Source: UEFI 2.10, 5.3.3, table 5.7.
const EFI_SYSTEM: [u8; 16] = [
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
];

/// Type of the partition in which GRUB keeps its core on a disk with GPT. Source: GNU GRUB manual, "BIOS installation".
const BIOS_BOOT: [u8; 16] = *b"Hah!IdontNeedEFI";

/// How a disk is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// No table: a file system on the whole disk, LVM, or nothing.
    None,
    /// The table of PCs before UEFI.
    Mbr,
    /// The table of UEFI.
    Gpt,
}

/// What can be seen of a disk's division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DiskLayout {
    /// The kind of its table.
    pub table: TableKind,
    /// How many partitions its table has; logical ones are within one of these.
    pub partitions: u32,
    /// Whether a BIOS finds something to start.
    pub starts_by_bios: bool,
    /// Whether there is an EFI system partition.
    pub starts_by_efi: bool,
}

/// A partition as its table has it.
struct Entry {
    /// By what Linux calls it: its place in the table, from 1 on.
    number: u32,
    kind: EntryKind,
    /// In bytes, within the disk.
    start: u64,
    /// In bytes.
    length: u64,
}

#[derive(PartialEq, Eq)]
enum EntryKind {
    Mbr(u8),
    Gpt([u8; 16]),
}

/// A disk's table: its kind, whether there is code for a BIOS before it, and its partitions.
fn table(image: &dyn DiskImage) -> Result<(TableKind, bool, Vec<Entry>), ReadError> {
    let size = image.virtual_size();
    let mut reader = image.reader();
    let mut head = vec![0; usize::try_from(size.min(2 * SECTOR as u64)).expect("two sectors")];
    reader.read_at(&mut head, 0)?;
    if head.len() < SECTOR || head[510..512] != [0x55, 0xaa] {
        return Ok((TableKind::None, false, Vec::new()));
    }
    let has_code = head[..440].iter().any(|byte| *byte != 0);
    let small = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let large = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let within = |place: usize, kind, first: u64, sectors: u64| {
        let (start, length) = (first.checked_mul(SECTOR as u64)?, sectors.checked_mul(SECTOR as u64)?);
        let end = start.checked_add(length)?;
        Some(Entry {
            number: u32::try_from(place).ok()?.checked_add(1)?,
            kind,
            start,
            // What leads beyond the disk is counted as a partition, and nothing is read of it.
            length: if end <= size { length } else { 0 },
        })
    };
    let places: Vec<&[u8]> = (0..4).map(|entry| &head[446 + 16 * entry..][..16]).collect();
    let is_gpt = places.iter().any(|place| place[4] == 0xee)
        && head.len() == 2 * SECTOR
        && head[SECTOR..].starts_with(b"EFI PART");
    if !is_gpt {
        // A file system on the whole disk has the same signature at the end of the first sector.
        let is_table = places.iter().all(|place| matches!(place[0], 0 | 0x80));
        let used = places.iter().enumerate().filter(|(_, place)| place[4] != 0);
        let entries: Vec<Entry> = used
            .filter_map(|(number, place)| {
                within(
                    number,
                    EntryKind::Mbr(place[4]),
                    small(place, 8).into(),
                    small(place, 12).into(),
                )
            })
            .collect();
        return Ok(if is_table && !entries.is_empty() {
            (TableKind::Mbr, has_code, entries)
        } else {
            (TableKind::None, has_code, Vec::new())
        });
    }
    let header = &head[SECTOR..];
    let (count, length) = (small(header, 80) as usize, small(header, 84) as usize);
    let is_sound = (128..=4096).contains(&length) && count > 0;
    let mut bytes = vec![0; if is_sound { count.min(MAX_ENTRIES) * length } else { 0 }];
    let start = large(header, 72).checked_mul(SECTOR as u64);
    let Some(start) = start.filter(|start| start.checked_add(bytes.len() as u64).is_some_and(|end| end <= size)) else {
        return Ok((TableKind::Gpt, has_code, Vec::new()));
    };
    reader.read_at(&mut bytes, start)?;
    let entries = bytes.chunks_exact(length.max(128)).enumerate();
    let entries = entries.filter_map(|(number, entry)| {
        let kind: [u8; 16] = entry[..16].try_into().expect("sixteen bytes");
        let (first, last) = (large(entry, 32), large(entry, 40));
        let sectors = last.checked_sub(first)?.checked_add(1)?;
        within(number, EntryKind::Gpt(kind), first, sectors).filter(|_| kind != [0; 16])
    });
    Ok((TableKind::Gpt, has_code, entries.collect()))
}

/// A partition that is within its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// By what Linux calls it: 1 for `sda1`.
    pub(crate) number: u32,
    /// In bytes.
    pub(crate) start: u64,
    /// In bytes, never 0.
    pub(crate) length: u64,
}

/// Returns the partitions of a disk that are within it, logical ones last; an extended one is no partition of its own.
///
/// # Errors
///
/// [`ReadError`] if a table cannot be read.
pub(crate) fn partitions(image: &dyn DiskImage) -> Result<Vec<Partition>, ReadError> {
    let (_, _, entries) = table(image)?;
    let size = image.virtual_size();
    let mut found = Vec::new();
    let mut extended = None;
    for entry in entries {
        if let EntryKind::Mbr(kind) = entry.kind
            && is_extended(kind)
        {
            extended.get_or_insert(entry.start / SECTOR as u64);
        } else if entry.length > 0 {
            found.push(Partition {
                number: entry.number,
                start: entry.start,
                length: entry.length,
            });
        }
    }
    let Some(extended) = extended else { return Ok(found) };
    for logical in logical(image.reader().as_mut(), size, extended)? {
        let (start, length) = (logical.first * SECTOR as u64, logical.count * SECTOR as u64);
        if start + length <= size {
            found.push(Partition {
                number: logical.number,
                start,
                length,
            });
        }
    }
    Ok(found)
}

impl DiskLayout {
    /// Looks at a disk.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if its first sectors cannot be read. A table that makes no sense is none.
    pub fn of(image: &dyn DiskImage) -> Result<Self, ReadError> {
        let (table, has_code, entries) = table(image)?;
        let has = |kind: EntryKind| entries.iter().any(|entry| entry.kind == kind);
        Ok(Self {
            table,
            partitions: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            starts_by_bios: has_code
                && match table {
                    TableKind::None => false,
                    TableKind::Mbr => true,
                    TableKind::Gpt => has(EntryKind::Gpt(BIOS_BOOT)),
                },
            starts_by_efi: has(EntryKind::Gpt(EFI_SYSTEM)) || has(EntryKind::Mbr(0xef)),
        })
    }

    /// Returns the only firmware by which the disk starts; `None` if it is none or either.
    #[must_use]
    pub const fn firmware(&self) -> Option<Firmware> {
        match (self.starts_by_bios, self.starts_by_efi) {
            (true, false) => Some(Firmware::Bios),
            (false, true) => Some(Firmware::Efi),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::{DiskKind, DiskReader, Extent, ExtentKind, Extents};

    /// A disk that is what it holds.
    pub(crate) struct Plain(pub(crate) Vec<u8>);

    impl DiskImage for Plain {
        fn kind(&self) -> DiskKind {
            DiskKind::Vmfs
        }

        fn virtual_size(&self) -> u64 {
            self.0.len() as u64
        }

        fn stored_bytes(&self) -> u64 {
            self.virtual_size()
        }

        fn extents(&self) -> Extents<'_> {
            Box::new(std::iter::once(Ok(Extent {
                start: 0,
                length: self.virtual_size(),
                kind: ExtentKind::Data,
            })))
        }

        fn reader(&self) -> Box<dyn DiskReader + '_> {
            Box::new(Reader(&self.0))
        }
    }

    struct Reader<'a>(&'a [u8]);

    impl DiskReader for Reader<'_> {
        fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
            let start = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&self.0[start..start + buffer.len()]);
            Ok(())
        }
    }

    fn disk(code: bool, kinds: [u8; 4], types: &[[u8; 16]]) -> Vec<u8> {
        let mut bytes = vec![0; 64 * SECTOR];
        bytes[0] = u8::from(code);
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        for (entry, kind) in kinds.iter().enumerate() {
            bytes[446 + 16 * entry + 4] = *kind;
            bytes[446 + 16 * entry + 8] = 4;
            bytes[446 + 16 * entry + 12] = 8;
        }
        if !types.is_empty() {
            bytes[512..520].copy_from_slice(b"EFI PART");
            bytes[512 + 72] = 2;
            bytes[512 + 80] = 128;
            bytes[512 + 84] = 128;
            for (entry, kind) in types.iter().enumerate() {
                bytes[1024 + 128 * entry..][..16].copy_from_slice(kind);
                bytes[1024 + 128 * entry + 32] = 40;
                bytes[1024 + 128 * entry + 40] = 47;
            }
        }
        bytes
    }

    #[test]
    fn the_firmware_is_guessed_from_what_is_there() {
        let linux = [7; 16];
        for (bytes, table, partitions, firmware) in [
            (vec![0; 4096], TableKind::None, 0, None),
            (vec![0; 100], TableKind::None, 0, None),
            (
                disk(true, [0x83, 0, 0, 0], &[]),
                TableKind::Mbr,
                1,
                Some(Firmware::Bios),
            ),
            (
                disk(false, [0xef, 0x83, 0, 0], &[]),
                TableKind::Mbr,
                2,
                Some(Firmware::Efi),
            ),
            (disk(true, [0; 4], &[]), TableKind::None, 0, None),
            (
                disk(false, [0xee, 0, 0, 0], &[EFI_SYSTEM, linux]),
                TableKind::Gpt,
                2,
                Some(Firmware::Efi),
            ),
            (
                disk(true, [0xee, 0, 0, 0], &[BIOS_BOOT, linux]),
                TableKind::Gpt,
                2,
                Some(Firmware::Bios),
            ),
            // Cloud images of Debian start either way.
            (
                disk(true, [0xee, 0, 0, 0], &[BIOS_BOOT, EFI_SYSTEM, linux]),
                TableKind::Gpt,
                3,
                None,
            ),
        ] {
            let layout = DiskLayout::of(&Plain(bytes)).unwrap();
            assert_eq!(
                (layout.table, layout.partitions, layout.firmware()),
                (table, partitions, firmware)
            );
        }
    }

    #[test]
    fn a_disk_that_ends_within_the_tables_header_has_no_such_table() {
        for length in [SECTOR + 8, SECTOR + 45, 2 * SECTOR - 1] {
            let mut bytes = disk(true, [0xee, 0, 0, 0], &[EFI_SYSTEM]);
            bytes.truncate(length);
            assert!(!DiskLayout::of(&Plain(bytes)).unwrap().starts_by_efi, "{length}");
        }
    }

    /// Puts an entry into the table in a sector.
    fn table_at(bytes: &mut [u8], sector: usize, slot: usize, kind: u8, first: u32, count: u32) {
        let table = &mut bytes[sector * SECTOR..][..SECTOR];
        table[510..].copy_from_slice(&[0x55, 0xaa]);
        let entry = &mut table[446 + 16 * slot..][..16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&first.to_le_bytes());
        entry[12..16].copy_from_slice(&count.to_le_bytes());
    }

    /// Returns the numbers and the first and the last sector of a disk's partitions.
    fn places(bytes: &[u8]) -> Vec<(u32, u64, u64)> {
        let sector = SECTOR as u64;
        let partitions = partitions(&Plain(bytes.to_vec())).unwrap().into_iter();
        let places = partitions.map(|found| {
            (
                found.number,
                found.start / sector,
                (found.start + found.length) / sector - 1,
            )
        });
        places.collect()
    }

    /// Returns a disk of 64 sectors with a primary partition, and two logical ones in the third entry of its table.
    fn with_logical(extended: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 * SECTOR];
        table_at(&mut bytes, 0, 0, 0x83, 4, 4);
        table_at(&mut bytes, 0, 2, extended, 10, 54);
        table_at(&mut bytes, 10, 0, 0x8e, 2, 8);
        table_at(&mut bytes, 10, 1, 0x05, 20, 12);
        table_at(&mut bytes, 30, 0, 0x83, 1, 10);
        bytes
    }

    #[test]
    fn logical_partitions_are_found_with_their_numbers() {
        for extended in [0x05, 0x0f, 0x85] {
            let bytes = with_logical(extended);
            assert_eq!(places(&bytes), [(1, 4, 7), (5, 12, 19), (6, 31, 40)], "{extended:#x}");
            // What the table itself has is counted as before.
            assert_eq!(DiskLayout::of(&Plain(bytes)).unwrap().partitions, 2);
        }
        let no_extended = with_logical(0x83);
        assert_eq!(places(&no_extended), [(1, 4, 7), (3, 10, 63)]);
    }

    #[test]
    fn a_chain_that_leads_back_or_away_ends() {
        let sound = [(1, 4, 7), (5, 12, 19), (6, 31, 40)];
        let mut bytes = with_logical(0x05);
        // Back to itself, to the first table, to the disk's own, beyond the disk.
        for next in [20, 0, u32::MAX - 9, 54, u32::MAX] {
            table_at(&mut bytes, 30, 1, 0x05, next, 4);
            assert_eq!(places(&bytes), sound, "{next}");
        }
        // A table without its signature is none.
        bytes[30 * SECTOR + 510] = 0;
        assert_eq!(places(&bytes), sound[..2]);
        // A logical partition beyond the disk is left out, and the chain goes on.
        let mut bytes = with_logical(0x05);
        table_at(&mut bytes, 10, 0, 0x8e, 2, 60);
        assert_eq!(places(&bytes), [sound[0], sound[2]]);
        table_at(&mut bytes, 0, 2, 0x05, 64, 1);
        assert_eq!(places(&bytes), sound[..1]);
    }

    #[test]
    fn a_chain_is_followed_up_to_a_bound() {
        let mut bytes = vec![0; 400 * SECTOR];
        table_at(&mut bytes, 0, 0, 0x05, 1, 399);
        for table in 0..199 {
            table_at(&mut bytes, 1 + 2 * table, 0, 0x83, 1, 1);
            table_at(&mut bytes, 1 + 2 * table, 1, 0x05, 2 + 2 * table as u32, 2);
        }
        assert_eq!(places(&bytes).len(), 60);
    }

    proptest! {
        #[test]
        fn no_table_makes_it_fail(seed in proptest::collection::vec(any::<u8>(), 0..2048), at in 0_usize..1024, cut in 1_usize..40000) {
            let mut bytes = disk(true, [0xee, 0, 0, 0], &[EFI_SYSTEM]);
            let end = (at + seed.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&seed[..end - at]);
            bytes.truncate(cut);
            let image = Plain(bytes);
            let layout = DiskLayout::of(&image).unwrap();
            prop_assert!(layout.partitions as usize <= MAX_ENTRIES);
            for partition in partitions(&image).unwrap() {
                prop_assert!(partition.length > 0 && partition.start + partition.length <= image.virtual_size());
            }
        }

        #[test]
        fn no_chain_makes_it_fail_or_leads_beyond_the_disk(entries in proptest::collection::vec((0_u8..4, 0_u8..6, any::<u8>(), 0_u32..80, 0_u32..80), 0..40)) {
            let mut bytes = disk(true, [0x83, 0x05, 0, 0], &[]);
            for (sector, slot, kind, first, count) in entries {
                let kind = if slot % 2 == 0 { kind } else { 0x05 };
                table_at(&mut bytes, usize::from(sector) * 4, usize::from(slot % 4), kind, first, count);
            }
            let image = Plain(bytes);
            for partition in partitions(&image).unwrap() {
                prop_assert!(partition.length > 0 && partition.start + partition.length <= image.virtual_size());
            }
        }
    }
}
