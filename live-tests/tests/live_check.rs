//! `reeve rook check` on the real cluster with real faults: each one gives just its finding.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8Path;
use reeve_live_tests::{Fault, Laboratory};
use reeve_report::{Outcome, Severity};

const DEADLINE: Duration = Duration::from_secs(120);

/// What is found about the cluster before anything is broken.
struct Sound {
    found: Found,
    health: BTreeSet<String>,
}

/// A finding as these tests compare it: rule, severity, subject.
type Found = BTreeSet<(String, Severity, String)>;

/// Returns the codes of the health checks that have something to say.
fn health(lab: &Laboratory) -> BTreeSet<String> {
    let checks = lab.ceph_json(&["health"])["checks"].clone();
    checks
        .as_object()
        .map(|checks| checks.keys().cloned().collect())
        .unwrap_or_default()
}

/// Surveys and judges, and returns what was found and what could not be judged.
fn judge(lab: &Laboratory) -> (Found, BTreeSet<String>) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let said = lab.reeve_rook(folder, &["check", "--format", "json"], None);
    assert!(matches!(said.code, 0 | 1), "{said:?}");
    let report = reeve_report::load(&said.out).unwrap();
    let mut found = Found::new();
    let mut not_judged = BTreeSet::new();
    for result in &report.results {
        for finding in result.outcome.findings() {
            found.insert((finding.check.to_string(), finding.severity, finding.subject.clone()));
        }
        if let Outcome::NotJudged { because } = &result.outcome {
            not_judged.insert(format!("{}: {because}", result.check));
        }
    }
    (found, not_judged)
}

/// Judges the broken cluster, repairs it, and returns what was found beyond what a sound one gives.
fn added(lab: &Laboratory, sound: &Sound, fault: Fault<'_>) -> Vec<(String, Severity, String)> {
    let (found, _) = judge(lab);
    drop(fault);
    // Health speaks of a fault for some seconds after its repair, and the next judgement must not hear of this one.
    lab.wait("the cluster to be well again", DEADLINE, |lab| {
        lab.is_well() && health(lab).is_subset(&sound.health)
    });
    found.difference(&sound.found).cloned().collect()
}

/// Compares what a fault added with the finding `rule` about `subject` as `severity`, and nothing else but what `also` allows; returns
/// what is wrong.
fn just(
    added: &[(String, Severity, String)],
    rule: &str,
    severity: Severity,
    subject: &str,
    also: &[&str],
) -> Vec<String> {
    let mut wrong = Vec::new();
    match added.iter().find(|(id, ..)| id == rule) {
        None => wrong.push(format!("no {rule} in {added:?}")),
        Some((_, is, about)) => {
            if *is != severity || !about.contains(subject) {
                wrong.push(format!(
                    "{rule} is {is:?} about {about:?}, not {severity:?} about {subject:?}"
                ));
            }
        }
    }
    let others: Vec<_> = added
        .iter()
        .filter(|(id, ..)| id != rule && !also.contains(&id.as_str()))
        .collect();
    if !others.is_empty() {
        wrong.push(format!("more than {rule}: {others:?}"));
    }
    wrong
}

#[test]
#[ignore = "needs a running laboratory"]
fn each_fault_gives_just_its_finding() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    let (found, not_judged) = judge(&lab);
    let sound = Sound {
        found,
        health: health(&lab),
    };
    assert!(
        not_judged.is_empty(),
        "on a cluster that answers, every rule is judged: {not_judged:?}"
    );
    let refusals: Vec<_> = sound
        .found
        .iter()
        .filter(|(_, severity, _)| *severity == Severity::Refusal)
        .collect();
    assert!(
        refusals.is_empty(),
        "the laboratory's cluster can be taken over: {refusals:?}"
    );
    let last = lab.nodes.last().unwrap().clone();
    let mut wrong = Vec::new();

    wrong.extend(stopped_mon(&lab, &sound, &last));
    wrong.extend(nearfull(&lab, &sound));
    wrong.extend(pool_of_size_one(&lab, &sound));
    wrong.extend(crush_host_name(&lab, &sound, &last));
    wrong.extend(leftover_data_directory(&lab, &sound, &last));
    wrong.extend(missing_image(&lab, &sound, &last));
    wrong.extend(insecure_global_id(&lab, &sound));
    wrong.extend(unclean_pgs(&lab, &sound, &last));
    wrong.extend(wrong_rook_for_ceph(&lab, &sound));
    wrong.extend(stale_gate(&lab, &sound));
    wrong.extend(node_not_ready(&lab, &sound, &last));
    wrong.extend(osd_flag(&lab, &sound));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn stopped_mon(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let unit = format!("ceph-mon@{node}");
    let fault = Fault::new(
        || {
            lab.on(node, &["systemctl", "stop", &unit]).fine();
        },
        || {
            lab.on(node, &["systemctl", "start", &unit]).fine();
        },
    );
    lab.wait("a quorum without the mon", DEADLINE, |lab| {
        let status = lab.ceph_json(&["quorum_status"]);
        status["quorum_names"]
            .as_array()
            .is_some_and(|names| names.iter().all(|name| name != node))
    });
    let added = added(lab, sound, fault);
    just(&added, "rook.mon-down", Severity::Refusal, node, &[])
}

