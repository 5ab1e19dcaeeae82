//! A process that dies anywhere, and a step that fails anywhere.

use reeve_journal::fault::{CrashAfter, until_crash};

use super::picture::{assert_same, picture};
use super::*;

/// What an undisturbed run leaves behind.
async fn undisturbed() -> (u32, u32) {
    let stage = Stage::small();
    stage.go_to_the_end().await;
    stage.epochs()
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_every_event_changes_nothing_about_the_end() {
    let stage = Stage::small();
    let none = Mishaps::at(None, []);
    let mut ended = None;
    // After the first event of a process, which is the beginning of a step; then after the second, which is its end.
    for crash in 0..4 * stage.steps().len() {
        let observer = CrashAfter::events(1 + crash % 2);
        let outcome = until_crash(stage.process(&Until::End, &none, &observer)).await;
        ended = outcome.flatten();
        if ended.is_some() {
            break;
        }
    }
    // The last process may have died after it wrote that all is done.
    assert_eq!(ended.unwrap_or(stage.go(&Until::End).await), Outcome::Finished);
    stage.assert_taken_over();
    stage.assert_nothing_twice();
    assert_eq!(stage.epochs(), undisturbed().await, "map epochs count what was done");
}

#[tokio::test(start_paused = true)]
async fn a_death_before_and_after_every_effect_changes_nothing_about_the_end() {
    let stage = Stage::small();
    let mut deaths = 0;
    for step in stage.steps() {
        let mishaps = Mishaps::at(Some(step.clone()), [Mishap::DiesBefore, Mishap::DiesAfter]);
        let until = Until::Step(step.clone());
        for _ in 0..3 {
            match stage.process(&until, &mishaps, &()).await {
                None => deaths += 1,
                Some(outcome) => {
                    let fine = matches!(outcome, Outcome::Paused(PauseReason::Asked) | Outcome::Finished);
                    assert!(fine, "{step}: {outcome:?}");
                    break;
                }
            }
        }
    }
    stage.go_to_the_end().await;
    stage.assert_taken_over();
    stage.assert_nothing_twice();
    assert_eq!(stage.epochs(), undisturbed().await, "map epochs count what was done");
    // Waits that are met already have no effect at which to die.
    assert!(deaths > stage.steps().len(), "{deaths} deaths");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_every_event_of_an_undo_changes_nothing_about_the_beginning() {
    let stage = Stage::small();
    let before = picture(&stage);
    stage.go_to_the_end().await;
    let mut is_undone = false;
    for crash in 0..4 * stage.steps().len() {
        let journal = stage.journal();
        let world = stage.world(&journal, &Cancellation::default()).await;
        let rook = Rook::new(Arc::clone(&stage.outline));
        let observer = CrashAfter::events(1 + crash % 2);
        let mut engine = Engine::new(journal, &rook, &world).unwrap().observed_by(&observer);
        // An undo that was interrupted is finished first by whatever takes the run up.
        let outcome = if engine.journal().state().undo().is_some() {
            until_crash(engine.run(&Until::End)).await
        } else {
            until_crash(engine.undo(&UndoTo::Beginning)).await
        };
        is_undone = engine.journal().state().position() == 0;
        if outcome.is_some() || is_undone {
            break;
        }
    }
    assert!(is_undone, "it is not undone after all these processes");
    assert_eq!(stage.violations(), []);
    let ledger = stage.model.ledger();
    assert!(
        ledger.unit_starts.values().all(|count| *count == 1),
        "{:?}",
        ledger.unit_starts
    );
    assert_same(&before, &picture(&stage), "after an undo with crashes");
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_every_step_takes_its_hand_over_back() {
    let stage = Stage::small();
    let mut failures = 0;
    for (phase, hand_over, planned) in stage.plan.clone().steps() {
        let step = &planned.id;
        let mishaps = Mishaps::at(Some(step.clone()), [Mishap::Fails]);
        let outcome = stage.process(&Until::Step(step.clone()), &mishaps, &()).await.unwrap();
        if mishaps.left() > 0 {
            continue;
        }
        failures += 1;
        let failed = matches!(&outcome, Outcome::Paused(PauseReason::Failed { step: it, .. }) if it == step);
        assert!(failed, "{step}: {outcome:?}");
        let journal = stage.journal();
        let (at_phase, at, _) = journal.state().step(journal.state().position());
        assert_eq!(
            (&at_phase.name, &at.subject),
            (&phase.name, &hand_over.subject),
            "{step}"
        );
        drop(journal);
        assert_eq!(stage.violations(), [], "{step}");
        let ledger = stage.model.ledger();
        assert!(ledger.away_now().is_empty(), "{step}: {:?} are away", ledger.away_now());
        let serving = stage.model.serving();
        if let Some((_, home)) = serving
            .iter()
            .find(|(daemon, _)| daemon.to_string() == hand_over.subject)
        {
            assert!(
                home.ends_with(".service"),
                "{step}: {} serves in {home}",
                hand_over.subject
            );
        }
    }
    assert!(failures > stage.steps().len() / 2, "{failures} failures");
    stage.go_to_the_end().await;
    stage.assert_taken_over();
}
