//! How a run stopped: what to say, what is away, how to go on, and the exit code.

use reeve_journal::plan::{PlannedStep, StepId, Undo};
use reeve_journal::{Outcome, PauseReason, RunState, StepStatus};
use reeve_rook::plan::action_line;
use reeve_rook::watch::{DaemonsOfPlan, Serving, words};

use super::stream::{StreamEnd, StreamOutcome};
use super::view::{away, safe};
use crate::exit::Exit;

/// The most commands that are listed for a person to type.
const MOST_ACTIONS: usize = 40;

/// How a run stopped.
pub(super) struct Ending {
    pub(super) exit: Exit,
    /// Sentences, one a line; the last ones say how to go on.
    pub(super) lines: Vec<String>,
    away: Vec<Serving>,
}

/// What asked a run to stop, where it was not a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The watch on client I/O, and why.
    pub(super) by_watch: Option<String>,
    /// The lease was lost, and why.
    pub(super) by_lease: Option<String>,
    /// A person, or the system, by a signal.
    pub(super) by_signal: bool,
}

/// Says how a run stopped. `back` is whether it was being taken back.
pub(super) fn ending(run: &str, state: &RunState, outcome: &Outcome, back: bool, asked: &Asked) -> Ending {
    let daemons = DaemonsOfPlan::of(state.plan());
    let mut away = daemons.served_in(state);
    away.retain(|serving| self::away(serving).is_some());
    let (done, all) = (state.position(), state.len());
    let go_on =
        format!("hint: `reeve rook resume {run}` goes on, `reeve rook rollback {run} --all` takes everything back");
    let (exit, lines) = match outcome {
        Outcome::Finished => {
            let mut lines = vec![format!("run {run} is finished: {all} steps")];
            lines.extend(time_taken(state));
            lines.push(format!(
                "hint: `reeve rook report {run}` says what Rook manages now and what is left to do by hand"
            ));
            (Exit::Done, lines)
        }
        Outcome::Paused(PauseReason::Undone) if back => {
            let mut lines = vec![format!(
                "run {run}: undone as asked; {done} of {all} steps are still done"
            )];
            if done > 0 {
                lines.push(go_on);
            }
            (Exit::Done, lines)
        }
        Outcome::Paused(reason) => {
            let mut lines = vec![format!("run {run} is paused: {}", why_paused(state, reason, asked))];
            lines.extend(away_now(&away));
            lines.push(go_on);
            if !away.is_empty()
                && let Some(first) = begun(state)
            {
                lines.push(format!(
                    "hint: `reeve rook rollback {run} --to {first}` takes back only this hand-over"
                ));
            }
            (Exit::Paused, lines)
        }
        Outcome::Stuck {
            step,
            failed,
            undo_failed,
        } => {
            let mut lines = vec![format!("run {run} is STUCK at {step}: a person must act")];
            if let Some(failed) = failed {
                lines.push(format!("  what failed first: {failed}"));
            }
            lines.push(format!("  what kept it from being undone: {undo_failed}"));
            lines.extend(what_state(state, &daemons, step));
            lines.extend(by_hand(state, step));
            lines.push(format!(
                "hint: mend that, then `reeve rook resume {run}` goes on with the undo; `reeve rook resume {run} --forward` gives the undo up and goes forward"
            ));
            (Exit::Stuck, lines)
        }
    };
    Ending { exit, lines, away }
}

impl Ending {
    /// Returns the last line of the event stream.
    pub(super) fn streamed(&self, state: &RunState, outcome: &Outcome) -> StreamEnd {
        StreamEnd {
            at: jiff::Timestamp::now(),
            outcome: StreamOutcome::of(outcome),
            exit_code: self.exit.code(),
            text: self.lines.clone(),
            steps_done: state.position(),
            steps: state.len(),
            away: self.away.clone(),
        }
    }
}

/// Returns the first step of the hand-over that is neither whole nor untouched.
fn begun(state: &RunState) -> Option<&StepId> {
    let last = state.in_hand().or_else(|| state.position().checked_sub(1))?;
    state.step(last).1.steps.first().map(|step| &step.id)
}

fn time_taken(state: &RunState) -> Option<String> {
    let took = state.updated_at()?.duration_since(state.created_at()?);
    let seconds = u64::try_from(took.as_secs()).ok()?;
    Some(format!(
        "  from beginning to end {}, pauses included",
        words::duration(seconds)
    ))
}