fn nearfull(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let fault = Fault::new(
        || {
            lab.ceph(&["osd", "set-nearfull-ratio", "0.001"]);
        },
        || {
            lab.ceph(&["osd", "set-nearfull-ratio", "0.85"]);
        },
    );
    lab.wait("OSD_NEARFULL", DEADLINE, |lab| {
        lab.ceph(&["health"]).contains("nearfull")
    });
    let added = added(lab, sound, fault);
    just(
        &added,
        "rook.osd-nearfull",
        Severity::Refusal,
        "osd",
        &["rook.health-warning"],
    )
}

fn pool_of_size_one(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let fault = Fault::new(
        || {
            lab.ceph(&["config", "set", "mon", "mon_allow_pool_size_one", "true"]);
            lab.ceph(&["osd", "pool", "create", "scratch", "1", "1"]);
            lab.ceph(&["osd", "pool", "application", "enable", "scratch", "rbd"]);
            lab.ceph(&["osd", "pool", "set", "scratch", "size", "1", "--yes-i-really-mean-it"]);
        },
        || {
            lab.ceph(&["config", "set", "mon", "mon_allow_pool_delete", "true"]);
            lab.ceph(&[
                "osd",
                "pool",
                "delete",
                "scratch",
                "scratch",
                "--yes-i-really-really-mean-it",
            ]);
            lab.ceph(&["config", "rm", "mon", "mon_allow_pool_delete"]);
            lab.ceph(&["config", "rm", "mon", "mon_allow_pool_size_one"]);
        },
    );
    lab.wait("the pool's PGs", DEADLINE, Laboratory::is_well);
    let added = added(lab, sound, fault);
    // Ceph itself warns of a pool without replicas.
    just(
        &added,
        "rook.pool-size-one",
        Severity::Refusal,
        "scratch",
        &["rook.health-warning", "rook.config-overwritten"],
    )
}

fn crush_host_name(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let other = format!("{node}-storage");
    let fault = Fault::new(
        || {
            lab.ceph(&["osd", "crush", "rename-bucket", node, &other]);
        },
        || {
            lab.ceph(&["osd", "crush", "rename-bucket", &other, node]);
        },
    );
    just(
        &added(lab, sound, fault),
        "rook.crush-host-name",
        Severity::Warning,
        &other,
        &[],
    )
}

fn leftover_data_directory(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let fault = Fault::new(
        || {
            lab.on(node, &["mkdir", "-p", &format!("/var/lib/rook/mon-{node}/data")])
                .fine();
        },
        || {
            lab.on(node, &["rm", "-r", &format!("/var/lib/rook/mon-{node}")]).fine();
        },
    );
    let added = added(lab, sound, fault);
    just(&added, "rook.data-dir-leftovers", Severity::Refusal, node, &[])
}

fn missing_image(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let image = lab.ceph_image.clone();
    let kept = "docker.io/lab/kept:1";
    let tag = |from: &str, to: &str| {
        lab.on(node, &["ctr", "-n", "k8s.io", "images", "tag", "--force", from, to])
            .fine();
        lab.on(node, &["ctr", "-n", "k8s.io", "images", "rm", from]).fine();
    };
    let fault = Fault::new(|| tag(&image, kept), || tag(kept, &image));
    let added = added(lab, sound, fault);
    just(&added, "rook.image-missing", Severity::Refusal, node, &[])
}

fn insecure_global_id(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let option = "auth_allow_insecure_global_id_reclaim";
    let was = lab.ceph(&["config", "get", "mon", option]);
    let fault = Fault::new(
        || {
            lab.ceph(&["config", "set", "mon", option, "true"]);
        },
        || {
            lab.ceph(&["config", "set", "mon", option, was.trim()]);
        },
    );
    lab.wait("the health check", DEADLINE, |lab| {
        lab.ceph(&["health", "detail"]).contains("GLOBAL_ID_RECLAIM")
    });
    let (found, _) = judge(lab);
    drop(fault);
    lab.wait("the health check to go", DEADLINE, |lab| {
        !lab.ceph(&["health", "detail"]).contains("GLOBAL_ID_RECLAIM")
    });
    let added: Vec<_> = found.difference(&sound.found).cloned().collect();
    just(
        &added,
        "rook.insecure-global-id-allowed",
        Severity::Warning,
        "",
        &["rook.insecure-global-id"],
    )
}

