//! An API server in this process that behaves like the real one as far as this crate uses it.
//!
//! Objects are kept by kind, namespace and name; lists have selectors, pages, tables and metadata alone; patches merge; namespaces have to
//! exist; dry runs leave nothing behind; admission policies of the daemon gate's shape are evaluated from the objects that are stored, with
//! the delay that the real one has; finalizers hold an object back, and a pod that has a node goes when its kubelet says so. What controllers do
//! with the objects is left to an [`Attendant`]. [`behaviour`] has tests that this and a real cluster both have to pass, so that it cannot drift.
//!
//! For tests and rehearsals; it keeps no promise about anything that this crate does not ask for.

mod admission;
mod attendant;
pub mod behaviour;
mod object_path;
mod server;
mod store;

pub use attendant::{Attendant, Trouble};
pub use server::{ApiServer, Asked};
