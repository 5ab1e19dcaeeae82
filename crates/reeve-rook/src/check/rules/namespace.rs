//! The CephCluster's namespace, and what earlier attempts have left in it.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.namespace-missing",
        title: "The CephCluster's namespace exists",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "Rook's service accounts and roles belong there, and pods without them are never made.",
        remedy: "Apply common.yaml of the operator's own release for namespace {namespace}, and survey again.",
        source: "rook/rook: deploy/examples/common.yaml",
        judge: missing,
    },
    Rule {
        id: "rook.service-account-missing",
        title: "Rook's service accounts are there",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "A pod whose service account is missing is never made, and nothing says so but an event.",
        remedy: "Apply common.yaml of the operator's own release for namespace {namespace}; `kubectl -n {namespace} get serviceaccounts` must list them all.",
        source: "rook/rook: deploy/examples/common.yaml",
        judge: service_accounts,
    },
    Rule {
        id: "rook.pod-security",
        title: "The namespace allows privileged pods",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "OSD pods are privileged and use the host's network and devices; Pod Security would refuse every one of them.",
        remedy: "kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=privileged --overwrite",
        source: "Kubernetes documentation: Pod Security Admission; rook/rook: pkg/operator/ceph/cluster/osd/spec.go",
        judge: pod_security,
    },
    Rule {
        id: "rook.cephcluster-exists",
        title: "There is no CephCluster in the namespace",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::CephClusters],
        reason: "Rook allows one for each namespace, and would change what the other one describes.",
        remedy: "If it is an earlier run's: `reeve run list`, then go on with it or undo it. If it is another cluster's: survey again with another `--namespace`.",
        source: "rook/rook: pkg/operator/ceph/cluster/controller.go – two CephClusters in one namespace are rejected",
        judge: cluster_exists,
    },
    Rule {
        id: "rook.cephcluster-same-fsid",
        title: "No other CephCluster has this fsid",
        severity: Severity::Refusal,
        waiver: Some("the other CephCluster is external and is removed, or left as it is, by you"),
        needs: &[Need::CephClusters],
        reason: "Two CephClusters would manage one Ceph: both write settings and keys, and one of them does not know what the other does.",
        remedy: "See `kubectl -n {other} get cephcluster {name} -o yaml`; move its users over and delete it, with `spec.external.enable` checked first, and survey again.",
        source: "rook/rook: Documentation/CRDs/Cluster/external-cluster",
        judge: same_fsid,
    },
    Rule {
        id: "rook.seed-left",
        title: "No Secret or ConfigMap of an earlier attempt is left",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "By these Rook knows a cluster: with another one's it would start daemons with a wrong fsid, keys or addresses.",
        remedy: "Save them, and delete them when it is sure that no cluster uses them: `kubectl -n {namespace} get {object} -o yaml`, `kubectl -n {namespace} delete {object}`.",
        source: "rook/rook: pkg/operator/ceph/controller/cluster_info.go – CreateOrLoadClusterInfo, loadMonConfig",
        judge: seed_left,
    },
    Rule {
        id: "rook.deployment-left",
        title: "No Deployment of a Rook daemon is left",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "Rook keeps a Deployment that it finds, with the identity and paths of an earlier cluster.",
        remedy: "If no cluster uses it: `kubectl -n {namespace} delete deployment {deployment}`, and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/mon.go – startMon; pkg/operator/ceph/cluster/osd/create.go – createNewOSDsFromStatus",
        judge: deployment_left,
    },
    Rule {
        id: "rook.config-override",
        title: "No rook-config-override adds settings",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Namespace],
        reason: "Rook mounts it as ceph.conf in every daemon's pod, so it wins over the configuration database.",
        remedy: "Read it, and delete it if it is not wanted: `kubectl -n {namespace} get configmap rook-config-override -o yaml`.",
        source: "rook/rook: Documentation/Storage-Configuration/Advanced/ceph-configuration.md – Custom ceph.conf Settings",
        judge: config_override,
    },
    Rule {
        id: "rook.gate-stale",
        title: "No gate of an earlier run is left",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Gate],
        reason: "A gate that nobody minds keeps Rook from starting daemons again after a reboot, or lets those start that an earlier run released.",
        remedy: "Go on with the run that made it or undo it (`reeve run list`). Only if that run is lost and no daemon runs under Rook: `kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy reeve-daemon-gate.{namespace}`, then take the annotations `*.released.reeve/*` off namespace {namespace}.",
        source: "Kubernetes documentation: Validating Admission Policy (failurePolicy Fail)",
        judge: gate_stale,
    },
];

fn missing(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx
        .facts
        .kubernetes
        .namespace
        .known()
        .is_some_and(|namespace| !namespace.exists)
    {
        let name = &cx.facts.scope.namespace;
        out.found(
            format!("namespace {name}"),
            format!("Namespace {name} does not exist."),
            &[],
        );
    }
}

