//! The gate on an API server that behaves, and on one that does not.

use std::collections::BTreeSet;
use std::time::Duration;

use reeve_kube::fake::{ApiServer, behaviour};
use reeve_kube::gate::{self, DaemonKey, GateError, NewGate, Probe, Proof};
use serde_json::json;

const RUN: &str = "20260102T030405Z-rook-a1b2";

fn server() -> ApiServer {
    let server = ApiServer::default();
    server.put("/api/v1/namespaces/rook-ceph", json!({}));
    server
}

fn new_gate() -> NewGate {
    NewGate {
        namespace: "rook-ceph".into(),
        run: RUN.into(),
        made_at: "2026-01-02T03:04:05Z".parse().expect("it is a time"),
        released: BTreeSet::new(),
    }
}

fn mon() -> DaemonKey {
    "mon.n1".parse().expect("it is a daemon")
}

#[tokio::test(start_paused = true)]
async fn the_whole_life_of_a_gate() {
    let server = server();
    let everything = || {
        let mut all = server.everything();
        // The namespace was written to, and is as it was.
        all.iter_mut()
            .for_each(|one| one["metadata"]["resourceVersion"] = json!(""));
        all
    };
    let before = everything();
    behaviour::gate_cycle(&server.cluster(), "rook-ceph").await;
    assert_eq!(everything(), before);
}

