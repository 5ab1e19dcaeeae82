//! Runs in a directory, and how a person steers one: approval, stopping places, cancellation, locks, lists, exports.

mod model;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use model::{Model, Workplace, World, all_effects, engine, holder, plan, quick, step};
use reeve_journal::plan::{PhaseName, StepId, Undo};
use reeve_journal::{
    Cancellation, Condition, Engine, EngineError, JournalError, Outcome, PauseReason, Record, RunId, StepStatus,
    UndoTo, Until,
};
use serde_json::json;

fn phase(name: &str) -> PhaseName {
    PhaseName::new(name).expect("it is snake_case")
}

#[tokio::test]
async fn a_phase_waits_for_its_go_ahead() {
    let (place, world) = (Workplace::new(), World::default());
    let mut run = Engine::new(place.create(plan()), &Model, &world).unwrap();
    let waits = |name| Outcome::Paused(PauseReason::Approval { phase: phase(name) });
    assert_eq!(run.run(&Until::End).await.unwrap(), waits("mons"));
    assert_eq!(world.effects(), Vec::<String>::new());
    run.approve(&phase("mons"), "operator").unwrap();
    run.approve(&phase("mons"), "operator").unwrap();
    assert_eq!(run.run(&Until::End).await.unwrap(), waits("osds"));
    assert_eq!(world.effects().len(), 4);
    assert!(matches!(
        run.approve(&phase("none"), "operator"),
        Err(EngineError::NoSuchPlace { .. })
    ));
    run.approve_all("operator").unwrap();
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    assert_eq!(world.effects(), all_effects(&plan()));
}

#[test]
fn runs_of_one_second_are_in_the_order_of_their_making() {
    let place = Workplace::new();
    let holder = holder();
    let made: Vec<RunId> = (0..8)
        .map(|_| {
            let journal = place.runs.create(plan().seal(), &holder).unwrap();
            let run = journal.run().clone();
            assert_eq!(place.runs.find("latest").unwrap(), run);
            run
        })
        .collect();
    let (listed, unreadable) = place.runs.list().unwrap();
    assert!(unreadable.is_empty());
    assert_eq!(listed.into_iter().map(|it| it.run).collect::<Vec<_>>(), made);
}

#[tokio::test]
async fn it_goes_as_far_as_told_and_back_as_far_as_told() {
    let (place, world) = (Workplace::new(), World::default());
    let mut run = engine(place.create(plan()), &Model, &world);
    let asked = Outcome::Paused(PauseReason::Asked);
    let stops = [
        (Until::Step(StepId::new("mons/a/first").unwrap()), 1),
        (Until::HandOver(phase("mons"), "a".to_owned()), 2),
        (Until::Phase(phase("mons")), 4),
    ];
    for (until, effects) in stops {
        assert_eq!(run.run(&until).await.unwrap(), asked);
        assert_eq!(world.effects().len(), effects, "{until:?}");
    }
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    let back = [
        (UndoTo::HandOver(phase("osds"), "b".to_owned()), 6),
        (UndoTo::Phase(phase("osds")), 4),
        (UndoTo::Step(StepId::new("mons/b/second").unwrap()), 3),
        (UndoTo::Beginning, 0),
    ];
    for (to, effects) in back {
        assert_eq!(run.undo(&to).await.unwrap(), Outcome::Paused(PauseReason::Undone));
        assert_eq!(world.effects().len(), effects, "{to:?}");
    }
    assert!(matches!(
        run.undo(&UndoTo::Beginning).await,
        Err(EngineError::Nothing { .. })
    ));
    let nowhere = Until::HandOver(phase("mons"), "z".to_owned());
    assert_eq!(
        run.run(&nowhere).await.unwrap_err().to_string(),
        "the plan has no hand-over `z` in phase `mons`"
    );
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    world.assert_sound();
}

