# Makes OSDs with `ceph-volume raw` and starts them as the packages do it. Arguments: the devices.
install -o ceph -g ceph -m 0600 /root/seed/bootstrap-osd.keyring /var/lib/ceph/bootstrap-osd/ceph.keyring
export CEPH_VOLUME_ALLOW_LOOP_DEVICES=1

# ceph-volume looks at all block devices of the machine and fails if one goes while it looks, as another laboratory's loop devices may.
# Arguments: the device to wipe before another try or nothing, then the words.
try() {
	wipe=$1
	shift
	for left in 2 1 0; do
		ceph-volume raw "$@" < /dev/null > /root/raw.out && return
		[ "$left" -gt 0 ] || return 1
		[ -z "$wipe" ] || dd if=/dev/zero of="$wipe" bs=1M count=8 conv=fsync status=none
		sleep 2
	done
}

for device in "$@"; do
	try "$device" prepare --bluestore --data "$device" --no-tmpfs
done
try '' list
jq -r '.[] | "\(.osd_id) \(.device)"' /root/raw.out > /root/raw.list
while read -r id device; do
	try '' activate --device "$device" --no-systemd --no-tmpfs
	systemctl enable --quiet --now "ceph-osd@$id"
done < /root/raw.list
rm /root/raw.out /root/raw.list
