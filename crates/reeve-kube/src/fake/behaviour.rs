//! What every API server has to do, the one in this process and a real one.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::gate::{self, DaemonKey, GateError, NewGate, Probe, Proof};

const RUN: &str = "20260102T030405Z-rook-behaviour";

fn daemon(name: &str) -> DaemonKey {
    name.parse().expect("the tests' names are legal")
}

/// Takes a gate through its whole life in `namespace`, which has to exist, to have no gate and to be the caller's own.
///
/// Afterwards nothing is left of it.
///
/// # Panics
///
/// If the cluster does not behave.
pub async fn gate_cycle(cluster: &Cluster, namespace: &str) {
    let probe = Probe::default();
    let proof = Proof {
        deadline: Duration::from_secs(20),
        steady: Duration::from_millis(600),
        answers: 3,
    };
    let (mon, osd, mgr) = (daemon("mon.n1"), daemon("osd.12"), daemon("mgr.a"));

    let before = gate::read_state(cluster, namespace)
        .await
        .expect("the state can be read");
    assert!(before.supported && !before.is_there(), "{before:?}");
    gate::prove_open(cluster, namespace, &mon, &probe, proof)
        .await
        .expect("without a gate pods are let through");
    let missing = gate::release(cluster, namespace, RUN, &mon).await;
    assert!(matches!(missing, Err(GateError::Missing { .. })), "{missing:?}");

    let gate = NewGate {
        namespace: namespace.to_owned(),
        run: RUN.to_owned(),
        made_at: "2026-01-02T03:04:05Z".parse().expect("it is a time"),
        released: BTreeSet::from([mgr.clone()]),
    };
    gate::close(cluster, &gate).await.expect("the gate can be closed");
    gate::prove_closed(cluster, namespace, &mon, &probe, proof)
        .await
        .expect("an unreleased mon is refused");
    gate::prove_closed(cluster, namespace, &osd, &probe, proof)
        .await
        .expect("an unreleased OSD is refused");
    gate::prove_open(cluster, namespace, &mgr, &probe, proof)
        .await
        .expect("a mgr on the list from the start is let through");
    other_pods_are_let_through(cluster, namespace).await;
    elsewhere_pods_are_let_through(cluster, &mon, &probe, proof).await;

    gate::release(cluster, namespace, RUN, &mon)
        .await
        .expect("the mon can be released");
    gate::release(cluster, namespace, RUN, &mon)
        .await
        .expect("a repeat changes nothing");
    gate::prove_open(cluster, namespace, &mon, &probe, proof)
        .await
        .expect("a released mon is let through");
    gate::prove_closed(cluster, namespace, &osd, &probe, proof)
        .await
        .expect("the OSD is still refused");

    gate::close(cluster, &gate)
        .await
        .expect("a repeat of the same run is fine");
    let state = gate::read_state(cluster, namespace)
        .await
        .expect("the state can be read");
    assert!(state.is_in_force(), "{state:?}");
    assert_eq!(state.run.as_deref(), Some(RUN));
    assert_eq!(state.since, Some(gate.made_at));
    let wanted = BTreeSet::from([mgr.clone(), mon.clone()]);
    assert_eq!(state.released, Some(wanted), "closing again forgets no release");

    let foreign = NewGate {
        run: "another".into(),
        ..gate.clone()
    };
    let refused = gate::close(cluster, &foreign).await;
    assert!(
        matches!(&refused, Err(GateError::OfAnotherRun { run, .. }) if run == RUN),
        "{refused:?}"
    );
    let refused = gate::remove(cluster, namespace, Some("another")).await;
    assert!(matches!(refused, Err(GateError::OfAnotherRun { .. })), "{refused:?}");

    gate::withhold(cluster, namespace, RUN, &mon)
        .await
        .expect("the release can be taken back");
    gate::prove_closed(cluster, namespace, &mon, &probe, proof)
        .await
        .expect("the mon is refused again");
    let short = Proof {
        deadline: Duration::from_secs(2),
        steady: Duration::from_millis(300),
        answers: 3,
    };
    let proved = gate::prove_open(cluster, namespace, &mon, &probe, short).await;
    assert!(matches!(proved, Err(GateError::StillClosed { .. })), "{proved:?}");
    assert_eq!(
        gate::nudge(cluster, namespace, &mon, "1")
            .await
            .expect("ReplicaSets can be listed"),
        0
    );

    let removed = gate::remove(cluster, namespace, Some(RUN))
        .await
        .expect("the gate can be removed");
    assert_eq!(
        removed,
        gate::Removed {
            binding: true,
            policy: true,
            released: 1
        }
    );
    gate::prove_open(cluster, namespace, &osd, &probe, proof)
        .await
        .expect("without the gate pods are let through");
    let proved = gate::prove_closed(cluster, namespace, &osd, &probe, short).await;
    assert!(matches!(proved, Err(GateError::StillOpen { .. })), "{proved:?}");
    let again = gate::remove(cluster, namespace, Some(RUN))
        .await
        .expect("a repeat is fine");
    assert_eq!(again, gate::Removed::default());
    let after = gate::read_state(cluster, namespace)
        .await
        .expect("the state can be read");
    assert_eq!(after, before);
}

/// A pod that is no Ceph daemon is none of the gate's business.
async fn other_pods_are_let_through(cluster: &Cluster, namespace: &str) {
    let pod = json!({
        "metadata": { "generateName": "reeve-other-", "labels": { "app": "other", "ceph_daemon_id": "crash" } },
        "spec": {
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "other",
                "image": "reeve.invalid/other:1",
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    });
    let pod: Pod = serde_json::from_value(pod).expect("it is a pod");
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    api.create(&params, &pod)
        .await
        .expect("a pod that is no daemon is let through");
}

/// The gate of one namespace does not reach another.
async fn elsewhere_pods_are_let_through(cluster: &Cluster, mon: &DaemonKey, probe: &Probe, proof: Proof) {
    gate::prove_open(cluster, "default", mon, probe, proof)
        .await
        .expect("in another namespace pods are let through");
}