fn why_paused(state: &RunState, reason: &PauseReason, asked: &Asked) -> String {
    let last_pauses = state.position() > 0 && state.step(state.position() - 1).2.kind.as_str() == "pause_run";
    match reason {
        PauseReason::Approval { phase } => {
            format!("phase {phase} waits for a go-ahead (`--yes`, or a terminal to ask at)")
        }
        PauseReason::Asked => "as asked".into(),
        PauseReason::Interrupted => match asked {
            Asked {
                by_watch: Some(because),
                ..
            } => because.clone(),
            Asked {
                by_lease: Some(because),
                ..
            } => because.clone(),
            Asked { by_signal: true, .. } => "interrupted in good order".into(),
            _ if last_pauses => "as the plan says; look at the host before the others follow".into(),
            _ => "interrupted in good order".into(),
        },
        PauseReason::Failed { step, error } => format!("{step} failed, and its hand-over was undone: {error}"),
        PauseReason::Refused { step, because } => format!("{step} was refused: {because}"),
        PauseReason::CannotTell { step, error } => {
            format!("whether {step} had its effect cannot be told at the moment; nothing was undone: {error}")
        }
        PauseReason::Undone => "undone as asked".into(),
    }
}

/// Says which daemons are away while the run rests, and that this should not last.
fn away_now(served: &[Serving]) -> Vec<String> {
    let mut lines: Vec<String> = served
        .iter()
        .filter_map(away)
        .map(|text| format!("  AWAY: {text}"))
        .collect();
    if !lines.is_empty() {
        lines.push("  the run stopped in the middle of this hand-over: do not leave it so for long".into());
    }
    lines
}

/// Says in what state the daemons of the hand-over are in which the run is stuck.
fn what_state(state: &RunState, daemons: &DaemonsOfPlan, step: &StepId) -> Vec<String> {
    let Some(index) = state.index(step) else {
        return Vec::new();
    };
    let (_, hand_over, _) = state.step(index);
    let mut lines = vec!["  as far as the journal tells:".to_owned()];
    lines.extend(
        daemons
            .served_in(state)
            .iter()
            .filter_map(away)
            .map(|text| format!("    {text}")),
    );
    if lines.len() == 1 {
        lines.push("    every daemon is served, by its old unit or by Rook".into());
    }
    for planned in &hand_over.steps {
        let status = state.index(&planned.id).map(|index| &state.progress()[index].status);
        let word = match status {
            Some(StepStatus::Done { changed: true }) => "in effect",
            Some(StepStatus::Started | StepStatus::Failed { .. }) => "not known",
            Some(StepStatus::Undoing | StepStatus::UndoFailed { .. }) => "half undone, or not at all",
            _ => continue,
        };
        if planned.undo != Undo::Nothing {
            lines.push(format!("    {word}: {}", safe(&planned.what)));
        }
    }
    lines
}

/// Lists what a person would type to finish the undo: that of the step, and of those before it in its hand-over that are still in effect.
fn by_hand(state: &RunState, step: &StepId) -> Vec<String> {
    let Some(index) = state.index(step) else {
        return Vec::new();
    };
    let (_, hand_over, stuck) = state.step(index);
    let mut actions = undo_lines(stuck);
    let earlier = hand_over.steps.iter().take_while(|planned| planned.id != *step);
    let earlier: Vec<&PlannedStep> = earlier
        .filter(|planned| {
            let status = state.index(&planned.id).map(|index| &state.progress()[index].status);
            matches!(status, Some(StepStatus::Done { changed: true }))
        })
        .collect();
    actions.extend(earlier.into_iter().rev().flat_map(undo_lines));
    if actions.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["  what undoing does, in this order, should you have to do it by hand:".to_owned()];
    let left = actions.len().saturating_sub(MOST_ACTIONS);
    lines.extend(
        actions
            .into_iter()
            .take(MOST_ACTIONS)
            .map(|action| format!("    {action}")),
    );
    if left > 0 {
        lines.push(format!(
            "    … and {left} more; `reeve rook plan show PLAN --steps` has them all"
        ));
    }
    lines
}

fn undo_lines(step: &PlannedStep) -> Vec<String> {
    match &step.undo {
        Undo::Actions(actions) => actions.iter().map(|action| safe(&action_line(action))).collect(),
        Undo::None { because } => vec![format!("{}: no undo, {}", step.id, safe(because))],
        Undo::Nothing => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
