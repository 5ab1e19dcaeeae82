//! Reading Kubernetes: one cluster, many questions at once, nothing changed.

use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use reeve_kube::{Access, Cluster, ConnectError, KubeconfigSource, MAX_IN_FLIGHT, RequestError, gate};

use super::{KubernetesSource, KubernetesSourceError};
use crate::facts::{CephCluster, GateState, KubernetesFacts, Namespace, Node, Operator, Permission, Reading, Scope};

/// How long reading all of it may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The API groups whose definitions Rook needs.
const CRD_GROUPS: [&str; 2] = ["ceph.rook.io", "csi.ceph.io"];

/// The label by which Rook pins daemons to nodes and names CRUSH hosts.
///
/// Source: rook/rook: `pkg/operator/k8sutil/node.go` – `LabelHostname`.
const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";

/// What a take-over does to Kubernetes objects in the CephCluster's namespace: group, resource, verbs.
const IN_NAMESPACE: &[(&str, &str, &[&str])] = &[
    ("", "configmaps", &["create", "get", "patch", "delete"]),
    ("", "secrets", &["create", "get", "patch", "delete"]),
    ("", "pods", &["create", "get", "list", "delete"]),
    ("", "pods/log", &["get"]),
    ("apps", "deployments", &["get", "list", "patch", "delete"]),
    ("apps", "replicasets", &["list", "patch"]),
    ("ceph.rook.io", "cephclusters", &["create", "get", "patch", "delete"]),
    ("coordination.k8s.io", "leases", &["create", "get", "update", "delete"]),
    ("policy", "poddisruptionbudgets", &["list", "delete"]),
];

/// The same in the operator's namespace.
const IN_OPERATOR_NAMESPACE: &[(&str, &str, &[&str])] = &[
    ("", "configmaps", &["get", "patch"]),
    ("apps", "deployments", &["get", "patch"]),
];

/// The same for what has no namespace.
const IN_CLUSTER: &[(&str, &str, &[&str])] = &[
    ("", "namespaces", &["get", "patch"]),
    ("", "nodes", &["get", "list", "patch"]),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        &["create", "get", "patch", "delete"],
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
        &["create", "get", "patch", "delete"],
    ),
];

/// A Kubernetes cluster that a survey reads.
#[derive(Clone, Debug)]
pub struct KubernetesCluster {
    cluster: Cluster,
    deadline: Duration,
}

impl KubernetesCluster {
    /// Prepares the connection that a kubeconfig describes; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`KubernetesSourceError`] for a kubeconfig, context or credentials that cannot be used.
    pub async fn connect(source: &KubeconfigSource) -> Result<Self, KubernetesSourceError> {
        Cluster::connect(source).await.map(Self::from).map_err(unusable)
    }

    /// Returns the same cluster with another deadline for reading all of it.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl From<Cluster> for KubernetesCluster {
    fn from(cluster: Cluster) -> Self {
        Self {
            cluster,
            deadline: DEADLINE,
        }
    }
}

#[async_trait]
impl KubernetesSource for KubernetesCluster {
    async fn read(&self, scope: &Scope) -> Result<KubernetesFacts, KubernetesSourceError> {
        // Boxed: many requests at once make a large future.
        match tokio::time::timeout(self.deadline, Box::pin(read(&self.cluster, scope))).await {
            Ok(facts) => facts.map_err(failed),
            Err(_) => {
                let origin = self.cluster.origin();
                Err(KubernetesSourceError {
                    problem: format!(
                        "{origin} did not answer everything within {} s",
                        self.deadline.as_secs()
                    ),
                    unreachable: true,
                    hint: format!(
                        "check the API server's health: `kubectl --kubeconfig {} get --raw /readyz?verbose`",
                        origin.kubeconfig
                    ),
                    source: None,
                })
            }
        }
    }
}

/// Reads everything at once; the cluster bounds how many requests are under way.
///
/// # Errors
///
/// [`RequestError`] if version or nodes cannot be read. Anything else that cannot, for want of a right or because a request failed,
/// becomes unknown with the reason.
pub async fn read(cluster: &Cluster, scope: &Scope) -> Result<KubernetesFacts, RequestError> {
    let ((version, nodes), namespace, operator, crds, ceph_clusters, gate, permissions) = futures::join!(
        async { futures::join!(cluster.version(), cluster.nodes()) },
        cluster.namespace(&scope.namespace),
        cluster.operator(&scope.operator_namespace),
        cluster.crds(&CRD_GROUPS),
        cluster.ceph_clusters(),
        gate::read_state(cluster, &scope.namespace),
        read_permissions(cluster, scope),
    );
    Ok(KubernetesFacts {
        server: cluster.origin().server.clone(),
        version: version?,
        nodes: nodes?.into_iter().map(node).collect(),
        namespace: reading(namespace, |found| Namespace {
            exists: found.exists,
            labels: found.labels,
            service_accounts: found.service_accounts,
            rook_secrets: found.rook_secrets,
            rook_config_maps: found.rook_config_maps,
            rook_deployments: found.rook_deployments,
        }),
        operator: reading(operator, |found| Operator {
            exists: found.exists,
            image: found.image,
            version: found.version,
            ready_replicas: found.ready_replicas,
            replicas: found.replicas,
            settings: found.settings,
        }),
        crds: reading(crds, |found| found),
        ceph_clusters: reading(ceph_clusters, |found| found.into_iter().map(ceph_cluster).collect()),
        gate: reading(gate, |found| GateState {
            supported: found.supported,
            policy: found.policy,
            binding: found.binding,
            released: found
                .released
                .map(|daemons| daemons.iter().map(ToString::to_string).collect()),
            run: found.run,
            since: found.since,
        }),
        permissions: reading(permissions, |found| found),
    })
}

