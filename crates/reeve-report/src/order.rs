//! The order in which a report is read: refusals, not judged, warnings, notes, waived, passed.

use crate::{CheckResult, Finding, Outcome, Report, Severity};

/// The results of a report, sorted into the groups every renderer shows; within a group the report's own order holds.
pub(crate) struct Grouped<'a> {
    pub(crate) refusals: Vec<Entry<'a>>,
    pub(crate) not_judged: Vec<(&'a CheckResult, &'a str)>,
    pub(crate) warnings: Vec<Entry<'a>>,
    pub(crate) notes: Vec<Entry<'a>>,
    pub(crate) waived: Vec<Waived<'a>>,
    pub(crate) passed: Vec<&'a CheckResult>,
}

/// A finding with the result it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) result: &'a CheckResult,
    pub(crate) finding: &'a Finding,
}

/// A result whose findings were accepted.
pub(crate) struct Waived<'a> {
    pub(crate) result: &'a CheckResult,
    pub(crate) by: &'a str,
    pub(crate) findings: &'a [Finding],
}

impl<'a> Grouped<'a> {
    pub(crate) fn of(report: &'a Report) -> Grouped<'a> {
        let mut grouped = Grouped {
            refusals: Vec::new(),
            not_judged: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            waived: Vec::new(),
            passed: Vec::new(),
        };
        for result in &report.results {
            match &result.outcome {
                outcome if outcome.passed() => grouped.passed.push(result),
                Outcome::NotJudged { because } => grouped.not_judged.push((result, because)),
                Outcome::Waived { by, findings } => grouped.waived.push(Waived { result, by, findings }),
                outcome => {
                    for finding in outcome.findings() {
                        let group = match finding.severity {
                            Severity::Refusal => &mut grouped.refusals,
                            Severity::Warning => &mut grouped.warnings,
                            Severity::Note => &mut grouped.notes,
                        };
                        group.push(Entry { result, finding });
                    }
                }
            }
        }
        grouped
    }
}
