//! Each daemon runs once: in Rook's pod, or in its old unit.

use std::collections::BTreeMap;

use reeve_ceph::DaemonType;
use reeve_report::Severity;

use crate::verify::expectation::{ExpectedDaemon, Side};
use crate::verify::rule::{Judgement, Rule, Situation};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.verify-not-yet",
        title: "Every daemon of the plan is handed over",
        severity: Severity::Warning,
        reason: "The take-over is not finished; both worlds have to be kept in mind until it is.",
        remedy: "`reeve rook resume {run}` goes on, `reeve rook rollback {run} --all` takes it back.",
        source: "the run's journal",
        judge: not_yet,
    },
    Rule {
        id: "rook.verify-between",
        title: "No daemon stopped half way between its old unit and Rook",
        severity: Severity::Refusal,
        reason: "It may serve nobody until its hand-over is finished or undone.",
        remedy: "`reeve rook resume {run}` finishes or undoes it.",
        source: "the run's journal",
        judge: between,
    },
    Rule {
        id: "rook.verify-pod",
        title: "Every daemon that was handed over has one ready pod",
        severity: Severity::Refusal,
        reason: "Nobody else starts the daemon any more.",
        remedy: "See `kubectl -n {namespace} describe pod {pod}`.",
        source: "rook/rook: pkg/operator/k8sutil/labels.go – ceph_daemon_id, ceph_daemon_type",
        judge: pod,
    },
    Rule {
        id: "rook.verify-runs-twice",
        title: "No daemon that was handed over runs in its old unit",
        severity: Severity::Refusal,
        reason: "Two processes with one identity destroy the daemon's data.",
        remedy: "At once, on {host}: `systemctl stop {unit}` and `systemctl mask {unit}`.",
        source: "ceph/ceph: a daemon's identity is its key and its store; both exist once",
        judge: runs_twice,
    },
    Rule {
        id: "rook.verify-unit-masked",
        title: "Old units of daemons that were handed over are masked",
        severity: Severity::Refusal,
        reason: "The next boot, `ceph.target` or a package's script would start it beside Rook's pod.",
        remedy: "On {host}: `systemctl mask {unit}`.",
        source: "systemd: systemctl(1) – mask",
        judge: masked,
    },
    Rule {
        id: "rook.verify-old-serves",
        title: "Daemons that are not handed over run in their old units, which no mask hinders",
        severity: Severity::Refusal,
        reason: "Nothing else starts it.",
        remedy: "On {host}: `systemctl unmask {unit}`, then `systemctl start {unit}`.",
        source: "systemd: systemctl(1)",
        judge: old_serves,
    },
    Rule {
        id: "rook.verify-old-store",
        title: "No mon that was handed over has an old store left",
        severity: Severity::Refusal,
        reason: "A mon that starts with an older store loses what was agreed since, and can take the cluster with it.",
        remedy: "Find out where it comes from. The right store is in Rook's data directory; move the other one out of {path} on {host}.",
        source: "ceph/ceph: doc/rados/troubleshooting/troubleshooting-mon.rst – a mon's store is its memory",
        judge: old_store,
    },
    Rule {
        id: "rook.verify-stray",
        title: "No Ceph process runs outside units and pods",
        severity: Severity::Refusal,
        reason: "Nobody watches it, and it may have the identity of a daemon that Rook runs.",
        remedy: "Find out who started process {pid} on {host}, and end it.",
        source: "ceph/ceph: a daemon's identity is its key and its store; both exist once",
        judge: stray,
    },
    Rule {
        id: "rook.verify-old-data",
        title: "Old data directories that stay are known",
        severity: Severity::Note,
        reason: "They are kept for the way back; nothing uses them any more.",
        remedy: "",
        source: "the plan: old folders stay",
        judge: old_data,
    },
];

