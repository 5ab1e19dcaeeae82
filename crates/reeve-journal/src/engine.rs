//! The engine: takes a run from where it is to where it should be, one journaled step at a time.

mod attempt;
mod undo;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::event::{Event, PauseReason, Record, RecordedError, UndoCause};
use crate::journal::{Journal, JournalError};
use crate::plan::{PhaseName, StepId};
use crate::state::{Condition, RunState};
use crate::step::{BuildError, Operation};

/// How long and how often the engine tries.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How often a step is begun, or undone, before it counts as failed; at least once. Only transient errors are tried again.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each further one, up to a minute.
    pub wait_between: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            attempts: 3,
            wait_between: Duration::from_secs(2),
        }
    }
}

/// How far to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Until {
    /// To the end of the plan.
    #[default]
    End,
    /// To the end of this phase.
    Phase(PhaseName),
    /// To the end of the hand-over of this subject in this phase.
    HandOver(PhaseName, String),
    /// To the end of this step.
    Step(StepId),
}

/// How far to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoTo {
    /// Everything.
    Beginning,
    /// This phase and everything after it.
    Phase(PhaseName),
    /// The hand-over of this subject in this phase and everything after it.
    HandOver(PhaseName, String),
    /// This step and everything after it.
    Step(StepId),
}

/// How a run stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step is done.
    Finished,
    /// It stopped in good order and can be taken up again.
    Paused(PauseReason),
    /// A person must act before it can go on.
    Stuck {
        /// The step at which it stopped.
        step: StepId,
        /// What failed first, if anything did.
        failed: Option<RecordedError>,
        /// What kept it from being undone.
        undo_failed: RecordedError,
    },
}

/// Why the engine cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A step cannot be built from the plan; nothing was done.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The plan belongs to another operation.
    #[error("the run is one of `{plan}`, and this is `{operation}`")]
    Operation {
        /// The plan's operation.
        plan: String,
        /// The operation that was given.
        operation: String,
    },
    /// The plan does not have the place to which to go.
    #[error("the plan has no {what}")]
    NoSuchPlace {
        /// What was named.
        what: String,
    },
    /// What is to be undone has no way back; nothing was undone.
    #[error("`{step}` cannot be undone: {because}")]
    NoWayBack {
        /// The step.
        step: StepId,
        /// Why not, as the plan says.
        because: String,
    },
    /// There is nothing that could be undone or given up.
    #[error("{what}")]
    Nothing {
        /// What there is not.
        what: &'static str,
    },
}

/// Sees every record once it is safe in the journal: terminals, logs and reports all read the same.
pub trait Observer: Send + Sync {
    /// Takes a record; must return soon, because the run waits.
    fn record(&self, record: &Record);
}

/// An observer that ignores everything.
impl Observer for () {
    fn record(&self, _: &Record) {}
}

impl Observer for tokio::sync::mpsc::UnboundedSender<Record> {
    fn record(&self, record: &Record) {
        // Nobody has to listen to the end.
        let _ = self.send(record.clone());
    }
}

/// A request to stop, which Ctrl-C makes; clones share it.
///
/// A step that has an effect is finished first; a step that only reads or waits is left at once.
#[derive(Debug, Clone)]
pub struct Cancellation(Arc<watch::Sender<bool>>);

impl Default for Cancellation {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Cancellation {
    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Tells whether it was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn cancelled(&self) {
        // The sender lives as long as `self`, so this ends only when the value is true.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}

/// Runs the plan of a journal on the world `W`.
///
/// Each call of [`run`](Engine::run) or [`undo`](Engine::undo) goes on from whatever the journal says, also from the middle of a
/// step or an undo, and ends with an event that says why it stopped. If it does not get to that, because the process is killed, the next
/// call does.
pub struct Engine<'a, W: ?Sized> {
    journal: Journal,
    operation: &'a dyn Operation<W>,
    world: &'a W,
    observer: &'a dyn Observer,
    options: EngineOptions,
    cancellation: Cancellation,
}

impl<'a, W: ?Sized + Sync> Engine<'a, W> {
    /// Puts a journal, the operation that made its plan and the world together.
    ///
    /// # Errors
    ///
    /// [`EngineError::Operation`] if the plan is another operation's.
    pub fn new(journal: Journal, operation: &'a dyn Operation<W>, world: &'a W) -> Result<Self, EngineError> {
        if journal.plan().operation != operation.name() {
            let plan = journal.plan().operation.clone();
            return Err(EngineError::Operation {
                plan,
                operation: operation.name().to_owned(),
            });
        }
        let (options, cancellation) = (EngineOptions::default(), Cancellation::default());
        Ok(Self {
            journal,
            operation,
            world,
            observer: &(),
            options,
            cancellation,
        })
    }

