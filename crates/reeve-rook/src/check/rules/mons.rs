//! Mons: quorum, number, names and addresses.

use std::collections::BTreeMap;

use reeve_ceph::DaemonName;
use reeve_report::Severity;

use super::{MAX_LABEL, dns_label, home_of_mon, legacy_unit, node_of};
use crate::check::context::Context;
use crate::check::rule::{Judgement, Rule, list};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.mon-down",
        title: "All mons are in quorum",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Handing over another mon would take the quorum below what survives one more failure, or end it; Rook replaces a mon that stays out by one with another address.",
        remedy: "On {host}: `systemctl status {unit}`; start it, wait until `ceph quorum_status` lists it, and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/health.go – checkHealth",
        judge: down,
    },
    Rule {
        id: "rook.mon-clock-skew",
        title: "The mons' clocks agree",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Mons whose clocks differ lose their leases and call elections, so a mon that is handed over may not stay in quorum.",
        remedy: "See `ceph time-sync-status`, repair time synchronisation on the hosts named, and survey again.",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst – MON_CLOCK_SKEW",
        judge: clock_skew,
    },
    Rule {
        id: "rook.mon-no-spare",
        title: "The quorum survives the hand-over of one mon",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "With one or two mons there is no quorum while one of them moves: open sessions go on, but new clients, map changes and every `ceph` command wait, about 10 to 60 s for each mon.",
        remedy: "Grow to three mons with the legacy tooling first, or choose a quiet hour; `ceph mon stat` shows how many there are.",
        source: "ceph/ceph: doc/rados/configuration/mon-config-ref.rst – Monitor Quorum",
        judge: no_spare,
    },
    Rule {
        id: "rook.mon-even",
        title: "The number of mons is odd",
        severity: Severity::Note,
        waiver: None,
        needs: &[],
        reason: "An even number survives no more failures than one mon less.",
        remedy: "Nothing now; when Rook runs the mons, set `spec.mon.count` to an odd number.",
        source: "ceph/ceph: doc/rados/configuration/mon-config-ref.rst – Monitor Quorum",
        judge: even,
    },
    Rule {
        id: "rook.mon-id-refused",
        title: "Kubernetes accepts the mons' ids in names and labels",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook names the Deployment `rook-ceph-mon-ID` and labels it with the id, which Kubernetes allows only for lower-case letters, digits and inner dashes, and for no more than 63 characters.",
        remedy: "Add a mon with a legal id on this host or another, then remove this one: `ceph mon remove {mon}`, only while all others are in quorum.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/mon.go – resourceName",
        judge: id_refused,
    },
    Rule {
        id: "rook.mon-id-dotted",
        title: "The mons' ids have no dots",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Rook makes a Service for a mon without host networking, and a Service's name has no dots: this cluster must stay on host networking, which the plan chooses.",
        remedy: "Nothing now; keep `spec.network.provider: host`.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/service.go – createService",
        judge: id_dotted,
    },
    Rule {
        id: "rook.mon-id-path",
        title: "The mons' data directories have Rook's usual names",
        severity: Severity::Note,
        waiver: None,
        needs: &[],
        reason: "Where an id contains `mon`, Rook leaves the prefix `mon-` out of the directory's name; the plan moves the store there.",
        remedy: "Nothing; expect the store of mon.{mon} at {data_dir}/{mon}/data.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/config.go – dataDirRelativeHostPath",
        judge: id_path,
    },
    Rule {
        id: "rook.mon-id-number",
        title: "No mon's id reads as a large number to Rook",
        severity: Severity::Note,
        waiver: None,
        needs: &[],
        reason: "Rook reads an id of letters only as a number in base 26, so the next mon that it makes gets a long name. That harms nothing.",
        remedy: "Nothing; the plan seeds `maxMonId` with -1.",
        source: "rook/rook: pkg/operator/k8sutil/name.go – NameToIndex",
        judge: id_number,
    },
    Rule {
        id: "rook.mon-without-v2",
        title: "Every mon answers msgr2 at port 3300",
        severity: Severity::Refusal,
        waiver: Some(
            "daemons under Rook find an address that nobody answers in their mon_host, and fall back to msgr1",
        ),
        needs: &[],
        reason: "Rook writes port 3300 for every mon into the mon_host of its daemons and clients.",
        remedy: "Run `ceph mon enable-msgr2`, or correct one mon with `ceph mon set-addrs {mon} {addresses}`.",
        source: "rook/rook: pkg/operator/ceph/config/store.go – createOrUpdateMonHostSecrets",
        judge: without_v2,
    },
    Rule {
        id: "rook.mon-v2-only",
        title: "Every mon answers msgr1 too",
        severity: Severity::Note,
        waiver: None,
        needs: &[],
        reason: "Seeded with port 3300 only, Rook starts this mon with --ms-bind-msgr1=false and writes a mon_host without msgr1, as it is now.",
        remedy: "Nothing, unless old kernel clients shall come back.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/spec.go – makeMonDaemonContainer",
        judge: v2_only,
    },
    Rule {
        id: "rook.mon-shared-host",
        title: "No two mons run on one host",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook refuses several mons on one node with host networking, and evicts one of them.",
        remedy: "Move one of them to a host without a mon with the legacy tooling, and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go – preClusterStartValidation",
        judge: shared_host,
    },
    Rule {
        id: "rook.mon-ip-not-on-node",
        title: "Every mon's address is an address of its node",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "When Rook ever places a mon anew it takes the node's InternalIP, unless the node is annotated, and that network may not be Ceph's.",
        remedy: "kubectl annotate node {node} network.rook.io/mon-ip={ip}",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/node.go – getNodeInfoFromNode",
        judge: ip_not_on_node,
    },
    Rule {
        id: "rook.stretch-mode",
        title: "Stretch mode is off",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook runs a stretched cluster only from a spec of its own with an arbiter zone; with the plain one it would undo the mons' locations.",
        remedy: "There is no way to take a stretched cluster over; `ceph mon dump` shows the mode.",
        source: "rook/rook: Documentation/CRDs/Cluster/stretch-cluster.md",
        judge: stretch,
    },
];

