//! What is known of a cloud.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::profile::Profile;
use crate::lab::State;
use crate::spec::LabName;

/// What is known of a laboratory of the kind `openstack`.
#[derive(Clone, Debug, Serialize)]
pub struct OpenStackStatus {
    /// `openstack`.
    pub kind: &'static str,
    /// Its name.
    pub name: LabName,
    /// Its state.
    pub state: State,
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// The logins to it, for programs of the machine.
    pub clouds: Utf8PathBuf,
    /// Where the public endpoints are: scheme and host.
    pub public: String,
    /// The authority that signed the endpoints' certificates, if they are on https.
    pub authority: Option<Utf8PathBuf>,
    /// The process that holds its namespaces; `None` when it does not run.
    pub pid: Option<u32>,
    /// In which ways it is broken.
    pub profiles: BTreeSet<Profile>,
    /// Its programs.
    pub services: Vec<ServiceStatus>,
}

/// What is known of a program.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// The process on the machine that started it.
    pub pid: u32,
    /// Whether it runs.
    pub running: bool,
}
