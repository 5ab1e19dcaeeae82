//! Every rule of `verify`: silent on a world as the run left it, and heard when just its thing is broken.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::collections::{BTreeMap, BTreeSet};

use reeve_journal::RunDetail;
use reeve_report::{Outcome, Severity};
use reeve_rook::facts::{
    AuthEntity, ConfigOption, DaemonUnit, Deployment, Facts, GateState, HealthCheck, HealthStatus, HostReading, Mon,
    MonStore, Orchestrator, Reading, StrayProcess, UserIds,
};
use reeve_rook::verify::{DaemonPod, Expectation, Exports, Observation, rules, verify};
use serde_json::{Value, json};

mod made_up_run;

use made_up_run::Writer;

fn crush() -> Value {
    json!({
        "buckets": [{ "id": -1, "name": "default" }, { "id": -2, "name": "n1" }],
        "rules": [{ "rule_id": 0, "rule_name": "replicated_rule" }],
    })
}

fn exports(facts: &Facts) -> Exports {
    let auth = facts.ceph.auth.known().unwrap();
    Exports {
        crush: Some(crush()),
        config: Some(vec![("global".into(), "osd_pool_default_size".into())]),
        auth: Some(auth.iter().map(|it| (it.entity.clone(), it.caps.clone())).collect()),
        ..Exports::default()
    }
}

/// How far the run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To its end.
    Finished,
    /// Mons and mgrs are handed over, and osd.0.
    Mid,
    /// mon.n2 is stopped and not back.
    Between,
    /// As `Mid`, and osd.1 was tried, did not come up and was undone.
    Undone,
    /// Nothing is done.
    Untouched,
}

impl Stage {
    fn run(self) -> (Facts, RunDetail) {
        let (facts, plan) = made_up_run::plan();
        let mut run = Writer::new(plan, false);
        match self {
            Self::Finished => {
                run.work_until(|_| false);
                run.finish();
            }
            Self::Mid => {
                let next = run.step("osds/osd.1/prove_gate_closed");
                run.work_until(|step| *step == next);
            }
            Self::Between => {
                let next = run.step("mons/mon.n2/await_quorum");
                run.work_until(|step| *step == next);
            }
            Self::Undone => {
                let fails = run.step("osds/osd.1/await_osd_up");
                run.work_until(|step| *step == fails);
                run.begin(&fails);
                let back_to = run.step("osds/osd.1/prove_gate_closed");
                run.fail(&fails, &back_to, "osd.1 is not up");
            }
            Self::Untouched => {}
        }
        (facts, run.detail())
    }