fn down(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let ceph = &cx.facts.ceph;
    let missing: Vec<_> = ceph
        .monmap
        .mons
        .iter()
        .filter(|mon| !ceph.quorum.names.contains(&mon.name))
        .collect();
    let in_quorum: Vec<_> = ceph.quorum.names.iter().collect();
    for mon in &missing {
        let (place, host, unit) = legacy_unit(cx, &DaemonName::mon(mon.name.as_str()));
        out.found(
            place,
            format!("mon.{} is not in quorum.", mon.name),
            &[("host", &host), ("unit", &unit)],
        )
        .by("ceph quorum_status", format!("in quorum: {}", list(&in_quorum, 9)));
    }
    if let (true, Some(check)) = (missing.is_empty(), cx.health("MON_DOWN")) {
        out.found(
            "cluster",
            format!("Ceph raises MON_DOWN: {}.", check.summary),
            &[("host", "HOST"), ("unit", "ceph-mon@ID")],
        )
        .by("ceph health detail", check.detail.join("\n"));
    }
}

fn clock_skew(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if let Some(check) = cx.health("MON_CLOCK_SKEW") {
        out.found(
            "cluster",
            format!("Ceph raises MON_CLOCK_SKEW: {}.", check.summary),
            &[],
        )
        .by("ceph health detail", check.detail.join("\n"));
    }
}

fn no_spare(cx: &Context<'_>, out: &mut Judgement<'_>) {
    match cx.facts.ceph.monmap.mons.len() {
        1 => drop(out.found("cluster", "The cluster has one mon.", &[])),
        2 => drop(out.found("cluster", "The cluster has two mons.", &[])),
        _ => {}
    }
}

fn even(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mons = cx.facts.ceph.monmap.mons.len();
    if mons > 2 && mons.is_multiple_of(2) {
        out.found("cluster", format!("The cluster has {mons} mons."), &[]);
    }
}

fn id_refused(cx: &Context<'_>, out: &mut Judgement<'_>) {
    // The ReplicaSet's hash and the pod's suffix follow the Deployment's name, but Kubernetes shortens those by itself; the label
    // cannot be shortened, nor can the name of the Service that `rook-ceph-mon-ID` would be.
    const PREFIX: usize = "rook-ceph-mon-".len();
    for mon in &cx.facts.ceph.monmap.mons {
        let fits = mon.name.len() + PREFIX <= MAX_LABEL;
        if !(fits && mon.name.split('.').all(dns_label)) {
            let fact = if fits {
                format!("Kubernetes does not take `{}` as a name.", mon.name)
            } else {
                format!("`rook-ceph-mon-{}` is longer than {MAX_LABEL} characters.", mon.name)
            };
            out.found(format!("mon.{}", mon.name), fact, &[("mon", &mon.name)]);
        }
    }
}

