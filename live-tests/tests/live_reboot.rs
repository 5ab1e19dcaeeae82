//! After a take-over each node loses its power in turn: everything comes back under Rook, and no old daemon starts.

use std::time::{Duration, Instant};

use reeve_live_tests::{ClientIo, Laboratory, assert_old_units_are_masked, figure, wait_for_rook};

#[test]
#[ignore = "needs a running laboratory whose cluster is Rook's"]
fn every_node_comes_back_under_rook() {
    let lab = Laboratory::open();
    // Rook may still be at what another test left it to do.
    wait_for_rook(&lab, Duration::from_secs(300));
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let client = ClientIo::start(&lab);
    for node in &lab.nodes {
        let began = Instant::now();
        let since = lab.on(node, &["date", "--utc", "+%FT%TZ"]).fine().trim().to_owned();
        let epoch = lab.ceph_json(&["osd", "dump"])["epoch"]
            .as_u64()
            .expect("a map has an epoch");
        lab.lab(&["fault", "inject", "power-cut", node]);
        lab.lab(&["fault", "repair", "power-cut", node]);
        lab.wait(&format!("{node} to be back"), Duration::from_secs(120), |lab| {
            lab.on(node, &["true"]).code == 0
        });
        lab.wait(&format!("the pods of {node}"), Duration::from_secs(600), |lab| {
            have_started(lab, node, &since)
        });
        lab.wait(&format!("the OSDs of {node}"), Duration::from_secs(600), |lab| {
            are_up_anew(lab, node, epoch)
        });
        lab.wait("the cluster to be well", Duration::from_secs(600), Laboratory::is_well);
        assert_old_units_are_masked(&lab);
        client.still_runs();
        figure(&format!(
            "{node} back, all clean, {} s after its power was cut",
            began.elapsed().as_secs()
        ));
    }
    client.stop().assert_fine();
}

/// Tells whether every daemon's pod of a node is ready with containers that have started since a moment: until the kubelet looks again, those of before the cut
/// still count as ready.
fn have_started(lab: &Laboratory, node: &str, since: &str) -> bool {
    let field = format!("--field-selector=spec.nodeName={node}");
    let words = ["--namespace", "rook-ceph", "get", "pods", "--selector=ceph_daemon_id"];
    let words: Vec<&str> = words.into_iter().chain([field.as_str()]).collect();
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let pods = list(&lab.kubectl_json(&words)["items"]);
    !pods.is_empty()
        && pods.iter().all(|pod| {
            let containers = list(&pod["status"]["containerStatuses"]);
            let started = |it: &serde_json::Value| {
                it["state"]["running"]["startedAt"]
                    .as_str()
                    .is_some_and(|at| at >= since)
            };
            let ready = list(&pod["status"]["conditions"])
                .iter()
                .any(|it| it["type"] == "Ready" && it["status"] == "True");
            ready && !containers.is_empty() && containers.iter().all(started)
        })
}

/// Tells whether all OSDs of a node have come up after an epoch of the OSD map.
fn are_up_anew(lab: &Laboratory, node: &str, epoch: u64) -> bool {
    let own = lab.ceph_json(&["osd", "ls-tree", node]);
    let dump = lab.ceph_json(&["osd", "dump"]);
    let osds = dump["osds"].as_array().cloned().unwrap_or_default();
    let mut own = osds
        .iter()
        .filter(|osd| own.as_array().is_some_and(|own| own.contains(&osd["osd"])));
    own.all(|osd| osd["up"] == 1 && osd["up_from"].as_u64().is_some_and(|from| from > epoch))
}
