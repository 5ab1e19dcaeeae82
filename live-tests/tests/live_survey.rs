//! `reeve rook survey` on the real cluster: it sees what is there, and it changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::collections::BTreeMap;

use camino::Utf8Path;
use reeve_live_tests::Laboratory;
use reeve_rook::facts::{Deployment, Facts, Reading};
use serde_json::{Value, json};

/// Takes a survey with the binary and returns the facts it saved.
fn survey(lab: &Laboratory, folder: &Utf8Path) -> Facts {
    lab.reeve_rook(folder, &["survey", "--save", "facts.json"], None).fine();
    Facts::load(&folder.join("facts.json")).unwrap()
}

#[test]
#[ignore = "needs a running laboratory"]
fn a_survey_from_one_host_finds_the_whole_cluster() {
    let lab = Laboratory::open();
    let dir = tempfile::tempdir().unwrap();
    let facts = survey(&lab, Utf8Path::from_path(dir.path()).unwrap());
    assert_eq!(facts.ceph.fsid.as_str(), lab.ceph(&["fsid"]).trim());
    let mons = lab.ceph_json(&["mon", "dump"]);
    let names: Vec<&str> = mons["mons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mon| mon["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        facts
            .ceph
            .monmap
            .mons
            .iter()
            .map(|mon| mon.name.as_str())
            .collect::<Vec<_>>(),
        names
    );
    let osds = lab.ceph_json(&["osd", "ls"]);
    assert_eq!(facts.ceph.osds.len(), osds.as_array().unwrap().len());
    assert_eq!(facts.hosts.len(), lab.nodes.len(), "{:?}", facts.hosts.keys());
    for (name, host) in facts.reached_hosts() {
        assert_eq!(host.root, Reading::Known(true), "{name}");
        assert!(!host.daemons.is_empty(), "{name}");
        for unit in &host.daemons {
            assert_eq!(unit.deployment, Deployment::Packages, "{unit:?}");
            let said = lab.on(
                name.as_str(),
                &["systemctl", "show", "--value", "--property", "MainPID", &unit.unit],
            );
            assert_eq!(said.out.trim(), unit.main_pid.to_string(), "{unit:?}");
        }
        let volumes = host.volumes.known().unwrap_or_else(|| panic!("{:?}", host.volumes));
        let osd_units = host
            .daemons
            .iter()
            .filter(|unit| unit.daemon.kind == reeve_ceph::DaemonType::Osd)
            .count();
        assert_eq!(volumes.len(), osd_units, "{name}: every OSD is known to ceph-volume");
        assert!(
            host.images
                .known()
                .is_some_and(|images| images.iter().any(|i| i.contains("ceph"))),
            "{:?}",
            host.images
        );
    }
    assert_eq!(facts.reached_hosts().count(), lab.nodes.len());
    assert!(facts.kubernetes.nodes.iter().all(|node| node.ready));
    let operator = facts.kubernetes.operator.known().unwrap();
    assert_eq!(operator.version.as_deref(), Some("1.18.11"), "{operator:?}");
    let text = std::fs::read_to_string(dir.path().join("facts.json")).unwrap();
    for key in keys(&lab) {
        assert!(!text.contains(&key), "a key of the cluster is in the facts");
    }
}

/// Returns every cephx key of the cluster.
fn keys(lab: &Laboratory) -> Vec<String> {
    let auth = lab.ceph_json(&["auth", "ls"]);
    let keys: Vec<String> = auth["auth_dump"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| entity["key"].as_str().unwrap().to_owned())
        .collect();
    assert!(keys.len() > 5);
    keys
}

/// Everything that a survey could conceivably change, as text to compare.
fn everything(lab: &Laboratory) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let commands: [&[&str]; 7] = [
        &["mon", "dump"],
        &["osd", "dump"],
        &["osd", "crush", "dump"],
        &["config", "dump"],
        &["config-key", "dump"],
        &["auth", "ls"],
        &["fs", "dump"],
    ];
    for words in commands {
        all.insert(format!("ceph {}", words.join(" ")), lab.ceph_json(words).to_string());
    }
    let kinds = lab
        .kubectl(&["api-resources", "--verbs=list", "--output=name"], None)
        .fine();
    // Events and leases tell the time, and a node's status its heartbeat; nobody's survey makes them.
    let kinds: Vec<&str> = kinds
        .lines()
        .filter(|kind| !kind.starts_with("events") && !kind.starts_with("leases") && *kind != "nodes")
        .collect();
    assert!(kinds.len() > 30, "{kinds:?}");
    let listed = lab
        .kubectl(&["get", &kinds.join(","), "--all-namespaces", "--output=json"], None)
        .fine();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    for item in listed["items"].as_array().unwrap() {
        let meta = &item["metadata"];
        let name = format!("{} {}/{}", item["kind"], meta["namespace"], meta["name"]);
        all.insert(name, meta["resourceVersion"].to_string());
    }
    let nodes: Value = serde_json::from_str(&lab.kubectl(&["get", "nodes", "--output=json"], None).fine()).unwrap();
    for node in nodes["items"].as_array().unwrap() {
        let meta = &node["metadata"];
        let kept = json!({"labels": meta["labels"], "annotations": meta["annotations"], "spec": node["spec"]});
        all.insert(format!("node {}", meta["name"]), kept.to_string());
    }
    all
}

