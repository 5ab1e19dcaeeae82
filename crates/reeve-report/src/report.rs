//! The report of one run.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Counts, Section, Severity, Verdict};

/// The version of the JSON shape that this crate writes; a reader refuses a higher one.
pub const FORMAT: u32 = 1;

/// What was looked at, by whom and when, and what every check said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Reeve report")]
pub struct Report {
    /// The version of this shape: fields may be added within a version, never removed or changed.
    #[schemars(range(min = 1))]
    pub format: u32,
    /// What the report is about: "Can cluster ceph-a move into Rook?".
    pub title: String,
    /// The program and its version: `reeve 0.1.0`.
    pub tool: String,
    /// When the report was made, in UTC.
    pub made_at: Timestamp,
    /// What was looked at: fsid, cluster, Rook version; in this order.
    #[serde(default)]
    pub subject: Vec<Property>,
    /// One result for every check, in the order they are to be read within one severity.
    pub results: Vec<CheckResult>,
    /// Further titled blocks.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Property {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Property {
    /// Returns a name with its value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Property {
        Property {
            name: name.into(),
            value: value.into(),
        }
    }
}

impl Report {
    /// Returns a report in the present format with no subject, results or sections yet.
    pub fn new(title: impl Into<String>, tool: impl Into<String>, made_at: Timestamp) -> Report {
        Report {
            format: FORMAT,
            title: title.into(),
            tool: tool.into(),
            made_at,
            subject: Vec::new(),
            results: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Returns what the results mean together: the gravest of them, and `NotJudged` if there is none at all.
    pub fn verdict(&self) -> Verdict {
        let counts = self.counts();
        if counts.refusals > 0 {
            Verdict::Refused
        } else if counts.not_judged > 0 || counts.checks == 0 {
            Verdict::NotJudged
        } else if counts.warnings > 0 {
            Verdict::Warnings
        } else {
            Verdict::Fine
        }
    }

    /// Returns how many checks ended in which way and how many findings of each severity there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            checks: self.results.len(),
            ..Counts::default()
        };
        for result in &self.results {
            match &result.outcome {
                outcome if outcome.passed() => counts.passed += 1,
                crate::Outcome::NotJudged { .. } => counts.not_judged += 1,
                crate::Outcome::Waived { .. } => counts.waived += 1,
                outcome => {
                    for finding in outcome.findings() {
                        match finding.severity {
                            Severity::Refusal => counts.refusals += 1,
                            Severity::Warning => counts.warnings += 1,
                            Severity::Note => counts.notes += 1,
                        }
                    }
                }
            }
        }
        counts
    }
}
