#!/bin/sh
# Answers the packages' questions before they can ask: the databases are made by the laboratory, not by maintainer scripts.
# Argument: the root folder of the tree.
set -eu
for package in \
	barbican-api barbican-common cinder-api cinder-common glance-api glance-common keystone neutron-api neutron-common neutron-server \
	nova-api nova-common nova-compute octavia-api octavia-common placement-api
do
	echo "$package $package/dbconfig-install boolean false"
	echo "$package $package/configure_db boolean false"
done | chroot "$1" debconf-set-selections
