//! The facts of a survey as text: what an operator wants to see at a glance.

use std::collections::BTreeMap;
use std::fmt::Write;

use reeve_ceph::DaemonType;
use reeve_rook::check::{NodeMatch, match_nodes};
use reeve_rook::facts::{Deployment, Facts, HealthStatus, HostFacts, HostReading, Reading};

/// Returns the facts as text for a terminal of `width` columns, without colour.
pub(super) fn text(facts: &Facts, width: usize) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail; the results are dropped on purpose.
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key:<12} {}", printable(value));
    };
    let ceph = &facts.ceph;
    line("cluster", &ceph.fsid.to_string());
    line("version", &versions(facts));
    line("health", &health(facts));
    let quorum = &ceph.quorum;
    let mons = &ceph.monmap.mons;
    line(
        "mons",
        &format!(
            "{} of {} in quorum, leader {}, map epoch {}",
            quorum.names.len(),
            mons.len(),
            quorum.leader,
            ceph.monmap.epoch
        ),
    );
    let active = ceph.mgr.active.as_deref().unwrap_or("none");
    line("mgrs", &format!("active {active}, {} standby", ceph.mgr.standbys.len()));
    let up = ceph.osds.iter().filter(|osd| osd.up).count();
    let inside = ceph.osds.iter().filter(|osd| osd.in_cluster).count();
    line("OSDs", &format!("{}: {up} up, {inside} in", ceph.osds.len()));
    let pools: Vec<&str> = ceph.pools.iter().map(|pool| pool.name.as_str()).collect();
    line("pools", &format!("{}: {}", pools.len(), shortened(&pools, 8)));
    let unclean = ceph.pgs.unclean();
    let pgs = if unclean == 0 {
        "all active+clean".to_owned()
    } else {
        format!("{unclean} not active+clean")
    };
    line("PGs", &format!("{}, {pgs}", ceph.pgs.total));
    match &ceph.filesystems {
        Reading::Known(filesystems) if filesystems.is_empty() => {}
        Reading::Known(filesystems) => {
            let names: Vec<&str> = filesystems.iter().map(|fs| fs.name.as_str()).collect();
            line("CephFS", &shortened(&names, 8));
        }
        Reading::Unknown { because } => line("CephFS", &format!("not known: {because}")),
    }
    match &ceph.services {
        Reading::Known(services) if services.is_empty() => {}
        Reading::Known(services) => {
            let names: Vec<String> = services
                .iter()
                .map(|service| format!("{}.{}", service.kind, service.id))
                .collect();
            line("services", &shortened(&names, 8));
        }
        Reading::Unknown { because } => line("services", &format!("not known: {because}")),
    }
    let kubernetes = &facts.kubernetes;
    let ready = kubernetes.nodes.iter().filter(|node| node.ready).count();
    line(
        "Kubernetes",
        &format!(
            "{} at {}, {ready} of {} nodes ready",
            kubernetes.version,
            kubernetes.server,
            kubernetes.nodes.len()
        ),
    );
    line("Rook", &operator(facts));
    line("gate", &gate(facts));
    text.push('\n');
    text.push_str(&hosts_table(facts, width));
    text
}

fn versions(facts: &Facts) -> String {
    if let Some((_, version)) = facts.ceph.single_version() {
        return format!("{version} ({}), the same for every daemon", version.release_name());
    }
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (line, count) in facts.ceph.versions.values().flatten() {
        *counts.entry(line.as_str()).or_default() += count;
    }
    counts
        .iter()
        .map(|(line, count)| format!("{count} daemons of {line}"))
        .collect::<Vec<_>>()
        .join("; ")
}

fn health(facts: &Facts) -> String {
    let health = &facts.ceph.health;
    let word = match health.status {
        HealthStatus::Ok => "HEALTH_OK",
        HealthStatus::Warn => "HEALTH_WARN",
        HealthStatus::Err => "HEALTH_ERR",
    };
    let codes: Vec<&str> = health.checks.keys().map(String::as_str).collect();
    if codes.is_empty() {
        word.into()
    } else {
        format!("{word}: {}", codes.join(", "))
    }
}

fn operator(facts: &Facts) -> String {
    match &facts.kubernetes.operator {
        Reading::Known(operator) if !operator.exists => "no operator in this namespace".into(),
        Reading::Known(operator) => {
            let version = operator.version.as_deref().unwrap_or("of unknown version");
            let clusters = match &facts.kubernetes.ceph_clusters {
                Reading::Known(clusters) if clusters.is_empty() => "no CephCluster yet".to_owned(),
                Reading::Known(clusters) => {
                    let names: Vec<String> = clusters.iter().map(|c| format!("{}/{}", c.namespace, c.name)).collect();
                    format!("CephCluster {}", shortened(&names, 4))
                }
                Reading::Unknown { because } => format!("CephClusters not known: {because}"),
            };
            format!(
                "operator {version}, {} of {} ready; {clusters}",
                operator.ready_replicas, operator.replicas
            )
        }
        Reading::Unknown { because } => format!("not known: {because}"),
    }
}

