# Starts a mon from the seed as the packages do it. Argument: the mon's id.
id=$1
seed=/var/tmp/seed
cp -r /root/seed "$seed"
chown -R ceph:ceph "$seed" /var/lib/ceph /var/log/ceph
install -d -o ceph -g ceph -m 0750 "/var/lib/ceph/mon/ceph-$id"
ceph-mon --mkfs -i "$id" --monmap "$seed/monmap" --keyring "$seed/mon.keyring" --setuser ceph --setgroup ceph
rm -r "$seed"
systemctl enable --quiet --now "ceph-mon@$id"
