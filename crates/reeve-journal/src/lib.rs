//! Plans, steps and runs: a long operation as a file that a person reads, and a record that survives every crash.
//!
//! Three things, each usable without the next:
//!
//! * A [`Plan`] says what will be done: phases of hand-overs of steps, each with its exact actions, deadline and
//!   way back. It is plain data under a digest.
//! * A [`Journal`] is one SQLite file per run: the plan, and every [`Event`] since. It is written before an effect and after, each time
//!   through to the disk. [`RunState`] is the fold over the events; an order that cannot be is an error. [`Runs`] makes, finds, lists,
//!   shows and exports them.
//! * An [`Engine`] runs a journal's plan on a world, through the [`Step`]s that an [`Operation`] builds. It stops with the world
//!   as it was before the hand-over that failed, and takes up anything that was interrupted.
//!
//! A call flows: `Plan::load` → [`Runs::create`] (or [`Runs::open`] for a run that exists) → [`Engine::new`] →
//! [`Engine::approve`] → [`Engine::run`], or [`Engine::undo`]. The crate knows no Ceph, no Kubernetes and no host: the world is a
//! type parameter, and what a step does to it is the operation's business.
//!
//! Secrets never enter a plan or a journal. [`SecretFiles`] keeps them beside the journal; the journal knows name and size.

mod clock;
mod engine;
mod event;
#[cfg(any(test, feature = "test-faults"))]
pub mod fault;
mod journal;
mod lock;
pub mod plan;
mod run_id;
mod runs;
mod secret;
mod state;
mod step;

pub use clock::Clock;
pub use engine::{Cancellation, Engine, EngineError, EngineOptions, Observer, Outcome, UndoTo, Until};
pub use event::{Event, Holder, PauseReason, Record, RecordedError, UndoCause};
pub use journal::{JOURNAL_FORMAT, Journal, JournalError};
pub use plan::Plan;
pub use run_id::{RunId, RunIdError};
pub use runs::{RunDetail, RunSummary, Runs, StepDetail, UnreadableRun};
pub use secret::{SecretFiles, SecretReference};
pub use state::{Condition, IllegalOrder, RunState, StepProgress, StepStatus, UndoInProgress};
pub use step::{BuildError, MAX_OUTPUT_BYTES, Operation, Outputs, Recorded, Refusal, Step, StepError};
