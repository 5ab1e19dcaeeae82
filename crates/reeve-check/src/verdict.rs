//! What a check says.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::Missing;

/// The verdict of a check, as the official tests give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The requirement is kept.
    Pass,
    /// The requirement is not kept.
    Fail,
    /// It could not be judged; this is never the same as kept or not kept.
    Abort,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Abort => "ABORT",
        })
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Whether the verdict comes from it.
    pub weight: Weight,
    /// The object, as an operator would name it: `flavor SCS-1V-4 (8f0…)`. Untrusted.
    pub subject: String,
    /// What is the case, against what should be. Untrusted.
    pub detail: String,
    /// What a person can do about it.
    pub remedy: String,
}

/// What a finding means for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The requirement is violated.
    Violation,
    /// The official test cannot judge this object, and with it nothing.
    Obstacle,
    /// The official test lets it pass; the text of the standard does not, or does not recommend it.
    Note,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// The id of the testcase.
    pub id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What the standard asks for, in our words.
    pub requirement: String,
    /// Where the standard says so.
    pub source: String,
    /// What was found; may have notes although the verdict is `PASS`.
    pub findings: Vec<Finding>,
    /// Why it could not be judged, for `ABORT`.
    pub cause: Option<String>,
}

impl CaseResult {
    /// Returns the result of a check that looked, or that lacked what it wanted to look at.
    pub(crate) fn new(id: &str, requirement: String, source: &str, outcome: Result<Findings, Missing>) -> CaseResult {
        let (verdict, cause, findings) = match outcome {
            Ok(findings) => (findings.verdict(), findings.cause(), findings.into_vec()),
            Err(missing) => (
                Verdict::Abort,
                Some(format!("{}; {}", missing.cause, missing.hint)),
                Vec::new(),
            ),
        };
        CaseResult {
            id: id.to_owned(),
            verdict,
            requirement,
            source: source.to_owned(),
            findings,
            cause,
        }
    }
}

/// Collects what one check finds.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn violation(
        &mut self,
        subject: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(Weight::Violation, subject, detail, remedy);
    }

    pub(crate) fn obstacle(
        &mut self,
        subject: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(Weight::Obstacle, subject, detail, remedy);
    }

    pub(crate) fn note(&mut self, subject: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) {
        self.push(Weight::Note, subject, detail, remedy);
    }

    fn push(
        &mut self,
        weight: Weight,
        subject: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding {
            weight,
            subject: subject.into(),
            detail: detail.into(),
            remedy: remedy.into(),
        });
    }

    /// Returns the verdict: an obstacle makes it `ABORT`, else a violation makes it `FAIL`.
    pub(crate) fn verdict(&self) -> Verdict {
        let has = |weight| self.0.iter().any(|finding| finding.weight == weight);
        if has(Weight::Obstacle) {
            Verdict::Abort
        } else if has(Weight::Violation) {
            Verdict::Fail
        } else {
            Verdict::Pass
        }
    }

    /// Returns the first obstacle, as the cause of an `ABORT`.
    pub(crate) fn cause(&self) -> Option<String> {
        let obstacle = self.0.iter().find(|finding| finding.weight == Weight::Obstacle)?;
        Some(format!("{}: {}", obstacle.subject, obstacle.detail))
    }

    /// Adds what another one found.
    pub(crate) fn extend(&mut self, other: Findings) {
        self.0.extend(other.0);
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}