fn service_accounts(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let scope = &cx.facts.scope;
    let Some(namespace) = cx.facts.kubernetes.namespace.known() else {
        return;
    };
    if !namespace.exists {
        out.unseen(format!(
            "service accounts: namespace {} does not exist",
            scope.namespace
        ));
        return;
    }
    let mut wanted = vec![
        "rook-ceph-cmd-reporter",
        "rook-ceph-default",
        "rook-ceph-mgr",
        "rook-ceph-osd",
    ];
    // The operator's own account lives with the operator.
    if scope.namespace == scope.operator_namespace {
        wanted.push("rook-ceph-system");
    }
    wanted.retain(|account| !namespace.service_accounts.contains(*account));
    if !wanted.is_empty() {
        let fact = format!("Missing in {}: {}.", scope.namespace, list(&wanted, 8));
        out.found(format!("namespace {}", scope.namespace), fact, &[]);
    }
}

fn pod_security(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(namespace) = cx.facts.kubernetes.namespace.known() else {
        return;
    };
    let enforced = namespace
        .labels
        .get("pod-security.kubernetes.io/enforce")
        .filter(|level| *level != "privileged");
    if let Some(level) = enforced {
        let name = &cx.facts.scope.namespace;
        out.found(
            format!("namespace {name}"),
            format!("Namespace {name} enforces the level {level}."),
            &[],
        );
    }
}

fn cluster_exists(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let here = &cx.facts.scope.namespace;
    for cluster in cx
        .facts
        .kubernetes
        .ceph_clusters
        .known()
        .into_iter()
        .flatten()
        .filter(|one| one.namespace == *here)
    {
        let phase = cluster.phase.as_deref().unwrap_or("without a phase");
        let fact = format!("CephCluster {} is there ({phase}).", cluster.name);
        out.found(format!("CephCluster {here}/{}", cluster.name), fact, &[]).by(
            "kubectl get cephclusters -A",
            format!(
                "fsid {}, external {}",
                cluster.fsid.as_deref().unwrap_or("unknown"),
                cluster.external
            ),
        );
    }
}

fn same_fsid(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let (here, fsid) = (&cx.facts.scope.namespace, cx.facts.ceph.fsid.as_str());
    for cluster in cx.facts.kubernetes.ceph_clusters.known().into_iter().flatten() {
        if cluster.namespace != *here && cluster.fsid.as_deref() == Some(fsid) {
            let kind = if cluster.external { "external" } else { "its own" };
            let fact = format!(
                "CephCluster {}/{} has this fsid ({kind}).",
                cluster.namespace, cluster.name
            );
            let names = [("other", cluster.namespace.as_str()), ("name", &cluster.name)];
            out.found(
                format!("CephCluster {}/{}", cluster.namespace, cluster.name),
                fact,
                &names,
            );
        }
    }
}

fn seed_left(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(namespace) = cx.facts.kubernetes.namespace.known() else {
        return;
    };
    let secrets = namespace.rook_secrets.iter().map(|name| format!("secret/{name}"));
    let maps = namespace
        .rook_config_maps
        .iter()
        .filter(|name| *name != OVERRIDE)
        .map(|name| format!("configmap/{name}"));
    for object in secrets.chain(maps) {
        out.found(object.clone(), format!("{object} is there."), &[("object", &object)]);
    }
}

const OVERRIDE: &str = "rook-config-override";

fn deployment_left(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for (name, ready) in cx
        .facts
        .kubernetes
        .namespace
        .known()
        .iter()
        .flat_map(|namespace| &namespace.rook_deployments)
    {
        let fact = format!("Deployment {name} is there, with {ready} ready replicas.");
        out.found(format!("deployment/{name}"), fact, &[("deployment", name)]);
    }
}

fn config_override(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx
        .facts
        .kubernetes
        .namespace
        .known()
        .is_some_and(|namespace| namespace.rook_config_maps.contains(OVERRIDE))
    {
        out.found(
            format!("configmap/{OVERRIDE}"),
            format!("configmap/{OVERRIDE} is there."),
            &[],
        );
    }
}

fn gate_stale(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let Some(gate) = cx.facts.kubernetes.gate.known() else {
        return;
    };
    let parts: Vec<&str> = [
        (gate.policy, "policy"),
        (gate.binding, "binding"),
        (gate.released.is_some(), "list of released daemons"),
    ]
    .into_iter()
    .filter_map(|(there, what)| there.then_some(what))
    .collect();
    if parts.is_empty() {
        return;
    }
    let run = gate
        .run
        .as_ref()
        .map_or(" of an unknown run".into(), |run| format!(" of run {run}"));
    let since = gate.since.map_or(String::new(), |since| format!(", made {since}"));
    let released: Vec<&String> = gate.released.iter().flatten().collect();
    let fact = format!("A gate{run} is there{since}: {}.", parts.join(", "));
    let namespace = cx.facts.scope.namespace.as_str();
    out.found("gate", fact, &[("namespace", namespace)])
        .by("released daemons", list(&released, 50));
}
