//! A laboratory that is there: how one enters it and what state it is in.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::cgroup::Hierarchies;
use crate::command::{Output, Tool};
use crate::error::{LabError, Result};
use crate::kubernetes::ControlPlane;
use crate::network::Network;
use crate::node::{self, CLIENT, Node};
use crate::spec::{LabName, Spec};
use crate::state::{Asked, Places, Record, Recorded, Started, boot_id};
use crate::{ceph, image, kubernetes, ssh};

/// A laboratory that is there, whole or not.
#[derive(Clone, Debug)]
pub struct Lab {
    pub(crate) places: Places,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) spec: Spec,
    pub(crate) network: Network,
    pub(crate) cgroups: Hierarchies,
}

/// In what state a laboratory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Complete, and all that it started runs.
    Up,
    /// A process is making it or taking it down.
    Busy,
    /// Complete once, but something that it started has ended.
    Broken,
    /// Whoever made it ended before it was complete.
    HalfMade,
}

/// What is known of a laboratory.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its name.
    pub name: LabName,
    /// Its state.
    pub state: State,
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Its network.
    pub subnet: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: Utf8PathBuf,
    /// The kubectl of its Kubernetes' version.
    pub kubectl: Utf8PathBuf,
    /// The ssh configuration that reaches its nodes as root.
    pub ssh_config: Utf8PathBuf,
    /// The ssh configuration that reaches its nodes as `operator`, who may use sudo.
    pub ssh_config_operator: Utf8PathBuf,
    /// The Ceph image that its nodes hold.
    pub ceph_image: &'static str,
    /// The image of Rook's operator.
    pub rook_image: &'static str,
    /// The namespace of Rook's operator.
    pub rook_namespace: &'static str,
    /// Kubernetes' version.
    pub kubernetes_version: &'static str,
    /// The clients' pool.
    pub pool: &'static str,
    /// The image in it.
    pub image: &'static str,
    /// Who clients are.
    pub client_name: &'static str,
    /// The storage nodes.
    pub nodes: Vec<NodeStatus>,
    /// The client node.
    pub client: NodeStatus,
    /// The control plane's processes.
    pub control_plane: Vec<ProcessStatus>,
    /// What it is made of.
    pub spec: Spec,
}

/// What is known of a node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Whether its systemd runs.
    pub running: bool,
    /// The process on the machine that holds it.
    pub pid: Option<u32>,
    /// Its mon, if it was made with one.
    pub mon: Option<String>,
    /// Its mgr, if it was made with one.
    pub mgr: Option<String>,
    /// The number of OSDs that it was made with.
    pub osds: u8,
}

/// What is known of a process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessStatus {
    /// What it is.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Whether it runs.
    pub running: bool,
}

impl Lab {
    /// Opens the laboratory of this name.
    ///
    /// # Errors
    ///
    /// [`LabError::NotThere`] if there is none.
    pub fn open(places: &Places, name: &LabName) -> Result<Self> {
        let recorded =
            Record::read(&places.folder(name))?.ok_or_else(|| LabError::NotThere { name: name.to_string() })?;
        Self::from_record(places, &recorded)
    }

    pub(crate) fn from_record(places: &Places, recorded: &Recorded) -> Result<Self> {
        let (spec, number) = match &recorded.asked {
            Asked::Rook { spec, network } => (spec.clone(), *network),
            Asked::OpenStack { spec } => {
                let name = &spec.name;
                return Err(LabError::Request(format!(
                    "the laboratory `{name}` is of the kind openstack, which has no nodes; `lab status --name {name}` shows what it has"
                )));
            }
        };
        Ok(Self {
            places: places.clone(),
            folder: places.folder(&spec.name),
            network: Network::new(&spec.name, number),
            spec,
            cgroups: Hierarchies::of_this_machine()?,
        })
    }

