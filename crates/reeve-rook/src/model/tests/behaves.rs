//! The model's own behaviour: what a real cluster does as well, and that it sees what must not be.

use std::time::Duration;

use super::super::behaviour::{self, OldDaemon, Site};
use super::*;

fn old(daemon: &str, host: &str, unit: &str) -> OldDaemon {
    OldDaemon {
        daemon: daemon.parse().unwrap(),
        host: host.parse().unwrap(),
        unit: unit.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn it_behaves_as_every_cluster() {
    let stage = Stage::of(&Cluster::default().facts(), &Options::default());
    let hosts = stage.model.hosts();
    let site = Site {
        hosts: hosts.as_ref(),
        admin: "n1".parse().unwrap(),
        mon: old("mon.n2", "n2", "ceph-mon@n2.service"),
        osd: old("osd.4", "n3", "ceph-osd@4.service"),
    };
    behaviour::all(&site).await;
    assert_eq!(stage.violations(), []);
    assert!(stage.model.ledger().away_now().is_empty());
}

fn systemctl(stage: &Stage, host: &str, verb: &str, unit: &str) {
    let said = stage
        .model
        .reach_in(|machine| machine.run(host, &["systemctl", verb, "--", unit], &[]));
    assert_eq!(said.unwrap().status, 0, "{verb} {unit}");
}

#[tokio::test(start_paused = true)]
async fn two_processes_of_one_daemon_are_seen() {
    let stage = Stage::small();
    stage.go_to_the_end().await;
    systemctl(&stage, "n2", "unmask", "ceph-osd@1.service");
    systemctl(&stage, "n2", "start", "ceph-osd@1.service");
    let daemon = "osd.1".parse().unwrap();
    assert_eq!(
        stage.violations(),
        [Violation::TwoProcesses {
            daemon,
            host: "n2".into()
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn an_older_store_is_seen() {
    let stage = Stage::small();
    let unit = "ceph-mon@n3.service";
    let copy = stage
        .model
        .reach_in(|machine| machine.hosts["n3"].files["/var/lib/ceph/mon/ceph-n3"].clone());
    for verb in ["stop", "start"] {
        systemctl(&stage, "n3", verb, unit);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(stage.violations(), []);
    systemctl(&stage, "n3", "stop", unit);
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.model.reach_in(|machine| {
        let host = machine.hosts.get_mut("n3").unwrap();
        host.files.insert("/var/lib/ceph/mon/ceph-n3".into(), copy.clone());
    });
    systemctl(&stage, "n3", "start", unit);
    assert!(matches!(stage.violations().as_slice(), [Violation::OlderStore { mon, .. }] if mon == "n3"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_majority_and_a_second_domain_are_seen() {
    let stage = Stage::small();
    systemctl(&stage, "n2", "stop", "ceph-mon@n2.service");
    systemctl(&stage, "n3", "stop", "ceph-mon@n3.service");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stage.violations(), [Violation::BelowMajority { mon: "n3".into() }]);
    let lost = stage.model.ledger().without_quorum;
    assert!(lost > Duration::from_secs(7), "{lost:?}");
    let stage = Stage::small();
    systemctl(&stage, "n1", "stop", "ceph-osd@0.service");
    systemctl(&stage, "n2", "stop", "ceph-osd@1.service");
    let daemon = "osd.1".parse().unwrap();
    assert_eq!(stage.violations(), [Violation::SecondDomain { daemon }]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(
        stage.model.ledger().longest_wait > Duration::from_secs(9),
        "writes wait below min_size"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_restart_and_a_moved_osd_are_seen() {
    let stage = Stage::small();
    stage.go_to_phase("osds").await;
    assert_eq!(stage.violations(), []);
    // Somebody gives a Deployment back the label that Rook drops.
    let labels = serde_json::json!({ "labels": { "device-type": "hdd" } });
    let patch = serde_json::json!({ "metadata": labels, "spec": { "template": { "metadata": labels } } });
    let cluster = stage.model.cluster();
    let deployment = reeve_kube::Resource::DEPLOYMENT;
    cluster
        .patch(deployment, "rook-ceph", "rook-ceph-osd-2", &patch)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let daemon = "osd.2".parse().unwrap();
    assert_eq!(stage.violations(), [Violation::SecondRestart { daemon }]);

    let mut facts = small();
    for bucket in facts
        .ceph
        .crush
        .buckets
        .iter_mut()
        .filter(|bucket| bucket.kind == "host")
    {
        bucket.name = format!("old-{}", bucket.name);
    }
    let stage = Stage::of(&facts, &options());
    stage.go_to_phase("mgrs").await;
    stage.model.reach_in(|machine| {
        machine.run("n1", &["ceph", "config", "rm", "osd", "osd_crush_update_on_start"], &[]);
        machine.run("n1", &["ceph", "osd", "crush", "rename-bucket", "n1", "old-n1"], &[]);
    });
    let outcome = stage.go(&Until::End).await;
    assert!(!matches!(outcome, Outcome::Finished), "{outcome:?}");
    assert_eq!(stage.violations(), [Violation::CrushChanged]);
}

#[tokio::test(start_paused = true)]
async fn without_the_secret_rook_would_make_a_cluster_of_its_own() {
    let stage = Stage::small();
    stage.go_to_phase("seed").await;
    stage
        .model
        .api()
        .remove("/api/v1/namespaces/rook-ceph/secrets/rook-ceph-mon");
    let patch = serde_json::json!({ "spec": { "mon": { "count": 5 } } });
    let kind = reeve_kube::Resource::CEPH_CLUSTER;
    stage
        .model
        .cluster()
        .patch(kind, "rook-ceph", "rook-ceph", &patch)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(stage.violations(), [Violation::NewCluster]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_taught_it_is_seen() {
    let stage = Stage::small();
    stage.model.reach_in(|machine| machine.run("n1", &["reboot"], &[]));
    stage
        .model
        .reach_in(|machine| machine.run("n1", &["ceph", "osd", "purge", "1"], &[]));
    assert_eq!(stage.violations().len(), 2);
}
