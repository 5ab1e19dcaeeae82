//! What is the case: a new survey, and beyond it the objects that Rook keeps for the daemons.

use std::sync::Arc;

use reeve_ceph::{CephCommand, CephProgram};
use reeve_host::Hosts;
use reeve_kube::gate::{DAEMON_ID_LABEL, DAEMON_TYPE_LABEL};
use reeve_kube::{Cluster, Resource};
use serde_json::Value;

use crate::facts::{Facts, Reading};
use crate::remote_ceph::RemoteCeph;

/// What is the case.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The facts of a new survey.
    pub facts: Facts,
    /// Pods of Ceph daemons in the CephCluster's namespace, sorted by daemon; those on their way out are not among them.
    pub pods: Reading<Vec<DaemonPod>>,
    /// The CephCluster whole, or none.
    pub ceph_cluster: Reading<Option<Value>>,
    /// The answer to `ceph osd crush dump`.
    pub crush: Reading<Value>,
}

/// A pod of a Ceph daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonPod {
    /// The daemon: `mon.n1`.
    pub daemon: String,
    /// The pod's name.
    pub name: String,
    /// The node that it runs on; empty while it has none.
    pub node: String,
    /// It runs and is ready.
    pub ready: bool,
    /// Its uid.
    pub uid: String,
    /// When it started, as Kubernetes says it.
    pub started: String,
    /// How often its containers were started again.
    pub restarts: i64,
}

impl Observation {
    /// Reads what a survey does not, beside the facts of one. Changes nothing; what cannot be read becomes an unknown reading.
    pub async fn read(facts: Facts, cluster_name: &str, hosts: &Arc<dyn Hosts>, cluster: &Cluster) -> Self {
        let namespace = facts.scope.namespace.clone();
        let (pods, ceph_cluster, crush) = futures::join!(
            cluster.select(Resource::POD, &namespace, DAEMON_ID_LABEL),
            cluster.get(Resource::CEPH_CLUSTER, &namespace, cluster_name),
            crush(&facts, hosts),
        );
        Self {
            pods: Reading::from(pods.map(|pods| daemon_pods(&pods))),
            ceph_cluster: Reading::from(ceph_cluster),
            crush,
            facts,
        }
    }
}

async fn crush(facts: &Facts, hosts: &Arc<dyn Hosts>) -> Reading<Value> {
    let host = match hosts.connect(&facts.scope.admin_host).await {
        Ok(host) => host,
        Err(error) => return Reading::unknown(error.to_string()),
    };
    let command = CephCommand::new(CephProgram::Ceph, ["osd", "crush", "dump"]);
    Reading::from(reeve_ceph::query::ask(&RemoteCeph::new(host), &command).await)
}

/// Turns pods into what the rules look at.
pub(super) fn daemon_pods(pods: &[Value]) -> Vec<DaemonPod> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<DaemonPod> = pods
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .filter_map(|pod| {
            let labels = &pod["metadata"]["labels"];
            let daemon = format!(
                "{}.{}",
                labels[DAEMON_TYPE_LABEL].as_str()?,
                labels[DAEMON_ID_LABEL].as_str()?
            );
            let containers = pod["status"]["containerStatuses"].as_array();
            let conditions = pod["status"]["conditions"].as_array();
            Some(DaemonPod {
                daemon,
                name: text(&pod["metadata"]["name"]),
                node: text(&pod["spec"]["nodeName"]),
                ready: conditions
                    .is_some_and(|list| list.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")),
                uid: text(&pod["metadata"]["uid"]),
                started: text(&pod["status"]["startTime"]),
                restarts: containers
                    .map(|list| list.iter().filter_map(|one| one["restartCount"].as_i64()).sum())
                    .unwrap_or_default(),
            })
        })
        .collect();
    found.sort_by(|a, b| (&a.daemon, &a.name).cmp(&(&b.daemon, &b.name)));
    found
}
