#!/bin/sh
# Imports a docker-archive into a fresh containerd root with the tree's own containerd, once for all nodes.
# Runs in mount and pid namespaces of its own, so everything it mounts or starts goes when it ends.
# Arguments: the tree, the folder that holds archive.tar and receives containerd/.
set -eu
tree=$1
out=$2
mount --make-rprivate /
mount --bind "$out" "$tree/mnt"
mount -t proc proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/run"
mount -t tmpfs tmpfs "$tree/tmp"
mount --rbind /dev "$tree/dev"
cat > "$tree/run/containerd.toml" <<'CONF'
version = 2
root = "/mnt/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "/run/c.sock"
CONF
chroot "$tree" /usr/bin/containerd --config /run/containerd.toml --log-level warn &
daemon=$!
tries=0
until chroot "$tree" ctr --address /run/c.sock version > /dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 150 ] || { echo "containerd did not answer within 30 s" >&2; exit 1; }
	sleep 0.2
done
chroot "$tree" ctr --address /run/c.sock --namespace k8s.io images import --snapshotter overlayfs /mnt/archive.tar
chroot "$tree" ctr --address /run/c.sock --namespace k8s.io images list --quiet
kill "$daemon"
wait "$daemon" || true