    /// Returns what is expected, and the world as it should be.
    fn world(self) -> (Expectation, Observation) {
        let (mut facts, run) = self.run();
        let expectation = Expectation::of_run(&run, exports(&facts)).unwrap();
        let mut taken: BTreeSet<String> = expectation
            .daemons
            .iter()
            .filter(|it| it.side == reeve_rook::verify::Side::Rook)
            .map(|it| it.daemon.to_string())
            .collect();
        for reading in facts.hosts.values_mut() {
            let HostReading::Reached(host) = reading else { continue };
            for unit in &mut host.daemons {
                if taken.contains(&unit.daemon.to_string()) {
                    (unit.active, unit.enabled, unit.main_pid) = ("inactive".into(), "masked".into(), 0);
                }
            }
            host.mon_stores
                .retain(|store| !taken.contains(&format!("mon.{}", store.mon)));
            let in_pods: Vec<DaemonUnit> = host
                .daemons
                .iter()
                .filter(|unit| taken.contains(&unit.daemon.to_string()) && !unit.unit.contains("mgr"))
                .map(|unit| DaemonUnit {
                    unit: String::new(),
                    deployment: Deployment::Rook,
                    active: "active".into(),
                    ..unit.clone()
                })
                .collect();
            host.daemons.extend(in_pods);
        }
        if taken.iter().any(|it| it.starts_with("mgr.")) {
            taken.retain(|it| !it.starts_with("mgr."));
            taken.extend(["mgr.a".to_owned(), "mgr.b".to_owned()]);
        }
        let pods = taken.iter().map(|daemon| DaemonPod {
            daemon: daemon.clone(),
            name: format!("rook-ceph-{daemon}"),
            node: "n1".into(),
            ready: true,
            uid: format!("uid-{daemon}"),
            started: "2026-11-21T09:10:00Z".into(),
            restarts: 0,
        });
        set(&mut facts, "global", "osd_pool_default_size", Some("3"));
        let gated = matches!(self, Self::Mid | Self::Undone | Self::Between);
        facts.kubernetes.gate = Reading::Known(GateState {
            supported: true,
            policy: gated,
            binding: gated,
            ..GateState::default()
        });
        if gated {
            facts
                .ceph
                .pools
                .iter_mut()
                .for_each(|pool| pool.autoscale_mode = "off".into());
            set(&mut facts, "osd", "osd_crush_update_on_start", Some("false"));
            set(&mut facts, "osd", "osd_mclock_skip_benchmark", Some("true"));
            set(&mut facts, "mgr", "mgr/balancer/active", Some("false"));
        }
        if matches!(self, Self::Mid | Self::Undone) {
            facts
                .ceph
                .osdmap
                .flags
                .extend(["noout".to_owned(), "norebalance".to_owned()]);
        }
        let cluster = json!({
            "metadata": { "generation": 3 },
            "spec": {
                "disruptionManagement": { "managePodBudgets": !gated },
                "healthCheck": { "daemonHealth": { "mon": { "disabled": gated }, "osd": { "disabled": gated } } },
            },
            "status": { "phase": "Ready", "observedGeneration": 3, "ceph": { "fsid": facts.ceph.fsid.as_str() } },
        });
        let observation = Observation {
            pods: Reading::Known(pods.collect()),
            ceph_cluster: Reading::Known((self != Self::Untouched).then_some(cluster)),
            crush: Reading::Known(crush()),
            facts,
        };
        (expectation, observation)
    }
}

fn set(facts: &mut Facts, section: &str, name: &str, value: Option<&str>) {
    let Reading::Known(options) = &mut facts.ceph.config else {
        panic!("the sample's config is known")
    };
    options.retain(|it| it.section != section || it.name != name);
    options.extend(value.map(|value| ConfigOption {
        section: section.into(),
        mask: String::new(),
        name: name.into(),
        value: value.into(),
    }));
}

/// Returns the rules that find something worse than a note, with the subjects; and those that were not judged.
fn heard(expectation: &Expectation, observation: &Observation) -> (BTreeSet<(String, String)>, Vec<String>) {
    let mut found = BTreeSet::new();
    let mut not_judged = Vec::new();
    for result in verify(expectation, observation) {
        for finding in result.outcome.findings() {
            if finding.severity != Severity::Note {
                found.insert((result.check.to_string(), finding.subject.clone()));
            }
            assert!(
                !finding.remedy.contains('{') || finding.remedy.contains("'{"),
                "not filled: {}",
                finding.remedy
            );
        }
        if let Outcome::NotJudged { because } = &result.outcome {
            not_judged.push(format!("{}: {because}", result.check));
        }
    }
    (found, not_judged)
}

#[test]
fn a_world_as_the_run_left_it_gives_no_finding() {
    for (stage, expected) in [
        (Stage::Finished, vec![]),
        (Stage::Untouched, vec![("rook.verify-not-yet", "cluster")]),
        (Stage::Mid, vec![("rook.verify-not-yet", "cluster")]),
        (Stage::Undone, vec![("rook.verify-not-yet", "cluster")]),
        (
            Stage::Between,
            vec![
                ("rook.verify-between", "mon.n2 on n2"),
                ("rook.verify-not-yet", "cluster"),
            ],
        ),
    ] {
        let (expectation, observation) = stage.world();
        let (found, not_judged) = heard(&expectation, &observation);
        let expected = expected
            .into_iter()
            .map(|(rule, subject)| (rule.to_owned(), subject.to_owned()))
            .collect();
        assert_eq!((found, not_judged), (expected, Vec::<String>::new()), "{stage:?}");
    }
}

