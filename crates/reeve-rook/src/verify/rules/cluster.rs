//! The cluster is the one that it was, and well.

use std::collections::BTreeMap;

use reeve_report::Severity;

use crate::facts::HealthStatus;
use crate::plan::steps::StepInput;
use crate::verify::crush;
use crate::verify::rule::{Judgement, Rule, Situation};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.verify-cluster-id",
        title: "It is the cluster of the plan",
        severity: Severity::Refusal,
        reason: "Everything else here is about another cluster than the plan's.",
        remedy: "Name the admin host of the plan's cluster with `--admin-host`.",
        source: "ceph/ceph: doc/man/8/ceph.rst – fsid",
        judge: cluster_id,
    },
    Rule {
        id: "rook.verify-mon-map",
        title: "The mon map has the mons that it had, at their addresses",
        severity: Severity::Refusal,
        reason: "Clients find the cluster by these addresses, and Rook makes mons anew that it does not find in the map.",
        remedy: "Compare `ceph mon dump` with Rook's list, `kubectl -n {namespace} get configmap rook-ceph-mon-endpoints -o yaml`, before anything restarts.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/mon.go – saveMonConfig",
        judge: mon_map,
    },
    Rule {
        id: "rook.verify-mon-epoch",
        title: "The mon map has not been changed",
        severity: Severity::Warning,
        reason: "A take-over moves mons without changing the map; each change of it is an election, and somebody's doing.",
        remedy: "See who changed it: `ceph log last 100 info cluster`.",
        source: "ceph/ceph: src/mon/MonmapMonitor.cc – epochs of the mon map",
        judge: mon_epoch,
    },
    Rule {
        id: "rook.verify-quorum",
        title: "All mons are in quorum",
        severity: Severity::Refusal,
        reason: "One more that stops may stop the cluster.",
        remedy: "Look at the mon's pod or unit, then `ceph quorum_status`.",
        source: "ceph/ceph: doc/rados/troubleshooting/troubleshooting-mon.rst",
        judge: quorum,
    },
    Rule {
        id: "rook.verify-osds-up",
        title: "All OSDs are up and in",
        severity: Severity::Refusal,
        reason: "Its data has a copy less.",
        remedy: "Look at the OSD's pod or unit, then `ceph osd tree down`.",
        source: "ceph/ceph: doc/rados/operations/monitoring-osd-pg.rst",
        judge: osds_up,
    },
    Rule {
        id: "rook.verify-pgs",
        title: "All placement groups are active+clean",
        severity: Severity::Refusal,
        reason: "Data is not in its place, or not as often as wanted.",
        remedy: "Watch `ceph pg stat`; what does not move is named by `ceph health detail`.",
        source: "ceph/ceph: doc/rados/operations/pg-states.rst",
        judge: pgs,
    },
    Rule {
        id: "rook.verify-crush",
        title: "The CRUSH map is the one that it was, but for the plan's renames",
        severity: Severity::Refusal,
        reason: "A change of the map can move data, and was not planned.",
        remedy: "Compare `ceph osd crush dump` with the copy beside the journal of run {run}.",
        source: "ceph/ceph: doc/rados/operations/crush-map.rst",
        judge: crush_map,
    },
    Rule {
        id: "rook.verify-crush-rule-of-rook",
        title: "The CRUSH map has no rules besides those that it had and those that pools use",
        severity: Severity::Note,
        reason: "Rook makes a rule of the pool's name for every CephBlockPool. No pool uses it, so no data follows it.",
        remedy: "Nothing, as long as the CephBlockPool is there: Rook would make the rule again.",
        source: "rook/rook: pkg/daemon/ceph/client/pool.go – createReplicatedPoolForApp",
        judge: crush_rules_of_rook,
    },
    Rule {
        id: "rook.verify-health-error",
        title: "Health is not HEALTH_ERR",
        severity: Severity::Refusal,
        reason: "Ceph says itself that something is broken.",
        remedy: "See `ceph health detail`.",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst",
        judge: health_error,
    },
    Rule {
        id: "rook.verify-health-new",
        title: "No health check is raised that was not raised before",
        severity: Severity::Warning,
        reason: "It came up during the take-over or after it.",
        remedy: "See `ceph health detail`.",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst",
        judge: health_new,
    },
    Rule {
        id: "rook.verify-one-version",
        title: "All daemons run one version",
        severity: Severity::Warning,
        reason: "The take-over changes no version, so a daemon runs another image than planned.",
        remedy: "See `ceph versions`, and the image of each pod: `kubectl -n {namespace} get pods -o wide`.",
        source: "ceph/ceph: doc/man/8/ceph.rst – versions",
        judge: one_version,
    },
];

fn cluster_id(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let (now, planned) = (it.seen.facts.ceph.fsid.as_str(), &it.expected.outline.fsid);
    if now != planned {
        out.found(
            "cluster",
            format!("This is cluster {now}, and the plan is for {planned}."),
            &[],
        );
    }
}

fn mon_map(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mons = &it.seen.facts.ceph.monmap.mons;
    let now: BTreeMap<&str, &str> = mons
        .iter()
        .map(|mon| (mon.name.as_str(), mon.ip().unwrap_or_default()))
        .collect();
    let planned = &it.expected.outline.mons;
    for (mon, address) in planned {
        match now.get(mon.as_str()) {
            None => {
                out.found(
                    format!("mon.{mon}"),
                    format!("mon.{mon} is not in the mon map any more."),
                    &[],
                );
            }
            Some(now) if now != address => {
                let fact = format!("mon.{mon} is at {now} and was at {address}.");
                out.found(format!("mon.{mon}"), fact, &[]);
            }
            Some(_) => {}
        }
    }
    for (mon, address) in now.iter().filter(|(mon, _)| !planned.contains_key(**mon)) {
        let fact = format!("mon.{mon} at {address} is in the mon map, and no plan put it there.");
        out.found(format!("mon.{mon}"), fact, &[]);
    }
}

