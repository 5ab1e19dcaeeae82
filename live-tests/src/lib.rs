//! Tests of reeve against a running laboratory: real Ceph, real Kubernetes, real Rook.
//!
//! `cargo xtask test` brings the laboratory up and names it in `REEVE_LAB`; the tests come in as an operator would, through ssh, a
//! kubeconfig and the `reeve` binary. A test that breaks something holds a [`Fault`], which repairs it again when it goes, also when the test fails.

mod fault;
mod laboratory;

pub use fault::Fault;
pub use laboratory::{Laboratory, Said};
