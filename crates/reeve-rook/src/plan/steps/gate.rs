//! The gate: no Ceph daemon pod starts that was not released.

use std::collections::BTreeSet;

use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::ask;
use crate::plan::measured::COMMAND_DEADLINE;
use crate::plan::objects::gate;

/// Creates the list of released daemons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateReleasedList {
    /// Daemons that are on it from the start.
    pub released: BTreeSet<String>,
}

impl StepDefinition for CreateReleasedList {
    const KIND: &'static str = "create_released_list";
    const ABOUT: &'static str = "Creates the list of daemons whose pods may start.";

    fn describe(&self, context: &StepContext) -> Description {
        let released: Vec<&str> = self.released.iter().map(String::as_str).collect();
        let what = format!(
            "Creates the list of released daemons, annotations of the namespace, with Rook's own {}.",
            released.join(" and ")
        );
        let act = vec![gate::release(&context.namespace, &self.released)];
        let undo = vec![gate::withdraw(&context.namespace, &self.released)];
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Creates the admission policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGatePolicy {}

impl StepDefinition for CreateGatePolicy {
    const KIND: &'static str = "create_gate_policy";
    const ABOUT: &'static str = "Creates the admission policy that refuses pods of daemons that were not released.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Apply {
            object: gate::policy(&context.namespace),
        }];
        let undo = vec![Action::Delete {
            object: format!("ValidatingAdmissionPolicy {}", gate::policy_name(&context.namespace)),
        }];
        let what = "Creates the policy that refuses pods of Ceph daemons that are not on the list.";
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Binds the policy to the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGateBinding {}

impl StepDefinition for CreateGateBinding {
    const KIND: &'static str = "create_gate_binding";
    const ABOUT: &'static str = "Binds the policy to the namespace; from then on the gate is closed.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Apply {
            object: gate::binding(&context.namespace),
        }];
        let undo = vec![Action::Delete {
            object: format!(
                "ValidatingAdmissionPolicyBinding {}",
                gate::policy_name(&context.namespace)
            ),
        }];
        let what = format!(
            "Binds the policy to namespace {}: from now on the gate is closed.",
            context.namespace
        );
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Proves by a dry run that the daemons' pods are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveGateClosed {
    /// The daemons, `mon.n1`.
    pub daemons: Vec<String>,
}

impl StepDefinition for ProveGateClosed {
    const KIND: &'static str = "prove_gate_closed";
    const ABOUT: &'static str = "Proves by a server-side dry run that a daemon's pod is refused.";

    fn describe(&self, _: &StepContext) -> Description {
        let list = self.daemons.join(", ");
        let act = vec![ask(format!(
            "a dry run of a pod labelled as {list}: refused by the gate"
        ))];
        Description::looking(
            format!("Proves that no pod of {list} can start."),
            Place::Kubernetes,
            act,
            COMMAND_DEADLINE,
        )
    }
}
