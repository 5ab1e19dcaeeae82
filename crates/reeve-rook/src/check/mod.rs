//! Judges facts: whether this cluster can be taken over, and what a person should know first.
//!
//! A [`Rule`] is data with one function; [`rules`] lists them by subject. [`check`] asks each of them and returns one
//! [`CheckResult`] for each, in that order: it found something, passed, could not be judged because a fact is missing, or what it found was
//! accepted beforehand ([`Waivers`]). Nothing is read here and nothing changed: the same facts give the same results.
//!
//! Text that came from outside stands in findings as it was read; renderers escape it. Where it stands in a remedy, which people paste
//! into shells, it is quoted. [`match_nodes`] tells which Kubernetes node each host is, here and for the plan.

mod context;
mod need;
mod node_match;
mod reference;
mod rule;
mod rules;
mod waivers;

#[cfg(test)]
mod tests;

use reeve_report::CheckResult;

pub use need::Need;
pub use node_match::{NodeMatch, match_nodes};
pub use reference::reference;
pub use rule::Rule;
pub(crate) use rule::{fill, list, shell_word};
pub use waivers::{WaiverError, Waivers};

use crate::facts::Facts;

/// Returns all rules, by subject.
pub fn rules() -> Vec<&'static Rule> {
    rules::SUBJECTS.iter().flat_map(|(_, rules)| *rules).collect()
}

/// Judges `facts` by every rule and returns one result for each, in the order of [`rules`].
///
/// A rule that a person waived gives `Waived` with what it found, never for something that could not be seen. Linear in the number of
/// daemons: 2,000 OSDs on 100 hosts take well under a second.
pub fn check(facts: &Facts, waivers: &Waivers) -> Vec<CheckResult> {
    check_by(&rules(), facts, waivers)
}

fn check_by(rules: &[&Rule], facts: &Facts, waivers: &Waivers) -> Vec<CheckResult> {
    let context = context::Context::new(facts);
    let judge = |rule: &&Rule| {
        let judged = rule.outcome(&context);
        let outcome = if waivers.has(rule.id) {
            judged.waived(&format!("--waive {}", rule.id))
        } else {
            judged.outcome()
        };
        CheckResult {
            check: rule.check_id(),
            title: rule.title.into(),
            source: rule.source.into(),
            outcome,
        }
    };
    rules.iter().map(judge).collect()
}
