//! The place of hosts and OSDs in CRUSH.

use std::collections::{BTreeMap, BTreeSet};

use reeve_host::HostName;
use reeve_report::Severity;

use super::{home_of_osd, node_of};
use crate::check::context::{Context, crush_name};
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::Bucket;

const LOCATION: &str = "rook/rook: pkg/operator/ceph/cluster/osd/topology/topology.go – ExtractOSDTopologyFromLabels; pkg/daemon/ceph/client/crush.go – NormalizeCrushName";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.crush-host-name",
        title: "Every CRUSH host is named as Rook will name it",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Rook starts OSDs with the node's hostname label (dots as dashes) as their CRUSH host. The plan sets osd_crush_update_on_start=false before the first one starts, so nothing moves; but whoever sets it back before the bucket is renamed moves all data of the host.",
        remedy: "ceph osd crush rename-bucket {bucket} {wanted}",
        source: LOCATION,
        judge: host_name,
    },
    Rule {
        id: "rook.crush-host-taken",
        title: "No other CRUSH host has the name that Rook will use",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "A rename cannot repair this, and an OSD that Rook starts without osd_crush_update_on_start=false would move into the other host's bucket.",
        remedy: "Rename the one that is in the way first: `ceph osd crush rename-bucket {wanted} NAME`, then `ceph osd crush rename-bucket {bucket} {wanted}`, and survey again.",
        source: LOCATION,
        judge: host_taken,
    },
    Rule {
        id: "rook.crush-host-split",
        title: "All OSDs of a host lie in one CRUSH host",
        severity: Severity::Refusal,
        waiver: Some(
            "osd_crush_update_on_start must stay false for good, since Rook cannot express several CRUSH hosts for one node",
        ),
        needs: &[],
        reason: "Rook has one CRUSH host for each node; without osd_crush_update_on_start=false it would draw them together and move their data.",
        remedy: "Waive this and keep osd_crush_update_on_start=false for good, or move the OSDs of {host} into one bucket first (that moves data).",
        source: LOCATION,
        judge: host_split,
    },
    Rule {
        id: "rook.crush-host-shared",
        title: "No CRUSH host holds OSDs of several hosts",
        severity: Severity::Refusal,
        waiver: Some(
            "osd_crush_update_on_start must stay false for good, since Rook would put the OSDs under their own nodes",
        ),
        needs: &[],
        reason: "Rook has one CRUSH host for each node; without osd_crush_update_on_start=false it would take them apart and move their data.",
        remedy: "Waive this and keep osd_crush_update_on_start=false for good, or give every host a bucket of its own first (that moves data).",
        source: LOCATION,
        judge: host_shared,
    },
    Rule {
        id: "rook.osd-outside-host",
        title: "Every OSD lies in a CRUSH host",
        severity: Severity::Refusal,
        waiver: Some("osd_crush_update_on_start must stay false for good, since Rook would put the OSD under its node"),
        needs: &[],
        reason: "Without osd_crush_update_on_start=false Rook would put it under its node, and data would move.",
        remedy: "Put it where it belongs with `ceph osd crush create-or-move osd.{osd} WEIGHT root=default host=NAME` (that may move data), or waive this.",
        source: LOCATION,
        judge: outside_host,
    },
    Rule {
        id: "rook.crush-root",
        title: "OSDs lie under root `default`",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Rook knows one root. The plan leaves `storage.config.crushRoot` unset, since Rook may remove root default and its rule otherwise, and osd_crush_update_on_start must stay false for good.",
        remedy: "Nothing now; never set `crushRoot`, and keep `ceph config get osd osd_crush_update_on_start` at false.",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go – replaceDefaultCrushMap",
        judge: root,
    },
    Rule {
        id: "rook.topology-labels",
        title: "The nodes' topology labels agree with CRUSH",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Rook adds these labels to the CRUSH location of every OSD on the node. While osd_crush_update_on_start is false nothing moves; afterwards an OSD that is new there goes elsewhere than its neighbours.",
        remedy: "Before Rook is seeded: `kubectl label node {node} {label}-` removes it, or set it to the bucket's name.",
        source: LOCATION,
        judge: topology,
    },
    Rule {
        id: "rook.osd-without-class",
        title: "Every OSD has a device class",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "An OSD without a class gets one when it starts next, and rules that take a class then move data to it.",
        remedy: "ceph osd crush set-device-class {class} osd.{osd}",
        source: "ceph/ceph: doc/rados/operations/crush-map.rst – Device classes (osd_class_update_on_start)",
        judge: without_class,
    },
];

