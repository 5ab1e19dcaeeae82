//! The facts with the indexes that rules look things up in, built once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reeve_ceph::{CephVersion, DaemonName, DaemonType, OsdId};
use reeve_host::HostName;

use super::need::Need;
use super::node_match::{NodeMatch, match_nodes};
use crate::facts::{Bucket, DaemonUnit, Facts, HealthCheck, HostFacts, Mon, Node, Operator, Osd, OsdVolume};

/// The facts with their indexes. Building it is linear in the number of daemons; every look-up after that is cheap.
pub(crate) struct Context<'a> {
    /// The facts themselves.
    pub(crate) facts: &'a Facts,
    /// The node that each host is.
    pub(crate) nodes: BTreeMap<&'a HostName, NodeMatch<'a>>,
    /// The version that runs, if all daemons run one.
    pub(crate) running: Option<(&'a str, CephVersion)>,
    /// Units of each daemon with their hosts.
    units: BTreeMap<&'a DaemonName, Vec<(&'a HostName, &'a DaemonUnit)>>,
    /// What ceph-volume lists of this cluster (or of none that it names), by OSD.
    volumes: BTreeMap<OsdId, Vec<(&'a HostName, &'a OsdVolume)>>,
    /// The bucket that holds each bucket or OSD.
    parents: HashMap<i64, &'a Bucket>,
    osds: BTreeMap<OsdId, &'a Osd>,
    missing: BTreeMap<Need, Vec<String>>,
}