#[test]
#[ignore = "needs a running laboratory"]
fn a_survey_a_check_and_a_plan_change_nothing() {
    let lab = Laboratory::open();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let before = everything(&lab);
    let facts = survey(&lab, folder);
    let code = lab.reeve(folder, &["rook", "check", "--facts", "facts.json"]).code;
    assert!(matches!(code, 0 | 1), "{code}");
    lab.reeve(
        folder,
        &["rook", "plan", "--facts", "facts.json", "--output", "plan.json"],
    )
    .fine();
    let after = everything(&lab);
    for (name, was) in &before {
        assert_eq!(Some(was), after.get(name), "{name} changed");
    }
    assert_eq!(
        before.len(),
        after.len(),
        "something new: {:?}",
        after.keys().filter(|k| !before.contains_key(*k)).collect::<Vec<_>>()
    );
    assert!(before.contains_key("ceph auth ls") && !facts.ceph.osds.is_empty());
}

#[test]
#[ignore = "needs a running laboratory"]
fn a_host_that_does_not_answer_is_a_fact_and_not_a_hang() {
    let lab = Laboratory::open();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let last = lab.nodes.last().unwrap();
    // Nothing listens on port 1 of this machine: the login fails, the host itself stays well.
    let config = std::fs::read_to_string(&lab.ssh_config).unwrap();
    // Its address is caught too: a survey tries it where the name does not answer.
    let address = lab.address(last);
    let first = format!("Host {last} {address}\n  HostName 127.0.0.1\n  Port 1\n\n{config}");
    std::fs::write(folder.join("ssh_config"), first).unwrap();
    lab.reeve_rook(folder, &["survey", "--save", "facts.json"], Some("ssh_config".into()))
        .fine();
    let facts = Facts::load(&folder.join("facts.json")).unwrap();
    assert_eq!(facts.hosts.len(), lab.nodes.len());
    assert_eq!(facts.reached_hosts().count(), lab.nodes.len() - 1);
    let said = lab.reeve(folder, &["rook", "check", "--facts", "facts.json", "--format", "json"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("rook.host-unreachable"));
}

#[test]
#[ignore = "needs a running laboratory"]
fn a_login_that_is_not_root_becomes_root_by_sudo() {
    let lab = Laboratory::open();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let config = std::fs::read_to_string(&lab.ssh_config).unwrap();
    std::fs::write(
        folder.join("ssh_config"),
        format!("Host *\n  User operator\n\n{config}"),
    )
    .unwrap();
    lab.reeve_rook(folder, &["survey", "--save", "facts.json"], Some("ssh_config".into()))
        .fine();
    let facts = Facts::load(&folder.join("facts.json")).unwrap();
    assert_eq!(facts.reached_hosts().count(), lab.nodes.len());
    assert!(
        facts
            .reached_hosts()
            .all(|(_, host)| host.root == Reading::Known(true) && host.volumes.known().is_some())
    );
}

#[test]
#[ignore = "needs a running laboratory"]
fn what_cannot_be_surveyed_is_said_with_the_documented_code() {
    let lab = Laboratory::open();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let survey = |lab: &Laboratory| lab.reeve_rook(folder, &["survey", "--save", "facts.json"], None);
    let admin = lab.nodes[0].clone();
    let keyring = "/etc/ceph/ceph.client.admin.keyring";
    let kept = "/etc/ceph/kept.admin.keyring";
    {
        // A key that Ceph knows and that may read nothing, under the admin's name in the file.
        let _weak = reeve_live_tests::Fault::new(
            || {
                lab.on(&admin, &["cp", "-p", keyring, kept]).fine();
                lab.ceph(&["auth", "get-or-create", "client.weak", "mon", "allow command fsid"]);
                lab.on(
                    &admin,
                    &[
                        "bash",
                        "-c",
                        &format!("ceph auth get client.weak | sed s/client.weak/client.admin/ > {keyring}"),
                    ],
                )
                .fine();
            },
            || {
                lab.on(&admin, &["mv", kept, keyring]).fine();
                lab.ceph(&["auth", "rm", "client.weak"]);
            },
        );
        let said = survey(&lab);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(&admin) && said.err.contains("key"), "{said:?}");
    }
    {
        let wrapper = "/usr/local/bin/ceph";
        let _garbage = reeve_live_tests::Fault::new(
            || {
                lab.on(
                    &admin,
                    &[
                        "bash",
                        "-c",
                        &format!(
                            "printf '#!/bin/sh\\necho \"<html>not ceph</html>\"\\n' > {wrapper} && chmod 755 {wrapper}"
                        ),
                    ],
                )
                .fine();
            },
            || {
                lab.on(&admin, &["rm", "-f", wrapper]).fine();
            },
        );
        let said = survey(&lab);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("<html>") && said.err.contains(&admin), "{said:?}");
    }
    assert!(!folder.join("facts.json").exists(), "a failed survey leaves no facts");
    assert_eq!(survey(&lab).code, 0, "and the cluster is as it was");
}
