//! The state of a run: a fold over its events that refuses every order that cannot be.
//!
//! At any time a number of steps are done, from the first on without gaps, and at most one step after them is in hand. Going
//! forward adds to the done ones, undoing takes from them; nothing else is possible, and that is what keeps a resume simple.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, Holder, PauseReason, Record, RecordedError, UndoCause};
use crate::plan::{HandOver, Phase, PhaseName, Plan, PlannedStep, StepId};

/// Events in an order that cannot be: the journal was tampered with, or the program that wrote it has a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} is {found}, where {expected} was due")]
pub struct IllegalOrder {
    /// Number of the record.
    pub seq: u64,
    /// What it says.
    pub found: String,
    /// What could have been there.
    pub expected: String,
}

/// What a run is doing, or why it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Made and not yet taken by a process.
    Created,
    /// A process took it; it works, or it died.
    Taken,
    /// Stopped in good order.
    Paused(PauseReason),
    /// A person must act.
    Stuck {
        /// The step at which it stopped.
        step: StepId,
        /// What failed first, if anything did.
        failed: Option<RecordedError>,
        /// What kept it from being undone.
        undo_failed: RecordedError,
    },
    /// Every step is done.
    Finished,
}

/// How far one step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Begun; whether its effect is there is not known.
    Started,
    /// Done.
    Done {
        /// Whether this run had the effect.
        changed: bool,
    },
    /// Failed.
    Failed {
        /// Why.
        error: RecordedError,
    },
    /// Its undo has begun; whether its effect is there is not known.
    Undoing,
    /// Undone.
    Undone,
    /// Its undo failed.
    UndoFailed {
        /// Why.
        error: RecordedError,
    },
}

/// What is known of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProgress {
    /// How far it is.
    pub status: StepStatus,
    /// How often it was begun since it was last pending or undone.
    pub attempts: u32,
    /// How often its undo was begun since it was last done.
    pub undo_attempts: u32,
    /// When it was last begun, forward or back.
    pub began_at: Option<jiff::Timestamp>,
    /// When that ended.
    pub ended_at: Option<jiff::Timestamp>,
    /// What it recorded, while it is done.
    pub output: Value,
}

/// The state of a run, folded from the events of its journal.
#[derive(Debug, Clone)]
pub struct RunState {
    plan: Arc<Plan>,
    places: Arc<Places>,
    seq: u64,
    condition: Condition,
    holder: Option<Holder>,
    approved: BTreeSet<PhaseName>,
    progress: Vec<StepProgress>,
    /// The number of steps that are done; the step in hand, if any, has this index.
    position: usize,
    in_hand: bool,
    undo: Option<UndoInProgress>,
    created_at: Option<jiff::Timestamp>,
    updated_at: Option<jiff::Timestamp>,
}

/// An undo that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoInProgress {
    /// Index of the first step that will be undone.
    pub back_to: usize,
    /// Why.
    pub because: UndoCause,
}

/// Where each step stands in the plan; computed once, because plans are large.
#[derive(Debug)]
struct Places {
    index: HashMap<StepId, usize>,
    /// Phase, hand-over and step of each index.
    steps: Vec<(usize, usize, usize)>,
}

