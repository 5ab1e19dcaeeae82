//! Tests of reeve against a running laboratory: real Ceph, real Kubernetes, real Rook.
//!
//! `cargo xtask test` brings the laboratory up and names it in `REEVE_LAB`; the tests come in as an operator would, through ssh, a
//! kubeconfig and the `reeve` binary. A test that breaks something holds a [`Fault`], which repairs it again when it goes, also when the test fails.
//!
//! A take-over is a [`Migration`]; beside it a [`ClientIo`] writes and verifies, a [`Sampler`] looks once a second, and a [`Picture`] of before is compared
//! with one of after. What happened to each daemon is counted on the cluster itself ([`Counts`]), not in reeve's words.
//!
//! What is tried on the laboratory `openstack` goes through [`Cloud`].

mod client_io;
mod cloud;
mod counts;
mod fault;
mod laboratory;
mod migration;
mod picture;
mod probe;
mod sampler;
mod taken_over;

pub use client_io::{ClientIo, Outcome, ShortClients};
pub use cloud::Cloud;
pub use counts::Counts;
pub use fault::Fault;
pub use laboratory::{Laboratory, Said};
pub use migration::{Away, Migration, PlannedStep, Running};
pub use picture::Picture;
pub use probe::{Absence, Answer, Daemon, Probe, silence, without_mgr};
pub use sampler::{Sample, Sampler, Seen, seconds_without_quorum, stretches_without_mgr};
pub use taken_over::{
    assert_old_units_are_masked, assert_one_failure_domain_at_a_time, assert_taken_over,
    assert_taken_over_without_counts, wait_for_rook,
};

/// Prints a measured figure for the person who runs the tests with `--nocapture`.
#[expect(clippy::print_stderr, reason = "figures are what these tests also give")]
pub fn figure(line: &str) {
    eprintln!("figure: {line}");
}

/// Returns now in seconds since 1970, as systemd's journal and samples count.
///
/// # Panics
///
/// If the clock of this machine stands before 1970.
#[must_use]
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("the clock is right").as_secs()
}
