//! Single things in plans that are easy to get wrong.

use std::collections::BTreeMap;

use reeve_journal::plan::{Plan, Undo};
use serde_json::json;

use super::{has, host, planned, step};
use crate::facts::*;
use crate::plan::steps::{StepError, StepInput};
use crate::plan::{CrushHostNames, EncryptedOsds, Options, OsdsAtOnce, Probes, StepContext, plan};
use crate::sample::Cluster;

fn subjects(plan: &Plan, phase: &str) -> Vec<String> {
    let phase = plan.phases.iter().find(|it| it.name.as_str() == phase).unwrap();
    phase.hand_overs.iter().map(|it| it.subject.clone()).collect()
}

#[test]
fn a_plan_loads_again_as_it_was_written() {
    let plan = planned(|_| {});
    assert_eq!(Plan::from_json(plan.to_json().as_bytes(), "plan.json").unwrap(), plan);
    assert_eq!(StepContext::of(&plan).unwrap().admin_host, "n1");
}

#[test]
fn an_altered_input_is_refused() {
    let plan = planned(|_| {});
    let mut altered = step(&plan, "mons/mon.n2/move_mon_store").clone();
    assert!(matches!(
        StepInput::from_planned(&altered),
        Ok(StepInput::MoveMonStore(_))
    ));
    altered.input["overwrite"] = json!(true);
    assert!(matches!(
        StepInput::from_planned(&altered),
        Err(StepError::Input { .. })
    ));
    altered.kind = "copy_mon_store".try_into().unwrap();
    assert!(matches!(
        StepInput::from_planned(&altered),
        Err(StepError::UnknownKind { .. })
    ));
}

#[test]
fn the_leader_and_the_active_mgr_go_last() {
    let plan = planned(|facts| facts.ceph.quorum.leader = "n2".into());
    assert_eq!(subjects(&plan, "mons"), ["mon.n1", "mon.n3", "mon.n2"]);
    assert_eq!(subjects(&plan, "mgrs"), ["mgr.n2", "mgr.n1"]);
    assert!(has(&plan, "mgrs/mgr.n1/fail_mgr") && !has(&plan, "mgrs/mgr.n2/fail_mgr"));
}

#[test]
fn hosts_of_a_rack_stay_together_and_named_hosts_go_first() {
    let facts = Cluster {
        hosts: 12,
        racks: 3,
        osds_per_host: 1,
        mons: 3,
        ..Cluster::default()
    }
    .facts();
    let order = |options: &Options| -> Vec<String> {
        let plan = plan(&facts, options).unwrap();
        subjects(&plan, "osds")
            .iter()
            .filter_map(|it| it.strip_prefix("host."))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        order(&Options::default()),
        [
            "n1", "n4", "n7", "n10", "n2", "n5", "n8", "n11", "n3", "n6", "n9", "n12"
        ]
    );
    let named = Options {
        hosts_first: vec!["n8".parse().unwrap(), "n3".parse().unwrap()],
        ..Options::default()
    };
    assert_eq!(order(&named)[..3], ["n8", "n3", "n1"]);
}

#[test]
fn the_run_pauses_where_it_was_told() {
    let pauses = |options: Options| -> Vec<String> {
        let plan = plan(&Cluster::default().facts(), &options).unwrap();
        plan.steps()
            .filter(|(_, _, step)| step.kind.as_str() == "pause_run")
            .map(|(_, hand_over, _)| hand_over.subject.clone())
            .collect()
    };
    assert_eq!(pauses(Options::default()), ["host.n1"]);
    assert_eq!(
        pauses(Options {
            pause_after: Some([].into()),
            ..Options::default()
        }),
        [""; 0]
    );
    assert_eq!(
        pauses(Options {
            pause_after: Some(["n2".parse().unwrap()].into()),
            ..Options::default()
        }),
        ["host.n2"]
    );
}

#[test]
fn the_second_mon_of_two_is_an_outage_and_says_so() {
    let facts = Cluster {
        hosts: 3,
        mons: 2,
        ..Cluster::default()
    }
    .facts();
    let plan = plan(&facts, &Options::default()).unwrap();
    let stop = step(&plan, "mons/mon.n2/stop_unit");
    assert!(stop.interrupts.as_ref().unwrap().what.contains("NO QUORUM"));
    assert!(
        !has(&plan, "mons/mon.n2/confirm_ok_to_stop"),
        "Ceph would always say no"
    );
    assert!(
        plan.summary
            .iter()
            .any(|line| line.contains("THERE IS NO QUORUM, TWICE"))
    );
}

