# Makes Swift's rings, of one device and one copy. A repeat keeps those that are there.
cd /etc/swift
for ring in account:6202 container:6201 object:6200; do
	name=${ring%:*}
	[ -e "$name.ring.gz" ] && continue
	swift-ring-builder "$name.builder" create 4 1 1
	swift-ring-builder "$name.builder" add "r1z1-127.0.0.1:${ring#*:}/one" 1
	swift-ring-builder "$name.builder" rebalance
done
mkdir -p /var/lib/swift/devices/one /var/cache/swift
