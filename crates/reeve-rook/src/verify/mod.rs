//! Judges a take-over: reads the world again and says whether it is as the plan and the run wanted it.
//!
//! Three values come together. An [`Expectation`] is what has to hold, from a plan as if all of it were done, or from a run as far as it
//! went. An [`Observation`] is what is the case: the facts of a new survey, and beyond them the daemons' pods, the CephCluster and the CRUSH map whole.
//! [`verify`] asks each of the [`rules`] and returns one [`CheckResult`] for each, like `check` does. The same two values give the same
//! results; only [`Observation::read`] touches anything, and it reads.

mod crush;
mod expectation;
mod exports;
mod observation;
mod reference;
mod rule;
mod rules;

use reeve_report::CheckResult;

pub use expectation::{Expectation, ExpectedDaemon, Side};
pub use exports::Exports;
pub use observation::{DaemonPod, Observation};
pub use reference::reference;
pub use rule::Rule;

/// Returns all rules, by subject.
pub fn rules() -> Vec<&'static Rule> {
    rules::SUBJECTS.iter().flat_map(|(_, rules)| *rules).collect()
}

/// Judges what was observed and returns one result for each rule, in the order of [`rules`].
///
/// A rule that does not apply yet (its steps are not done) passes; what is not handed over yet is one finding of its own.
pub fn verify(expectation: &Expectation, observation: &Observation) -> Vec<CheckResult> {
    let situation = rule::Situation::new(expectation, observation);
    rules()
        .into_iter()
        .map(|rule| CheckResult {
            check: rule.check_id(),
            title: rule.title.into(),
            source: rule.source.into(),
            outcome: rule.outcome(&situation),
        })
        .collect()
}
