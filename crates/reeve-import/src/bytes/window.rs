//! A part of a source: a member of an archive.

use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{ByteSource, check_range};
use crate::error::{ReadError, SourceName};

/// A part of another source, read in place. Offsets in errors count from the part's beginning.
#[derive(Clone)]
pub struct WindowSource {
    whole: Arc<dyn ByteSource>,
    name: SourceName,
    start: u64,
    length: u64,
}

impl WindowSource {
    /// Returns the part of `length` bytes from `start` on, under a name of its own.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] if the whole ends earlier.
    pub fn new(whole: Arc<dyn ByteSource>, part: &str, start: u64, length: u64) -> Result<Self, ReadError> {
        if start.checked_add(length).is_none_or(|end| end > whole.len()) {
            return Err(whole.name().damaged(
                start,
                format!(
                    "{part} is to have {length} bytes from here on, and the file ends at byte {}",
                    whole.len()
                ),
            ));
        }
        Ok(Self {
            name: whole.name().part(part),
            whole,
            start,
            length,
        })
    }

    /// Returns where in the whole the part begins.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }
}

impl ByteSource for WindowSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range(self, offset, buffer.len())?;
        self.whole.read_at(buffer, self.start + offset)
    }

    fn data_from(&self, offset: u64) -> Result<Option<Range<u64>>, ReadError> {
        if offset >= self.length {
            return Ok(None);
        }
        let found = self.whole.data_from(self.start + offset)?;
        Ok(found.and_then(|range| {
            let start = range.start - self.start;
            let end = (range.end - self.start).min(self.length);
            (start < end).then_some(start..end)
        }))
    }
}