fn id_dotted(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in cx.facts.ceph.monmap.mons.iter().filter(|mon| mon.name.contains('.')) {
        out.found(
            format!("mon.{}", mon.name),
            format!("The id `{}` has a dot.", mon.name),
            &[],
        );
    }
}

fn id_path(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in cx.facts.ceph.monmap.mons.iter().filter(|mon| mon.name.contains("mon")) {
        let fact = format!("The id `{}` contains `mon`.", mon.name);
        out.found(format!("mon.{}", mon.name), fact, &[("mon", &mon.name)]);
    }
}

fn id_number(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let letters = |id: &str| id.len() > 1 && id.bytes().all(|b| b.is_ascii_lowercase());
    for mon in cx.facts.ceph.monmap.mons.iter().filter(|mon| letters(&mon.name)) {
        out.found(
            format!("mon.{}", mon.name),
            format!("The id `{}` is made of letters only.", mon.name),
            &[],
        );
    }
}

fn without_v2(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mut all_have_it = true;
    for mon in &cx.facts.ceph.monmap.mons {
        let fact = match &mon.v2 {
            Some(address) if address.ends_with(":3300") => continue,
            Some(address) => format!("mon.{} has its msgr2 address at {address}.", mon.name),
            None => format!("mon.{} has no msgr2 address.", mon.name),
        };
        all_have_it = false;
        let ip = mon.ip().unwrap_or("IP");
        let ip = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let addresses = format!("[v2:{ip}:3300,v1:{ip}:6789]");
        out.found(
            format!("mon.{}", mon.name),
            fact,
            &[("mon", &mon.name), ("addresses", &addresses)],
        )
        .by(
            "ceph mon dump",
            format!(
                "v2 {}, v1 {}",
                mon.v2.as_deref().unwrap_or("none"),
                mon.v1.as_deref().unwrap_or("none")
            ),
        );
    }
    if let (true, Some(check)) = (all_have_it, cx.health("MON_MSGR2_NOT_ENABLED")) {
        out.found(
            "cluster",
            format!("Ceph raises MON_MSGR2_NOT_ENABLED: {}.", check.summary),
            &[("mon", "ID"), ("addresses", "[v2:IP:3300,v1:IP:6789]")],
        );
    }
}

fn v2_only(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in cx
        .facts
        .ceph
        .monmap
        .mons
        .iter()
        .filter(|mon| mon.v2.is_some() && mon.v1.is_none())
    {
        out.found(
            format!("mon.{}", mon.name),
            format!("mon.{} has a msgr2 address only.", mon.name),
            &[],
        );
    }
}

fn shared_host(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mut by_host: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for mon in &cx.facts.ceph.monmap.mons {
        if let Some((host, _)) = home_of_mon(cx, out, mon) {
            by_host.entry(host).or_default().push(&mon.name);
        }
    }
    for (host, mons) in by_host.iter().filter(|(_, mons)| mons.len() > 1) {
        out.found(
            format!("host {host}"),
            format!("Mons {} run on {host}.", mons.join(", ")),
            &[],
        );
    }
}

fn ip_not_on_node(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in &cx.facts.ceph.monmap.mons {
        let Some((host, _)) = home_of_mon(cx, out, mon) else {
            continue;
        };
        let Some(node) = node_of(cx, out, host) else { continue };
        let Some(ip) = mon.ip().filter(|ip| !node.addresses.contains(*ip)) else {
            continue;
        };
        let fact = format!(
            "mon.{} has address {ip}, which is none of node {}'s addresses.",
            mon.name, node.name
        );
        out.found(format!("mon.{}", mon.name), fact, &[("node", &node.name), ("ip", ip)])
            .by("kubectl get node", list(&node.addresses.iter().collect::<Vec<_>>(), 8));
    }
}

fn stretch(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.ceph.monmap.stretch_mode {
        out.found("cluster", "The cluster is in stretch mode.", &[]);
    }
}
