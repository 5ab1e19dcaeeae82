//! How an import stopped: what to say, how to go on, and the exit code.

use reeve_journal::plan::Undo;
use reeve_journal::{Outcome, PauseReason, RunState};

use super::safe;
use crate::exit::Exit;

/// Says how a run stopped. `back` is whether it was being taken back.
pub(super) fn ending(run: &str, state: &RunState, outcome: &Outcome, back: bool) -> (Exit, Vec<String>) {
    let (done, all) = (state.position(), state.len());
    let go_on = format!("hint: `reeve import resume {run}` goes on, `reeve import undo {run}` deletes what was made");
    match outcome {
        Outcome::Finished => {
            let lines = vec![
                format!("run {run} is finished: {all} steps"),
                format!("hint: `reeve import report {run}` shows what was made, with digests"),
            ];
            (Exit::Done, lines)
        }
        Outcome::Paused(PauseReason::Undone) if back => (
            Exit::Done,
            vec![format!("run {run} is undone: nothing that it made is left")],
        ),
        Outcome::Paused(reason) => {
            let why = match reason {
                PauseReason::Interrupted => "interrupted in good order".to_owned(),
                PauseReason::Failed { step, error } => {
                    format!("{step} failed, and what was there of it is deleted: {error}")
                }
                PauseReason::Refused { step, because } => format!("{step} was refused: {because}"),
                PauseReason::CannotTell { step, error } => {
                    format!("whether {step} had its effect cannot be told at the moment: {error}")
                }
                PauseReason::Undone => "undone as asked".to_owned(),
                PauseReason::Asked => "as asked".to_owned(),
                PauseReason::Approval { phase } => format!("phase {phase} waits for a go-ahead"),
            };
            let lines = vec![format!("run {run} is paused after {done} of {all} steps: {why}"), go_on];
            (Exit::Paused, lines)
        }
        Outcome::Stuck {
            step,
            failed,
            undo_failed,
        } => {
            let mut lines = vec![format!("run {run} is STUCK at {step}: a person must act")];
            lines.extend(failed.as_ref().map(|failed| format!("  what failed first: {failed}")));
            lines.push(format!("  what kept it from being undone: {undo_failed}"));
            let planned = state.index(step).map(|index| state.step(index).2);
            if let Some(Undo::Actions(actions)) = planned.map(|planned| &planned.undo) {
                lines.push("  what undoing does, should you have to do it by hand:".to_owned());
                for action in actions {
                    if let reeve_journal::plan::Action::Command { argv, .. } = action {
                        lines.push(format!("    {}", safe(&argv.join(" "))));
                    }
                }
            }
            lines.push(format!(
                "hint: mend that, then `reeve import resume {run}` goes on with the undo; `reeve import resume {run} --forward` gives the undo up and goes forward"
            ));
            (Exit::Stuck, lines)
        }
    }
}

/// Returns the code for several runs: that of the one which needs a person most.
pub(super) fn worst(exits: &[Exit]) -> Exit {
    const ORDER: [Exit; 6] = [
        Exit::Stuck,
        Exit::Usage,
        Exit::Unreachable,
        Exit::Paused,
        Exit::Findings,
        Exit::Done,
    ];
    ORDER
        .into_iter()
        .find(|exit| exits.contains(exit))
        .unwrap_or(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_run_which_needs_a_person_most() {
        assert_eq!(worst(&[]), Exit::Done);
        assert_eq!(worst(&[Exit::Done, Exit::Paused, Exit::Done]), Exit::Paused);
        assert_eq!(worst(&[Exit::Paused, Exit::Stuck, Exit::Unreachable]), Exit::Stuck);
    }
}