impl RunState {
    /// Begins with no events.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut places = Places {
            index: HashMap::new(),
            steps: Vec::new(),
        };
        for (at_phase, phase) in plan.phases.iter().enumerate() {
            for (at_hand_over, hand_over) in phase.hand_overs.iter().enumerate() {
                for (at_step, step) in hand_over.steps.iter().enumerate() {
                    places.index.insert(step.id.clone(), places.steps.len());
                    places.steps.push((at_phase, at_hand_over, at_step));
                }
            }
        }
        let pending = StepProgress {
            status: StepStatus::Pending,
            attempts: 0,
            undo_attempts: 0,
            began_at: None,
            ended_at: None,
            output: Value::Null,
        };
        Self {
            progress: vec![pending; places.steps.len()],
            plan,
            places: Arc::new(places),
            seq: 0,
            condition: Condition::Created,
            holder: None,
            approved: BTreeSet::new(),
            position: 0,
            in_hand: false,
            undo: None,
            created_at: None,
            updated_at: None,
        }
    }

    /// Folds records, in order.
    ///
    /// # Errors
    ///
    /// [`IllegalOrder`] at the first record that cannot stand where it does.
    pub fn fold<'a>(plan: Arc<Plan>, records: impl IntoIterator<Item = &'a Record>) -> Result<Self, IllegalOrder> {
        let mut state = Self::new(plan);
        for record in records {
            state.apply(record)?;
        }
        Ok(state)
    }

    /// Takes one more record.
    ///
    /// # Errors
    ///
    /// [`IllegalOrder`] if it cannot come next; the state is then as before.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalOrder> {
        let refused = |expected: String| IllegalOrder {
            seq: record.seq,
            found: told(&record.event),
            expected,
        };
        if record.seq != self.seq + 1 {
            return Err(refused(format!("record {}", self.seq + 1)));
        }
        self.allows(&record.event).map_err(refused)?;
        self.take(record);
        Ok(())
    }

    /// Tells whether an event can come next, and if not, what could.
    pub(crate) fn allows(&self, event: &Event) -> Result<(), String> {
        let expect = |holds: bool, expected: &str| if holds { Ok(()) } else { Err(expected.to_owned()) };
        match event {
            Event::RunCreated {
                operation,
                plan_digest,
                target,
                ..
            } => {
                let fits = *operation == self.plan.operation
                    && *plan_digest == self.plan.digest
                    && *target == self.plan.target;
                return match (self.seq, fits) {
                    (0, true) => Ok(()),
                    (0, false) => Err("the making of a run of the plan in this journal".to_owned()),
                    _ => Err("an event after the making of the run".to_owned()),
                };
            }
            _ if self.seq == 0 => return Err("the making of the run".to_owned()),
            Event::RunTaken { .. } => return Ok(()),
            _ if self.condition != Condition::Taken => return Err("the taking of the run by a process".to_owned()),
            _ => {}
        }
        match event {
            Event::RunCreated { .. } | Event::RunTaken { .. } => Ok(()),
            Event::PhaseApproved { phase, .. } => expect(
                self.plan.phases.iter().any(|it| it.name == *phase),
                "the approval of a phase of the plan",
            ),
            Event::StepRefused { .. } | Event::StepStarted { .. } if self.undo.is_some() => {
                Err("an event of the undo that has begun".to_owned())
            }
            Event::StepRefused { step, .. } => self.expect_next(step).map(|_| ()),
            Event::StepStarted { step, attempt } => {
                let next = self.expect_next(step)?;
                let phase = &self.step(next).0.name;
                expect(self.approved.contains(phase), "the approval of the step's phase")?;
                let due = self.progress[next].attempts + 1;
                expect(*attempt == due, &format!("attempt {due} of it"))
            }
            Event::StepDone { step, .. } | Event::StepFailed { step, .. } => {
                self.expect_in_hand(step, |status| *status == StepStatus::Started, "start")
            }
            Event::HandOverDone { phase, subject } => {
                let ended = self.position.checked_sub(1).map(|last| self.step(last));
                let fits = ended.is_some_and(|(of, hand_over, step)| {
                    of.name == *phase
                        && hand_over.subject == *subject
                        && hand_over.steps.last().is_some_and(|last| last.id == step.id)
                });
                expect(
                    fits && !self.in_hand && self.undo.is_none(),
                    "the end of that hand-over's last step",
                )
            }
            Event::UndoBegan { back_to, .. } => {
                let top = self.position + usize::from(self.in_hand);
                let known = self.places.index.get(back_to).is_some_and(|index| *index < top);
                expect(known, "the start of that step")
            }
            Event::StepUndoStarted { step, attempt } => {
                let Some(undo) = &self.undo else {
                    return Err("the beginning of an undo".to_owned());
                };
                let index = if self.in_hand {
                    Some(self.position)
                } else {
                    self.position.checked_sub(1)
                };
                let Some(index) = index.filter(|index| *index >= undo.back_to) else {
                    return Err("the end of the undo".to_owned());
                };
                let last = &self.step(index).2.id;
                expect(last == step, &format!("the undo of `{last}`"))?;
                let due = self.progress[index].undo_attempts + 1;
                expect(*attempt == due, &format!("attempt {due} of it"))
            }
            Event::StepUndoDone { step, .. } | Event::StepUndoFailed { step, .. } => {
                self.expect_in_hand(step, |status| *status == StepStatus::Undoing, "start of the undo")
            }
            Event::UndoAbandoned { .. } => {
                let Some(_) = &self.undo else {
                    return Err("the beginning of an undo".to_owned());
                };
                Ok(())
            }
            Event::Paused { .. } => Ok(()),
            Event::Stuck { step, .. } => expect(self.places.index.contains_key(step), "the name of a step of the plan"),
            Event::Finished => {
                let all = self.position == self.places.steps.len() && !self.in_hand && self.undo.is_none();
                expect(all, "an event of the steps that are left")
            }
        }
    }

    /// Takes a record that [`Self::allows`] its event.
    pub(crate) fn take(&mut self, record: &Record) {
        self.seq = record.seq;
        self.created_at.get_or_insert(record.at);
        self.updated_at = Some(record.at);
        let position = self.position;
        match &record.event {
            Event::RunCreated { .. } | Event::StepRefused { .. } | Event::HandOverDone { .. } => {}
            Event::RunTaken { by } => {
                self.condition = Condition::Taken;
                self.holder = Some(by.clone());
            }
            Event::PhaseApproved { phase, .. } => {
                self.approved.insert(phase.clone());
            }
            Event::StepStarted { attempt, .. } => {
                self.in_hand = true;
                let progress = &mut self.progress[position];
                progress.attempts = *attempt;
                progress.begin(StepStatus::Started, record.at);
            }
            Event::StepDone { changed, output, .. } => {
                self.in_hand = false;
                self.position += 1;
                let progress = &mut self.progress[position];
                progress.output = output.clone();
                progress.undo_attempts = 0;
                progress.end(StepStatus::Done { changed: *changed }, record.at);
            }
            Event::StepFailed { error, .. } => {
                self.progress[position].end(StepStatus::Failed { error: error.clone() }, record.at);
            }
            Event::UndoBegan { back_to, because } => {
                let back_to = self.places.index[back_to];
                self.undo = Some(UndoInProgress {
                    back_to,
                    because: because.clone(),
                });
            }
            Event::StepUndoStarted { attempt, .. } => {
                if !self.in_hand {
                    self.position -= 1;
                    self.in_hand = true;
                }
                let progress = &mut self.progress[self.position];
                progress.undo_attempts = *attempt;
                progress.begin(StepStatus::Undoing, record.at);
            }
            Event::StepUndoDone { .. } => {
                self.in_hand = false;
                let progress = &mut self.progress[position];
                progress.attempts = 0;
                progress.undo_attempts = 0;
                progress.output = Value::Null;
                progress.end(StepStatus::Undone, record.at);
            }
            Event::StepUndoFailed { error, .. } => {
                self.progress[position].end(StepStatus::UndoFailed { error: error.clone() }, record.at);
            }
            Event::UndoAbandoned { .. } => self.turn_forward(),
            Event::Paused { reason } => {
                self.condition = Condition::Paused(reason.clone());
                if self.is_undo_complete() {
                    self.undo = None;
                }
            }
            Event::Stuck {
                step,
                failed,
                undo_failed,
                no_way_back,
            } => {
                let (step, failed, undo_failed) = (step.clone(), failed.clone(), undo_failed.clone());
                self.condition = Condition::Stuck {
                    step,
                    failed,
                    undo_failed,
                };
                if *no_way_back {
                    self.turn_forward();
                }
            }
            Event::Finished => self.condition = Condition::Finished,
        }
    }

    /// Ends an undo where it is.
    fn turn_forward(&mut self) {
        self.undo = None;
        if self.in_hand {
            // Half undone or half done, nobody knows: going forward asks the step, as after a crash.
            let progress = &mut self.progress[self.position];
            progress.undo_attempts = 0;
            progress.status = StepStatus::Started;
        }
    }

    fn expect_next(&self, step: &StepId) -> Result<usize, String> {
        match self.places.steps.get(self.position) {
            None => Err("the end of the run".to_owned()),
            Some(_) if self.step(self.position).2.id == *step => Ok(self.position),
            Some(_) => Err(format!("`{}`", self.step(self.position).2.id)),
        }
    }

    fn expect_in_hand(&self, step: &StepId, status: impl Fn(&StepStatus) -> bool, word: &str) -> Result<(), String> {
        let fits =
            self.in_hand && self.step(self.position).2.id == *step && status(&self.progress[self.position].status);
        if fits {
            Ok(())
        } else {
            Err(format!("the {word} of `{step}`"))
        }
    }

    /// Returns phase, hand-over and step of an index below [`Self::len`].
    ///
    /// # Panics
    ///
    /// If the index is not below it.
    #[must_use]
    pub fn step(&self, index: usize) -> (&Phase, &HandOver, &PlannedStep) {
        let (phase, hand_over, step) = self.places.steps[index];
        let phase = &self.plan.phases[phase];
        let hand_over = &phase.hand_overs[hand_over];
        (phase, hand_over, &hand_over.steps[step])
    }

    /// Returns the index of a step in the order of running.
    #[must_use]
    pub fn index(&self, step: &StepId) -> Option<usize> {
        self.places.index.get(step).copied()
    }

    /// Returns the index of the first step of the hand-over to which the step at `index` belongs.
    pub(crate) fn hand_over_start(&self, index: usize) -> usize {
        index - self.places.steps[index].2
    }

    /// Returns the number of steps in the plan.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.steps.len()
    }

    /// Tells whether the plan has no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.steps.is_empty()
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the number of the last record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns what the run is doing.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Returns the process that took the run last.
    #[must_use]
    pub fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }

    /// Tells whether a phase has a person's go-ahead.
    #[must_use]
    pub fn is_approved(&self, phase: &PhaseName) -> bool {
        self.approved.contains(phase)
    }

    /// Returns how many steps are done; they are the first ones of the plan.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Returns the step that was begun, forward or back, and has not ended well.
    #[must_use]
    pub fn in_hand(&self) -> Option<usize> {
        self.in_hand.then_some(self.position)
    }

    /// Returns the undo that has begun and not ended.
    #[must_use]
    pub fn undo(&self) -> Option<&UndoInProgress> {
        self.undo.as_ref()
    }

    /// Tells whether an undo has begun and everything that it was to undo is undone.
    pub(crate) fn is_undo_complete(&self) -> bool {
        !self.in_hand && self.undo.as_ref().is_some_and(|undo| undo.back_to == self.position)
    }

    /// Returns what is known of each step, in the order of running.
    #[must_use]
    pub fn progress(&self) -> &[StepProgress] {
        &self.progress
    }

    /// Returns what a step recorded; `None` unless it is done.
    #[must_use]
    pub fn output(&self, step: &StepId) -> Option<&Value> {
        let progress = &self.progress[self.index(step)?];
        matches!(progress.status, StepStatus::Done { .. }).then_some(&progress.output)
    }

    /// Returns when the first record was written.
    #[must_use]
    pub fn created_at(&self) -> Option<jiff::Timestamp> {
        self.created_at
    }

    /// Returns when the last record was written.
    #[must_use]
    pub fn updated_at(&self) -> Option<jiff::Timestamp> {
        self.updated_at
    }
}

