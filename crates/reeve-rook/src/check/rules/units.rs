//! Units: what runs the daemons now, and what may bring them back.

use std::collections::BTreeMap;

use reeve_ceph::DaemonName;
use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::Deployment;

const BACK: &str = "systemd.unit(5); systemctl(1) – mask; ceph/ceph: systemd/, src/ceph-volume/ceph_volume/systemd";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.daemon-not-found",
        title: "Every daemon's unit was found",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "What was not found cannot be stopped, and would run beside the one that Rook starts.",
        remedy: "Find its host (`ceph node ls`, `ceph {kind} metadata {id}`), let Reeve reach it by ssh under the name that Ceph knows, and survey again.",
        source: "ceph/ceph: doc/man/8/ceph.rst – node ls",
        judge: not_found,
    },
    Rule {
        id: "rook.daemon-twice",
        title: "Every daemon runs once",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Two processes with one identity overwrite each other's store.",
        remedy: "Find out which of them Ceph talks to (`ceph {kind} metadata {id}`), stop and mask the other one, and survey again.",
        source: "hazard: two daemons with one identity; ceph/ceph: doc/rados/operations/add-or-rm-mons.rst",
        judge: twice,
    },
    Rule {
        id: "rook.unit-unknown",
        title: "Reeve knows how every daemon was deployed",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Reeve does not know what else starts it, so it cannot make sure that it stays away.",
        remedy: "See `systemctl cat {unit}` on {host}; run the daemon from the packages' unit, ceph-ansible's or cephadm's, and survey again.",
        source: BACK,
        judge: unknown,
    },
    Rule {
        id: "rook.unit-rook",
        title: "No daemon runs under Rook yet",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Some Rook has this daemon already: an earlier take-over stopped half-way, or another one manages it.",
        remedy: "Go on with the earlier run (`reeve run list`), or undo it; then survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go",
        judge: rook,
    },
    Rule {
        id: "rook.unit-other-cluster",
        title: "Every cephadm unit belongs to this cluster",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "The unit carries another fsid: stopping it would stop a daemon of another cluster.",
        remedy: "On {host}: `systemctl status {unit}` and `cephadm ls`; remove what is left of the other cluster, and survey again.",
        source: "ceph/ceph: src/cephadm/cephadm.py – get_unit_name",
        judge: other_cluster,
    },
    Rule {
        id: "rook.unit-not-enabled",
        title: "Every daemon's unit is enabled",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Something else than its enablement starts it, and may do so again after the hand-over; and a way back leaves it as it was: gone after a reboot.",
        remedy: "On {host}: `systemctl enable {unit}`, or note who starts it.",
        source: BACK,
        judge: not_enabled,
    },
    Rule {
        id: "rook.unit-leftover",
        title: "No unit is left of a daemon that is gone or runs elsewhere",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "After a reboot it would start and may meet the daemon that Rook runs.",
        remedy: "On {host}: `systemctl mask --now {unit}`",
        source: BACK,
        judge: leftover,
    },
    Rule {
        id: "rook.reviver",
        title: "Nothing else starts Ceph's daemons",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "The plan masks the daemons' own units; whatever unmasks or works around them would start a second process on a store that Rook has.",
        remedy: "On {host}: see `systemctl cat {unit}`. Switch automation (Puppet, Ansible, monit, upgrades) off for the time of the take-over.",
        source: BACK,
        judge: reviver,
    },
];

/// Returns the daemons that must have a unit: those that the maps know and that are up.
fn wanted(cx: &Context<'_>) -> Vec<DaemonName> {
    let ceph = &cx.facts.ceph;
    let mons = ceph.monmap.mons.iter().map(|mon| DaemonName::mon(mon.name.as_str()));
    let mgrs = ceph
        .mgr
        .active
        .iter()
        .chain(&ceph.mgr.standbys)
        .map(|id| DaemonName::mgr(id.as_str()));
    let osds = ceph.osds.iter().filter(|osd| osd.up).map(|osd| DaemonName::osd(osd.id));
    mons.chain(mgrs).chain(osds).collect()
}

fn not_found(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if !cx.missing(Need::Hosts).is_empty() {
        // It may well be on a host that did not answer.
        return;
    }
    let strays: Vec<&DaemonName> = cx
        .facts
        .reached_hosts()
        .flat_map(|(_, host)| host.stray_processes.iter().filter_map(|p| p.daemon.as_ref()))
        .collect();
    for daemon in wanted(cx) {
        if cx.units(&daemon).is_empty() && !strays.contains(&&daemon) {
            let fact = format!("No host has a unit of {daemon}.");
            out.found(
                daemon.to_string(),
                fact,
                &[("kind", daemon.kind.as_str()), ("id", &daemon.id)],
            );
        }
    }
}

