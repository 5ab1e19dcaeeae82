//! A crash at every event and around every effect, going forward and back: the end is the same, and nothing is done twice.

mod model;

use std::collections::BTreeMap;

use model::{Model, Workplace, World, all_effects, engine, finish, plan};
use reeve_journal::fault::{CrashAfter, FailWhen, FailingOperation, until_crash};
use reeve_journal::plan::StepId;
use reeve_journal::{Condition, Outcome, PauseReason, UndoTo, Until};

/// More than the events of any run here; a loop that gets this far never ended without a crash.
const BOUND: usize = 400;

fn once(effects: &[String]) -> BTreeMap<String, u32> {
    effects.iter().map(|effect| (effect.clone(), 1)).collect()
}

#[tokio::test]
async fn a_crash_after_any_event_changes_nothing_in_the_end() {
    let all = all_effects(&plan());
    for (crashes, events) in (1..BOUND).enumerate() {
        let (place, world) = (Workplace::new(), World::default());
        let crash = CrashAfter::events(events);
        let mut run = engine(place.create(plan()), &Model, &world).observed_by(&crash);
        let outcome = until_crash(run.run(&Until::End)).await;
        drop(run);
        if let Some(outcome) = outcome {
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            assert!(crashes > 25, "a dozen steps have at least two events each: {crashes}");
            return;
        }
        finish(&place, &world).await;
        assert_eq!(
            (world.effects(), world.made()),
            (all.clone(), once(&all)),
            "crash after {events} events"
        );
        world.assert_sound();
    }
    panic!("no run came to its end");
}

#[tokio::test]
async fn a_crash_before_or_after_any_effect_changes_nothing_in_the_end() {
    let all = all_effects(&plan());
    for after in [false, true] {
        for call in 0..all.len() {
            let (place, world) = (Workplace::new(), World::default());
            world.crash_at(call, after);
            let mut run = engine(place.create(plan()), &Model, &world);
            assert!(until_crash(run.run(&Until::End)).await.is_none(), "it crashes");
            drop(run);
            finish(&place, &world).await;
            assert_eq!(
                (world.effects(), world.made()),
                (all.clone(), once(&all)),
                "at {call}, after: {after}"
            );
            world.assert_sound();
        }
    }
}

#[tokio::test]
async fn a_process_that_crashes_all_the_time_still_gets_there() {
    let all = all_effects(&plan());
    for events in [2, 3, 5] {
        let (place, world) = (Workplace::new(), World::default());
        drop(place.create(plan()));
        let mut finished = false;
        for _ in 0..BOUND {
            let crash = CrashAfter::events(events);
            let mut run = engine(place.reopen(), &Model, &world).observed_by(&crash);
            if let Some(outcome) = until_crash(run.run(&Until::End)).await {
                assert_eq!(outcome.unwrap(), Outcome::Finished);
                finished = true;
                break;
            }
        }
        assert!(finished, "{events} events at a time");
        assert_eq!(world.made(), once(&all));
        world.assert_sound();
    }
}

#[tokio::test]
async fn a_crash_anywhere_in_the_undo_of_any_failure_changes_nothing_in_the_end() {
    let all = all_effects(&plan());
    let steps: Vec<StepId> = plan().steps().map(|(_, _, step)| step.id.clone()).collect();
    for step in steps.iter().filter(|step| step.as_str().ends_with("second")) {
        for events in 1..BOUND {
            let (place, world) = (Workplace::new(), World::default());
            let failing = FailingOperation::new(&Model, step.clone(), FailWhen::AfterEffect);
            let crash = CrashAfter::events(events);
            let mut run = engine(place.create(plan()), &failing, &world).observed_by(&crash);
            let outcome = until_crash(run.run(&Until::End)).await;
            drop(run);
            finish(&place, &world).await;
            assert_eq!(world.effects(), all, "{step}, crash after {events} events");
            world.assert_sound();
            if outcome.is_some() {
                break;
            }
            assert!(events + 1 < BOUND, "no run came to its end");
        }
    }
}

#[tokio::test]
async fn an_undo_that_crashes_anywhere_is_taken_up_again() {
    for events in 1..BOUND {
        let (place, world) = (Workplace::new(), World::default());
        engine(place.create(plan()), &Model, &world)
            .run(&Until::End)
            .await
            .unwrap();
        let crash = CrashAfter::events(events);
        let mut run = engine(place.reopen(), &Model, &world).observed_by(&crash);
        let outcome = until_crash(run.undo(&UndoTo::Beginning)).await;
        drop(run);
        let is_over = outcome.is_some();
        let outcome = match outcome {
            Some(outcome) => outcome.unwrap(),
            None => match place
                .runs
                .show(&place.runs.find("latest").unwrap())
                .unwrap()
                .summary
                .condition
            {
                // It crashed after the very last event; the same command again would go forward, as it should.
                Condition::Paused(reason) => Outcome::Paused(reason),
                _ => engine(place.reopen(), &Model, &world).run(&Until::End).await.unwrap(),
            },
        };
        assert_eq!(
            outcome,
            Outcome::Paused(PauseReason::Undone),
            "crash after {events} events"
        );
        assert_eq!(world.effects(), Vec::<String>::new());
        world.assert_sound();
        if is_over {
            assert!(events > 24, "a dozen steps have two events each: {events}");
            return;
        }
    }
    panic!("no undo came to its end");
}
