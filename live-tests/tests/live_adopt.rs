//! `reeve rook adopt-crs` on a cluster that Rook runs: applying what it writes changes no pool, and CRUSH only as it says.
//!
//! Needs a laboratory whose cluster was migrated. What the test makes (a pool, rules, CephBlockPools) is gone at its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::time::Duration;

use camino::Utf8Path;
use reeve_live_tests::{Fault, Laboratory, wait_for_rook};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(240);
/// How long Rook is given to act a second time, after the first time was seen to be over.
const SECOND_LOOK: Duration = Duration::from_secs(30);
/// A pool with a CRUSH rule of its own name: the one kind that Rook changes nothing at all for.
const OWN: &str = "reeve-own";

/// What must not change.
#[derive(Clone, Debug, PartialEq)]
struct Dumps {
    pools: Value,
    crush: Value,
    config: Value,
}

impl Dumps {
    fn take(lab: &Laboratory) -> Self {
        let mut pools = lab.ceph_json(&["osd", "pool", "ls", "detail"]);
        // The epoch in which something last wrote to the pool: Rook writes the size that the pool has, at every reconcile of a CephBlockPool.
        for pool in pools.as_array_mut().unwrap() {
            pool.as_object_mut().unwrap().remove("last_change").unwrap();
        }
        Self {
            pools,
            crush: lab.ceph_json(&["osd", "crush", "dump"]),
            config: lab.ceph_json(&["config", "dump"]),
        }
    }
}

/// Names of the rules of a CRUSH map.
fn rules(crush: &Value) -> Vec<String> {
    let rules = crush["rules"].as_array().unwrap().iter();
    rules
        .map(|rule| rule["rule_name"].as_str().unwrap().to_owned())
        .collect()
}

fn kubectl(lab: &Laboratory, words: &[&str]) -> String {
    let mut all = vec!["-n", "rook-ceph"];
    all.extend(words);
    lab.kubectl(&all, None).fine()
}

/// Writes the descriptions to a folder and returns the names of the files.
fn adopt(lab: &Laboratory, folder: &Utf8Path, more: &[&str]) -> Vec<String> {
    let mut words = vec!["adopt-crs", "--output", "pools"];
    words.extend(more);
    let said = lab.reeve_rook(folder, &words, None);
    assert_eq!(said.code, 0, "{said:?}");
    let mut files: Vec<String> = folder
        .join("pools")
        .read_dir_utf8()
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().to_owned()).collect())
        .unwrap_or_default();
    files.sort();
    files
}

/// Applies the descriptions, and waits until Rook has made what it makes of them, twice.
fn apply(lab: &Laboratory, folder: &Utf8Path, files: &[String]) {
    kubectl(lab, &["apply", "-f", folder.join("pools").as_str()]);
    for look in 0..2 {
        for file in files {
            let name = file.strip_suffix(".yaml").unwrap();
            lab.wait(&format!("CephBlockPool {name} to be Ready"), DEADLINE, |lab| {
                let said = lab.kubectl(&["-n", "rook-ceph", "get", "cephblockpool", name, "-o", "json"], None);
                let pool: Value = serde_json::from_str(&said.out).unwrap_or_default();
                let seen = pool["status"]["observedGeneration"].as_i64();
                pool["status"]["phase"] == "Ready" && seen.is_some() && seen >= pool["metadata"]["generation"].as_i64()
            });
        }
        if look == 0 {
            // The operator reconciles everything anew when it starts.
            kubectl(lab, &["rollout", "restart", "deployment/rook-ceph-operator"]);
            kubectl(
                lab,
                &["rollout", "status", "deployment/rook-ceph-operator", "--timeout=180s"],
            );
            std::thread::sleep(SECOND_LOOK);
        }
        wait_for_rook(lab, DEADLINE * 2);
    }
}

