//! Why no plan can be made.

use reeve_ceph::DaemonName;

/// Why no plan can be made of these facts and options. Each names the thing, the fact and what to do next.
///
/// Names that come from facts may hold anything; whoever shows an error escapes control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A fact that the plan rests on was not readable.
    #[error("{what} is not known: {because}; take the survey again when that is mended")]
    Unknown {
        /// What is not known.
        what: String,
        /// Why.
        because: String,
    },
    /// An option cannot be had on this cluster, or at all.
    #[error("option {option}: {because}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Why not, and what to choose instead.
        because: String,
    },
    /// The cluster as a whole is in a state or of a shape that cannot be planned.
    #[error("{fact}; {next}")]
    Cluster {
        /// The fact.
        fact: String,
        /// What to do next.
        next: String,
    },
    /// One daemon cannot be handed over.
    #[error("{daemon}: {fact}; {next}")]
    Daemon {
        /// The daemon.
        daemon: DaemonName,
        /// The fact.
        fact: String,
        /// What to do next.
        next: String,
    },
    /// A host cannot take part.
    #[error("host {host}: {fact}; {next}")]
    Host {
        /// The host.
        host: String,
        /// The fact.
        fact: String,
        /// What to do next.
        next: String,
    },
    /// Kubernetes is not ready for the take-over.
    #[error("Kubernetes: {fact}; {next}")]
    Kubernetes {
        /// The fact.
        fact: String,
        /// What to do next.
        next: String,
    },
}

impl PlanError {
    pub(crate) fn cluster(fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Cluster {
            fact: fact.into(),
            next: next.into(),
        }
    }

    pub(crate) fn daemon(daemon: &DaemonName, fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Daemon {
            daemon: daemon.clone(),
            fact: fact.into(),
            next: next.into(),
        }
    }

    pub(crate) fn host(host: impl ToString, fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Host {
            host: host.to_string(),
            fact: fact.into(),
            next: next.into(),
        }
    }

    pub(crate) fn kubernetes(fact: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Kubernetes {
            fact: fact.into(),
            next: next.into(),
        }
    }

    pub(crate) fn option(option: &'static str, because: impl Into<String>) -> Self {
        Self::Option {
            option,
            because: because.into(),
        }
    }

    pub(crate) fn unknown(what: impl Into<String>, because: impl Into<String>) -> Self {
        Self::Unknown {
            what: what.into(),
            because: because.into(),
        }
    }
}
