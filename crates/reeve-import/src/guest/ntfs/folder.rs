//! The names in a folder: a tree of nodes, whose root is in the folder's record and whose others are in an attribute of their own.
//!
//! Source: the Linux-NTFS project: "NTFS documentation": `$INDEX_ROOT`, `$INDEX_ALLOCATION`, index entries, fixup.

use std::collections::BTreeSet;

use ntfs::{Ntfs, NtfsAttributeType};

use super::stream::Stream;
use super::{Bounded, MAX_RECORD, NtfsFailure};

/// The name of the attributes that hold a folder's names.
const NAMES: &str = "$I30";

/// The sector by which records are guarded against being half written.
const SECTOR: usize = 512;

fn number<const COUNT: usize>(bytes: &[u8], at: usize) -> Result<u64, NtfsFailure> {
    let found = bytes.get(at..at + COUNT).ok_or(NtfsFailure::Damaged)?;
    let mut whole = [0; 8];
    whole[..COUNT].copy_from_slice(found);
    Ok(u64::from_le_bytes(whole))
}

/// Hands every name in a folder with the number of its record to `each`, until that has enough; none if the file is no folder.
pub(super) fn visit(
    ntfs: &Ntfs,
    bytes: &mut Bounded,
    record: u64,
    each: &mut dyn FnMut(&str, u64) -> bool,
) -> Result<(), NtfsFailure> {
    let Some(root) = Stream::of(ntfs, bytes, record, NtfsAttributeType::IndexRoot, NAMES)? else {
        return Ok(());
    };
    let root = root.here().ok_or(NtfsFailure::Damaged)?;
    let size = u32::try_from(number::<4>(root, 8)?).expect("four bytes");
    if size > MAX_RECORD || size == 0 || !(size as usize).is_multiple_of(SECTOR) {
        return Err(NtfsFailure::Record(size));
    }
    // Nodes are counted in clusters, or in sectors where a cluster is larger than a node.
    let unit = if size >= ntfs.cluster_size() {
        u64::from(ntfs.cluster_size())
    } else {
        SECTOR as u64
    };
    let mut below = Vec::new();
    if !node(root.get(16..).ok_or(NtfsFailure::Damaged)?, &mut below, each)? || below.is_empty() {
        return Ok(());
    }
    let others = Stream::of(ntfs, bytes, record, NtfsAttributeType::IndexAllocation, NAMES)?;
    let others = others.ok_or(NtfsFailure::Damaged)?;
    let mut seen = BTreeSet::new();
    let mut buffer = vec![0; size as usize];
    while let Some(place) = below.pop() {
        // Nodes of a sound tree have one way that leads to them.
        if !seen.insert(place) {
            return Err(NtfsFailure::Damaged);
        }
        let at = place.checked_mul(unit).ok_or(NtfsFailure::Damaged)?;
        others.read_at(bytes, &mut buffer, at)?;
        if !buffer.starts_with(b"INDX") {
            return Err(NtfsFailure::Damaged);
        }
        mend(&mut buffer)?;
        if !node(&buffer[24..], &mut below, each)? {
            break;
        }
    }
    Ok(())
}

/// Puts the last bytes of each sector back, which are kept in the record's head while it is on disk.
fn mend(record: &mut [u8]) -> Result<(), NtfsFailure> {
    let (at, count) = (number::<2>(record, 4)?, number::<2>(record, 6)?);
    let at = usize::try_from(at).expect("two bytes");
    let guard = number::<2>(record, at)?;
    if count != (record.len() / SECTOR) as u64 + 1 {
        return Err(NtfsFailure::Damaged);
    }
    for sector in 0..record.len() / SECTOR {
        let end = (sector + 1) * SECTOR - 2;
        let kept = number::<2>(record, at + 2 + 2 * sector)?;
        if number::<2>(record, end)? != guard {
            return Err(NtfsFailure::Damaged);
        }
        record[end..end + 2].copy_from_slice(&kept.to_le_bytes()[..2]);
    }
    Ok(())
}

/// Goes through the entries of a node, which begins with its head; tells whether more are wanted.
fn node(node: &[u8], below: &mut Vec<u64>, each: &mut dyn FnMut(&str, u64) -> bool) -> Result<bool, NtfsFailure> {
    const HEAD: usize = 16;
    /// Before the name itself.
    const NAME: usize = 66;
    let small = |bytes: &[u8], at: usize| number::<2>(bytes, at).map(|found| found as usize);
    let mut at = usize::try_from(number::<4>(node, 0)?).map_err(|_| NtfsFailure::Damaged)?;
    let end = usize::try_from(number::<4>(node, 4)?).map_err(|_| NtfsFailure::Damaged)?;
    let node = node.get(..end).ok_or(NtfsFailure::Damaged)?;
    loop {
        let length = small(node.get(at..).ok_or(NtfsFailure::Damaged)?, 8)?;
        let entry = node.get(at..at + length).ok_or(NtfsFailure::Damaged)?;
        let flags = small(entry, 12)?;
        if flags & 1 != 0 {
            let place = length.checked_sub(8).filter(|place| *place >= HEAD);
            below.push(number::<8>(entry, place.ok_or(NtfsFailure::Damaged)?)?);
        }
        if flags & 2 != 0 {
            return Ok(true);
        }
        let count = usize::from(*entry.get(HEAD + 64).ok_or(NtfsFailure::Damaged)?);
        let name = entry
            .get(HEAD + NAME..HEAD + NAME + 2 * count)
            .ok_or(NtfsFailure::Damaged)?;
        let (units, _) = name.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        let record = number::<6>(entry, 0)?;
        if !each(&String::from_utf16_lossy(&units), record) {
            return Ok(false);
        }
        at += length;
    }
}
