//! What Rook and Kubernetes have of the cluster.

use reeve_report::Severity;
use serde_json::Value;

use crate::plan::steps::StepInput;
use crate::verify::rule::{Judgement, Rule, Situation};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.verify-cephcluster-ready",
        title: "The CephCluster is Ready and Rook has seen its latest spec",
        severity: Severity::Refusal,
        reason: "Until it is, Rook does not look after the daemons.",
        remedy: "See `kubectl -n {namespace} describe cephcluster {cluster}` and the log of the operator.",
        source: "rook/rook: pkg/apis/ceph.rook.io/v1/types.go – ClusterStatus",
        judge: ready,
    },
    Rule {
        id: "rook.verify-cephcluster-id",
        title: "Rook's CephCluster is this cluster",
        severity: Severity::Refusal,
        reason: "Rook looks at another cluster than the one that was to be taken over.",
        remedy: "Scale the Rook operator to nothing, then compare Secret rook-ceph-mon in namespace {namespace} with `ceph fsid`.",
        source: "rook/rook: pkg/apis/ceph.rook.io/v1/types.go – CephStatus.FSID",
        judge: same_cluster,
    },
    Rule {
        id: "rook.verify-gate-closed",
        title: "The gate is closed while daemons are handed over",
        severity: Severity::Refusal,
        reason: "Without it Rook starts pods of daemons whose old units still run.",
        remedy: "Scale the Rook operator to nothing at once; `reeve rook resume {run}` looks at the gate before each hand-over.",
        source: "the plan: phase close_gate",
        judge: gate_closed,
    },
    Rule {
        id: "rook.verify-gate-gone",
        title: "The gate is gone",
        severity: Severity::Refusal,
        reason: "It keeps Rook from starting a daemon anew, so one that fails stays away.",
        remedy: "`kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy {policy}`",
        source: "the plan: phase let_go",
        judge: gate_gone,
    },
    Rule {
        id: "rook.verify-health-checks-on",
        title: "Rook's health checks of mons and OSDs are on",
        severity: Severity::Warning,
        reason: "Rook does not notice a mon or OSD that is gone.",
        remedy: "In CephCluster {cluster} of namespace {namespace}, set `spec.healthCheck.daemonHealth.{kind}.disabled` to false.",
        source: "rook/rook: pkg/apis/ceph.rook.io/v1/types.go – DaemonHealthSpec",
        judge: health_checks,
    },
    Rule {
        id: "rook.verify-budgets-on",
        title: "Rook manages disruption budgets",
        severity: Severity::Warning,
        reason: "Nothing keeps `kubectl drain` from taking two failure domains at once.",
        remedy: "In CephCluster {cluster} of namespace {namespace}, set `spec.disruptionManagement.managePodBudgets` to true.",
        source: "rook/rook: pkg/apis/ceph.rook.io/v1/types.go – DisruptionManagementSpec",
        judge: budgets,
    },
    Rule {
        id: "rook.verify-no-restart",
        title: "No daemon has restarted since it was handed over",
        severity: Severity::Warning,
        reason: "A take-over starts each daemon once; a second start is a second interruption, or a fault.",
        remedy: "See why: `kubectl -n {namespace} describe pod {pod}` and `kubectl -n {namespace} logs {pod} --previous`.",
        source: "the plan: step record_pod_starts",
        judge: no_restart,
    },
    Rule {
        id: "rook.verify-leftovers",
        title: "Nothing of Rook's is left of a run that was taken back",
        severity: Severity::Warning,
        reason: "The operator works on it as soon as it can.",
        remedy: "`reeve rook rollback {run} --all` once more; what is left then needs a person.",
        source: "the run's journal",
        judge: leftovers,
    },
];

/// Returns the CephCluster if it has to be there and is, and writes down if it was not seen. That it is missing is one rule's to say.
fn cluster<'a>(it: &Situation<'a>, out: &mut Judgement<'_>) -> Option<&'a Value> {
    if !it
        .expected
        .is_done(|step| matches!(step, StepInput::CreateCephCluster(_)))
    {
        return None;
    }
    out.need("CephCluster", &it.seen.ceph_cluster)?.as_ref()
}

fn name(it: &Situation<'_>) -> String {
    let context = &it.expected.outline.context;
    format!("CephCluster {}/{}", context.namespace, context.cluster_name)
}

fn ready(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if !it
        .expected
        .is_done(|step| matches!(step, StepInput::AwaitDeployments(_)))
    {
        return;
    }
    if it.seen.ceph_cluster.known() == Some(&None) {
        out.found(name(it), format!("There is no {}.", name(it)), &[]);
        return;
    }
    let Some(cluster) = cluster(it, out) else { return };
    let phase = cluster["status"]["phase"].as_str().unwrap_or("none");
    let wanted = cluster["metadata"]["generation"].as_i64().unwrap_or_default();
    let seen = cluster["status"]["observedGeneration"].as_i64().unwrap_or_default();
    if phase != "Ready" || seen < wanted {
        let fact = format!("Its phase is {phase}, and Rook has seen generation {seen} of {wanted}.");
        let message = cluster["status"]["message"].as_str().unwrap_or_default();
        out.found(name(it), fact, &[]).by("status.message", message);
    }
}

