//! Guests in real file systems, made by mke2fs and looked into through a VMDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod made;

use std::process::Command;

use camino::Utf8Path;
use reeve_import::{Depth, GuestLook, survey_source};

/// Returns a disk of 20 MiB with a guest in its second partition.
fn disk(folder: &Utf8Path, kind: &str) -> Vec<u8> {
    let root = folder.join("root");
    for (path, text) in [
        (
            "usr/lib/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
        ),
        ("etc/fstab", "/dev/sda2 / ext4 defaults 0 1\n"),
        ("etc/network/interfaces", "iface ens192 inet dhcp\n"),
        (
            "usr/lib/modules/6.1.0-1/modules.dep",
            "kernel/drivers/block/virtio_blk.ko.xz:\nkernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz\n",
        ),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    std::os::unix::fs::symlink("usr/lib", root.join("lib")).unwrap();
    let file = folder.join("root.img");
    let status = Command::new("/usr/sbin/mke2fs")
        .args(["-q", "-t", kind, "-d", root.as_str(), file.as_str(), "16M"])
        .status()
        .unwrap();
    assert!(status.success());
    let system = std::fs::read(file).unwrap();
    let mut disk = vec![0; 20 << 20];
    disk[0] = 0xeb;
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    for (entry, first, count) in [
        (0, 2048_u32, 2048_u32),
        (1, 4096, u32::try_from(system.len() / 512).unwrap()),
    ] {
        let at = 446 + 16 * entry;
        disk[at + 4] = 0x83;
        disk[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&count.to_le_bytes());
    }
    disk[4096 * 512..4096 * 512 + system.len()].copy_from_slice(&system);
    disk
}

#[test]
fn a_guest_is_found_in_its_partition() {
    for kind in ["ext4", "ext2"] {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        let path = folder.join("disk.vmdk");
        std::fs::write(&path, made::sparse(&disk(folder, kind), true)).unwrap();
        let facts = survey_source(&path, Depth::Tables).unwrap().remove(0);
        assert_eq!(facts.unseen, Vec::<String>::new());
        let Some(GuestLook::Linux(guest)) = facts.guest else {
            panic!("{:?}", facts.guest);
        };
        assert_eq!(guest.name.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"), "{kind}");
        assert_eq!(
            (guest.mounts_by_name, guest.interfaces),
            (vec!["/dev/sda2".to_owned()], vec!["ens192".to_owned()])
        );
        assert_eq!(guest.drivers.into_iter().collect::<Vec<_>>(), ["ahci", "virtio_blk"]);
    }
}

#[test]
fn a_damaged_file_system_is_said_and_does_not_stand_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let whole = disk(folder, "ext4");
    let start = 4096 * 512;
    let path = folder.join("disk.vmdk");
    // Superblock, group descriptors, inodes and folders, a place at a time.
    for at in [1024 + 4, 1024 + 24, 1024 + 88, 4096 + 8, 4096 + 14, 300_000, 1_200_000] {
        let mut disk = whole.clone();
        for byte in &mut disk[start + at..start + at + 64] {
            *byte ^= 0xa5;
        }
        std::fs::write(&path, made::sparse(&disk, true)).unwrap();
        let facts = survey_source(&path, Depth::Tables).unwrap().remove(0);
        assert!(facts.disks[0].refused.is_none(), "{at}");
    }
    // What is not read at all is named, and so is what is damaged.
    for (at, magic, said) in [
        (
            3,
            &b"NTFS    "[..],
            "partition 2, which has NTFS, cannot be looked into:",
        ),
        (
            0,
            b"LUKS\xba\xbe",
            "partition 2 has an encrypted volume, which is not looked into",
        ),
        (0x10040, b"_BHRfS_M", "partition 2 has btrfs, which is not looked into"),
        (
            4096,
            &[0xfc, 0x4e, 0x2b, 0xa9],
            "partition 2 has software RAID, which is not looked into",
        ),
        (
            0,
            b"XFSB",
            "partition 2 cannot be looked into: it has features that are not known",
        ),
        (
            1024,
            b"LABELONE\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LVM2 001",
            "partition 2, which has LVM, cannot be looked into: its label is damaged",
        ),
    ] {
        let mut disk = whole.clone();
        disk[start + 1080..start + 1082].fill(0);
        disk[start + at..start + at + magic.len()].copy_from_slice(magic);
        std::fs::write(&path, made::sparse(&disk, true)).unwrap();
        let facts = survey_source(&path, Depth::Tables).unwrap().remove(0);
        assert_eq!(facts.guest, None);
        assert!(facts.unseen[0].starts_with(said), "{:?}", facts.unseen);
    }
}

#[test]
fn a_guest_in_a_logical_partition_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let mut disk = disk(folder, "ext4");
    // The second partition becomes one in an extended one, whose table is in what was the first.
    disk[446 + 4] = 0x05;
    disk[446 + 16..446 + 32].fill(0);
    let table = 2048 * 512;
    disk[table + 510..table + 512].copy_from_slice(&[0x55, 0xaa]);
    disk[table + 446 + 4] = 0x83;
    disk[table + 446 + 8..table + 446 + 12].copy_from_slice(&2048_u32.to_le_bytes());
    disk[table + 446 + 12..table + 446 + 16].copy_from_slice(&(16_u32 << 11).to_le_bytes());
    let path = folder.join("disk.vmdk");
    std::fs::write(&path, made::sparse(&disk, true)).unwrap();
    let facts = survey_source(&path, Depth::Tables).unwrap().remove(0);
    assert_eq!(facts.unseen, Vec::<String>::new());
    let Some(GuestLook::Linux(guest)) = facts.guest else {
        panic!("no Linux was found");
    };
    assert_eq!(guest.id.as_deref(), Some("debian"));
}
