//! The Rook operator: what it makes of a CephCluster, in the order in which it makes it.
//!
//! Source: the laboratory, Rook v1.18.11 (`docs/src/decisions/rook-apply.md`, `rook-plan.md`): mons first, then mgrs, whose pods it waits for,
//! then prepare jobs and the OSDs; an OSD's Deployment has label `device-type` when it is made and loses it at the next reconcile. A change of the CephCluster
//! begins a reconcile beside the one under way; that one gives up about a minute later and then says `Progressing`, with nothing in progress any more.

use std::collections::BTreeSet;

use reeve_ceph::{DaemonName, OsdId};
use serde_json::{Value, json};

use super::kubernetes::uid_of;
use super::ledger::Violation;
use super::machine::{Happening, Machine};
use super::timing;
use crate::plan::objects::seed;

/// How far a reconcile is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Begin,
    Mon(usize),
    Mgrs,
    MgrsRun,
    Prepare,
    Osd(usize),
    End,
}

/// The operator and what it keeps in mind.
#[derive(Debug, Default)]
pub(super) struct Operator {
    runs: bool,
    /// Counts starts of the operator and of reconciles; what belongs to an older one is dropped.
    round: u64,
    /// The generation of the CephCluster that is known.
    generation: i64,
    /// The generation that the reconcile under way began with.
    observing: i64,
    /// Whether a reconcile is under way.
    busy: bool,
    /// Counts the operator's processes.
    process: u32,
    pub(super) pods_made: u32,
    /// Daemons whose pods fail whatever their data.
    pub(super) broken_pods: BTreeSet<DaemonName>,
    /// Host names of nodes that cannot have the image.
    pub(super) nodes_without_image: BTreeSet<String>,
}

/// Entities that Rook makes, but for its mgrs.
const CREATES: [&str; 7] = [
    "client.ceph-exporter",
    "client.crash",
    "client.csi-cephfs-node",
    "client.csi-cephfs-provisioner",
    "client.csi-rbd-node",
    "client.csi-rbd-provisioner",
    "client.rbd-mirror-peer",
];
const REMOVES: [&str; 6] = [
    "log_file",
    "ms_cluster_mode",
    "ms_service_mode",
    "ms_client_mode",
    "ms_osd_compress_mode",
    "rbd_default_map_options",
];

impl Machine {
    fn operator_namespace(&self) -> &str {
        &self.layout.context.operator_namespace
    }

