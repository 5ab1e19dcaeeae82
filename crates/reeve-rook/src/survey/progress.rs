//! What a survey tells while it runs.

use std::fmt;

use reeve_host::HostName;

/// Something that happens during a survey.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SurveyEvent {
    /// Questions to Ceph begin.
    ReadingCeph {
        /// The admin host.
        host: HostName,
    },
    /// Questions to Kubernetes begin.
    ReadingKubernetes,
    /// Kubernetes has answered.
    KubernetesRead {
        /// How many nodes it has.
        nodes: usize,
    },
    /// It is known which hosts there are; visits begin.
    HostsFound {
        /// How many.
        hosts: usize,
    },
    /// A visit has ended.
    HostVisited {
        /// The host, by the name that it is known by.
        host: String,
        /// How many visits have ended.
        done: usize,
        /// How many there are.
        of: usize,
        /// Why nothing is known of the host, if so.
        unreachable: Option<String>,
    },
}

impl fmt::Display for SurveyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadingCeph { host } => write!(f, "reading Ceph on {host}"),
            Self::ReadingKubernetes => write!(f, "reading Kubernetes"),
            Self::KubernetesRead { nodes } => write!(f, "Kubernetes has {nodes} nodes"),
            Self::HostsFound { hosts } => write!(f, "reading {hosts} hosts"),
            Self::HostVisited {
                host,
                done,
                of,
                unreachable: None,
            } => write!(f, "host {done} of {of}: {host}"),
            Self::HostVisited {
                host,
                done,
                of,
                unreachable: Some(because),
            } => {
                write!(f, "host {done} of {of}: {host} is unreachable: {because}")
            }
        }
    }
}

/// Hears what a survey tells while it runs.
pub trait Progress: Send + Sync {
    /// Takes an event; called from the survey's task, so it must not wait.
    fn event(&self, event: &SurveyEvent);
}

/// Hears nothing.
impl Progress for () {
    fn event(&self, _event: &SurveyEvent) {}
}

impl<F: Fn(&SurveyEvent) + Send + Sync> Progress for F {
    fn event(&self, event: &SurveyEvent) {
        self(event);
    }
}
