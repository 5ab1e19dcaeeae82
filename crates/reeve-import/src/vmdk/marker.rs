//! The markers of a streamOptimized extent.

use crate::error::{ReadError, SourceName};
use crate::vmdk::header::SECTOR;

/// Bytes of a grain's marker; its data follows at once.
pub(crate) const GRAIN_MARKER_BYTES: usize = 12;

/// What a marker announces.
///
/// Source: VMware, "Virtual Disk Format 5.0", `SparseGrainLBAHeaderOnDisk` and `SparseMetaDataMarkerOnDisk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A compressed grain for this sector of the disk; so many bytes follow the marker's first 12.
    Grain { sector: u64, size: u32 },
    /// A grain table of so many sectors follows.
    Table { sectors: u64 },
    /// A grain directory of so many sectors follows.
    Directory { sectors: u64 },
    /// A copy of the header follows, with the directory's place.
    Footer { sectors: u64 },
    /// Nothing follows.
    EndOfStream,
}

impl Marker {
    /// Reads a marker from the first 16 bytes of its sector.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] for a type that does not exist, at the type's byte.
    pub(crate) fn parse(bytes: &[u8; 16], file: &SourceName, offset: u64) -> Result<Self, ReadError> {
        let value = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        let size = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
        if size != 0 {
            return Ok(Self::Grain { sector: value, size });
        }
        match u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes")) {
            0 => Ok(Self::EndOfStream),
            1 => Ok(Self::Table { sectors: value }),
            2 => Ok(Self::Directory { sectors: value }),
            3 => Ok(Self::Footer { sectors: value }),
            other => Err(file.damaged(offset + 12, format!("a marker of type {other}; there are 0 to 3"))),
        }
    }
}

/// The largest compressed form of a grain that is read: deflate makes data that cannot be compressed only a little larger.
pub(crate) const fn max_compressed(grain: u64) -> u64 {
    2 * grain
}

/// Checks a grain's marker against the grain that is wanted.
///
/// # Errors
///
/// [`ReadError::Damaged`] if the marker stands for another sector, or its size cannot be.
pub(crate) fn check_size(size: u32, grain: u64, file: &SourceName, offset: u64) -> Result<usize, ReadError> {
    if u64::from(size) > max_compressed(grain) {
        return Err(file.damaged(
            offset + 8,
            format!("a grain of {grain} bytes is to have {size} bytes when compressed"),
        ));
    }
    Ok(size as usize)
}

/// Returns the bytes that a grain takes in the file, marker and padding included.
pub(crate) const fn stored_grain(size: usize) -> u64 {
    ((GRAIN_MARKER_BYTES + size) as u64).next_multiple_of(SECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_told_apart() {
        let parse = |value: u64, size: u32, kind: u32| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&value.to_le_bytes());
            bytes[8..12].copy_from_slice(&size.to_le_bytes());
            bytes[12..].copy_from_slice(&kind.to_le_bytes());
            Marker::parse(&bytes, &SourceName::new("x"), 512)
        };
        // A grain's marker has data where the others have their type.
        assert_eq!(parse(128, 40, 0x789c).unwrap(), Marker::Grain { sector: 128, size: 40 });
        assert_eq!(parse(4, 0, 1).unwrap(), Marker::Table { sectors: 4 });
        assert_eq!(parse(1, 0, 2).unwrap(), Marker::Directory { sectors: 1 });
        assert_eq!(parse(1, 0, 3).unwrap(), Marker::Footer { sectors: 1 });
        assert_eq!(parse(0, 0, 0).unwrap(), Marker::EndOfStream);
        assert_eq!(parse(0, 0, 4).unwrap_err().offset(), 524);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let file = SourceName::new("x");
        assert_eq!(check_size(131_072, 65536, &file, 0).unwrap(), 131_072);
        assert_eq!(check_size(131_073, 65536, &file, 512).unwrap_err().offset(), 520);
        assert_eq!((stored_grain(500), stored_grain(501)), (512, 1024));
    }
}
