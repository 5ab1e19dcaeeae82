//! A failure of every step in every way: its hand-over is undone in reverse, and the run can be taken up again.

mod model;

use model::{Model, Workplace, World, all_effects, engine, finish, plan, step};
use reeve_journal::fault::{FailWhen, FailingOperation};
use reeve_journal::plan::{StepId, Undo};
use reeve_journal::{Condition, Event, Outcome, PauseReason, Plan, UndoTo, Until};
use serde_json::json;

fn ids(plan: &Plan) -> Vec<StepId> {
    plan.steps().map(|(_, _, step)| step.id.clone()).collect()
}

#[tokio::test]
async fn a_failure_of_any_step_undoes_its_hand_over_in_reverse() {
    for when in [FailWhen::BeforeEffect, FailWhen::AfterEffect, FailWhen::NotReady] {
        for (index, id) in ids(&plan()).into_iter().enumerate() {
            if id.as_str().ends_with("wait") {
                // A wait that finds its effect is never begun, so there is nothing to fail.
                continue;
            }
            let (place, world) = (Workplace::new(), World::default());
            let failing = FailingOperation::new(&Model, id.clone(), when);
            let outcome = engine(place.create(plan()), &failing, &world)
                .run(&Until::End)
                .await
                .unwrap();
            assert!(failing.has_failed());
            match (&outcome, when) {
                (Outcome::Paused(PauseReason::Refused { step, because }), FailWhen::NotReady) => {
                    assert_eq!((step, because.as_str()), (&id, "the test wants it so; try again"));
                }
                (Outcome::Paused(PauseReason::Failed { step, error }), _) => {
                    assert_eq!((step, error.message.as_str()), (&id, "a failure made by the test"));
                }
                other => panic!("{id} {when:?}: {other:?}"),
            }
            // What is left is exactly the hand-overs before this one.
            let start = index - index % 3;
            let before: Vec<String> = ids(&plan())[..start]
                .iter()
                .filter(|id| !id.as_str().ends_with("wait"))
                .map(|id| id.as_str().replace('/', "."))
                .collect();
            assert_eq!(world.effects(), before, "{id} {when:?}");
            let log = world.log();
            let undone: Vec<&String> = log.iter().filter(|entry| entry.starts_with('-')).collect();
            let done: Vec<&String> = log[before.len()..]
                .iter()
                .filter(|entry| entry.starts_with('+'))
                .collect();
            let mirrored: Vec<String> = done.iter().rev().map(|entry| entry.replace('+', "-")).collect();
            assert_eq!(undone, mirrored.iter().collect::<Vec<_>>(), "{id} {when:?}: in reverse");

            finish(&place, &world).await;
            assert_eq!(world.effects(), all_effects(&plan()));
            world.assert_sound();
        }
    }
}

#[tokio::test]
async fn when_the_undo_fails_too_both_causes_are_kept_and_the_next_run_goes_on_with_it() {
    let (place, world) = (Workplace::new(), World::default());
    let first = StepId::new("mons/b/first").unwrap();
    let undo_fails = FailingOperation::new(&Model, first.clone(), FailWhen::Undoing);
    let second = StepId::new("mons/b/second").unwrap();
    let both_fail = FailingOperation::new(&undo_fails, second.clone(), FailWhen::BeforeEffect);
    let outcome = engine(place.create(plan()), &both_fail, &world)
        .run(&Until::End)
        .await
        .unwrap();
    match outcome {
        Outcome::Stuck {
            step,
            failed: Some(failed),
            undo_failed,
        } => {
            assert_eq!(step, first);
            assert_eq!(failed.message, "a failure made by the test");
            assert_eq!(undo_failed.message, "a failure made by the test");
        }
        other => panic!("{other:?}"),
    }
    let run = place.runs.find("latest").unwrap();
    assert!(matches!(
        place.runs.show(&run).unwrap().summary.condition,
        Condition::Stuck { .. }
    ));

    // The same command again finishes the undo and pauses as it would have.
    let outcome = engine(place.reopen(), &Model, &world).run(&Until::End).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Paused(PauseReason::Failed { step, .. }) if *step == second),
        "{outcome:?}"
    );
    assert_eq!(world.effects(), ["mons.a.first", "mons.a.second"]);
    finish(&place, &world).await;
    assert_eq!(world.effects(), all_effects(&plan()));
    world.assert_sound();
}

