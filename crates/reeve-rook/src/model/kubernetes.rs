//! Kubernetes behind the API server: Deployments, ReplicaSets, kubelets and the garbage collector.

use std::time::Duration;

use reeve_ceph::{DaemonName, DaemonType};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::layout::ROOK;
use super::ledger::Violation;
use super::machine::{Happening, Home, Machine, Process};
use super::timing;

const HASH: &str = "pod-template-hash";

impl Machine {
    pub(super) fn namespace(&self) -> &str {
        &self.layout.context.namespace
    }

    fn path(&self, group: &str, plural: &str, name: &str) -> String {
        let base = format!("{group}/namespaces/{}/{plural}", self.namespace());
        if name.is_empty() {
            base
        } else {
            format!("{base}/{name}")
        }
    }

    /// Returns the path of an object of the core group in the CephCluster's namespace; of the kind itself without a name.
    pub(super) fn core(&self, plural: &str, name: &str) -> String {
        self.path("/api/v1", plural, name)
    }

    pub(super) fn apps(&self, plural: &str, name: &str) -> String {
        self.path("/apis/apps/v1", plural, name)
    }

    pub(super) fn batch(&self, plural: &str, name: &str) -> String {
        self.path("/apis/batch/v1", plural, name)
    }

    pub(super) fn ceph_cluster_path(&self) -> String {
        self.path(
            "/apis/ceph.rook.io/v1",
            "cephclusters",
            &self.layout.context.cluster_name,
        )
    }

