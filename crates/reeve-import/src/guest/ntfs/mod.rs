//! NTFS, by the crate `ntfs`, which only reads: boot sector, records of files, attributes and their runs.
//!
//! Two things are read here without it. Folders ([`folder`]), because the crate panics on an entry without a length and follows nodes that
//! lead in a circle; and what a file holds ([`stream`]), because the crate begins a file whose runs are in several records with the wrong one
//! when the first of them is in its own record, as `ntfs-3g` writes it.
//!
//! The crate may panic on other damage too, such as an attribute that ends within its head. So calls into it are caught ([`calm`]), records larger than
//! NTFS has are refused before it makes room for them, and all that is read in one task counts against a bound.

mod folder;
mod stream;

use std::cell::{RefCell, RefMut};
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ntfs::structured_values::NtfsVolumeFlags;
use ntfs::{KnownNtfsFileRecordNumber, Ntfs, NtfsAttributeType, NtfsError};

use self::folder::visit;
use self::stream::Stream;
use super::registry::HiveBytes;
use super::window::Window;

/// The largest record of a file or a folder; Windows makes them of 1 KiB and 4 KiB.
const MAX_RECORD: u32 = 64 << 10;

/// The most that is read to find a file, or to list a folder.
const FOLDER_BYTES: u64 = 32 << 20;

/// The most that is read of one file, counted once more for every time that it is read.
const FILE_BYTES: u64 = 128 << 20;

/// The most names of a folder; the drivers' store of Windows has less than 4000.
const MAX_NAMES: usize = 16_384;

/// What a reading costs at least.
const READING: u64 = 64;

/// Why something of an NTFS was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NtfsFailure {
    /// The crate says why.
    #[error("{0}")]
    Read(#[from] NtfsError),
    /// Its bytes could not be read, or were too many.
    #[error(transparent)]
    Bytes(#[from] io::Error),
    /// Its records are larger than those of any NTFS.
    #[error("its records have {0} bytes, which no NTFS has")]
    Record(u32),
    /// A file is kept in a way that is not read.
    #[error("{0} is {1}, and such files are not read")]
    Kept(String, &'static str),
    /// A part of it contradicts another, or the crate came upon something that it does not check.
    #[error("it is damaged")]
    Damaged,
}

/// Calls the crate, and makes of a panic in it an error. What the crate has in hand then is given up.
fn calm<T>(work: impl FnOnce() -> Result<T, NtfsFailure>) -> Result<T, NtfsFailure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(NtfsFailure::Damaged))
}

/// A part of a disk as the crate wants it, with a bound on what is read in one task.
struct Bounded {
    window: Window,
    at: u64,
    left: u64,
}

impl Bounded {
    /// Fills `buffer` with the bytes from `at` on.
    fn fill(&mut self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let cost = (buffer.len() as u64).max(READING);
        self.left = self
            .left
            .checked_sub(cost)
            .ok_or_else(|| io::Error::other("it leads to more than is read"))?;
        self.window.read_at(buffer, at).map_err(io::Error::other)
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill(buffer, self.at)?;
        self.at += buffer.len() as u64;
        Ok(buffer.len())
    }
}

impl Seek for Bounded {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let to = match place {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(_) => None,
        };
        self.at = to.ok_or_else(|| io::Error::other("it leads beyond its end"))?;
        Ok(self.at)
    }
}

/// The files of an NTFS.
pub(super) struct NtfsFiles {
    ntfs: Ntfs,
    bytes: RefCell<Bounded>,
}

impl NtfsFiles {
    /// Opens the file system in a part of a disk.
    ///
    /// # Errors
    ///
    /// [`NtfsFailure`] if it is damaged.
    pub(super) fn open(window: Window) -> Result<Self, NtfsFailure> {
        let mut bytes = Bounded {
            window,
            at: 0,
            left: FOLDER_BYTES,
        };
        // Of a boot sector that is cut the crate makes a panic.
        bytes.fill(&mut [0; 512], 0)?;
        let ntfs = calm(|| Ok(Ntfs::new(&mut bytes)?))?;
        if ntfs.file_record_size() > MAX_RECORD {
            return Err(NtfsFailure::Record(ntfs.file_record_size()));
        }
        Ok(Self {
            ntfs,
            bytes: RefCell::new(bytes),
        })
    }

    /// Tells whether the file system was not closed when it was written last.
    ///
    /// # Errors
    ///
    /// [`NtfsFailure`] if it is damaged.
    pub(super) fn is_dirty(&self) -> Result<bool, NtfsFailure> {
        let mut bytes = self.begin(FOLDER_BYTES);
        calm(|| {
            let information = self.ntfs.volume_info(&mut *bytes)?;
            Ok(information.flags().contains(NtfsVolumeFlags::IS_DIRTY))
        })
    }

    /// Returns the names in a folder, in no order; none if there is no such folder. A file may come with its short name too.
    ///
    /// # Errors
    ///
    /// [`NtfsFailure`] if it is damaged.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, NtfsFailure> {
        let mut names = Vec::new();
        if let Some(record) = self.record(folder)? {
            visit(&self.ntfs, &mut self.begin(FOLDER_BYTES), record, &mut |name, _| {
                names.push(name.to_owned());
                names.len() < MAX_NAMES
            })?;
        }
        Ok(names)
    }

    /// Hands a file to `work`, which reads of it what it wants; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// [`NtfsFailure`] if the file system is damaged, or the file is kept compressed or encrypted.
    pub(super) fn with_file<T>(
        &self,
        path: &str,
        work: impl FnOnce(&mut NtfsReader<'_>) -> T,
    ) -> Result<Option<T>, NtfsFailure> {
        let Some(record) = self.record(path)? else {
            return Ok(None);
        };
        let mut bytes = self.begin(FILE_BYTES);
        let stream = Stream::of(&self.ntfs, &mut bytes, record, NtfsAttributeType::Data, "")?;
        let Some(stream) = stream else {
            return Ok(None);
        };
        if let Some(how) = stream.kept {
            return Err(NtfsFailure::Kept(path.to_owned(), how));
        }
        Ok(Some(work(&mut NtfsReader {
            stream,
            bytes: &mut bytes,
        })))
    }

    /// Begins a task, which may read so much.
    fn begin(&self, most: u64) -> RefMut<'_, Bounded> {
        let mut bytes = self.bytes.borrow_mut();
        bytes.left = most;
        bytes
    }

    /// Returns the number of the record of a file or folder; names of ASCII, whatever their case, with `/` between them.
    fn record(&self, path: &str) -> Result<Option<u64>, NtfsFailure> {
        let mut at = KnownNtfsFileRecordNumber::RootDirectory as u64;
        for wanted in path.split('/') {
            let mut found = None;
            visit(&self.ntfs, &mut self.begin(FOLDER_BYTES), at, &mut |name, record| {
                if name.eq_ignore_ascii_case(wanted) {
                    found = Some(record);
                }
                found.is_none()
            })?;
            match found {
                Some(record) => at = record,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// A file of an NTFS, read in place.
pub(super) struct NtfsReader<'a> {
    stream: Stream,
    bytes: &'a mut Bounded,
}

impl HiveBytes for NtfsReader<'_> {
    fn size(&self) -> u64 {
        self.stream.length
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), String> {
        self.stream
            .read_at(self.bytes, buffer, offset)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let caught = calm::<()>(|| panic!("what the crate does not check"));
        assert!(matches!(caught, Err(NtfsFailure::Damaged)));
    }
}
