//! Which hosts there are, from what daemons say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{MonDump, NodeList, OsdMetadata};

use super::read::{Places, ips};
use crate::facts::Service;
use crate::survey::host::Expected;

/// A host to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name as daemons report it, or a mon's id where nothing is reported.
    pub(crate) hostname: String,
    /// The name is one that a daemon reported, and not a guess from a mon's id.
    pub(crate) reported: bool,
    /// Addresses that daemons on it use.
    pub(crate) addresses: BTreeSet<String>,
    /// What is expected there.
    pub(crate) expected: Expected,
}

/// Returns every host that some daemon is known to run on, sorted by name.
pub(super) fn wanted_hosts(mons: &MonDump, osds: &[OsdMetadata], places: &Places, services: &[Service]) -> Vec<Wanted> {
    let mut hosts: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut host = |hostname: &str, addresses: BTreeSet<String>| {
        let entry = hosts.entry(hostname.to_owned()).or_insert_with(|| Wanted {
            hostname: hostname.into(),
            ..Wanted::default()
        });
        entry.reported = true;
        entry.addresses.extend(addresses);
    };
    for (_, entry) in places.metadata() {
        host(
            &entry.hostname,
            ips(&entry.addr).into_iter().chain(ips(&entry.addrs)).collect(),
        );
    }
    for hostname in places.nodes.as_ref().map(NodeList::hosts).unwrap_or_default().values() {
        host(hostname, BTreeSet::new());
    }
    for service in services.iter().filter(|service| !service.hostname.is_empty()) {
        host(&service.hostname, BTreeSet::new());
    }
    for osd in osds {
        if let Some(hostname) = osd.get("hostname") {
            host(hostname, ips(osd.get("front_addr").unwrap_or_default()));
        }
    }
    for osd in osds {
        if let Some(entry) = osd.get("hostname").and_then(|hostname| hosts.get_mut(hostname)) {
            entry.expected.osds.insert(osd.id);
            let devices = osd.get("devices").unwrap_or_default();
            entry.expected.loop_devices |= devices.split(',').any(|device| device.starts_with("loop"));
        }
    }
    // A mon that never reported is looked for under its id, which by custom is its host's name, and at its address.
    let reported: BTreeSet<String> = places
        .mons
        .iter()
        .flatten()
        .filter(|e| !e.hostname.is_empty())
        .map(|e| e.name.clone())
        .collect();
    for mon in mons.mons.iter().filter(|mon| !reported.contains(&mon.name)) {
        let addresses: BTreeSet<String> = mon
            .public_addrs
            .addrvec
            .iter()
            .flat_map(|address| ips(&address.addr))
            .collect();
        let known = hosts
            .values()
            .any(|host| host.hostname == mon.name || !host.addresses.is_disjoint(&addresses));
        if !known {
            hosts.insert(
                mon.name.clone(),
                Wanted {
                    hostname: mon.name.clone(),
                    addresses,
                    ..Wanted::default()
                },
            );
        }
    }
    hosts.into_values().collect()
}