fn twice(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mut active: BTreeMap<&DaemonName, Vec<String>> = BTreeMap::new();
    for (host, unit) in cx.all_units().filter(|(_, unit)| unit.active == "active") {
        active
            .entry(&unit.daemon)
            .or_default()
            .push(format!("{} on {host}", unit.unit));
    }
    for (daemon, places) in active
        .into_iter()
        .filter(|(daemon, places)| places.len() > 1 && unique(daemon))
    {
        let fact = format!("{daemon} runs {} times: {}.", places.len(), list(&places, 8));
        out.found(
            daemon.to_string(),
            fact,
            &[("kind", daemon.kind.as_str()), ("id", &daemon.id)],
        );
    }
}

/// Returns whether a daemon's name is its identity; crash and exporter units carry the same id on every host.
fn unique(daemon: &DaemonName) -> bool {
    use reeve_ceph::DaemonType::{Mds, Mgr, Mon, Osd};
    matches!(daemon.kind, Mon | Mgr | Osd | Mds)
}

fn unknown(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, unit) in cx.all_units() {
        if let Deployment::Unknown { exec_start } = &unit.deployment {
            let fact = format!(
                "The unit {} of {} runs neither Ceph's packages nor a container that is known.",
                unit.unit, unit.daemon
            );
            out.found(
                format!("{} on {host}", unit.daemon),
                fact,
                &[("unit", &unit.unit), ("host", host.as_str())],
            )
            .by(format!("{host}: {}", unit.path), exec_start.clone());
        }
    }
}

fn rook(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, unit) in cx.all_units().filter(|(_, unit)| unit.deployment == Deployment::Rook) {
        out.found(
            format!("{} on {host}", unit.daemon),
            format!("{} on {host} runs in a Rook pod.", unit.daemon),
            &[],
        );
    }
}

fn other_cluster(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, unit) in cx.all_units() {
        match &unit.deployment {
            Deployment::Cephadm { fsid, .. } if !fsid.eq_ignore_ascii_case(cx.facts.ceph.fsid.as_str()) => {
                let fact = format!("{} is of cluster {fsid}.", unit.unit);
                out.found(
                    format!("{} on {host}", unit.daemon),
                    fact,
                    &[("unit", &unit.unit), ("host", host.as_str())],
                );
            }
            _ => {}
        }
    }
}

fn not_enabled(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, unit) in cx.all_units() {
        // Units that something enabled wants are as good; ceph-volume enables its OSDs at every boot for that boot only.
        let enabled = matches!(
            &*unit.enabled,
            "enabled" | "enabled-runtime" | "static" | "indirect" | "generated" | "alias"
        );
        if unit.active == "active" && !enabled && unit.deployment != Deployment::Rook {
            let state = if unit.enabled.is_empty() {
                "in no known state"
            } else {
                &unit.enabled
            };
            let fact = format!("{} is active, and {state}.", unit.unit);
            out.found(
                format!("{} on {host}", unit.daemon),
                fact,
                &[("unit", &unit.unit), ("host", host.as_str())],
            );
        }
    }
}

fn leftover(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, unit) in cx.all_units() {
        let can_start = unit.active != "active" && !matches!(&*unit.enabled, "disabled" | "masked" | "masked-runtime");
        let elsewhere = cx.units(&unit.daemon).iter().any(|(_, other)| other.active == "active");
        if can_start && (elsewhere || !cx.in_maps(&unit.daemon)) {
            let fact = format!("{} is {} and {} on {host}.", unit.unit, unit.active, unit.enabled);
            out.found(
                format!("{} on {host}", unit.daemon),
                fact,
                &[("unit", &unit.unit), ("host", host.as_str())],
            );
        }
    }
}

/// Tells whether a unit only starts units that the plan masks: every packaged Ceph has these, and a warning on every host would hide the others.
fn is_masked_with_the_daemons(unit: &str) -> bool {
    let own_target = unit.starts_with("ceph") && unit.ends_with(".target");
    own_target || unit.starts_with("ceph-volume@")
}

fn reviver(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (host, facts) in cx.facts.reached_hosts() {
        let awake: Vec<_> = facts
            .revivers
            .iter()
            .filter(|reviver| !matches!(&*reviver.enabled, "disabled" | "masked"))
            .filter(|reviver| !is_masked_with_the_daemons(&reviver.unit))
            .collect();
        let Some(first) = awake.first() else { continue };
        let units: Vec<&str> = awake.iter().map(|reviver| reviver.unit.as_str()).collect();
        let effects: Vec<String> = awake
            .iter()
            .map(|one| format!("{} ({}): {}", one.unit, one.enabled, one.effect))
            .collect();
        let fact = format!("On {host}, {} can start daemons.", list(&units, 5));
        out.found(
            format!("host {host}"),
            fact,
            &[("unit", &first.unit), ("host", host.as_str())],
        )
        .by(format!("{host}: systemctl list-unit-files"), effects.join("\n"));
    }
}
