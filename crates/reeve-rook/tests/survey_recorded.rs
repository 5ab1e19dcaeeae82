//! A survey of a real cluster, replayed: three nodes of packages, Ceph 18.2.7, six OSDs of `ceph-volume raw` on loop devices.
//!
//! `record` makes the recording anew, from a laboratory that runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8Path;
use reeve_host::{HostName, Recording, RecordingHosts, ReplayHosts, SshHosts, SshOptions};
use reeve_rook::facts::{Facts, KubernetesFacts, Scope};
use reeve_rook::{sample, survey};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/recordings/reef-18.2.7.json");

fn scope() -> Scope {
    Scope {
        admin_host: HostName::new("n1").expect("a plain name"),
        namespace: "rook-ceph".into(),
        operator_namespace: "rook-ceph".into(),
        data_dir_host_path: "/var/lib/rook".into(),
        ceph_image: None,
    }
}

/// Facts about Kubernetes whose nodes have the laboratory's addresses.
fn kubernetes() -> KubernetesFacts {
    let mut kubernetes = sample::Cluster::default().facts().kubernetes;
    for (node, address) in kubernetes
        .nodes
        .iter_mut()
        .zip(["10.77.0.11", "10.77.0.12", "10.77.0.13"])
    {
        node.addresses = BTreeSet::from([address.to_owned()]);
    }
    kubernetes
}

async fn replayed() -> Facts {
    let recording = Recording::load(Utf8Path::new(RECORDING)).expect("the recording is readable");
    let hosts = Arc::new(ReplayHosts::new(recording));
    let mut facts = survey::replayed(scope(), hosts, kubernetes())
        .await
        .expect("the survey was recorded whole");
    facts.taken_at = "2026-01-02T03:04:05Z".parse().expect("a literal timestamp");
    facts
}

#[tokio::test]
async fn the_recorded_cluster_gives_its_facts() {
    let facts = replayed().await;
    insta::assert_json_snapshot!("recorded_ceph", facts.ceph);
    insta::assert_json_snapshot!("recorded_hosts", facts.hosts);
}

#[tokio::test]
async fn the_recorded_cluster_is_known_through_and_through() {
    let facts = replayed().await;
    assert_eq!(facts.reached_hosts().count(), 3, "every host was found from one");
    assert_eq!(facts.ceph.osds.len(), 6);
    for (name, host) in facts.reached_hosts() {
        assert_eq!(
            host.volumes.known().map(Vec::len),
            Some(2),
            "{name}: OSDs on loop devices are found"
        );
        assert!(host.stray_processes.is_empty(), "{name}: {:?}", host.stray_processes);
        assert_eq!(host.mon_stores.len(), 1, "{name}");
        let units: Vec<String> = host.daemons.iter().map(|daemon| daemon.daemon.to_string()).collect();
        let wanted = [format!("mon.{name}")];
        assert!(wanted.iter().all(|daemon| units.contains(daemon)), "{name}: {units:?}");
    }
    let text = facts.to_json();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
}

#[test]
fn nothing_was_run_that_is_not_documented() {
    let recording = Recording::load(Utf8Path::new(RECORDING)).unwrap();
    let documented = survey::commands();
    let mut commands = 0;
    for command in recording.hosts.values().flat_map(|host| &host.commands) {
        let words = command.argv.iter().map(|word| {
            if word.starts_with("--pool=") {
                "--pool=POOL"
            } else {
                word
            }
        });
        let argv: Vec<String> = words.map(String::from).collect();
        let entry = documented.iter().find(|entry| entry.argv == argv);
        assert_eq!(entry.map(|entry| entry.as_root), Some(command.as_root), "{argv:?}");
        commands += 1;
    }
    assert!(commands > 60, "the recording is whole: {commands}");
}

#[test]
fn the_recording_holds_no_key() {
    let text = std::fs::read_to_string(RECORDING).unwrap();
    for (at, _) in text.match_indices("AQ") {
        let word: String = text[at..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c))
            .collect();
        assert!(word.len() < 40, "a key at byte {at}");
    }
}

#[tokio::test]
#[ignore = "needs a laboratory: REEVE_LAB_SSH_CONFIG names its ssh configuration"]
async fn record() {
    let config = std::env::var_os("REEVE_LAB_SSH_CONFIG").expect("REEVE_LAB_SSH_CONFIG is set");
    let dir = tempfile::tempdir().unwrap();
    let mut options = SshOptions::new(Utf8Path::from_path(dir.path()).unwrap().join("ssh"));
    options.config_file = Some(config.into_string().unwrap().into());
    let hosts = Arc::new(RecordingHosts::redacting(
        SshHosts::new(options).unwrap(),
        survey::without_secrets,
    ));
    let began = std::time::Instant::now();
    let facts = survey::replayed(scope(), hosts.clone(), kubernetes()).await.unwrap();
    println!("{:?} for {} hosts", began.elapsed(), facts.hosts.len());
    hosts.recording().save(Utf8Path::new(RECORDING)).unwrap();
}