    /// Puts there what is there before the plan begins.
    pub(super) fn furnish_kubernetes(&mut self) {
        let layout = self.layout.clone();
        let api = self.api.clone();
        for namespace in [&layout.context.namespace, &layout.context.operator_namespace] {
            api.put(
                &format!("/api/v1/namespaces/{namespace}"),
                json!({ "kind": "Namespace", "apiVersion": "v1" }),
            );
        }
        for kind in ["cephclusters", "cephblockpools", "cephfilesystems", "cephobjectstores"] {
            let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.ceph.rook.io");
            api.put(&path, json!({ "kind": "CustomResourceDefinition" }));
        }
        for node in layout.nodes.values() {
            let addresses: Vec<Value> = node
                .address
                .iter()
                .map(|address| json!({ "type": "InternalIP", "address": address }))
                .collect();
            let object = json!({
                "kind": "Node",
                "apiVersion": "v1",
                "metadata": { "labels": { "kubernetes.io/hostname": node.hostname } },
                "status": { "addresses": addresses, "conditions": [{ "type": "Ready", "status": "True" }] },
            });
            api.put(&format!("/api/v1/nodes/{}", node.name), object);
        }
        let own = &layout.context.operator_namespace;
        let config = json!({ "kind": "ConfigMap", "apiVersion": "v1", "data": layout.operator_settings });
        api.put(
            &format!("/api/v1/namespaces/{own}/configmaps/rook-ceph-operator-config"),
            config,
        );
        let replicas = layout.operator_replicas;
        let labels = json!({ "app": "rook-ceph-operator" });
        let operator = json!({
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "metadata": { "labels": labels },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{ "name": "rook-ceph-operator", "image": layout.operator_image }] },
                },
            },
            "status": { "readyReplicas": replicas, "replicas": replicas },
        });
        api.put(
            &format!("/apis/apps/v1/namespaces/{own}/deployments/rook-ceph-operator"),
            operator,
        );
        if replicas > 0 {
            self.put_operator_pod();
        }
    }

    /// Takes note of a request that changed something.
    pub(super) fn was_asked(&mut self, method: &str, uri: &str) {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if method == "GET" || query.contains("dryRun=All") {
            return;
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (plural, name) = match parts.as_slice() {
            [.., "namespaces", _, plural, name] => (*plural, *name),
            [.., "namespaces", _, plural] => (*plural, ""),
            _ => return,
        };
        match (method, plural) {
            (_, "cephclusters") => self.ceph_cluster_changed(),
            ("PATCH" | "PUT", "deployments") if name == "rook-ceph-operator" => self.operator_scaled(),
            ("PATCH" | "PUT" | "POST", "deployments") if !name.is_empty() => {
                let name = name.to_owned();
                self.after(timing::CONTROLLER, Happening::DeploymentSeen { name });
            }
            ("PATCH" | "PUT", "replicasets") => {
                let name = name.to_owned();
                self.after(timing::CONTROLLER, Happening::ReplicaSetTries { name, round: 0 });
            }
            ("DELETE", "pods") => self.pod_deleted(name),
            ("POST", "pods") => self.probe_pods_seen(),
            _ => {}
        }
    }

    // Deployments and ReplicaSets.

    /// The Deployments' controller looks at one.
    pub(super) fn deployment_seen(&mut self, name: &str) {
        if self.waits_for_api(Happening::DeploymentSeen { name: name.to_owned() }) {
            return;
        }
        let Some(deployment) = self.api.get(&self.apps("deployments", name)) else {
            return;
        };
        let template = &deployment["spec"]["template"];
        let hash = hex::encode(Sha256::digest(template.to_string()));
        let hash = &hash[..10];
        let wanted = format!("{name}-{hash}");
        let app = template["metadata"]["labels"].clone();
        for old in self.sets_of(name, &app).into_iter().filter(|old| *old != wanted) {
            self.retire(&old, &app);
        }
        let path = self.apps("replicasets", &wanted);
        if self.api.get(&path).is_none() {
            let mut labels = app;
            labels[HASH] = json!(hash);
            let mut template = template.clone();
            template["metadata"]["labels"] = labels.clone();
            let set = json!({
                "kind": "ReplicaSet",
                "apiVersion": "apps/v1",
                "metadata": { "labels": labels, "ownerReferences": [{ "kind": "Deployment", "name": name }] },
                "spec": { "replicas": 1, "template": template },
            });
            self.api.put(&path, set);
        } else {
            self.api.patch(&path, &json!({ "spec": { "replicas": 1 } }));
        }
        self.after(
            timing::CONTROLLER,
            Happening::ReplicaSetTries { name: wanted, round: 0 },
        );
    }

    fn sets_of(&self, deployment: &str, labels: &Value) -> Vec<String> {
        let id = labels["ceph_daemon_id"].as_str().unwrap_or_default();
        let selector = format!("ceph_daemon_id={id}");
        let sets = self.api.list(&self.apps("replicasets", ""), &selector);
        sets.iter()
            .filter(|set| set["metadata"]["ownerReferences"][0]["name"] == deployment)
            .map(|set| name_of(set).to_owned())
            .collect()
    }

    /// Ends the pods of a revision that is no longer wanted.
    fn retire(&mut self, set: &str, labels: &Value) {
        let path = self.apps("replicasets", set);
        if self.api.get(&path).is_some_and(|it| it["spec"]["replicas"] == 0) {
            return;
        }
        self.api.patch(&path, &json!({ "spec": { "replicas": 0 } }));
        for pod in self.pods_of(set) {
            if let Some(daemon) = daemon_of(labels) {
                self.ledger.violated(Violation::SecondRestart { daemon });
            }
            self.terminate(&pod);
        }
    }

    /// Returns the pods of a ReplicaSet that are not on their way out.
    fn pods_of(&self, set: &str) -> Vec<String> {
        let hash = set.rsplit('-').next().unwrap_or_default();
        let pods = self.api.list(&self.core("pods", ""), &format!("{HASH}={hash}"));
        pods.iter()
            .filter(|pod| pod["metadata"]["ownerReferences"][0]["name"] == set)
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .map(|pod| name_of(pod).to_owned())
            .collect()
    }

    /// The ReplicaSets' controller tries to make a pod; where admission refuses it, it tries again later and later.
    pub(super) fn replica_set_tries(&mut self, name: &str, round: u32) {
        let again = |round| Happening::ReplicaSetTries {
            name: name.to_owned(),
            round,
        };
        if self.waits_for_api(again(round)) {
            return;
        }
        let Some(set) = self.api.get(&self.apps("replicasets", name)) else {
            return;
        };
        if set["spec"]["replicas"] != 1 || !self.pods_of(name).is_empty() {
            return;
        }
        self.operator.pods_made += 1;
        let template = &set["spec"]["template"];
        let pod_name = format!("{name}-{:05x}", self.operator.pods_made);
        let pod = json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": pod_name,
                "labels": template["metadata"]["labels"],
                "ownerReferences": [{ "kind": "ReplicaSet", "name": name }],
            },
            "spec": template["spec"],
            "status": { "phase": "Pending" },
        });
        match self.api.create(&self.core("pods", ""), pod) {
            Ok(pod) => self.pod_bound(&pod),
            Err(_refused) => {
                let pause = timing::REPLICA_BACK_OFF.saturating_mul(1 << round.min(20));
                self.after(pause.min(timing::LONGEST_REPLICA_BACK_OFF), again(round + 1));
            }
        }
    }

    // Kubelets.

    fn pod_bound(&mut self, pod: &Value) {
        let labels = &pod["metadata"]["labels"];
        let Some(daemon) = daemon_of(labels) else { return };
        let wanted = pod["spec"]["nodeSelector"]["kubernetes.io/hostname"].as_str();
        let nodes = self.layout.nodes.values();
        let node = match wanted {
            Some(hostname) => nodes
                .into_iter()
                .find(|node| node.hostname == hostname)
                .map(|node| node.name.clone()),
            // Mgrs keep away from one another.
            None => {
                let taken = self.api.list(&self.core("pods", ""), "app=rook-ceph-mgr");
                let is_free = |name: &String| !taken.iter().any(|pod| pod["spec"]["nodeName"] == name.as_str());
                let mut names = nodes.map(|node| node.name.clone());
                names.find(is_free)
            }
        };
        let Some(node) = node else { return };
        let name = name_of(pod).to_owned();
        let uid = uid_of(pod).to_owned();
        let started = format!("{}s", self.now.as_secs());
        let bound = json!({
            "spec": { "nodeName": node },
            "status": {
                "phase": "Pending",
                "startTime": started,
                "containerStatuses": [{ "name": "ceph", "restartCount": 0, "state": { "waiting": { "reason": "PodInitializing" } } }],
            },
        });
        self.api.patch(&self.core("pods", &name), &bound);
        let inits = match daemon.kind {
            DaemonType::Mon => timing::MON_INITS,
            DaemonType::Osd => timing::OSD_INITS,
            _ => timing::MGR_INITS,
        };
        self.after(inits, Happening::PodStarts { pod: name, uid });
    }

    fn pod(&self, name: &str, uid: &str) -> Option<Value> {
        let pod = self.api.get(&self.core("pods", name))?;
        (uid_of(&pod) == uid).then_some(pod)
    }

    /// A pod's containers start; the daemon runs if its data is where Rook looks for it.
    pub(super) fn pod_starts(&mut self, name: &str, uid: &str) {
        let Some(pod) = self.pod(name, uid) else { return };
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let Some(daemon) = daemon_of(&pod["metadata"]["labels"]) else {
            return;
        };
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let host = self.layout.nodes.iter().find(|(_, it)| it.name == node);
        let Some(host) = host.map(|(host, _)| host.clone()) else {
            return;
        };
        let path = self.core("pods", name);
        let Some(store) = self.takes_data(&daemon, &host) else {
            self.crashes(&path, &pod, name, uid);
            return;
        };
        let process = Process {
            daemon,
            host,
            home: Home::Pod(name.to_owned(), uid.to_owned()),
            store,
        };
        self.start_process(process);
        let count = restarts(&pod);
        let status = json!({ "status": {
            "phase": "Running",
            "containerStatuses": [{ "name": "ceph", "restartCount": count, "ready": false, "state": { "running": {} } }],
        } });
        self.api.patch(&path, &status);
        let (pod, uid) = (name.to_owned(), uid.to_owned());
        self.after(Duration::from_secs(2), Happening::PodReady { pod, uid });
    }

    fn crashes(&mut self, path: &str, pod: &Value, name: &str, uid: &str) {
        let count = restarts(pod) + 1;
        let status = json!({ "status": {
            "containerStatuses": [{ "name": "ceph", "restartCount": count, "state": { "waiting": { "reason": "CrashLoopBackOff" } } }],
        } });
        self.api.patch(path, &status);
        let doubled = timing::CRASH_BACK_OFF.saturating_mul(1 << (count - 1).clamp(0, 5));
        let (pod, uid) = (name.to_owned(), uid.to_owned());
        self.after(doubled.min(Duration::from_secs(300)), Happening::PodStarts { pod, uid });
    }

    /// Gives a pod's init containers what they need: none if it is not there, else the store where it is a mon's.
    #[allow(
        clippy::option_option,
        reason = "no data at all, or data of a kind that has no store"
    )]
    fn takes_data(&mut self, daemon: &DaemonName, host: &str) -> Option<Option<String>> {
        if self.operator.broken_pods.contains(daemon) {
            return None;
        }
        // Logs and keyrings of Rook's daemons lie in a directory of the host that nobody owns.
        let folder = format!("{}/{}", self.layout.data_dir, self.layout.context.namespace);
        let state = self.hosts.get_mut(host)?;
        state.make_directory(&folder);
        match daemon.kind {
            DaemonType::Mon => {
                let target = self.layout.mons.get(&daemon.id)?.target.clone();
                if state.store_version(&target).is_none() {
                    let (mon, path) = (daemon.id.clone(), target);
                    self.ledger.violated(Violation::OlderStore { mon, path });
                    return None;
                }
                state.give(&target, ROOK);
                Some(Some(target))
            }
            DaemonType::Osd => {
                let osd = self.layout.osds.get(&daemon.id.parse().ok()?)?;
                if osd.host != host || !osd.devices.iter().all(|device| state.files.contains_key(device)) {
                    return None;
                }
                for device in &osd.devices {
                    state.give(device, ROOK);
                }
                Some(None)
            }
            _ => Some(None),
        }
    }

    pub(super) fn pod_ready(&mut self, name: &str, uid: &str) {
        let Some(pod) = self.pod(name, uid) else { return };
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        let status = json!({ "status": {
            "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [{ "name": "ceph", "restartCount": restarts(&pod), "ready": true, "state": { "running": {} } }],
        } });
        self.api.patch(&self.core("pods", name), &status);
    }

    /// Somebody has deleted a pod.
    fn pod_deleted(&mut self, name: &str) {
        match self.api.get(&self.core("pods", name)) {
            Some(pod) if !pod["metadata"]["deletionTimestamp"].is_null() => self.terminate(name),
            _ => {}
        }
        let own = &self.layout.context.operator_namespace;
        let operator = self.api.get(&format!("/api/v1/namespaces/{own}/pods/{name}"));
        if operator.is_some_and(|pod| pod["metadata"]["labels"]["app"] == "rook-ceph-operator") {
            self.operator_pod_deleted(name);
        }
    }

    /// Lets a pod end.
    pub(super) fn terminate(&mut self, name: &str) {
        let path = self.core("pods", name);
        let Some(pod) = self.api.get(&path) else { return };
        if daemon_of(&pod["metadata"]["labels"]).is_none() {
            return;
        }
        let uid = uid_of(&pod).to_owned();
        self.api.patch(
            &path,
            &json!({ "metadata": { "deletionTimestamp": "2026-01-02T03:04:05Z" } }),
        );
        let home = Home::Pod(name.to_owned(), uid.clone());
        let process = self
            .processes
            .iter()
            .find(|(_, process)| process.home == home)
            .map(|(pid, _)| *pid);
        let takes = process.map(|pid| self.stop_process(pid)).unwrap_or_default();
        let pod_name = name.to_owned();
        self.after(takes + timing::POD_ENDS, Happening::PodEnds { pod: pod_name, uid });
        // The controller of the ReplicaSet does not wait for it.
        if let Some(set) = pod["metadata"]["ownerReferences"][0]["name"].as_str() {
            let name = set.to_owned();
            self.after(timing::CONTROLLER, Happening::ReplicaSetTries { name, round: 0 });
        }
    }

    pub(super) fn pod_ends(&mut self, name: &str, uid: &str) {
        let home = Home::Pod(name.to_owned(), uid.to_owned());
        let left = self
            .processes
            .iter()
            .find(|(_, process)| process.home == home)
            .map(|(pid, _)| *pid);
        if let Some(pid) = left {
            self.end_process(pid);
        }
        if self.pod(name, uid).is_some() {
            self.api.remove(&self.core("pods", name));
        }
    }

    // The pod that proves the image.

    fn probe_pods_seen(&mut self) {
        for pod in self
            .api
            .list(&self.core("pods", ""), "app.kubernetes.io/managed-by=reeve")
        {
            if pod["status"]["phase"].is_null() {
                let name = name_of(&pod).to_owned();
                self.api
                    .patch(&self.core("pods", &name), &json!({ "status": { "phase": "Pending" } }));
                self.after(timing::PROBE_POD, Happening::ProbePodEnds { pod: name });
            }
        }
    }

    pub(super) fn probe_pod_ends(&mut self, name: &str) {
        let path = self.core("pods", name);
        let Some(pod) = self.api.get(&path) else { return };
        let hostname = pod["spec"]["nodeSelector"]["kubernetes.io/hostname"]
            .as_str()
            .unwrap_or_default();
        if self.operator.nodes_without_image.contains(hostname) {
            let waits = json!({ "status": { "containerStatuses": [{ "state": { "waiting": { "reason": "ImagePullBackOff" } } }] } });
            self.api.patch(&path, &waits);
            return;
        }
        let log = format!(
            "{}\nuid=167(ceph) gid=167(ceph) groups=167(ceph)\n",
            self.layout.version_line
        );
        self.api.set_log(self.namespace(), name, &log);
        self.api.patch(&path, &json!({ "status": { "phase": "Succeeded" } }));
    }

    // The garbage collector.

    /// Ends everything that belonged to the CephCluster, which is gone.
    pub(super) fn collected(&mut self) {
        if self.waits_for_api(Happening::Collected) || self.api.get(&self.ceph_cluster_path()).is_some() {
            return;
        }
        let owned = |object: &Value| object["metadata"]["ownerReferences"][0]["kind"] == "CephCluster";
        let mut gone = Vec::new();
        for path in [
            self.apps("deployments", ""),
            self.batch("jobs", ""),
            self.core("configmaps", ""),
            self.core("secrets", ""),
        ] {
            let found = self.api.list(&path, "");
            gone.extend(
                found
                    .iter()
                    .filter(|it| owned(it))
                    .map(|it| format!("{path}/{}", name_of(it))),
            );
        }
        for set in self.api.list(&self.apps("replicasets", ""), "") {
            gone.push(self.apps("replicasets", name_of(&set)));
        }
        for path in gone {
            self.api.remove(&path);
        }
        for pod in self.api.list(&self.core("pods", ""), "ceph_daemon_id") {
            self.terminate(name_of(&pod));
        }
    }

    /// Puts something off while the API server is away; controllers can do nothing without it.
    pub(super) fn waits_for_api(&mut self, what: Happening) -> bool {
        let left = self.api_away_until.saturating_sub(self.now);
        if left.is_zero() {
            return false;
        }
        self.after(left + timing::CONTROLLER, what);
        true
    }
}

pub(super) fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub(super) fn uid_of(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn restarts(pod: &Value) -> u32 {
    let count = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// Returns the daemon that a pod's labels name.
pub(super) fn daemon_of(labels: &Value) -> Option<DaemonName> {
    let (kind, id) = (labels["ceph_daemon_type"].as_str()?, labels["ceph_daemon_id"].as_str()?);
    format!("{kind}.{id}").parse().ok()
}
