//! Apply: does what a plan says, one journaled step at a time, and takes it back.
//!
//! A [`World`] is everything that a run touches: hosts, Ceph through the admin host, the Kubernetes cluster, the run's secret
//! files. [`Rook`] builds the steps of a plan on it; `reeve_journal::Engine` runs them. Every step that changes something is
//! preceded by the invariants of a take-over (`guard`): the same cluster, all mons in quorum, an untouched CRUSH map, an intact Secret.
//! A [`Lease`] on the target's namespace keeps two runs on two machines apart.
//!
//! Steps come in three shapes. One that changes the world asks it whether the change is there (`steps`, most of them). One that looks or waits
//! (`looking`) asks until the answer is the wanted one. One whose effect leaves no trace to ask for, such as a backup or a watch, is done once in each
//! process that gets to it (`once`).

mod earlier;
mod failure;
mod guard;
mod lease;
mod looking;
mod once;
mod operation;
mod outline;
mod steps;
mod world;

pub use lease::{Lease, LeaseError};
pub use operation::Rook;
pub use outline::{Outline, OutlineError};
pub(crate) use steps::same_value;
pub use world::{Pace, World, WorldParts};
