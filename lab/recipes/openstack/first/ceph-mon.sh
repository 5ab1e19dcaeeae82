# Gives birth to the only mon and the administrator's key. Argument: the cluster's id.
mkdir -p /var/lib/ceph/mon/ceph-lab /var/lib/ceph/mgr/ceph-lab /var/lib/ceph/osd/ceph-0
mon=/etc/ceph/ceph.mon.keyring
admin=/etc/ceph/ceph.client.admin.keyring
ceph-authtool --create-keyring $mon --gen-key -n mon. --cap mon 'allow *'
ceph-authtool --create-keyring $admin --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' --cap mds 'allow *'
ceph-authtool $mon --import-keyring $admin
monmaptool --create --clobber --addv lab '[v2:127.0.0.1:3300,v1:127.0.0.1:6789]' --fsid "$1" /tmp/monmap
ceph-mon --mkfs -i lab --monmap /tmp/monmap --keyring $mon