fn gate(facts: &Facts) -> String {
    match &facts.kubernetes.gate {
        Reading::Known(gate) if !gate.supported => "not supported by this Kubernetes (1.30 or newer is needed)".into(),
        Reading::Known(gate) if gate.policy || gate.binding || gate.released.is_some() => {
            let run = gate.run.as_deref().unwrap_or("an unknown run");
            format!("left by {run}")
        }
        Reading::Known(_) => "none, and supported".into(),
        Reading::Unknown { because } => format!("not known: {because}"),
    }
}

fn hosts_table(facts: &Facts, width: usize) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["HOST", "NODE", "DAEMONS", "DEPLOYED BY", "NOTES"]);
    let nodes = match_nodes(facts);
    let node_of = |host: &reeve_host::HostName| {
        nodes
            .get(host)
            .and_then(NodeMatch::node)
            .map_or_else(|| "none".into(), |node| node.name.clone())
    };
    for (name, reading) in &facts.hosts {
        let cells = match reading {
            HostReading::Reached(host) => [
                name.to_string(),
                node_of(name),
                daemons(host),
                deployments(host),
                notes(host),
            ],
            HostReading::Unreachable { because } => [
                name.to_string(),
                "-".into(),
                "-".into(),
                "-".into(),
                format!("unreachable: {because}"),
            ],
        };
        table.add_row(cells.map(|cell| printable(&cell)));
    }
    let drawn = table.to_string();
    drawn.lines().map(|line| format!("{}\n", line.trim())).collect()
}

fn daemons(host: &HostFacts) -> String {
    let mut by_kind: BTreeMap<DaemonType, Vec<&str>> = BTreeMap::new();
    for unit in &host.daemons {
        by_kind.entry(unit.daemon.kind).or_default().push(&unit.daemon.id);
    }
    let parts: Vec<String> = by_kind
        .iter()
        .map(|(kind, ids)| {
            if ids.len() > 6 {
                format!("{} {kind}", ids.len())
            } else {
                format!("{kind} {}", ids.join(" "))
            }
        })
        .collect();
    if parts.is_empty() {
        "none".into()
    } else {
        parts.join(", ")
    }
}

fn deployments(host: &HostFacts) -> String {
    let mut words: Vec<String> = host
        .daemons
        .iter()
        .map(|unit| match &unit.deployment {
            Deployment::Packages => "packages".to_owned(),
            Deployment::CephAnsible { engine, .. } => format!("ceph-ansible ({engine})"),
            Deployment::Cephadm { .. } => "cephadm".into(),
            Deployment::Rook => "Rook".into(),
            Deployment::Unknown { .. } => "unknown".into(),
        })
        .collect();
    words.sort();
    words.dedup();
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

fn notes(host: &HostFacts) -> String {
    let mut notes = vec![host.os.clone()];
    let stopped: Vec<String> = host
        .daemons
        .iter()
        .filter(|unit| unit.active != "active")
        .map(|unit| format!("{} {}", unit.daemon, unit.active))
        .collect();
    if !stopped.is_empty() {
        notes.push(shortened(&stopped, 3));
    }
    if !host.stray_processes.is_empty() {
        notes.push(format!("{} stray Ceph processes", host.stray_processes.len()));
    }
    if host.hypervisor {
        notes.push("runs VMs".into());
    }
    notes.join("; ")
}

fn shortened(names: &[impl AsRef<str>], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let rest = names.len().saturating_sub(most);
    if rest == 0 {
        shown.join(", ")
    } else {
        format!("{} and {rest} more", shown.join(", "))
    }
}

/// Returns text from outside in one line that is safe on a terminal.
fn printable(text: &str) -> String {
    reeve_untrusted::short(text, 2000)
}

#[cfg(test)]
mod tests {
    use reeve_rook::sample::Cluster;

    use super::*;

    #[test]
    fn the_laboratorys_shape_at_a_glance() {
        insta::assert_snapshot!(text(&Cluster::default().facts(), 100));
    }

    #[test]
    fn text_from_hosts_cannot_move_the_cursor() {
        let mut facts = Cluster::default().facts();
        let name = facts.hosts.keys().next().cloned().unwrap();
        facts.hosts.insert(
            name,
            HostReading::Unreachable {
                because: "\u{1b}[2Jgone".into(),
            },
        );
        assert!(!text(&facts, 100).contains('\u{1b}'));
    }
}