/// Asks for each right that a take-over needs. The answers are sorted.
async fn read_permissions(cluster: &Cluster, scope: &Scope) -> Result<Vec<Permission>, RequestError> {
    let needed = needed(scope);
    let mut answers: Vec<Permission> = stream::iter(needed)
        .map(|access| async move {
            let allowed = cluster.may(&access).await?;
            let Access {
                verb,
                group,
                resource,
                namespace,
            } = access;
            Ok::<_, RequestError>(Permission {
                verb,
                group,
                resource,
                namespace,
                allowed,
            })
        })
        .buffer_unordered(MAX_IN_FLIGHT)
        .try_collect()
        .await?;
    answers.sort();
    Ok(answers)
}

/// Returns the rights that a take-over needs; each once, also where Rook's operator lives in the cluster's namespace.
fn needed(scope: &Scope) -> Vec<Access> {
    let places = [
        (IN_NAMESPACE, Some(scope.namespace.as_str())),
        (IN_OPERATOR_NAMESPACE, Some(scope.operator_namespace.as_str())),
        (IN_CLUSTER, None),
    ];
    let mut needed: Vec<Access> = places
        .iter()
        .flat_map(|(table, namespace)| table.iter().map(move |row| (row, *namespace)))
        .flat_map(|((group, resource, verbs), namespace)| {
            verbs
                .iter()
                .map(move |verb| Access::new(verb, group, resource, namespace))
        })
        .collect();
    needed.sort();
    needed.dedup();
    needed
}

fn node(node: reeve_kube::Node) -> Node {
    Node {
        hostname_label: node.labels.get(HOSTNAME_LABEL).cloned(),
        name: node.name,
        labels: node.labels,
        addresses: node.addresses,
        machine_id: node.machine_id,
        kubelet_version: node.kubelet_version,
        ready: node.ready,
        unschedulable: node.unschedulable,
        pressures: node.pressures,
        taints: node.taints,
        images: node.images,
    }
}

fn ceph_cluster(found: reeve_kube::CephCluster) -> CephCluster {
    CephCluster {
        namespace: found.namespace,
        name: found.name,
        phase: found.phase,
        fsid: found.fsid,
        external: found.external,
    }
}

/// Turns an answer into a fact, or into the reason why it is not known.
fn reading<A, B>(answer: Result<A, RequestError>, translate: impl FnOnce(A) -> B) -> Reading<B> {
    match answer {
        Ok(found) => Reading::Known(translate(found)),
        Err(error) => Reading::unknown(format!("{error}: {}", error.problem)),
    }
}

fn failed(error: RequestError) -> KubernetesSourceError {
    KubernetesSourceError {
        problem: error.to_string(),
        unreachable: error.is_unreachable() || error.is_transient(),
        hint: error.hint(),
        source: Some(Box::new(error.problem)),
    }
}

fn unusable(error: ConnectError) -> KubernetesSourceError {
    let hint = error.hint();
    let problem = error.to_string();
    // A file that cannot be read has a cause of its own; the other variants say all of it themselves.
    let source = match error {
        ConnectError::Read { source, .. } => Some(Box::new(source) as Box<dyn StdError + Send + Sync>),
        _ => None,
    };
    KubernetesSourceError {
        problem,
        unreachable: false,
        hint,
        source,
    }
}

