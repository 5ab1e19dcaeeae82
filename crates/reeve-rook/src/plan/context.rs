//! What every step needs to know about the cluster and none needs to repeat in its input.

use reeve_journal::plan::{Action, Plan};
use serde_json::Value;

use super::PlanOptions;

/// The names that all steps of a plan share; [`StepContext::of`] finds them in the plan's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepContext {
    /// The host whose `ceph` command and admin keyring are used.
    pub admin_host: String,
    /// The CephCluster's namespace.
    pub namespace: String,
    /// The Rook operator's namespace.
    pub operator_namespace: String,
    /// The CephCluster's name.
    pub cluster_name: String,
}

impl StepContext {
    /// Finds the context in a plan.
    ///
    /// # Errors
    ///
    /// serde's complaint, if the plan is not one of this operation.
    pub fn of(plan: &Plan) -> Result<Self, serde_json::Error> {
        PlanOptions::of(plan).map(|options| Self::from_options(&options))
    }

    pub(crate) fn from_options(options: &PlanOptions) -> Self {
        Self {
            admin_host: options.scope.admin_host.to_string(),
            namespace: options.scope.namespace.clone(),
            operator_namespace: options.scope.operator_namespace.clone(),
            cluster_name: options.cluster_name().to_owned(),
        }
    }

    /// Returns `ceph ARGUMENTS` on the admin host.
    pub(crate) fn ceph<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Action {
        command(
            &self.admin_host,
            std::iter::once("ceph".to_owned()).chain(owned(arguments)),
        )
    }

    /// Returns a read through `ceph ARGUMENTS` on the admin host.
    pub(crate) fn ceph_read<S: AsRef<str>>(
        &self,
        what: impl Into<String>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Action {
        let argv = std::iter::once("ceph".to_owned()).chain(owned(arguments)).collect();
        Action::Read {
            what: what.into(),
            argv,
        }
    }

    /// Returns `KIND NAMESPACE/NAME` for an object in the CephCluster's namespace.
    pub(crate) fn object(&self, kind: &str, name: &str) -> String {
        format!("{kind} {}/{name}", self.namespace)
    }

    /// Returns a merge patch of an object in the CephCluster's namespace.
    pub(crate) fn patch(&self, kind: &str, name: &str, patch: Value) -> Action {
        Action::Patch {
            object: self.object(kind, name),
            patch,
        }
    }

    /// Returns a merge patch of the CephCluster.
    pub(crate) fn patch_cluster(&self, patch: Value) -> Action {
        self.patch("CephCluster", &self.cluster_name, patch)
    }
}

/// Returns a command on a host.
pub(crate) fn command<S: AsRef<str>>(host: &str, argv: impl IntoIterator<Item = S>) -> Action {
    Action::Command {
        host: host.to_owned(),
        argv: owned(argv).collect(),
    }
}

/// Returns a read by a command on the step's host.
pub(crate) fn read<S: AsRef<str>>(what: impl Into<String>, argv: impl IntoIterator<Item = S>) -> Action {
    Action::Read {
        what: what.into(),
        argv: owned(argv).collect(),
    }
}

/// Returns a read of an API, with no command behind it.
pub(crate) fn ask(what: impl Into<String>) -> Action {
    Action::Read {
        what: what.into(),
        argv: Vec::new(),
    }
}

/// Returns a wait.
pub(crate) fn wait(until: impl Into<String>) -> Action {
    Action::Wait { until: until.into() }
}

fn owned<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> impl Iterator<Item = String> {
    words.into_iter().map(|word| word.as_ref().to_owned())
}
