# Makes the keys of the mgr and the OSD and the OSD's file. Argument: the OSD's id.
timeout 60 ceph auth get-or-create mgr.lab mon 'allow profile mgr' osd 'allow *' mds 'allow *' -o /var/lib/ceph/mgr/ceph-lab/keyring
keyring=/var/lib/ceph/osd/ceph-0/keyring
ceph-authtool --create-keyring $keyring --gen-key -n osd.0
printf '{"cephx_secret": "%s"}' "$(ceph-authtool -p -n osd.0 $keyring)" | timeout 60 ceph osd new "$1" -i -
ceph-osd -i 0 --mkfs --osd-uuid "$1"
