//! Operation: takes over a live Ceph cluster into Rook on Kubernetes, in place, daemon by daemon.
//!
//! The way of a take-over: [`survey`] reads the world into [`facts::Facts`]; [`check`] turns facts into findings; [`plan`] is a pure
//! function of facts and options; [`apply`] does what a plan says, journaled, and takes it back; [`model`] is a world on which a plan can be rehearsed. Nothing here prints or reads the environment.

pub mod adopt;
pub mod apply;
pub mod check;
mod crush_names;
pub mod facts;
pub mod handover_report;
pub mod model;
pub mod plan;
mod remote_ceph;
pub mod rook_release;
pub mod sample;
pub mod survey;
pub mod verify;
pub mod watch;
