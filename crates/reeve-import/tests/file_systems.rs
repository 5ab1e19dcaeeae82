//! File systems of guests, read and compared file by file: disks that Linux and LVM made once (`guests/make.py`), and those that
//! mkfs.xfs, mke2fs and LVM make now. `cargo xtask test` installs what the latter need and runs them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod guests;

use std::process::Command;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use guests::{Sectors, kept};
use reeve_import::{DiskImage, GuestFiles, Initramfs, LinuxLook, look_into};

/// Letters with holes of the same length between them, as `make.py` writes them.
fn letters(count: usize) -> String {
    let parts = (0..count).map(|number| {
        let letter = char::from(b'a' + (number % 26) as u8).to_string();
        let hole = if number + 1 == count {
            String::new()
        } else {
            "\0".repeat(4096)
        };
        letter.repeat(4096) + &hole
    });
    parts.collect()
}

/// Compares a file system with what `make.py` puts into one.
fn assert_made(files: &dyn GuestFiles) {
    let release =
        "NAME=\"Rocky Linux\"\nPRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\nID=\"rocky\"\nVERSION_ID=\"9.4\"\n";
    for path in [
        "/usr/lib/os-release",
        "/etc/os-release",
        "/etc/absolute",
        "/lib/os-release",
        "//etc/./remote",
    ] {
        assert_eq!(files.read(path).as_deref(), Some(release), "{path}");
    }
    for path in ["/etc/round", "/etc/missing", "/etc", "", "/etc/fstab/.."] {
        assert_eq!(files.read(path), None, "{path}");
    }
    for (path, text) in [
        ("/etc/few", letters(5)),
        ("/etc/extents", letters(60)),
        ("/etc/unwritten", "\0".repeat(20_000)),
    ] {
        assert!(files.read(path).unwrap() == text, "{path}");
    }
    let fstab = files.read("/etc/fstab").unwrap();
    for count in [20, 200, 900] {
        let names: Vec<String> = (0..count)
            .map(|number| format!("a-name-of-a-file-{number:04}"))
            .collect();
        assert_eq!(files.list(&format!("/folder-{count}")), names);
        assert_eq!(
            files.read(&format!("/folder-{count}/{}", names[count - 1])),
            Some(fstab.clone())
        );
    }
    assert_eq!(files.list("/etc/missing"), Vec::<String>::new());
    assert_eq!(files.list("/lib"), ["dracut", "modules", "os-release"]);
}

fn seen(name: &str) -> (Option<LinuxLook>, Vec<String>) {
    let image = Sectors::parse(&kept(name)).image();
    look_into(&image, |_, files| LinuxLook::of(files))
}

#[test]
fn what_linux_wrote_is_read_as_linux_reads_it() {
    for (name, place) in [
        ("xfs-4", "the disk"),
        ("xfs-5", "the disk"),
        ("xfs-5-log", "the disk"),
        ("lvm-ext4", "logical volume vg-made/root in partition 5"),
    ] {
        let image = Sectors::parse(&kept(name)).image();
        let (found, remarks) = look_into(&image, |at, files| {
            assert_eq!(at, place);
            assert_made(files);
            Some(files.read("/etc/late"))
        });
        let late = (name == "xfs-5-log").then(|| "late\n".to_owned());
        assert_eq!((found, remarks), (Some(late), Vec::new()), "{name}");
        let look = seen(name).0.unwrap();
        assert_eq!(look.name.as_deref(), Some("Rocky Linux 9.4 (Blue Onyx)"), "{name}");
        assert_eq!(look.kernels, ["5.14.0-427.el9.x86_64"], "{name}");
        assert_eq!(
            look.drivers.into_iter().collect::<Vec<_>>(),
            ["virtio_blk", "vmxnet3"],
            "{name}"
        );
        assert_eq!(
            (look.initramfs, look.interfaces),
            (Initramfs::ThisHardware, vec!["ens192".to_owned()])
        );
        // LVM's names stay what they are.
        assert_eq!(look.mounts_by_name, Vec::<String>::new(), "{name}");
    }
}

