//! Releasing a daemon to Rook.

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, wait};
use crate::plan::measured::{COMMAND_DEADLINE, GONE_DEADLINE};
use crate::plan::objects::gate;

/// Returns the label selector of a daemon's pods and ReplicaSets.
///
/// Source: rook: `pkg/operator/ceph/controller/label.go`, `pkg/operator/ceph/cluster/osd/labels.go`.
pub(crate) fn selector(daemon: &DaemonName) -> String {
    let key = if daemon.kind == DaemonType::Osd {
        "ceph-osd-id"
    } else {
        daemon.kind.as_str()
    };
    format!("app=rook-ceph-{},{key}={}", daemon.kind, daemon.id)
}

/// Puts a daemon on the released list.
///
/// Undo: takes it off, deletes its pod and waits until that is gone, so that the old unit may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseDaemon {
    /// The daemon.
    pub daemon: DaemonName,
}

impl StepDefinition for ReleaseDaemon {
    const KIND: &'static str = "release_daemon";
    const ABOUT: &'static str =
        "Puts a daemon on the released list and waits until a dry run of its pod is let through.";

    fn describe(&self, context: &StepContext) -> Description {
        let daemon = &self.daemon;
        let act = vec![
            gate::release_one(&context.namespace, daemon),
            wait(format!("a dry run of a pod labelled as {daemon} is let through")),
        ];
        let undo = vec![
            gate::withdraw_one(&context.namespace, daemon),
            wait(format!("a dry run of a pod labelled as {daemon} is refused")),
            Action::Delete {
                object: context.object("Pods", &selector(daemon)),
            },
            wait(format!("no pod of {daemon} is left and no process of it runs")),
        ];
        Description::changing(
            format!("Releases {daemon} to Rook."),
            Place::Kubernetes,
            act,
            GONE_DEADLINE,
            undo,
        )
    }
}

/// Touches a daemon's ReplicaSet, so that its controller tries again at once instead of after its back-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NudgeReplicaSet {
    /// The daemon.
    pub daemon: DaemonName,
}

impl StepDefinition for NudgeReplicaSet {
    const KIND: &'static str = "nudge_replica_set";
    const ABOUT: &'static str = "Touches a daemon's ReplicaSet, so that its controller makes the pod at once.";

    fn describe(&self, context: &StepContext) -> Description {
        let object = selector(&self.daemon);
        let patch = |value: Value| {
            let patch = json!({ "metadata": { "annotations": { gate::NUDGE_ANNOTATION: value } } });
            context.patch("ReplicaSets", &object, patch)
        };
        let act = vec![
            patch(json!(self.daemon.to_string())),
            ask(format!("the pod of {}", self.daemon)),
        ];
        let what = format!(
            "Touches the ReplicaSet of {}, so that its pod is made at once.",
            self.daemon
        );
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, vec![patch(Value::Null)])
    }
}
