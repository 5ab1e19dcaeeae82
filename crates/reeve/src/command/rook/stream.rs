//! `--format json` of a run: a stream of events on standard output, one JSON object a line.

use reeve_journal::{Outcome, PauseReason, Record, RecordedError};
use reeve_rook::watch::{Sample, Serving, StopAsked};
use schemars::JsonSchema;
use serde::Serialize;

use super::rehearse::Figures;

/// The layout of the stream.
pub(crate) const STREAM_FORMAT: u32 = 1;

/// One line of the stream: an object with exactly one of these keys.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamLine<'a> {
    /// The first line.
    Begin(StreamBegin<'a>),
    /// An event, as it stands in the journal.
    Record(&'a Record),
    /// A look at the cluster, as it stands in the samples file.
    Sample(&'a Sample),
    /// The watch on client I/O asked the run to stop.
    Stopped(&'a StopAsked),
    /// What was counted, at the end of a rehearsal.
    Rehearsal(Figures),
    /// The last line.
    End(StreamEnd),
}

/// What the stream is about.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamBegin<'a> {
    /// Layout of the lines.
    pub(crate) format: u32,
    /// The run.
    pub(crate) run: &'a str,
    /// Digest of its plan.
    pub(crate) plan_digest: &'a str,
    /// How many steps the plan has.
    pub(crate) steps: usize,
    /// How many are done already.
    pub(crate) steps_done: usize,
}

/// How the run stopped.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamEnd {
    /// When.
    pub(crate) at: jiff::Timestamp,
    /// How.
    pub(crate) outcome: StreamOutcome,
    /// The exit code of the process.
    pub(crate) exit_code: u8,
    /// The same in sentences, one a line, as text output has it; the last ones say how to go on.
    pub(crate) text: Vec<String>,
    /// How many steps are done.
    pub(crate) steps_done: usize,
    /// How many steps the plan has.
    pub(crate) steps: usize,
    /// Daemons that are neither with their old unit nor seen to serve under Rook.
    pub(crate) away: Vec<Serving>,
}

/// How the run stopped.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamOutcome {
    /// Every step is done.
    Finished,
    /// It can be taken up again.
    Paused(PauseReason),
    /// A person must act.
    Stuck {
        /// The step.
        step: String,
        /// What failed first, if anything did.
        failed: Option<RecordedError>,
        /// What kept it from being undone.
        undo_failed: RecordedError,
    },
}

impl StreamOutcome {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Finished => Self::Finished,
            Outcome::Paused(reason) => Self::Paused(reason.clone()),
            Outcome::Stuck {
                step,
                failed,
                undo_failed,
            } => Self::Stuck {
                step: step.to_string(),
                failed: failed.clone(),
                undo_failed: undo_failed.clone(),
            },
        }
    }
}
