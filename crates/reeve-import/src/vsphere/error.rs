//! What can go wrong between here and a host.

use reeve_tls::{Fingerprint, TlsError};

/// A host could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VsphereError {
    /// Authorities or settings of TLS cannot be used.
    #[error("TLS cannot be prepared")]
    Trust(#[from] TlsError),
    /// This process cannot talk to anybody.
    #[error("no runtime could be started: {0}")]
    Runtime(String),
    /// There is no password.
    #[error("there is no password for {0}")]
    NoPassword(String),
    /// No connection, or it broke.
    #[error("{host} does not answer: {what}")]
    Unreachable {
        /// The host.
        host: String,
        /// What was met.
        what: String,
    },
    /// Its certificate is not one that is trusted.
    #[error("the certificate of {host} is not trusted: {what}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        what: String,
        /// The certificate that it showed.
        shown: Option<Fingerprint>,
    },
    /// Name or password are wrong, or the login has no right.
    #[error("{host} refuses the login of {user}: {what}")]
    LoginRefused {
        /// The host.
        host: String,
        /// Who logged in.
        user: String,
        /// What the host said.
        what: String,
    },
    /// The host refuses a call.
    #[error("{host} refuses {call}: {kind}: {what}")]
    Fault {
        /// The host.
        host: String,
        /// The call.
        call: &'static str,
        /// The kind of fault: `NoPermission`.
        kind: String,
        /// What the host said.
        what: String,
    },
    /// An answer that is not what the API promises.
    #[error("the answer of {host} to {call} cannot be used: {what}")]
    Answer {
        /// The host.
        host: String,
        /// The call.
        call: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A lease came to nothing, or its host gave it up.
    #[error("the export lease of {host} has ended: {what}")]
    Lease {
        /// The host.
        host: String,
        /// Why.
        what: String,
    },
    /// Something is not there any more.
    #[error("{what} is not there any more on {host}")]
    Gone {
        /// The host.
        host: String,
        /// What.
        what: String,
    },
    /// A person asked to stop.
    #[error("stopped as asked")]
    Stopped,
    /// A file cannot be had.
    #[error("{host} answers {status} for a file of a datastore")]
    File {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
}

impl VsphereError {
    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Trust(_) => "see the file of `--vsphere-ca`".to_owned(),
            Self::Runtime(_) => "see how many threads and files this user may have: `ulimit -a`".to_owned(),
            Self::NoPassword(_) => {
                "put it into a file for `--vsphere-password-file FILE`, or into REEVE_VSPHERE_PASSWORD".to_owned()
            }
            Self::Unreachable { .. } => {
                "see that the address is right and that port 443 can be reached from here".to_owned()
            }
            Self::Certificate { shown: Some(shown), .. } => format!(
                "compare {shown} with what the host shows on its console (`openssl x509 -in /etc/vmware/ssl/rui.crt -noout -fingerprint -sha256`); if it is the same, pass `--vsphere-fingerprint {shown}`, or its authority with `--vsphere-ca FILE`"
            ),
            Self::Certificate { .. } => "pass its authority with `--vsphere-ca FILE`".to_owned(),
            Self::LoginRefused { .. } => {
                "see user and password; after several wrong ones a host locks the user out for a quarter of an hour"
                    .to_owned()
            }
            Self::Fault { kind, call, .. } if kind == "NoPermission" && call.starts_with("Export") => {
                "the login needs the privilege `vApp.Export`".to_owned()
            }
            Self::Fault { kind, call, .. } if kind == "NoPermission" && call.contains("Snapshot") => {
                "the login needs the privileges `Virtual machine.Snapshot management.Create snapshot` and `Remove snapshot`"
                    .to_owned()
            }
            Self::Fault { kind, .. } if kind == "RestrictedVersion" => {
                "the licence of this host allows no changes by its API, as that of the free ESXi: shut the machine down in the guest, and it comes by the files of its datastore"
                    .to_owned()
            }
            Self::Fault { call, .. } if call.contains("Snapshot") => {
                "a guest that cannot be brought to rest is taken as it is with `--snapshot=crash-consistent`, in a new plan"
                    .to_owned()
            }
            Self::Lease { .. } => {
                "see the tasks of the host; a machine whose lease was not given up is free again after five minutes"
                    .to_owned()
            }
            Self::Gone { .. } => "see that the machine is on the host that the plan names, or make the plan again".to_owned(),
            Self::Stopped => "`reeve import resume` goes on".to_owned(),
            Self::Fault { kind, .. } if kind == "NoPermission" => {
                "the login needs the role `Read-only` and the privilege `Datastore.Browse datastore`".to_owned()
            }
            Self::File { status: 401 | 403, .. } => {
                "the login needs the privilege `Datastore.Browse datastore`".to_owned()
            }
            Self::File { .. } => {
                "see that the machine is off and the file is there; a file that is in use can be read from no host"
                    .to_owned()
            }
            Self::Fault { .. } | Self::Answer { .. } => {
                "try the ESXi host that has the machine instead of the vCenter, or export the machine as an OVA"
                    .to_owned()
            }
        }
    }

    /// Tells whether the same request may succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            // A copy that was stopped is begun again by a resume.
            Self::Unreachable { .. } | Self::Lease { .. } | Self::Stopped => true,
            Self::Fault { .. } => self.is_busy(),
            Self::File { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
    /// Tells whether the machine is held by something that comes to an end.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Fault { kind, .. } if matches!(kind.as_str(), "TaskInProgress" | "ConcurrentAccess" | "ResourceInUse"))
    }
}
