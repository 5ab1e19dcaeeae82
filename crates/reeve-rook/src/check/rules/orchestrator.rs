//! The orchestrator module.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule};

const MANUAL: &str = "ceph/ceph: doc/cephadm/operations.rst – Pause or disable cephadm";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.orchestrator-upgrade",
        title: "No cephadm upgrade is in progress",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Orchestrator],
        reason: "cephadm would restart daemons with another version while they are handed over.",
        remedy: "Let it finish (`ceph orch upgrade status`), or end it: `ceph orch upgrade stop`; then survey again.",
        source: "ceph/ceph: doc/cephadm/upgrade.rst",
        judge: upgrade,
    },
    Rule {
        id: "rook.orchestrator-rook",
        title: "Rook does not manage the cluster yet",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Orchestrator],
        reason: "The mgr's orchestrator is Rook already, so some Rook manages this cluster or did.",
        remedy: "Find the Kubernetes cluster whose CephCluster has this fsid; if it is gone: `ceph orch set backend ''`, and survey again.",
        source: "ceph/ceph: doc/mgr/rook.rst",
        judge: rook_backend,
    },
    Rule {
        id: "rook.orchestrator-active",
        title: "No orchestrator redeploys daemons",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Orchestrator],
        reason: "The active mgr would start again what was stopped for a hand-over. The plan pauses cephadm, sets the backend to none and switches the module off before it touches a daemon; from then on `ceph orch` does nothing.",
        remedy: "Nothing now; or do it yourself: `ceph orch pause`, `ceph orch set backend ''`, `ceph mgr module disable cephadm`.",
        source: MANUAL,
        judge: active,
    },
];

fn upgrade(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if let Some(target) = cx
        .facts
        .ceph
        .orchestrator
        .known()
        .and_then(|orchestrator| orchestrator.upgrade.as_ref())
    {
        out.found("cephadm", format!("cephadm upgrades the cluster to {target}."), &[]);
    }
}

fn rook_backend(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let backend = cx
        .facts
        .ceph
        .orchestrator
        .known()
        .and_then(|orchestrator| orchestrator.backend.as_deref());
    if backend == Some("rook") {
        out.found("orchestrator", "The orchestrator's backend is rook.", &[]);
    }
}

fn active(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(orchestrator) = cx.facts.ceph.orchestrator.known() else {
        return;
    };
    match orchestrator.backend.as_deref() {
        Some("rook") | None => {}
        Some(backend) => {
            let state = if orchestrator.paused {
                "paused, but still the backend"
            } else {
                "at work"
            };
            out.found("orchestrator", format!("{backend} is {state}."), &[]);
        }
    }
}
