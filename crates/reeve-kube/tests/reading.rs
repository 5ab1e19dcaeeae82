//! Reading a cluster: what is found, what is left out, and what happens where the user may not look.

use std::convert::Infallible;
use std::time::Duration;

use kube::client::Body;
use reeve_kube::fake::ApiServer;
use reeve_kube::{Access, Cluster, HIDDEN, MAX_PAGES, PAGE_SIZE, Problem};
use serde_json::json;

fn with_rook() -> ApiServer {
    let server = ApiServer::default();
    server.put(
        "/api/v1/namespaces/rook-ceph",
        json!({ "metadata": { "labels": { "team": "storage" } } }),
    );
    server.put("/api/v1/namespaces/rook-ceph/serviceaccounts/rook-ceph-osd", json!({}));
    server.put(
        "/api/v1/namespaces/rook-ceph/secrets/rook-ceph-mon",
        json!({ "data": { "fsid": "c2VjcmV0" } }),
    );
    server.put("/api/v1/namespaces/rook-ceph/secrets/rook-ceph-mons-keyring", json!({}));
    server.put("/api/v1/namespaces/rook-ceph/secrets/other", json!({}));
    server.put("/api/v1/namespaces/other/secrets/rook-ceph-config", json!({}));
    server.put(
        "/api/v1/namespaces/rook-ceph/configmaps/rook-ceph-mon-endpoints",
        json!({ "data": {} }),
    );
    server.put(
        "/api/v1/namespaces/rook-ceph/configmaps/kube-root-ca.crt",
        json!({ "data": {} }),
    );
    server.put(
        "/apis/apps/v1/namespaces/rook-ceph/deployments/rook-ceph-mon-n1",
        json!({ "metadata": { "labels": { "app": "rook-ceph-mon" } }, "status": { "readyReplicas": 1 } }),
    );
    server.put(
        "/apis/apps/v1/namespaces/rook-ceph/deployments/web",
        json!({ "metadata": { "labels": { "app": "web" } } }),
    );
    server.put(
        "/apis/apps/v1/namespaces/rook-ceph/deployments/rook-ceph-operator",
        json!({
            "spec": {
                "replicas": 1,
                "selector": {},
                "template": { "spec": { "containers": [
                    { "name": "side-car", "image": "example.org/proxy:v3.2.1" },
                    { "name": "rook-ceph-operator", "image": "docker.io/rook/ceph:v1.18.11" },
                ] } },
            },
            "status": { "readyReplicas": 1 },
        }),
    );
    server.put(
        "/api/v1/namespaces/rook-ceph/configmaps/rook-ceph-operator-config",
        json!({ "data": { "ROOK_LOG_LEVEL": "INFO", "ROOK_VAULT_TOKEN": "s3cr3t" } }),
    );
    server
}