#[cfg(test)]
mod tests {
    use reeve_kube::fake::ApiServer;
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope {
            admin_host: "n1".parse().unwrap(),
            namespace: "rook-ceph".into(),
            operator_namespace: "rook-operator".into(),
            data_dir_host_path: "/var/lib/rook".into(),
            ceph_image: None,
        }
    }

    fn server() -> ApiServer {
        let server = ApiServer::default();
        server.put("/api/v1/namespaces/rook-ceph", json!({}));
        server.put(
            "/api/v1/namespaces/rook-ceph/secrets/rook-ceph-mon",
            json!({ "data": { "mon-secret": "aGlkZGVu" } }),
        );
        server.put(
            "/api/v1/nodes/n1",
            json!({ "metadata": { "labels": { "kubernetes.io/hostname": "n1.example.org" } } }),
        );
        server.put(
            "/apis/apps/v1/namespaces/rook-operator/deployments/rook-ceph-operator",
            json!({ "spec": { "replicas": 1, "selector": {}, "template": { "spec": { "containers": [
                { "name": "rook-ceph-operator", "image": "docker.io/rook/ceph:v1.18.11" },
            ] } } } }),
        );
        server.put(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cephclusters.ceph.rook.io",
            json!({}),
        );
        server.put(
            "/apis/ceph.rook.io/v1/namespaces/elsewhere/cephclusters/old",
            json!({ "apiVersion": "ceph.rook.io/v1", "kind": "CephCluster" }),
        );
        server
    }

    #[tokio::test]
    async fn everything_is_read_and_nothing_changed() {
        let server = server();
        let before = server.everything();
        let facts = KubernetesCluster::from(server.cluster()).read(&scope()).await.unwrap();
        assert_eq!(server.everything(), before);
        assert!(!server.take_asked().iter().any(reeve_kube::fake::Asked::changes));

        assert_eq!(
            (facts.server.as_str(), facts.version.as_str()),
            ("https://fake:6443", "v1.34.4")
        );
        assert_eq!(facts.nodes[0].hostname_label.as_deref(), Some("n1.example.org"));
        assert!(facts.namespace.known().unwrap().rook_secrets.contains("rook-ceph-mon"));
        assert_eq!(facts.operator.known().unwrap().version.as_deref(), Some("1.18.11"));
        assert_eq!(facts.crds.known().unwrap().len(), 1);
        assert_eq!(facts.ceph_clusters.known().unwrap()[0].namespace, "elsewhere");
        assert_eq!(
            facts.gate,
            Reading::Known(GateState {
                supported: true,
                ..GateState::default()
            })
        );
        assert!(facts.permissions.known().unwrap().iter().all(|one| one.allowed));
        assert!(!serde_json::to_string(&facts).unwrap().contains("aGlkZGVu"));
    }

    #[tokio::test]
    async fn what_may_not_be_read_is_unknown_and_the_rest_is_there() {
        let server = server();
        server.forbid("list", "secrets");
        server.forbid("list", "cephclusters");
        server.forbid("create", "validatingadmissionpolicies");
        let facts = KubernetesCluster::from(server.cluster()).read(&scope()).await.unwrap();
        let why = facts.namespace.require().unwrap_err();
        assert!(
            why.starts_with("could not list the names of secrets in namespace rook-ceph at https://fake:6443"),
            "{why}"
        );
        assert!(why.contains("not allowed (403)"), "{why}");
        assert!(facts.ceph_clusters.known().is_none() && facts.operator.known().is_some());
        let denied: Vec<_> = facts
            .permissions
            .known()
            .unwrap()
            .iter()
            .filter(|one| !one.allowed)
            .collect();
        assert_eq!(denied.len(), 1);
        assert_eq!(
            (denied[0].verb.as_str(), denied[0].resource.as_str()),
            ("create", "validatingadmissionpolicies")
        );
    }

    #[tokio::test]
    async fn a_gate_that_a_dead_run_left_is_found() {
        let server = server();
        let [policy, binding] = <[_; 2]>::try_from(gate::objects("rook-ceph", "dead-run")).unwrap();
        let name = gate::policy_name("rook-ceph");
        server.put(
            &format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"),
            policy,
        );
        server.put(
            &format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{name}"),
            binding,
        );
        let facts = KubernetesCluster::from(server.cluster()).read(&scope()).await.unwrap();
        let found = facts.gate.known().unwrap();
        assert!(found.policy && found.binding);
        assert_eq!(found.run.as_deref(), Some("dead-run"));
        assert!(
            found.since.is_some(),
            "the creation time stands in for a missing annotation"
        );
    }

    #[tokio::test]
    async fn without_nodes_there_is_no_survey() {
        let server = server();
        server.forbid("list", "nodes");
        let error = KubernetesCluster::from(server.cluster())
            .read(&scope())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not list nodes at https://fake:6443 (context fake of fake.kubeconfig)"
        );
        assert!(!error.unreachable);
        assert!(
            error.hint.contains("give the user of context fake this right"),
            "{}",
            error.hint
        );
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_no_unreachable_cluster() {
        let source = KubeconfigSource {
            path: "/nonexistent/kubeconfig".into(),
            context: None,
        };
        let error = KubernetesCluster::connect(&source).await.unwrap_err();
        assert!(!error.unreachable && error.source.is_some());
        assert_eq!(error.problem, "cannot read the kubeconfig /nonexistent/kubeconfig");
    }

    #[test]
    fn each_right_is_asked_for_once() {
        let mut scope = scope();
        let apart = needed(&scope).len();
        scope.operator_namespace = scope.namespace.clone();
        let together = needed(&scope);
        assert!(together.len() < apart);
        assert!(together.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
