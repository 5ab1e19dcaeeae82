//! The plan: a file that a person reads, compares and approves, and that `apply` follows to the letter.
//!
//! A [`Plan`] is phases, a phase is hand-overs, a hand-over is steps that stand or fall together. Everything that will be
//! done is spelled out in it; nothing is left to be chosen while it runs. The value is plain data: an operation
//! builds it from facts and options, [`Plan::seal`] puts the digest under it, and [`Plan::load`] takes it back only when it
//! is the very plan that was written.

mod canonical;
mod diff;
mod load;
mod name;
#[cfg(test)]
pub(crate) mod sample;

pub use canonical::digest_of;
pub use diff::{FieldChange, PlanDiff, StepChange, StepMove, StepPlace};
pub use load::{MAX_PLAN_BYTES, PlanError};
pub use name::{NameError, PhaseName, StepId, StepKind};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The layout of the plan file that this version writes and reads.
pub const PLAN_FORMAT: u32 = 1;

/// What will be done to a target, in order, with the reason, the deadline and the way back of every step.
///
/// Two plans made of the same facts and options are equal, and their JSON is the same to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Layout of this file; see [`PLAN_FORMAT`].
    pub format: u32,
    /// The operation that made the plan and can run it, such as `rook`.
    pub operation: String,
    /// Program and version that made the plan, such as `reeve 0.1.0`.
    pub made_by: String,
    /// The system that the plan changes.
    pub target: Target,
    /// The operation's options, all of them, defaults included.
    pub options: Value,
    /// The facts on which the plan rests.
    pub facts: FactsReference,
    /// What the plan does, in a few sentences for a person.
    pub summary: Vec<String>,
    /// The phases, in the order in which they run.
    pub phases: Vec<Phase>,
    /// The steps after which the old state cannot be had back by undoing.
    pub points_of_no_return: Vec<PointOfNoReturn>,
    /// `sha256:` and the SHA-256, in hexadecimal, of the canonical JSON of every other field; empty until [`Plan::seal`].
    pub digest: String,
}

/// The system that a plan changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What the target is, such as `ceph-cluster`.
    pub kind: String,
    /// What identifies it for good, such as a Ceph cluster's fsid.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Names the facts that a plan was made of without holding them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactsReference {
    /// `sha256:` and a SHA-256 in hexadecimal; [`digest_of`] computes it.
    pub digest: String,
    /// When the survey that gave the facts began.
    pub taken_at: jiff::Timestamp,
}

/// A part of the plan with a purpose of its own; a person approves phase by phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name, unique in the plan.
    pub name: PhaseName,
    /// What it does, as a heading.
    pub title: String,
    /// Why it is there and why it stands at this place.
    pub why: String,
    /// Its hand-overs, in the order in which they run.
    pub hand_overs: Vec<HandOver>,
}

/// Steps that stand or fall together: when one fails, those before it in the same hand-over are undone in reverse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// What is handed over, such as `mon.n1`, `cluster` or `host n2`; unique within its phase.
    pub subject: String,
    /// What is done to it, as a heading.
    pub title: String,
    /// Its steps, in the order in which they run.
    pub steps: Vec<PlannedStep>,
}

/// One effect on the world, small enough that "did it happen?" has a plain answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// Unique in the plan; journals refer to it.
    pub id: StepId,
    /// Which step of the operation this is, such as `stop_unit`.
    pub kind: StepKind,
    /// What the operation needs to build the step again.
    pub input: Value,
    /// What the step does, in one sentence.
    pub what: String,
    /// Where it does it.
    pub place: Place,
    /// The exact commands and objects, in order.
    pub actions: Vec<Action>,
    /// What users or the system miss meanwhile; nothing if absent.
    pub interrupts: Option<Interruption>,
    /// After how many seconds an attempt has failed; never 0.
    pub deadline_seconds: u32,
    /// The way back.
    pub undo: Undo,
}

/// Where a step works.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// In Ceph, through a command to its monitors.
    Ceph,
    /// In Kubernetes, through its API.
    Kubernetes,
    /// On the host of this name.
    Host(String),
    /// Where `reeve` runs.
    Here,
}

/// One thing that a step does, as precisely as a person would have to type it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Runs a program on a host.
    Command {
        /// Where.
        host: String,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Creates a Kubernetes object or brings it to this shape.
    Apply {
        /// The whole object; secret values are replaced by a note.
        object: Value,
    },
    /// Changes fields of a Kubernetes object.
    Patch {
        /// Kind, then namespace and name: `CephCluster rook-ceph/rook-ceph`.
        object: String,
        /// The merge patch.
        patch: Value,
    },
    /// Deletes a Kubernetes object.
    Delete {
        /// Kind, then namespace and name.
        object: String,
    },
    /// Reads and changes nothing.
    Read {
        /// What is to be learned.
        what: String,
        /// Program and arguments; empty where an API is asked.
        argv: Vec<String>,
    },
    /// Waits, within the step's deadline.
    Wait {
        /// The condition that ends the wait.
        until: String,
    },
    /// Writes a file at the step's place.
    WriteFile {
        /// Absolute path.
        path: String,
        /// What the file holds, in words; never the content of a secret.
        content: String,
    },
}

/// What is missing while a step is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interruption {
    /// What is interrupted and for whom.
    pub what: String,
    /// For about how many seconds.
    pub about_seconds: u32,
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Undo {
    /// By doing these, in order.
    Actions(Vec<Action>),
    /// It cannot be taken back.
    None {
        /// Why not.
        because: String,
    },
    /// Nothing to take back: the step only reads or waits.
    Nothing,
}

/// A step after which the old state cannot be had back by undoing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointOfNoReturn {
    /// The step.
    pub step: StepId,
    /// Why there is no way back from it.
    pub because: String,
    /// What a person would do instead.
    pub instead: String,
}

impl Plan {
    /// Returns every step in the order of running, with the phase and the hand-over to which it belongs.
    pub fn steps(&self) -> impl Iterator<Item = (&Phase, &HandOver, &PlannedStep)> {
        self.phases.iter().flat_map(|phase| {
            phase
                .hand_overs
                .iter()
                .flat_map(move |hand_over| hand_over.steps.iter().map(move |step| (phase, hand_over, step)))
        })
    }

    /// Returns the plan with its digest computed; a second call changes nothing.
    #[must_use]
    pub fn seal(mut self) -> Self {
        self.digest = canonical::plan_digest(&self);
        self
    }

    /// Tells whether the digest fits the rest of the plan.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.digest == canonical::plan_digest(self)
    }

    /// Compares two plans; pure, and empty exactly when both say the same, digests aside.
    #[must_use]
    pub fn diff(before: &Self, after: &Self) -> PlanDiff {
        diff::diff(before, after)
    }
}
