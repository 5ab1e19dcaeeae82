# Makes the laboratory's root in fresh namespaces and becomes their process 1, which does nothing but take in and bury orphans: libvirtd starts QEMU
# as a daemon and takes one that nobody buries for alive.
# Arguments: the tree, which is never written, and the laboratory's folder.
tree=$1 folder=$2
mount --make-rprivate /
hostname lab
ip link set lo up
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --bind /dev dev
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666,mode=620,gid=5
for folder in dev/shm run tmp; do
	mount -t tmpfs -o mode=1777 tmpfs $folder
done
chmod 755 run
mkdir -p run/lock run/mysqld run/openvswitch run/ovn run/ceph run/libvirt run/haproxy .machine
# Without the machine's mounts: a copy of them here would keep other laboratories' file systems from going.
pivot_root . .machine
umount -l /.machine
cd /
chown mysql run/mysqld
exec /usr/bin/catatonit -P
