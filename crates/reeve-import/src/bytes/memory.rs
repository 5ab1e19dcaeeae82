//! Bytes in memory.

use crate::bytes::{ByteSource, check_range};
use crate::error::{ReadError, SourceName};

/// Bytes in memory: tables that were read from a stream, and tests.
pub struct MemorySource {
    name: SourceName,
    bytes: Vec<u8>,
}

impl MemorySource {
    /// Returns a source of these bytes.
    #[must_use]
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: SourceName::new(name),
            bytes,
        }
    }
}

impl ByteSource for MemorySource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range(self, offset, buffer.len())?;
        let start = usize::try_from(offset).expect("the range was checked against a slice");
        buffer.copy_from_slice(&self.bytes[start..start + buffer.len()]);
        Ok(())
    }
}