/// Takes the CephBlockPools away without letting Rook see it: it would delete pools without images.
fn forget(lab: &Laboratory) {
    kubectl(lab, &["scale", "deployment/rook-ceph-operator", "--replicas=0"]);
    lab.wait("the operator to be gone", DEADLINE, |lab| {
        let said = lab.kubectl(
            &[
                "-n",
                "rook-ceph",
                "get",
                "pods",
                "-l",
                "app=rook-ceph-operator",
                "-o",
                "name",
            ],
            None,
        );
        said.code == 0 && said.out.trim().is_empty()
    });
    let names = kubectl(lab, &["get", "cephblockpools", "-o", "name"]);
    for name in names.lines() {
        kubectl(
            lab,
            &[
                "patch",
                name,
                "--type",
                "merge",
                "-p",
                r#"{"metadata":{"finalizers":null}}"#,
            ],
        );
        kubectl(lab, &["delete", name, "--wait=false"]);
    }
    kubectl(lab, &["scale", "deployment/rook-ceph-operator", "--replicas=1"]);
    kubectl(
        lab,
        &["rollout", "status", "deployment/rook-ceph-operator", "--timeout=180s"],
    );
}

#[test]
#[ignore = "needs a running laboratory whose cluster was migrated"]
fn applying_the_descriptions_changes_nothing() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let found = Dumps::take(&lab);
    let found_rules = rules(&found.crush);
    let guard = Fault::new(
        || {
            lab.ceph(&["osd", "crush", "rule", "create-replicated", OWN, "default", "host"]);
            lab.ceph(&["osd", "pool", "create", OWN, "8", "8", "replicated", OWN]);
            lab.ceph(&["osd", "pool", "set", OWN, "pg_autoscale_mode", "off"]);
            lab.on(&lab.nodes[0], &["timeout", "60", "rbd", "pool", "init", OWN])
                .fine();
        },
        || {
            forget(&lab);
            lab.ceph(&["config", "set", "mon", "mon_allow_pool_delete", "true"]);
            lab.ceph(&["osd", "pool", "rm", OWN, OWN, "--yes-i-really-really-mean-it"]);
            lab.ceph(&["config", "rm", "mon", "mon_allow_pool_delete"]);
            for rule in rules(&lab.ceph_json(&["osd", "crush", "dump"])) {
                if !found_rules.contains(&rule) {
                    lab.ceph(&["osd", "crush", "rule", "rm", &rule]);
                }
            }
        },
    );
    lab.wait("the new pool to be clean", DEADLINE, Laboratory::is_well);

    // What is described without leave to add anything changes nothing at all.
    let before = Dumps::take(&lab);
    let files = adopt(&lab, folder, &[]);
    assert_eq!(files, [format!("{OWN}.yaml")]);
    apply(&lab, folder, &files);
    assert_eq!(Dumps::take(&lab), before, "applying {files:?}");

    // With leave, pools stay as they are to the last field, and the map gets the rules that were named.
    let files = adopt(&lab, folder, &["--accept-unused-rules"]);
    assert!(files.contains(&"volumes.yaml".to_owned()), "{files:?}");
    let mut named: Vec<String> = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(folder.join("pools").join(file)).unwrap();
        let rule = text
            .lines()
            .find_map(|line| line.strip_prefix("# Rook adds CRUSH rule "));
        named.extend(rule.map(|rest| rest.split(',').next().unwrap().to_owned()));
    }
    apply(&lab, folder, &files);
    let after = Dumps::take(&lab);
    assert_eq!(after.pools, before.pools, "applying {files:?}");
    assert_eq!(after.config, before.config, "applying {files:?}");
    let mut without = after.crush.clone();
    without["rules"]
        .as_array_mut()
        .unwrap()
        .retain(|rule| !named.iter().any(|name| rule["rule_name"] == name.as_str()));
    assert_eq!(without, before.crush, "the map has more than {named:?}");
    let mut added = rules(&after.crush);
    added.retain(|rule| !rules(&before.crush).contains(rule));
    added.sort();
    named.sort();
    assert_eq!(added, named);

    drop(guard);
    std::thread::sleep(SECOND_LOOK);
    wait_for_rook(&lab, DEADLINE * 2);
    lab.wait("the cluster to be well again", DEADLINE, Laboratory::is_well);
    assert_eq!(Dumps::take(&lab), found, "after cleaning up");
}
