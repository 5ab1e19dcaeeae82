//! The end state of every take-over, however it got there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Counts, Laboratory, Picture, Sample};

const DEADLINE: Duration = Duration::from_secs(300);

/// Asserts that Rook has the cluster: everything as well as before, maps as before, old units stopped and masked, and that one more reconcile of Rook
/// restarts nothing. Each old unit has stopped once and each container started once since `began`.
///
/// # Panics
///
/// If not so.
pub fn assert_taken_over(lab: &Laboratory, before: &Picture, began: u64) {
    assert_taken_over_without_counts(lab, before);
    let twice = Counts::since(lab, began).more_than_once();
    assert!(twice.is_empty(), "{twice:#?}");
    reconcile(lab);
    lab.wait(
        "the cluster to be well after one more reconcile",
        DEADLINE,
        Laboratory::is_well,
    );
    let counts = Counts::since(lab, began);
    assert!(counts.more_than_once().is_empty(), "{:#?}", counts.more_than_once());
    let osds = lab.ceph_json(&["osd", "ls"]).as_array().map_or(0, Vec::len);
    let pods = counts
        .pod_starts
        .keys()
        .filter(|name| name.starts_with("rook-ceph-osd-"))
        .count();
    assert_eq!(pods, osds, "every OSD runs in a pod: {counts:?}");
}

/// The same without what was started and stopped how often: for a take-over in which nodes lost their power and hand-overs were undone.
///
/// # Panics
///
/// If not so.
pub fn assert_taken_over_without_counts(lab: &Laboratory, before: &Picture) {
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    let differences = before.differences(&Picture::take(lab));
    let maps: Vec<&String> = differences
        .iter()
        .filter(|line| {
            ["mon map", "CRUSH map", "OSD flags", "pools"]
                .iter()
                .any(|part| line[2..].starts_with(part))
        })
        .collect();
    assert!(maps.is_empty(), "{maps:#?}");
    let gate: Vec<&String> = differences
        .iter()
        .filter(|line| line.contains("reeve-daemon-gate"))
        .collect();
    assert!(gate.is_empty(), "{gate:#?}");
    let phase = ceph_cluster(lab)["status"]["phase"].clone();
    assert_eq!(phase, "Ready");
    assert_old_units_are_masked(lab);
    assert_probes_are_patient(lab);
}

/// Asserts that Rook has taken the plan's probes for every daemon, its own command in them.
fn assert_probes_are_patient(lab: &Laboratory) {
    let deployments = lab.kubectl_json(&["--namespace", "rook-ceph", "get", "deployments"]);
    let mut looked_at = 0;
    for deployment in deployments["items"].as_array().expect("a list of Deployments") {
        let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
        let containers = deployment["spec"]["template"]["spec"]["containers"].as_array();
        let daemon = containers
            .into_iter()
            .flatten()
            .find(|it| ["mon", "mgr", "osd"].iter().any(|kind| it["name"] == *kind));
        let Some(daemon) = daemon else { continue };
        let live = &daemon["livenessProbe"];
        let seconds = ["periodSeconds", "timeoutSeconds", "failureThreshold"].map(|field| live[field].clone());
        assert_eq!(seconds, [30, 25, 10].map(Value::from), "{name}");
        assert_eq!(daemon["startupProbe"]["timeoutSeconds"], 25, "{name}");
        let command = live["exec"]["command"].to_string();
        assert!(command.contains("--admin-daemon"), "{name}: {command}");
        looked_at += 1;
    }
    let osds = lab.ceph_json(&["osd", "ls"]).as_array().map_or(0, Vec::len);
    assert!(looked_at > osds, "{looked_at} daemons with probes, {osds} OSDs");
}

fn ceph_cluster(lab: &Laboratory) -> Value {
    lab.kubectl_json(&["--namespace", "rook-ceph", "get", "cephcluster", "rook-ceph"])
}

/// Makes Rook look at everything once more, by a harmless change, and waits until it has.
fn reconcile(lab: &Laboratory) {
    let patch = json!({ "spec": { "healthCheck": { "daemonHealth": { "status": { "interval": "77s" } } } } });
    let words = [
        "--namespace",
        "rook-ceph",
        "patch",
        "cephcluster",
        "rook-ceph",
        "--type=merge",
    ];
    let patch = format!("--patch={patch}");
    let words: Vec<&str> = words.into_iter().chain([patch.as_str()]).collect();
    lab.kubectl(&words, None).fine();
    wait_for_rook(lab, DEADLINE);
}

/// Waits until Rook has reconciled the whole cluster as it is described now. While it does, it sets its own defaults before it sets what `spec.cephConfig` pins.
///
/// # Panics
///
/// If it has not within `deadline`.
pub fn wait_for_rook(lab: &Laboratory, deadline: Duration) {
    lab.wait("Rook to have reconciled its CephCluster", deadline, |lab| {
        let cluster = ceph_cluster(lab);
        cluster["status"]["phase"] == "Ready"
            && cluster["status"]["observedGeneration"] == cluster["metadata"]["generation"]
    });
}

/// Asserts that no old unit runs or can be started, and that no daemon runs outside of a pod.
///
/// # Panics
///
/// If not so.
pub fn assert_old_units_are_masked(lab: &Laboratory) {
    for node in &lab.nodes {
        let running = "systemctl list-units --plain --no-legend --state=active,activating,reloading 'ceph-mon@*' 'ceph-mgr@*' 'ceph-osd@*'";
        let said = lab.on(node, &["sh", "-c", running]).fine();
        assert!(said.trim().is_empty(), "{node}: {said}");
        // Instances that are enabled have a link in the wants of a target.
        let enabled = "cd /etc/systemd/system && ls -d ceph-mon.target.wants/* ceph-mgr.target.wants/* ceph-osd.target.wants/* 2>/dev/null | sed 's,.*/,,'";
        for unit in lab.on(node, &["sh", "-c", enabled]).out.lines() {
            let state = lab.on(node, &["systemctl", "is-enabled", unit]).out;
            assert_eq!(state.trim(), "masked", "{unit} on {node}");
        }
        let outside = "for pid in $(pgrep -x 'ceph-(mon|mgr|osd)'); do grep -qs kubepods /proc/$pid/cgroup || ps -ww -o pid=,args= -p $pid; done";
        let said = lab.on(node, &["sh", "-c", outside]).out;
        assert!(said.trim().is_empty(), "{node}: {said}");
    }
}

/// Asserts that OSDs of two hosts were never touched without a moment in between in which all placement groups were active+clean.
///
/// # Panics
///
/// If they were.
pub fn assert_one_failure_domain_at_a_time(lab: &Laboratory, samples: &[Sample]) {
    let host_of = lab.hosts_of_osds();
    let mut touched: Option<&String> = None;
    for sample in samples {
        let Some(seen) = &sample.seen else { continue };
        for osd in &seen.down {
            let host = host_of.get(osd).expect("every OSD has a host");
            assert!(
                touched.is_none_or(|touched| touched == host),
                "osd.{osd} on {host} was taken while {touched:?} was not whole again: {sample:?}"
            );
            touched = Some(host);
        }
        if seen.down.is_empty() && seen.unclean == 0 {
            touched = None;
        }
    }
}
