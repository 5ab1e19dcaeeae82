//! Operation: takes over a live Ceph cluster into Rook on Kubernetes, in place, daemon by daemon.
//!
//! The way of a take-over: [`survey`] reads the world into [`facts::Facts`]; [`check`] turns facts into findings; [`plan`] is a pure
//! function of facts and options. Nothing here prints, reads the environment, or changes a cluster.

pub mod check;
pub mod facts;
pub mod plan;
pub mod rook_release;
pub mod sample;
pub mod survey;