#[tokio::test]
async fn an_undo_can_be_given_up_to_go_forward() {
    let (place, world) = (Workplace::new(), World::default());
    let undo_fails = FailingOperation::new(&Model, StepId::new("mons/b/first").unwrap(), FailWhen::Undoing);
    let second = StepId::new("mons/b/second").unwrap();
    let both_fail = FailingOperation::new(&undo_fails, second, FailWhen::BeforeEffect);
    let mut run = engine(place.create(plan()), &both_fail, &world);
    assert!(matches!(run.run(&Until::End).await.unwrap(), Outcome::Stuck { .. }));
    run.give_up_undo("operator").unwrap();
    assert!(run.give_up_undo("operator").is_err());
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    assert_eq!(world.effects(), all_effects(&plan()));
    assert_eq!(
        world.made()["mons.b.first"],
        1,
        "its effect was found and not made again"
    );
    world.assert_sound();
}

/// The plan with a bridge that is burnt as the second step of its third hand-over.
fn plan_without_return() -> Plan {
    let mut plan = plan();
    let because = "the old store is gone".to_owned();
    plan.phases[1].hand_overs[0].steps[1] = step(
        "osds/a/second",
        "burn_bridge",
        json!({ "effect": "osds.a.second" }),
        Undo::None { because },
    );
    let back = Undo::Actions(Vec::new());
    let extra = step("osds/a/third", "put_effect", json!({ "effect": "osds.a.third" }), back);
    plan.phases[1].hand_overs[0].steps.push(extra);
    plan
}

#[tokio::test]
async fn nothing_is_undone_past_a_point_of_no_return() {
    let (place, world) = (Workplace::new(), World::default());
    let failing = FailingOperation::new(&Model, StepId::new("osds/a/third").unwrap(), FailWhen::BeforeEffect);
    let outcome = engine(place.create(plan_without_return()), &failing, &world)
        .run(&Until::End)
        .await
        .unwrap();
    match outcome {
        Outcome::Stuck {
            step,
            failed,
            undo_failed,
        } => {
            assert_eq!(step.as_str(), "osds/a/second");
            assert_eq!(failed.unwrap().message, "a failure made by the test");
            assert_eq!(undo_failed.message, "the step cannot be undone: the old store is gone");
        }
        other => panic!("{other:?}"),
    }
    assert!(
        world.effects().contains(&"osds.a.first".to_owned()),
        "what came before the bridge stays"
    );
    let error = engine(place.reopen(), &Model, &world)
        .undo(&UndoTo::Beginning)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`osds/a/second` cannot be undone: the old store is gone"
    );
    finish(&place, &world).await;
    assert_eq!(world.effects(), all_effects(&plan_without_return()));
    world.assert_sound();
}

#[tokio::test]
async fn a_bridge_that_could_not_be_burnt_is_no_obstacle() {
    let (place, world) = (Workplace::new(), World::default());
    let failing = FailingOperation::new(&Model, StepId::new("osds/a/second").unwrap(), FailWhen::BeforeEffect);
    let outcome = engine(place.create(plan_without_return()), &failing, &world)
        .run(&Until::End)
        .await
        .unwrap();
    assert!(
        matches!(outcome, Outcome::Paused(PauseReason::Failed { .. })),
        "{outcome:?}"
    );
    assert_eq!(
        world.effects().len(),
        4,
        "the hand-over is undone: {:?}",
        world.effects()
    );
}

