//! Logical partitions of an MBR: each stands behind a table of its own, and each of these tables leads to the next.
//!
//! Source: GNU parted, `libparted/labels/dos.c`; the kernel, `block/partitions/msdos.c` (how a chain is followed and numbered).

use crate::disk::DiskReader;
use crate::error::ReadError;

const SECTOR: u64 = 512;

/// The most tables of a chain that are followed; the kernel names partitions of a SCSI disk up to `sda15`, and follows 100 tables.
const MAX_TABLES: usize = 60;

/// The number of the first logical partition, however many primary ones there are.
const FIRST: u32 = 5;

/// Tells whether a type of a partition says that it holds logical partitions.
pub(crate) const fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0f | 0x85)
}

/// A logical partition as its table has it: nothing is said of whether it is within the disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Logical {
    pub(crate) number: u32,
    pub(crate) kind: u8,
    /// In sectors.
    pub(crate) first: u64,
    /// In sectors.
    pub(crate) count: u64,
}

/// Returns the logical partitions in the extended partition that begins at sector `extended`, on a disk of `size` bytes.
///
/// The chain ends at a table beyond the disk, without a signature, or already seen.
///
/// # Errors
///
/// [`ReadError`] if a table of the chain cannot be read.
pub(crate) fn logical(reader: &mut dyn DiskReader, size: u64, extended: u64) -> Result<Vec<Logical>, ReadError> {
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    let mut at = extended;
    while seen.len() < MAX_TABLES && !seen.contains(&at) {
        seen.push(at);
        let Some(start) = at.checked_mul(SECTOR).filter(|start| {
            let end = start.checked_add(SECTOR);
            end.is_some_and(|end| end <= size)
        }) else {
            break;
        };
        let mut table = [0; SECTOR as usize];
        reader.read_at(&mut table, start)?;
        if table[510..] != [0x55, 0xaa] {
            break;
        }
        let mut next = None;
        for entry in table[446..510].as_chunks::<16>().0 {
            let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
            let (kind, first, count) = (entry[4], u64::from(number(8)), u64::from(number(12)));
            if kind == 0 || count == 0 {
                continue;
            }
            if is_extended(kind) {
                // What comes next is counted from the whole extended partition, what is here from its own table.
                next.get_or_insert(extended + first);
            } else if found.len() < MAX_TABLES {
                found.push(Logical {
                    number: FIRST + u32::try_from(found.len()).expect("at most as many as tables"),
                    kind,
                    first: at + first,
                    count,
                });
            }
        }
        let Some(next) = next else { break };
        at = next;
    }
    Ok(found)
}
