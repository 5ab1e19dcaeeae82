//! What a check says: results, findings and their evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::CheckId;

/// How much a finding weighs; the gravest comes first in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The operation must not go on.
    Refusal,
    /// The operation may go on after a person has read this.
    Warning,
    /// Worth knowing; nothing needs to be done.
    Note,
}

/// One thing that a check found on one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The check that found it.
    pub check: CheckId,
    /// How much it weighs.
    pub severity: Severity,
    /// The thing it is about, as an operator would name it: `mon.n2 on n2`, `pool rbd`.
    pub subject: String,
    /// What is the case and why it matters, in full sentences.
    pub detail: String,
    /// What was seen, word for word; may be empty.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// What a person can do about it; empty if nothing needs to be done.
    #[serde(default)]
    pub remedy: String,
    /// Where the rule comes from: a standard with its section, a manual page, a source file with its version.
    pub source: String,
}

/// Something that was seen, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Where it was seen: `n1: ceph health detail`, or a path into the facts.
    pub from: String,
    /// What was seen, word for word and untrusted; may have many lines.
    pub text: String,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StoredOutcome", into = "StoredOutcome")]
pub enum Outcome {
    /// The check looked and found nothing wrong.
    Passed,
    /// The check found something. An empty list counts as passed, see [`Outcome::of`].
    Found(Vec<Finding>),
    /// The check could not be decided; this is never the same as passed.
    NotJudged {
        /// What was missing, in words for the operator.
        because: String,
    },
    /// The check found something that a person has accepted.
    Waived {
        /// Who or what accepted it: a name, a configuration key, a ticket.
        by: String,
        /// What was found and accepted.
        findings: Vec<Finding>,
    },
}

impl Outcome {
    /// Returns `Found` with these findings, or `Passed` if there are none.
    pub fn of(findings: Vec<Finding>) -> Outcome {
        if findings.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Found(findings)
        }
    }

    /// Returns whether the check looked and found nothing.
    pub fn passed(&self) -> bool {
        match self {
            Outcome::Passed => true,
            Outcome::Found(findings) => findings.is_empty(),
            Outcome::NotJudged { .. } | Outcome::Waived { .. } => false,
        }
    }

    /// Returns what was found and not waived.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Outcome::Found(findings) => findings,
            Outcome::Passed | Outcome::NotJudged { .. } | Outcome::Waived { .. } => &[],
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check.
    pub check: CheckId,
    /// What the check makes sure of, as a short statement: "All mons are in quorum".
    pub title: String,
    /// Where the rule comes from.
    pub source: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an outcome is written in JSON: one object with a `state`, so that every outcome can be selected in the same way.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schemars(
    rename = "Outcome",
    description = "How a check ended; `state` tells which of the other fields are there."
)]
enum StoredOutcome {
    /// The check looked and found nothing wrong.
    Passed,
    /// The check found something.
    Found {
        /// What it found.
        findings: Vec<Finding>,
    },
    /// The check could not be decided; this is never the same as passed.
    NotJudged {
        /// What was missing.
        because: String,
    },
    /// The check found something that a person has accepted.
    Waived {
        /// Who or what accepted it.
        by: String,
        /// What was found and accepted.
        findings: Vec<Finding>,
    },
}

impl From<StoredOutcome> for Outcome {
    fn from(stored: StoredOutcome) -> Outcome {
        match stored {
            StoredOutcome::Passed => Outcome::Passed,
            StoredOutcome::Found { findings } => Outcome::Found(findings),
            StoredOutcome::NotJudged { because } => Outcome::NotJudged { because },
            StoredOutcome::Waived { by, findings } => Outcome::Waived { by, findings },
        }
    }
}

impl From<Outcome> for StoredOutcome {
    fn from(outcome: Outcome) -> StoredOutcome {
        match outcome {
            Outcome::Passed => StoredOutcome::Passed,
            Outcome::Found(findings) => StoredOutcome::Found { findings },
            Outcome::NotJudged { because } => StoredOutcome::NotJudged { because },
            Outcome::Waived { by, findings } => StoredOutcome::Waived { by, findings },
        }
    }
}