/// The host buckets that the OSDs of each host lie in, and the other way round.
struct Places<'a> {
    buckets_of: BTreeMap<&'a HostName, BTreeMap<i64, &'a Bucket>>,
    hosts_in: BTreeMap<i64, BTreeSet<&'a HostName>>,
}

impl<'a> Places<'a> {
    fn of(cx: &Context<'a>, out: &mut Judgement<'_>) -> Self {
        let mut places = Self {
            buckets_of: BTreeMap::new(),
            hosts_in: BTreeMap::new(),
        };
        for osd in &cx.facts.ceph.osds {
            let Some(host) = home_of_osd(cx, out, osd.id) else {
                continue;
            };
            let Some(bucket) = cx.host_bucket(osd.id) else { continue };
            places.buckets_of.entry(host).or_default().insert(bucket.id, bucket);
            places.hosts_in.entry(bucket.id).or_default().insert(host);
        }
        places
    }

    /// Returns each host that has one bucket to itself.
    fn paired(&self) -> impl Iterator<Item = (&'a HostName, &'a Bucket)> {
        self.buckets_of.iter().filter_map(|(host, buckets)| {
            let (id, bucket) = buckets.first_key_value()?;
            (buckets.len() == 1 && self.hosts_in[id].len() == 1).then_some((*host, *bucket))
        })
    }
}

/// A host whose bucket has another name than Rook will use.
struct Misnamed<'a> {
    host: &'a HostName,
    bucket: &'a Bucket,
    wanted: String,
    taken: bool,
}

fn misnamed<'a>(cx: &Context<'a>, out: &mut Judgement<'_>) -> Vec<Misnamed<'a>> {
    let names: BTreeSet<&str> = cx
        .facts
        .ceph
        .crush
        .buckets
        .iter()
        .map(|bucket| bucket.name.as_str())
        .collect();
    let mut found = Vec::new();
    for (host, bucket) in Places::of(cx, out).paired() {
        let Some(node) = node_of(cx, out, host) else { continue };
        let Some(label) = &node.hostname_label else {
            out.unseen(format!("hostname label of node {}: it has none", node.name));
            continue;
        };
        let wanted = crush_name(label);
        if wanted != bucket.name {
            let taken = names.contains(wanted.as_str());
            found.push(Misnamed {
                host,
                bucket,
                wanted,
                taken,
            });
        }
    }
    found
}

fn host_name(cx: &Context<'_>, out: &mut Judgement<'_>) {
    write_misnamed(cx, out, false);
}

fn host_taken(cx: &Context<'_>, out: &mut Judgement<'_>) {
    write_misnamed(cx, out, true);
}

fn write_misnamed(cx: &Context<'_>, out: &mut Judgement<'_>, taken: bool) {
    for one in misnamed(cx, out).into_iter().filter(|one| one.taken == taken) {
        let also = if taken { ", a name that another bucket has" } else { "" };
        let fact = format!(
            "The OSDs of {} lie in CRUSH host {}; Rook will call it {}{also}.",
            one.host, one.bucket.name, one.wanted
        );
        out.found(
            format!("CRUSH host {}", one.bucket.name),
            fact,
            &[("bucket", &one.bucket.name), ("wanted", &one.wanted)],
        );
    }
}

fn host_split(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, buckets) in Places::of(cx, out)
        .buckets_of
        .iter()
        .filter(|(_, buckets)| buckets.len() > 1)
    {
        let names: Vec<&str> = buckets.values().map(|bucket| bucket.name.as_str()).collect();
        let fact = format!("The OSDs of {host} lie in the CRUSH hosts {}.", list(&names, 8));
        out.found(format!("host {host}"), fact, &[("host", host.as_str())]);
    }
}

