# Waits until the compute host has registered itself, and adds it to the cell.
tries=0
until nova-manage cell_v2 discover_hosts && nova-manage cell_v2 list_hosts | grep -q ' lab '; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] || exit 1
	sleep 2
done