#[tokio::test(start_paused = true)]
async fn the_whole_life_with_an_api_server_that_learns_late() {
    let server = server();
    server.set_admission_lag(4);
    behaviour::gate_cycle(&server.cluster(), "rook-ceph").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_flickers_proves_nothing_until_it_is_steady() {
    let server = server();
    let cluster = server.cluster();
    gate::close(&cluster, &new_gate()).await.unwrap();
    server.take_asked();
    // The first answer is as wanted, the second is a server in trouble: the count begins again.
    let proof = Proof {
        deadline: Duration::from_secs(20),
        steady: Duration::ZERO,
        answers: 3,
    };
    gate::prove_closed(&cluster, "rook-ceph", &mon(), &Probe::default(), proof)
        .await
        .unwrap();
    assert_eq!(server.take_asked().len(), 3, "one answer is not enough");
    server.fail_next(500, "leader changed");
    gate::prove_closed(&cluster, "rook-ceph", &mon(), &Probe::default(), proof)
        .await
        .unwrap();
    assert_eq!(server.take_asked().len(), 4);
    gate::release(&cluster, "rook-ceph", RUN, &mon()).await.unwrap();
    server.take_asked();
    gate::prove_open(&cluster, "rook-ceph", &mon(), &Probe::default(), Proof::QUICK)
        .await
        .unwrap();
    assert_eq!(server.take_asked().len(), 1, "where one is, it is asked for once");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_in_trouble_ends_the_proof_in_time() {
    let server = server();
    for _ in 0..200 {
        server.fail_next(500, "no leader");
    }
    let begun = tokio::time::Instant::now();
    let proof = Proof {
        deadline: Duration::from_secs(10),
        ..Proof::default()
    };
    let proved = gate::prove_open(&server.cluster(), "rook-ceph", &mon(), &Probe::default(), proof).await;
    assert!(
        matches!(&proved, Err(error @ GateError::Request(_)) if error.is_transient()),
        "{proved:?}"
    );
    assert!(begun.elapsed() <= Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn another_policy_that_refuses_is_not_taken_for_the_gate() {
    let server = server();
    let cluster = server.cluster();
    gate::close(&cluster, &new_gate()).await.unwrap();
    server.refuse_pods(Some("violates PodSecurity \"restricted:latest\": runAsNonRoot"));
    for closed in [true, false] {
        let probe = Probe::default();
        let proved = match closed {
            true => gate::prove_closed(&cluster, "rook-ceph", &mon(), &probe, Proof::default()).await,
            false => gate::prove_open(&cluster, "rook-ceph", &mon(), &probe, Proof::default()).await,
        };
        assert!(
            matches!(&proved, Err(GateError::RefusedByAnother { message, .. }) if message.contains("PodSecurity")),
            "{proved:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_somebody_cleared_keeps_the_gate_closed() {
    let server = server();
    let cluster = server.cluster();
    gate::close(&cluster, &new_gate()).await.unwrap();
    gate::release(&cluster, "rook-ceph", RUN, &mon()).await.unwrap();
    server.put("/api/v1/namespaces/rook-ceph", json!({}));

    let proved = gate::prove_open(&cluster, "rook-ceph", &mon(), &Probe::default(), Proof::default()).await;
    assert!(
        matches!(&proved, Err(GateError::StillClosed { message, .. }) if message.contains("not been handed over")),
        "{proved:?}"
    );
    let state = gate::read_state(&cluster, "rook-ceph").await.unwrap();
    assert!(state.is_in_force() && state.released == Some(BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_run_released_is_not_released_in_a_new_gate() {
    let server = server();
    let cluster = server.cluster();
    server.put(
        "/api/v1/namespaces/rook-ceph",
        json!({ "metadata": { "annotations": { "mon.released.reeve/n1": "true", "owner": "storage" } } }),
    );
    let state = gate::read_state(&cluster, "rook-ceph").await.unwrap();
    assert!(state.is_there() && !state.is_in_force(), "{state:?}");
    gate::close(&cluster, &new_gate()).await.unwrap();
    gate::prove_closed(&cluster, "rook-ceph", &mon(), &Probe::default(), Proof::default())
        .await
        .unwrap();
    gate::remove(&cluster, "rook-ceph", Some(RUN)).await.unwrap();
    let annotations = &server.get("/api/v1/namespaces/rook-ceph").unwrap()["metadata"]["annotations"];
    assert_eq!(*annotations, json!({ "owner": "storage" }), "others' annotations stay");
}

#[tokio::test]
async fn kubernetes_before_1_30_is_refused_before_anything_is_made() {
    let server = server();
    server.set_minor(29);
    let before = server.everything();
    let error = gate::close(&server.cluster(), &new_gate()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Kubernetes v1.29.0 at https://fake:6443 does not serve ValidatingAdmissionPolicy v1, which the gate is made of; it came with 1.30"
    );
    assert_eq!(server.everything(), before);
    assert!(
        !gate::read_state(&server.cluster(), "rook-ceph")
            .await
            .unwrap()
            .supported
    );
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_said() {
    let gate = NewGate {
        namespace: "nowhere".into(),
        ..new_gate()
    };
    let error = gate::close(&ApiServer::default().cluster(), &gate).await.unwrap_err();
    assert_eq!(error.to_string(), "namespace nowhere does not exist");
}

#[tokio::test]
async fn closing_that_was_cut_anywhere_is_taken_up_again() {
    // Every request of a close fails once, as if the tool had been killed there.
    for cut in 0..8 {
        let server = server();
        let cluster = server.cluster();
        for _ in 0..cut {
            server.fail_next(500, "not this time");
        }
        let mut tries = 0;
        while gate::close(&cluster, &new_gate()).await.is_err() {
            tries += 1;
            assert!(tries < 20);
        }
        let state = gate::read_state(&cluster, "rook-ceph").await.unwrap();
        assert!(
            state.is_in_force() && state.released == Some(BTreeSet::new()),
            "{cut}: {state:?}"
        );
        let removed = gate::remove(&cluster, "rook-ceph", Some(RUN)).await.unwrap();
        assert!(removed.policy && removed.binding);
    }
}

#[tokio::test]
async fn a_half_made_gate_is_removed() {
    let server = server();
    let cluster = server.cluster();
    gate::close(&cluster, &new_gate()).await.unwrap();
    let policies: kube::Api<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy> =
        kube::Api::all(cluster.client().clone());
    policies
        .delete(&gate::policy_name("rook-ceph"), &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let removed = gate::remove(&cluster, "rook-ceph", Some(RUN)).await.unwrap();
    assert_eq!(
        removed,
        gate::Removed {
            binding: true,
            policy: false,
            released: 0
        }
    );
}

#[tokio::test]
async fn a_gate_of_a_later_format_is_left_alone() {
    let server = server();
    let mut later = gate::objects("rook-ceph", RUN);
    later[0]["metadata"]["annotations"][gate::FORMAT_ANNOTATION] = json!("2");
    let path = format!(
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{}",
        gate::policy_name("rook-ceph")
    );
    server.put(&path, later[0].clone());
    let error = gate::close(&server.cluster(), &new_gate()).await.unwrap_err();
    assert!(
        matches!(&error, GateError::Format { found, .. } if found == "2"),
        "{error}"
    );
    // A person may still have it removed.
    assert!(gate::remove(&server.cluster(), "rook-ceph", None).await.unwrap().policy);
}

#[tokio::test]
async fn only_replica_sets_that_want_pods_are_touched() {
    let server = server();
    let set = |replicas: i32, id: &str| json!({ "metadata": { "labels": { "ceph_daemon_type": "mon", "ceph_daemon_id": id } }, "spec": { "replicas": replicas, "selector": {} } });
    server.put("/apis/apps/v1/namespaces/rook-ceph/replicasets/new", set(1, "n1"));
    server.put("/apis/apps/v1/namespaces/rook-ceph/replicasets/old", set(0, "n1"));
    server.put("/apis/apps/v1/namespaces/rook-ceph/replicasets/other", set(1, "n2"));
    assert_eq!(
        gate::nudge(&server.cluster(), "rook-ceph", &mon(), "7").await.unwrap(),
        1
    );
    let touched = |name: &str| {
        server
            .get(&format!("/apis/apps/v1/namespaces/rook-ceph/replicasets/{name}"))
            .unwrap()["metadata"]["annotations"][gate::NUDGE_ANNOTATION]
            .clone()
    };
    assert_eq!(touched("new"), "7");
    assert!(touched("old").is_null() && touched("other").is_null());
}
