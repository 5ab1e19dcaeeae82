//! Rehearsals as the command line plays them: a plan, perhaps its facts, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use camino::Utf8PathBuf;
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Condition, Holder, Outcome, PauseReason, Runs};
use reeve_rook::facts::Facts;
use reeve_rook::model::{Rehearsal, RehearsalError, RehearsalSummary, Stop};
use reeve_rook::plan::{Options, plan};
use reeve_rook::sample::Cluster;

fn made() -> (Plan, Facts) {
    let facts = Cluster::default().facts();
    (plan(&facts, &Options::default()).unwrap(), facts)
}

fn play(rehearsal: Rehearsal) -> (RehearsalSummary, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(directory.path().join("runs")).unwrap()).unwrap();
    let holder = Holder::this_process("here", "reeve 0.1.0");
    let summary = rehearsal.play(runs, &holder, &()).unwrap();
    (summary, directory)
}

#[test]
fn a_plan_is_played_to_its_end_with_and_without_facts() {
    let (plan, facts) = made();
    for facts in [None, Some(facts)] {
        let (summary, directory) = play(Rehearsal::new(plan.clone(), facts).unwrap());
        assert_eq!(summary.outcome, Outcome::Finished);
        assert_eq!(summary.ledger.violations, []);
        assert_eq!(summary.steps_done, summary.steps);
        assert_eq!((summary.deaths, summary.undone.len()), (0, 0));
        // 3 mons, 6 OSDs and Rook's 2 mgrs, all in pods.
        assert_eq!(summary.serving.len(), 11);
        assert!(
            summary.serving.iter().all(|(_, home)| home.starts_with("rook-ceph-")),
            "{:?}",
            summary.serving
        );
        assert!(
            summary.ledger.pod_starts.values().all(|starts| *starts == 1),
            "{:?}",
            summary.ledger.pod_starts
        );
        assert!(summary.ledger.unit_stops.values().all(|stops| *stops == 1));
        assert!(summary.ledger.away_now().is_empty());
        // The journal stays, says that it is a rehearsal, and tells modelled time.
        let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(directory.path().join("runs")).unwrap()).unwrap();
        let detail = runs.show(&summary.run).unwrap();
        assert!(detail.summary.is_rehearsal && detail.summary.condition == Condition::Finished);
        let told = detail.summary.updated_at.duration_since(detail.summary.created_at);
        assert!(told.as_secs() > 400, "{told}");
    }
}

#[test]
fn a_step_that_fails_is_undone_with_its_hand_over() {
    let (plan, facts) = made();
    let step = StepId::new("mons/mon.n2/await_quorum").unwrap();
    let rehearsal = Rehearsal::new(plan, Some(facts))
        .unwrap()
        .stopped(Stop::FailsAt(step.clone()))
        .unwrap();
    let (summary, _directory) = play(rehearsal);
    let Outcome::Paused(PauseReason::Failed { step: failed, .. }) = &summary.outcome else {
        panic!("{:?}", summary.outcome);
    };
    assert_eq!(*failed, step);
    assert_eq!(summary.ledger.violations, []);
    let kinds: Vec<&str> = summary
        .undone
        .iter()
        .filter_map(|step| step.as_str().rsplit('/').next())
        .collect();
    assert_eq!(
        kinds,
        [
            "nudge_replica_set",
            "release_daemon",
            "move_mon_store",
            "mask_unit",
            "stop_unit"
        ]
    );
    let mons: Vec<&str> = summary
        .serving
        .iter()
        .filter(|(daemon, _)| daemon.to_string().starts_with("mon."))
        .map(|(_, home)| home.as_str())
        .collect();
    assert_eq!(
        mons,
        ["ceph-mon@n1.service", "ceph-mon@n2.service", "ceph-mon@n3.service"]
    );
}

#[test]
fn a_process_that_dies_is_taken_up_and_nothing_is_done_twice() {
    let (plan, facts) = made();
    for id in [
        "mons/mon.n3/stop_unit",
        "osds/osd.2/release_daemon",
        "seed/cluster/create_ceph_cluster",
    ] {
        let step = StepId::new(id).unwrap();
        let rehearsal = Rehearsal::new(plan.clone(), Some(facts.clone()));
        let rehearsal = rehearsal.unwrap().stopped(Stop::DiesAt(step)).unwrap();
        let (summary, _directory) = play(rehearsal);
        assert_eq!(summary.outcome, Outcome::Finished, "{id}");
        assert_eq!(summary.deaths, 2, "{id}");
        assert_eq!(summary.ledger.violations, [], "{id}");
        assert!(summary.ledger.pod_starts.values().all(|starts| *starts == 1), "{id}");
        assert!(summary.ledger.unit_stops.values().all(|stops| *stops == 1), "{id}");
    }
}

#[test]
fn other_facts_and_unknown_steps_are_refused() {
    let (plan, mut facts) = made();
    let step = StepId::new("mons/mon.n9/stop_unit").unwrap();
    let refused = Rehearsal::new(plan.clone(), None).unwrap().stopped(Stop::FailsAt(step));
    assert!(matches!(refused, Err(RehearsalError::NoSuchStep { .. })));
    // The order in which a survey found things is no difference.
    facts.ceph.osds.reverse();
    assert!(Rehearsal::new(plan.clone(), Some(facts.clone())).is_ok());
    facts.ceph.osdmap.epoch += 1;
    assert!(matches!(
        Rehearsal::new(plan, Some(facts)),
        Err(RehearsalError::OtherFacts { .. })
    ));
}
