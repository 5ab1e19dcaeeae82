//! Settings of Kubernetes objects that the take-over changes, and the proof of the image.

use std::collections::BTreeMap;

use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, wait};
use crate::plan::measured::{COMMAND_DEADLINE, IMAGE_DEADLINE};
use crate::plan::objects::probe_pod;

/// A setting before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingChange {
    /// Its value now; none if it is not set.
    pub before: Option<String>,
    /// Its value to be.
    pub after: String,
}

/// Changes settings of the Rook operator in its ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOperatorSettings {
    /// By name.
    pub settings: BTreeMap<String, SettingChange>,
}

impl StepDefinition for SetOperatorSettings {
    const KIND: &'static str = "set_operator_settings";
    const ABOUT: &'static str = "Changes settings of the Rook operator that would let it act by itself.";

    fn describe(&self, context: &StepContext) -> Description {
        let object = format!("ConfigMap {}/rook-ceph-operator-config", context.operator_namespace);
        let patch = |value: fn(&SettingChange) -> Value| {
            let data: Map<String, Value> = self
                .settings
                .iter()
                .map(|(name, change)| (name.clone(), value(change)))
                .collect();
            vec![Action::Patch {
                object: object.clone(),
                patch: json!({ "data": data }),
            }]
        };
        let names: Vec<&str> = self.settings.keys().map(String::as_str).collect();
        let what = format!(
            "Sets {} for the Rook operator, so that it acts on nothing by itself.",
            names.join(", ")
        );
        let (act, undo) = (patch(|it| json!(it.after)), patch(|it| json!(it.before)));
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Tells Rook which of a node's addresses a mon may use, should it ever place one there itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnotateNode {
    /// The node.
    pub node: String,
    /// The address in Ceph's public network.
    pub address: String,
}

impl StepDefinition for AnnotateNode {
    const KIND: &'static str = "annotate_node";
    const ABOUT: &'static str = "Tells Rook which of a node's addresses a mon may use.";

    fn describe(&self, _: &StepContext) -> Description {
        let patch = |value: Value| {
            let patch = json!({ "metadata": { "annotations": { "network.rook.io/mon-ip": value } } });
            vec![Action::Patch {
                object: format!("Node {}", self.node),
                patch,
            }]
        };
        let what = format!(
            "Notes on node {} that a mon there uses {}, for a fail-over some day.",
            self.node, self.address
        );
        Description::changing(
            what,
            Place::Kubernetes,
            patch(json!(self.address)),
            COMMAND_DEADLINE,
            patch(Value::Null),
        )
    }
}

/// Runs the Ceph image on a node and looks at its version and its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveImage {
    /// The node.
    pub node: String,
    /// The value of its label `kubernetes.io/hostname`.
    pub hostname: String,
    /// The image.
    pub image: String,
    /// The line that `ceph --version` has to print, which every daemon runs now.
    pub version_line: String,
    /// Keys of taints that the pod has to tolerate.
    pub tolerations: Vec<String>,
}

impl StepDefinition for ProveImage {
    const KIND: &'static str = "prove_image";
    const ABOUT: &'static str =
        "Runs the Ceph image on a node: it can be pulled there, and has the version that runs and user 167.";

    fn describe(&self, context: &StepContext) -> Description {
        let pod = probe_pod(&context.namespace, self);
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let delete = Action::Delete {
            object: context.object("Pod", name),
        };
        let act = vec![
            Action::Apply { object: pod.clone() },
            wait("the pod has ended"),
            ask(format!(
                "its log: `{}` and `uid=167(ceph) gid=167(ceph)`",
                self.version_line
            )),
            delete.clone(),
        ];
        let what = format!(
            "Runs the Ceph image on node {}: it is there, and is the version that runs now.",
            self.node
        );
        Description::changing(what, Place::Kubernetes, act, IMAGE_DEADLINE, vec![delete])
    }
}
