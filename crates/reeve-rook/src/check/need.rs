//! The facts that a survey may not have been able to read, by name, so that a rule can say which it needs.

use std::fmt;

use reeve_host::HostName;

use crate::facts::{Facts, HostFacts, HostReading, Reading};

/// A fact, or a group of facts, that may be missing.
///
/// A rule that names a need is never "passed" while that fact is missing: it found something else, or it was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// CephFS file systems.
    Filesystems,
    /// The service map.
    Services,
    /// RGW multisite names.
    Rgw,
    /// Auth entities.
    Auth,
    /// `ceph config dump`.
    Config,
    /// The orchestrator's state.
    Orchestrator,
    /// The CephCluster's namespace.
    Namespace,
    /// The Rook operator.
    Operator,
    /// CustomResourceDefinitions.
    Crds,
    /// CephClusters.
    CephClusters,
    /// The daemon gate.
    Gate,
    /// Permissions of the user.
    Permissions,
    /// Every host answered.
    Hosts,
    /// Whether commands run as root, on every host.
    Root,
    /// What lies at `dataDirHostPath`, on every host.
    DataDir,
    /// What ceph-volume lists, on every host.
    Volumes,
    /// Whether the clock is synchronised, on every host.
    Time,
    /// The memory of every host.
    Memory,
}

impl Need {
    /// All needs.
    pub const ALL: [Self; 18] = [
        Self::Filesystems,
        Self::Services,
        Self::Rgw,
        Self::Auth,
        Self::Config,
        Self::Orchestrator,
        Self::Namespace,
        Self::Operator,
        Self::Crds,
        Self::CephClusters,
        Self::Gate,
        Self::Permissions,
        Self::Hosts,
        Self::Root,
        Self::DataDir,
        Self::Volumes,
        Self::Time,
        Self::Memory,
    ];

    /// Returns what is missing of this need, in words; empty if all of it is there.
    pub(crate) fn missing(self, facts: &Facts) -> Vec<String> {
        let (ceph, kubernetes) = (&facts.ceph, &facts.kubernetes);
        match self {
            Self::Filesystems => of(self, &ceph.filesystems),
            Self::Services => of(self, &ceph.services),
            Self::Rgw => of(self, &ceph.rgw),
            Self::Auth => of(self, &ceph.auth),
            Self::Config => of(self, &ceph.config),
            Self::Orchestrator => of(self, &ceph.orchestrator),
            Self::Namespace => of(self, &kubernetes.namespace),
            Self::Operator => of(self, &kubernetes.operator),
            Self::Crds => of(self, &kubernetes.crds),
            Self::CephClusters => of(self, &kubernetes.ceph_clusters),
            Self::Gate => of(self, &kubernetes.gate),
            Self::Permissions => of(self, &kubernetes.permissions),
            Self::Hosts => on_hosts(facts, |_| None),
            Self::Root => on_hosts(facts, |host| host.root.require().err()),
            Self::DataDir => on_hosts(facts, |host| host.data_dir.require().err()),
            Self::Volumes => on_hosts(facts, |host| host.volumes.require().err()),
            Self::Time => on_hosts(facts, |host| host.time_synchronised.require().err()),
            Self::Memory => on_hosts(facts, |host| {
                host.memory_bytes
                    .require()
                    .err()
                    .or(host.memory_available_bytes.require().err())
            }),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filesystems => "CephFS file systems",
            Self::Services => "service map",
            Self::Rgw => "RGW realms, zonegroups and zones",
            Self::Auth => "auth entities",
            Self::Config => "configuration database",
            Self::Orchestrator => "orchestrator state",
            Self::Namespace => "namespace of the CephCluster",
            Self::Operator => "Rook operator",
            Self::Crds => "CustomResourceDefinitions",
            Self::CephClusters => "CephClusters",
            Self::Gate => "daemon gate",
            Self::Permissions => "permissions",
            Self::Hosts => "every host",
            Self::Root => "root on every host",
            Self::DataDir => "dataDirHostPath on every host",
            Self::Volumes => "ceph-volume list on every host",
            Self::Time => "clock of every host",
            Self::Memory => "memory of every host",
        })
    }
}

fn of<T>(need: Need, reading: &Reading<T>) -> Vec<String> {
    reading
        .require()
        .err()
        .map(|because| format!("{need}: {because}"))
        .into_iter()
        .collect()
}

fn on_hosts<'a>(facts: &'a Facts, missing: impl Fn(&'a HostFacts) -> Option<&'a str>) -> Vec<String> {
    let of_host = |(name, reading): (&HostName, &'a HostReading)| match reading {
        HostReading::Unreachable { because } => Some(format!("{name} was not reached: {because}")),
        HostReading::Reached(host) => missing(host).map(|because| format!("{name}: {because}")),
    };
    facts.hosts.iter().filter_map(of_host).collect()
}
