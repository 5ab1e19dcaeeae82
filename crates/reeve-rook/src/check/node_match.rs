//! Which Kubernetes node is which host.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reeve_host::HostName;

use crate::facts::{Facts, HostFacts, Node};

/// The node that a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeMatch<'a> {
    /// This one.
    Is(&'a Node),
    /// No node has the host's machine id, any of its addresses, or, where those cannot be compared, its name.
    None,
    /// The marks contradict each other.
    Unclear {
        /// What contradicts what.
        why: String,
    },
}

impl<'a> NodeMatch<'a> {
    /// Returns the node, if it is clear which one it is.
    pub fn node(&self) -> Option<&'a Node> {
        match self {
            Self::Is(node) => Some(node),
            Self::None | Self::Unclear { .. } => None,
        }
    }
}

/// Returns for each host that answered the node that it is.
///
/// Machine id and addresses decide, since names can be equal in two clusters; a name counts only where machine ids are not known on both
/// sides. A node that two hosts claim is unclear for both.
pub fn match_nodes(facts: &Facts) -> BTreeMap<&HostName, NodeMatch<'_>> {
    let index = NodeIndex::new(&facts.kubernetes.nodes);
    let mut matches: BTreeMap<&HostName, NodeMatch<'_>> = facts
        .reached_hosts()
        .map(|(name, host)| (name, index.find(name, host)))
        .collect();
    let mut claims: BTreeMap<&str, Vec<&HostName>> = BTreeMap::new();
    for (host, found) in &matches {
        if let NodeMatch::Is(node) = found {
            claims.entry(&node.name).or_default().push(host);
        }
    }
    for (node, hosts) in claims.into_iter().filter(|(_, hosts)| hosts.len() > 1) {
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        for host in hosts {
            let why = format!("hosts {} all look like node {node}", names.join(", "));
            matches.insert(host, NodeMatch::Unclear { why });
        }
    }
    matches
}

struct NodeIndex<'a> {
    nodes: &'a [Node],
    by_machine: HashMap<&'a str, Vec<usize>>,
    by_address: HashMap<&'a str, Vec<usize>>,
    by_name: HashMap<&'a str, Vec<usize>>,
}

impl<'a> NodeIndex<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let mut index = Self {
            nodes,
            by_machine: HashMap::new(),
            by_address: HashMap::new(),
            by_name: HashMap::new(),
        };
        for (at, node) in nodes.iter().enumerate() {
            if !node.machine_id.is_empty() {
                index.by_machine.entry(&node.machine_id).or_default().push(at);
            }
            for address in &node.addresses {
                index.by_address.entry(address).or_default().push(at);
            }
            let names: BTreeSet<&str> = [Some(node.name.as_str()), node.hostname_label.as_deref()]
                .into_iter()
                .flatten()
                .map(short)
                .collect();
            for name in names {
                index.by_name.entry(name).or_default().push(at);
            }
        }
        index
    }

    fn find(&self, name: &HostName, host: &HostFacts) -> NodeMatch<'a> {
        let none = Vec::new();
        let machine: BTreeSet<usize> = self
            .by_machine
            .get(host.machine_id.as_str())
            .unwrap_or(&none)
            .iter()
            .copied()
            .collect();
        let address: BTreeSet<usize> = host
            .addresses
            .iter()
            .filter_map(|a| self.by_address.get(a.as_str()))
            .flatten()
            .copied()
            .collect();
        let both: Vec<usize> = machine.intersection(&address).copied().collect();
        if let [only] = both[..] {
            return NodeMatch::Is(&self.nodes[only]);
        }
        let marked: BTreeSet<usize> = machine.union(&address).copied().collect();
        let Some(&first) = marked.first() else {
            return self.find_by_name(name, host);
        };
        let node = &self.nodes[first];
        // One mark alone is good enough unless the other one is known and says something else.
        let contradicted =
            !address.is_empty() && machine.is_empty() && !host.machine_id.is_empty() && !node.machine_id.is_empty();
        if marked.len() == 1 && !contradicted {
            return NodeMatch::Is(node);
        }
        let names: Vec<&str> = marked.iter().map(|at| self.nodes[*at].name.as_str()).collect();
        let why = if marked.len() == 1 {
            format!("node {} has an address of this host, but another machine id", node.name)
        } else {
            format!("nodes {} share its machine id or an address of it", names.join(", "))
        };
        NodeMatch::Unclear { why }
    }

    fn find_by_name(&self, name: &HostName, host: &HostFacts) -> NodeMatch<'a> {
        let named: BTreeSet<usize> = [short(name.as_str()), short(&host.hostname)]
            .into_iter()
            .filter_map(|name| self.by_name.get(name))
            .flatten()
            .copied()
            // Both machine ids are known and differ (equal ones were found before): the name is only a namesake.
            .filter(|at| host.machine_id.is_empty() || self.nodes[*at].machine_id.is_empty())
            .collect();
        match named.into_iter().collect::<Vec<_>>()[..] {
            [] => NodeMatch::None,
            [only] => NodeMatch::Is(&self.nodes[only]),
            _ => NodeMatch::Unclear {
                why: "several nodes have its name, and neither machine id nor address tells them apart".into(),
            },
        }
    }
}

