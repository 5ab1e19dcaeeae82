//! A run as plain lines: what is being done, what came of it, and how long it took.

use std::collections::HashMap;

use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Event, Record};

use super::view::safe;

/// Makes a line of each thing that happens.
pub(super) struct RecordLines {
    steps: HashMap<StepId, Step>,
    began: HashMap<StepId, jiff::Timestamp>,
}

struct Step {
    number: usize,
    what: String,
}

impl RecordLines {
    pub(super) fn new(plan: &Plan) -> Self {
        let steps = plan.steps().enumerate().map(|(at, (_, _, step))| {
            let number = at + 1;
            let what = safe(&step.what);
            (step.id.clone(), Step { number, what })
        });
        Self {
            steps: steps.collect(),
            began: HashMap::new(),
        }
    }

    fn line(&self, at: jiff::Timestamp, step: &StepId, text: &str) -> String {
        let number = self.steps.get(step).map_or(0, |step| step.number);
        let total = self.steps.len();
        format!("{} {number:>4}/{total} {text}", time(at))
    }

    /// Returns a line of the same shape that belongs to no step.
    pub(super) fn aside(&self, at: jiff::Timestamp, text: &str) -> String {
        let width = self.steps.len().to_string().len() + 6;
        format!("{} {:width$}{text}", time(at), "")
    }

    fn what(&self, step: &StepId) -> &str {
        self.steps.get(step).map_or("", |step| step.what.as_str())
    }

    fn took(&mut self, record: &Record, step: &StepId) -> String {
        let began = self.began.remove(step);
        began.map_or_else(String::new, |began| {
            format!(" ({:.1} s)", record.at.duration_since(began).as_secs_f64())
        })
    }

    /// Returns the line for a record; none for records that say nothing to a person.
    pub(super) fn of(&mut self, record: &Record) -> Option<String> {
        let at = record.at;
        Some(match &record.event {
            Event::StepStarted { step, attempt } => {
                self.began.insert(step.clone(), at);
                let again = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                self.line(at, step, &format!("{}{again}", self.what(step)))
            }
            Event::StepDone { step, changed, .. } => {
                let took = self.took(record, step);
                let word = if *changed { "done" } else { "is so" };
                self.line(at, step, &format!("  {word}{took}"))
            }
            Event::StepRefused { step, because } => self.line(at, step, &format!("  refused: {because}")),
            Event::StepFailed { step, error } => self.line(at, step, &format!("  FAILED: {error}")),
            Event::UndoBegan { back_to, .. } => {
                self.line(at, back_to, &format!("undoing everything back to {back_to}"))
            }
            Event::StepUndoStarted { step, .. } => {
                self.began.insert(step.clone(), at);
                return None;
            }
            Event::StepUndoDone { step, changed: true } => {
                let took = self.took(record, step);
                self.line(at, step, &format!("undone: {}{took}", self.what(step)))
            }
            Event::StepUndoFailed { step, error } => self.line(at, step, &format!("  UNDO FAILED: {error}")),
            Event::UndoAbandoned { .. } => self.aside(at, "the undo is given up; the run goes forward again"),
            _ => return None,
        })
    }
}

/// The time of day in UTC, as logs have it.
fn time(at: jiff::Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}
