# Makes the pools of images and volumes and the keys of who uses them.
for pool in images volumes; do
	timeout 60 ceph osd pool create $pool 8
	timeout 60 rbd pool init $pool
done
keep() {
	name=$1
	shift
	timeout 60 ceph auth get-or-create "client.$name" "$@" -o "/etc/ceph/ceph.client.$name.keyring"
}
keep glance mon 'profile rbd' osd 'profile rbd pool=images'
keep cinder mon 'profile rbd' osd 'profile rbd pool=volumes, profile rbd pool=images'
keep rgw.lab mon 'allow rw' osd 'allow rwx'