fn same_cluster(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let Some(Some(cluster)) = it.seen.ceph_cluster.known() else {
        // Whether it has to be there is judged by another rule.
        return;
    };
    let fsid = cluster["status"]["ceph"]["fsid"].as_str().unwrap_or_default();
    if !fsid.is_empty() && fsid != it.expected.outline.fsid {
        out.found(
            name(it),
            format!("It names cluster {fsid}, and the plan {}.", it.expected.outline.fsid),
            &[],
        );
    }
}

fn gate_closed(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let bound = it
        .expected
        .is_done(|step| matches!(step, StepInput::CreateGateBinding(_)));
    let opened = it
        .expected
        .is_done(|step| matches!(step, StepInput::DeleteGateBinding(_)));
    if !bound || opened {
        return;
    }
    let Some(gate) = out.need("gate", &it.seen.facts.kubernetes.gate) else {
        return;
    };
    let missing: Vec<&str> = [("policy", gate.policy), ("binding", gate.binding)]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(what, _)| what)
        .collect();
    if !missing.is_empty() {
        out.found("gate", format!("The gate's {} is gone.", missing.join(" and ")), &[]);
    }
}

fn gate_gone(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let removed = it
        .expected
        .is_done(|step| matches!(step, StepInput::DeleteGatePolicy(_)));
    if !removed && !it.expected.is_untouched() {
        return;
    }
    let Some(gate) = out.need("gate", &it.seen.facts.kubernetes.gate) else {
        return;
    };
    let there: Vec<&str> = [("policy", gate.policy), ("binding", gate.binding)]
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(what, _)| what)
        .collect();
    if !there.is_empty() {
        let policy = reeve_kube::gate::policy_name(&it.expected.outline.context.namespace);
        let fact = format!("The gate's {} is there.", there.join(" and "));
        out.found("gate", fact, &[("policy", &policy)]).by(
            "run that made it",
            gate.run.clone().unwrap_or_else(|| "not said".into()),
        );
    }
}

fn watches(it: &Situation<'_>) -> bool {
    it.expected
        .is_done(|step| matches!(step, StepInput::EnableHealthChecks(_)))
}

fn health_checks(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if !watches(it) {
        return;
    }
    let Some(cluster) = cluster(it, out) else { return };
    for kind in ["mon", "osd"] {
        if cluster["spec"]["healthCheck"]["daemonHealth"][kind]["disabled"] == true {
            out.found(
                name(it),
                format!("Rook's health check of {kind}s is off."),
                &[("kind", kind)],
            );
        }
    }
}

fn budgets(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if !watches(it) {
        return;
    }
    let Some(cluster) = cluster(it, out) else { return };
    if cluster["spec"]["disruptionManagement"]["managePodBudgets"] != true {
        out.found(name(it), "Rook manages no disruption budgets.", &[]);
    }
}

fn no_restart(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let Some(recorded) = &it.expected.pod_starts else {
        if it
            .expected
            .is_done(|step| matches!(step, StepInput::RecordPodStarts(_)))
            && it.expected.run.is_some()
        {
            out.unseen("starts of the pods: the journal does not have them");
        }
        return;
    };
    if out.need("pods", &it.seen.pods).is_none() {
        return;
    }
    for (daemon, before) in recorded {
        // A daemon without a pod is another rule's.
        let Some(pod) = it.pods.get(daemon.as_str()).and_then(|pods| pods.first()) else {
            continue;
        };
        let fact = if pod.uid != before.uid {
            format!("{daemon} has another pod than when the gate was removed.")
        } else if pod.restarts != before.restarts {
            format!(
                "{daemon} was started {} times more since the gate was removed.",
                pod.restarts - before.restarts
            )
        } else {
            continue;
        };
        out.found(daemon.as_str(), fact, &[("pod", &pod.name)]).by(
            format!("pod {}", pod.name),
            format!("started {}\nrestarts {}", pod.started, pod.restarts),
        );
    }
}

fn leftovers(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let created = it
        .expected
        .is_done(|step| matches!(step, StepInput::CreateCephCluster(_)));
    if created || it.expected.run.is_none() {
        return;
    }
    if let Some(Some(cluster)) = out.need("CephCluster", &it.seen.ceph_cluster) {
        let phase = cluster["status"]["phase"].as_str().unwrap_or("none");
        out.found(
            name(it),
            format!(
                "{} is there, phase {phase}, and the run did not make it or took it back.",
                name(it)
            ),
            &[],
        );
    }
}
