//! Going forward by one step.

use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Event, PauseReason, RecordedError, UndoCause};
use crate::plan::{PlannedStep, Undo};
use crate::state::StepStatus;
use crate::step::{MAX_OUTPUT_BYTES, Outputs, Recorded, Refusal, Step, StepError};

use super::{Advance, Engine, EngineError};

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A step ran into its deadline; not tried again, because the deadline is the plan's word on how long it may take.
#[derive(Debug, thiserror::Error)]
#[error("not done within {seconds} s")]
pub(super) struct DeadlineError {
    seconds: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("the step ended without an error, and its effect is not there")]
struct NoEffectError;

#[derive(Debug, thiserror::Error)]
#[error("the step wants to record {bytes} bytes, and at most {MAX_OUTPUT_BYTES} are kept")]
struct OutputTooLargeError {
    bytes: usize,
}

/// How one attempt ended.
enum Attempt {
    Done,
    Cancelled,
    Refused(String),
    /// It failed, and the whole effect is not there.
    Failed(StepError),
    /// The step could not be asked whether its effect is there.
    Unknown(StepError),
}

impl<W: ?Sized + Sync> Engine<'_, W> {
    /// Brings the step at `index`, the first that is not done, to its end, with as many attempts as allowed.
    pub(super) async fn advance(&mut self, index: usize) -> Result<Advance, EngineError> {
        let planned = self.state().step(index).2.clone();
        let step = self.operation.step(&planned, &Outputs(self.state()))?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, is_known) = match self.attempt(index, &planned, &*step).await? {
                Attempt::Done => return Ok(Advance::Done),
                Attempt::Cancelled => return Ok(Advance::Stopped(PauseReason::Interrupted)),
                Attempt::Refused(because) => {
                    self.append(Event::StepRefused {
                        step: planned.id.clone(),
                        because: because.clone(),
                    })?;
                    return Ok(Advance::Failed(UndoCause::Refused {
                        step: planned.id,
                        because,
                    }));
                }
                Attempt::Failed(error) => {
                    self.append(Event::StepFailed {
                        step: planned.id.clone(),
                        error: error.record(),
                    })?;
                    (error, true)
                }
                Attempt::Unknown(error) => (error, false),
            };
            if error.is_transient() && tries < self.options.attempts {
                if self.wait_before(tries + 1).await {
                    return Ok(Advance::Stopped(PauseReason::Interrupted));
                }
                continue;
            }
            let recorded = error.record();
            return Ok(if is_known {
                Advance::Failed(UndoCause::Failed {
                    step: planned.id,
                    error: recorded,
                })
            } else {
                // Undoing would have to work on the same world that does not answer, so nothing is moved.
                Advance::Stopped(PauseReason::CannotTell {
                    step: planned.id,
                    error: recorded,
                })
            });
        }
    }

    async fn attempt(
        &mut self,
        index: usize,
        planned: &PlannedStep,
        step: &dyn Step<W>,
    ) -> Result<Attempt, EngineError> {
        let world = self.world;
        let deadline = Deadline::of(planned);
        // Begun before, by us or by a process that died: what is there is then this run's doing.
        let begun = self.state().in_hand().is_some();
        match deadline.bound(step.done(world)).await {
            Ok(true) => return self.found_done(index, planned, step, begun, deadline).await,
            Ok(false) => {}
            Err(error) => return Ok(Attempt::Unknown(error)),
        }
        match deadline.bound_refusal(step.ready(world)).await {
            Ok(()) => {}
            Err(Refusal::Refused { because, remedy }) => {
                return Ok(Attempt::Refused(crate::event::safe(&format!("{because}; {remedy}"))));
            }
            Err(Refusal::Unknown(error)) => return Ok(Attempt::Unknown(error)),
        }
        let attempt = self.state().progress()[index].attempts + 1;
        self.append(Event::StepStarted {
            step: planned.id.clone(),
            attempt,
        })?;

        let only_waits = planned.undo == Undo::Nothing;
        let acted = tokio::select! {
            biased;
            () = self.cancellation.cancelled(), if only_waits => return Ok(Attempt::Cancelled),
            acted = deadline.bound(step.act(world)) => acted,
        };
        // Whatever `act` says, the world has the last word; past the deadline it is asked once more, briefly.
        let there = deadline.extended().bound(step.done(world)).await;
        let recorded = match (acted, there) {
            (Ok(recorded), Ok(true)) => Ok(recorded),
            (Ok(_), Ok(false)) => Err(StepError::permanent(NoEffectError)),
            (Err(error), Ok(true)) => {
                tracing::info!(step = %planned.id, %error, "the step failed, and its effect is there");
                deadline.extended().bound(step.recall(world)).await
            }
            (Err(error), Ok(false)) => Err(error),
            (Ok(_), Err(unknown)) => return Ok(Attempt::Unknown(unknown)),
            (Err(error), Err(unknown)) => {
                self.append(Event::StepFailed {
                    step: planned.id.clone(),
                    error: error.record(),
                })?;
                return Ok(Attempt::Unknown(unknown));
            }
        };
        match recorded.and_then(fitting) {
            Ok(recorded) => {
                // A later attempt may find the work of an earlier one and call it nothing new; it is still ours.
                let changed = begun || !recorded.is_unchanged();
                self.record_done(planned, changed, recorded)?;
                Ok(Attempt::Done)
            }
            Err(error) => Ok(Attempt::Failed(error)),
        }
    }

    /// Records a step whose effect is there without `act` having been called now.
    async fn found_done(
        &mut self,
        index: usize,
        planned: &PlannedStep,
        step: &dyn Step<W>,
        begun: bool,
        deadline: Deadline,
    ) -> Result<Attempt, EngineError> {
        let recorded = match deadline.bound(step.recall(self.world)).await.and_then(fitting) {
            Ok(recorded) => recorded,
            Err(error) => return Ok(Attempt::Unknown(error)),
        };
        if self.state().progress()[index].status != StepStatus::Started {
            let attempt = self.state().progress()[index].attempts + 1;
            self.append(Event::StepStarted {
                step: planned.id.clone(),
                attempt,
            })?;
        }
        self.record_done(planned, begun, recorded)?;
        Ok(Attempt::Done)
    }

    fn record_done(&mut self, planned: &PlannedStep, changed: bool, recorded: Recorded) -> Result<(), EngineError> {
        self.append(Event::StepDone {
            step: planned.id.clone(),
            changed,
            output: recorded.into_output(),
        })
    }

    /// Waits before an attempt; tells whether it was asked to stop meanwhile.
    pub(super) async fn wait_before(&mut self, attempt: u32) -> bool {
        let factor = 1_u32 << attempt.saturating_sub(2).min(16);
        let wait = self.options.wait_between.saturating_mul(factor).min(LONGEST_WAIT);
        tokio::select! {
            () = self.cancellation.cancelled() => true,
            () = tokio::time::sleep(wait) => false,
        }
    }
}

