//! The end: the gate is removed and Rook looks after its daemons.

use std::collections::BTreeSet;

use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, read, wait};
use crate::plan::measured::{COMMAND_DEADLINE, RECONCILE_DEADLINE};
use crate::plan::objects::gate;

/// Records when each daemon's pod started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordPodStarts {
    /// How many daemons there are.
    pub daemons: usize,
}

impl StepDefinition for RecordPodStarts {
    const KIND: &'static str = "record_pod_starts";
    const ABOUT: &'static str = "Records when each daemon's pod started, to compare later.";

    fn describe(&self, _: &StepContext) -> Description {
        let act = vec![ask(format!(
            "uid, start time and restarts of the pods of all {} daemons",
            self.daemons
        ))];
        Description::looking(
            "Records when each daemon's pod started.",
            Place::Kubernetes,
            act,
            COMMAND_DEADLINE,
        )
    }
}

/// Unbinds the gate's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteGateBinding {}

impl StepDefinition for DeleteGateBinding {
    const KIND: &'static str = "delete_gate_binding";
    const ABOUT: &'static str = "Unbinds the policy: the gate is open.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Delete {
            object: format!(
                "ValidatingAdmissionPolicyBinding {}",
                gate::policy_name(&context.namespace)
            ),
        }];
        let undo = vec![Action::Apply {
            object: gate::binding(&context.namespace),
        }];
        let what = "Unbinds the policy: from now on Rook may start any daemon.";
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Deletes the gate's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteGatePolicy {}

impl StepDefinition for DeleteGatePolicy {
    const KIND: &'static str = "delete_gate_policy";
    const ABOUT: &'static str = "Deletes the policy.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Delete {
            object: format!("ValidatingAdmissionPolicy {}", gate::policy_name(&context.namespace)),
        }];
        let undo = vec![Action::Apply {
            object: gate::policy(&context.namespace),
        }];
        Description::changing("Deletes the policy.", Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Deletes the list of released daemons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteReleasedList {
    /// All daemons on it.
    pub released: BTreeSet<String>,
}

impl StepDefinition for DeleteReleasedList {
    const KIND: &'static str = "delete_released_list";
    const ABOUT: &'static str = "Deletes the list of released daemons.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![gate::withdraw(&context.namespace, &self.released)];
        let undo = vec![gate::release(&context.namespace, &self.released)];
        Description::changing(
            "Deletes the list of released daemons.",
            Place::Kubernetes,
            act,
            COMMAND_DEADLINE,
            undo,
        )
    }
}

/// Switches Rook's health checks and disruption budgets on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableHealthChecks {
    /// After how many seconds Rook's reconcile has failed.
    pub deadline_seconds: u32,
}

impl StepDefinition for EnableHealthChecks {
    const KIND: &'static str = "enable_health_checks";
    const ABOUT: &'static str = "Switches Rook's mon and OSD health checks and its disruption budgets on.";

    fn describe(&self, context: &StepContext) -> Description {
        let patch = |on: bool| -> Value {
            json!({ "spec": {
                "disruptionManagement": { "managePodBudgets": on },
                "healthCheck": { "daemonHealth": { "mon": { "disabled": !on }, "osd": { "disabled": !on } } },
            } })
        };
        let act = vec![
            wait("the CephCluster is Ready: Rook has nothing under way"),
            context.patch_cluster(patch(true)),
            wait("the CephCluster is Ready and has observed it"),
        ];
        let undo = vec![
            context.patch_cluster(patch(false)),
            wait("the CephCluster is Ready and has observed it"),
        ];
        let what = "Switches Rook's mon and OSD health checks and disruption budgets on.";
        Description::changing(
            what,
            Place::Kubernetes,
            act,
            self.deadline_seconds.max(RECONCILE_DEADLINE),
            undo,
        )
    }
}

/// Proves that no daemon's pod has restarted since they were recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveNoRestart {
    /// How many daemons there are.
    pub daemons: usize,
}

impl StepDefinition for ProveNoRestart {
    const KIND: &'static str = "prove_no_restart";
    const ABOUT: &'static str = "Proves that no daemon's pod has restarted since Rook began to watch.";

    fn describe(&self, _: &StepContext) -> Description {
        let act = vec![ask(format!(
            "uid, start time and restarts of the pods of all {} daemons: as recorded",
            self.daemons
        ))];
        Description::looking(
            "Proves that no daemon has restarted.",
            Place::Kubernetes,
            act,
            COMMAND_DEADLINE,
        )
    }
}

/// Looks at everything once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyTakeover {
    /// Old units by host, all of them masked.
    pub hosts: Vec<String>,
}

impl StepDefinition for VerifyTakeover {
    const KIND: &'static str = "verify_takeover";
    const ABOUT: &'static str =
        "Looks once more: every daemon in a pod of Rook, every old unit masked, health as before.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph_read(
                "health no worse than before the take-over",
                ["status", "--format", "json"],
            ),
            context.ceph_read("one version", ["versions", "--format", "json"]),
            ask("phase Ready; one ready pod for each daemon"),
            read(
                "on every host: nothing active, the handed-over units masked",
                ["systemctl", "list-units", "--all", "--no-legend", "ceph*"],
            ),
        ];
        let what = format!("Looks at the cluster, Rook and {} hosts once more.", self.hosts.len());
        Description::looking(what, Place::Ceph, act, 600)
    }
}