/// Returns what is said of a disk after a change of its bytes, whose checksums are made to fit if that is wanted.
fn remarks_after(name: &str, fits: bool, change: impl FnOnce(&mut Sectors)) -> String {
    let mut disk = Sectors::parse(&kept(name));
    change(&mut disk);
    if fits {
        disk.repair();
    }
    let (found, remarks) = look_into(&disk.image(), |_, files| LinuxLook::of(files));
    assert_eq!(found, None);
    remarks.join("\n")
}

/// Where the physical volume of the kept disk begins, in sectors.
const PHYSICAL: u64 = 4096;

#[test]
fn what_cannot_be_read_is_said_with_its_reason() {
    let superblock = |at: usize, value: u8| move |disk: &mut Sectors| disk.sectors.get_mut(&0).unwrap()[at] = value;
    for (name, fits, at, value, said) in [
        (
            "xfs-5",
            false,
            110,
            1,
            "the disk cannot be looked into: it is damaged (sb_bad_crc)",
        ),
        (
            "xfs-5",
            true,
            216,
            1,
            "the disk cannot be looked into: it has features that are not known",
        ),
        (
            "xfs-5",
            true,
            101,
            0xb7,
            "the disk cannot be looked into: it has features that are not known",
        ),
        (
            "xfs-5",
            true,
            23,
            1,
            "the disk cannot be looked into: a part of its data is on a device of its own",
        ),
        (
            "xfs-5",
            true,
            219,
            0x1b,
            "the disk cannot be looked into: its log holds changes that cannot be applied here",
        ),
    ] {
        let remarks = remarks_after(name, fits, superblock(at, value));
        assert!(remarks.starts_with(said), "{at}: {remarks}");
    }
    // Only the first kilobytes are left: the log is not there.
    let cut = remarks_after("xfs-5", false, |disk| disk.size = 1 << 20);
    assert!(
        cut.starts_with("the disk cannot be looked into: it leads beyond its end"),
        "{cut}"
    );
    // The label; the header of the metadata; their text.
    for (sector, at, said) in [
        (
            PHYSICAL + 1,
            40,
            "partition 5, which has LVM, cannot be looked into: its label is damaged",
        ),
        (
            PHYSICAL + 8,
            40,
            "partition 5, which has LVM, cannot be looked into: its metadata are damaged",
        ),
    ] {
        let remarks = remarks_after("lvm-ext4", false, |disk| {
            disk.sectors.get_mut(&sector).unwrap()[at] ^= 1
        });
        assert_eq!(remarks, said);
    }
}

/// Returns the file systems of a disk by their places, and what could not be looked into.
fn shown<T>(image: &Arc<dyn DiskImage>, mut look: impl FnMut(&dyn GuestFiles) -> T) -> (Vec<(String, T)>, Vec<String>) {
    let mut all = Vec::new();
    let (_, remarks) = look_into(image, |place, files| {
        all.push((place.to_owned(), look(files)));
        None::<()>
    });
    (all, remarks)
}

fn run(program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    // mkfs.xfs makes small file systems only for tests.
    command.envs([("TEST_DIR", "/"), ("TEST_DEV", "/"), ("QA_CHECK_FS", "1")]);
    let output = command.args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a folder with files of many sizes, links, and folders of all forms.
fn populate(root: &Utf8Path) {
    for (number, size) in [0, 1, 100, 4095, 4096, 4097, 70_000, 1_000_000, 4 << 20]
        .into_iter()
        .enumerate()
    {
        let folder = root.join(format!("files/{number}/below"));
        std::fs::create_dir_all(&folder).unwrap();
        let text: String = (0..size)
            .map(|at| char::from(b' ' + ((at / 3 + number) % 90) as u8))
            .collect();
        std::fs::write(folder.join("file"), text).unwrap();
    }
    for count in [1, 30, 300, 1500] {
        let folder = root.join(format!("folders/{count}"));
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            std::fs::write(
                folder.join(format!("{number}-{}", "x".repeat(number % 40))),
                number.to_string(),
            )
            .unwrap();
        }
    }
    for (target, name) in [
        ("files/8", "folder-link"),
        ("/folder-link/below/../below/file", "absolute"),
        (&("folders/../".repeat(50) + "absolute"), "remote"),
    ] {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    }
}

