#!/bin/sh
# Makes a container into a node in which Ceph and a kubelet can run. Runs at every boot, before anything else.
set -eu

# The node's own loop devices; without udev nobody else makes the nodes or the records that ceph-volume wants to see.
mkdir -p /run/udev/data
while read -r device minor; do
	[ -e "$device" ] || mknod "$device" b 7 "$minor"
	chown ceph:ceph "$device"
	chmod 0660 "$device"
	[ -e "/run/udev/data/b7:$minor" ] || printf 'I:1\nE:ID_MODEL=loop\n' > "/run/udev/data/b7:$minor"
done < /etc/reeve-lab/devices

# Pods get mounts from the node and back.
mount --make-rshared /

# Controllers come read-only into a container. Mounted anew, each shows the node's own cgroup as its root; the kubelet works below `lab` in it.
if [ -s /etc/reeve-lab/controllers ]; then
	mount -o remount,rw /sys/fs/cgroup
	while read -r controllers; do
		folder=/sys/fs/cgroup/$controllers
		case $controllers in
		name=*)
			mkdir -p "/sys/fs/cgroup/${controllers#name=}/lab"
			continue
			;;
		esac
		mkdir -p "$folder"
		umount "$folder" 2> /dev/null || true
		mount -t cgroup -o "$controllers" cgroup "$folder"
		mkdir -p "$folder/lab"
		if [ -e "$folder/lab/cpuset.cpus" ]; then
			# A new cpuset is empty and takes no process.
			cat "$folder/cpuset.cpus" > "$folder/lab/cpuset.cpus"
			cat "$folder/cpuset.mems" > "$folder/lab/cpuset.mems"
		fi
	done < /etc/reeve-lab/controllers
else
	mkdir -p /sys/fs/cgroup/lab
	for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
		echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control || true
	done
fi

# There is no kube-proxy: the one service that pods need is the API server's own.
if [ -s /etc/reeve-lab/api-server ]; then
	set -- OUTPUT -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to "$(cat /etc/reeve-lab/api-server)"
	iptables -w 20 -t nat -C "$@" 2> /dev/null || iptables -w 20 -t nat -A "$@"
	set -- PREROUTING -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to "$(cat /etc/reeve-lab/api-server)"
	iptables -w 20 -t nat -C "$@" 2> /dev/null || iptables -w 20 -t nat -A "$@"
fi
