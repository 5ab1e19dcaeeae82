//! Windows guests: hives as they are written here and by hivex, and file systems of `mkntfs` and `ntfs-3g`.
//!
//! No Windows made any of this. `made/windows.vmdk` is what `windows_of_tools` makes; it is written anew with
//! `REEVE_WINDOWS_FIXTURE=FILE cargo test -p reeve-import --test windows -- --ignored anew`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]
#![expect(
    clippy::disallowed_methods,
    reason = "where the fixture is written anew is said from outside"
)]

mod made;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use made::hive::{Data, Lists, Node, software, sum, system};
use reeve_import::{Depth, DiskImage, GuestLook, WindowsLook, inspect, look, survey_source};

fn hives(system: &Node, software: &Node) -> WindowsLook {
    WindowsLook::of_hives(&system.hive(Lists::Lf), &software.hive(Lists::Lh)).unwrap()
}

fn seen(disk: &[u8]) -> (Option<GuestLook>, Vec<String>) {
    let image: Arc<dyn DiskImage> = Arc::new(made::flat(disk));
    look(&image)
}

fn windows(disk: &[u8]) -> WindowsLook {
    match seen(disk) {
        (Some(GuestLook::Windows(found)), _) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hive_says_the_same_whatever_its_lists() {
    let first = hives(&system(), &software());
    insta::assert_json_snapshot!(GuestLook::Windows(first.clone()));
    for lists in [Lists::Lf, Lists::Lh, Lists::Li, Lists::Ri] {
        let other = WindowsLook::of_hives(&system().hive(lists), &software().hive(lists)).unwrap();
        assert_eq!(other, first, "{lists:?}");
    }
}

#[test]
fn the_control_set_is_the_current_one() {
    let node = Node::new("ROOT")
        .set("Select", "Current", Data::Number(2))
        .set("ControlSet001\\Services\\viostor", "Start", Data::Number(0))
        .set("ControlSet002\\Services\\VIOSCSI", "start", Data::Number(3));
    let found = hives(&node, &software());
    assert_eq!(found.drivers.keys().collect::<Vec<_>>(), ["vioscsi"]);
    assert_eq!(found.drivers["vioscsi"].start, Some(3));
}

#[test]
fn names_and_versions_are_those_that_people_know() {
    let of = |values: &[(&'static str, Data)]| {
        let mut node = Node::new("ROOT");
        for (name, data) in values {
            node = node.set("Microsoft\\Windows NT\\CurrentVersion", name, data.clone());
        }
        let found = hives(&system(), &node);
        (found.name.unwrap(), found.version.unwrap())
    };
    let eleven = of(&[
        ("ProductName", Data::Text("Windows 10 Pro")),
        ("CurrentBuild", Data::Text("22631")),
        ("CurrentMajorVersionNumber", Data::Number(10)),
        ("CurrentMinorVersionNumber", Data::Number(0)),
    ]);
    assert_eq!(eleven, ("Windows 11 Pro".to_owned(), "10.0.22631".to_owned()));
    let seven = of(&[
        ("ProductName", Data::Text("Windows 7 Professional\u{202e}")),
        ("CurrentBuild", Data::Text("7601")),
        ("CurrentVersion", Data::Text("6.1")),
    ]);
    assert_eq!(
        seven,
        ("Windows 7 Professional\\u{202e}".to_owned(), "6.1.7601".to_owned())
    );
}

#[test]
fn a_hive_that_is_none_or_waits_for_its_log_is_told() {
    let (system, software) = (system().hive(Lists::Lf), software().hive(Lists::Lf));
    let fails = |bytes: &[u8]| WindowsLook::of_hives(bytes, &software).unwrap_err();
    assert_eq!(fails(b"regf"), "it is no hive of a registry");
    assert_eq!(fails(&[7; 8192]), "it is no hive of a registry");
    let mut changed = system.clone();
    changed[60] ^= 1;
    assert_eq!(fails(&changed), "the header's sum at byte 508 makes no sense");
    let mut short = system.clone();
    short.truncate(4096);
    assert_eq!(fails(&short), "the size at byte 40 makes no sense");
    let mut free = system.clone();
    let root = u32::from_le_bytes(free[36..40].try_into().unwrap()) as usize;
    free[4096 + root + 3] = 0;
    assert!(fails(&free).starts_with("a cell at byte"), "{}", fails(&free));
    let mut unwritten = system;
    unwritten[4] = 8;
    sum(&mut unwritten);
    let found = WindowsLook::of_hives(&unwritten, &software).unwrap();
    assert!(found.remarks("sata", None, None)[1].contains("not written back from its log"));
}

/// A list that leads to itself, and one whose keys are one key a thousand times.
#[test]
fn a_hive_that_leads_in_a_circle_comes_to_an_end() {
    let mut many = Node::new("ROOT").set("Select", "Current", Data::Number(1));
    for number in 0..1000 {
        many = many.key(&format!("ControlSet001\\Services\\s{number}"));
    }
    let mut hive = many.hive(Lists::Lf);
    // Every service is the one that has all services below it.
    let find = |hive: &[u8], name: &[u8]| hive.windows(name.len()).position(|found| found == name).unwrap();
    let services = (find(&hive, b"\x08\0\0\0Services") + 4 - 76 - 4 - 4096) as u32;
    let list = u32::from_le_bytes(hive[4096 + services as usize + 4 + 28..][..4].try_into().unwrap()) as usize;
    for entry in 0..1000 {
        let at = 4096 + list + 8 + 8 * entry;
        hive[at..at + 4].copy_from_slice(&services.to_le_bytes());
    }
    let software = software().hive(Lists::Lf);
    let found = WindowsLook::of_hives(&hive, &software).unwrap();
    assert!(found.drivers.is_empty());
    hive[4096 + list + 4..4096 + list + 6].copy_from_slice(b"ri");
    for entry in 0..2000 {
        let at = 4096 + list + 8 + 4 * entry;
        hive[at..at + 4].copy_from_slice(&(list as u32).to_le_bytes());
    }
    let error = WindowsLook::of_hives(&hive, &software).unwrap_err();
    assert!(error.starts_with("a list of keys at byte"), "{error}");
}

#[test]
fn a_windows_is_found_beside_the_other_partitions_of_its_disk() {
    let mut other = made::windows();
    // The same file system, without what makes it a system drive.
    let name: Vec<u8> = "SYSTEM".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let places: Vec<usize> = (0..other.len() - name.len())
        .filter(|at| other[*at..*at + name.len()] == name)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        other[at] = b'X';
    }
    let disk = made::partitioned(&[&other, &made::windows()]);
    insta::assert_json_snapshot!(GuestLook::Windows(windows(&disk)));
    assert_eq!(seen(&made::partitioned(&[&other])), (None, Vec::new()));
    // Without a table too, and through all that a plan and an inspection do.
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap().join("disk.vmdk");
    std::fs::write(&path, made::stream(&made::windows())).unwrap();
    let facts = survey_source(&path, Depth::Tables).unwrap().remove(0);
    let found = Some(GuestLook::Windows(windows(&disk)));
    assert_eq!((facts.guest, facts.unseen), (found.clone(), Vec::new()));
    assert_eq!(inspect(&path, Depth::Tables).unwrap().disks[0].guest, found);
}

#[test]
fn what_cannot_be_looked_into_is_said() {
    let mut locked = made::windows();
    locked[3..11].copy_from_slice(b"-FVE-FS-");
    let (found, unseen) = seen(&made::partitioned(&[&locked]));
    assert_eq!(found, None);
    assert!(
        unseen[0].starts_with("partition 1 is encrypted by BitLocker"),
        "{unseen:?}"
    );
    // A record of 16 MiB, for which no room is made.
    let mut large = made::windows();
    (large[13], large[64]) = (128, 127);
    let (found, unseen) = seen(&made::partitioned(&[&large]));
    assert_eq!(found, None);
    assert!(unseen[0].contains("which no NTFS has"), "{unseen:?}");
    let mut torn = made::windows();
    let mft = 4096 * usize::from(torn[48]);
    torn[mft..mft + 4].copy_from_slice(b"BAAD");
    let (found, unseen) = seen(&made::partitioned(&[&torn]));
    assert_eq!(found, None);
    assert!(
        unseen[0].starts_with("partition 1, which has NTFS, cannot be looked into:"),
        "{unseen:?}"
    );
}

/// Entries of folders without a length or beyond their node, and nodes that lead to themselves.
#[test]
fn a_damaged_folder_is_told_or_left_out() {
    let whole = made::windows();
    let name: Vec<u8> = "_amd64_".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let is_store = |node: &[u8]| node.windows(name.len()).any(|found| found == name);
    let nodes = (0..whole.len())
        .step_by(4096)
        .filter(|at| whole[*at..].starts_with(b"INDX"));
    let (store, root): (Vec<usize>, Vec<usize>) = nodes.partition(|at| is_store(&whole[*at..*at + 4096]));
    assert!(!store.is_empty() && !root.is_empty(), "{store:?} {root:?}");
    let damaged = |nodes: &[usize], change: fn(&mut [u8])| {
        let mut disk = whole.clone();
        for at in nodes {
            // Behind the head of a node, of 24 bytes, stands where its entries begin.
            let first = at + 24 + usize::from(disk[at + 24]);
            change(&mut disk[first..first + 16]);
        }
        seen(&disk)
    };
    let changes: [fn(&mut [u8]); 3] = [
        |entry| entry[8..10].fill(0),
        |entry| entry[8..10].fill(0xff),
        // As if it had a node below it, whose number is taken from its last bytes.
        |entry| entry[12] |= 1,
    ];
    // What is found before it is reached is found all the same.
    for change in &changes[..2] {
        let (found, unseen) = damaged(&root, *change);
        assert!(
            found.is_none() && unseen[0].ends_with("it is damaged"),
            "{found:?} {unseen:?}"
        );
    }
    for change in changes {
        let (found, unseen) = damaged(&store, change);
        let Some(GuestLook::Windows(found)) = found else {
            panic!("{unseen:?}");
        };
        assert_eq!((found.packages, found.drivers), (None, windows(&whole).drivers));
    }
}

// From here on: what needs the tools.

/// Runs a program and returns what it says.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} (packages ntfs-3g, libhivex-bin): {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An NTFS that is mounted; unmounted and written back when it is dropped.
struct Mounted(Utf8PathBuf, Child);

impl Mounted {
    fn new(image: &Utf8Path, options: &str) -> Self {
        let place = image.with_extension("mounted");
        std::fs::create_dir_all(&place).unwrap();
        let options = format!("no_detach,{options}");
        let mut child = Command::new("ntfs-3g")
            .args(["-o", &options, image.as_str(), place.as_str()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("ntfs-3g (package ntfs-3g): {error}"));
        let end = Instant::now() + Duration::from_secs(20);
        while !std::fs::read_to_string("/proc/mounts")
            .unwrap()
            .contains(place.as_str())
        {
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < end,
                "{place} is not mounted: {ended:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(place, child)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.0.as_str()).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{} is still mounted",
            self.0
        );
        // The unmounting returns before the last is written; its process ends after it.
        assert!(self.1.wait().is_ok_and(|status| status.success()), "ntfs-3g failed");
    }
}

/// Makes an NTFS and fills it.
fn ntfs(folder: &Utf8Path, mebibytes: u64, options: &str, fill: impl FnOnce(&Utf8Path)) -> (Utf8PathBuf, Vec<u8>) {
    let image = folder.join("ntfs.img");
    std::fs::File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
    let geometry = [
        "-F", "-Q", "-q", "-s", "512", "-p", "0", "-H", "16", "-S", "63", "-c", "4096",
    ];
    run("/usr/sbin/mkntfs", &[&geometry[..], &[image.as_str()]].concat());
    let mounted = Mounted::new(&image, options);
    fill(&mounted.0);
    drop(mounted);
    let bytes = std::fs::read(&image).unwrap();
    (image, bytes)
}

/// Writes what is looked at of a Windows.
fn fill(root: &Utf8Path, system: &[u8]) {
    let config = root.join("Windows/System32/config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("SYSTEM"), system).unwrap();
    std::fs::write(config.join("SOFTWARE"), software().hive(Lists::Lh)).unwrap();
    let store = root.join("Windows/System32/DriverStore/FileRepository");
    for number in 0..60 {
        std::fs::create_dir_all(store.join(format!("net{number:04}x64.inf_amd64_00112233aabbccdd"))).unwrap();
    }
    for name in ["net1ix64.inf", "nete1g3e.inf", "NetKVM.inf"] {
        std::fs::create_dir_all(store.join(format!("{name}_amd64_00112233aabbccdd"))).unwrap();
    }
}

fn windows_of_tools(folder: &Utf8Path) -> Vec<u8> {
    ntfs(folder, 3, "norecover", |root| fill(root, &system().hive(Lists::Lf))).1
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

#[test]
#[ignore = "needs ntfs-3g and /dev/fuse: cargo xtask test runs it"]
fn the_fixture_is_what_is_made_anew() {
    let (_dir, folder) = folder();
    let bytes = windows_of_tools(&folder);
    if let Ok(path) = std::env::var("REEVE_WINDOWS_FIXTURE") {
        std::fs::write(path, made::stream(&bytes)).unwrap();
        return;
    }
    assert_eq!(windows(&bytes), windows(&made::windows()));
}

#[test]
#[ignore = "needs ntfs-3g and /dev/fuse: cargo xtask test runs it"]
fn a_file_system_that_was_not_closed_is_told() {
    let (_dir, folder) = folder();
    let told = |disk: &[u8]| windows(disk).remarks("sata", None, None).join("\n");
    let (image, bytes) = ntfs(&folder, 3, "norecover", |root| fill(root, &system().hive(Lists::Lf)));
    assert!(!told(&bytes).contains("shut it down completely"), "{}", told(&bytes));
    // It marks the file system, so that Windows checks it.
    run("ntfsfix", &[image.as_str()]);
    let dirty = told(&std::fs::read(&image).unwrap());
    assert!(dirty.contains("the guest's system drive was not closed"), "{dirty}");
    for (head, is_told) in [(b"HIBR", true), (b"hibr", true), (b"wake", false), (b"RSTR", false)] {
        let (_, bytes) = ntfs(&folder, 3, "norecover", |root| {
            fill(root, &system().hive(Lists::Lf));
            let mut file = head.to_vec();
            file.resize(8192, 0);
            std::fs::write(root.join("hiberfil.sys"), file).unwrap();
        });
        assert_eq!(told(&bytes).contains("the guest is hibernated"), is_told, "{head:?}");
    }
}

#[test]
#[ignore = "needs ntfs-3g and /dev/fuse: cargo xtask test runs it"]
fn a_hive_in_many_pieces_is_read_and_one_that_is_compressed_is_told() {
    let (_dir, folder) = folder();
    // Large enough that its pieces do not fit into one record, and a list of records says where they are.
    let mut large = system();
    for number in 0..1500 {
        large = large.set(
            &format!("ControlSet001\\Control\\c{number:03}"),
            "b",
            Data::Bytes(vec![1; 8000]),
        );
    }
    let large = large.hive(Lists::Lf);
    let (image, bytes) = ntfs(&folder, 48, "norecover", |root| {
        let gaps = root.join("gaps");
        std::fs::create_dir(&gaps).unwrap();
        let mut count = 0_u32;
        while std::fs::write(gaps.join(count.to_string()), [1; 4096]).is_ok() {
            count += 1;
        }
        for number in (0..count).step_by(2) {
            std::fs::remove_file(gaps.join(number.to_string())).unwrap();
        }
        fill(root, &large);
    });
    let info = run(
        "ntfsinfo",
        &["-f", "-F", "Windows/System32/config/SYSTEM", image.as_str()],
    );
    assert!(
        info.contains("$ATTRIBUTE_LIST"),
        "the hive is in too few pieces: {info}"
    );
    let found = windows(&bytes);
    assert_eq!(found.drivers, windows(&made::windows()).drivers);
    let (_, bytes) = ntfs(&folder, 24, "norecover,compression", |root| {
        let config = root.join("Windows/System32/config");
        std::fs::create_dir_all(&config).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(
            config.as_str(),
            "system.ntfs_attrib_be",
            &0x810_u32.to_be_bytes(),
            flags,
        )
        .unwrap();
        fill(root, &large);
    });
    let (found, unseen) = seen(&bytes);
    assert_eq!(found, None);
    assert!(
        unseen[0].contains("SYSTEM is compressed, and such files are not read"),
        "{unseen:?}"
    );
}

#[test]
#[ignore = "needs libhivex-bin: cargo xtask test runs it"]
fn hivex_reads_the_hives_that_are_written_here_and_writes_ones_that_are_read() {
    let (_dir, folder) = folder();
    let path = folder.join("SYSTEM");
    for lists in [Lists::Lf, Lists::Lh, Lists::Li, Lists::Ri] {
        std::fs::write(&path, system().hive(lists)).unwrap();
        let xml = run("hivexml", &[path.as_str()]);
        for name in ["storahci", "StartOverride", "192.0.2.11", "AMD64"] {
            assert!(xml.contains(name), "{lists:?}: {name}");
        }
    }
    std::fs::write(&path, system().hive(Lists::Lf)).unwrap();
    let script = folder.join("script");
    std::fs::write(
        &script,
        "cd \\ControlSet001\\Services\nadd viostor\ncd viostor\nsetval 2\nStart\ndword:0\nImagePath\nexpandstring:System32\\drivers\\viostor.sys\ncd ..\ncd storahci\ncd StartOverride\ndel\ncommit\n",
    )
    .unwrap();
    run("hivexsh", &["-w", "-f", script.as_str(), path.as_str()]);
    let found = WindowsLook::of_hives(&std::fs::read(&path).unwrap(), &software().hive(Lists::Lf)).unwrap();
    let start = |name: &str| (found.drivers[name].start, found.drivers[name].put_off);
    assert_eq!(
        (start("viostor"), start("storahci"), start("atapi")),
        ((Some(0), None), (Some(0), None), (Some(0), Some(3)))
    );
    assert_eq!(found.addresses, ["192.0.2.10", "192.0.2.11"]);
}