/// Calls `judge` for each daemon on `side` whose host was seen.
fn each(
    it: &Situation<'_>,
    out: &mut Judgement<'_>,
    side: Side,
    mut judge: impl FnMut(&ExpectedDaemon, &mut Judgement<'_>),
) {
    for expected in it.expected.daemons.iter().filter(|daemon| daemon.side == side) {
        match it.host_unseen(&expected.host) {
            Some(because) => out.unseen(because),
            None => judge(expected, out),
        }
    }
}

fn subject(expected: &ExpectedDaemon) -> String {
    format!("{} on {}", expected.daemon, expected.host)
}

fn not_yet(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let left: Vec<String> = it
        .expected
        .daemons
        .iter()
        .filter(|daemon| daemon.side == Side::Old)
        .map(|daemon| daemon.daemon.to_string())
        .collect();
    let all = it.expected.daemons.len();
    if !left.is_empty() {
        let fact = format!("{} of {all} daemons still run in their old units.", left.len());
        out.found("cluster", fact, &[]).by("the run's journal", left.join("\n"));
    }
}

fn between(it: &Situation<'_>, out: &mut Judgement<'_>) {
    for daemon in it.expected.daemons.iter().filter(|daemon| daemon.side == Side::Between) {
        let fact = format!("The hand-over of {} is begun and not finished.", daemon.daemon);
        out.found(subject(daemon), fact, &[]);
    }
}

fn pod(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let taken = it.expected.daemons.iter().filter(|daemon| daemon.side == Side::Rook);
    // Rook's mgrs have names of their own; they have to be there once an old one is retired.
    let mut wanted: Vec<String> = taken
        .clone()
        .filter(|daemon| daemon.daemon.kind != DaemonType::Mgr)
        .map(|daemon| daemon.daemon.to_string())
        .collect();
    if taken.clone().any(|daemon| daemon.daemon.kind == DaemonType::Mgr) {
        wanted.extend(
            it.expected
                .rook_daemons
                .iter()
                .filter(|name| name.starts_with("mgr."))
                .cloned(),
        );
    }
    if wanted.is_empty() || out.need("pods", &it.seen.pods).is_none() {
        return;
    }
    for daemon in wanted {
        let pods = it.pods.get(daemon.as_str()).map(Vec::as_slice).unwrap_or_default();
        let names: Vec<&str> = pods.iter().map(|pod| pod.name.as_str()).collect();
        let (fact, pod) = match pods {
            [] => (format!("{daemon} has no pod."), ""),
            [one] if one.ready => continue,
            [one] => (format!("The pod of {daemon} is not ready."), one.name.as_str()),
            [one, ..] => (format!("{daemon} has {} pods.", pods.len()), one.name.as_str()),
        };
        out.found(daemon.as_str(), fact, &[("pod", pod)])
            .by("pods of the namespace", names.join("\n"));
    }
}

fn runs_twice(it: &Situation<'_>, out: &mut Judgement<'_>) {
    each(it, out, Side::Rook, |expected, out| {
        let unit = it.units.get(&(expected.host.as_str(), expected.unit.as_str()));
        if let Some(unit) = unit.filter(|unit| !["inactive", "failed"].contains(&unit.active.as_str())) {
            let fact = format!(
                "{} on {} is {}, and {} is Rook's.",
                expected.unit, expected.host, unit.active, expected.daemon
            );
            out.found(
                subject(expected),
                fact,
                &[("host", &expected.host), ("unit", &expected.unit)],
            )
            .by(
                format!("{}: systemctl show", expected.host),
                format!("ActiveState={}\nMainPID={}", unit.active, unit.main_pid),
            );
        }
    });
}

fn masked(it: &Situation<'_>, out: &mut Judgement<'_>) {
    each(it, out, Side::Rook, |expected, out| {
        if !expected.masked {
            return;
        }
        // A unit that systemd knows nothing of any more cannot start either.
        let unit = it.units.get(&(expected.host.as_str(), expected.unit.as_str()));
        if let Some(unit) = unit.filter(|unit| !unit.enabled.starts_with("masked")) {
            let fact = format!("{} on {} is not masked.", expected.unit, expected.host);
            out.found(
                subject(expected),
                fact,
                &[("host", &expected.host), ("unit", &expected.unit)],
            )
            .by(
                format!("{}: systemctl show", expected.host),
                format!("UnitFileState={}", unit.enabled),
            );
        }
    });
}

fn old_serves(it: &Situation<'_>, out: &mut Judgement<'_>) {
    each(it, out, Side::Old, |expected, out| {
        let unit = it.units.get(&(expected.host.as_str(), expected.unit.as_str()));
        let state = match unit {
            None => "unknown to systemd".to_owned(),
            Some(unit) if unit.enabled.starts_with("masked") => format!("{} and masked", unit.active),
            Some(unit) if unit.active != "active" => unit.active.clone(),
            Some(_) => return,
        };
        let fact = format!(
            "{} on {} is {state}, and {} is not handed over.",
            expected.unit, expected.host, expected.daemon
        );
        let in_pod = it.in_pods.contains(&expected.daemon);
        let seen = out.found(
            subject(expected),
            fact,
            &[("host", &expected.host), ("unit", &expected.unit)],
        );
        if in_pod {
            seen.by(
                format!("{}: ps", expected.host),
                format!("{} runs in a pod", expected.daemon),
            );
        }
    });
}

fn old_store(it: &Situation<'_>, out: &mut Judgement<'_>) {
    each(it, out, Side::Rook, |expected, out| {
        let Some(path) = &expected.moved_from else { return };
        let host = it
            .seen
            .facts
            .reached_hosts()
            .find(|(name, _)| name.as_str() == expected.host);
        let left = host.and_then(|(_, facts)| {
            facts
                .mon_stores
                .iter()
                .find(|store| store.path == *path && store.bytes > 0)
        });
        if let Some(store) = left {
            let fact = format!("{path} on {} holds a store of {} bytes.", expected.host, store.bytes);
            out.found(subject(expected), fact, &[("host", &expected.host), ("path", path)]);
        }
    });
}

fn stray(it: &Situation<'_>, out: &mut Judgement<'_>) {
    for (host, facts) in it.seen.facts.reached_hosts() {
        for process in &facts.stray_processes {
            let what = process
                .daemon
                .as_ref()
                .map_or_else(|| "A Ceph daemon".to_owned(), ToString::to_string);
            let pid = process.pid.to_string();
            let fact = format!("{what} runs on {host} as process {pid}, in no unit and no pod.");
            out.found(
                format!("process {pid} on {host}"),
                fact,
                &[("pid", &pid), ("host", host.as_str())],
            )
            .by(format!("{host}: ps"), process.command.clone());
        }
    }
}

fn old_data(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mut by_host: BTreeMap<String, Vec<String>> = BTreeMap::new();
    each(it, out, Side::Rook, |expected, _| {
        let unit = it.units.get(&(expected.host.as_str(), expected.unit.as_str()));
        if let Some(path) = unit.and_then(|unit| unit.data_dir.clone()) {
            by_host.entry(expected.host.clone()).or_default().push(path);
        }
    });
    for (host, paths) in by_host {
        let fact = format!(
            "{} of old daemons are still there.",
            counted(paths.len(), "directory", "directories")
        );
        out.found(format!("host {host}"), fact, &[]).by(host, paths.join("\n"));
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
