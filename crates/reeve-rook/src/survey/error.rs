//! Why a survey gives no facts.

use reeve_ceph::CephError;
use reeve_host::{HostError, HostName};

use super::KubernetesSourceError;

/// Why a survey gives no facts.
///
/// A host other than the admin host that does not answer is no error but a fact.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The admin host cannot be used.
    #[error("the admin host {host} cannot be used")]
    AdminHost {
        /// The admin host.
        host: HostName,
        /// Why.
        #[source]
        source: HostError,
    },
    /// The admin host has no `ceph`.
    #[error("the admin host {host} has no program `ceph`")]
    NoCephCommand {
        /// The admin host.
        host: HostName,
    },
    /// Ceph refuses the key that the admin host has.
    #[error("Ceph refuses `{command}` with the key that the admin host {host} has: {said}")]
    AdminKey {
        /// The admin host.
        host: HostName,
        /// The command.
        command: String,
        /// What Ceph said.
        said: String,
    },
    /// No mon answers the admin host.
    #[error("no mon answers the admin host {host}: `{command}` said: {said}")]
    NoCluster {
        /// The admin host.
        host: HostName,
        /// The command.
        command: String,
        /// What Ceph said.
        said: String,
    },
    /// A question that no survey can do without has no answer.
    #[error("the survey needs an answer from Ceph that it did not get on the admin host {host}")]
    Ceph {
        /// The admin host.
        host: HostName,
        /// Why.
        #[source]
        source: CephError,
    },
    /// Kubernetes cannot be read.
    #[error("Kubernetes cannot be read")]
    Kubernetes {
        /// Why.
        #[source]
        source: KubernetesSourceError,
    },
    /// The kubeconfig leads to a Kubernetes cluster that has none of the Ceph hosts.
    #[error(
        "the kubeconfig leads to another cluster: none of the {} nodes of {server} ({}) is one of the Ceph hosts ({}), neither by address nor by machine id",
        nodes.len(), some(nodes), some(hosts)
    )]
    OtherKubernetes {
        /// The API server.
        server: String,
        /// Names of its nodes.
        nodes: Vec<String>,
        /// The Ceph hosts that answered.
        hosts: Vec<String>,
    },
}

impl SurveyError {
    /// Sorts an error of the first question to Ceph, which tells whether the admin host is a good one.
    pub(super) fn of_ceph(host: &HostName, error: CephError) -> Self {
        let host = host.clone();
        match error {
            CephError::NoProgram { program: "ceph", .. } => Self::NoCephCommand { host },
            CephError::Denied { command, said, .. } => Self::AdminKey { host, command, said },
            CephError::NoCluster { command, said, .. } => Self::NoCluster { host, command, said },
            CephError::Transport { source, place, command } => match source.downcast::<HostError>() {
                Ok(source) => Self::AdminHost { host, source: *source },
                Err(source) => Self::Ceph {
                    host,
                    source: CephError::Transport { place, command, source },
                },
            },
            source => Self::Ceph { host, source },
        }
    }

    /// Tells whether something did not answer (exit status 3), rather than being wrongly set up (exit status 2).
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::AdminHost { source, .. } => {
                source.is_transient() || matches!(source, HostError::LoginRefused { .. } | HostError::HostKey { .. })
            }
            Self::NoCluster { .. } => true,
            Self::Kubernetes { source } => source.unreachable,
            Self::NoCephCommand { .. } | Self::AdminKey { .. } | Self::Ceph { .. } | Self::OtherKubernetes { .. } => {
                false
            }
        }
    }

    /// Returns what to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::AdminHost { host, source: HostError::SudoRefused { .. } } => {
                format!("allow sudo without a password on {host}, or log in as root")
            }
            Self::AdminHost { host, .. } => format!("see that `ssh {host} true` works without a question, then survey again"),
            Self::NoCephCommand { .. } => {
                "name a host that has `ceph` and the admin keyring as the admin host; where Ceph runs in containers only, install ceph-common on one"
                    .into()
            }
            Self::AdminKey { host, .. } => format!(
                "put a keyring with the caps of client.admin into /etc/ceph on {host}; `ceph auth get client.admin` on a mon's host shows them"
            ),
            Self::NoCluster { host, .. } => {
                format!("see that `ceph status` answers on {host}: /etc/ceph/ceph.conf must name the mons, and most of them must run")
            }
            Self::Ceph { host, source } => match source {
                CephError::Garbage { command, .. } => {
                    format!("run `{command} --format json` on {host} and see what stands before or in place of the JSON, for example a wrapper script's output")
                }
                _ => format!("run the command on {host} and see what it says"),
            },
            Self::Kubernetes { source } => source.hint.clone(),
            Self::OtherKubernetes { .. } => {
                "give the kubeconfig of the cluster whose nodes are the Ceph hosts; if they are to become nodes, join them first".into()
            }
        }
    }
}

/// At most five names.
fn some(names: &[String]) -> String {
    let mut shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        shown.push_str(" …");
    }
    if shown.is_empty() { "none".into() } else { shown }
}
