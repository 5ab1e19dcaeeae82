//! The search for a guest's root file system on a disk. File systems that are not looked into are recognised and said.

use std::sync::Arc;

use super::ext::ExtFiles;
use super::linux::LinuxLook;
use super::ntfs::NtfsFiles;
use super::system::GuestLook;
use super::window::Window;
use super::windows::{WindowsError, WindowsLook};
use crate::disk::DiskImage;
use crate::error::escaped;
use crate::partition::partitions;

/// The most partitions that are looked at.
const MAX_PARTITIONS: usize = 16;

/// Looks for the root file system of a Linux or the system drive of a Windows on a disk, and says what could not be looked into.
#[must_use]
pub fn look(image: &Arc<dyn DiskImage>) -> (Option<GuestLook>, Vec<String>) {
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
                        if let Some(found) = LinuxLook::of(&files) {
                            return (Some(GuestLook::Linux(found)), remarks);
                        }
                    }
                    Err(error) => remarks.push(format!(
                        "partition {} cannot be looked into: {}",
                        number + 1,
                        escaped(&error.to_string(), 200)
                    )),
                }
            }
            // Those that Windows starts from, and those of its recovery, are NTFS too; they are no system drive, and nothing is said of them.
            Some(Kind::Ntfs) => match windows(Window::new(Arc::clone(image), start, length)) {
                Ok(Some(found)) => return (Some(GuestLook::Windows(found)), remarks),
                Ok(None) => {}
                Err(error) => remarks.push(format!(
                    "partition {} has NTFS, which cannot be looked into: {}",
                    number + 1,
                    escaped(&error.to_string(), 200)
                )),
            },
            Some(Kind::BitLocker) => remarks.push(format!(
                "partition {} is encrypted by BitLocker and cannot be looked into: decrypt it before the export (`manage-bde -off`), or have its recovery key at hand, because a key that the machine's TPM keeps does not travel",
                number + 1
            )),
            Some(Kind::Other(name)) => remarks.push(format!(
                "partition {} has {name}, which is not looked into: whether the guest has the drivers that it needs is not known",
                number + 1
            )),
            None => {}
        }
    }
    (None, remarks)
}

fn windows(window: Window) -> Result<Option<WindowsLook>, WindowsError> {
    WindowsLook::of(&NtfsFiles::open(window)?)
}

enum Kind {
    Ext,
    Ntfs,
    BitLocker,
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
    if has(3, b"NTFS    ") {
        return Some(Kind::Ntfs);
    }
    // Source: libbde: "BitLocker Drive Encryption (BDE) format", volume header.
    if has(3, b"-FVE-FS-") {
        return Some(Kind::BitLocker);
    }
    let others: [(usize, &[u8], &'static str); 5] = [
        (0, b"XFSB", "XFS"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        (536, b"LVM2 001", "LVM"),
        (0, b"LUKS\xba\xbe", "an encrypted volume"),
        (4096, &[0xfc, 0x4e, 0x2b, 0xa9], "software RAID"),
    ];
    let found = others.into_iter().find(|(at, magic, _)| has(*at, magic));
    found.map(|(_, _, name)| Kind::Other(name))
}