/// Compares everything below a folder, and returns how many files that was.
fn assert_same(files: &dyn GuestFiles, root: &Utf8Path, below: &str) -> usize {
    let entries = root.join(below).read_dir_utf8().unwrap();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    entries.sort_by(|one, other| one.file_name().cmp(other.file_name()));
    let mut names = files.list(&format!("/{below}"));
    names.retain(|name| name != "lost+found");
    let wanted: Vec<&str> = entries.iter().map(|entry| entry.file_name()).collect();
    assert_eq!(names, wanted, "{below}");
    let mut count = 0;
    for entry in &entries {
        let path = Utf8Path::new(below).join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            count += assert_same(files, root, path.as_str());
        } else if entry.file_type().unwrap().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(files.read(&format!("/{path}")) == Some(text), "{path}");
            count += 1;
        }
    }
    count
}

/// Lists a folder as mkfs.xfs wants it.
fn listed(folder: &Utf8Path, lines: &mut Vec<String>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        if kind.is_symlink() {
            lines.push(format!("{name} l--777 0 0 {}", entry.path().read_link_utf8().unwrap()));
        } else if kind.is_dir() {
            lines.push(format!("{name} d--755 0 0"));
            listed(entry.path(), lines);
        } else {
            lines.push(format!("{name} ---644 0 0 {}", entry.path()));
        }
    }
    lines.push("$".to_owned());
}

/// Makes an XFS of some MiB with what is in a folder.
fn xfs(folder: &Utf8Path, root: &Utf8Path, size: u64, options: &[&str]) -> Vec<u8> {
    let mut lines = vec!["/none".to_owned(), "0 0".to_owned(), "d--755 0 0".to_owned()];
    listed(root, &mut lines);
    let (list, image) = (folder.join("list"), folder.join("image"));
    std::fs::write(&list, lines.join("\n") + "\n").unwrap();
    std::fs::File::create(&image).unwrap().set_len(size << 20).unwrap();
    run(
        "mkfs.xfs",
        &[&["-q", "-f"], options, &["-p", list.as_str(), image.as_str()]].concat(),
    );
    std::fs::read(image).unwrap()
}

fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, folder)
}

#[test]
#[ignore = "needs mkfs.xfs (Debian package xfsprogs)"]
fn what_mkfs_xfs_writes_is_read_file_by_file() {
    let (_dir, folder) = temporary();
    let root = folder.join("root");
    populate(&root);
    for options in [
        &[][..],
        &["-m", "crc=0"],
        &["-m", "crc=0", "-n", "ftype=0", "-i", "size=256"],
        &["-i", "nrext64=1"],
        &["-i", "size=2048", "-n", "size=16384"],
        &["-b", "size=1024", "-m", "rmapbt=1"],
        &["-s", "size=4096", "-d", "agcount=2", "-i", "sparse=0"],
    ] {
        let image = Sectors::of(&xfs(&folder, &root, 200, options)).image();
        let (all, remarks) = shown(&image, |files| {
            let longest = files.read("/files/8/below/file");
            assert_eq!(longest.as_ref().map(String::len), Some(4 << 20), "{options:?}");
            for link in ["/absolute", "/remote", "/folder-link/below/file"] {
                assert!(files.read(link) == longest, "{options:?}: {link}");
            }
            assert_same(files, &root, "")
        });
        assert_eq!(
            (all, remarks),
            (vec![("the disk".to_owned(), 9 + 1 + 30 + 300 + 1500)], Vec::new()),
            "{options:?}"
        );
    }
}

/// A file as a block device, as long as it lasts.
struct Loop(String);

