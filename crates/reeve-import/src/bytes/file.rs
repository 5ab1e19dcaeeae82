//! A file on this machine.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags, SeekFrom};

use crate::bytes::{ByteSource, check_range};
use crate::error::{ReadError, SourceName};

/// A regular file, open for reading.
pub struct FileSource {
    name: SourceName,
    file: File,
    length: u64,
}

impl FileSource {
    /// Opens the file that a person named; symbolic links are followed.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`] if it cannot be opened; [`ReadError::Refused`] if it is not a regular file.
    pub fn open(path: &Utf8Path) -> Result<Self, ReadError> {
        let name = SourceName::new(path.as_str());
        // Not waiting for a writer: a fifo opens at once and is refused below.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file =
            rustix::fs::open(path.as_std_path(), flags, Mode::empty()).map_err(|error| name.io(0, error.into()))?;
        Self::from_file(name, file.into())
    }

    /// Returns a source for a file that is open already.
    ///
    /// # Errors
    ///
    /// [`ReadError::Refused`] if it is not a regular file.
    pub(crate) fn from_file(name: SourceName, file: File) -> Result<Self, ReadError> {
        let metadata = file.metadata().map_err(|error| name.io(0, error))?;
        if !metadata.is_file() {
            return Err(name.refused(0, "not a regular file; name a file that holds the data itself"));
        }
        let length = metadata.len();
        Ok(Self { name, file, length })
    }
}

impl ByteSource for FileSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range(self, offset, buffer.len())?;
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| self.name.io(offset, error))
    }

    fn data_from(&self, offset: u64) -> Result<Option<Range<u64>>, ReadError> {
        if offset >= self.length {
            return Ok(None);
        }
        // The position is not used for reading, so threads may move it under each other.
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => return Ok(None),
            // A file system without the question: all of it is data.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => return Ok(Some(offset..self.length)),
            Err(error) => return Err(self.name.io(offset, error.into())),
        };
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start))
            .map_err(|error| self.name.io(start, error.into()))?
            .min(self.length);
        Ok((start < end).then_some(start..end))
    }
}