impl StepProgress {
    fn begin(&mut self, status: StepStatus, at: jiff::Timestamp) {
        self.status = status;
        self.began_at = Some(at);
        self.ended_at = None;
    }

    fn end(&mut self, status: StepStatus, at: jiff::Timestamp) {
        self.status = status;
        self.ended_at = Some(at);
    }
}

/// Names an event for an error message.
pub(crate) fn told(event: &Event) -> String {
    match event {
        Event::RunCreated { .. } => "the making of the run".to_owned(),
        Event::RunTaken { .. } => "the taking of the run".to_owned(),
        Event::PhaseApproved { phase, .. } => format!("the approval of phase `{phase}`"),
        Event::StepRefused { step, .. } => format!("the refusal of `{step}`"),
        Event::StepStarted { step, attempt } => format!("the start of `{step}`, attempt {attempt}"),
        Event::StepDone { step, .. } => format!("the end of `{step}`"),
        Event::StepFailed { step, .. } => format!("the failure of `{step}`"),
        Event::HandOverDone { phase, subject } => {
            format!(
                "the end of the hand-over `{}` in phase `{phase}`",
                subject.escape_debug()
            )
        }
        Event::UndoBegan { back_to, .. } => format!("the beginning of an undo back to `{back_to}`"),
        Event::StepUndoStarted { step, attempt } => format!("the start of the undo of `{step}`, attempt {attempt}"),
        Event::StepUndoDone { step, .. } => format!("the end of the undo of `{step}`"),
        Event::StepUndoFailed { step, .. } => format!("the failure of the undo of `{step}`"),
        Event::UndoAbandoned { .. } => "the giving up of an undo".to_owned(),
        Event::Paused { .. } => "a pause".to_owned(),
        Event::Stuck { .. } => "the run being stuck".to_owned(),
        Event::Finished => "the end of the run".to_owned(),
    }
}

#[cfg(test)]
mod tests;
