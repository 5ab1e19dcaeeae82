//! The lease that keeps two runs apart, on the fake API server.

use reeve_journal::Cancellation;
use reeve_kube::Resource;
use reeve_kube::fake::ApiServer;
use reeve_rook::apply::{Lease, LeaseError};

const NAMESPACE: &str = "rook-ceph";
const NAME: &str = "reeve-take-over";

#[tokio::test]
async fn a_run_that_was_killed_is_taken_up_at_once_and_another_is_refused() {
    let server = ApiServer::default();
    server.put("/api/v1/namespaces/rook-ceph", serde_json::json!({}));
    let cluster = server.cluster();
    let take = |run: &'static str| Lease::take(&cluster, NAMESPACE, run, Cancellation::default());
    let killed = take("run-1").await.unwrap();
    // A process that is killed gives nothing back; dropping the value does not either.
    drop(killed);
    let error = take("run-2").await.unwrap_err();
    assert!(matches!(&error, LeaseError::Held { holder, .. } if holder == "run-1"));
    assert!(
        error
            .to_string()
            .starts_with("run run-1 works on namespace rook-ceph: its lease was renewed"),
        "{error}"
    );
    let again = take("run-1").await.unwrap();
    assert_eq!(again.lost(), None);
    again.release().await.unwrap();
    assert!(cluster.get(Resource::LEASE, NAMESPACE, NAME).await.unwrap().is_none());
    take("run-2").await.unwrap();
}

#[tokio::test]
async fn a_lease_that_ran_out_is_anybodys() {
    let server = ApiServer::default();
    server.put("/api/v1/namespaces/rook-ceph", serde_json::json!({}));
    let cluster = server.cluster();
    drop(
        Lease::take(&cluster, NAMESPACE, "run-1", Cancellation::default())
            .await
            .unwrap(),
    );
    let mut lease = cluster.get(Resource::LEASE, NAMESPACE, NAME).await.unwrap().unwrap();
    lease["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z".into();
    cluster.replace(Resource::LEASE, NAMESPACE, &lease).await.unwrap();
    Lease::take(&cluster, NAMESPACE, "run-2", Cancellation::default())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_loses_its_lease_is_asked_to_stop_and_told_why() {
    let server = ApiServer::default();
    server.put("/api/v1/namespaces/rook-ceph", serde_json::json!({}));
    let cluster = server.cluster();
    let cancellation = Cancellation::default();
    let lease = Lease::take(&cluster, NAMESPACE, "run-1", cancellation.clone())
        .await
        .unwrap();
    let mut taken = cluster.get(Resource::LEASE, NAMESPACE, NAME).await.unwrap().unwrap();
    taken["spec"]["holderIdentity"] = "run-2".into();
    cluster.replace(Resource::LEASE, NAMESPACE, &taken).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert!(cancellation.is_cancelled());
    assert!(lease.lost().unwrap().contains("run run-2 works on namespace rook-ceph"));
}
