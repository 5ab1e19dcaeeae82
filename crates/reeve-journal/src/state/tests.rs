use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::RunId;
use crate::plan::{Undo, sample};

/// Two hand-overs of three steps.
fn small() -> Arc<Plan> {
    let mut plan = sample::plan(2);
    for hand_over in &mut plan.phases[0].hand_overs {
        hand_over.steps.truncate(3);
        hand_over.steps[2].undo = Undo::Nothing;
    }
    plan.points_of_no_return.clear();
    Arc::new(plan.seal())
}

fn error() -> RecordedError {
    RecordedError::message("it failed")
}

fn holder() -> Holder {
    Holder {
        pid: 7,
        host: "n1".to_owned(),
        version: "reeve 0.1.0".to_owned(),
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn created(plan: &Plan) -> Event {
    Event::RunCreated {
        run: RunId::new("20261121T091500Z-model-4f2a").unwrap(),
        operation: plan.operation.clone(),
        plan_digest: plan.digest.clone(),
        target: plan.target.clone(),
    }
}

/// Every event about any step of the plan, with attempts up to the next two, and every event about the run.
fn vocabulary(plan: &Plan) -> Vec<Event> {
    let phase = plan.phases[0].name.clone();
    let mut events = vec![
        created(plan),
        Event::RunTaken { by: holder() },
        Event::PhaseApproved {
            phase: phase.clone(),
            by: "me".to_owned(),
        },
        Event::UndoAbandoned { by: "me".to_owned() },
        Event::Paused {
            reason: PauseReason::Interrupted,
        },
        Event::Finished,
    ];
    for hand_over in &plan.phases[0].hand_overs {
        events.push(Event::HandOverDone {
            phase: phase.clone(),
            subject: hand_over.subject.clone(),
        });
    }
    for (_, _, step) in plan.steps() {
        let step = step.id.clone();
        for attempt in 1..=3 {
            events.push(Event::StepStarted {
                step: step.clone(),
                attempt,
            });
            events.push(Event::StepUndoStarted {
                step: step.clone(),
                attempt,
            });
        }
        for changed in [true, false] {
            events.push(Event::StepDone {
                step: step.clone(),
                changed,
                output: json!({ "of": step }),
            });
            events.push(Event::StepUndoDone {
                step: step.clone(),
                changed,
            });
        }
        events.push(Event::StepRefused {
            step: step.clone(),
            because: "no".to_owned(),
        });
        events.push(Event::StepFailed {
            step: step.clone(),
            error: error(),
        });
        events.push(Event::UndoBegan {
            back_to: step.clone(),
            because: UndoCause::Asked,
        });
        events.push(Event::StepUndoFailed {
            step: step.clone(),
            error: error(),
        });
        let (failed, undo_failed) = (None, error());
        events.push(Event::Stuck {
            step,
            failed,
            undo_failed,
            no_way_back: false,
        });
    }
    events
}

fn assert_invariants(state: &RunState) {
    let in_hand = state.in_hand();
    for (index, progress) in state.progress().iter().enumerate() {
        let fits = match &progress.status {
            StepStatus::Done { .. } => index < state.position(),
            StepStatus::Pending | StepStatus::Undone => index >= state.position() && in_hand != Some(index),
            _ => in_hand == Some(index),
        };
        assert!(
            fits,
            "step {index} is {:?} with {} done and {in_hand:?} in hand",
            progress.status,
            state.position()
        );
        let is_done = index < state.position();
        assert_eq!(state.output(&state.step(index).2.id).is_some(), is_done);
    }
    if let Some(undo) = state.undo() {
        assert!(undo.back_to <= state.position());
    }
    if *state.condition() == Condition::Finished {
        assert_eq!(state.position(), state.len());
    }
}

/// What two states must share to be the same.
fn seen(state: &RunState) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        state.seq(),
        state.condition().clone(),
        state.position(),
        state.in_hand(),
        state.undo().cloned(),
        state.progress().to_vec(),
        state.approved.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A walk that at each point picks any event that is allowed: invariants hold, a refused event changes nothing, and the records
    /// fold to the same state again after a round trip through JSON.
    #[test]
    fn any_allowed_history_holds_together(
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..120),
    ) {
        let plan = small();
        let vocabulary = vocabulary(&plan);
        let mut state = RunState::new(Arc::clone(&plan));
        let mut records: Vec<Record> = Vec::new();
        for (pick, refused) in picks {
            let (allowed, others): (Vec<&Event>, Vec<&Event>) =
                vocabulary.iter().partition(|event| state.allows(event).is_ok());
            let at = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(records.len() as i64);
            let seq = state.seq() + 1;
            let before = seen(&state);
            let refused = Record { seq, at, event: (*refused.get(&others)).clone() };
            prop_assert!(state.apply(&refused).is_err());
            let gap = Record { seq: seq + 1, at, event: (*pick.get(&allowed)).clone() };
            prop_assert!(state.apply(&gap).is_err());
            prop_assert_eq!(&seen(&state), &before);

            let record = Record { seq, at, event: (*pick.get(&allowed)).clone() };
            state.apply(&record).unwrap();
            assert_invariants(&state);
            records.push(record);
        }
        let json = serde_json::to_string(&records).unwrap();
        let read: Vec<Record> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &records);
        let again = RunState::fold(plan, &read).unwrap();
        prop_assert_eq!(seen(&again), seen(&state));
    }
}

fn refusal(events: &[Event]) -> String {
    let records: Vec<Record> = events
        .iter()
        .zip(1..)
        .map(|(event, seq)| Record {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            event: event.clone(),
        })
        .collect();
    RunState::fold(small(), &records).unwrap_err().to_string()
}

#[test]
fn an_illegal_order_is_told_with_its_place_and_what_was_due() {
    let plan = small();
    let ids: Vec<StepId> = plan.steps().map(|(_, _, step)| step.id.clone()).collect();
    let phase = plan.phases[0].name.clone();
    let started = |index: usize, attempt| Event::StepStarted {
        step: ids[index].clone(),
        attempt,
    };
    let done = |index: usize| Event::StepDone {
        step: ids[index].clone(),
        changed: true,
        output: Value::Null,
    };
    let undoing = |index: usize| Event::StepUndoStarted {
        step: ids[index].clone(),
        attempt: 1,
    };
    let back = |index: usize| Event::UndoBegan {
        back_to: ids[index].clone(),
        because: UndoCause::Asked,
    };
    let taken = Event::RunTaken { by: holder() };
    let begin = [
        created(&plan),
        taken.clone(),
        Event::PhaseApproved {
            phase,
            by: "me".to_owned(),
        },
    ];
    let after = |events: &[Event]| [&begin[..], events].concat();
    let cases = [
        vec![taken.clone()],
        vec![created(&plan), created(&plan)],
        vec![created(&plan), Event::Finished],
        vec![created(&plan), taken, started(0, 1)],
        after(&[started(1, 1)]),
        after(&[started(0, 2)]),
        after(&[done(0)]),
        after(&[started(0, 1), done(0), done(0)]),
        after(&[started(0, 1), done(0), undoing(0)]),
        after(&[started(0, 1), done(0), started(1, 1), done(1), back(0), undoing(0)]),
        after(&[started(0, 1), done(0), back(0), started(1, 1)]),
        after(&[back(0)]),
        after(&[Event::Finished]),
        after(&[
            Event::Paused {
                reason: PauseReason::Asked,
            },
            started(0, 1),
        ]),
    ];
    let told: Vec<String> = cases.iter().map(|events| refusal(events)).collect();
    insta::assert_snapshot!(told.join("\n"));
}