fn unclean_pgs(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let osds = lab.ceph_json(&["osd", "ls-tree", node]);
    let osd = osds[0].to_string();
    let unit = format!("ceph-osd@{osd}");
    let fault = Fault::new(
        || {
            lab.on(node, &["systemctl", "stop", &unit]).fine();
        },
        || {
            lab.on(node, &["systemctl", "start", &unit]).fine();
        },
    );
    lab.wait("PGs that are not clean", DEADLINE, |lab| {
        lab.ceph(&["pg", "stat"]).contains("undersized")
    });
    let added = added(lab, sound, fault);
    just(
        &added,
        "rook.pgs-not-clean",
        Severity::Refusal,
        "",
        &[
            "rook.osd-down",
            "rook.health-blocking",
            "rook.health-warning",
            "rook.osd-stale-volume",
        ],
    )
}

fn wrong_rook_for_ceph(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let namespace = "rook-ceph";
    let image = |to: &str| {
        let container = format!("rook-ceph-operator={to}");
        lab.kubectl(
            &[
                "--namespace",
                namespace,
                "set",
                "image",
                "deployment/rook-ceph-operator",
                &container,
            ],
            None,
        )
        .fine();
    };
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let was = lab
        .kubectl(
            &[
                "--namespace",
                namespace,
                "get",
                "deployment/rook-ceph-operator",
                "--output",
                path,
            ],
            None,
        )
        .fine();
    let newer = was.replace("v1.18.11", "v1.20.6");
    assert_ne!(was, newer, "the laboratory's operator image carries its version");
    // The rollout of an image that no node has: the old pod goes (Recreate), so the operator is not ready either.
    let fault = Fault::new(|| image(&newer), || image(&was));
    let added = added(lab, sound, fault);
    lab.kubectl(
        &[
            "--namespace",
            namespace,
            "rollout",
            "status",
            "deployment/rook-ceph-operator",
            "--timeout=120s",
        ],
        None,
    )
    .fine();
    just(
        &added,
        "rook.ceph-unsupported",
        Severity::Refusal,
        "",
        &[
            "rook.operator-not-ready",
            "rook.crds-missing",
            "rook.operator-deletes-rules",
            "rook.version-untested",
            "rook.csi-crds-missing",
        ],
    )
}

fn stale_gate(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let objects = reeve_kube::gate::objects("rook-ceph", "20260101T000000Z-rook-dead");
    let manifest = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let fault = Fault::new(
        || {
            lab.kubectl(&["apply", "--filename=-"], Some(&manifest)).fine();
        },
        || {
            lab.kubectl(&["delete", "--ignore-not-found", "--filename=-"], Some(&manifest))
                .fine();
        },
    );
    let added = added(lab, sound, fault);
    just(&added, "rook.gate-stale", Severity::Refusal, "", &[])
}

fn node_not_ready(lab: &Laboratory, sound: &Sound, node: &str) -> Vec<String> {
    let ready = |lab: &Laboratory| {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        lab.kubectl(&["get", "node", node, "--output", path], None).fine() == "True"
    };
    let fault = Fault::new(
        || {
            lab.on(node, &["systemctl", "stop", "kubelet"]).fine();
        },
        || {
            lab.on(node, &["systemctl", "start", "kubelet"]).fine();
        },
    );
    lab.wait("the node to be NotReady", DEADLINE, |lab| !ready(lab));
    let added = added(lab, sound, fault);
    lab.wait("the node to be Ready", DEADLINE, ready);
    // The operator may have run there.
    just(
        &added,
        "rook.node-not-ready",
        Severity::Refusal,
        node,
        &["rook.operator-not-ready", "rook.node-tainted", "rook.node-pressure"],
    )
}

fn osd_flag(lab: &Laboratory, sound: &Sound) -> Vec<String> {
    let fault = Fault::new(
        || {
            lab.ceph(&["osd", "set", "pause"]);
        },
        || {
            lab.ceph(&["osd", "unset", "pause"]);
        },
    );
    let added = added(lab, sound, fault);
    just(
        &added,
        "rook.osd-flags-blocking",
        Severity::Refusal,
        "",
        &["rook.health-warning", "rook.health-blocking"],
    )
}