#[test]
fn a_plan_alone_is_judged_as_if_all_were_done() {
    let (_, observation) = Stage::Finished.world();
    let (_, plan) = made_up_run::plan();
    let (found, not_judged) = heard(&Expectation::of_plan(&plan).unwrap(), &observation);
    assert_eq!((found, not_judged), (BTreeSet::new(), Vec::new()));
    let (_, before) = Stage::Untouched.world();
    let (found, _) = heard(&Expectation::of_plan(&plan).unwrap(), &before);
    let rules: BTreeSet<&str> = found.iter().map(|(rule, _)| rule.as_str()).collect();
    for wanted in [
        "rook.verify-pod",
        "rook.verify-runs-twice",
        "rook.verify-unit-masked",
        "rook.verify-cephcluster-ready",
    ] {
        assert!(rules.contains(wanted), "{wanted} in {rules:?}");
    }
}

#[test]
fn a_rule_that_rook_made_for_a_pool_is_worth_a_note() {
    let (expectation, mut observation) = Stage::Finished.world();
    let pool = observation.facts.ceph.pools[0].name.clone();
    let mut map = crush();
    let add = |map: &mut Value, id: i64, name: &str| {
        let rule = json!({ "rule_id": id, "rule_name": name });
        map["rules"].as_array_mut().unwrap().push(rule);
    };
    add(&mut map, 7, &pool);
    observation.crush = Reading::Known(map.clone());
    let notes = |observation: &Observation| {
        let all = verify(&expectation, observation);
        let of = |id: &str| {
            let result = all.iter().find(|result| result.check.to_string() == id).unwrap();
            result.outcome.findings().len()
        };
        (of("rook.verify-crush"), of("rook.verify-crush-rule-of-rook"))
    };
    assert_eq!(notes(&observation), (0, 1));
    // A pool follows it: then the map was changed.
    observation.facts.ceph.pools[0].crush_rule = 7;
    assert_eq!(notes(&observation), (1, 0));
    observation.facts.ceph.pools[0].crush_rule = 0;
    add(&mut map, 8, "no-pool-is-called-so");
    observation.crush = Reading::Known(map);
    assert_eq!(notes(&observation), (1, 1));
}

type Break = (&'static str, Stage, &'static str, fn(&mut Observation));

fn unit<'a>(world: &'a mut Observation, daemon: &str) -> &'a mut DaemonUnit {
    let hosts = world.facts.hosts.values_mut().filter_map(|reading| match reading {
        HostReading::Reached(host) => Some(host),
        HostReading::Unreachable { .. } => None,
    });
    let mut units = hosts.flat_map(|host| &mut host.daemons);
    units
        .find(|unit| unit.daemon.to_string() == daemon && unit.deployment != Deployment::Rook)
        .unwrap()
}

fn pods(world: &mut Observation) -> &mut Vec<DaemonPod> {
    let Reading::Known(pods) = &mut world.pods else {
        panic!("pods are known")
    };
    pods
}

fn host<'a>(world: &'a mut Observation, name: &str) -> &'a mut reeve_rook::facts::HostFacts {
    let found = world
        .facts
        .hosts
        .iter_mut()
        .find(|(host, _)| host.as_str() == name)
        .unwrap()
        .1;
    let HostReading::Reached(host) = found else {
        panic!("{name} was reached")
    };
    host
}

fn cluster(world: &mut Observation) -> &mut Value {
    let Reading::Known(Some(cluster)) = &mut world.ceph_cluster else {
        panic!("there is a CephCluster")
    };
    cluster
}

fn raise(world: &mut Observation, code: &str, status: HealthStatus) {
    world.facts.ceph.health.status = status;
    let check = HealthCheck {
        severity: status,
        summary: "something".into(),
        detail: vec![],
        muted: false,
    };
    world.facts.ceph.health.checks.insert(code.into(), check);
}

