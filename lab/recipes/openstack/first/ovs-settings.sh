# Sets the switch up: in user space, because the kernel may lack its module. Without userspace-tso TCP from br-ex into a guest times out.
ovs-vsctl --no-wait init
ovs-vsctl --no-wait set Open_vSwitch . ovs-version=3.5 system-type=lab system-version=1 \
	other_config:userspace-tso-enable=true \
	external_ids:system-id=lab external_ids:hostname=lab \
	external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=127.0.0.1 \
	external_ids:ovn-bridge-datapath-type=netdev external_ids:ovn-bridge-mappings=physnet1:br-ex \
	external_ids:ovn-cms-options=enable-chassis-as-gw
ovs-vsctl --no-wait --may-exist add-br br-int -- set bridge br-int datapath_type=netdev fail-mode=secure
ovs-vsctl --no-wait --may-exist add-br br-ex -- set bridge br-ex datapath_type=netdev
ovn-nbctl init
ovn-sbctl init
