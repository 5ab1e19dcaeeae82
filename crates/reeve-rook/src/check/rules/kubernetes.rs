//! The Kubernetes cluster as a whole.

use reeve_report::Severity;

use super::rook;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};
use crate::rook_release;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.cluster-elsewhere",
        title: "The kubeconfig is that of the hosts' own cluster",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook would run its daemons on other machines, where there is neither a mon store nor a disk.",
        remedy: "Name the right one: `reeve rook survey --kubeconfig FILE`; `kubectl get nodes -o wide` must show these hosts.",
        source: "Kubernetes documentation: Nodes – Addresses, Info (machineID)",
        judge: elsewhere,
    },
    Rule {
        id: "rook.gate-unsupported",
        title: "Kubernetes can keep the gate shut",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Gate],
        reason: "Rook's pods are held back by a ValidatingAdmissionPolicy, which the API server has from 1.30 on; without it they would start beside the legacy daemons.",
        remedy: "Upgrade Kubernetes to 1.30 or newer (`kubectl api-resources --api-group=admissionregistration.k8s.io` must list validatingadmissionpolicies), and survey again.",
        source: "Kubernetes documentation: Validating Admission Policy (stable since 1.30)",
        judge: gate_unsupported,
    },
    Rule {
        id: "rook.kubernetes-range",
        title: "Rook is tested with this Kubernetes version",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Operator],
        reason: "Rook's developers test their releases with certain Kubernetes versions only.",
        remedy: "Prefer a Rook release whose range includes {version}, or upgrade Kubernetes; `kubectl version` shows it.",
        source: "rook/rook: Documentation/Getting-Started/Prerequisites/prerequisites.md – Kubernetes Version",
        judge: range,
    },
    Rule {
        id: "rook.permission-missing",
        title: "The kubeconfig's user may do all that a take-over does",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Permissions],
        reason: "A take-over that stops for lack of a permission stops half-way.",
        remedy: "Use another kubeconfig, or let a cluster administrator grant it; check with `kubectl auth can-i {verb} {resource} {place}`.",
        source: "Kubernetes documentation: Authorization – SelfSubjectAccessReview",
        judge: permission,
    },
];

fn elsewhere(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.nodes.is_empty() {
        out.unseen("nodes: no host answered that could be one");
    } else if cx.other_kubernetes() {
        let kubernetes = &cx.facts.kubernetes;
        let hosts = cx.nodes.len();
        let fact = format!(
            "None of the {hosts} hosts is one of the {} nodes of {}.",
            kubernetes.nodes.len(),
            kubernetes.server
        );
        let names: Vec<String> = kubernetes
            .nodes
            .iter()
            .take(10)
            .map(|node| format!("{} {}", node.name, list(&node.addresses.iter().collect::<Vec<_>>(), 4)))
            .collect();
        out.found("kubeconfig", fact, &[])
            .by("kubectl get nodes", names.join("\n"));
    }
}

fn gate_unsupported(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let version = &cx.facts.kubernetes.version;
    let old = rook_release::kubernetes_minor(version).is_some_and(|minor| minor < 30);
    let refused = cx.facts.kubernetes.gate.known().is_some_and(|gate| !gate.supported);
    if old || refused {
        let fact = if old {
            format!("Kubernetes is {version}.")
        } else {
            format!("Kubernetes {version} does not serve ValidatingAdmissionPolicy v1.")
        };
        out.found("Kubernetes", fact, &[]);
    }
}

fn range(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let version = &cx.facts.kubernetes.version;
    let Some(rook) = rook(cx, out) else { return };
    let Some(running) = rook_release::kubernetes_minor(version) else {
        out.unseen(format!("Kubernetes version: `{version}` is none"));
        return;
    };
    let Some(range) = rook_release::kubernetes_range(&rook) else {
        out.unseen(format!("Kubernetes versions of Rook {rook}: not known here"));
        return;
    };
    if !range.contains(running) {
        let fact = format!("Kubernetes is {version}; Rook {rook} is tested with {range}.");
        out.found("Kubernetes", fact, &[("version", version)]);
    }
}

fn permission(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for permission in cx
        .facts
        .kubernetes
        .permissions
        .known()
        .into_iter()
        .flatten()
        .filter(|one| !one.allowed)
    {
        let resource = match permission.group.as_str() {
            "" => permission.resource.clone(),
            group => format!("{}.{group}", permission.resource),
        };
        let (words, place) = match &permission.namespace {
            Some(namespace) => (format!("in namespace {namespace}"), format!("--namespace={namespace}")),
            None => ("in the whole cluster".into(), "--all-namespaces".into()),
        };
        let fact = format!("The user may not {} {resource} {words}.", permission.verb);
        let names = [
            ("verb", permission.verb.as_str()),
            ("resource", &resource),
            ("place", &place),
        ];
        out.found(format!("{} {resource}", permission.verb), fact, &names);
    }
}