const BREAKS: &[Break] = &[
    ("rook.verify-cluster-id", Stage::Finished, "cluster", |world| {
        world.facts.ceph.fsid = "21111111-2222-3333-4444-555555555555".parse().unwrap();
    }),
    ("rook.verify-mon-map", Stage::Finished, "mon.n2", |world| {
        world.facts.ceph.monmap.mons[1].v2 = Some("10.9.9.9:3300".into());
    }),
    ("rook.verify-mon-map", Stage::Finished, "mon.d", |world| {
        let mon = Mon {
            name: "d".into(),
            ..world.facts.ceph.monmap.mons[0].clone()
        };
        world.facts.ceph.monmap.mons.push(mon);
        world.facts.ceph.quorum.names.insert("d".into());
    }),
    ("rook.verify-mon-epoch", Stage::Finished, "mon map", |world| {
        world.facts.ceph.monmap.epoch = 4
    }),
    ("rook.verify-quorum", Stage::Mid, "mon.n3", |world| {
        world.facts.ceph.quorum.names.remove("n3");
    }),
    ("rook.verify-osds-up", Stage::Finished, "osd.4", |world| {
        world.facts.ceph.osds[4].up = false
    }),
    ("rook.verify-pgs", Stage::Finished, "cluster", |world| {
        world.facts.ceph.pgs.states = BTreeMap::from([("active+clean".into(), 30), ("active+undersized".into(), 3)]);
    }),
    ("rook.verify-crush", Stage::Mid, "CRUSH map", |world| {
        world.crush = Reading::Known(json!({ "buckets": crush()["buckets"], "rules": [] }));
    }),
    ("rook.verify-health-error", Stage::Finished, "cluster", |world| {
        raise(world, "POOL_NO_REDUNDANCY", HealthStatus::Err)
    }),
    ("rook.verify-health-new", Stage::Finished, "OSD_SLOW_OPS", |world| {
        raise(world, "OSD_SLOW_OPS", HealthStatus::Warn)
    }),
    ("rook.verify-one-version", Stage::Finished, "cluster", |world| {
        let line = "ceph version 19.2.0 (abc) squid (stable)".to_owned();
        let first = world.facts.ceph.versions.values_mut().next().unwrap();
        first.insert(line, 1);
    }),
    ("rook.verify-pod", Stage::Finished, "osd.3", |world| {
        pods(world).retain(|pod| pod.daemon != "osd.3")
    }),
    ("rook.verify-pod", Stage::Finished, "mon.n1", |world| {
        pods(world).iter_mut().find(|pod| pod.daemon == "mon.n1").unwrap().ready = false;
    }),
    ("rook.verify-pod", Stage::Finished, "mgr.b", |world| {
        pods(world).retain(|pod| pod.daemon != "mgr.b")
    }),
    ("rook.verify-runs-twice", Stage::Finished, "osd.5 on n3", |world| {
        unit(world, "osd.5").active = "active".into()
    }),
    ("rook.verify-unit-masked", Stage::Mid, "mgr.n1 on n1", |world| {
        unit(world, "mgr.n1").enabled = "enabled".into()
    }),
    ("rook.verify-old-serves", Stage::Mid, "osd.3 on n2", |world| {
        unit(world, "osd.3").active = "failed".into()
    }),
    ("rook.verify-old-serves", Stage::Untouched, "mon.n1 on n1", |world| {
        unit(world, "mon.n1").enabled = "masked".into()
    }),
    ("rook.verify-old-store", Stage::Finished, "mon.n2 on n2", |world| {
        host(world, "n2").mon_stores.push(MonStore {
            mon: "n2".into(),
            path: "/var/lib/ceph/mon/ceph-n2".into(),
            bytes: 4_096,
            device: 1,
            owner: UserIds { uid: 167, gid: 167 },
            kv_backend: Some("rocksdb".into()),
        });
    }),
    ("rook.verify-stray", Stage::Finished, "process 99 on n1", |world| {
        host(world, "n1").stray_processes.push(StrayProcess {
            pid: 99,
            daemon: None,
            command: "ceph-osd -f --id 0".into(),
        });
    }),
    (
        "rook.verify-cephcluster-ready",
        Stage::Mid,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            cluster(world)["status"]["phase"] = "Progressing".into();
        },
    ),
    (
        "rook.verify-cephcluster-ready",
        Stage::Finished,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            cluster(world)["metadata"]["generation"] = 4.into();
        },
    ),
    (
        "rook.verify-cephcluster-id",
        Stage::Finished,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            cluster(world)["status"]["ceph"]["fsid"] = "other".into();
        },
    ),
    ("rook.verify-gate-closed", Stage::Mid, "gate", |world| {
        world.facts.kubernetes.gate = Reading::Known(GateState::default())
    }),
    ("rook.verify-gate-gone", Stage::Finished, "gate", |world| {
        world.facts.kubernetes.gate = Reading::Known(GateState {
            policy: true,
            ..GateState::default()
        });
    }),
    (
        "rook.verify-health-checks-on",
        Stage::Finished,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            cluster(world)["spec"]["healthCheck"]["daemonHealth"]["osd"]["disabled"] = true.into();
        },
    ),
    (
        "rook.verify-budgets-on",
        Stage::Finished,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            cluster(world)["spec"]["disruptionManagement"] = Value::Null;
        },
    ),
    ("rook.verify-no-restart", Stage::Finished, "osd.1", |world| {
        pods(world)
            .iter_mut()
            .find(|pod| pod.daemon == "osd.1")
            .unwrap()
            .restarts = 1;
    }),
    ("rook.verify-no-restart", Stage::Finished, "mon.n3", |world| {
        pods(world).iter_mut().find(|pod| pod.daemon == "mon.n3").unwrap().uid = "another".into();
    }),
    (
        "rook.verify-leftovers",
        Stage::Untouched,
        "CephCluster rook-ceph/rook-ceph",
        |world| {
            world.ceph_cluster = Reading::Known(Some(json!({ "status": { "phase": "Ready" } })));
        },
    ),
    ("rook.verify-flags", Stage::Finished, "flag noout", |world| {
        world.facts.ceph.osdmap.flags.insert("noout".into());
    }),
    ("rook.verify-flags", Stage::Mid, "flag norebalance", |world| {
        world.facts.ceph.osdmap.flags.remove("norebalance");
    }),
    ("rook.verify-autoscaler", Stage::Finished, "pool volumes", |world| {
        world.facts.ceph.pools[1].autoscale_mode = "off".into();
    }),
    ("rook.verify-balancer", Stage::Finished, "balancer", |world| {
        set(&mut world.facts, "mgr", "mgr/balancer/active", Some("false"));
    }),
    (
        "rook.verify-config",
        Stage::Finished,
        "osd/osd_crush_update_on_start",
        |world| {
            set(&mut world.facts, "osd", "osd_crush_update_on_start", Some("false"));
        },
    ),
    (
        "rook.verify-config-kept",
        Stage::Finished,
        "global/osd_pool_default_size",
        |world| {
            set(&mut world.facts, "global", "osd_pool_default_size", None);
        },
    ),
    ("rook.verify-taken-back", Stage::Untouched, "mgr.a", |world| {
        let Reading::Known(auth) = &mut world.facts.ceph.auth else {
            panic!("auth is known")
        };
        auth.push(AuthEntity {
            entity: "mgr.a".into(),
            caps: BTreeMap::new(),
        });
    }),
    (
        "rook.verify-taken-back",
        Stage::Untouched,
        "global/mon_allow_pool_delete",
        |world| {
            set(&mut world.facts, "global", "mon_allow_pool_delete", Some("true"));
        },
    ),
    ("rook.verify-auth", Stage::Finished, "osd.0", |world| {
        let Reading::Known(auth) = &mut world.facts.ceph.auth else {
            panic!("auth is known")
        };
        auth.retain(|it| it.entity != "osd.0");
    }),
];

