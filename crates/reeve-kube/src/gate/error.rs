//! Why the gate is not as it was wanted.

use std::time::Duration;

use super::{DaemonKey, OLDEST_KUBERNETES_MINOR, policy_name};
use crate::error::RequestError;

/// Why the gate could not be closed, proved, opened or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// The API server has no ValidatingAdmissionPolicy v1.
    #[error(
        "Kubernetes {version} at {server} does not serve ValidatingAdmissionPolicy v1, which the gate is made of; it came with 1.{OLDEST_KUBERNETES_MINOR}"
    )]
    Unsupported {
        /// The version.
        version: String,
        /// The API server.
        server: String,
    },
    /// The namespace does not exist.
    #[error("namespace {namespace} does not exist")]
    NamespaceMissing {
        /// The namespace.
        namespace: String,
    },
    /// Another run's gate is there.
    #[error("the gate of namespace {namespace} belongs to run {run}, not to {wanted}")]
    OfAnotherRun {
        /// The namespace.
        namespace: String,
        /// The run that made it, or `unknown` if it does not say.
        run: String,
        /// The run that wanted it.
        wanted: String,
    },
    /// A gate of another version of Reeve is there.
    #[error("the gate of namespace {namespace} has format `{found}`, which this version does not know")]
    Format {
        /// The namespace.
        namespace: String,
        /// What its annotation says.
        found: String,
    },
    /// There is no gate to release a daemon from.
    #[error("namespace {namespace} has no gate")]
    Missing {
        /// The namespace.
        namespace: String,
    },
    /// A dry run let the pod through until the deadline.
    #[error("the gate of namespace {namespace} is not closed for {daemon}: {} s of dry runs let its pod through", after.as_secs())]
    StillOpen {
        /// The namespace.
        namespace: String,
        /// The daemon.
        daemon: DaemonKey,
        /// How long it was tried.
        after: Duration,
    },
    /// A dry run was refused by the gate until the deadline.
    #[error("the gate of namespace {namespace} still refuses {daemon} after {} s: {message}", after.as_secs())]
    StillClosed {
        /// The namespace.
        namespace: String,
        /// The daemon.
        daemon: DaemonKey,
        /// How long it was tried.
        after: Duration,
        /// What the API server said.
        message: String,
    },
    /// Something else refuses the pod, so that nothing can be said about the gate.
    #[error(
        "nothing can be proved about the gate of namespace {namespace} for {daemon}, because something else refuses its pod: {message}"
    )]
    RefusedByAnother {
        /// The namespace.
        namespace: String,
        /// The daemon.
        daemon: DaemonKey,
        /// What the API server said.
        message: String,
    },
    /// A request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl GateError {
    /// Tells whether the same call may work a little later.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Request(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Returns the next action, as one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Unsupported { .. } => "upgrade Kubernetes; without the gate Rook would start daemons beside the running ones".into(),
            Self::NamespaceMissing { namespace } => format!("create it: `kubectl create namespace {namespace}`"),
            Self::OfAnotherRun { namespace, run, .. } => format!(
                "go on with run {run} or undo it (`reeve run list`); only if it is lost, and no daemon is half handed over: `{}`",
                delete_command(namespace)
            ),
            Self::Format { .. } => "use the version of reeve that made it".into(),
            Self::Missing { .. } => "begin again with a survey: somebody removed the gate while the run was under way".into(),
            Self::StillOpen { namespace, .. } | Self::StillClosed { namespace, .. } => {
                format!("look at it: `kubectl get validatingadmissionpolicy,validatingadmissionpolicybinding {} -o yaml`", policy_name(namespace))
            }
            Self::RefusedByAnother { .. } => "let pods with label app.kubernetes.io/managed-by=reeve through in that policy, quota or webhook; webhooks must declare sideEffects None or NoneOnDryRun".into(),
            Self::Request(error) => error.hint(),
        }
    }
}

/// Returns the command that removes a gate by hand.
fn delete_command(namespace: &str) -> String {
    format!(
        "kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy {}",
        policy_name(namespace)
    )
}