#[tokio::test]
async fn a_namespace_is_read_without_the_contents_of_secrets() {
    let server = with_rook();
    let found = server.cluster().namespace("rook-ceph").await.unwrap();
    assert!(found.exists);
    assert_eq!(found.labels["team"], "storage");
    assert_eq!(found.service_accounts.iter().collect::<Vec<_>>(), ["rook-ceph-osd"]);
    assert_eq!(
        found.rook_secrets.iter().collect::<Vec<_>>(),
        ["rook-ceph-mon", "rook-ceph-mons-keyring"]
    );
    assert_eq!(
        found.rook_config_maps.iter().collect::<Vec<_>>(),
        ["rook-ceph-mon-endpoints"]
    );
    assert_eq!(
        found.rook_deployments.into_iter().collect::<Vec<_>>(),
        [("rook-ceph-mon-n1".to_owned(), 1)]
    );

    let asked = server.take_asked();
    let secrets: Vec<_> = asked.iter().filter(|one| one.uri.contains("/secrets")).collect();
    assert!(!secrets.is_empty());
    for one in secrets {
        assert!(
            one.accept.contains("as=Table") && one.uri.contains("includeObject=None"),
            "{one:?}"
        );
    }
    assert!(!asked.iter().any(reeve_kube::fake::Asked::changes), "{asked:?}");
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_empty() {
    let found = ApiServer::default().cluster().namespace("rook-ceph").await.unwrap();
    assert_eq!(found, reeve_kube::Namespace::default());
}

#[tokio::test]
async fn the_operator_is_read_with_secrets_hidden() {
    let server = with_rook();
    let operator = server.cluster().operator("rook-ceph").await.unwrap();
    assert!(operator.exists);
    assert_eq!(operator.version.as_deref(), Some("1.18.11"));
    assert_eq!((operator.replicas, operator.ready_replicas), (1, 1));
    assert_eq!(operator.settings["ROOK_LOG_LEVEL"], "INFO");
    assert_eq!(operator.settings["ROOK_VAULT_TOKEN"], HIDDEN);
    let none = server.cluster().operator("default").await.unwrap();
    assert_eq!(none, reeve_kube::Operator::default());
}

#[tokio::test]
async fn ceph_clusters_need_no_definitions_to_be_counted() {
    let server = with_rook();
    assert_eq!(server.cluster().ceph_clusters().await.unwrap(), []);
    server.put(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cephclusters.ceph.rook.io",
        json!({}),
    );
    server.put(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cephconnections.csi.ceph.io",
        json!({}),
    );
    server.put(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.org",
        json!({}),
    );
    server.put(
        "/apis/ceph.rook.io/v1/namespaces/rook-ceph/cephclusters/rook-ceph",
        json!({
            "apiVersion": "ceph.rook.io/v1",
            "kind": "CephCluster",
            "spec": { "dataDirHostPath": "/var/lib/rook", "cephVersion": { "image": "quay.io/ceph/ceph:v18.2.7" }, "external": { "enable": true } },
            "status": { "phase": "Ready", "ceph": { "fsid": "11111111-2222-3333-4444-555555555555" } },
        }),
    );
    let clusters = server.cluster().ceph_clusters().await.unwrap();
    insta::assert_debug_snapshot!(clusters);
    let crds = server.cluster().crds(&["ceph.rook.io", "csi.ceph.io"]).await.unwrap();
    assert_eq!(
        crds.iter().collect::<Vec<_>>(),
        ["cephclusters.ceph.rook.io", "cephconnections.csi.ceph.io"]
    );
}

#[tokio::test]
async fn nodes_come_page_by_page_and_sorted() {
    let server = ApiServer::default();
    let count = PAGE_SIZE as usize * 2 + 3;
    for number in 0..count {
        server.put(&format!("/api/v1/nodes/n{number}"), json!({}));
    }
    server.put(
        "/api/v1/nodes/a0",
        json!({
            "metadata": { "labels": { "kubernetes.io/hostname": "a0" } },
            "spec": { "unschedulable": true, "taints": [
                { "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" },
                { "key": "only", "value": "ceph", "effect": "NoExecute" },
            ] },
            "status": {
                "addresses": [{ "type": "InternalIP", "address": "192.0.2.1" }, { "type": "Hostname", "address": "a0" }],
                "conditions": [{ "type": "Ready", "status": "True" }, { "type": "DiskPressure", "status": "True" }, { "type": "PIDPressure", "status": "False" }],
                "images": [{ "names": ["quay.io/ceph/ceph@sha256:00", "quay.io/ceph/ceph:v18.2.7"] }],
                "nodeInfo": {
                    "machineID": "abc", "kubeletVersion": "v1.34.4", "architecture": "", "bootID": "", "containerRuntimeVersion": "",
                    "kernelVersion": "", "kubeProxyVersion": "", "operatingSystem": "", "osImage": "", "systemUUID": "",
                },
            },
        }),
    );
    let nodes = server.cluster().nodes().await.unwrap();
    assert_eq!(nodes.len(), count + 1);
    insta::assert_debug_snapshot!(nodes[0]);
    assert_eq!(server.take_asked().len(), 3);
}

#[tokio::test]
async fn a_list_without_end_is_given_up() {
    let endless = tower::service_fn(|_: http::Request<Body>| async {
        let page = json!({ "kind": "NodeList", "apiVersion": "v1", "metadata": { "continue": "more" }, "items": [] });
        Ok::<_, Infallible>(http::Response::new(Body::from(page.to_string().into_bytes())))
    });
    let cluster = Cluster::with_client(
        kube::Client::new(endless, "default"),
        ApiServer::default().cluster().origin().clone(),
    );
    let error = cluster.nodes().await.unwrap_err();
    assert_eq!(
        error.problem,
        Problem::TooMany {
            limit: PAGE_SIZE as usize * MAX_PAGES
        }
    );
}

#[tokio::test]
async fn what_the_user_may_not_do_is_said() {
    let server = with_rook();
    server.forbid("list", "secrets");
    let cluster = server.cluster();
    let error = cluster.namespace("rook-ceph").await.unwrap_err();
    assert!(error.is_forbidden() && !error.is_transient() && !error.is_unreachable());
    assert_eq!(
        error.to_string(),
        "could not list the names of secrets in namespace rook-ceph at https://fake:6443 (context fake of fake.kubeconfig)"
    );
    assert!(error.hint().contains("context fake"), "{}", error.hint());
    assert!(
        !cluster
            .may(&Access::new("list", "", "secrets", Some("rook-ceph")))
            .await
            .unwrap()
    );
    assert!(
        cluster
            .may(&Access::new("list", "", "pods", Some("rook-ceph")))
            .await
            .unwrap()
    );
    assert!(!server.take_asked().iter().any(reeve_kube::fake::Asked::changes));
}

#[tokio::test]
async fn a_server_in_trouble_is_worth_another_try() {
    let server = ApiServer::default();
    server.fail_next(500, "etcd\u{1b}[2J leader changed");
    let error = server.cluster().version().await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(
        error.problem,
        Problem::Server {
            code: 500,
            message: "etcd\\u{1b}[2J leader changed".into()
        }
    );
    assert_eq!(server.cluster().version().await.unwrap(), "v1.34.4");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_not_waited_for() {
    let silent =
        tower::service_fn(|_: http::Request<Body>| std::future::pending::<Result<http::Response<Body>, Infallible>>());
    let origin = ApiServer::default().cluster().origin().clone();
    let cluster =
        Cluster::with_client(kube::Client::new(silent, "default"), origin).with_deadline(Duration::from_secs(5));
    let error = cluster.nodes().await.unwrap_err();
    assert_eq!(
        error.problem,
        Problem::Deadline {
            after: Duration::from_secs(5)
        }
    );
    assert!(error.is_transient() && error.is_unreachable());
}