#[test]
fn each_break_is_heard_by_its_rule_and_by_no_other() {
    for (rule, stage, subject, break_it) in BREAKS {
        let (expectation, mut observation) = stage.world();
        let (sound, _) = heard(&expectation, &observation);
        break_it(&mut observation);
        let (found, _) = heard(&expectation, &observation);
        let added: Vec<_> = found.difference(&sound).collect();
        // A cluster of another id is named by Rook's side too, and a mon elsewhere has another map.
        let wanted = ((*rule).to_owned(), (*subject).to_owned());
        assert!(
            added.contains(&&wanted),
            "{rule} about {subject} was not heard: {added:?}"
        );
        let also = |it: &&&(String, String)| it.0 != *rule;
        let others: Vec<_> = added.iter().filter(also).collect();
        assert!(others.is_empty(), "{rule}: others were heard too: {others:?}");
    }
}

#[test]
fn every_rule_has_a_break() {
    let broken: BTreeSet<&str> = BREAKS.iter().map(|(rule, ..)| *rule).collect();
    // These are seen in the stages above, by a cluster that cephadm runs, and by a pool with a CephBlockPool.
    let elsewhere = [
        "rook.verify-not-yet",
        "rook.verify-between",
        "rook.verify-old-data",
        "rook.verify-orchestrator",
        "rook.verify-crush-rule-of-rook",
    ];
    let missing: Vec<&str> = rules()
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !broken.contains(id) && !elsewhere.contains(id))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn caps_of_a_client_that_changed_are_named_without_its_key() {
    let (_, run) = Stage::Finished.run();
    let (_, mut observation) = Stage::Finished.world();
    let Reading::Known(auth) = &mut observation.facts.ceph.auth else {
        panic!("auth is known")
    };
    let caps = |caps: &str| BTreeMap::from([("osd".to_owned(), caps.to_owned())]);
    auth.push(AuthEntity {
        entity: "client.glance".into(),
        caps: caps("profile rbd pool=images"),
    });
    let mut exports = exports(&made_up_run::plan().0);
    exports
        .auth
        .as_mut()
        .unwrap()
        .insert("client.glance".into(), caps("allow *"));
    let expectation = Expectation::of_run(&run, exports).unwrap();
    let (found, _) = heard(&expectation, &observation);
    assert_eq!(
        found,
        BTreeSet::from([("rook.verify-auth".into(), "client.glance".into())])
    );
}

