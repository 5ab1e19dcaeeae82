//! The label of a physical volume, and the way from it to the text of the metadata.

use super::LvmError;
use crate::guest::window::Window;

const SECTOR: usize = 512;

/// In which of the first sectors the label may be. Source: `LABEL_SCAN_SECTORS`.
const LABEL_SECTORS: usize = 4;

/// How many characters an identifier has, without its dashes. Source: `ID_LEN`.
const ID_BYTES: usize = 32;

/// The most areas, of data and of metadata, that are looked at; a physical volume has at most two of metadata.
const MAX_AREAS: usize = 8;

/// The longest text that is read, in bytes. The usual area has 1 MiB, and room in it for two texts.
const MAX_TEXT: u64 = 4 << 20;

/// What an area of metadata begins with, behind its checksum. Source: `FMTT_MAGIC`.
const AREA_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";

/// The area of metadata is not used: another physical volume of the group has them. Source: `RAW_LOCN_IGNORED`.
const IGNORED: u32 = 1;

/// LVM's checksum: that of Ethernet with a start of its own and without the last inversion. Source: `lib/misc/crc.c`, `INITIAL_CRC`.
const CHECKSUM: crc::Algorithm<u32> = crc::Algorithm {
    init: 0xf597_a6cf_u32.reverse_bits(),
    xorout: 0,
    check: 0,
    residue: 0,
    ..crc::CRC_32_ISO_HDLC
};

/// Returns LVM's checksum of some bytes.
fn checksum(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&CHECKSUM);
    CRC.checksum(bytes)
}

fn small(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn large(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Returns the physical volume's identifier, without dashes, and the text of its group's metadata: of several areas, of the first that is sound.
///
/// # Errors
///
/// [`LvmError`] if there is no label, or no area of metadata is sound.
pub(super) fn text_of(window: &mut Window) -> Result<(Vec<u8>, Vec<u8>), LvmError> {
    let mut head = [0; LABEL_SECTORS * SECTOR];
    window.read_at(&mut head, 0)?;
    let (sectors, _) = head.as_chunks::<SECTOR>();
    let label = sectors.iter().enumerate().find(|(number, sector)| {
        sector.starts_with(b"LABELONE")
            && large(*sector, 8) == *number as u64
            && sector[24..32] == *b"LVM2 001"
            && small(*sector, 16) == checksum(&sector[20..])
    });
    let (_, label) = label.ok_or(LvmError::Damaged("its label is damaged"))?;
    let header = label.get(small(label, 20) as usize..).unwrap_or_default();
    if header.len() < ID_BYTES + 8 {
        return Err(LvmError::Damaged("its header is damaged"));
    }
    // Places of data, an end, places of metadata, an end.
    let mut places = header[ID_BYTES + 8..].as_chunks::<16>().0.iter();
    let mut list = || {
        let places = places.by_ref().map(|place| (large(place, 0), large(place, 8)));
        places
            .take_while(|(start, _)| *start != 0)
            .take(MAX_AREAS)
            .collect::<Vec<_>>()
    };
    let (_, areas) = (list(), list());
    let mut failed = LvmError::Damaged("it has no metadata of its own: another disk of its volume group has them");
    for (start, length) in areas {
        match area(window, start, length) {
            Ok(Some(text)) => return Ok((header[..ID_BYTES].to_vec(), text)),
            Ok(None) => {}
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Returns the text in an area of metadata; `None` if the area is not used.
fn area(window: &mut Window, start: u64, length: u64) -> Result<Option<Vec<u8>>, LvmError> {
    const DAMAGED: LvmError = LvmError::Damaged("its metadata are damaged");
    let mut header = [0; SECTOR];
    window.read_at(&mut header, start)?;
    let is_sound = small(&header, 0) == checksum(&header[4..])
        && header[4..20] == *AREA_MAGIC
        && small(&header, 20) == 1
        && large(&header, 24) == start
        && large(&header, 32) == length;
    if !is_sound {
        return Err(DAMAGED);
    }
    let (offset, size) = (large(&header, 40), large(&header, 48));
    let (sum, flags) = (small(&header, 56), small(&header, 60));
    if offset == 0 || flags & IGNORED != 0 {
        return Ok(None);
    }
    if size > MAX_TEXT {
        return Err(LvmError::Damaged("its metadata are larger than what is read"));
    }
    // The area behind its header is a ring.
    let first = (SECTOR as u64..length)
        .contains(&offset)
        .then(|| size.min(length - offset));
    let first = first.filter(|_| size <= length - SECTOR as u64).ok_or(DAMAGED)?;
    let mut text = vec![0; usize::try_from(size).expect("a few MiB")];
    let (before, wrapped) = text.split_at_mut(usize::try_from(first).expect("a few MiB"));
    let at = |within: u64| start.checked_add(within).ok_or(DAMAGED);
    window.read_at(before, at(offset)?)?;
    window.read_at(wrapped, at(SECTOR as u64)?)?;
    if checksum(&text) != sum {
        return Err(DAMAGED);
    }
    Ok(Some(text))
}
