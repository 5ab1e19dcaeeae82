//! ext2, ext3 and ext4, by the crate `ext4-view`.

use std::error::Error;

use ext4_view::{Ext4, Ext4Error, Ext4Read};

use super::files::{GuestFiles, MAX_FILE_BYTES, MAX_NAMES};
use super::window::Window;

impl Ext4Read for Window {
    fn read(&mut self, start_byte: u64, dst: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        Ok(self.read_at(dst, start_byte)?)
    }
}

/// The files of an ext2, ext3 or ext4.
pub(super) struct ExtFiles(Ext4);

impl ExtFiles {
    /// Opens the file system in a part of a disk.
    ///
    /// # Errors
    ///
    /// What `ext4-view` says of a file system that is damaged, or has features that it does not know.
    pub(super) fn open(window: Window) -> Result<Self, Ext4Error> {
        Ext4::load(Box::new(window)).map(Self)
    }
}

impl GuestFiles for ExtFiles {
    fn read(&self, path: &str) -> Option<String> {
        let metadata = self.0.metadata(path).ok()?;
        if metadata.is_dir() || metadata.len() > MAX_FILE_BYTES {
            return None;
        }
        Some(String::from_utf8_lossy(&self.0.read(path).ok()?).into_owned())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = self.0.read_dir(folder) else {
            return Vec::new();
        };
        let names = entries
            .take(MAX_NAMES)
            .filter_map(|entry| Some(entry.ok()?.file_name().as_str().ok()?.to_owned()));
        let mut names: Vec<String> = names.filter(|name| name != "." && name != "..").collect();
        names.sort();
        names
    }
}
