//! The nodes that the hosts are.

use std::collections::{BTreeMap, BTreeSet};

use reeve_host::HostName;
use reeve_report::Severity;

use super::node_of;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::node_match::NodeMatch;
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::Node;

const VALID: &str = "rook/rook: pkg/operator/k8sutil/node.go – ValidNode, NodeIsTolerable, GetNodeSchedulable";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.host-not-node",
        title: "Every host with a mon or an OSD is a Kubernetes node",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Rook can run its daemons on nodes only.",
        remedy: "Join {host} to the cluster (`kubeadm token create --print-join-command` on the control plane), or move its daemons away first; then survey again.",
        source: VALID,
        judge: not_node,
    },
    Rule {
        id: "rook.host-node-unclear",
        title: "It is clear which node each host is",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "A daemon that is pinned to the wrong node makes a fresh store there.",
        remedy: "Compare `kubectl get nodes -o wide` with `ip address` and /etc/machine-id on {host}; give cloned machines an id of their own (`systemd-machine-id-setup`), and survey again.",
        source: "machine-id(5); Kubernetes documentation: Nodes – Addresses, Info",
        judge: unclear,
    },
    Rule {
        id: "rook.node-not-ready",
        title: "Every node that takes daemons over is Ready",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "The pod that should take a daemon over would wait while the daemon is stopped.",
        remedy: "See why: `kubectl describe node {node}`, and on it `journalctl -u kubelet`; survey again when it is Ready.",
        source: VALID,
        judge: not_ready,
    },
    Rule {
        id: "rook.node-unschedulable",
        title: "No node that takes daemons over is cordoned",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Rook leaves cordoned nodes out when it looks for OSDs, and their mons would not start.",
        remedy: "kubectl uncordon {node}",
        source: VALID,
        judge: unschedulable,
    },
    Rule {
        id: "rook.node-tainted",
        title: "No taint keeps Rook's daemons off a node",
        severity: Severity::Refusal,
        waiver: Some("you give the CephCluster a placement that tolerates the taint before anything is handed over"),
        needs: &[Need::Hosts],
        reason: "Without a toleration Rook leaves the node out when it looks for OSDs, and its mons would not start.",
        remedy: "kubectl taint node {node} {taint}-",
        source: VALID,
        judge: tainted,
    },
    Rule {
        id: "rook.node-pressure",
        title: "No node that takes daemons over is under pressure",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "The kubelet takes no new pods and evicts those it has: a daemon that was just handed over among them.",
        remedy: "See `kubectl describe node {node}`, free what is short, and survey again when the condition is False.",
        source: "Kubernetes documentation: Node-pressure Eviction",
        judge: pressure,
    },
    Rule {
        id: "rook.node-hostname-label",
        title: "Every node has a hostname label of its own",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Rook pins mons and OSDs by `kubernetes.io/hostname`; without it, or with one that two nodes share, a daemon starts in the wrong place or not at all.",
        remedy: "kubectl label node {node} kubernetes.io/hostname={node} --overwrite",
        source: "rook/rook: pkg/operator/k8sutil/node.go – GetNodeHostNameLabel, GetNodeNameFromHostname",
        judge: hostname_label,
    },
    Rule {
        id: "rook.image-missing",
        title: "Every node that takes daemons over has the Ceph image",
        severity: Severity::Refusal,
        waiver: Some("the prepare phase pulls the image by a pod on every node, and stops there if it cannot"),
        needs: &[Need::Hosts],
        reason: "A daemon that is stopped while its node still pulls the image stays away for as long as that takes, or for good where no registry is in reach.",
        remedy: "On {host}: `crictl pull {image}` (or `ctr -n k8s.io images import FILE`), and survey again.",
        source: "Kubernetes documentation: Images – Image pull policy",
        judge: image_missing,
    },
];

const ELSEWHERE: &str = "nodes: none of the hosts is a node of this Kubernetes cluster";

fn not_node(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.other_kubernetes() {
        out.unseen(ELSEWHERE);
        return;
    }
    for host in cx.taken_over_hosts() {
        if cx.nodes.get(host) == Some(&NodeMatch::None) {
            let facts = cx.host(host);
            let marks = facts.map_or(String::new(), |facts| {
                let addresses: Vec<_> = facts.addresses.iter().collect();
                format!("machine id {}, addresses {}", facts.machine_id, list(&addresses, 8))
            });
            out.found(
                format!("host {host}"),
                format!("{host} has mons or OSDs and is no node."),
                &[("host", host.as_str())],
            )
            .by(format!("{host}: /etc/machine-id, ip address"), marks);
        }
    }
}