    pub(crate) fn recorded(&self) -> Result<Recorded> {
        Record::read(&self.folder)?.ok_or_else(|| LabError::NotThere {
            name: self.spec.name.to_string(),
        })
    }

    /// Returns what it is made of.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> Utf8PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Returns the ssh configuration that reaches the nodes as root.
    #[must_use]
    pub fn ssh_config(&self) -> Utf8PathBuf {
        ssh::config(&self.folder)
    }

    /// Returns the ssh configuration that reaches the nodes as `operator`, who may use sudo.
    #[must_use]
    pub fn ssh_config_operator(&self) -> Utf8PathBuf {
        ssh::operator_config(&self.folder)
    }

    /// Returns where Kubernetes' programs are.
    pub(crate) fn bin(&self) -> Utf8PathBuf {
        self.folder.join("bin")
    }

    pub(crate) fn control_plane(&self) -> ControlPlane {
        ControlPlane::new(
            &self.folder.join("kubernetes"),
            &self.bin(),
            &self.network,
            &self.kubeconfig(),
        )
    }

    /// Returns the storage nodes and the client, in this order.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let name = self.spec.name.as_str();
        let storage = (1..=self.spec.nodes).map(|number| Node::storage(&self.folder, name, &self.network, number));
        storage
            .chain([Node::client(&self.folder, name, &self.network)])
            .collect()
    }

    pub(crate) fn node(&self, name: &str) -> Result<Node> {
        let nodes = self.nodes();
        let names: Vec<String> = nodes.iter().map(|node| node.name().to_owned()).collect();
        nodes.into_iter().find(|node| node.name() == name).ok_or_else(|| {
            let lab = &self.spec.name;
            LabError::Request(format!(
                "the laboratory `{lab}` has no node `{name}`; it has {}",
                names.join(", ")
            ))
        })
    }

    pub(crate) fn work_cgroup(&self) -> String {
        format!("{}/work", self.spec.name)
    }

    /// Puts a program into the laboratory's cgroup, where `down` finds it if its maker dies.
    pub(crate) fn tool(&self, tool: Tool) -> Tool {
        tool.inside(&self.cgroups.tracking_procs(&self.work_cgroup()))
    }

    /// Returns the beginning of a command on a node.
    pub(crate) fn inside(&self, node: &str) -> Result<Tool> {
        let node = self.node(node)?;
        let recorded = self.recorded()?;
        let started = recorded.processes.iter().find(|process| process.label == node.name());
        let tool = started.and_then(|started| node.enter(started)).ok_or_else(|| {
            let lab = &self.spec.name;
            LabError::Request(format!(
                "the node {} does not run; `lab status --name {lab}` shows what does, and `lab logs {} --name {lab}` its console",
                node.name(),
                node.name()
            ))
        })?;
        Ok(self.tool(tool))
    }

    /// Runs a command on a node as root and returns what it said, whatever its exit code.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if there is no such node or it does not run; [`LabError::TooLong`].
    pub fn exec(&self, node: &str, words: &[&str], deadline: Duration) -> Result<Output> {
        self.inside(node)?
            .args(words.iter().copied())
            .deadline(deadline)
            .answer()
    }

    /// Returns a command on a node that is not yet run, for a caller that wants its own terminal in it.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if there is no such node or it does not run.
    pub fn command(&self, node: &str, words: &[String]) -> Result<std::process::Command> {
        Ok(self.inside(node)?.args(words.iter().cloned()).command())
    }

    /// Runs a command on the client node, which has a legacy ceph.conf and the clients' keyring.
    ///
    /// # Errors
    ///
    /// As [`Lab::exec`].
    pub fn client_exec(&self, words: &[&str], deadline: Duration) -> Result<Output> {
        self.exec(CLIENT, words, deadline)
    }

    /// Runs a shell script with arguments on a node; it must end with 0.
    pub(crate) fn script(&self, node: &str, text: &str, arguments: &[&str], deadline: Duration) -> Result<Output> {
        node::script(self.inside(node)?, text, arguments, deadline)
    }

    /// Returns `kubectl` as the laboratory's administrator.
    pub(crate) fn kubectl(&self) -> Tool {
        self.tool(self.control_plane().kubectl())
    }

    /// Tells whether all that the laboratory started runs and answers.
    pub(crate) fn is_well(&self, recorded: &Recorded) -> bool {
        recorded.up
            && recorded.boot_id == boot_id()
            && recorded.processes.iter().all(Started::is_running)
            && (!self.spec.kubernetes || self.control_plane().ready().is_ok())
    }

    /// Returns what is known of the laboratory.
    ///
    /// # Errors
    ///
    /// [`LabError`] if its record cannot be read.
    pub fn status(&self) -> Result<Status> {
        let recorded = self.recorded()?;
        let running = |label: &str| recorded.processes.iter().find(|process| process.label == label);
        let mons = self.spec.mon_ids();
        let status = |number: usize, node: &Node| {
            let process = running(node.name());
            let storage = !node.is_client() && self.spec.ceph;
            NodeStatus {
                name: node.name().to_owned(),
                address: node.address.clone(),
                running: process.is_some_and(Started::is_running),
                pid: process.map(|process| process.pid),
                mon: mons.get(number).filter(|_| storage).cloned(),
                mgr: (storage && number < usize::from(self.spec.mgrs)).then(|| node.name().to_owned()),
                osds: if storage { self.spec.osds_per_node } else { 0 },
            }
        };
        let all: Vec<Node> = self.nodes();
        let mut nodes: Vec<NodeStatus> = all
            .iter()
            .enumerate()
            .map(|(number, node)| status(number, node))
            .collect();
        let client = nodes.pop().expect("the client is always the last node");
        let node_names: Vec<&str> = all.iter().map(Node::name).collect();
        let control = recorded
            .processes
            .iter()
            .filter(|process| !node_names.contains(&process.label.as_str()));
        let state = if crate::state::Lock::of_lab(&self.places, &self.spec.name).is_err() {
            State::Busy
        } else if !recorded.up {
            State::HalfMade
        } else if self.is_well(&recorded) {
            State::Up
        } else {
            State::Broken
        };
        Ok(Status {
            name: self.spec.name.clone(),
            state,
            folder: self.folder.clone(),
            subnet: self.network.subnet(),
            kubeconfig: self.kubeconfig(),
            kubectl: self.bin().join("kubectl"),
            ssh_config: self.ssh_config(),
            ssh_config_operator: self.ssh_config_operator(),
            ceph_image: image::CEPH_IMAGE,
            rook_image: image::ROOK_IMAGE,
            rook_namespace: crate::rook::NAMESPACE,
            kubernetes_version: kubernetes::VERSION,
            pool: ceph::POOL,
            image: ceph::IMAGE,
            client_name: ceph::CLIENT_NAME,
            nodes,
            client,
            control_plane: control
                .map(|process| ProcessStatus {
                    name: process.label.clone(),
                    pid: process.pid,
                    running: process.is_running(),
                })
                .collect(),
            spec: self.spec.clone(),
        })
    }

    /// Returns the file that holds the log of a program of the control plane, or the console of a node that does not run; `None` for a node that
    /// runs, whose own journal says more.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if there is no such program or node.
    pub fn log_file(&self, of: &str) -> Result<Option<Utf8PathBuf>> {
        if ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"].contains(&of) {
            return Ok(Some(self.control_plane().log(of)));
        }
        let node = self.node(of)?;
        Ok(if self.inside(of).is_ok() {
            None
        } else {
            Some(node.console())
        })
    }

    /// Returns where a node's root lies, seen from the machine.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if there is no such node.
    pub fn node_root(&self, node: &str) -> Result<Utf8PathBuf> {
        Ok(self.node(node)?.root())
    }

    /// Returns the folder of the laboratory.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }
}