    /// Makes the operator's pod, which works from now on.
    pub(super) fn put_operator_pod(&mut self) {
        self.operator.runs = true;
        self.operator.busy = false;
        self.operator.process += 1;
        self.operator.pods_made += 1;
        let path = format!(
            "/api/v1/namespaces/{}/pods/rook-ceph-operator-{:05x}",
            self.operator_namespace(),
            self.operator.pods_made
        );
        let pod = json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": { "labels": { "app": "rook-ceph-operator" } },
            "spec": { "nodeName": self.layout.nodes.values().next().map(|node| node.name.clone()) },
            "status": { "phase": "Running" },
        });
        self.api.put(&path, pod);
    }

    pub(super) fn operator_pods(&self) -> Vec<Value> {
        let path = format!("/api/v1/namespaces/{}/pods", self.operator_namespace());
        self.api.list(&path, "app=rook-ceph-operator")
    }

    fn operator_replicas(&self) -> i64 {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/deployments/rook-ceph-operator",
            self.operator_namespace()
        );
        let found = self.api.get(&path);
        found.and_then(|it| it["spec"]["replicas"].as_i64()).unwrap_or(0)
    }

    /// Somebody has patched the operator's Deployment.
    pub(super) fn operator_scaled(&mut self) {
        let wanted = self.operator_replicas();
        let pods = self.operator_pods();
        if wanted == 0 {
            self.operator.runs = false;
            self.operator.round += 1;
            for pod in pods {
                let pod = super::kubernetes::name_of(&pod).to_owned();
                self.after(timing::OPERATOR_ENDS, Happening::OperatorGone { pod });
            }
        } else if !self.operator.runs {
            self.operator.round += 1;
            let round = self.operator.round;
            self.after(timing::OPERATOR_STARTS, Happening::OperatorUp { round });
        }
    }

    /// Somebody has deleted the operator's pod; its Deployment makes another.
    pub(super) fn operator_pod_deleted(&mut self, pod: &str) {
        self.operator.runs = false;
        self.operator.round += 1;
        let (pod, round) = (pod.to_owned(), self.operator.round);
        self.after(timing::OPERATOR_ENDS, Happening::OperatorGone { pod });
        self.after(timing::OPERATOR_STARTS, Happening::OperatorUp { round });
    }

    pub(super) fn operator_gone(&mut self, pod: &str) {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}", self.operator_namespace());
        self.api.remove(&path);
    }

    pub(super) fn operator_up(&mut self, round: u64) {
        if round != self.operator.round || self.operator_replicas() == 0 {
            return;
        }
        self.put_operator_pod();
        self.operator.generation = 0;
        self.ceph_cluster_changed();
    }

    pub(super) fn ceph_cluster(&self) -> Option<Value> {
        self.api.get(&self.ceph_cluster_path())
    }

    /// Somebody has created, changed or deleted the CephCluster.
    pub(super) fn ceph_cluster_changed(&mut self) {
        let Some(cluster) = self.ceph_cluster() else {
            if self.operator.generation > 0 && self.operator.runs {
                self.ledger.violated(Violation::DeletedUnderOperator);
            }
            self.operator.generation = 0;
            self.operator.round += 1;
            self.after(timing::COLLECTED, Happening::Collected);
            return;
        };
        let generation = cluster["metadata"]["generation"].as_i64().unwrap_or(1);
        let changed = generation != self.operator.generation;
        self.operator.generation = generation;
        if changed && self.operator.runs {
            if std::mem::take(&mut self.operator.busy) {
                let process = self.operator.process;
                self.after(timing::ROOK_GIVES_UP, Happening::RookGivesUp { process });
            }
            self.operator.round += 1;
            let round = self.operator.round;
            let stage = Stage::Begin;
            self.after(timing::ROOK_NOTICES, Happening::RookReconciles { round, stage });
        }
    }

    fn next(&mut self, pause: std::time::Duration, stage: Stage) {
        let round = self.operator.round;
        self.after(pause, Happening::RookReconciles { round, stage });
    }

    /// Goes on with a reconcile.
    pub(super) fn rook_reconciles(&mut self, round: u64, stage: Stage) {
        if round != self.operator.round || !self.operator.runs {
            return;
        }
        if self.waits_for_api(Happening::RookReconciles {
            round,
            stage: stage.clone(),
        }) {
            return;
        }
        let Some(cluster) = self.ceph_cluster() else { return };
        // Everything that asks Ceph waits for a quorum.
        if self.ceph.quorum.is_none() {
            self.next(timing::ROOK_ASKS, stage);
            return;
        }
        match stage {
            Stage::Begin => self.reconcile_begins(),
            Stage::Mon(number) => self.reconcile_mon(number),
            Stage::Mgrs => self.reconcile_mgrs(&cluster),
            Stage::MgrsRun => self.await_mgrs(&cluster),
            Stage::Prepare => {
                self.prepare_jobs();
                self.next(timing::ROOK_PREPARES, Stage::Osd(0));
            }
            Stage::Osd(number) => self.reconcile_osd(number),
            Stage::End => self.reconcile_ends(),
        }
    }

    fn report(&self, phase: &str, message: &str) {
        let status = json!({ "status": { "phase": phase, "message": message } });
        self.api.patch(&self.ceph_cluster_path(), &status);
    }

    fn reconcile_begins(&mut self) {
        self.operator.observing = self.operator.generation;
        self.operator.busy = true;
        if self.api.get(&self.core("secrets", seed::SECRET)).is_none() {
            self.ledger.violated(Violation::NewCluster);
            return;
        }
        let finalizer = json!({ "metadata": { "finalizers": ["cephcluster.ceph.rook.io"] } });
        self.api.patch(&self.ceph_cluster_path(), &finalizer);
        self.report("Progressing", "Configuring Ceph Mons");
        self.next(timing::ROOK_DETECTS, Stage::Mon(0));
    }

    fn reconcile_mon(&mut self, number: usize) {
        let Some(mon) = self.ceph.mons.keys().nth(number).cloned() else {
            self.next(timing::ROOK_MON, Stage::Mgrs);
            return;
        };
        let daemon = DaemonName::mon(mon.as_str());
        let host = self
            .layout
            .units
            .get(&daemon)
            .map(|unit| unit.host.clone())
            .unwrap_or_default();
        let labels = json!({ "mon": mon, "mon_cluster": self.namespace() });
        self.make_deployment(&daemon, Some(&self.node_of(&host)), &labels, &json!({}));
        self.next(timing::ROOK_MON, Stage::Mon(number + 1));
    }

    fn mgr_ids(cluster: &Value) -> Vec<String> {
        let count = cluster["spec"]["mgr"]["count"].as_u64().unwrap_or(1);
        ('a'..='z')
            .take(usize::try_from(count).unwrap_or(1))
            .map(String::from)
            .collect()
    }

    fn reconcile_mgrs(&mut self, cluster: &Value) {
        self.report("Progressing", "Configuring Ceph Mgr(s)");
        for (name, value) in [
            ("log_to_file", "false"),
            ("mon_cluster_log_file", ""),
            ("mon_allow_pool_delete", "true"),
            ("mon_allow_pool_size_one", "true"),
        ] {
            self.ceph.set_config("global", name, value);
        }
        self.ceph
            .set_config("mon", "auth_allow_insecure_global_id_reclaim", "false");
        for name in REMOVES {
            self.ceph.remove_config("global", name);
        }
        let pins = cluster["spec"]["cephConfig"]["global"].as_object();
        for (name, value) in pins.into_iter().flatten() {
            self.ceph.set_config("global", name, value.as_str().unwrap_or_default());
        }
        for entity in CREATES {
            self.ceph.create_entity(entity);
        }
        self.ceph
            .auth
            .retain(|entity, _| !entity.starts_with("client.bootstrap-"));
        for id in Self::mgr_ids(cluster) {
            self.ceph.create_entity(&format!("mgr.{id}"));
            let labels = json!({ "mgr": id, "instance": id });
            self.make_deployment(&DaemonName::mgr(id.as_str()), None, &labels, &json!({}));
        }
        self.next(timing::ROOK_ASKS, Stage::MgrsRun);
    }

    /// OSDs come only after all mgrs run.
    fn await_mgrs(&mut self, cluster: &Value) {
        let pods = self.api.list(&self.core("pods", ""), "app=rook-ceph-mgr");
        let ready = pods
            .iter()
            .filter(|pod| pod["status"]["conditions"][0]["status"] == "True")
            .count();
        let stage = if ready >= Self::mgr_ids(cluster).len() {
            Stage::Prepare
        } else {
            Stage::MgrsRun
        };
        self.next(timing::ROOK_ASKS, stage);
    }

    fn own_labels(&self) -> Value {
        json!({ "rook_cluster": self.namespace(), "app.kubernetes.io/managed-by": "rook-ceph-operator" })
    }

    fn owner(&self) -> Value {
        let uid = self.ceph_cluster().map(|cluster| uid_of(&cluster).to_owned());
        json!([{ "kind": "CephCluster", "name": self.layout.context.cluster_name, "uid": uid }])
    }

    fn prepare_jobs(&mut self) {
        self.report("Progressing", "Configuring Ceph OSDs");
        let (labels, owner) = (self.own_labels(), self.owner());
        let nodes: Vec<String> = self.layout.nodes.values().map(|node| node.hostname.clone()).collect();
        for node in nodes {
            let path = self.batch("jobs", &format!("rook-ceph-osd-prepare-{node}"));
            let job = json!({
                "kind": "Job",
                "apiVersion": "batch/v1",
                "metadata": { "labels": labels, "ownerReferences": owner },
                "status": { "succeeded": 1 },
            });
            self.api.put(&path, job);
        }
    }

    fn reconcile_osd(&mut self, number: usize) {
        let Some((id, osd)) = self.layout.osds.iter().nth(number).map(|(id, osd)| (*id, osd.clone())) else {
            self.next(timing::ROOK_ENDS, Stage::End);
            return;
        };
        let daemon = DaemonName::osd(id);
        let labels = json!({ "ceph-osd-id": id.to_string(), "device-class": osd.class });
        let class = if osd.class.is_empty() { "hdd" } else { &osd.class };
        let from_job = json!({ "device-type": class });
        let node = self.node_of(&osd.host);
        let made = self.make_deployment(&daemon, Some(&node), &labels, &from_job);
        if !made {
            self.drop_device_type(id);
        }
        self.next(timing::ROOK_OSD, Stage::Osd(number + 1));
    }

    /// Rook's second look: the job is not asked again, and what it said is gone from the Deployment.
    fn drop_device_type(&mut self, id: OsdId) {
        let name = format!("rook-ceph-osd-{id}");
        let path = self.apps("deployments", &name);
        let has = self
            .api
            .get(&path)
            .is_some_and(|it| !it["spec"]["template"]["metadata"]["labels"]["device-type"].is_null());
        if has {
            let labels = json!({ "labels": { "device-type": null } });
            let patch = json!({ "metadata": labels, "spec": { "template": { "metadata": labels } } });
            self.api.patch(&path, &patch);
            self.after(timing::CONTROLLER, Happening::DeploymentSeen { name });
        }
    }

    /// Makes a daemon's Deployment unless it is there; tells whether it made one.
    fn make_deployment(&mut self, daemon: &DaemonName, node: Option<&str>, own: &Value, once: &Value) -> bool {
        let name = format!("rook-ceph-{}-{}", daemon.kind, daemon.id);
        let path = self.apps("deployments", &name);
        if self.api.get(&path).is_some() {
            return false;
        }
        let mut labels = self.own_labels();
        labels["app"] = json!(format!("rook-ceph-{}", daemon.kind));
        labels["ceph_daemon_id"] = json!(daemon.id);
        for more in [own, once] {
            for (key, value) in more.as_object().into_iter().flatten() {
                labels[key] = value.clone();
            }
        }
        let mut in_pods = labels.clone();
        in_pods["ceph_daemon_type"] = json!(daemon.kind.as_str());
        let mut pod = json!({ "containers": [{ "name": "ceph", "image": "ceph" }], "hostNetwork": true });
        if let Some(node) = node {
            pod["nodeSelector"] = json!({ "kubernetes.io/hostname": node });
        }
        let deployment = json!({
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "metadata": { "labels": labels, "ownerReferences": self.owner() },
            "spec": {
                "replicas": 1,
                "strategy": { "type": "Recreate" },
                "template": { "metadata": { "labels": in_pods }, "spec": pod },
            },
        });
        self.api.put(&path, deployment);
        self.after(timing::CONTROLLER, Happening::DeploymentSeen { name });
        true
    }

    /// A reconcile that was abandoned notices it, and says what it said last, whatever the one after it has said meanwhile.
    pub(super) fn rook_gives_up(&mut self, process: u32) {
        if self.operator.runs && self.operator.process == process && self.ceph_cluster().is_some() {
            self.report("Progressing", "Processing OSD 0 on node");
        }
    }

    fn reconcile_ends(&mut self) {
        self.operator.busy = false;
        let (labels, owner) = (self.own_labels(), self.owner());
        let owned = json!({ "labels": labels, "ownerReferences": owner });
        for name in ["rook-ceph-mons-keyring", "rook-ceph-admin-keyring", "rook-ceph-config"] {
            self.api.put(
                &self.core("secrets", name),
                json!({ "kind": "Secret", "metadata": owned }),
            );
        }
        for name in ["rook-ceph-detect-version", "rook-ceph-csi-mapping-config"] {
            // Neither has an owner nor a label.
            self.api
                .put(&self.core("configmaps", name), json!({ "kind": "ConfigMap" }));
        }
        let exporters = format!("{}/exporter", self.layout.data_dir);
        for host in self.layout.nodes.keys() {
            if let Some(host) = self.hosts.get_mut(host) {
                host.make_directory(&exporters);
            }
        }
        let status = json!({ "status": {
            "phase": "Ready",
            "message": "Cluster created successfully",
            "observedGeneration": self.operator.observing,
        } });
        self.api.patch(&self.ceph_cluster_path(), &status);
    }
}
