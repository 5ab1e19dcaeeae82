//! Operation: takes over a live Ceph cluster into Rook on Kubernetes, in place, daemon by daemon.
//!
//! The way of a take-over: [`survey`] reads the world into [`facts::Facts`]; [`check`] turns facts into findings; [`plan`] is a pure
//! function of facts and options; [`apply`] does what a plan says, journaled, and takes it back. Nothing here prints or reads the environment.

pub mod apply;
pub mod check;
pub mod facts;
pub mod plan;
pub mod rook_release;
pub mod sample;
pub mod survey;
