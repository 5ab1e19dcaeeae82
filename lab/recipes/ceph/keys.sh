# Makes the first keys and the first monmap of a cluster, in /root/seed of the node where it runs.
# Arguments: fsid, then for each mon its id and its address.
fsid=$1
shift
umask 077
mkdir -p /root/seed
cd /root/seed
ceph-authtool --create-keyring mon.keyring --gen-key -n mon. --cap mon 'allow *' > /dev/null
ceph-authtool --create-keyring admin.keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *' --cap mgr 'allow *' > /dev/null
ceph-authtool --create-keyring bootstrap-osd.keyring --gen-key -n client.bootstrap-osd --cap mon 'profile bootstrap-osd' --cap mgr 'allow r' > /dev/null
ceph-authtool mon.keyring --import-keyring admin.keyring > /dev/null
ceph-authtool mon.keyring --import-keyring bootstrap-osd.keyring > /dev/null
mons=
while [ $# -gt 0 ]; do
	mons="$mons --addv $1 [v2:$2:3300,v1:$2:6789]"
	shift 2
done
# shellcheck disable=SC2086 # the words are made above and hold no spaces
monmaptool --create --clobber --fsid "$fsid" --enable-all-features $mons monmap > /dev/null
