//! What an operation gives the engine: steps that can be asked, done and undone.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::RunState;
use crate::event::safe;
use crate::plan::{PlannedStep, StepId};

/// The most bytes that a step may record; a record is for names and numbers, contents belong into files.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// One effect on the world `W`, and the way back.
///
/// The engine calls, for each attempt: [`done`](Step::done); if not done, [`ready`](Step::ready); then, with the intent in the
/// journal, [`act`](Step::act); then `done` again, which must now hold. A crash can come between any two of them, and anywhere
/// within `act` and `undo`: all methods must cope with an effect that is absent, whole or half there.
///
/// The calls of one attempt together have the planned step's deadline; so has an undo. A call that runs into the deadline is dropped.
#[async_trait]
pub trait Step<W: ?Sized>: Send + Sync {
    /// Tells whether the world is as the step needs it; reads only.
    ///
    /// # Errors
    ///
    /// [`Refusal::Refused`] if it is not; [`Refusal::Unknown`] if that cannot be found out.
    async fn ready(&self, world: &W) -> Result<(), Refusal>;

    /// Tells whether the whole effect is there; reads only.
    ///
    /// # Errors
    ///
    /// [`StepError`] if that cannot be found out.
    async fn done(&self, world: &W) -> Result<bool, StepError>;

    /// Has the effect, or what is missing of it, and waits until it can be seen.
    ///
    /// # Errors
    ///
    /// [`StepError`]; after a transient one the engine tries again within bounds.
    async fn act(&self, world: &W) -> Result<Recorded, StepError>;

    /// Takes back whatever of the effect is there. A repeat changes nothing.
    ///
    /// `was` is what `act` recorded, and empty if the step failed or was interrupted before it could.
    ///
    /// # Errors
    ///
    /// [`StepError`]; after a transient one the engine tries again within bounds, then a person must act.
    async fn undo(&self, world: &W, was: &Recorded) -> Result<(), StepError>;

    /// Returns what `act` would have recorded, read from the world in which the effect is; for a step whose effect is there though
    /// its record is not. Unless overridden, nothing.
    ///
    /// # Errors
    ///
    /// [`StepError`] if it cannot be found out.
    async fn recall(&self, _world: &W) -> Result<Recorded, StepError> {
        Ok(Recorded::default())
    }
}

/// Builds the steps of a plan.
pub trait Operation<W: ?Sized>: Send + Sync {
    /// Returns the operation's name, the one that its plans carry.
    fn name(&self) -> &str;

    /// Builds a step from its place in the plan and what earlier steps recorded. Pure: it must not touch the world.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the kind is unknown or the input does not fit; nothing has been done then.
    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<W>>, BuildError>;
}

/// What a step recorded for later steps and for its undo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    output: Value,
    unchanged: bool,
}

impl Recorded {
    /// Records a value; it must not be a secret (see [`crate::SecretFiles`]) and have at most [`MAX_OUTPUT_BYTES`] as JSON.
    ///
    /// # Errors
    ///
    /// [`StepError::Permanent`] if it is not JSON.
    pub fn value(value: impl Serialize) -> Result<Self, StepError> {
        let output = serde_json::to_value(value).map_err(StepError::permanent)?;
        Ok(Self {
            output,
            unchanged: false,
        })
    }

    /// Marks that the effect was there before the step: undoing will leave it.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.unchanged = true;
        self
    }

    /// Returns the value as it stands in the journal; null if nothing was recorded.
    #[must_use]
    pub fn output(&self) -> &Value {
        &self.output
    }

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// [`StepError::Permanent`] if it is not of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        T::deserialize(&self.output).map_err(StepError::permanent)
    }

    pub(crate) fn from_journal(output: Value) -> Self {
        Self {
            output,
            unchanged: false,
        }
    }

    pub(crate) fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    pub(crate) fn into_output(self) -> Value {
        self.output
    }
}

/// What the steps done so far have recorded.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a>(pub(crate) &'a RunState);

impl Outputs<'_> {
    /// Returns what a step recorded; `None` unless it is done.
    #[must_use]
    pub fn get(&self, step: &StepId) -> Option<&Value> {
        self.0.output(step)
    }
}

type Cause = Box<dyn Error + Send + Sync + 'static>;

/// A step did not do what it was asked.
#[derive(Debug)]
pub enum StepError {
    /// Trying again may help.
    Transient(Cause),
    /// Trying again will not help.
    Permanent(Cause),
}

impl StepError {
    /// Wraps an error after which trying again may help.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self::Transient(cause.into())
    }

    /// Wraps an error after which trying again will not help.
    pub fn permanent(cause: impl Into<Cause>) -> Self {
        Self::Permanent(cause.into())
    }

    /// Tells whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }

    pub(crate) fn record(&self) -> crate::RecordedError {
        let (Self::Transient(cause) | Self::Permanent(cause)) = self;
        let cause: &(dyn Error + 'static) = &**cause;
        crate::RecordedError::new(cause, self.is_transient())
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Transient(cause) | Self::Permanent(cause)) = self;
        cause.fmt(f)
    }
}

/// The wrapped error is shown by `Display`, so the chain goes on with what is below it.
impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let (Self::Transient(cause) | Self::Permanent(cause)) = self;
        cause.source()
    }
}

/// A step will not begin.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The world is not as the step needs it.
    #[error("{because}; {remedy}")]
    Refused {
        /// What is not as it should be.
        because: String,
        /// What a person can do about it.
        remedy: String,
    },
    /// Whether the world is as the step needs it cannot be found out.
    #[error(transparent)]
    Unknown(#[from] StepError),
}

impl Refusal {
    /// Refuses, with the reason and the way out.
    pub fn refused(because: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused {
            because: because.into(),
            remedy: remedy.into(),
        }
    }
}

/// A step of a plan that this operation cannot build.
#[derive(Debug, thiserror::Error)]
#[error("cannot build step `{step}`: {problem}; apply the plan with the version that made it, or make it again")]
pub struct BuildError {
    step: StepId,
    problem: String,
}

impl BuildError {
    /// Says which step and what is wrong with it.
    #[must_use]
    pub fn new(planned: &PlannedStep, problem: &str) -> Self {
        Self {
            step: planned.id.clone(),
            problem: safe(problem),
        }
    }

    /// Says that the operation has no such kind of step.
    #[must_use]
    pub fn unknown_kind(planned: &PlannedStep) -> Self {
        Self::new(planned, &format!("there is no step of kind `{}`", planned.kind))
    }
}
