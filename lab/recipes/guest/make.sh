#!/bin/sh
# Makes a guest as it would come from VMware: a real Debian on an ext4 root, on one disk that starts with BIOS and one that starts with UEFI, and a disk with data.
# Needs neither a loop device nor a mount that outlives it. Run it in a mount namespace of its own.
# Arguments: the suite, its line for sources.list, and the folder to write bios.raw, uefi.raw and data.raw to. Expects say and say.service beside it.
set -eu
suite=$1
source=$2
output=$3
here=$(dirname "$0")
work=$output/work
root=$work/root
mkdir -p "$work/tmp"

# GRUB's images are made by the guest's own programs, which a real guest has too.
TMPDIR=$work/tmp mmdebstrap --mode=root --variant=minbase --format=directory --skip=cleanup/reproducible \
	--aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
	--dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-exclude='/usr/share/man/*' --dpkgopt=path-exclude='/usr/share/locale/*' \
	--include=systemd-sysv,udev,kmod,initramfs-tools,linux-image-amd64,e2fsprogs,fdisk,dosfstools,mtools,grub-common,grub-pc-bin,grub-efi-amd64-bin \
	"$suite" "$root" "$source"

# The files that an import looks at: how disks are mounted, what the network cards are called.
cat > "$root/etc/fstab" <<'CONF'
LABEL=guestroot / ext4 errors=remount-ro 0 1
LABEL=guestdata /srv ext4 nofail,x-systemd.device-timeout=600 0 2
CONF
echo guest > "$root/etc/hostname"
cat > "$root/etc/systemd/network/wire.network" <<'CONF'
[Match]
Type=ether
[Network]
DHCP=yes
CONF
install -m 755 "$here/say" "$root/usr/local/sbin/say"
install -m 644 "$here/say.service" "$root/etc/systemd/system/say.service"
chroot "$root" systemctl --quiet enable systemd-networkd.service say.service
mkdir -p "$root/boot/grub"
cat > "$root/boot/grub/grub.cfg" <<'CONF'
linux /vmlinuz root=LABEL=guestroot ro console=ttyS0,115200 quiet mitigations=off
initrd /initrd.img
boot
CONF
mke2fs -q -t ext4 -L guestroot -d "$root" -E lazy_itable_init=0 "$work/root.ext4" 1000m

mount --bind "$work" "$root/mnt"
cat > "$work/start.cfg" <<'CONF'
search --no-floppy --label guestroot --set root
configfile ($root)/boot/grub/grub.cfg
CONF
inside() {
	chroot "$root" "$@"
}
modules='part_msdos part_gpt fat ext2 search search_label normal configfile linux boot'
# shellcheck disable=SC2086
inside grub-mkimage -O i386-pc -o /mnt/core.img -c /mnt/start.cfg -p /boot/grub biosdisk $modules
# shellcheck disable=SC2086
inside grub-mkimage -O x86_64-efi -o /mnt/BOOTX64.EFI -c /mnt/start.cfg -p /boot/grub $modules

sectors=$(($(stat -c %s "$work/root.ext4") / 512))

# BIOS: GRUB's first sector looks for the rest in the second one.
truncate -s $(((2048 + sectors + 2048) * 512)) "$output/bios.raw"
ln "$output/bios.raw" "$work/bios.raw"
printf 'label: dos\nstart=2048, size=%s, type=83, bootable\n' "$sectors" | inside sfdisk -q /mnt/bios.raw
dd if="$root/usr/lib/grub/i386-pc/boot.img" of="$output/bios.raw" bs=440 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$output/bios.raw" bs=512 seek=1 conv=notrunc status=none
dd if="$work/root.ext4" of="$output/bios.raw" bs=1M seek=1 conv=notrunc,sparse status=none

# UEFI: a system partition of 32 MiB with the file that firmware starts by itself.
truncate -s 32M "$work/esp"
inside mkfs.vfat -n ESP /mnt/esp > /dev/null
inside mmd -i /mnt/esp ::EFI ::EFI/BOOT
inside mcopy -i /mnt/esp /mnt/BOOTX64.EFI ::EFI/BOOT/
truncate -s $(((2048 + 65536 + sectors + 2048) * 512)) "$output/uefi.raw"
ln "$output/uefi.raw" "$work/uefi.raw"
printf 'label: gpt\nstart=2048, size=65536, type=U\nsize=%s, type=L\n' "$sectors" | inside sfdisk -q /mnt/uefi.raw
dd if="$work/esp" of="$output/uefi.raw" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.ext4" of="$output/uefi.raw" bs=1M seek=33 conv=notrunc,sparse status=none

# Data that nobody can guess, and what it is to be.
mkdir "$work/data"
head -c 20M /dev/urandom > "$work/data/content"
(cd "$work/data" && sha256sum content > SHA256SUMS)
mke2fs -q -t ext4 -L guestdata -d "$work/data" "$output/data.raw" 64m

umount "$root/mnt"
rm -rf "$work"
