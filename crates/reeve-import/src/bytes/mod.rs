//! Bytes that can be read at any place: a file, a part of a file, several in a row, memory.

mod concat;
mod file;
mod memory;
mod window;

use std::ops::Range;

pub use concat::ConcatSource;
pub use file::FileSource;
pub use memory::MemorySource;
pub use window::WindowSource;

use crate::error::{ReadError, SourceName};

/// Bytes of a known number that can be read at any place, by several threads at once.
pub trait ByteSource: Send + Sync {
    /// Returns the name for errors.
    fn name(&self) -> &SourceName;

    /// Returns the number of bytes.
    fn len(&self) -> u64;

    /// Tells whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] if the source ends before the buffer is full; [`ReadError::Io`] if the system refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError>;

    /// Returns the first range at or after `offset` that may hold something other than zeros, or `None` if there is none.
    ///
    /// A source that does not know its holes answers with everything up to its end. The range is never empty.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`] if the system refuses.
    fn data_from(&self, offset: u64) -> Result<Option<Range<u64>>, ReadError> {
        Ok((offset < self.len()).then(|| offset..self.len()))
    }
}

/// Returns `length` bytes from `offset` on.
///
/// # Errors
///
/// As [`ByteSource::read_at`]. The caller has bounded `length`; the source's end bounds it too, before anything is allocated.
pub(crate) fn read_vec(source: &dyn ByteSource, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
    check_range(source, offset, length)?;
    let mut bytes = vec![0; length];
    source.read_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// Returns a whole source that must not be larger than `limit`.
///
/// # Errors
///
/// [`ReadError::TooLarge`] if it is; otherwise as [`ByteSource::read_at`].
pub(crate) fn read_whole(source: &dyn ByteSource, what: &'static str, limit: u64) -> Result<Vec<u8>, ReadError> {
    if source.len() > limit {
        return Err(source.name().too_large(0, what, source.len(), limit));
    }
    let length = usize::try_from(source.len()).expect("the limits are far below the address space");
    read_vec(source, 0, length)
}

/// Checks that a source has `length` bytes from `offset` on.
pub(crate) fn check_range(source: &dyn ByteSource, offset: u64, length: usize) -> Result<(), ReadError> {
    let end = offset.checked_add(length as u64);
    if end.is_none_or(|end| end > source.len()) {
        return Err(source.name().damaged(
            offset,
            format!(
                "{length} bytes are to be here, and the file ends at byte {}",
                source.len()
            ),
        ));
    }
    Ok(())
}

/// Tells whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    // Blocks of 512 bytes: most data shows itself in the first, and the compiler compares a block with wide registers.
    words
        .chunks(64)
        .all(|block| block.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) == 0)
        && rest.iter().all(|byte| *byte == 0)
}
