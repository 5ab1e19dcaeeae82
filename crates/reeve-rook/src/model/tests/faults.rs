//! What others do meanwhile, each with its decided end.

use std::time::Duration;

use reeve_journal::{Event, Record};
use serde_json::json;

use super::super::machine::Machine;
use super::super::timing;
use super::*;

/// Does something to the model some seconds after a step was begun.
struct Meanwhile<F> {
    step: &'static str,
    after: Duration,
    model: Model,
    what: F,
}

impl<F: Fn(&mut Machine) + Copy + Send + Sync + 'static> Observer for Meanwhile<F> {
    fn record(&self, record: &Record) {
        let Event::StepStarted { step, attempt: 1 } = &record.event else {
            return;
        };
        if step.as_str() == self.step {
            let (model, after, what) = (self.model.clone(), self.after, self.what);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                model.reach_in(what);
            });
        }
    }
}

async fn meanwhile(
    stage: &Stage,
    step: &'static str,
    after: u64,
    what: impl Fn(&mut Machine) + Copy + Send + Sync + 'static,
) -> Outcome {
    let observer = Meanwhile {
        step,
        after: Duration::from_millis(after),
        model: stage.model.clone(),
        what,
    };
    stage
        .process(&Until::End, &Mishaps::at(None, []), &observer)
        .await
        .unwrap()
}

async fn refused(stage: &Stage, because: &str) {
    let outcome = stage.go(&Until::End).await;
    let Outcome::Paused(PauseReason::Refused { because: said, .. }) = &outcome else {
        panic!("{because}: {outcome:?}")
    };
    assert!(said.contains(because), "{said}");
    assert_eq!(stage.violations(), []);
    assert!(stage.model.ledger().away_now().is_empty());
}

#[tokio::test(start_paused = true)]
async fn somebody_changes_the_crush_map() {
    let stage = Stage::small();
    stage.go_to_phase("seed").await;
    stage
        .model
        .reach_in(|machine| machine.run("n1", &["ceph", "osd", "crush", "reweight", "osd.1", "2"], &[]));
    refused(&stage, "CRUSH map").await;
    stage
        .model
        .reach_in(|machine| machine.run("n1", &["ceph", "osd", "crush", "reweight", "osd.1", "4"], &[]));
    stage.go_to_the_end().await;
    stage.assert_taken_over();
}

#[tokio::test(start_paused = true)]
async fn somebody_deletes_the_secret() {
    let stage = Stage::small();
    stage.go_to_phase("seed").await;
    stage
        .model
        .api()
        .remove("/api/v1/namespaces/rook-ceph/secrets/rook-ceph-mon");
    refused(&stage, "Secret rook-ceph-mon").await;
}

#[tokio::test(start_paused = true)]
async fn somebody_changes_the_operators_image() {
    let stage = Stage::small();
    stage.go_to_phase("mons").await;
    let other = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "rook-ceph-operator", "image": "rook/ceph:v9.9.9" }] } } } });
    assert!(stage.model.api().patch(
        "/apis/apps/v1/namespaces/rook-ceph/deployments/rook-ceph-operator",
        &other
    ));
    refused(&stage, "operator's image").await;
}

