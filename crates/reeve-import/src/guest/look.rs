//! The search for a guest's root file system on a disk. File systems that are not looked into are recognised and said.

use std::fmt::Display;
use std::sync::Arc;

use super::ext::ExtFiles;
use super::files::GuestFiles;
use super::linux::LinuxLook;
use super::lvm;
use super::ntfs::NtfsFiles;
use super::system::GuestLook;
use super::window::{Allowance, Run, Window};
use super::windows::{WindowsError, WindowsLook};
use super::xfs::XfsFiles;
use crate::disk::DiskImage;
use crate::error::escaped;
use crate::partition::partitions;

/// The most partitions that are looked at.
const MAX_PARTITIONS: usize = 64;

/// The longest name of a volume group or a logical volume that is told.
const NAME_CHARACTERS: usize = 60;

/// Looks for the root file system of a Linux or the system drive of a Windows on a disk, and says what could not be looked into.
#[must_use]
pub fn look(image: &Arc<dyn DiskImage>) -> (Option<GuestLook>, Vec<String>) {
    search(
        image,
        |_, files| LinuxLook::of(files).map(GuestLook::Linux),
        |windows| Some(GuestLook::Windows(windows)),
    )
}

/// Goes through the file systems of Linux on a disk until one of them has what is looked for, and says what could not be looked into.
///
/// Each is shown with what people call its place: `partition 2`, `logical volume vg/root in partition 3`.
pub fn look_into<T>(
    image: &Arc<dyn DiskImage>,
    look: impl FnMut(&str, &dyn GuestFiles) -> Option<T>,
) -> (Option<T>, Vec<String>) {
    search(image, look, |_| None)
}

fn search<T>(
    image: &Arc<dyn DiskImage>,
    linux: impl FnMut(&str, &dyn GuestFiles) -> Option<T>,
    windows: impl FnMut(WindowsLook) -> Option<T>,
) -> (Option<T>, Vec<String>) {
    let mut search = Search {
        image,
        linux,
        windows,
        allowance: Allowance::new(),
        remarks: Vec::new(),
    };
    let places = partitions(image.as_ref()).unwrap_or_default();
    let places = places.into_iter().take(MAX_PARTITIONS);
    let mut places: Vec<Place> = places
        .map(|found| Place {
            name: format!("partition {}", found.number),
            runs: vec![Run {
                start: found.start,
                length: found.length,
            }],
        })
        .collect();
    if places.is_empty() {
        places.push(Place {
            name: "the disk".to_owned(),
            runs: vec![Run {
                start: 0,
                length: image.virtual_size(),
            }],
        });
    }
    let found = places.iter().find_map(|place| search.place(place));
    (found, search.remarks)
}

/// A part of a disk in which a file system may be.
struct Place {
    /// What people call it.
    name: String,
    runs: Vec<Run>,
}

struct Search<'a, L, W> {
    image: &'a Arc<dyn DiskImage>,
    /// What is looked for in a file system of Linux.
    linux: L,
    /// What becomes of a Windows.
    windows: W,
    allowance: Arc<Allowance>,
    remarks: Vec<String>,
}

