//! Places of a plan as a person names them: a phase, a step's id, or a daemon.

use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{UndoTo, Until};

use crate::exit::Exit;
use crate::failure::Failure;

fn unknown(plan: &Plan, name: &str) -> Failure {
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    let named = name.escape_debug();
    Failure::new(Exit::Usage, format!("the plan has no phase, daemon or step `{named}`")).hint(format!(
        "its phases are {}; `reeve rook plan show PLAN --steps` names the rest",
        phases.join(", ")
    ))
}

/// Returns how far to go.
pub(super) fn until(plan: &Plan, name: &str) -> Result<Until, Failure> {
    if let Some(phase) = plan.phases.iter().find(|phase| phase.name.as_str() == name) {
        return Ok(Until::Phase(phase.name.clone()));
    }
    if let Some(step) = step(plan, name) {
        return Ok(Until::Step(step));
    }
    for phase in &plan.phases {
        if phase.hand_overs.iter().any(|it| it.subject == name) {
            return Ok(Until::HandOver(phase.name.clone(), name.to_owned()));
        }
    }
    Err(unknown(plan, name))
}

/// Returns how far to go back.
pub(super) fn undo_to(plan: &Plan, name: &str) -> Result<UndoTo, Failure> {
    Ok(match until(plan, name)? {
        Until::Phase(phase) => UndoTo::Phase(phase),
        Until::HandOver(phase, subject) => UndoTo::HandOver(phase, subject),
        Until::Step(step) => UndoTo::Step(step),
        Until::End => UndoTo::Beginning,
    })
}

fn step(plan: &Plan, name: &str) -> Option<StepId> {
    plan.steps()
        .map(|(_, _, step)| &step.id)
        .find(|id| id.to_string() == name)
        .cloned()
}