fn mon_epoch(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let Some(before) = it.expected.mon_epoch() else {
        if it.expected.run.is_some() && !it.expected.is_untouched() {
            out.unseen("epoch of the mon map before the run: the run kept none that can be read");
        }
        return;
    };
    let now = it.seen.facts.ceph.monmap.epoch;
    // Each mon that got a second address is a change of its own; some releases make it all at once.
    let planned = it
        .expected
        .done()
        .find_map(|step| match step {
            StepInput::EnableMsgr2(step) => u32::try_from(step.mons.len()).ok(),
            _ => None,
        })
        .unwrap_or(0);
    if now < before || now > before.saturating_add(planned) {
        let fact = format!("The mon map had epoch {before} when the run began, and has {now}.");
        out.found("mon map", fact, &[])
            .by("ceph mon dump", format!("epoch {now}"));
    }
}

fn quorum(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let ceph = &it.seen.facts.ceph;
    for mon in ceph
        .monmap
        .mons
        .iter()
        .filter(|mon| !ceph.quorum.names.contains(&mon.name))
    {
        out.found(
            format!("mon.{}", mon.name),
            format!("mon.{} is not in quorum.", mon.name),
            &[],
        );
    }
}

fn osds_up(it: &Situation<'_>, out: &mut Judgement<'_>) {
    for osd in it.seen.facts.ceph.osds.iter().filter(|osd| !osd.up || !osd.in_cluster) {
        let state = match (osd.up, osd.in_cluster) {
            (false, true) => "down",
            (false, false) => "down and out",
            _ => "out",
        };
        out.found(format!("osd.{}", osd.id), format!("osd.{} is {state}.", osd.id), &[]);
    }
}

fn pgs(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let pgs = &it.seen.facts.ceph.pgs;
    let unclean = pgs.unclean();
    if unclean == 0 && pgs.degraded_objects == 0 && pgs.misplaced_objects == 0 {
        return;
    }
    let states: Vec<String> = pgs
        .states
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let fact = format!(
        "{unclean} of {} PGs are not active+clean, {} objects are degraded and {} misplaced.",
        pgs.total, pgs.degraded_objects, pgs.misplaced_objects
    );
    out.found("cluster", fact, &[]).by("ceph pg stat", states.join("\n"));
}

fn crush_map(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if it.expected.run.is_none() || it.expected.is_untouched() {
        return;
    }
    let Some(before) = &it.expected.exports.crush else {
        return out.unseen("CRUSH map before the run: the copy beside the journal cannot be read");
    };
    let Some(now) = out.need("CRUSH map", &it.seen.crush) else {
        return;
    };
    let of_rook = crush::unused_rules_of_pools(before, now, &it.seen.facts.ceph.pools);
    let now = crush::without_rules(now, &of_rook);
    let differences = crush::differences(before, &now, &it.expected.outline.renames);
    if !differences.is_empty() {
        let fact = format!(
            "The CRUSH map differs in {} places from the one before the run.",
            differences.len()
        );
        out.found("CRUSH map", fact, &[])
            .by("ceph osd crush dump", differences.join("\n"));
    }
}

fn crush_rules_of_rook(it: &Situation<'_>, out: &mut Judgement<'_>) {
    // Where one of the two cannot be read, the rule before says so.
    let (Some(before), Some(now)) = (&it.expected.exports.crush, it.seen.crush.known()) else {
        return;
    };
    for rule in crush::unused_rules_of_pools(before, now, &it.seen.facts.ceph.pools) {
        let fact = format!("CRUSH rule {rule} is new. It is called like a pool, and no pool uses it.");
        out.found(format!("CRUSH rule {rule}"), fact, &[]);
    }
}

fn health_error(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let health = &it.seen.facts.ceph.health;
    if health.status == HealthStatus::Err {
        let codes: Vec<String> = health
            .checks
            .iter()
            .map(|(code, check)| format!("{code}: {}", check.summary))
            .collect();
        out.found("cluster", "Health is HEALTH_ERR.", &[])
            .by("ceph health detail", codes.join("\n"));
    }
}

fn health_new(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let before = it.expected.health_before.clone().unwrap_or_default();
    for (code, check) in &it.seen.facts.ceph.health.checks {
        // The plan's own flags are judged by a rule of their own.
        if check.muted || before.contains(code) || code == "OSDMAP_FLAGS" {
            continue;
        }
        out.found(code.as_str(), format!("Ceph raises {code}: {}.", check.summary), &[])
            .by("ceph health detail", check.detail.join("\n"));
    }
}

fn one_version(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let versions = &it.seen.facts.ceph.versions;
    let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
    for (line, count) in versions.values().flatten() {
        *lines.entry(line).or_default() += count;
    }
    if lines.len() > 1 {
        let shown: Vec<String> = lines
            .iter()
            .map(|(line, count)| format!("{count} daemons: {line}"))
            .collect();
        out.found("cluster", format!("{} versions run.", lines.len()), &[])
            .by("ceph versions", shown.join("\n"));
    }
}