impl<T, L, W> Search<'_, L, W>
where
    L: FnMut(&str, &dyn GuestFiles) -> Option<T>,
    W: FnMut(WindowsLook) -> Option<T>,
{
    /// Looks at a partition, or at the whole disk.
    fn place(&mut self, place: &Place) -> Option<T> {
        let mut window = self.window(place);
        if !matches!(kind(&mut window), Some(Kind::Lvm)) {
            return self.file_system(place, window);
        }
        match lvm::group(&mut window) {
            Ok(group) => group
                .volumes
                .iter()
                .find_map(|volume| self.volume(place, &group.name, volume)),
            Err(error) => {
                self.failed(&format!("{}, which has LVM,", place.name), &error);
                None
            }
        }
    }

    /// Looks at a logical volume on a physical volume that is in one piece.
    fn volume(&mut self, on: &Place, group: &str, volume: &lvm::Volume) -> Option<T> {
        let [group, name] = [group, &volume.name].map(|name| escaped(name, NAME_CHARACTERS));
        let name = format!("logical volume {group}/{name} in {}", on.name);
        match &volume.runs {
            Ok(runs) => {
                let from = on.runs.first().map_or(0, |run| run.start);
                let on_disk = |run: &Run| Run {
                    start: from + run.start,
                    length: run.length,
                };
                let runs = runs.iter().map(on_disk).collect();
                let place = Place { name, runs };
                let window = self.window(&place);
                self.file_system(&place, window)
            }
            Err(why) => {
                self.failed(&name, why);
                None
            }
        }
    }

    fn file_system(&mut self, place: &Place, mut window: Window) -> Option<T> {
        let opened: Result<Box<dyn GuestFiles>, String> = match kind(&mut window)? {
            Kind::Ext => ExtFiles::open(window)
                .map(|files| Box::new(files) as _)
                .map_err(|error| error.to_string()),
            Kind::Xfs => XfsFiles::open(window)
                .map(|files| Box::new(files) as _)
                .map_err(|error| error.to_string()),
            Kind::Lvm => return self.other(place, "LVM within LVM"),
            Kind::Ntfs => return self.ntfs(place, window),
            Kind::BitLocker => {
                self.remarks.push(format!(
                    "{} is encrypted by BitLocker and cannot be looked into: decrypt it before the export (`manage-bde -off`), or have its recovery key at hand, because a key that the machine's TPM keeps does not travel",
                    place.name
                ));
                return None;
            }
            Kind::Other(name) => return self.other(place, name),
        };
        match opened {
            Ok(files) => (self.linux)(&place.name, files.as_ref()),
            Err(error) => {
                self.failed(&place.name, &error);
                None
            }
        }
    }

    /// Those that Windows starts from, and those of its recovery, are NTFS too; they are no system drive, and nothing is said of them.
    fn ntfs(&mut self, place: &Place, window: Window) -> Option<T> {
        match windows(window) {
            Ok(found) => found.and_then(&mut self.windows),
            Err(error) => {
                self.failed(&format!("{}, which has NTFS,", place.name), &error);
                None
            }
        }
    }

    fn window(&self, place: &Place) -> Window {
        Window::new(Arc::clone(self.image), place.runs.iter().copied(), &self.allowance)
    }

    fn failed(&mut self, name: &str, why: &dyn Display) {
        let why = escaped(&why.to_string(), 200);
        self.remarks.push(format!("{name} cannot be looked into: {why}"));
    }

    fn other(&mut self, place: &Place, what: &str) -> Option<T> {
        self.remarks.push(format!(
            "{} has {what}, which is not looked into: whether the guest has the drivers that it needs is not known",
            place.name
        ));
        None
    }
}

fn windows(window: Window) -> Result<Option<WindowsLook>, WindowsError> {
    WindowsLook::of(&NtfsFiles::open(window)?)
}

enum Kind {
    Ext,
    Xfs,
    Lvm,
    Ntfs,
    BitLocker,
    Other(&'static str),
}

/// Tells what is in a partition by its first bytes. Source: file(1)'s `filesystems`; the kernel's `fs/*/` and `drivers/md/` headers; for LVM, `lib/label/label.h`.
fn kind(window: &mut Window) -> Option<Kind> {
    let size = usize::try_from(window.len().min(70 << 10)).expect("at most 70 KiB");
    let mut head = vec![0; size];
    window.read_at(&mut head, 0).ok()?;
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    // What makes a file system removes the label; what makes a label may leave a file system's magic.
    if (0..4).any(|sector| has(512 * sector, b"LABELONE") && has(512 * sector + 24, b"LVM2 001")) {
        return Some(Kind::Lvm);
    }
    if has(1080, &[0x53, 0xef]) {
        return Some(Kind::Ext);
    }
    if has(0, b"XFSB") {
        return Some(Kind::Xfs);
    }
    if has(3, b"NTFS    ") {
        return Some(Kind::Ntfs);
    }
    // Source: libbde: "BitLocker Drive Encryption (BDE) format", volume header.
    if has(3, b"-FVE-FS-") {
        return Some(Kind::BitLocker);
    }
    let others: [(usize, &[u8], &'static str); 4] = [
        (0x10040, b"_BHRfS_M", "btrfs"),
        (0, b"LUKS\xba\xbe", "an encrypted volume"),
        (0, &[0xfc, 0x4e, 0x2b, 0xa9], "software RAID"),
        (4096, &[0xfc, 0x4e, 0x2b, 0xa9], "software RAID"),
    ];
    let found = others.into_iter().find(|(at, magic, _)| has(*at, magic));
    found.map(|(_, _, name)| Kind::Other(name))
}
