//! What stands in the way of an import.

use serde::Serialize;

/// Something that stands in the way, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// What it is.
    pub what: String,
    /// What a person can do about it.
    pub remedy: String,
}

impl Blocker {
    /// Says what stands in the way, and what to do.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// No plan can be made of these facts and options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{machine} cannot be imported so: {}", .blockers.iter().map(|blocker| blocker.what.as_str()).collect::<Vec<_>>().join("; "))]
pub struct Refused {
    /// The machine.
    pub machine: String,
    /// Everything that stands in the way; never empty.
    pub blockers: Vec<Blocker>,
}
