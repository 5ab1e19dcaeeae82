//! The search for a guest's root file system on a disk. File systems that are not looked into are recognised and said.

use std::sync::Arc;

use super::ext::ExtFiles;
use super::judge::GuestLook;
use super::window::Window;
use crate::disk::DiskImage;
use crate::error::escaped;
use crate::partition::partitions;

/// The most partitions that are looked at.
const MAX_PARTITIONS: usize = 16;

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
                match ExtFiles::open(reader) {
                    Ok(files) => {
                        if let Some(found) = GuestLook::of(&files) {
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
