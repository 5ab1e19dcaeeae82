//! XFS of versions 4 and 5, by the crate `lamxfs`.
//!
//! It reads from a trait, is as small as `ext4-view` and needs only what that needs too, has no unsafe code, is fuzzed by its
//! authors, and does what reading alone would not: changes that are still in the log of a version 5 are applied in memory, so that
//! a guest that was not shut down reads as it would after its next start. `xfs-fuse` 0.7.1 is a program, not a library;
//! `xfs-core` 0.1.6 wants the whole disk in memory.
//!
//! It does not follow symbolic links, and bounds its work for a boot loader, not for disks that are made to harm: both are done here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use lamxfs::{BlockRead, Error, Inode, Path, SuperblockReason, Xfs};

use super::files::{GuestFiles, MAX_FILE_BYTES, MAX_NAMES};
use super::window::{Window, WindowError};

/// The most bytes that are handed out while a file system is opened: its log is read then, of which at most 128 MiB are in use.
const OPENING_BYTES: u64 = 512 << 20;

/// The most bytes that are handed out for one question.
const QUESTION_BYTES: u64 = 64 << 20;

/// What a read counts as at least.
const LEAST_BYTES: u64 = 512;

/// The most symbolic links on the way to a file. Source: the kernel's `MAXSYMLINKS`.
const MAX_LINKS: usize = 40;

/// The longest target of a symbolic link. Source: `XFS_SYMLINK_MAXLEN`.
const MAX_TARGET: u64 = 1024;

/// Why an XFS cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub(super) enum XfsError {
    /// The log has changes without which the rest may contradict itself; of version 4 none are replayed.
    #[error(
        "its log holds changes that cannot be applied here, or it needs a repair: start the guest once more and shut it down"
    )]
    Log,
    /// It is on other disks, too.
    #[error("{0} is on a device of its own")]
    Elsewhere(&'static str),
    /// It is newer, or older, than what is known.
    #[error("it has features that are not known")]
    Features,
    /// The disk was not read.
    #[error("{0}")]
    Read(String),
    /// Something of it is not as it has to be.
    #[error("it is damaged ({0})")]
    Damaged(&'static str),
}

/// What may still be handed out for a question, and why it was not.
struct Meter {
    left: u64,
    /// When the crate went to work.
    since: Instant,
    failed: Option<String>,
}

/// What the crate reads from.
struct Metered {
    window: Window,
    meter: Rc<RefCell<Meter>>,
}

impl BlockRead for Metered {
    type Error = ();

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ()> {
        let mut meter = self.meter.borrow_mut();
        let count = LEAST_BYTES.max(buffer.len() as u64);
        let is_allowed = self.window.allowance().work(meter.since.elapsed()).is_some();
        let left = meter.left.checked_sub(count).filter(|_| is_allowed);
        meter.left = left.unwrap_or(0);
        let read = match left {
            Some(_) => self.window.read_at(buffer, offset),
            None => Err(WindowError::Beyond),
        };
        meter.since = Instant::now();
        read.map_err(|error| meter.failed = Some(error.to_string()))
    }
}

/// The files of an XFS.
pub(super) struct XfsFiles {
    xfs: RefCell<Xfs<Metered>>,
    meter: Rc<RefCell<Meter>>,
}

impl XfsFiles {
    /// Opens the file system in a part of a disk.
    ///
    /// # Errors
    ///
    /// [`XfsError`] if it is damaged, or cannot be read by itself.
    pub(super) fn open(window: Window) -> Result<Self, XfsError> {
        let meter = Rc::new(RefCell::new(Meter {
            left: OPENING_BYTES,
            since: Instant::now(),
            failed: None,
        }));
        let size = window.len();
        let reader = Metered {
            window,
            meter: Rc::clone(&meter),
        };
        match Xfs::open(reader, size) {
            Ok(xfs) => Ok(Self {
                xfs: RefCell::new(xfs),
                meter,
            }),
            Err(error) => Err(told(&error, meter.borrow_mut().failed.take())),
        }
    }

    /// Asks the crate; `None` if it cannot answer.
    fn ask<T>(&self, question: impl FnOnce(&mut Xfs<Metered>) -> Result<T, Error>) -> Option<T> {
        let mut meter = self.meter.borrow_mut();
        meter.left = QUESTION_BYTES;
        meter.since = Instant::now();
        drop(meter);
        question(&mut self.xfs.borrow_mut()).ok()
    }

    /// Returns the file or folder that a path leads to, and its path without symbolic links.
    fn find(&self, path: &str) -> Option<(Inode, Vec<u8>)> {
        let parts = |path: &[u8]| -> Vec<Vec<u8>> {
            let parts = path.split(|byte| *byte == b'/');
            let parts = parts.filter(|part| !part.is_empty() && *part != b".");
            parts.map(<[u8]>::to_vec).collect()
        };
        let joined = |parts: &[Vec<u8>]| [b"/".to_vec(), parts.join(&b'/')].concat();
        let mut ahead = VecDeque::from(parts(path.as_bytes()));
        let mut behind: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        // Ends: each turn takes a part, and a link, of which there are not many, adds at most what its target has.
        while let Some(part) = ahead.pop_front() {
            if part == b".." {
                behind.pop();
                continue;
            }
            behind.push(part);
            let here = joined(&behind);
            let inode = self.ask(|xfs| xfs.resolve(Path::new(&here)))?;
            let found = self.ask(|xfs| xfs.metadata(&inode))?;
            if !found.is_symlink() {
                continue;
            }
            links += 1;
            if links > MAX_LINKS || found.size() > MAX_TARGET {
                return None;
            }
            let target = self.ask(|xfs| xfs.read_link(Path::new(&here)))?;
            behind.pop();
            if target.first() == Some(&b'/') {
                behind.clear();
            }
            for part in parts(&target).into_iter().rev() {
                ahead.push_front(part);
            }
        }
        let path = joined(&behind);
        let inode = self.ask(|xfs| xfs.resolve(Path::new(&path)))?;
        Some((inode, path))
    }
}

impl GuestFiles for XfsFiles {
    fn read(&self, path: &str) -> Option<String> {
        let (inode, _) = self.find(path)?;
        let found = self.ask(|xfs| xfs.metadata(&inode))?;
        if !found.is_file() || found.size() > MAX_FILE_BYTES {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(found.size()).expect("a few MiB")];
        let count = self.ask(|xfs| xfs.read_file_at(&inode, 0, &mut bytes))?;
        bytes.truncate(count);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let entries = self
            .find(folder)
            .and_then(|(_, path)| self.ask(|xfs| xfs.read_dir(Path::new(&path))));
        let names = entries.unwrap_or_default().into_iter().take(MAX_NAMES);
        let mut names: Vec<String> = names.filter_map(|entry| String::from_utf8(entry.name).ok()).collect();
        names.sort();
        names
    }
}

/// Returns what the crate means; `failed` is why the disk was not read last.
fn told(error: &Error, failed: Option<String>) -> XfsError {
    match error {
        Error::BadSuperblock(SuperblockReason::DirtyLog) => XfsError::Log,
        Error::BadSuperblock(SuperblockReason::ExternalLog) => XfsError::Elsewhere("its log"),
        Error::BadSuperblock(SuperblockReason::RealtimeDevice) => XfsError::Elsewhere("a part of its data"),
        Error::BadSuperblock(SuperblockReason::UnsupportedVersion) | Error::UnsupportedFeature(_) => XfsError::Features,
        Error::Io { token, .. } => failed.map_or(XfsError::Damaged(token), XfsError::Read),
        other => XfsError::Damaged(other.token()),
    }
}
