//! Errors of the adapters, as the engine sees them.

use reeve_ceph::CephError;
use reeve_host::HostError;
use reeve_journal::{JournalError, StepError};
use reeve_kube::RequestError;
use reeve_kube::gate::GateError;

pub(crate) fn host(error: HostError) -> StepError {
    if error.is_transient() {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    }
}

pub(crate) fn request(error: RequestError) -> StepError {
    if error.is_transient() {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    }
}

pub(crate) fn gate(error: GateError) -> StepError {
    if error.is_transient() {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    }
}

/// A cluster without quorum does not answer, and that passes; so does a connection that broke.
pub(crate) fn ceph(error: CephError) -> StepError {
    match error {
        CephError::Transport { .. } | CephError::NoCluster { .. } => StepError::transient(error),
        _ => StepError::permanent(error),
    }
}

pub(crate) fn journal(error: JournalError) -> StepError {
    StepError::permanent(error)
}

/// Returns an error that consists of a sentence.
pub(crate) fn because(text: impl Into<String>) -> StepError {
    StepError::permanent(text.into())
}
