//! What Rook is given to see: the cluster's identity, its mons, and the CephCluster.

use std::collections::BTreeMap;

use reeve_ceph::OsdId;
use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, wait};
use crate::plan::measured::{COMMAND_DEADLINE, RECONCILE_DEADLINE};
use crate::plan::objects::seed;

/// An option that Rook sets or removes, and its value now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigBefore {
    /// The section.
    pub section: String,
    /// The option.
    pub name: String,
    /// Its value now; none if it is not set.
    pub before: Option<String>,
}

/// Looks at Ceph's settings and keys right before Rook meets them, so that the undo can put back what Rook changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardCephSettings {
    /// Options that Rook sets or removes.
    pub config: Vec<ConfigBefore>,
    /// Auth entities that Rook creates and that do not exist now.
    pub created: Vec<String>,
    /// Auth entities that Rook deletes and that exist now.
    pub deleted: Vec<String>,
}

impl StepDefinition for GuardCephSettings {
    const KIND: &'static str = "guard_ceph_settings";
    const ABOUT: &'static str = "Looks at the settings and keys that Rook changes, so that its undo can put them back.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph_read(
                "options that Rook sets or removes: as in the survey",
                ["config", "dump", "--format", "json"],
            ),
            context.ceph_read(
                "names of auth entities: as in the survey",
                ["auth", "ls", "--format", "json"],
            ),
            ask(
                "on every host and in the namespace: which of the folders and ConfigMaps that Rook makes are there already; they stay when this is undone",
            ),
        ];
        let mut undo: Vec<Action> = Vec::new();
        for ConfigBefore { section, name, before } in &self.config {
            undo.push(match before {
                Some(value) => context.ceph(["config", "set", section, name, value]),
                None => context.ceph(["config", "rm", section, name]),
            });
        }
        for entity in &self.created {
            undo.push(context.ceph(["auth", "rm", entity]));
        }
        if !self.deleted.is_empty() {
            undo.push(ask(format!("{} in RUN/backup/auth-export", self.deleted.join(", "))));
            undo.push(context.ceph(["auth", "import", "-i", "-"]));
        }
        let what = "Looks at the settings and keys that Rook changes once it knows the cluster, to put them back if this is undone.";
        Description::changing(what, Place::Ceph, act, 300, undo)
    }
}

/// Creates the Secret that makes Rook adopt this cluster instead of making a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSecret {
    /// The cluster's id.
    pub fsid: String,
}

impl StepDefinition for CreateSecret {
    const KIND: &'static str = "create_secret";
    const ABOUT: &'static str =
        "Creates Secret `rook-ceph-mon`, which makes Rook adopt this cluster instead of making a new one.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph(["auth", "get-key", "mon."]),
            context.ceph(["auth", "get-key", "client.admin"]),
            Action::Apply {
                object: seed::secret(&context.namespace, &self.fsid),
            },
            ask("the Secret as it was stored: fsid and both keys, without a newline"),
        ];
        let undo = vec![
            context.patch("Secret", seed::SECRET, json!({ "metadata": { "finalizers": null } })),
            Action::Delete {
                object: context.object("Secret", seed::SECRET),
            },
        ];
        let what = "Creates the Secret with the cluster's id and keys: with it, Rook adopts; without it, Rook would make a new cluster.";
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Creates the ConfigMap with all mons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateEndpoints {
    /// The ConfigMap's `data`.
    pub data: BTreeMap<String, String>,
}

impl StepDefinition for CreateEndpoints {
    const KIND: &'static str = "create_endpoints";
    const ABOUT: &'static str = "Creates ConfigMap `rook-ceph-mon-endpoints` with every mon, its address and its node.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Apply {
            object: seed::endpoints(&context.namespace, &self.data),
        }];
        let undo = vec![
            context.patch(
                "ConfigMap",
                seed::ENDPOINTS,
                json!({ "metadata": { "finalizers": null } }),
            ),
            Action::Delete {
                object: context.object("ConfigMap", seed::ENDPOINTS),
            },
        ];
        let what = "Creates the list of mons for Rook: the same names, addresses and hosts.";
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Creates the ConfigMap that becomes `ceph.conf` in Rook's pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateConfigOverride {}

impl StepDefinition for CreateConfigOverride {
    const KIND: &'static str = "create_config_override";
    const ABOUT: &'static str = "Creates ConfigMap `rook-config-override`, empty: the old ceph.conf's options are in the config database by then.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![Action::Apply {
            object: seed::config_override(&context.namespace),
        }];
        let undo = vec![Action::Delete {
            object: context.object("ConfigMap", seed::OVERRIDE),
        }];
        let what = "Creates the ceph.conf of Rook's pods, empty: what the old files set is in the config database.";
        Description::changing(what, Place::Kubernetes, act, COMMAND_DEADLINE, undo)
    }
}

/// Creates the CephCluster.
///
/// Undo: with the operator scaled to nothing, so that its deletion logic never runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCephCluster {
    /// The whole object.
    pub object: Value,
    /// How many replicas the operator has.
    pub operator_replicas: i32,
}

impl StepDefinition for CreateCephCluster {
    const KIND: &'static str = "create_ceph_cluster";
    const ABOUT: &'static str =
        "Creates the CephCluster; with the gate closed Rook makes its Deployments and no pod but its mgrs'.";

