//! The files of a guest, read from its disk: ext2, ext3 and ext4 in a partition or on the whole disk. Others are recognised and said.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use ext4_view::{Ext4, Ext4Read};

use super::judge::GuestLook;
use crate::disk::DiskImage;
use crate::error::escaped;
use crate::partition::partitions;

/// The largest file that is read; `modules.dep` of a distribution's kernel has less than 1 MiB.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The most names of a folder.
const MAX_NAMES: usize = 4096;

/// The most bytes that are read from one file system: a journal that was not closed is read too.
const MAX_BYTES: u64 = 512 << 20;

/// The piece of a disk that is read at once.
const PIECE: u64 = 64 << 10;

/// How many pieces are kept.
const PIECES: usize = 64;

/// The most partitions that are looked at.
const MAX_PARTITIONS: usize = 16;

/// Files of a guest.
pub trait GuestFiles {
    /// Returns a text file; `None` if there is none, or it is larger than what is read.
    fn read(&self, path: &str) -> Option<String>;

    /// Returns the names in a folder, sorted; none if there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;
}

/// Looks for the root file system of a Linux guest on a disk, and says what could not be looked into.
pub(crate) fn look(image: &Arc<dyn DiskImage>) -> (Option<GuestLook>, Vec<String>) {
    let mut remarks = Vec::new();
    let mut places = partitions(image.as_ref()).unwrap_or_default();
    if places.is_empty() {
        places.push((0, image.virtual_size()));
    }
    for (number, (start, length)) in places.into_iter().take(MAX_PARTITIONS).enumerate() {
        match kind(image.as_ref(), start, length) {
            Some(Kind::Ext) => {
                let reader = Window::new(Arc::clone(image), start, length);
                match Ext4::load(Box::new(reader)) {
                    Ok(files) => {
                        if let Some(found) = GuestLook::of(&ExtFiles(files)) {
                            return (Some(found), remarks);
                        }
                    }
                    Err(error) => remarks.push(format!(
                        "partition {} cannot be looked into: {}",
                        number + 1,
                        escaped(&error.to_string(), 200)
                    )),
                }
            }
            Some(Kind::Other(name)) => remarks.push(format!(
                "partition {} has {name}, which is not looked into: whether the guest has the drivers that it needs is not known",
                number + 1
            )),
            None => {}
        }
    }
    (None, remarks)
}

enum Kind {
    Ext,
    Other(&'static str),
}

/// Tells what is in a partition by its first bytes. Source: file(1)'s `filesystems`; the kernel's `fs/*/` and `drivers/md/` headers.
fn kind(image: &dyn DiskImage, start: u64, length: u64) -> Option<Kind> {
    let size = usize::try_from(length.min(70 << 10)).expect("at most 70 KiB");
    let mut head = vec![0; size];
    image.reader().read_at(&mut head, start).ok()?;
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    if has(1080, &[0x53, 0xef]) {
        return Some(Kind::Ext);
    }
    let others: [(usize, &[u8], &'static str); 6] = [
        (0, b"XFSB", "XFS"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        (536, b"LVM2 001", "LVM"),
        (3, b"NTFS    ", "NTFS"),
        (0, b"LUKS\xba\xbe", "an encrypted volume"),
        (4096, &[0xfc, 0x4e, 0x2b, 0xa9], "software RAID"),
    ];
    let found = others.into_iter().find(|(at, magic, _)| has(*at, magic));
    found.map(|(_, _, name)| Kind::Other(name))
}

/// A part of a disk, with what was read last.
struct Window {
    image: Arc<dyn DiskImage>,
    start: u64,
    length: u64,
    pieces: VecDeque<(u64, Vec<u8>)>,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("it leads beyond its end, or to more than is read")]
struct BeyondError;

impl Window {
    fn new(image: Arc<dyn DiskImage>, start: u64, length: u64) -> Self {
        Self {
            image,
            start,
            length,
            pieces: VecDeque::new(),
            left: MAX_BYTES,
        }
    }

    fn piece(&mut self, number: u64) -> Result<&[u8], Box<dyn Error + Send + Sync + 'static>> {
        if let Some(at) = self.pieces.iter().position(|(held, _)| *held == number) {
            return Ok(&self.pieces[at].1);
        }
        let from = number * PIECE;
        let size = PIECE.min(self.length - from);
        self.left = self.left.checked_sub(size).ok_or(BeyondError)?;
        let mut bytes = vec![0; usize::try_from(size).expect("at most a piece")];
        self.image.reader().read_at(&mut bytes, self.start + from)?;
        if self.pieces.len() == PIECES {
            self.pieces.pop_front();
        }
        self.pieces.push_back((number, bytes));
        Ok(&self.pieces[self.pieces.len() - 1].1)
    }
}

impl Ext4Read for Window {
    fn read(&mut self, start_byte: u64, dst: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        let end = start_byte.checked_add(dst.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(BeyondError.into());
        }
        let (mut at, mut done) = (start_byte, 0);
        while done < dst.len() {
            let within = usize::try_from(at % PIECE).expect("less than a piece");
            let piece = self.piece(at / PIECE)?;
            let count = (piece.len() - within).min(dst.len() - done);
            dst[done..done + count].copy_from_slice(&piece[within..within + count]);
            at += count as u64;
            done += count;
        }
        Ok(())
    }
}

/// The files of a file system.
struct ExtFiles(Ext4);

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
