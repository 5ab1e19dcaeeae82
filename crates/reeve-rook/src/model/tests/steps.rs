//! Single steps: each is done, undone, and undone again, and the world is as before.

use reeve_journal::{Recorded, Step};

use super::picture::{assert_same, picture};
use super::*;
use crate::facts::UserIds;
use crate::plan::steps::{
    ChownMonStore, ClearOsdFlag, MaskUnit, MoveMonStore, RestoreConfig, SetConfig, SetOsdFlag, StopAutoscaler,
    StopBalancer, StopUnit,
};

/// Does a step and undoes it, twice; the world is the same after each undo, and an undo without anything to undo changes nothing.
async fn cycle(stage: &Stage, step: &dyn Step<World>) {
    let journal = stage.journal();
    let world = stage.world(&journal, &Cancellation::default()).await;
    let before = picture(stage);
    for round in ["the first time", "the second time"] {
        assert!(!step.done(&world).await.unwrap(), "it is done before it was begun");
        step.ready(&world).await.unwrap();
        step.act(&world).await.unwrap();
        assert!(step.done(&world).await.unwrap(), "it has acted and is not done");
        let between = picture(stage);
        assert!(before != between, "it changed nothing");
        for _ in 0..2 {
            step.undo(&world, &Recorded::default()).await.unwrap();
            assert!(!step.done(&world).await.unwrap(), "it is undone and still done");
            assert_same(&before, &picture(stage), round);
        }
    }
    assert_eq!(stage.violations(), []);
}

fn ceph(stage: &Stage, words: &[&str]) {
    let argv: Vec<&str> = ["ceph"].into_iter().chain(words.iter().copied()).collect();
    let said = stage.model.reach_in(|machine| machine.run("n1", &argv, &[]));
    assert_eq!(said.unwrap().status, 0, "{words:?}");
}

#[tokio::test(start_paused = true)]
async fn options_are_set_and_come_back() {
    let stage = Stage::small();
    let set = SetConfig {
        section: "global".into(),
        name: "mon_osd_min_in_ratio".into(),
        value: "0.2".into(),
        before: None,
        because: "of the test".into(),
    };
    cycle(&stage, &set).await;
    ceph(&stage, &["config", "set", "osd", "osd_crush_update_on_start", "false"]);
    let restore = RestoreConfig {
        section: "osd".into(),
        name: "osd_crush_update_on_start".into(),
        value: "false".into(),
        before: None,
    };
    cycle(&stage, &restore).await;
}

#[tokio::test(start_paused = true)]
async fn flags_balancer_and_autoscaler_are_stilled_and_come_back() {
    let stage = Stage::small();
    cycle(&stage, &SetOsdFlag { flag: "noout".into() }).await;
    cycle(&stage, &StopBalancer { was_set: false }).await;
    let autoscaler = StopAutoscaler {
        pool: "volumes".into(),
        before: "on".into(),
    };
    cycle(&stage, &autoscaler).await;
    ceph(&stage, &["osd", "set", "noout"]);
    cycle(&stage, &ClearOsdFlag { flag: "noout".into() }).await;
}

#[tokio::test(start_paused = true)]
async fn units_are_stopped_and_masked() {
    let stage = Stage::small();
    let unit = |kind: &str, id: &str| StopUnit {
        daemon: format!("{kind}.{id}").parse().unwrap(),
        host: "n2".into(),
        unit: format!("ceph-{kind}@{id}.service"),
        activation: None,
        interrupts: String::new(),
        about_seconds: 0,
    };
    let stopped = |stage: &Stage| stage.model.ledger().unit_stops.values().sum::<u32>();
    for (daemon, stops) in [(unit("mon", "n2"), 2), (unit("osd", "1"), 4)] {
        // The unit's process is another one each time, and so is what a picture says of nothing else.
        let journal = stage.journal();
        let world = stage.world(&journal, &Cancellation::default()).await;
        for _ in 0..2 {
            daemon.act(&world).await.unwrap();
            assert!(daemon.done(&world).await.unwrap());
            for _ in 0..2 {
                daemon.undo(&world, &Recorded::default()).await.unwrap();
                assert!(!daemon.done(&world).await.unwrap());
            }
        }
        assert_eq!(stopped(&stage), stops);
    }
    assert_eq!(stage.violations(), []);
    let mask = MaskUnit {
        host: "n2".into(),
        unit: "ceph-mon@n2.service".into(),
        own_file: None,
    };
    cycle(&stage, &mask).await;
}

fn move_store() -> MoveMonStore {
    MoveMonStore {
        mon: "n1".into(),
        host: "n1".into(),
        from: "/var/lib/ceph/mon/ceph-n1".into(),
        to: "/var/lib/rook/mon-n1/data".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_moves_and_comes_back() {
    let stage = Stage::small();
    let step = move_store();
    {
        let journal = stage.journal();
        let world = stage.world(&journal, &Cancellation::default()).await;
        let refused = step.ready(&world).await.unwrap_err().to_string();
        assert!(refused.contains("runs on n1"), "{refused}");
    }
    stage
        .model
        .reach_in(|machine| machine.run("n1", &["systemctl", "stop", "--", "ceph-mon@n1.service"], &[]));
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    cycle(&stage, &step).await;
    let chown = ChownMonStore {
        mon: "n1".into(),
        host: "n1".into(),
        path: "/var/lib/ceph/mon/ceph-n1".into(),
        before: UserIds { uid: 167, gid: 167 },
        after: UserIds {
            uid: 64_045,
            gid: 64_045,
        },
    };
    cycle(&stage, &chown).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_moves_nowhere_where_something_is() {
    let stage = Stage::small();
    let step = move_store();
    stage.model.reach_in(|machine| {
        machine.run("n1", &["systemctl", "stop", "--", "ceph-mon@n1.service"], &[]);
        let host = machine.hosts.get_mut("n1").unwrap();
        host.make_directory(step.to.as_str());
    });
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let journal = stage.journal();
    let world = stage.world(&journal, &Cancellation::default()).await;
    let before = picture(&stage);
    let refused = step.ready(&world).await.unwrap_err().to_string();
    assert!(refused.contains("exists already"), "{refused}");
    assert!(step.undo(&world, &Recorded::default()).await.is_err());
    assert_same(&before, &picture(&stage), "after a refusal");
}
