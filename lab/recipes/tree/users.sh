#!/bin/sh
# Makes the users whose numbers matter before any package can make them with others: the legacy daemons must run as the user of Ceph's
# container image (167:167), and Rook's operator image runs as 2016. Argument: the root folder of the tree.
set -eu
root=$1
echo 'ceph:x:167:' >> "$root/etc/group"
echo 'ceph:x:167:167:Ceph:/var/lib/ceph:/usr/sbin/nologin' >> "$root/etc/passwd"
echo 'rook:x:2016:' >> "$root/etc/group"
echo 'rook:x:2016:2016::/nonexistent:/usr/sbin/nologin' >> "$root/etc/passwd"
for user in ceph rook; do
	echo "$user:!:20000::::::" >> "$root/etc/shadow"
done
