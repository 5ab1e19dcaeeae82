//! How many checks came out in which way.

use std::collections::BTreeMap;

use super::{CaseOutcome, CheckRun};
use crate::catalogue::Target;
use crate::verdict::Verdict;

/// How many checks came out in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kept.
    pub passed: usize,
    /// Not kept.
    pub failed: usize,
    /// Could not be judged.
    pub aborted: usize,
    /// Not judged at all.
    pub missing: usize,
}

impl Tally {
    /// Counts checks.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseOutcome>) -> Tally {
        let mut tally = Tally::default();
        for case in cases {
            *match case.verdict {
                Some(Verdict::Pass) => &mut tally.passed,
                Some(Verdict::Fail) => &mut tally.failed,
                Some(Verdict::Abort) => &mut tally.aborted,
                None => &mut tally.missing,
            } += 1;
        }
        tally
    }

    /// Returns how many there are.
    pub const fn all(&self) -> usize {
        self.passed + self.failed + self.aborted + self.missing
    }

    /// Returns it as a phrase, the gravest first, without the zeros: `2 failed, 52 passed`.
    pub fn phrase(&self) -> String {
        let parts = [
            (self.failed, "failed"),
            (self.aborted, "could not be judged"),
            (self.missing, "not judged"),
            (self.passed, "passed"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if said.is_empty() {
            "no checks".to_owned()
        } else {
            said.join(", ")
        }
    }
}

impl CheckRun {
    /// Returns the checks of a target.
    pub fn of_target(&self, target: Target) -> impl Iterator<Item = &CaseOutcome> {
        self.cases.iter().filter(move |case| case.target == target)
    }

    /// Returns how the checks of each standard came out, by standard and target.
    pub(crate) fn by_standard(&self) -> BTreeMap<(&str, Target), Tally> {
        let mut groups: BTreeMap<(&str, Target), Vec<&CaseOutcome>> = BTreeMap::new();
        for case in &self.cases {
            groups.entry((case.standard(), case.target)).or_default().push(case);
        }
        groups.into_iter().map(|(key, cases)| (key, Tally::of(cases))).collect()
    }
}