/// A gate that was proved at length is later looked at once for each daemon; that is enough to see that it is gone.
#[tokio::test(start_paused = true)]
async fn somebody_removes_the_gate() {
    let stage = Stage::small();
    let outcome = meanwhile(&stage, "mons/mon.n2/watch_health", 0, |machine| {
        let binding = "validatingadmissionpolicybindings/reeve-daemon-gate.rook-ceph";
        let removed = machine
            .api
            .remove(&format!("/apis/admissionregistration.k8s.io/v1/{binding}"));
        assert!(removed, "the gate was there");
    })
    .await;
    let Outcome::Paused(PauseReason::Failed { step, error }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(step.as_str(), "mons/mon.n3/prove_gate_closed");
    assert!(
        error.message.contains("no pod of mon.n3 can start"),
        "{}",
        error.message
    );
    let stopped: Vec<String> = stage.model.ledger().unit_stops.keys().cloned().collect();
    assert_eq!(stopped, ["ceph-mon@n2.service"]);
}

#[tokio::test(start_paused = true)]
async fn another_mon_is_lost() {
    let stage = Stage::small();
    stage.go_to_step("mons/mon.n2/confirm_ok_to_stop").await;
    stage.model.reach_in(|machine| {
        let (pid, _) = machine.process_of(&"mon.n3".parse().unwrap()).unwrap();
        machine.end_process(pid);
    });
    // The mon's own quorum is what the others say once they miss it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let outcome = stage.go(&Until::End).await;
    assert!(
        matches!(&outcome, Outcome::Paused(PauseReason::Refused { because, .. }) if because.contains("n3")),
        "{outcome:?}"
    );
    assert_eq!(stage.violations(), []);
    let mons = stage.model.serving();
    assert!(
        mons.iter()
            .any(|(daemon, home)| daemon.to_string() == "mon.n2" && home == "ceph-mon@n2.service")
    );
}

#[tokio::test(start_paused = true)]
async fn a_mon_that_is_missed_for_some_seconds_is_waited_for() {
    let stage = Stage::small();
    stage.go_to_step("mons/mon.n2/confirm_ok_to_stop").await;
    stage.model.reach_in(|machine| {
        let (pid, _) = machine.process_of(&"mon.n3".parse().unwrap()).unwrap();
        machine.end_process(pid);
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let back = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        stage
            .model
            .reach_in(|machine| machine.run("n3", &["systemctl", "start", "--", "ceph-mon@n3.service"], &[]));
    };
    let (outcome, ()) = tokio::join!(stage.go(&Until::End), back);
    assert_eq!(outcome, Outcome::Finished);
    stage.assert_taken_over();
}

fn kill_operator(machine: &mut Machine) {
    let pods = machine.operator_pods();
    machine.operator_pod_deleted(pods[0]["metadata"]["name"].as_str().unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_operators_pod_is_killed() {
    for step in ["seed/cluster/await_deployments", "let_go/rook/enable_health_checks"] {
        let stage = Stage::small();
        let outcome = meanwhile(&stage, step, 10_000, kill_operator).await;
        assert_eq!(outcome, Outcome::Finished, "{step}");
        stage.assert_taken_over();
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_at_work_is_not_disturbed_and_ends_ready() {
    let stage = Stage::small();
    stage.go_to_phase("osds").await;
    stage.model.reach_in(kill_operator);
    // Its next process reconciles by now, and is not through.
    tokio::time::sleep(timing::OPERATOR_STARTS + timing::ROOK_NOTICES + timing::ROOK_DETECTS).await;
    assert_eq!(phase_of_ceph_cluster(&stage), "Progressing");
    stage.go_to_the_end().await;
    tokio::time::sleep(timing::ROOK_GIVES_UP * 2).await;
    assert_eq!(phase_of_ceph_cluster(&stage), "Ready");
    stage.assert_taken_over();
}

fn phase_of_ceph_cluster(stage: &Stage) -> String {
    let cluster = stage.model.reach_in(|machine| machine.ceph_cluster()).unwrap();
    cluster["status"]["phase"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_restarts_while_rook_begins_its_watch_is_told_and_the_run_goes_on_afterwards() {
    let stage = Stage::small();
    let outcome = meanwhile(&stage, "let_go/rook/enable_health_checks", 10_000, |machine| {
        let pods = machine
            .api
            .list("/api/v1/namespaces/rook-ceph/pods", "ceph_daemon_id=a");
        machine.terminate(pods[0]["metadata"]["name"].as_str().unwrap());
    })
    .await;
    let Outcome::Paused(PauseReason::Failed { step, error }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(step.as_str(), "let_go/rook/prove_no_restart");
    let said = format!("{error:?}");
    assert!(
        said.contains("restarted: mgr.a (another pod since ") && said.contains("the old one was deleted"),
        "{said}"
    );
    // It has restarted once, and not again: nothing is in the way any more.
    stage.go_to_the_end().await;
    stage.assert_taken_over();
}

#[tokio::test(start_paused = true)]
async fn the_api_server_is_away_for_a_minute() {
    for step in [
        "seed/cluster/await_deployments",
        "mons/mon.n3/release_daemon",
        "osds/osd.1/nudge_replica_set",
        "let_go/gate/delete_gate_binding",
    ] {
        let stage = Stage::small();
        let outcome = meanwhile(&stage, step, 0, |machine| {
            machine.api_away_until = machine.now + Duration::from_secs(60);
        })
        .await;
        match outcome {
            Outcome::Finished => {}
            // Nothing is undone, because undoing would need the API server as well.
            Outcome::Paused(PauseReason::CannotTell { .. }) => {
                tokio::time::sleep(Duration::from_secs(90)).await;
                stage.go_to_the_end().await;
            }
            other => panic!("{step}: {other:?}"),
        }
        stage.assert_taken_over();
        stage.assert_nothing_twice();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_start_is_undone_and_the_old_daemon_serves_again() {
    for (daemon, step) in [
        ("mon.n3", "mons/mon.n3/await_quorum"),
        ("osd.1", "osds/osd.1/await_osd_up"),
    ] {
        let stage = Stage::small();
        let name: reeve_ceph::DaemonName = daemon.parse().unwrap();
        stage
            .model
            .reach_in(|machine| machine.operator.broken_pods.insert(name.clone()));
        let outcome = stage.go(&Until::End).await;
        assert!(
            matches!(&outcome, Outcome::Paused(PauseReason::Failed { step: it, .. }) if it.as_str() == step),
            "{outcome:?}"
        );
        assert_eq!(stage.violations(), []);
        assert!(stage.model.ledger().away_now().is_empty());
        let serving = stage.model.serving();
        assert!(
            serving
                .iter()
                .any(|(it, home)| *it == name && home.ends_with(".service")),
            "{serving:?}"
        );
        stage.model.reach_in(|machine| machine.operator.broken_pods.clear());
        stage.go_to_the_end().await;
        stage.assert_taken_over();
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_image_stops_the_run_before_anything_is_at_stake() {
    let stage = Stage::small();
    stage
        .model
        .reach_in(|machine| machine.operator.nodes_without_image.insert("n3".into()));
    let outcome = stage.go(&Until::End).await;
    assert!(
        matches!(&outcome, Outcome::Paused(PauseReason::Failed { step, .. }) if step.as_str() == "prepare/image.n3/prove_image"),
        "{outcome:?}"
    );
    assert!(stage.model.ledger().unit_stops.is_empty());
}

#[tokio::test(start_paused = true)]
async fn something_lies_where_the_store_is_to_go() {
    let stage = Stage::small();
    stage.model.reach_in(|machine| {
        let host = machine.hosts.get_mut("n2").unwrap();
        let store = host.files["/var/lib/ceph/mon/ceph-n2/store.db"].clone();
        host.files.insert("/var/lib/rook/mon-n2/data/store.db".into(), store);
    });
    refused(&stage, "exists already").await;
}
