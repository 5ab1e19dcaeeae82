//! What can happen in a run, in the words of its journal.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RunId;
use crate::plan::{PhaseName, StepId, Target};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Number of the record, counted from 1 without gaps.
    pub seq: u64,
    /// When it was written, by the clock of the machine that wrote it.
    pub at: jiff::Timestamp,
    /// What happened.
    pub event: Event,
}

/// What can happen in a run; the order in which it can is [`crate::RunState`]'s to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run was made from a plan.
    RunCreated {
        /// The run.
        run: RunId,
        /// The operation that can run the plan.
        operation: String,
        /// Digest of the plan, which the journal holds whole.
        plan_digest: String,
        /// What the plan changes.
        target: Target,
    },
    /// A process took the run, for the first time or to go on after a pause or a crash.
    RunTaken {
        /// The process.
        by: Holder,
    },
    /// A person gave the go-ahead for a phase.
    PhaseApproved {
        /// The phase.
        phase: PhaseName,
        /// Who.
        by: String,
    },
    /// The world is not as the step needs it; nothing was done.
    StepRefused {
        /// The step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// The step is about to have its effect.
    StepStarted {
        /// The step.
        step: StepId,
        /// Counted from 1, over all processes of the run.
        attempt: u32,
    },
    /// The step has had its effect.
    StepDone {
        /// The step.
        step: StepId,
        /// Whether this run had the effect; if not, undoing leaves it.
        changed: bool,
        /// What later steps and the undo need to know.
        output: Value,
    },
    /// The attempt failed; how much of the effect is there is not known.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why.
        error: RecordedError,
    },
    /// Every step of a hand-over is done.
    HandOverDone {
        /// Its phase.
        phase: PhaseName,
        /// Its subject.
        subject: String,
    },
    /// From here on steps are undone, in reverse, up to and including `back_to`, until the run pauses with all of them undone.
    UndoBegan {
        /// The first step, in the plan's order, that will be undone.
        back_to: StepId,
        /// Why.
        because: UndoCause,
    },
    /// The step's effect is about to be taken back.
    StepUndoStarted {
        /// The step.
        step: StepId,
        /// Counted from 1, over all processes of the run.
        attempt: u32,
    },
    /// The step's effect is not there any more.
    StepUndoDone {
        /// The step.
        step: StepId,
        /// Whether there was anything to take back.
        changed: bool,
    },
    /// The effect could not be taken back.
    StepUndoFailed {
        /// The step.
        step: StepId,
        /// Why.
        error: RecordedError,
    },
    /// A person decided to go forward instead of undoing any further.
    UndoAbandoned {
        /// Who.
        by: String,
    },
    /// The run stopped in good order and can be taken up again. Ends an undo that has got as far as it should.
    Paused {
        /// Why.
        reason: PauseReason,
    },
    /// The run stopped, and a person must act before it can go on.
    Stuck {
        /// The step at which it stopped.
        step: StepId,
        /// What failed first, if anything did.
        failed: Option<RecordedError>,
        /// What kept it from being undone.
        undo_failed: RecordedError,
        /// Whether the step has no undo at all; that ends the undo, and the next run goes forward from there.
        no_way_back: bool,
    },
    /// Every step of the plan is done.
    Finished,
}

/// A process that works on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// Program and version.
    pub version: String,
    /// Since when.
    pub since: jiff::Timestamp,
}

impl Holder {
    /// Describes this process, from now on.
    #[must_use]
    pub fn this_process(host: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            pid: std::process::id(),
            host: host.into(),
            version: version.into(),
            since: jiff::Timestamp::now(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} on {} ({}) since {}",
            self.pid, self.host, self.version, self.since
        )
    }
}

/// Why steps are undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UndoCause {
    /// A step failed.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        error: RecordedError,
    },
    /// The world was not as a step needs it.
    Refused {
        /// The step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// A person asked for it.
    Asked,
}

/// Why a run stopped in good order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PauseReason {
    /// A phase waits for a person's go-ahead.
    Approval {
        /// The phase.
        phase: PhaseName,
    },
    /// It was to go this far and no further.
    Asked,
    /// It was asked to stop while it worked.
    Interrupted,
    /// A step failed; its hand-over is undone.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        error: RecordedError,
    },
    /// The world was not as a step needs it; its hand-over is undone.
    Refused {
        /// The step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// Whether a step's effect is there cannot be found out at the moment; nothing was undone.
    CannotTell {
        /// The step.
        step: StepId,
        /// Why.
        error: RecordedError,
    },
    /// What a person asked to be undone is undone.
    Undone,
}

/// An error as a journal keeps it: words, limited in size and safe on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedError {
    /// What failed.
    pub message: String,
    /// Its causes, the nearest first; at most 8.
    pub causes: Vec<String>,
    /// Whether trying again may help.
    pub transient: bool,
}

impl RecordedError {
    /// Records an error with its chain of causes.
    #[must_use]
    pub fn new(error: &(dyn Error + 'static), transient: bool) -> Self {
        let chain = std::iter::successors(error.source(), |cause| (*cause).source());
        let causes = chain.take(8).map(|cause| safe(&cause.to_string())).collect();
        Self {
            message: safe(&error.to_string()),
            causes,
            transient,
        }
    }

    /// Records a plain message.
    #[must_use]
    pub fn message(message: &str) -> Self {
        Self {
            message: safe(message),
            causes: Vec::new(),
            transient: false,
        }
    }
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// Returns text from outside in one line that is safe on a terminal, cut after 2,000 characters.
pub(crate) fn safe(text: &str) -> String {
    reeve_untrusted::short(text, 2000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer\u{1b}[2J")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_is_kept_with_its_causes_and_without_control_characters() {
        let error = RecordedError::new(&Outer(std::io::Error::other("x".repeat(3000))), true);
        assert_eq!(error.message, "outer\\u{1b}[2J");
        assert_eq!(
            (error.causes.len(), error.causes[0].chars().count(), error.transient),
            (1, 2001, true)
        );
        assert!(error.to_string().starts_with("outer\\u{1b}[2J: xxx"));
    }
}