fn host_shared(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let places = Places::of(cx, out);
    for bucket in &cx.facts.ceph.crush.buckets {
        let Some(hosts) = places.hosts_in.get(&bucket.id).filter(|hosts| hosts.len() > 1) else {
            continue;
        };
        let hosts: Vec<_> = hosts.iter().collect();
        let fact = format!("CRUSH host {} holds OSDs of {}.", bucket.name, list(&hosts, 8));
        out.found(format!("CRUSH host {}", bucket.name), fact, &[]);
    }
}

fn outside_host(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for osd in cx.facts.ceph.osds.iter().filter(|osd| cx.host_bucket(osd.id).is_none()) {
        let place = cx.ancestors(i64::from(osd.id.0)).next();
        let place = place.map_or("nowhere in CRUSH".into(), |bucket| {
            format!("right under {} {}", bucket.kind, bucket.name)
        });
        out.found(
            format!("osd.{}", osd.id),
            format!("osd.{} is {place}.", osd.id),
            &[("osd", &osd.id.to_string())],
        );
    }
}

fn root(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let tops = cx
        .facts
        .ceph
        .osds
        .iter()
        .filter_map(|osd| cx.ancestors(i64::from(osd.id.0)).last());
    let names: BTreeSet<&str> = tops
        .filter(|top| top.kind == "root")
        .map(|top| top.name.as_str())
        .collect();
    for name in names.into_iter().filter(|name| *name != "default") {
        out.found(
            format!("CRUSH root {name}"),
            format!("OSDs lie under root {name}."),
            &[],
        );
    }
}

/// Labels that Rook reads, with the bucket type that each stands for.
///
/// Source: rook/rook: `pkg/operator/ceph/cluster/osd/topology/topology.go` – `KubernetesTopologyLabels`, `CRUSHTopologyLabels`.
const TOPOLOGY: &[(&str, &str)] = &[
    ("failure-domain.beta.kubernetes.io/region", "region"),
    ("failure-domain.beta.kubernetes.io/zone", "zone"),
    ("topology.kubernetes.io/region", "region"),
    ("topology.kubernetes.io/zone", "zone"),
    ("topology.rook.io/datacenter", "datacenter"),
    ("topology.rook.io/room", "room"),
    ("topology.rook.io/pod", "pod"),
    ("topology.rook.io/pdu", "pdu"),
    ("topology.rook.io/row", "row"),
    ("topology.rook.io/rack", "rack"),
    ("topology.rook.io/chassis", "chassis"),
];

fn topology(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, buckets) in Places::of(cx, out).buckets_of {
        let Some(node) = node_of(cx, out, host) else { continue };
        for (label, kind) in TOPOLOGY {
            let Some(value) = node.labels.get(*label) else { continue };
            // Rook takes no notice of a region that is named like its zone.
            if *kind == "region" && node.labels.get(&label.replace("region", "zone")) == Some(value) {
                continue;
            }
            let wanted = crush_name(value);
            let above = |id: &i64| {
                cx.ancestors(*id)
                    .find(|bucket| bucket.kind == *kind)
                    .map(|bucket| bucket.name.as_str())
            };
            let differing = buckets.keys().map(above).find(|name| *name != Some(wanted.as_str()));
            if let Some(name) = differing {
                let place = name.map_or(format!("no {kind}"), |name| format!("{kind} {name}"));
                let fact = format!("Label {label} says {value}; in CRUSH the host's OSDs lie in {place}.");
                out.found(
                    format!("node {}", node.name),
                    fact,
                    &[("node", &node.name), ("label", label)],
                );
            }
        }
    }
}

fn without_class(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for device in cx
        .facts
        .ceph
        .crush
        .devices
        .iter()
        .filter(|device| device.class.is_empty())
    {
        let said = cx
            .osd(device.id)
            .and_then(|osd| osd.metadata.as_ref())
            .map(|said| said.default_device_class.as_str());
        let class = said.filter(|class| !class.is_empty()).unwrap_or("CLASS");
        let names = [("osd", &*device.id.to_string()), ("class", class)];
        out.found(
            format!("osd.{}", device.id),
            format!("osd.{} has no device class.", device.id),
            &names,
        );
    }
}
