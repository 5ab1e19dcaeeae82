# Makes OSDs with `ceph-volume raw` and starts them as the packages do it. Arguments: the devices.
install -o ceph -g ceph -m 0600 /root/seed/bootstrap-osd.keyring /var/lib/ceph/bootstrap-osd/ceph.keyring
export CEPH_VOLUME_ALLOW_LOOP_DEVICES=1
for device in "$@"; do
	ceph-volume raw prepare --bluestore --data "$device" --no-tmpfs
done
ceph-volume raw list > /root/raw.json
jq -r '.[] | "\(.osd_id) \(.device)"' /root/raw.json | while read -r id device; do
	ceph-volume raw activate --device "$device" --no-systemd --no-tmpfs < /dev/null
	systemctl enable --quiet --now "ceph-osd@$id"
done
rm /root/raw.json