#[tokio::test]
async fn what_was_there_before_is_left_there() {
    let (place, world) = (Workplace::new(), World::default());
    world.put_by_hand("mons.a.second");
    let mut run = engine(place.create(plan()), &Model, &world);
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    let outcome = run.undo(&UndoTo::Beginning).await.unwrap();
    assert_eq!(outcome, Outcome::Paused(PauseReason::Undone));
    assert_eq!(world.effects(), ["mons.a.second"]);
    world.assert_sound();
}

#[tokio::test]
async fn transient_failures_are_tried_again_within_the_bound() {
    let (place, world) = (Workplace::new(), World::default());
    world.fail_transiently(1);
    let mut run = engine(place.create(plan()), &Model, &world);
    assert_eq!(
        run.run(&Until::Step(ids(&plan())[0].clone())).await.unwrap(),
        Outcome::Paused(PauseReason::Asked)
    );
    assert_eq!(run.journal().state().progress()[0].attempts, 2);
    world.fail_transiently(2);
    let outcome = run.run(&Until::End).await.unwrap();
    assert!(
        matches!(outcome, Outcome::Paused(PauseReason::Failed { .. })),
        "{outcome:?}"
    );
    assert_eq!(world.effects(), Vec::<String>::new());
}

#[tokio::test]
async fn a_world_that_does_not_answer_pauses_the_run_and_moves_nothing() {
    let (place, world) = (Workplace::new(), World::default());
    let mut run = engine(place.create(plan()), &Model, &world);
    run.run(&Until::Step(ids(&plan())[0].clone())).await.unwrap();
    world.leave_unanswered(2);
    let outcome = run.run(&Until::End).await.unwrap();
    match outcome {
        Outcome::Paused(PauseReason::CannotTell { step, error }) => {
            assert_eq!((step.as_str(), error.transient), ("mons/a/second", true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.effects(), ["mons.a.first"]);
    assert_eq!(run.run(&Until::End).await.unwrap(), Outcome::Finished);
    world.assert_sound();
}

#[tokio::test]
async fn a_step_past_its_deadline_has_failed() {
    let mut plan = plan();
    let steps = &mut plan.phases[0].hand_overs[0].steps;
    steps[2] = step("mons/a/wait", "sleep_long", json!({ "effect": "-" }), Undo::Nothing);
    steps[2].deadline_seconds = 1;
    let (place, world) = (Workplace::new(), World::default());
    // Without its deadline the step would take an hour.
    let mut run = engine(place.create(plan), &Model, &world);
    let outcome = tokio::time::timeout(std::time::Duration::from_secs(60), run.run(&Until::End))
        .await
        .unwrap()
        .unwrap();
    match outcome {
        Outcome::Paused(PauseReason::Failed { error, .. }) => assert_eq!(error.message, "not done within 1 s"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        world.log(),
        ["+mons.a.first", "+mons.a.second", "-mons.a.second", "-mons.a.first"]
    );
}

#[tokio::test]
async fn each_attempt_and_each_undo_is_in_the_journal_before_its_effect() {
    let (place, world) = (Workplace::new(), World::default());
    let failing = FailingOperation::new(&Model, StepId::new("mons/a/second").unwrap(), FailWhen::AfterEffect);
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let run = engine(place.create(plan()), &failing, &world);
    run.observed_by(&sender).run(&Until::End).await.unwrap();
    let mut told = Vec::new();
    while let Ok(record) = events.try_recv() {
        let word = match &record.event {
            Event::StepStarted { .. } => "started",
            Event::StepDone { .. } => "done",
            Event::StepFailed { .. } => "failed",
            Event::UndoBegan { .. } => "back",
            Event::StepUndoStarted { .. } => "undoing",
            Event::StepUndoDone { .. } => "undone",
            Event::Paused { .. } => "paused",
            _ => "other",
        };
        told.push(word);
    }
    let expected = "started done started failed back undoing undone undoing undone paused";
    assert_eq!(told.join(" "), expected);
}
