#!/bin/sh
# Makes the installed packages into the laboratory's root: a host name, the test guest's image, nothing that only an installation needs.
# Argument: the root folder of the tree. Files beside this script: init, lease, disk.sh of the guest.
set -eu
root=$1
here=$(dirname "$0")
echo lab > "$root/etc/hostname"
printf '127.0.0.1 localhost lab\n::1 localhost\n' > "$root/etc/hosts"
: > "$root/etc/resolv.conf"

# The guest's kernel is unpacked, not installed: the tree itself never boots. The package without a version in its name depends on the newest.
guest=$root/opt/guest
mkdir -p "$guest/packages" "$guest/root"
cp "$here/init" "$here/lease" "$here/disk.sh" "$guest/"
kernel=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
(cd "$guest/packages" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Sandbox::User=root download "$kernel" rng-tools5)
for package in "$guest"/packages/*.deb; do
	dpkg-deb -x "$package" "$guest/root"
done
chroot "$root" sh /opt/guest/disk.sh /opt/guest/guest.raw
rm -rf "$guest/packages" "$guest/root"

rm -rf "$root/var/cache/apt/archives" "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root/var/log/apt"
mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