#[test]
fn an_orchestrator_that_is_on_again_is_refused() {
    let mut facts = reeve_rook::sample::Cluster::default().facts();
    facts.ceph.orchestrator = Reading::Known(Orchestrator {
        backend: Some("cephadm".into()),
        paused: false,
        upgrade: None,
    });
    let plan = reeve_rook::plan::plan(&facts, &reeve_rook::plan::Options::default()).unwrap();
    let (_, mut observation) = Stage::Finished.world();
    let expectation = Expectation::of_plan(&plan).unwrap();
    assert_eq!(heard(&expectation, &observation).0, BTreeSet::new());
    observation.facts.ceph.orchestrator = facts.ceph.orchestrator.clone();
    let (found, _) = heard(&expectation, &observation);
    assert_eq!(
        found,
        BTreeSet::from([("rook.verify-orchestrator".into(), "orchestrator".into())])
    );
}

#[test]
fn what_was_not_seen_is_not_passed() {
    let (expectation, mut observation) = Stage::Finished.world();
    let because = || "nobody said".to_owned();
    observation.pods = Reading::Unknown { because: because() };
    observation.ceph_cluster = Reading::Unknown { because: because() };
    observation.crush = Reading::Unknown { because: because() };
    observation.facts.kubernetes.gate = Reading::Unknown { because: because() };
    observation.facts.ceph.auth = Reading::Unknown { because: because() };
    observation.facts.ceph.config = Reading::Unknown { because: because() };
    let away = observation.facts.hosts.values_mut().next().unwrap();
    *away = HostReading::Unreachable { because: because() };
    let (found, not_judged) = heard(&expectation, &observation);
    assert_eq!(found, BTreeSet::new());
    for rule in [
        "pod",
        "cephcluster-ready",
        "crush",
        "gate-gone",
        "auth",
        "config",
        "balancer",
        "runs-twice",
        "unit-masked",
        "no-restart",
        "health-checks-on",
        "budgets-on",
    ] {
        let id = format!("rook.verify-{rule}: ");
        assert!(
            not_judged.iter().any(|it| it.starts_with(&id)),
            "{id} in {not_judged:?}"
        );
    }
}

#[test]
fn a_run_without_its_copies_cannot_be_judged_by_them() {
    let (_, run) = Stage::Finished.run();
    let (_, observation) = Stage::Finished.world();
    let expectation = Expectation::of_run(&run, Exports::default()).unwrap();
    let (found, not_judged) = heard(&expectation, &observation);
    assert_eq!(found, BTreeSet::new());
    let rules: Vec<&str> = not_judged.iter().filter_map(|it| it.split(": ").next()).collect();
    assert_eq!(rules, ["rook.verify-crush", "rook.verify-auth"]);
}

#[test]
fn the_reference_lists_every_rule() {
    let page = reeve_rook::verify::reference();
    for rule in rules() {
        assert!(page.contains(&format!("### {}", rule.id)), "{}", rule.id);
    }
}
