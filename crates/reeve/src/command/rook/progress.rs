//! A run as plain lines: what is being done, what came of it, and how long it took.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Event, Observer, Record};

use crate::printer::Printer;

/// Prints a line for each thing that happens.
pub(super) struct Lines {
    printer: Printer,
    steps: HashMap<StepId, Step>,
    began: Mutex<HashMap<StepId, jiff::Timestamp>>,
}

struct Step {
    number: usize,
    what: String,
}

impl Lines {
    pub(super) fn new(plan: &Plan, printer: &Printer) -> Self {
        let steps = plan.steps().enumerate().map(|(at, (_, _, step))| {
            let number = at + 1;
            let what = step.what.chars().filter(|char| !char.is_control()).collect();
            (step.id.clone(), Step { number, what })
        });
        Self {
            steps: steps.collect(),
            printer: printer.clone(),
            began: Mutex::default(),
        }
    }

    fn say(&self, at: jiff::Timestamp, step: &StepId, text: &str) {
        let number = self.steps.get(step).map_or(0, |step| step.number);
        let total = self.steps.len();
        self.printer.note(&format!("{} {number:>4}/{total} {text}", time(at)));
    }

    fn what(&self, step: &StepId) -> &str {
        self.steps.get(step).map_or("", |step| step.what.as_str())
    }

    fn begin(&self, record: &Record, step: &StepId) {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        began.insert(step.clone(), record.at);
    }

    fn took(&self, record: &Record, step: &StepId) -> String {
        let began = self.began.lock().unwrap_or_else(PoisonError::into_inner).remove(step);
        began.map_or_else(String::new, |began| {
            format!(" ({:.1} s)", record.at.duration_since(began).as_secs_f64())
        })
    }
}

/// The time of day in UTC, as logs have it.
fn time(at: jiff::Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

impl Observer for Lines {
    fn record(&self, record: &Record) {
        match &record.event {
            Event::StepStarted { step, attempt } => {
                self.begin(record, step);
                let again = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                self.say(record.at, step, &format!("{}{again}", self.what(step)));
            }
            Event::StepDone {
                step, changed: false, ..
            } => {
                let took = self.took(record, step);
                self.say(record.at, step, &format!("  is so{took}"));
            }
            Event::StepDone { step, .. } => {
                let took = self.took(record, step);
                self.say(record.at, step, &format!("  done{took}"));
            }
            Event::StepRefused { step, because } => self.say(record.at, step, &format!("  refused: {because}")),
            Event::StepFailed { step, error } => self.say(record.at, step, &format!("  FAILED: {error}")),
            Event::UndoBegan { back_to, .. } => {
                self.say(record.at, back_to, &format!("undoing everything back to {back_to}"));
            }
            Event::StepUndoStarted { step, .. } => {
                self.begin(record, step);
            }
            Event::StepUndoDone { step, changed: true } => {
                let took = self.took(record, step);
                self.say(record.at, step, &format!("undone: {}{took}", self.what(step)));
            }
            Event::StepUndoFailed { step, error } => self.say(record.at, step, &format!("  UNDO FAILED: {error}")),
            Event::RunCreated { run, .. } => self.printer.note(&format!("{} run {run}", time(record.at))),
            _ => {}
        }
    }
}
