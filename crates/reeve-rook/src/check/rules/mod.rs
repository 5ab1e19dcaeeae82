//! The rules, a file for each subject, and what they share.

mod config;
mod crush;
mod data_dir;
mod gateways;
mod health;
mod hosts;
mod keys;
mod kubernetes;
mod mgrs;
mod mons;
mod namespace;
mod nodes;
mod operator;
mod orchestrator;
mod osds;
mod pools;
mod units;
mod versions;
mod volumes;

use reeve_ceph::{DaemonName, OsdId};
use reeve_host::HostName;

use super::context::Context;
use super::rule::{Judgement, Rule};
use crate::facts::{HostFacts, Mon, Node};

/// All rules, by subject, in the order in which a person would look.
pub(super) const SUBJECTS: &[(&str, &[Rule])] = &[
    ("Ceph's health", health::RULES),
    ("Versions", versions::RULES),
    ("Mons", mons::RULES),
    ("Mgrs", mgrs::RULES),
    ("OSDs", osds::RULES),
    ("Volumes", volumes::RULES),
    ("Pools and placement groups", pools::RULES),
    ("CRUSH", crush::RULES),
    ("Configuration", config::RULES),
    ("Keys and clients", keys::RULES),
    ("File systems and gateways", gateways::RULES),
    ("Orchestrator", orchestrator::RULES),
    ("Hosts", hosts::RULES),
    ("Units", units::RULES),
    ("Data directories", data_dir::RULES),
    ("Kubernetes", kubernetes::RULES),
    ("Nodes", nodes::RULES),
    ("Rook operator", operator::RULES),
    ("Namespace and leftovers", namespace::RULES),
];

/// The longest label value, and the longest DNS-1123 label.
///
/// Source: Kubernetes documentation, Object Names and IDs.
const MAX_LABEL: usize = 63;

/// Returns whether `text` is a DNS-1123 label: lower-case letters, digits and inner dashes, 1 to 63 characters.
fn dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    (1..=MAX_LABEL).contains(&bytes.len()) && bytes.iter().all(inner) && bytes[0] != b'-' && bytes.last() != Some(&b'-')
}

/// Returns the host that a mon runs on, or writes down that it is not known.
fn home_of_mon<'a>(cx: &Context<'a>, out: &mut Judgement<'_>, mon: &Mon) -> Option<(&'a HostName, &'a HostFacts)> {
    let home = cx.mon_home(mon);
    if home.is_none() {
        out.unseen(format!(
            "host of mon.{}: no host that answered has a unit of it",
            mon.name
        ));
    }
    home
}

/// Returns the host that an OSD runs on, or writes down that it is not known.
fn home_of_osd<'a>(cx: &Context<'a>, out: &mut Judgement<'_>, osd: OsdId) -> Option<&'a HostName> {
    let home = cx.osd_home(osd);
    if home.is_none() {
        out.unseen(format!(
            "host of osd.{osd}: no host that answered has a unit or volume of it"
        ));
    }
    home
}

/// Returns how a finding names a daemon, and its host and unit for the remedy; words in capitals where they are not known.
fn legacy_unit(cx: &Context<'_>, daemon: &DaemonName) -> (String, String, String) {
    match cx.units(daemon).first() {
        Some((host, unit)) => (format!("{daemon} on {host}"), host.to_string(), unit.unit.clone()),
        None => (
            daemon.to_string(),
            "HOST".into(),
            format!("ceph-{}@{}", daemon.kind, daemon.id),
        ),
    }
}

/// Returns the node that a host is, or writes down that it is not known.
fn node_of<'a>(cx: &Context<'a>, out: &mut Judgement<'_>, host: &HostName) -> Option<&'a Node> {
    let node = cx.node(host);
    if node.is_none() {
        out.unseen(format!("node of {host}: it is not clear which one it is"));
    }
    node
}

/// Returns the Rook version of the operator, or writes down that it is not known.
fn rook(cx: &Context<'_>, out: &mut Judgement<'_>) -> Option<semver::Version> {
    let rook = cx.rook();
    if rook.is_none() {
        out.unseen("Rook version: no operator whose image tag names one was found");
    }
    rook
}

#[cfg(test)]
mod tests {
    use super::dns_label;

    #[test]
    fn labels_are_what_kubernetes_takes() {
        for good in ["a", "n1", "ceph-mon-1", "0", &"a".repeat(63)] {
            assert!(dns_label(good), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a.b", "ä", &"a".repeat(64)] {
            assert!(!dns_label(bad), "{bad}");
        }
    }
}
