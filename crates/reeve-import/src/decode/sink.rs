//! Where decoded bytes go.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;

/// Takes decoded bytes at their place on the disk, from several threads at once. What is never written is zeros.
pub trait DiskSink: Sync {
    /// Writes bytes at `offset`; never twice to one place, and never beyond the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// A raw file of the disk's size with holes where nothing is written.
pub struct RawFile(File);

impl RawFile {
    /// Creates the file; one that exists is an error, because it may be the only copy of something.
    ///
    /// # Errors
    ///
    /// What the system says, `AlreadyExists` in particular.
    pub fn create(path: &Utf8Path, size: u64) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).open(path)?;
        file.set_len(size)?;
        Ok(Self(file))
    }
}

impl DiskSink for RawFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
}

/// Drops the bytes: for a digest without a copy.
pub struct NoSink;

impl DiskSink for NoSink {
    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Ok(())
    }
}