/// Returns the part of a host name before the first dot; an address stays whole.
fn short(name: &str) -> &str {
    if name.parse::<std::net::IpAddr>().is_ok() {
        return name;
    }
    name.split_once('.').map_or(name, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Cluster;

    fn of(facts: &Facts, host: usize) -> NodeMatch<'_> {
        match_nodes(facts).into_values().nth(host).unwrap()
    }

    fn host_mut(facts: &mut Facts, at: usize) -> &mut HostFacts {
        match facts.hosts.values_mut().nth(at).unwrap() {
            crate::facts::HostReading::Reached(host) => host,
            crate::facts::HostReading::Unreachable { .. } => panic!("samples answer"),
        }
    }

    #[test]
    fn every_host_of_a_sample_is_its_node() {
        let facts = Cluster {
            hosts: 30,
            ..Cluster::default()
        }
        .facts();
        for (host, found) in match_nodes(&facts) {
            assert_eq!(found.node().map(|node| node.name.as_str()), Some(host.as_str()));
        }
    }

    #[test]
    fn one_mark_is_enough_when_the_other_is_not_known() {
        let mut facts = Cluster::default().facts();
        facts.kubernetes.nodes[0].machine_id.clear();
        assert!(of(&facts, 0).node().is_some(), "the address alone");
        facts.kubernetes.nodes[0].addresses.clear();
        assert!(of(&facts, 0).node().is_some(), "the name alone");
        facts.kubernetes.nodes[0].name = "other".into();
        facts.kubernetes.nodes[0].hostname_label = None;
        assert_eq!(of(&facts, 0), NodeMatch::None);
        facts.kubernetes.nodes[1].addresses.clear();
        assert!(of(&facts, 1).node().is_some(), "the machine id alone");
    }

    #[test]
    fn a_namesake_in_another_cluster_is_no_match() {
        let mut facts = Cluster::default().facts();
        facts.kubernetes.nodes[0].machine_id = "f".repeat(32);
        facts.kubernetes.nodes[0].addresses = BTreeSet::from(["203.0.113.1".to_owned()]);
        assert_eq!(of(&facts, 0), NodeMatch::None);
        facts.kubernetes.nodes[0].addresses = facts.kubernetes.nodes[0]
            .addresses
            .iter()
            .cloned()
            .chain(["198.18.0.11".into()])
            .collect();
        assert!(
            matches!(of(&facts, 0), NodeMatch::Unclear { .. }),
            "an address with another machine id"
        );
    }

    #[test]
    fn cloned_machine_ids_are_told_apart_by_address() {
        let mut facts = Cluster::default().facts();
        for at in 0..3 {
            host_mut(&mut facts, at).machine_id = "a".into();
            facts.kubernetes.nodes[at].machine_id = "a".into();
        }
        assert_eq!(of(&facts, 2).node().unwrap().name, "n3");
        host_mut(&mut facts, 0).addresses.clear();
        assert!(matches!(of(&facts, 0), NodeMatch::Unclear { .. }));
    }

    #[test]
    fn a_node_claimed_twice_is_unclear_for_both() {
        let mut facts = Cluster::default().facts();
        let first = host_mut(&mut facts, 0).clone();
        *host_mut(&mut facts, 1) = first;
        assert!(matches!(of(&facts, 0), NodeMatch::Unclear { .. }));
        assert!(matches!(of(&facts, 1), NodeMatch::Unclear { .. }));
        assert!(of(&facts, 2).node().is_some());
    }
}