#[tokio::test]
async fn a_request_to_stop_leaves_a_wait_at_once_and_finishes_an_effect() {
    let mut plan = plan();
    let sleep = step("mons/a/wait", "sleep_long", json!({ "effect": "-" }), Undo::Nothing);
    plan.phases[0].hand_overs[0].steps[2] = sleep;
    plan.phases[0].hand_overs[0].steps[2].deadline_seconds = 600;
    let (place, world) = (Workplace::new(), Arc::new(World::default()));
    let cancellation = Cancellation::default();
    let (journal, asked) = (place.create(plan), cancellation.clone());
    let shared = Arc::clone(&world);
    // Spawned, as a command line would: this also shows that the future can move between threads.
    let work = tokio::spawn(async move {
        let mut run = engine(journal, &Model, &shared).cancelled_by(asked);
        run.run(&Until::End).await
    });
    while world.effects().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    cancellation.cancel();
    let outcome = tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(outcome, Outcome::Paused(PauseReason::Interrupted));
    assert_eq!(world.effects(), ["mons.a.first", "mons.a.second"], "nothing is undone");
    let run = place.reopen();
    assert_eq!(run.state().progress()[2].status, StepStatus::Started);
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_run() {
    let (place, world) = (Workplace::new(), World::default());
    let journal = place.create(plan());
    let run = journal.run().clone();
    let error = place.runs.open(&run, &holder()).unwrap_err();
    match &error {
        JournalError::Held { by: Some(by), .. } => {
            assert_eq!((by.pid, by.host.as_str()), (std::process::id(), "testhost"))
        }
        other => panic!("{other:?}"),
    }
    assert!(
        error
            .to_string()
            .contains(&format!("process {} on testhost", std::process::id())),
        "{error}"
    );
    let (listed, _) = place.runs.list().unwrap();
    assert!(listed[0].is_held, "it can be looked at all the same");
    engine(journal, &Model, &world).run(&Until::End).await.unwrap();
    assert!(!place.runs.list().unwrap().0[0].is_held);
    drop(place.runs.open(&run, &holder()).unwrap());
}

#[tokio::test]
async fn runs_are_listed_shown_exported_and_found() {
    let (place, world) = (Workplace::new(), World::default());
    engine(place.create(plan()), &Model, &world)
        .run(&Until::Phase(phase("mons")))
        .await
        .unwrap();
    std::fs::write(place.runs.directory().join("notes.txt"), "not a run").unwrap();
    std::fs::write(
        place.runs.directory().join("20200101T000000Z-rook-0000.journal"),
        "rubbish",
    )
    .unwrap();
    let (listed, unreadable) = place.runs.list().unwrap();
    assert_eq!((listed.len(), unreadable.len()), (1, 1), "one bad file hides no other");
    let summary = &listed[0];
    assert_eq!(
        (summary.steps_done, summary.steps, summary.operation.as_str()),
        (6, 12, "model")
    );
    assert_eq!(summary.condition, Condition::Paused(PauseReason::Asked));
    assert!(matches!(
        place.runs.unfinished_on(&plan().target),
        Err(JournalError::Database { .. })
    ));
    std::fs::remove_file(place.runs.directory().join("20200101T000000Z-rook-0000.journal")).unwrap();
    assert_eq!(place.runs.unfinished_on(&plan().target).unwrap().len(), 1);

    let run = place.runs.find("latest").unwrap();
    assert_eq!(place.runs.find(&run.as_str()[..9]).unwrap(), run);
    assert!(matches!(place.runs.find("1999"), Err(JournalError::NoSuchRun { .. })));
    let nowhere = RunId::new("19990101T000000Z-rook-0000").unwrap();
    assert!(matches!(place.runs.show(&nowhere), Err(JournalError::NoSuchRun { .. })));
    let error = place.runs.create(plan(), &holder()).unwrap_err();
    assert!(
        matches!(error, JournalError::Plan { .. }),
        "a plan that is not sealed is refused: {error}"
    );
    drop(place.runs.create(plan().seal(), &holder()).unwrap());
    assert!(matches!(place.runs.find("2"), Err(JournalError::Ambiguous { .. })));

    let detail = place.runs.show(&run).unwrap();
    assert_eq!(detail.steps[0].status, StepStatus::Done { changed: true });
    assert_eq!(detail.steps[11].status, StepStatus::Pending);
    assert_eq!(detail.plan, plan().seal());

    let mut text = Vec::new();
    place.runs.export(&run, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut lines = text.lines();
    let head: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head["run"], json!(run));
    let records: Vec<Record> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records, detail.records);
}

#[tokio::test]
async fn files_are_private_and_another_operation_is_refused() {
    let (place, world) = (Workplace::new(), World::default());
    let mut other = plan();
    other.operation = "other".to_owned();
    let journal = place.create(other);
    let secret = journal.secrets().write("client.admin.keyring", b"hush").unwrap();
    assert_eq!(journal.secrets().read(&secret).unwrap(), b"hush");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.runs.directory().as_std_path()), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(place.runs.directory()).unwrap() {
        let path = entry.unwrap().path();
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
        files += 1;
    }
    assert!(files >= 4, "journal, log, lock and secrets: {files}");
    let error = Engine::new(journal, &Model, &world).err().unwrap();
    assert_eq!(error.to_string(), "the run is one of `other`, and this is `model`");
}

#[tokio::test]
async fn a_step_that_cannot_be_built_is_an_error_before_anything_is_done() {
    let mut unknown = plan();
    unknown.phases[0].hand_overs[0].steps[0].kind = reeve_journal::plan::StepKind::new("dance_tango").unwrap();
    let (place, world) = (Workplace::new(), World::default());
    let mut run = engine(place.create(unknown), &Model, &world).with_options(quick());
    let error = run.run(&Until::End).await.unwrap_err();
    assert!(
        error.to_string().contains("there is no step of kind `dance_tango`"),
        "{error}"
    );
    assert_eq!(run.journal().state().in_hand(), None);
}

#[test]
fn a_rehearsal_says_so_and_has_times_of_its_own_clock() {
    let directory = tempfile::tempdir().unwrap();
    let folder = camino::Utf8PathBuf::from_path_buf(directory.path().join("runs")).unwrap();
    let noon: jiff::Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
    let runs = reeve_journal::Runs::in_dir(folder)
        .unwrap()
        .with_clock(reeve_journal::Clock::of(move || noon));
    let holder = reeve_journal::Holder {
        since: noon,
        ..reeve_journal::Holder::this_process("n1", "reeve 0.1.0")
    };
    let plan = plan().seal();
    let journal = runs.create_rehearsal(plan.clone(), &holder).unwrap();
    let run = journal.run().clone();
    drop(journal);
    assert!(run.is_rehearsal(), "{run}");
    let detail = runs.show(&run).unwrap();
    assert!(detail.summary.is_rehearsal);
    assert!(detail.records.iter().all(|record| record.at == noon));
    // It is in nobody's way.
    assert!(runs.unfinished_on(&plan.target).unwrap().is_empty());
}
