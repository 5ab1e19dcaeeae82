//! The footer of a streamOptimized file: it says where the grain directory stands.

use crate::bytes::{ByteSource, read_vec};
use crate::error::{ReadError, SourceName};
use crate::vmdk::header::{Directory, SECTOR, SparseHeader};
use crate::vmdk::marker::Marker;

/// How far back from the file's end the footer is looked for: some writers pad the file with zeros.
const MAX_PADDING: u64 = 1 << 20;

/// Footer marker, footer, end-of-stream marker: three sectors.
const TAIL_BYTES: u64 = 3 * SECTOR;

/// Finds the footer and returns it; it takes the header's place.
///
/// # Errors
///
/// [`ReadError::Damaged`] if there is none, as after a transfer that was cut, or if it contradicts the header.
pub(crate) fn find(source: &dyn ByteSource, header: &SparseHeader) -> Result<SparseHeader, ReadError> {
    let name = source.name();
    let missing = || {
        name.damaged(
            source.len(),
            "the stream's footer is missing at the file's end: the file was cut, or its writer did not finish",
        )
    };
    // Padding can only be whole sectors of zeros after the end-of-stream marker, which is a sector of zeros itself.
    let end = source.len() / SECTOR * SECTOR;
    let start = end.saturating_sub(MAX_PADDING + TAIL_BYTES);
    let length = usize::try_from(end - start).expect("at most a little more than 1 MiB");
    let tail = read_vec(source, start, length)?;
    let (sectors, _) = tail.as_chunks::<512>();
    let last = sectors
        .iter()
        .rposition(|sector| sector.iter().any(|byte| *byte != 0))
        .ok_or_else(missing)?;
    // The footer is the last sector with content, its marker the one before, and at least one sector of zeros follows.
    if last == 0 || last + 1 >= sectors.len() {
        return Err(missing());
    }
    let offset = start + last as u64 * SECTOR;
    let marker: [u8; 16] = sectors[last - 1][..16].try_into().expect("a sector has 16 bytes");
    if !matches!(
        Marker::parse(&marker, name, offset - SECTOR),
        Ok(Marker::Footer { sectors: 1 })
    ) {
        return Err(missing());
    }
    let footer = SparseHeader::parse(&sectors[last], name, offset)?;
    agrees(name, header, &footer, offset)?;
    Ok(footer)
}

/// Checks that the footer tells of the same disk as the header.
///
/// # Errors
///
/// [`ReadError::Damaged`] at the footer's byte.
pub(crate) fn agrees(
    name: &SourceName,
    header: &SparseHeader,
    footer: &SparseHeader,
    offset: u64,
) -> Result<(), ReadError> {
    if (footer.capacity, footer.grain, footer.table_entries, footer.compressed)
        != (header.capacity, header.grain, header.table_entries, header.compressed)
    {
        return Err(name.damaged(
            offset,
            format!(
                "the footer tells of a disk of {} bytes in grains of {}, the header of {} in {}",
                footer.capacity, footer.grain, header.capacity, header.grain
            ),
        ));
    }
    if footer.directory == Directory::AtEnd {
        return Err(name.damaged(
            offset + 56,
            "the footer leaves the grain directory's place to the footer: there is none",
        ));
    }
    Ok(())
}