    /// Lets an observer see every record from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: &'a dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Sets how long and how often to try.
    #[must_use]
    pub fn with_options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Listens to a request to stop.
    #[must_use]
    pub fn cancelled_by(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Returns the journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Gives the journal back.
    #[must_use]
    pub fn into_journal(self) -> Journal {
        self.journal
    }

    /// Records a person's go-ahead for a phase; a repeat changes nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSuchPlace`] if the plan has no such phase.
    pub fn approve(&mut self, phase: &PhaseName, by: &str) -> Result<(), EngineError> {
        if !self.journal.plan().phases.iter().any(|it| it.name == *phase) {
            return Err(EngineError::NoSuchPlace {
                what: format!("phase `{phase}`"),
            });
        }
        if !self.state().is_approved(phase) {
            self.retake()?;
            self.append(Event::PhaseApproved {
                phase: phase.clone(),
                by: crate::event::safe(by),
            })?;
        }
        Ok(())
    }

    /// Records a person's go-ahead for every phase.
    ///
    /// # Errors
    ///
    /// Those of the journal.
    pub fn approve_all(&mut self, by: &str) -> Result<(), EngineError> {
        let phases: Vec<PhaseName> = self
            .journal
            .plan()
            .phases
            .iter()
            .map(|phase| phase.name.clone())
            .collect();
        phases.iter().try_for_each(|phase| self.approve(phase, by))
    }

    /// Goes forward as far as told, or as far as it can.
    ///
    /// An undo that was interrupted is finished first, and then the run pauses as it would have.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if the journal cannot be written, a step cannot be built or `until` is not in the plan. What goes wrong
    /// in the world is an [`Outcome`].
    pub async fn run(&mut self, until: &Until) -> Result<Outcome, EngineError> {
        let stop_at = self.end_of(until)?;
        if *self.state().condition() == Condition::Finished {
            return Ok(Outcome::Finished);
        }
        self.retake()?;
        if self.state().undo().is_some() {
            return self.go_back().await;
        }
        loop {
            let state = self.state();
            let position = state.position();
            if state.in_hand().is_none() {
                if position == state.len() {
                    self.append(Event::Finished)?;
                    return Ok(Outcome::Finished);
                }
                if position >= stop_at {
                    return self.pause(PauseReason::Asked);
                }
            }
            if self.cancellation.is_cancelled() {
                return self.pause(PauseReason::Interrupted);
            }
            let phase = &self.state().step(position).0.name;
            if !self.state().is_approved(phase) {
                let phase = phase.clone();
                return self.pause(PauseReason::Approval { phase });
            }
            match self.advance(position).await? {
                Advance::Done => self.close_hand_over(position)?,
                Advance::Stopped(reason) => return self.pause(reason),
                Advance::Failed(cause) => {
                    let start = self.state().hand_over_start(position);
                    if start == position && self.state().in_hand().is_none() {
                        return self.pause(undo::pause_after(cause));
                    }
                    let back_to = self.state().step(start).2.id.clone();
                    self.append(Event::UndoBegan {
                        back_to,
                        because: cause,
                    })?;
                    return self.go_back().await;
                }
            }
        }
    }

    /// Ends an undo that cannot be finished, on a person's word: the next [`run`](Engine::run) goes forward again and asks the step in
    /// hand whether its effect is there.
    ///
    /// # Errors
    ///
    /// [`EngineError::Nothing`] if no undo has begun.
    pub fn give_up_undo(&mut self, by: &str) -> Result<(), EngineError> {
        if self.state().undo().is_none() {
            return Err(EngineError::Nothing {
                what: "no undo has begun that could be given up",
            });
        }
        self.retake()?;
        self.append(Event::UndoAbandoned {
            by: crate::event::safe(by),
        })
    }

    fn close_hand_over(&mut self, done: usize) -> Result<(), EngineError> {
        let (phase, hand_over, step) = self.state().step(done);
        if hand_over.steps.last().is_some_and(|last| last.id == step.id) {
            let (phase, subject) = (phase.name.clone(), hand_over.subject.clone());
            self.append(Event::HandOverDone { phase, subject })?;
        }
        Ok(())
    }

    fn state(&self) -> &RunState {
        self.journal.state()
    }

    fn append(&mut self, event: Event) -> Result<(), EngineError> {
        let record = self.journal.append(event)?;
        let (run, seq) = (self.journal.run(), record.seq);
        match &record.event {
            Event::StepDone {
                step, changed: true, ..
            } => tracing::info!(%run, seq, %step, "done"),
            Event::StepUndoDone { step, changed: true } => tracing::info!(%run, seq, %step, "undone"),
            event => tracing::debug!(%run, seq, ?event, "journaled"),
        }
        self.observer.record(&record);
        Ok(())
    }

    /// Takes the run again after a pause within the same process.
    fn retake(&mut self) -> Result<(), EngineError> {
        if *self.state().condition() == Condition::Taken {
            return Ok(());
        }
        let by = self.state().holder().cloned();
        // A journal that can be written was taken when it was opened.
        let by = by.unwrap_or_else(|| crate::Holder::this_process("", ""));
        self.append(Event::RunTaken { by })
    }

    fn pause(&mut self, reason: PauseReason) -> Result<Outcome, EngineError> {
        self.append(Event::Paused { reason: reason.clone() })?;
        Ok(Outcome::Paused(reason))
    }

    /// Returns the index after the last step to run.
    fn end_of(&self, until: &Until) -> Result<usize, EngineError> {
        let state = self.state();
        let last = match until {
            Until::End => return Ok(state.len()),
            Until::Phase(name) => (0..state.len()).rev().find(|index| state.step(*index).0.name == *name),
            Until::HandOver(name, subject) => (0..state.len()).rev().find(|index| {
                let (phase, hand_over, _) = state.step(*index);
                phase.name == *name && hand_over.subject == *subject
            }),
            Until::Step(step) => state.index(step),
        };
        last.map(|last| last + 1).ok_or_else(|| EngineError::NoSuchPlace {
            what: match until {
                Until::End => "end".to_owned(),
                Until::Phase(name) => format!("phase `{name}` with steps"),
                Until::HandOver(name, subject) => format!("hand-over `{subject}` in phase `{name}`"),
                Until::Step(step) => format!("step `{step}`"),
            },
        })
    }
}

/// What came of going forward by one step.
enum Advance {
    Done,
    /// The run pauses here, and nothing is undone.
    Stopped(PauseReason),
    /// The hand-over falls.
    Failed(UndoCause),
}
