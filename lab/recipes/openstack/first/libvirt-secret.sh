# Gives libvirt the key by which QEMU reaches the volumes. Argument: the secret's id.
virsh -c qemu:///system secret-define /etc/libvirt/secret-cinder.xml
key=$(mktemp)
timeout 60 ceph auth get-key client.cinder > "$key"
virsh -c qemu:///system secret-set-value "$1" --file "$key"
rm -f "$key"
