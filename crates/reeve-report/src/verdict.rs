//! What the results of a report mean together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the results of a report mean together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check was judged and none found more than a note.
    Fine,
    /// Every check was judged; there are warnings and no refusals.
    Warnings,
    /// At least one check refuses: the operation must not go on.
    Refused,
    /// Nothing refuses, but something could not be judged, or nothing was checked.
    NotJudged,
}

/// How many checks ended in which way, and how many findings of each severity there are.
///
/// `checks`, `passed`, `not_judged` and `waived` count checks; `refusals`, `warnings` and `notes` count findings, of which one check can have many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All checks.
    pub checks: usize,
    /// Checks that found nothing.
    pub passed: usize,
    /// Checks that could not be decided.
    pub not_judged: usize,
    /// Checks whose findings a person has accepted.
    pub waived: usize,
    /// Findings because of which the operation must not go on.
    pub refusals: usize,
    /// Findings that a person has to read first.
    pub warnings: usize,
    /// Findings that are worth knowing.
    pub notes: usize,
}
