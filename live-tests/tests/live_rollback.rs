//! From the end of each phase everything is taken back: the old cluster serves as before, and nothing of Rook or reeve is left.

use std::time::{Duration, Instant};

use reeve_live_tests::{ClientIo, Laboratory, Migration, Picture, figure};

#[test]
#[ignore = "needs a running laboratory whose cluster is still a legacy one"]
fn from_the_end_of_each_phase_everything_is_taken_back() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let before = Picture::take(&lab);
    let phases = phases(&Migration::plan(&lab));
    let client = ClientIo::start(&lab);
    for phase in &phases {
        let migration = Migration::plan(&lab);
        let began = Instant::now();
        let said = migration.migrate(&["--until", phase]);
        // The last phase ends the run; every other end is a pause that was asked for.
        let expected = if Some(phase) == phases.last() { 0 } else { 4 };
        assert_eq!(said.code, expected, "to the end of {phase}: {said:?}");
        let there = began.elapsed();
        let said = migration.rollback_all();
        assert_eq!(said.code, 0, "back from the end of {phase}: {said:?}");
        let back = began.elapsed() - there;
        lab.wait("the cluster to be well", Duration::from_secs(300), Laboratory::is_well);
        let differences = before.differences(&Picture::take(&lab));
        assert!(
            differences.is_empty(),
            "after going back from {phase}: {differences:#?}"
        );
        client.still_runs();
        figure(&format!(
            "to the end of {phase} {} s, back {} s",
            there.as_secs(),
            back.as_secs()
        ));
    }
    client.stop().assert_fine();
}

fn phases(migration: &Migration<'_>) -> Vec<String> {
    let mut names: Vec<String> = migration.steps().into_iter().map(|step| step.phase).collect();
    names.dedup();
    assert!(names.first().is_some_and(|name| name == "prepare"), "{names:?}");
    names
}