    fn describe(&self, context: &StepContext) -> Description {
        let operator = format!("Deployment {}/rook-ceph-operator", context.operator_namespace);
        let scale = |replicas: i32| Action::Patch {
            object: operator.clone(),
            patch: json!({ "spec": { "replicas": replicas } }),
        };
        let undo = vec![
            scale(0),
            wait("no operator pod is left"),
            context.patch_cluster(json!({ "metadata": { "finalizers": null } })),
            Action::Delete {
                object: context.object("CephCluster", &context.cluster_name),
            },
            wait("no Deployment and no pod of Rook is left"),
            ask(
                "mgrs of Rook that the mgr map still has are taken from it (`ceph mgr fail ID`), so that an old one is active at once",
            ),
            Action::Delete {
                object: context.object(
                    "Secrets, ConfigMaps and Services made by Rook, by label",
                    &format!("rook_cluster={}", context.namespace),
                ),
            },
            ask("what guard_ceph_settings saw already there: all else of what follows is Rook's"),
            Action::Delete {
                object: context.object(
                    "ConfigMaps made by Rook without a label, and PodDisruptionBudgets of mons, mgrs and OSDs",
                    "rook-ceph-csi-mapping-config, rook-ceph-detect-version, rook-ceph-mgr-pdb, …",
                ),
            },
            ask(
                "on every host, removed if it was not there before: the folders of Rook's logs, keyrings and sockets (NAMESPACE and exporter) in its data directory",
            ),
            scale(self.operator_replicas),
        ];
        let what =
            "Creates the CephCluster: Rook makes its Deployments and, with the gate closed, no pod but its mgrs'.";
        let act = vec![Action::Apply {
            object: self.object.clone(),
        }];
        Description::changing(what, Place::Kubernetes, act, RECONCILE_DEADLINE, undo)
    }
}

/// Waits until Rook has a Deployment for every daemon, and no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitDeployments {
    /// Ids of the mons.
    pub mons: Vec<String>,
    /// OSDs by node; each must be found exactly once, and there.
    pub osds: BTreeMap<String, Vec<OsdId>>,
    /// After how many seconds this has failed.
    pub deadline_seconds: u32,
}

impl StepDefinition for AwaitDeployments {
    const KIND: &'static str = "await_deployments";
    const ABOUT: &'static str =
        "Waits until Rook has a Deployment for every daemon and for no other, and the CephCluster is Ready.";

    fn describe(&self, _: &StepContext) -> Description {
        let osds: usize = self.osds.values().map(Vec::len).sum();
        let act = vec![
            wait("the CephCluster is Ready"),
            ask(format!(
                "Deployments of {} mons and {osds} OSDs on {} nodes, ids, uuids and nodes as surveyed, and none besides",
                self.mons.len(),
                self.osds.len()
            )),
            ask("no pod of a mon or an OSD"),
        ];
        let what = format!(
            "Waits until Rook has found all {} mons and {osds} OSDs, and has started none.",
            self.mons.len()
        );
        Description::looking(what, Place::Kubernetes, act, self.deadline_seconds)
    }
}

/// Takes the label from the Deployments of a host's OSDs that Rook would take away later.
///
/// Rook makes them with label `device-type`, which it has from the prepare job, and drops it at its next reconcile, because the job is not
/// asked again (measured with v1.18.11); that would restart every OSD a second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelOsdDeployments {
    /// The node.
    pub node: String,
    /// Its OSDs.
    pub osds: Vec<OsdId>,
}

impl StepDefinition for LabelOsdDeployments {
    const KIND: &'static str = "label_osd_deployments";
    const ABOUT: &'static str = "Takes the label `device-type` from OSD Deployments, which Rook drops at its next reconcile, so that none restarts for it.";

    fn describe(&self, context: &StepContext) -> Description {
        let names: Vec<String> = self.osds.iter().map(|osd| format!("rook-ceph-osd-{osd}")).collect();
        let patch = |value: Value| {
            let labels = json!({ "labels": { "device-type": value } });
            context.patch(
                "Deployments",
                &names.join(","),
                json!({ "metadata": labels, "spec": { "template": { "metadata": labels } } }),
            )
        };
        let undo = vec![patch(json!(
            "(bluestore_bdev_type of the OSD, from `ceph osd metadata`)"
        ))];
        let what = format!(
            "Labels the Deployments of {} OSDs on {} as Rook would at its next look.",
            self.osds.len(),
            self.node
        );
        Description::changing(what, Place::Kubernetes, vec![patch(Value::Null)], 120, undo)
    }
}

/// Changes a harmless field of the CephCluster, so that Rook looks a second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerReconcile {
    /// `healthCheck.daemonHealth.status.interval` now.
    pub before: String,
    /// The same to be.
    pub after: String,
}

impl StepDefinition for TriggerReconcile {
    const KIND: &'static str = "trigger_reconcile";
    const ABOUT: &'static str = "Makes Rook look a second time, while the gate is still closed.";

    fn describe(&self, context: &StepContext) -> Description {
        let patch = |interval: &str| {
            vec![context.patch_cluster(
                json!({ "spec": { "healthCheck": { "daemonHealth": { "status": { "interval": interval } } } } }),
            )]
        };
        let what = "Makes Rook look a second time, by a harmless change, while the gate is closed.";
        Description::changing(
            what,
            Place::Kubernetes,
            patch(&self.after),
            COMMAND_DEADLINE,
            patch(&self.before),
        )
    }
}
