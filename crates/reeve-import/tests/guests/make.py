#!/usr/bin/env python3
"""Makes the disks beside this file anew, with Linux and LVM themselves: needs root, a loop device, xfsprogs and lvm2.

An image is kept as its size (64 bits, little endian) and, for each sector that is not all zeros, its number (32 bits) and its
512 bytes: each byte of it matters to who mutates it. That is compressed with gzip.
"""

import gzip, os, pathlib, struct, subprocess, tempfile

here = pathlib.Path(__file__).parent
# mkfs.xfs makes small ones only for tests.
small = {**os.environ, "TEST_DIR": "/", "TEST_DEV": "/", "QA_CHECK_FS": "1"}


def run(*words):
    subprocess.run(words, check=True, env=small)


def fill(root):
    for path, text in {
        "usr/lib/os-release": 'NAME="Rocky Linux"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\nID="rocky"\nVERSION_ID="9.4"\n',
        "etc/fstab": "/dev/mapper/rl-root / xfs defaults 0 0\nUUID=1 /boot xfs defaults 0 0\n",
        "usr/lib/modules/5.14.0-427.el9.x86_64/modules.dep": "kernel/drivers/block/virtio_blk.ko.xz:\nkernel/drivers/net/vmxnet3/vmxnet3.ko.xz:\n",
        "usr/lib/dracut/dracut.conf.d/01-dist.conf": '# dracut configuration\nhostonly="yes"\n',
        "etc/NetworkManager/system-connections/ens192.nmconnection": "[connection]\ninterface-name=ens192\n",
    }.items():
        path = root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.symlink("usr/lib", root / "lib")
    os.symlink("../usr/lib/os-release", root / "etc/os-release")
    os.symlink("/lib/os-release", root / "etc/absolute")
    os.symlink("./" * 400 + "os-release", root / "etc/remote")
    os.symlink("round", root / "etc/round")
    # Extents with holes between them, more than an inode has room for.
    with open(root / "etc/extents", "wb") as file:
        for number in range(60):
            file.seek(8192 * number)
            file.write(bytes([97 + number % 26]) * 4096)
    with open(root / "etc/few", "wb") as file:
        for number in range(5):
            file.seek(8192 * number)
            file.write(bytes([97 + number % 26]) * 4096)
    # Reserved, and never written.
    with open(root / "etc/unwritten", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 20000)
    # A folder in one block, in blocks with a leaf, in blocks with nodes.
    for count in [20, 200, 900]:
        folder = root / f"folder-{count}"
        folder.mkdir()
        for number in range(count):
            os.link(root / "etc/fstab", folder / f"a-name-of-a-file-{number:04}")


def listed(root, folder, lines):
    """Lists a folder as mkfs.xfs wants it."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            lines.append(f"{path.name} l--777 0 0 {os.readlink(path)}")
        elif path.is_dir():
            lines.append(f"{path.name} d--755 0 0")
            listed(root, path, lines)
        else:
            lines.append(f"{path.name} ---644 0 0 {path}")
    lines.append("$")


def unmounted(name, options):
    """Makes a file system that Linux does not mount any more: what has holes is written out."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        image, root = folder / "image", folder / "root"
        root.mkdir()
        fill(root)
        lines = ["/none", "0 0", "d--755 0 0"]
        listed(root, root, lines)
        (folder / "list").write_text("\n".join(lines) + "\n")
        with open(image, "wb") as file:
            file.truncate(40 << 20)
        run("mkfs.xfs", "-q", "-f", *options, "-p", str(folder / "list"), str(image))
        keep(name, image.read_bytes())


def made(name, options, late=False):
    with tempfile.TemporaryDirectory() as folder:
        image, root = pathlib.Path(folder) / "image", pathlib.Path(folder) / "root"
        root.mkdir()
        with open(image, "wb") as file:
            file.truncate(40 << 20)
        run("mkfs.xfs", "-q", "-f", *options, str(image))
        run("mount", "-o", "loop", str(image), str(root))
        try:
            fill(root)
            if late:
                os.sync()
                subprocess.run(["xfs_freeze", "-f", str(root)], check=True)
                subprocess.run(["xfs_freeze", "-u", str(root)], check=True)
                with open(root / "etc/late", "w") as file:
                    file.write("late\n")
                    file.flush()
                    os.fsync(file.fileno())
                # The log is written, and nothing else.
                run("xfs_io", "-x", "-c", "shutdown -f", str(root))
        finally:
            run("umount", str(root))
        keep(name, image.read_bytes())


def keep(name, image):
    out = bytearray(struct.pack("<Q", len(image)))
    for number in range(len(image) // 512):
        sector = image[512 * number : 512 * number + 512]
        if any(sector):
            out += struct.pack("<I", number) + sector
    (here / f"{name}.gz").write_bytes(gzip.compress(out, mtime=0))


LVM = """devices { scan=["/dev"] filter=["a|^DEVICE$|","r|.*|"] use_devicesfile=0 }
activation { udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=0 } backup { backup=0 archive=0 }"""


def in_group(name):
    """Makes a disk with a volume group in a logical partition, and ext4 in a volume that is in two pieces and out of order."""
    start, size, extent = 4096 * 512, 20 << 20, 1 << 20
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        image, root, ext4 = folder / "image", folder / "root", folder / "ext4"
        root.mkdir()
        fill(root)
        run("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-N", "1100", "-d", str(root), str(ext4), "6M")
        disk = bytearray(start + size)

        def entry(sector, slot, kind, first, count):
            at = 512 * sector + 446 + 16 * slot
            disk[at : at + 16] = struct.pack("<4xB3xII", kind, first, count)
            disk[512 * sector + 510 : 512 * sector + 512] = b"\x55\xaa"

        entry(0, 0, 0x05, 2048, 2048 + size // 512)
        entry(2048, 0, 0x8E, 2048, size // 512)
        image.write_bytes(disk)
        device = subprocess.run(
            ["losetup", "-f", "--show", "-o", str(start), str(image)], check=True, capture_output=True, text=True
        ).stdout.strip()
        try:

            def lvm(command, *words):
                full = [command, "--config", LVM.replace("DEVICE", device), "--driverloaded", "n", *words]
                return subprocess.run(full, check=True, capture_output=True, text=True).stdout

            lvm("pvcreate", "-y", device)
            lvm("vgcreate", "-s", "1m", "vg-made", device)
            for volume, size in [("first", "2m"), ("root", "3m"), ("swap", "1m")]:
                lvm("lvcreate", "-an", "-Zn", "-Wn", "-y", "-L", size, "-n", volume, "vg-made")
            lvm("lvremove", "-y", "vg-made/first")
            lvm("lvextend", "-y", "-L", "6m", "vg-made/root")
            first = int(lvm("pvs", "--noheadings", "--units", "b", "--nosuffix", "-o", "pe_start", device))
            ranges = lvm("lvs", "--noheadings", "--segments", "-o", "seg_pe_ranges", "vg-made/root").split()
        finally:
            run("losetup", "-d", device)
        disk = bytearray(image.read_bytes())
        content, done = ext4.read_bytes(), 0
        for run_ in ranges:
            begin, end = map(int, run_.split(":")[1].split("-"))
            at, length = start + first + begin * extent, (end - begin + 1) * extent
            disk[at : at + length] = content[done : done + length]
            done += length
        assert done == len(content) and len(ranges) > 1, ranges
        keep(name, disk)


in_group("lvm-ext4")
made("xfs-5", ["-i", "nrext64=1"])
made("xfs-5-log", [], late=True)
unmounted("xfs-4", ["-m", "crc=0", "-n", "ftype=0"])
