//! Runs as commands that carry plans out take them up.

use reeve_journal::plan::Plan;
use reeve_journal::{Holder, Journal, JournalError, Runs};

use super::TOOL;
use crate::exit::Exit;
use crate::failure::Failure;

/// What is worked on.
pub(super) enum Subject {
    /// A plan, of which a run is made once everything is reached.
    Plan(Box<Plan>, Runs),
    /// A run that this process holds.
    Run(Box<Journal>),
}

impl Subject {
    pub(super) fn plan(&self) -> &Plan {
        match self {
            Self::Plan(plan, _) => plan,
            Self::Run(journal) => journal.plan(),
        }
    }
}

/// Returns this process as the one that holds a run.
pub(super) fn holder() -> Holder {
    // The name serves people who look for the process; none is no harm.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Holder::this_process(host.trim(), TOOL)
}

/// Tells of a journal that cannot be read or written.
pub(super) fn journal_failure(error: &JournalError) -> Failure {
    Failure::from_error(Exit::Usage, error)
}
