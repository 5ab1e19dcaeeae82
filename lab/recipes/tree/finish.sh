#!/bin/sh
# Makes the installed packages into a node's root: no keys or ids of its own yet, no services that make no sense in a container.
# Argument: the root folder of the tree.
set -eu
root=$1
# Each node gets its own.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/etc/hostname"
: > "$root/etc/machine-id"
# A name server that is not there makes every image look-up wait for it.
: > "$root/etc/resolv.conf"
rm -f "$root/usr/sbin/policy-rc.d"

# A login that is not root but may become it, as operators have.
chroot "$root" useradd --gid operator --create-home --shell /bin/bash operator
echo 'operator ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/operator"
chmod 0440 "$root/etc/sudoers.d/operator"

# Debian's bcrypt is a Rust extension that can be loaded by one interpreter of a process only, and each of the mgr's modules has its own. Since mgr_util
# imports it at the top, all modules fail, the balancer and the autoscaler among them. Imported where it is used, only a password needs it.
module=$root/usr/share/ceph/mgr/mgr_util.py
sed -i -e '/^import bcrypt$/d' -e 's/^def password_hash(.*:$/&\n    import bcrypt/' "$module"
[ "$(grep -c 'import bcrypt' "$module")" = 1 ] || { echo "$module is not as expected" >&2; exit 1; }

for unit in \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	getty@tty1.service console-getty.service nvmefc-boot-connections.service nvmf-autoconnect.service rbdmap.service \
	smartmontools.service sshd-keygen.service systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket \
	systemd-udevd-kernel.socket dm-event.socket lvm2-monitor.service lvm2-lvmpolld.socket
do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

cat > "$root/etc/ssh/sshd_config.d/laboratory.conf" <<'CONF'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 100:30:200
CONF
mkdir -p "$root/opt/k8s" "$root/etc/kubernetes" "$root/etc/reeve-lab"
rm -rf "$root/var/cache/apt/archives" "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root/var/log/apt"
mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
