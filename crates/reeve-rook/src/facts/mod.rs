//! What a survey found out: one value that holds everything check and plan look at.
//!
//! Facts are Reeve's own model, not Ceph's or Kubernetes' wire formats: the survey translates, so that rules and planner read
//! the same words whatever the release. A fact that could not be read is [`Reading::Unknown`] with the reason, never a
//! default: a rule that needs it must say "not judged".

mod ceph;
mod file;
mod host;
mod kubernetes;
mod reading;

use std::collections::BTreeMap;

use reeve_host::HostName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ceph::*;
pub use file::FactsFileError;
pub use host::*;
pub use kubernetes::*;
pub use reading::Reading;

/// The version of the facts' JSON shape; additive changes keep it.
pub const FACTS_FORMAT: u32 = 1;

/// Everything that a survey found out about one Ceph cluster, its hosts and the Kubernetes cluster that is to take it over.
///
/// Shape: `hosts` has one entry for each host that runs or ran a daemon, keyed by the name that ssh reaches it by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// [`FACTS_FORMAT`] of the Reeve that wrote it.
    pub format: u32,
    /// The Reeve that took the survey: `reeve 0.1.0`.
    pub made_by: String,
    /// When the survey began.
    pub taken_at: jiff::Timestamp,
    /// What the survey was asked to look at.
    pub scope: Scope,
    /// What Ceph says of itself.
    pub ceph: CephFacts,
    /// What was found on each host.
    pub hosts: BTreeMap<HostName, HostReading>,
    /// What Kubernetes says.
    pub kubernetes: KubernetesFacts,
}

/// What a survey was asked to look at; check and plan judge against the same choices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The host whose `ceph` command and admin keyring were used.
    pub admin_host: HostName,
    /// The namespace of the CephCluster to be; Rook's examples use `rook-ceph`.
    pub namespace: String,
    /// The namespace of the Rook operator.
    pub operator_namespace: String,
    /// `spec.dataDirHostPath` of the CephCluster to be; Rook's default is `/var/lib/rook`.
    pub data_dir_host_path: String,
    /// The Ceph image that Rook is to run, or none where it was not said.
    pub ceph_image: Option<String>,
}

/// What became of a visit to one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HostReading {
    /// The host answered.
    Reached(Box<HostFacts>),
    /// The host did not answer in time, or refused the login.
    Unreachable {
        /// What ssh or the deadline said.
        because: String,
    },
}

impl HostReading {
    /// Returns the facts of a host that answered.
    pub fn reached(&self) -> Option<&HostFacts> {
        match self {
            Self::Reached(facts) => Some(facts),
            Self::Unreachable { .. } => None,
        }
    }
}

impl Facts {
    /// Returns the hosts that answered, in the order of their names.
    pub fn reached_hosts(&self) -> impl Iterator<Item = (&HostName, &HostFacts)> {
        self.hosts
            .iter()
            .filter_map(|(name, reading)| reading.reached().map(|facts| (name, facts)))
    }
}
