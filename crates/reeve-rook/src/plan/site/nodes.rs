//! The Kubernetes nodes that the cluster's hosts are.

use std::collections::{BTreeMap, BTreeSet};

use reeve_host::HostName;

use super::index::Index;
use super::natural::Natural;
use crate::facts::{Facts, HostFacts, Node};
use crate::plan::PlanError;

/// A host that runs Ceph daemons, and the node that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeSite {
    pub(crate) host: HostName,
    /// The node's name.
    pub(crate) node: String,
    /// Its label `kubernetes.io/hostname`.
    pub(crate) hostname: String,
    /// Keys of its taints that keep pods away.
    pub(crate) taints: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<String>,
}

impl NodeSite {
    /// Returns the name that Rook gives the host in CRUSH (rook: `NormalizeCrushName`).
    pub(crate) fn crush_name(&self) -> String {
        self.hostname.replace('.', "-")
    }
}

/// Returns the nodes of the hosts that are named, in the order in which people count.
pub(super) fn nodes<'a>(
    facts: &Facts,
    index: &Index<'_>,
    hosts: impl Iterator<Item = &'a HostName>,
) -> Result<BTreeMap<HostName, NodeSite>, PlanError> {
    let mut sites = BTreeMap::new();
    let mut taken: BTreeMap<&str, &HostName> = BTreeMap::new();
    for host in hosts {
        if sites.contains_key(host) {
            continue;
        }
        let host_facts = facts
            .hosts
            .get(host)
            .and_then(|it| it.reached())
            .expect("units are found on reached hosts only");
        root(host, host_facts)?;
        let node = index.node(host, host_facts)?;
        if let Some(other) = taken.insert(&node.name, host) {
            let fact = format!("node {} is also host {other}", node.name);
            return Err(PlanError::host(host, fact, "survey each machine under one name only"));
        }
        sites.insert(host.clone(), site(host, node)?);
    }
    Ok(sites)
}

fn root(host: &HostName, facts: &HostFacts) -> Result<(), PlanError> {
    match facts.root.require() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let next = "let the login be root, or allow it sudo without a password";
            Err(PlanError::host(host, "commands cannot be run as root there", next))
        }
        Err(because) => Err(PlanError::unknown(
            format!("whether commands on {host} can be run as root"),
            because,
        )),
    }
}

fn site(host: &HostName, node: &Node) -> Result<NodeSite, PlanError> {
    let Some(hostname) = node.hostname_label.as_deref().filter(|it| !it.is_empty()) else {
        let fact = format!("node {} has no label kubernetes.io/hostname", node.name);
        return Err(PlanError::host(host, fact, "set the label; Rook pins daemons by it"));
    };
    if !node.ready {
        let fact = format!("node {} is not Ready", node.name);
        return Err(PlanError::host(host, fact, "see `kubectl describe node` and mend it"));
    }
    if node.unschedulable {
        let fact = format!("node {} is cordoned", node.name);
        return Err(PlanError::host(
            host,
            fact,
            format!("run `kubectl uncordon {}`", node.name),
        ));
    }
    let keeps_away = |taint: &&String| !taint.ends_with(":PreferNoSchedule");
    let key = |taint: &String| taint.split(['=', ':']).next().unwrap_or_default().to_owned();
    Ok(NodeSite {
        host: host.clone(),
        node: node.name.clone(),
        hostname: hostname.to_owned(),
        taints: node.taints.iter().filter(keeps_away).map(key).collect(),
        addresses: node.addresses.clone(),
    })
}

/// Returns the sites in the order in which people count.
pub(super) fn in_order(sites: &BTreeMap<HostName, NodeSite>) -> Vec<NodeSite> {
    let mut all: Vec<NodeSite> = sites.values().cloned().collect();
    all.sort_by_cached_key(|site| Natural::new(&site.hostname));
    all
}
