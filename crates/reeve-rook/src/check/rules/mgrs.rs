//! Mgrs and their modules.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.mgr-none",
        title: "A mgr is active",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Without an active mgr the state of the PGs is as old as the last one, and no step can tell whether the data is safe.",
        remedy: "Start a mgr (`systemctl start ceph-mgr.target` on its host), wait for `ceph mgr stat` to name it, and survey again.",
        source: "ceph/ceph: doc/mgr/administrator.rst",
        judge: none,
    },
    Rule {
        id: "rook.mgr-no-standby",
        title: "A standby mgr waits",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "If the active one ends during the take-over, the run stops until another one is there.",
        remedy: "Start a second mgr with the legacy tooling; Rook's own come before the legacy ones go.",
        source: "ceph/ceph: doc/mgr/administrator.rst – High availability",
        judge: no_standby,
    },
    Rule {
        id: "rook.dashboard",
        title: "The dashboard is off",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Rook has no setting that leaves it alone: with `dashboard.enabled: true` it resets the password of user admin and the port, with `false` it switches the module off.",
        remedy: "Note users with `ceph dashboard ac-user-show` and decide which of the two you want.",
        source: "rook/rook: pkg/operator/ceph/cluster/mgr/dashboard.go – configureDashboardModules",
        judge: dashboard,
    },
    Rule {
        id: "rook.mgr-config-by-id",
        title: "No setting names a single mgr",
        severity: Severity::Note,
        waiver: None,
        needs: &[Need::Config],
        reason: "Rook's mgrs are named a and b, so settings of a legacy mgr do not follow.",
        remedy: "Set it again without the mgr's name if it is still wanted: `ceph config set mgr OPTION VALUE`.",
        source: "rook/rook: pkg/operator/ceph/cluster/mgr/mgr.go – Start",
        judge: config_by_id,
    },
];

fn none(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.ceph.mgr.active.is_none() {
        out.found("cluster", "No mgr is active.", &[]);
    } else if let Some(check) = cx.health("MGR_DOWN") {
        out.found("cluster", format!("Ceph raises MGR_DOWN: {}.", check.summary), &[]);
    }
}

fn no_standby(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mgr = &cx.facts.ceph.mgr;
    if let (Some(active), true) = (&mgr.active, mgr.standbys.is_empty()) {
        out.found("cluster", format!("mgr.{active} is the only mgr."), &[]);
    }
}

fn dashboard(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mgr = &cx.facts.ceph.mgr;
    if mgr.modules.contains("dashboard") {
        let url = mgr
            .services
            .get("dashboard")
            .map_or(String::new(), |url| format!(" and serves {url}"));
        out.found("mgr module dashboard", format!("The module is on{url}."), &[]);
    }
}

fn config_by_id(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let mgr = &cx.facts.ceph.mgr;
    let ids: Vec<&String> = mgr.active.iter().chain(&mgr.standbys).collect();
    for option in cx.facts.ceph.config.known().into_iter().flatten() {
        let section = option
            .section
            .strip_prefix("mgr.")
            .is_some_and(|id| ids.iter().any(|known| *known == id));
        let named = option
            .name
            .split('/')
            .nth(2)
            .is_some_and(|word| ids.iter().any(|known| *known == word));
        if section || (option.name.starts_with("mgr/") && named) {
            let fact = format!("{} {} is set for one legacy mgr.", option.section, option.name);
            out.found(format!("config {}", option.name), fact, &[]);
        }
    }
}