impl<'a> Context<'a> {
    /// Returns the context of `facts`.
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let fsid = facts.ceph.fsid.as_str();
        let mut units: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut volumes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, host) in facts.reached_hosts() {
            for unit in &host.daemons {
                units.entry(&unit.daemon).or_default().push((name, unit));
            }
            for volume in host.volumes.known().into_iter().flatten() {
                if volume.cluster.as_deref().is_none_or(|cluster| cluster == fsid) {
                    volumes.entry(volume.id).or_default().push((name, volume));
                }
            }
        }
        let parents = facts
            .ceph
            .crush
            .buckets
            .iter()
            .flat_map(|bucket| bucket.children.iter().map(move |child| (*child, bucket)));
        Self {
            nodes: match_nodes(facts),
            running: facts.ceph.single_version(),
            units,
            volumes,
            parents: parents.collect(),
            osds: facts.ceph.osds.iter().map(|osd| (osd.id, osd)).collect(),
            missing: Need::ALL.into_iter().map(|need| (need, need.missing(facts))).collect(),
            facts,
        }
    }

    /// Returns what is missing of `need`, in words.
    pub(crate) fn missing(&self, need: Need) -> &[String] {
        self.missing.get(&need).map_or(&[], Vec::as_slice)
    }

    /// Returns a raised health check.
    pub(crate) fn health(&self, code: &str) -> Option<&'a HealthCheck> {
        self.facts.ceph.health.checks.get(code)
    }

    /// Returns an OSD of the OSD map.
    pub(crate) fn osd(&self, id: OsdId) -> Option<&'a Osd> {
        self.osds.get(&id).copied()
    }

    /// Returns the units that a daemon has, with their hosts.
    pub(crate) fn units(&self, daemon: &DaemonName) -> &[(&'a HostName, &'a DaemonUnit)] {
        self.units.get(daemon).map_or(&[], Vec::as_slice)
    }

    /// Returns all units with their hosts, by daemon.
    pub(crate) fn all_units(&self) -> impl Iterator<Item = (&'a HostName, &'a DaemonUnit)> {
        self.units.values().flatten().copied()
    }

    /// Returns where a daemon runs: the host of its active unit, or of its only one.
    pub(crate) fn home(&self, daemon: &DaemonName) -> Option<&'a HostName> {
        let units = self.units(daemon);
        let active = units.iter().find(|(_, unit)| unit.active == "active");
        active.or(units.first()).map(|(host, _)| *host)
    }

    /// Returns whether the maps know the daemon, so that its unit is not a leftover.
    pub(crate) fn in_maps(&self, daemon: &DaemonName) -> bool {
        let ceph = &self.facts.ceph;
        match daemon.kind {
            DaemonType::Mon => ceph.monmap.mons.iter().any(|mon| mon.name == daemon.id),
            DaemonType::Mgr => ceph.mgr.active.as_ref() == Some(&daemon.id) || ceph.mgr.standbys.contains(&daemon.id),
            DaemonType::Osd => daemon.id.parse().is_ok_and(|id| self.osds.contains_key(&id)),
            _ => true,
        }
    }

    /// Returns what ceph-volume lists for an OSD of this cluster, with the host.
    pub(crate) fn volumes(&self, osd: OsdId) -> &[(&'a HostName, &'a OsdVolume)] {
        self.volumes.get(&osd).map_or(&[], Vec::as_slice)
    }

    /// Returns all that ceph-volume lists for this cluster, by OSD.
    pub(crate) fn all_volumes(&self) -> impl Iterator<Item = (OsdId, &[(&'a HostName, &'a OsdVolume)])> {
        self.volumes.iter().map(|(id, volumes)| (*id, volumes.as_slice()))
    }

    /// Returns the host of an OSD: that of its unit, else that of its volume.
    pub(crate) fn osd_home(&self, osd: OsdId) -> Option<&'a HostName> {
        self.home(&DaemonName::osd(osd))
            .or_else(|| self.volumes(osd).first().map(|(host, _)| *host))
    }

    /// Returns the facts of a host that answered.
    pub(crate) fn host(&self, name: &HostName) -> Option<&'a HostFacts> {
        self.facts.hosts.get(name).and_then(|reading| reading.reached())
    }

    /// Returns the node that a host is, if that is clear.
    pub(crate) fn node(&self, host: &HostName) -> Option<&'a Node> {
        self.nodes.get(host).and_then(NodeMatch::node)
    }

    /// Returns whether no host at all is a node, although some answered and there are nodes.
    pub(crate) fn other_kubernetes(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.values().all(|found| found.node().is_none())
    }

    /// Returns the hosts that Rook must run mons or OSDs on: those where one runs now.
    pub(crate) fn taken_over_hosts(&self) -> BTreeSet<&'a HostName> {
        let mons = self
            .facts
            .ceph
            .monmap
            .mons
            .iter()
            .filter_map(|mon| self.home(&DaemonName::mon(mon.name.as_str())));
        mons.chain(self.facts.ceph.osds.iter().filter_map(|osd| self.osd_home(osd.id)))
            .collect()
    }

    /// Returns the host of a mon with its facts.
    pub(crate) fn mon_home(&self, mon: &Mon) -> Option<(&'a HostName, &'a HostFacts)> {
        let name = self.home(&DaemonName::mon(mon.name.as_str()))?;
        self.host(name).map(|host| (name, host))
    }

    /// Returns the buckets above a bucket or OSD, nearest first; bounded, so a loop in the map ends.
    pub(crate) fn ancestors(&self, child: i64) -> impl Iterator<Item = &'a Bucket> {
        let first = self.parents.get(&child).copied();
        std::iter::successors(first, |bucket| self.parents.get(&bucket.id).copied())
            .take(self.facts.ceph.crush.buckets.len())
    }

    /// Returns the host bucket that an OSD lies in.
    pub(crate) fn host_bucket(&self, osd: OsdId) -> Option<&'a Bucket> {
        self.ancestors(i64::from(osd.0)).find(|bucket| bucket.kind == "host")
    }

    /// Returns the operator if it was read and exists.
    pub(crate) fn operator(&self) -> Option<&'a Operator> {
        self.facts
            .kubernetes
            .operator
            .known()
            .filter(|operator| operator.exists)
    }

    /// Returns the operator's Rook version.
    pub(crate) fn rook(&self) -> Option<semver::Version> {
        self.operator()?.version.as_deref()?.parse().ok()
    }

    /// Returns the daemons of a kind as the service map names them, or, where it names none, those with an active unit.
    pub(crate) fn service_daemons(&self, kinds: &[DaemonType], words: &[&str]) -> BTreeSet<String> {
        let services = self.facts.ceph.services.known().into_iter().flatten();
        let services = services.filter(|service| words.contains(&service.kind.as_str()));
        let named: BTreeSet<String> = services
            .map(|service| format!("{}.{} on {}", service.kind, service.id, service.hostname))
            .collect();
        if !named.is_empty() {
            return named;
        }
        let units = self
            .all_units()
            .filter(|(_, unit)| kinds.contains(&unit.daemon.kind) && unit.active == "active");
        units.map(|(host, unit)| format!("{} on {host}", unit.daemon)).collect()
    }
}

/// Returns the name that Rook gives to a CRUSH bucket for a label's value: dots become dashes.
///
/// Source: rook/rook: `pkg/daemon/ceph/client/crush.go` – `NormalizeCrushName`.
pub(crate) fn crush_name(label: &str) -> String {
    label.replace('.', "-")
}
