#!/bin/sh
# Makes the test guest: a raw disk that is one FAT file system with its own boot sector. Needs neither a mount nor a loop device.
# Argument: the file to write. Expects Debian's cloud kernel and rng-tools5 unpacked in /opt/guest/root.
set -eu
output=$1
from=/opt/guest/root
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# In the order in which they can be loaded; virtio, virtio_ring and virtio_pci are built into this kernel.
modules='virtio_blk failover net_failover virtio_net virtio-rng scsi_common scsi_mod libata ata_piix cdrom sr_mod isofs'

system=$work/system
for folder in bin dev etc lib lib64 mnt proc root sys tmp; do
	mkdir -p "$system/$folder"
done
cp /bin/busybox "$from/usr/bin/rngtest" "$system/bin/"
cp -L /lib/x86_64-linux-gnu/libc.so.6 "$system/lib/"
cp -L /lib64/ld-linux-x86-64.so.2 "$system/lib64/"
for module in $modules; do
	file=$(find "$from/usr/lib/modules" -name "$module.ko.xz" | head -n 1)
	xz -dc "$file" > "$system/lib/$module.ko"
done
echo "$modules" > "$system/etc/modules"
cp /opt/guest/init "$system/init"
cp /opt/guest/lease "$system/bin/lease"
chmod 755 "$system/init" "$system/bin/lease"
(cd "$system" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/initrd"

cat > "$work/syslinux.cfg" <<'CONF'
SERIAL 0 115200
DEFAULT guest
LABEL guest
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0 quiet tsc=unstable random.trust_cpu=on mitigations=off
CONF
truncate -s 24M "$output"
mkfs.vfat -F 16 -n GUEST "$output" > /dev/null
syslinux --install "$output"
mcopy -i "$output" "$from"/boot/vmlinuz-* ::vmlinuz
mcopy -i "$output" "$work/initrd" "$work/syslinux.cfg" ::