impl Loop {
    fn of(file: &Utf8Path) -> Self {
        Self(run("losetup", &["--find", "--show", file.as_str()]).trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

/// Runs a command of LVM that sees these devices only, and does without the device mapper.
fn lvm(devices: &[Loop], words: &[&str]) -> String {
    let filter: Vec<String> = devices.iter().map(|device| format!("\"a|^{}$|\"", device.0)).collect();
    let config = format!(
        "devices {{ scan=[\"/dev\"] filter=[{},\"r|.*|\"] use_devicesfile=0 }} \
         activation {{ udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=0 }} backup {{ backup=0 archive=0 }}",
        filter.join(",")
    );
    run(
        words[0],
        &[&["--config", &config, "--driverloaded", "n"], &words[1..]].concat(),
    )
}

#[test]
#[ignore = "needs root, pvcreate (Debian package lvm2) and mkfs.xfs (xfsprogs)"]
fn logical_volumes_are_where_lvm_says_that_they_are() {
    let (_dir, folder) = temporary();
    let root = folder.join("root");
    populate(&root);
    let system = xfs(&folder, &root, 64, &[]);
    let disks = [folder.join("one"), folder.join("two")];
    for disk in &disks {
        std::fs::File::create(disk).unwrap().set_len(160 << 20).unwrap();
    }
    let devices: Vec<Loop> = disks.iter().map(|disk| Loop::of(disk)).collect();
    let [one, two] = [&devices[0].0, &devices[1].0];
    // The second disk's metadata are at its end, too.
    lvm(&devices, &["pvcreate", "-y", one]);
    lvm(&devices, &["pvcreate", "-y", "--metadatacopies", "2", two]);
    lvm(&devices, &["vgcreate", "-s", "4m", "vg-test", one, two]);
    let create = |words: &[&str]| lvm(&devices, &[&["lvcreate", "-an", "-Zn", "-Wn", "-y"], words].concat());
    create(&["-L", "8m", "-n", "gap", "vg-test", two]);
    create(&["-L", "16m", "-n", "root", "vg-test", two]);
    create(&["-L", "8m", "-n", "swap", "vg-test", two]);
    create(&["-i", "2", "-L", "16m", "-n", "stripes", "vg-test"]);
    lvm(&devices, &["lvremove", "-y", "vg-test/gap"]);
    lvm(&devices, &["lvextend", "-y", "-L", "64m", "vg-test/root", two]);
    lvm(&devices, &["lvextend", "-y", "-L", "16m", "vg-test/swap", one]);
    // Changes until the text of the metadata goes around the end of its ring.
    let is_around = || {
        let bytes = std::fs::read(&disks[1]).unwrap();
        let large = |at: usize| u64::from_le_bytes(bytes[4096 + at..][..8].try_into().unwrap());
        large(40) + large(48) > large(32)
    };
    for number in (0..400).take_while(|_| !is_around()) {
        let tag = format!("a-long-tag-of-a-volume-{number:04}-{}", "t".repeat(900));
        lvm(&devices, &["lvchange", "--addtag", &tag, "vg-test/root"]);
    }
    assert!(is_around());
    let start: u64 = lvm(
        &devices,
        &[
            "pvs",
            "--noheadings",
            "--units",
            "b",
            "--nosuffix",
            "-o",
            "pe_start",
            two,
        ],
    )
    .trim()
    .parse()
    .unwrap();
    let ranges = lvm(
        &devices,
        &[
            "lvs",
            "--noheadings",
            "--segments",
            "-o",
            "seg_pe_ranges",
            "vg-test/root",
        ],
    );
    drop(devices);
    let mut bytes = std::fs::read(&disks[1]).unwrap();
    let (mut done, mut pieces) = (0, 0);
    for range in ranges.split_whitespace() {
        let (first, last) = range.rsplit_once(':').unwrap().1.split_once('-').unwrap();
        let [first, last]: [u64; 2] = [first, last].map(|number| number.parse().unwrap());
        let (at, length) = (
            (start + first * (4 << 20)) as usize,
            ((last - first + 1) * (4 << 20)) as usize,
        );
        bytes[at..at + length].copy_from_slice(&system[done..done + length]);
        done += length;
        pieces += 1;
    }
    assert!(done == system.len() && pieces > 1, "{ranges}");
    let image = Sectors::of(&bytes).image();
    let (all, remarks) = shown(&image, |files| assert_same(files, &root, ""));
    assert_eq!(
        all,
        [(
            "logical volume vg-test/root in the disk".to_owned(),
            9 + 1 + 30 + 300 + 1500
        )]
    );
    assert_eq!(
        remarks,
        [
            "logical volume vg-test/swap in the disk cannot be looked into: a part of it is on another disk of its volume group",
            "logical volume vg-test/stripes in the disk cannot be looked into: it is striped",
        ]
    );
    // Where the first metadata are damaged, those at the end are taken.
    bytes[4096 + 40] ^= 1;
    let (all, _) = shown(&Sectors::of(&bytes).image(), |_| ());
    assert_eq!(all.len(), 1);
}
