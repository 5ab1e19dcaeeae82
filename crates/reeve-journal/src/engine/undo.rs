//! Going back: by a hand-over that failed, or as far as a person asks.

use crate::event::{Event, PauseReason, RecordedError, UndoCause};
use crate::plan::{PlannedStep, StepId, Undo};
use crate::state::StepStatus;
use crate::step::{Outputs, Recorded, StepError};

use super::attempt::{Deadline, no_way_back};
use super::{Engine, EngineError, Outcome, UndoTo};

/// What is to be done to take a step back.
enum Way {
    /// Its undo is called.
    Call,
    /// Nothing: it only reads or waits, or the effect was there before.
    Nothing,
    /// There is none.
    None { because: String },
    /// Whether there is anything to take back cannot be found out.
    Unknown(StepError),
}

impl<W: ?Sized + Sync> Engine<'_, W> {
    /// Undoes steps in reverse, up to and including the one to which `to` leads, and pauses.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoWayBack`] if one of them has no undo, and then none is undone; [`EngineError::NoSuchPlace`];
    /// [`EngineError::Nothing`] if none of them is done.
    pub async fn undo(&mut self, to: &UndoTo) -> Result<Outcome, EngineError> {
        let state = self.state();
        let first = self.beginning_of(to)?;
        let top = state.position() + usize::from(state.in_hand().is_some());
        if first >= top {
            return Err(EngineError::Nothing {
                what: "nothing of it is done, so there is nothing to undo",
            });
        }
        for index in (first..top).rev() {
            let planned = state.step(index).2;
            // A step in hand is asked on the way; it comes first, so nothing is undone if it has no way back.
            let changed = state.progress()[index].status == (StepStatus::Done { changed: true });
            if let (Undo::None { because }, true) = (&planned.undo, changed) {
                return Err(EngineError::NoWayBack {
                    step: planned.id.clone(),
                    because: because.clone(),
                });
            }
        }
        let back_to = state.step(first).2.id.clone();
        self.retake()?;
        self.append(Event::UndoBegan {
            back_to,
            because: UndoCause::Asked,
        })?;
        self.go_back().await
    }

    /// Goes on with the undo that has begun, to its end.
    pub(super) async fn go_back(&mut self) -> Result<Outcome, EngineError> {
        loop {
            let Some(undo) = self.state().undo().cloned() else {
                return Err(EngineError::Nothing {
                    what: "no undo has begun",
                });
            };
            let position = self.state().position();
            if self.state().is_undo_complete() {
                return self.pause(pause_after(undo.because));
            }
            if self.cancellation.is_cancelled() {
                return self.pause(PauseReason::Interrupted);
            }
            let index = if self.state().in_hand().is_some() {
                position
            } else {
                position - 1
            };
            let planned = self.state().step(index).2.clone();
            let was = Recorded::from_journal(self.state().progress()[index].output.clone());
            let result = match self.way_back(index, &planned).await? {
                Way::Nothing => {
                    self.start_undo(index, &planned.id)?;
                    self.append(Event::StepUndoDone {
                        step: planned.id,
                        changed: false,
                    })?;
                    continue;
                }
                Way::Call => self.take_back(index, &planned, &was).await?,
                Way::None { because } => {
                    // The next run goes forward from here; a step in hand will be found done.
                    return self.stuck(planned.id, failure(undo.because), no_way_back(&because), true);
                }
                Way::Unknown(error) => {
                    let reason = PauseReason::CannotTell {
                        step: planned.id,
                        error: error.record(),
                    };
                    return self.pause(reason);
                }
            };
            if let Err(undo_failed) = result {
                return self.stuck(planned.id, failure(undo.because), undo_failed, false);
            }
        }
    }

    async fn way_back(&mut self, index: usize, planned: &PlannedStep) -> Result<Way, EngineError> {
        let status = &self.state().progress()[index].status;
        if *status == (StepStatus::Done { changed: false }) {
            return Ok(Way::Nothing);
        }
        let because = match &planned.undo {
            Undo::Nothing => return Ok(Way::Nothing),
            Undo::Actions(_) => return Ok(Way::Call),
            Undo::None { because } => because.clone(),
        };
        if matches!(status, StepStatus::Done { .. }) {
            return Ok(Way::None { because });
        }
        // Begun and not done: if the effect is not there, nothing has to be taken back.
        let step = self.operation.step(planned, &Outputs(self.state()))?;
        Ok(match Deadline::of(planned).bound(step.done(self.world)).await {
            Ok(false) => Way::Nothing,
            Ok(true) => Way::None { because },
            Err(error) => Way::Unknown(error),
        })
    }

    fn start_undo(&mut self, index: usize, step: &StepId) -> Result<(), EngineError> {
        let attempt = self.state().progress()[index].undo_attempts + 1;
        self.append(Event::StepUndoStarted {
            step: step.clone(),
            attempt,
        })
    }

    /// Calls a step's undo, with as many attempts as allowed.
    async fn take_back(
        &mut self,
        index: usize,
        planned: &PlannedStep,
        was: &Recorded,
    ) -> Result<Result<(), RecordedError>, EngineError> {
        let step = self.operation.step(planned, &Outputs(self.state()))?;
        let mut tries = 0;
        loop {
            tries += 1;
            self.start_undo(index, &planned.id)?;
            let error = match Deadline::of(planned).bound(step.undo(self.world, was)).await {
                Ok(()) => {
                    self.append(Event::StepUndoDone {
                        step: planned.id.clone(),
                        changed: true,
                    })?;
                    return Ok(Ok(()));
                }
                Err(error) => error,
            };
            let recorded = error.record();
            self.append(Event::StepUndoFailed {
                step: planned.id.clone(),
                error: recorded.clone(),
            })?;
            // Being asked to stop does not cut short the last chance to leave the world as it was; it only ends the waiting.
            let again = error.is_transient() && tries < self.options.attempts;
            if !again || self.wait_before(tries + 1).await {
                return Ok(Err(recorded));
            }
        }
    }

    fn stuck(
        &mut self,
        step: StepId,
        failed: Option<RecordedError>,
        undo_failed: RecordedError,
        no_way_back: bool,
    ) -> Result<Outcome, EngineError> {
        self.append(Event::Stuck {
            step: step.clone(),
            failed: failed.clone(),
            undo_failed: undo_failed.clone(),
            no_way_back,
        })?;
        Ok(Outcome::Stuck {
            step,
            failed,
            undo_failed,
        })
    }

    /// Returns the index of the first step of what `to` names.
    fn beginning_of(&self, to: &UndoTo) -> Result<usize, EngineError> {
        let state = self.state();
        let (first, what) = match to {
            UndoTo::Beginning => (Some(0), String::new()),
            UndoTo::Phase(name) => (
                (0..state.len()).find(|index| state.step(*index).0.name == *name),
                format!("phase `{name}` with steps"),
            ),
            UndoTo::HandOver(name, subject) => (
                (0..state.len()).find(|index| {
                    let (phase, hand_over, _) = state.step(*index);
                    phase.name == *name && hand_over.subject == *subject
                }),
                format!("hand-over `{subject}` in phase `{name}`"),
            ),
            UndoTo::Step(step) => (state.index(step), format!("step `{step}`")),
        };
        first.ok_or(EngineError::NoSuchPlace { what })
    }
}

fn failure(cause: UndoCause) -> Option<RecordedError> {
    match cause {
        UndoCause::Failed { error, .. } => Some(error),
        UndoCause::Refused { because, .. } => Some(RecordedError::message(&because)),
        UndoCause::Asked => None,
    }
}

/// Returns why a run pauses once everything is undone that was to be.
pub(super) fn pause_after(cause: UndoCause) -> PauseReason {
    match cause {
        UndoCause::Failed { step, error } => PauseReason::Failed { step, error },
        UndoCause::Refused { step, because } => PauseReason::Refused { step, because },
        UndoCause::Asked => PauseReason::Undone,
    }
}