#[test]
fn other_owners_get_their_files_back() {
    let owner = UserIds {
        uid: 64_045,
        gid: 64_045,
    };
    let plan = planned(|facts| {
        host(facts, "n2").ceph_user = Some(owner);
        host(facts, "n2").mon_stores[0].owner = owner;
    });
    let Undo::Actions(undo) = &step(&plan, "mons/mon.n2/chown_mon_store").undo else {
        panic!("no undo")
    };
    assert!(serde_json::to_string(undo).unwrap().contains("64045:64045"));
    assert!(has(&plan, "osds/osd.2/chown_devices") && !has(&plan, "osds/osd.0/chown_devices"));
    assert!(!has(&plan, "mons/mon.n1/chown_mon_store"));
}

#[test]
fn units_that_start_an_osd_are_masked_with_it() {
    let uuid = "00000000-0000-4000-8000-000000000000";
    let plan = planned(|facts| {
        if let Reading::Known(volumes) = &mut host(facts, "n1").volumes {
            volumes[0].layout = VolumeLayout::Lvm;
        }
    });
    let id = format!("osds/osd.0/mask_unit:ceph-volume_lvm-0-{uuid}.service").replace("ceph-volume_", "ceph-volume@");
    assert!(has(&plan, &id[..]), "{id}");
    let stop = step(&plan, "osds/osd.0/stop_unit");
    let undo = serde_json::to_string(&stop.undo).unwrap();
    assert!(
        undo.contains(r#""lvm","activate","--no-systemd","--bluestore","0""#),
        "{undo}"
    );
}

#[test]
fn a_unit_file_in_the_place_of_the_mask_is_set_aside() {
    let plan = planned(|facts| {
        let unit = host(facts, "n1")
            .daemons
            .iter_mut()
            .find(|it| it.daemon.to_string() == "osd.0")
            .unwrap();
        unit.path = format!("/etc/systemd/system/{}", unit.unit);
    });
    let mask = serde_json::to_string(step(&plan, "osds/osd.0/mask_unit")).unwrap();
    assert!(mask.contains("/etc/systemd/system/ceph-osd@0.service.before-rook"));
    assert!(
        !serde_json::to_string(step(&plan, "osds/osd.1/mask_unit"))
            .unwrap()
            .contains("before-rook")
    );
}

#[test]
fn crush_buckets_take_rooks_names_where_they_can() {
    let rename = |facts: &mut Facts| facts.ceph.crush.buckets[1].name = "ceph-one".into();
    let plan = planned(rename);
    assert_eq!(
        step(&plan, "prepare/crush/rename_bucket:ceph-one").input,
        json!({ "from": "ceph-one", "to": "n1" })
    );
    assert_eq!(step(&plan, "osds/osd.0/prove_crush_position").input["bucket"], "n1");
    assert!(has(
        &plan,
        "let_go/settings/restore_config:osd.osd_crush_update_on_start"
    ));

    let mut facts = Cluster::default().facts();
    rename(&mut facts);
    let keep = Options {
        crush_host_names: CrushHostNames::Keep,
        ..Options::default()
    };
    let kept = super::plan(&facts, &keep).unwrap();
    assert!(!has(&kept, "prepare/crush/rename_bucket:ceph-one"));
    assert!(
        !has(&kept, "let_go/settings/restore_config:osd.osd_crush_update_on_start"),
        "it has to stay off"
    );
    assert!(
        kept.summary
            .iter()
            .any(|line| line.contains("stays off for good: bucket ceph-one keeps its name"))
    );
}

#[test]
fn two_servers_that_swapped_names_are_left_alone() {
    let plan = planned(|facts| {
        facts.ceph.crush.buckets[1].name = "n2".into();
        facts.ceph.crush.buckets[2].name = "n1".into();
    });
    assert!(!plan.steps().any(|(_, _, step)| step.kind.as_str() == "rename_bucket"));
    assert!(!has(
        &plan,
        "let_go/settings/restore_config:osd.osd_crush_update_on_start"
    ));
}

#[test]
fn options_of_the_old_ceph_conf_are_carried_over() {
    let plan = planned(|facts| {
        for name in ["n1", "n2", "n3"] {
            let mut osd = BTreeMap::from([("osd_max_backfills".to_owned(), "2".to_owned())]);
            if name == "n2" {
                osd.insert("osd_memory_target".into(), "8589934592".into());
            }
            osd.insert("osd_secret_thing".into(), "(hidden)".into());
            let sections = &mut host(facts, name).ceph_confs[0].sections;
            sections.insert("osd".into(), osd);
            sections.insert(
                "client.rgw.n1".into(),
                BTreeMap::from([("rgw_frontends".into(), "beast port=80".into())]),
            );
        }
    });
    assert_eq!(
        step(&plan, "prepare/settings/set_config:osd.osd_max_backfills").input["before"],
        json!(null)
    );
    assert_eq!(
        step(&plan, "prepare/settings/set_config:osd_host:n2.osd_memory_target").input["section"],
        "osd/host:n2"
    );
    assert!(!plan.to_json().contains("rgw_frontends") && !plan.to_json().contains("\"(hidden)\""));
    assert!(
        plan.summary
            .iter()
            .any(|line| line.contains("CARRY BY HAND") && line.contains("osd_secret_thing in [osd]"))
    );
    assert!(
        !plan.to_json().contains("\"mon_host\""),
        "addresses stay where they are"
    );
}

#[test]
fn cephadm_is_switched_off_first() {
    let plan = planned(|facts| {
        facts.ceph.orchestrator = Reading::Known(Orchestrator {
            backend: Some("cephadm".into()),
            paused: false,
            upgrade: None,
        });
    });
    assert_eq!(
        step(&plan, "prepare/orchestrator/disable_orchestrator").input,
        json!({ "paused_before": false })
    );
    assert!(!has(&planned(|_| {}), "prepare/orchestrator/disable_orchestrator"));
}

#[test]
fn a_missing_msgr2_address_is_given_and_is_a_point_of_no_return() {
    let plan = planned(|facts| facts.ceph.monmap.mons[1].v2 = None);
    let enable = step(&plan, "prepare/msgr2/enable_msgr2");
    assert!(matches!(enable.undo, Undo::None { .. }));
    assert!(plan.points_of_no_return.iter().any(|point| point.step == enable.id));
    assert!(
        planned(|_| {})
            .points_of_no_return
            .iter()
            .all(|point| !point.step.as_str().contains("msgr2"))
    );
}

#[test]
fn what_rook_raises_for_good_is_a_point_of_no_return() {
    let raised = planned(|facts| facts.ceph.osdmap.require_osd_release = "quincy".into());
    assert!(
        raised
            .points_of_no_return
            .iter()
            .any(|point| point.because.contains("from quincy to reef"))
    );
    let points: Vec<String> = planned(|_| {})
        .points_of_no_return
        .iter()
        .map(|point| point.step.to_string())
        .collect();
    assert_eq!(points, ["osds/osd.0/release_daemon"], "only that OSDs may grow");
}

#[test]
fn the_ceph_cluster_lets_rook_do_nothing_by_itself() {
    let plan = planned(|facts| {
        facts.kubernetes.nodes[1]
            .taints
            .insert("node-role.kubernetes.io/control-plane:NoSchedule".into());
        facts.ceph.mgr.modules.insert("dashboard".into());
        facts
            .ceph
            .mgr
            .services
            .insert("dashboard".into(), "https://198.18.0.11:8444/".into());
    });
    insta::assert_json_snapshot!(step(&plan, "seed/cluster/create_ceph_cluster").input["object"]);
    assert!(
        plan.points_of_no_return
            .iter()
            .any(|point| point.step.as_str() == "seed/cluster/create_ceph_cluster")
    );
}

#[test]
fn rooks_own_probes_are_left_alone_where_that_is_chosen() {
    let options = Options {
        probes: Probes::Rook,
        ..Options::default()
    };
    let facts = Cluster::default().facts();
    let plan = plan(&facts, &options).unwrap();
    let object = &step(&plan, "seed/cluster/create_ceph_cluster").input["object"];
    let checks: Vec<&String> = object["spec"]["healthCheck"].as_object().unwrap().keys().collect();
    assert_eq!(checks, ["daemonHealth"]);
}

#[test]
fn the_mons_are_seeded_as_they_are() {
    let plan = planned(|_| {});
    let data = &step(&plan, "seed/cluster/create_endpoints").input["data"];
    assert_eq!(
        data["data"],
        "n1=198.18.0.11:6789,n2=198.18.0.12:6789,n3=198.18.0.13:6789"
    );
    assert_eq!(data["maxMonId"], "-1");
    let mapping: serde_json::Value = serde_json::from_str(data["mapping"].as_str().unwrap()).unwrap();
    assert_eq!(
        mapping["node"]["n2"],
        json!({ "Name": "n2", "Hostname": "n2", "Address": "198.18.0.12" })
    );
}

#[test]
fn what_rook_changes_is_put_back() {
    let undo = serde_json::to_string(&step(&planned(|_| {}), "seed/cluster/guard_ceph_settings").undo).unwrap();
    for part in [
        "\"rm\",\"mgr.a\"",
        "\"rm\",\"client.crash\"",
        "client.bootstrap-osd in RUN/backup/auth-export",
        "\"rm\",\"global\",\"log_to_file\"",
    ] {
        assert!(undo.contains(part), "{part} is not in {undo}");
    }
    assert!(
        undo.contains(r#""set","mon","auth_allow_insecure_global_id_reclaim","false""#),
        "its old value"
    );
}

#[test]
fn plans_hold_no_keys() {
    let json = planned(|_| {}).to_json();
    assert!(json.contains("read from Ceph when the step runs"));
    let key = |word: &str| word.len() >= 38 && word.starts_with("AQ") && word.ends_with("==");
    assert!(
        !json
            .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
            .any(key)
    );
}

#[test]
fn hosts_at_once_is_refused_where_a_server_lies_in_two_domains() {
    let options = Options {
        osds_at_once: OsdsAtOnce::Host,
        ..Options::default()
    };
    let mut facts = Cluster {
        osds_per_host: 2,
        ..Cluster::default()
    }
    .facts();
    assert!(plan(&facts, &options).is_ok());
    // The second OSD of n1 stands in the bucket of n2.
    facts.ceph.crush.buckets[1].children.retain(|child| *child != 1);
    facts.ceph.crush.buckets[2].children.push(1);
    let error = plan(&facts, &options).unwrap_err().to_string();
    assert!(
        error.contains("pool .mgr spreads over `host`, and the OSDs of n1 lie in 2 of those"),
        "{error}"
    );
}

#[test]
fn encrypted_osds_need_a_choice() {
    let encrypted = |choice: EncryptedOsds, all: bool| {
        let mut facts = Cluster::default().facts();
        for name in ["n1", "n2", "n3"] {
            if let Reading::Known(volumes) = &mut host(&mut facts, name).volumes {
                let many = if all { volumes.len() } else { 1 };
                volumes.iter_mut().take(many).for_each(|volume| volume.encrypted = true);
            }
        }
        plan(
            &facts,
            &Options {
                encrypted_osds: choice,
                ..Options::default()
            },
        )
    };
    let device = |plan: &Plan| {
        step(plan, "seed/cluster/create_ceph_cluster").input["object"]["spec"]["storage"]["config"].clone()
    };
    assert!(encrypted(EncryptedOsds::Refuse, true).is_err());
    assert!(encrypted(EncryptedOsds::Rook, false).is_err());
    assert_eq!(
        device(&encrypted(EncryptedOsds::Rook, true).unwrap()),
        json!({ "encryptedDevice": "true" })
    );
    assert_eq!(
        device(&encrypted(EncryptedOsds::CephVolume, false).unwrap()),
        json!(null)
    );
}

#[test]
fn pools_without_a_spare_copy_stop_only_when_allowed() {
    let mut facts = Cluster {
        pool_size: 1,
        ..Cluster::default()
    }
    .facts();
    facts.ceph.pools.truncate(1);
    let options = Options {
        pools_that_may_stop: [".mgr".to_owned()].into(),
        ..Options::default()
    };
    assert!(plan(&facts, &Options::default()).is_err());
    let plan = plan(&facts, &options).unwrap();
    assert!(
        step(&plan, "osds/osd.0/stop_unit")
            .interrupts
            .as_ref()
            .unwrap()
            .what
            .contains("PGs of .mgr STOP")
    );
    assert_eq!(
        step(&plan, "osds/osd.0/confirm_ok_to_stop").input["but_for_pools"],
        json!([".mgr"])
    );
}
