//! Finds units and nodes by name, each in one look, so that planning two thousand OSDs stays linear.

use std::collections::{BTreeMap, HashMap};

use reeve_ceph::DaemonName;
use reeve_host::HostName;

use crate::facts::{DaemonUnit, Deployment, Facts, HostFacts, Node};
use crate::plan::PlanError;

/// Where a daemon runs now.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) host: &'a HostName,
    pub(super) facts: &'a HostFacts,
    pub(super) unit: &'a DaemonUnit,
}

pub(super) struct Index<'a> {
    units: HashMap<&'a DaemonName, Vec<Found<'a>>>,
    by_machine_id: HashMap<&'a str, Vec<&'a Node>>,
    by_address: HashMap<&'a str, Vec<&'a Node>>,
    unreachable: Vec<&'a HostName>,
}

impl<'a> Index<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let mut units: HashMap<_, Vec<_>> = HashMap::new();
        for (host, host_facts) in facts.reached_hosts() {
            for unit in &host_facts.daemons {
                units.entry(&unit.daemon).or_default().push(Found {
                    host,
                    facts: host_facts,
                    unit,
                });
            }
        }
        let mut by_machine_id: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_address: HashMap<_, Vec<_>> = HashMap::new();
        for node in &facts.kubernetes.nodes {
            if !node.machine_id.is_empty() {
                by_machine_id.entry(node.machine_id.as_str()).or_default().push(node);
            }
            for address in &node.addresses {
                by_address.entry(address.as_str()).or_default().push(node);
            }
        }
        let unreachable = facts
            .hosts
            .iter()
            .filter(|(_, it)| it.reached().is_none())
            .map(|(name, _)| name)
            .collect();
        Self {
            units,
            by_machine_id,
            by_address,
            unreachable,
        }
    }

    /// Returns the one unit that runs the daemon now.
    pub(super) fn unit(&self, daemon: &DaemonName) -> Result<Found<'a>, PlanError> {
        let all = self.units.get(daemon).map_or(&[][..], Vec::as_slice);
        let mut active = all.iter().filter(|it| it.unit.active == "active");
        let Some(found) = active.next() else {
            if let Some(stopped) = all.first() {
                let fact = format!(
                    "its unit {} on {} is {}",
                    stopped.unit.unit, stopped.host, stopped.unit.active
                );
                return Err(PlanError::daemon(
                    daemon,
                    fact,
                    "start it, or remove the daemon from the cluster",
                ));
            }
            let fact = match self.unreachable.first() {
                Some(host) => format!("no host that answered has a unit for it, and {host} did not answer"),
                None => "no host has a unit for it".to_owned(),
            };
            return Err(PlanError::daemon(
                daemon,
                fact,
                "see that the survey reaches its host, and take it again",
            ));
        };
        if let Some(other) = active.next() {
            let fact = format!("it has an active unit on {} and on {}", found.host, other.host);
            return Err(PlanError::daemon(
                daemon,
                fact,
                "stop and remove the one that is not in the cluster",
            ));
        }
        match &found.unit.deployment {
            Deployment::Packages | Deployment::CephAnsible { .. } | Deployment::Cephadm { .. } => Ok(*found),
            Deployment::Rook => Err(PlanError::daemon(
                daemon,
                "Rook runs it already",
                "finish or roll back the run that began",
            )),
            Deployment::Unknown { exec_start } => {
                let fact = format!(
                    "its unit {} runs `{exec_start}`, which is no deployment Reeve knows",
                    found.unit.unit
                );
                Err(PlanError::daemon(
                    daemon,
                    fact,
                    "run it by a package's or ceph-ansible's unit, or by cephadm, first",
                ))
            }
        }
    }

    /// Returns the Kubernetes node that is this host: by machine id, else by a shared address.
    pub(super) fn node(&self, host: &HostName, facts: &HostFacts) -> Result<&'a Node, PlanError> {
        let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
        for node in self.by_machine_id.get(facts.machine_id.as_str()).into_iter().flatten() {
            nodes.insert(&node.name, node);
        }
        if nodes.is_empty() {
            for address in &facts.addresses {
                for node in self.by_address.get(address.as_str()).into_iter().flatten() {
                    nodes.insert(&node.name, node);
                }
            }
        }
        let mut found = nodes.into_values();
        match (found.next(), found.next()) {
            (Some(node), None) => Ok(node),
            (Some(one), Some(two)) => {
                let fact = format!("both node {} and node {} could be it", one.name, two.name);
                Err(PlanError::host(
                    host,
                    fact,
                    "give the machines machine ids and addresses of their own",
                ))
            }
            (None, _) => {
                let fact = "no Kubernetes node has its machine id or one of its addresses";
                Err(PlanError::host(
                    host,
                    fact,
                    "join it to the Kubernetes cluster, or check the kubeconfig",
                ))
            }
        }
    }
}