fn fitting(recorded: Recorded) -> Result<Recorded, StepError> {
    let bytes = recorded.output().to_string().len();
    if bytes <= MAX_OUTPUT_BYTES {
        Ok(recorded)
    } else {
        Err(StepError::permanent(OutputTooLargeError { bytes }))
    }
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    seconds: u32,
}

impl Deadline {
    pub(super) fn of(planned: &PlannedStep) -> Self {
        let seconds = planned.deadline_seconds;
        Self {
            at: Instant::now() + Duration::from_secs(seconds.into()),
            seconds,
        }
    }

    /// Leaves a fifth of the deadline, and at least two seconds, for one last look.
    fn extended(self) -> Self {
        let last_look = Duration::from_secs(u64::from(self.seconds / 5).max(2));
        Self {
            at: self.at.max(Instant::now() + last_look),
            ..self
        }
    }

    pub(super) async fn bound<T>(self, call: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
        match tokio::time::timeout_at(self.at, call).await {
            Ok(result) => result,
            Err(_elapsed) => Err(StepError::permanent(DeadlineError { seconds: self.seconds })),
        }
    }

    async fn bound_refusal(self, call: impl Future<Output = Result<(), Refusal>>) -> Result<(), Refusal> {
        match tokio::time::timeout_at(self.at, call).await {
            Ok(result) => result,
            Err(_elapsed) => Err(StepError::permanent(DeadlineError { seconds: self.seconds }).into()),
        }
    }
}

/// Says in the journal's words that a step has no way back.
pub(super) fn no_way_back(because: &str) -> RecordedError {
    RecordedError::message(&format!("the step cannot be undone: {because}"))
}
