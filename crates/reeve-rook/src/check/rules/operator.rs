//! The Rook operator and its settings.

use reeve_report::Severity;

use super::rook;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::Operator;

const SETTINGS: &str = "rook/rook: deploy/examples/operator.yaml – rook-ceph-operator-config";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.operator-missing",
        title: "The Rook operator is installed",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "Nothing would take the daemons over.",
        remedy: "Install crds.yaml, common.yaml and operator.yaml of the Rook release you want in namespace {operator_namespace}, and survey again.",
        source: "rook/rook: Documentation/Getting-Started/quickstart.md",
        judge: missing,
    },
    Rule {
        id: "rook.operator-not-ready",
        title: "The Rook operator runs",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "Without it no Deployment is made, and a daemon that was stopped stays away.",
        remedy: "`kubectl -n {operator_namespace} scale deployment rook-ceph-operator --replicas=1`; if it stays away: `kubectl -n {operator_namespace} describe pod -l app=rook-ceph-operator`.",
        source: "rook/rook: deploy/examples/operator.yaml",
        judge: not_ready,
    },
    Rule {
        id: "rook.operator-version-unknown",
        title: "The operator's version is known",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "What Rook does to a cluster depends on its release; without it no pair can be judged and no plan made.",
        remedy: "Use an image whose tag is the release: `kubectl -n {operator_namespace} set image deployment/rook-ceph-operator rook-ceph-operator=docker.io/rook/ceph:vVERSION`, and survey again.",
        source: "rook/rook: pkg/operator/ceph/version/version.go (support changes between releases)",
        judge: version_unknown,
    },
    Rule {
        id: "rook.operator-deletes-rules",
        title: "The operator leaves unused CRUSH rules alone",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "From 1.20 on it deletes every CRUSH rule that no pool uses at its first reconcile, unless it is told not to; there is no undo but the exported map.",
        remedy: "`kubectl -n {operator_namespace} edit configmap rook-ceph-operator-config`: set ROOK_DELETE_UNUSED_CRUSH_RULES to \"false\".",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go – postMgrStartupActions (ROOK_DELETE_UNUSED_CRUSH_RULES)",
        judge: deletes_rules,
    },
    Rule {
        id: "rook.operator-hotplug",
        title: "The operator does not react to new disks",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "A disk that appears or goes starts a reconcile in the middle of a hand-over.",
        remedy: "`kubectl -n {operator_namespace} edit configmap rook-ceph-operator-config`: set ROOK_DISABLE_DEVICE_HOTPLUG to \"true\".",
        source: SETTINGS,
        judge: hotplug,
    },
    Rule {
        id: "rook.operator-discovery",
        title: "The discovery daemon is off",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "It looks at every disk of every node again and again, and its findings start reconciles.",
        remedy: "`kubectl -n {operator_namespace} edit configmap rook-ceph-operator-config`: set ROOK_ENABLE_DISCOVERY_DAEMON to \"false\".",
        source: SETTINGS,
        judge: discovery,
    },
    Rule {
        id: "rook.operator-mon-timeout",
        title: "The operator's mon health check obeys the CephCluster",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "It overrides the CephCluster's value, and a mon that is out for that long is replaced by one with another address.",
        remedy: "`kubectl -n {operator_namespace} edit configmap rook-ceph-operator-config`: remove {setting}.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/health.go – NewHealthChecker, updateMonTimeout, updateMonInterval",
        judge: mon_timeout,
    },
    Rule {
        id: "rook.operator-blind",
        title: "The operator watches the CephCluster's namespace",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "An operator that watches its own namespace only never sees the CephCluster.",
        remedy: "Survey with both namespaces equal, or set ROOK_CURRENT_NAMESPACE_ONLY to \"false\": `kubectl -n {operator_namespace} edit deployment rook-ceph-operator`.",
        source: "rook/rook: pkg/operator/ceph/cr_manager.go; deploy/examples/operator.yaml – ROOK_CURRENT_NAMESPACE_ONLY",
        judge: blind,
    },
    Rule {
        id: "rook.operator-hostname-label",
        title: "Rook names nodes by kubernetes.io/hostname",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Operator],
        reason: "With another label Rook pins daemons and names CRUSH hosts by values that this survey did not read.",
        remedy: "`kubectl -n {operator_namespace} edit configmap rook-ceph-operator-config`: empty ROOK_CUSTOM_HOSTNAME_LABEL.",
        source: "rook/rook: pkg/operator/k8sutil/labels.go – LabelHostname (ROOK_CUSTOM_HOSTNAME_LABEL)",
        judge: custom_label,
    },
    Rule {
        id: "rook.crds-missing",
        title: "Rook's CustomResourceDefinitions are installed",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Crds],
        reason: "Without them the operator ends, and no CephCluster can be made.",
        remedy: "`kubectl apply --server-side -f crds.yaml` with the file of the operator's own release, and survey again.",
        source: "rook/rook: deploy/examples/crds.yaml",
        judge: crds,
    },
    Rule {
        id: "rook.csi-crds-missing",
        title: "The CSI operator's CustomResourceDefinitions are installed",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Crds, Need::Operator],
        reason: "From 1.20 on Rook cannot save the list of mons without them, so it fails before it makes any Deployment, even where CSI is not used.",
        remedy: "`kubectl apply --server-side -f csi-operator.yaml` with the file of the operator's own release, and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/mon.go – saveMonConfig; pkg/operator/ceph/csi",
        judge: csi_crds,
    },
];

