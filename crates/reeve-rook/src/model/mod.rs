//! A model of the world that a take-over changes: hosts with units and processes, Ceph with mons, mgrs, OSDs and PGs, Kubernetes with the Rook
//! operator. It is made from a plan, and from the survey's facts where they are at hand, and answers exactly what the steps ask.
//!
//! [`Model`] is the world itself. It behaves: a unit that is stopped takes its daemon out of quorum, a pod that the gate lets through starts its
//! daemon after the time that such a pod takes, PGs of an OSD that is away are undersized and recover. It keeps a [`Ledger`] of what must
//! never be, such as two processes with one identity, and of what things cost. Its clock is tokio's, so under paused time an hour of a run passes
//! in a second.
//!
//! [`Rehearsal`] plays a plan on a model, as `reeve rook rehearse` does, with a step that fails or a process that dies at a step.
//! [`behaviour`] has checks that the model and a real cluster both have to pass, so that the model cannot drift.

pub mod behaviour;
mod ceph;
mod host;
mod interruption;
mod kubernetes;
mod layout;
mod ledger;
mod machine;
mod operator;
mod rehearsal;
mod timing;
mod world;

#[cfg(test)]
mod tests;

pub use ledger::{Away, Ledger, Violation};
pub use rehearsal::{Audience, Rehearsal, RehearsalError, RehearsalSummary, Stop};
pub use world::Model;
