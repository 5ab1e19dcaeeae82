//! What a guest's files are asked for, whatever their file system, and how far they are believed.

/// The largest file that is read; `modules.dep` of a distribution's kernel has less than 1 MiB.
pub(super) const MAX_FILE_BYTES: u64 = 4 << 20;

/// The most names of a folder.
pub(super) const MAX_NAMES: usize = 4096;

/// Files of a guest.
pub trait GuestFiles {
    /// Returns a text file; `None` if there is none, or it is larger than what is read.
    fn read(&self, path: &str) -> Option<String>;

    /// Returns the names in a folder, sorted; none if there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;
}