fn unclear(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.other_kubernetes() {
        out.unseen(ELSEWHERE);
        return;
    }
    for host in cx.taken_over_hosts() {
        if let Some(NodeMatch::Unclear { why }) = cx.nodes.get(host) {
            out.found(
                format!("host {host}"),
                format!("It is not clear which node {host} is: {why}."),
                &[("host", host.as_str())],
            );
        }
    }
}

/// Returns the hosts that are taken over with their nodes, and writes down where that is not known.
fn nodes<'a>(cx: &Context<'a>, out: &mut Judgement<'_>) -> Vec<(&'a HostName, &'a Node)> {
    cx.taken_over_hosts()
        .into_iter()
        .filter_map(|host| node_of(cx, out, host).map(|node| (host, node)))
        .collect()
}

fn not_ready(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (_, node) in nodes(cx, out).into_iter().filter(|(_, node)| !node.ready) {
        out.found(
            format!("node {}", node.name),
            format!("Node {} is not Ready.", node.name),
            &[("node", &node.name)],
        );
    }
}

fn unschedulable(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (_, node) in nodes(cx, out).into_iter().filter(|(_, node)| node.unschedulable) {
        out.found(
            format!("node {}", node.name),
            format!("Node {} is cordoned.", node.name),
            &[("node", &node.name)],
        );
    }
}

fn tainted(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (_, node) in nodes(cx, out) {
        // Kubernetes sets the taints of this prefix itself, for conditions that other rules look at.
        // Rook wants a toleration for every other one, also for those with the effect PreferNoSchedule.
        let own = |taint: &&String| !taint.starts_with("node.kubernetes.io/");
        for taint in node.taints.iter().filter(own) {
            out.found(
                format!("node {}", node.name),
                format!("Node {} has the taint {taint}.", node.name),
                &[("node", &node.name), ("taint", taint)],
            );
        }
    }
}

fn pressure(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (_, node) in nodes(cx, out)
        .into_iter()
        .filter(|(_, node)| !node.pressures.is_empty())
    {
        let conditions: Vec<&String> = node.pressures.iter().collect();
        let fact = format!("Node {} reports {}.", node.name, list(&conditions, 8));
        out.found(format!("node {}", node.name), fact, &[("node", &node.name)]);
    }
}

fn hostname_label(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mut by_label: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in &cx.facts.kubernetes.nodes {
        if let Some(label) = &node.hostname_label {
            by_label.entry(label).or_default().insert(&node.name);
        }
    }
    for (_, node) in nodes(cx, out) {
        let fact = match &node.hostname_label {
            None => format!("Node {} has no label kubernetes.io/hostname.", node.name),
            Some(label) if by_label[label.as_str()].len() > 1 => {
                let sharing: Vec<&str> = by_label[label.as_str()].iter().copied().collect();
                format!("Nodes {} share the hostname label {label}.", list(&sharing, 8))
            }
            Some(_) => continue,
        };
        out.found(format!("node {}", node.name), fact, &[("node", &node.name)]);
    }
}

fn image_missing(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(image) = &cx.facts.scope.ceph_image else {
        out.unseen("Ceph image: none was said");
        return;
    };
    let wanted = full_name(image);
    let has = |images: &BTreeSet<String>| images.iter().any(|image| full_name(image) == wanted);
    for host in cx.taken_over_hosts() {
        // The host's own list is of now and decides. The kubelet's is older by up to a minute, and names 50 images at most: only its yes
        // counts, and only where the host's list cannot be read.
        match cx.host(host).map(|facts| facts.images.require()) {
            Some(Ok(images)) if has(images) => {}
            Some(Ok(_)) => {
                out.found(
                    format!("host {host}"),
                    format!("{host} does not have {image}."),
                    &[("host", host.as_str())],
                );
            }
            _ if cx.node(host).is_some_and(|node| has(&node.images)) => {}
            Some(Err(because)) => out.unseen(format!("images of {host}: {because}")),
            None => out.unseen(format!("images of {host}: it was not reached")),
        }
    }
}

/// Returns an image's name as container runtimes store it: with its registry.
///
/// Source: distribution/reference: `normalize.go` – `splitDockerDomain`.
fn full_name(image: &str) -> String {
    match image.split_once('/') {
        Some((registry, _)) if registry.contains(['.', ':']) || registry == "localhost" => image.into(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::full_name;

    #[test]
    fn short_image_names_mean_docker_hub() {
        assert_eq!(full_name("ceph:v1"), "docker.io/library/ceph:v1");
        assert_eq!(full_name("rook/ceph:v1"), "docker.io/rook/ceph:v1");
        for full in ["quay.io/ceph/ceph:v1", "registry:5000/ceph:v1", "localhost/ceph"] {
            assert_eq!(full_name(full), full);
        }
    }
}
