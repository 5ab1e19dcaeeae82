# Starts a mgr as the packages do it. Argument: the mgr's id.
id=$1
folder=/var/lib/ceph/mgr/ceph-$id
install -d -o ceph -g ceph -m 0750 "$folder"
umask 077
timeout 60 ceph auth get-or-create "mgr.$id" mon 'allow profile mgr' osd 'allow *' mds 'allow *' > "$folder/keyring"
chown ceph:ceph "$folder/keyring"
systemctl enable --quiet --now "ceph-mgr@$id"