/// Returns the operator, or writes down that there is none to judge; where it could not be read, the need says so.
fn installed<'a>(cx: &Context<'a>, out: &mut Judgement<'_>) -> Option<&'a Operator> {
    if cx
        .facts
        .kubernetes
        .operator
        .known()
        .is_some_and(|operator| !operator.exists)
    {
        out.unseen(format!(
            "Rook operator: there is none in namespace {}",
            cx.facts.scope.operator_namespace
        ));
    }
    cx.operator()
}

/// Returns a setting of the operator, or writes down that there is no operator.
fn setting<'a>(cx: &Context<'a>, out: &mut Judgement<'_>, name: &str) -> Option<&'a str> {
    installed(cx, out)?.settings.get(name).map(String::as_str)
}

fn missing(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx
        .facts
        .kubernetes
        .operator
        .known()
        .is_some_and(|operator| !operator.exists)
    {
        let fact = format!(
            "There is no operator in namespace {}.",
            cx.facts.scope.operator_namespace
        );
        out.found("Rook operator", fact, &[]);
    }
}

fn not_ready(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if let Some(operator) = installed(cx, out).filter(|operator| operator.ready_replicas < 1) {
        let fact = format!(
            "{} of {} replicas of the operator are ready.",
            operator.ready_replicas, operator.replicas
        );
        out.found("Rook operator", fact, &[]);
    }
}

fn version_unknown(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if let (Some(operator), None) = (installed(cx, out), cx.rook()) {
        let image = operator.image.as_deref().unwrap_or("none");
        out.found(
            "Rook operator",
            format!("The operator's image {image} names no version."),
            &[],
        );
    }
}

fn deletes_rules(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(rook) = rook(cx, out) else { return };
    let setting = setting(cx, out, "ROOK_DELETE_UNUSED_CRUSH_RULES");
    if (rook.major, rook.minor) >= (1, 20) && setting != Some("false") {
        let fact = format!(
            "ROOK_DELETE_UNUSED_CRUSH_RULES is {}.",
            setting.unwrap_or("not set, which means true")
        );
        out.found("Rook operator", fact, &[]);
    }
}

fn hotplug(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(operator) = installed(cx, out) else { return };
    let setting = operator.settings.get("ROOK_DISABLE_DEVICE_HOTPLUG").map(String::as_str);
    if setting != Some("true") {
        out.found(
            "Rook operator",
            format!("ROOK_DISABLE_DEVICE_HOTPLUG is {}.", setting.unwrap_or("not set")),
            &[],
        );
    }
}

fn discovery(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if setting(cx, out, "ROOK_ENABLE_DISCOVERY_DAEMON") == Some("true") {
        out.found("Rook operator", "ROOK_ENABLE_DISCOVERY_DAEMON is true.", &[]);
    }
}

fn mon_timeout(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for name in ["ROOK_MON_HEALTHCHECK_INTERVAL", "ROOK_MON_OUT_TIMEOUT"] {
        if let Some(value) = setting(cx, out, name).filter(|value| !value.is_empty()) {
            out.found("Rook operator", format!("{name} is {value}."), &[("setting", name)]);
        }
    }
}

fn blind(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let scope = &cx.facts.scope;
    let own_only = setting(cx, out, "ROOK_CURRENT_NAMESPACE_ONLY") == Some("true");
    if own_only && scope.namespace != scope.operator_namespace {
        let fact = format!(
            "The operator watches {} only; the CephCluster is to be in {}.",
            scope.operator_namespace, scope.namespace
        );
        out.found("Rook operator", fact, &[]);
    }
}

fn custom_label(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let label = setting(cx, out, "ROOK_CUSTOM_HOSTNAME_LABEL").unwrap_or_default();
    if !label.is_empty() && label != "kubernetes.io/hostname" {
        out.found("Rook operator", format!("ROOK_CUSTOM_HOSTNAME_LABEL is {label}."), &[]);
    }
}

fn crds(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const ROOK: &[&str] = &[
        "cephblockpools.ceph.rook.io",
        "cephclusters.ceph.rook.io",
        "cephfilesystems.ceph.rook.io",
        "cephobjectstores.ceph.rook.io",
    ];
    lacking(cx, out, ROOK);
}

fn csi_crds(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const CSI: &[&str] = &["cephconnections.csi.ceph.io", "clientprofiles.csi.ceph.io"];
    let Some(rook) = rook(cx, out) else { return };
    if (rook.major, rook.minor) >= (1, 20) {
        lacking(cx, out, CSI);
    }
}

fn lacking(cx: &Context<'_>, out: &mut Judgement<'_>, wanted: &[&str]) {
    let Some(crds) = cx.facts.kubernetes.crds.known() else {
        return;
    };
    let lacking: Vec<_> = wanted.iter().filter(|name| !crds.contains(**name)).collect();
    if !lacking.is_empty() {
        out.found(
            "CustomResourceDefinitions",
            format!("{} missing: {}.", lacking.len(), list(&lacking, 8)),
            &[],
        );
    }
}
