//! Nodes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node as ApiNode, Taint};
use kube::api::{Api, ListParams};

use crate::cluster::Cluster;
use crate::error::RequestError;

/// A node, as much of it as a take-over looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// InternalIP and ExternalIP addresses.
    pub addresses: BTreeSet<String>,
    /// `status.nodeInfo.machineID`; empty if the kubelet did not tell it.
    pub machine_id: String,
    /// `status.nodeInfo.kubeletVersion`.
    pub kubelet_version: String,
    /// Condition Ready is True.
    pub ready: bool,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Conditions other than Ready that are True: MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable.
    pub pressures: BTreeSet<String>,
    /// Taints as `key=value:Effect`, or `key:Effect` without a value, as kubectl writes them.
    pub taints: BTreeSet<String>,
    /// Names of images, by tag and by digest; a kubelet reports 50 images unless it was told otherwise.
    pub images: BTreeSet<String>,
}

impl Cluster {
    /// Returns all nodes, sorted by name.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not list nodes.
    pub async fn nodes(&self) -> Result<Vec<Node>, RequestError> {
        let api: Api<ApiNode> = Api::all(self.client().clone());
        let list = self.list_all("list nodes", &api, ListParams::default()).await?;
        let mut nodes: Vec<Node> = list.into_iter().map(view).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }
}

fn view(node: ApiNode) -> Node {
    let spec = node.spec.unwrap_or_default();
    let status = node.status.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let on: BTreeSet<String> = conditions
        .into_iter()
        .filter(|one| one.status == "True")
        .map(|one| one.type_)
        .collect();
    let info = status.node_info.unwrap_or_default();
    Node {
        name: node.metadata.name.unwrap_or_default(),
        labels: node.metadata.labels.unwrap_or_default(),
        addresses: status
            .addresses
            .unwrap_or_default()
            .into_iter()
            .filter(|one| one.type_ == "InternalIP" || one.type_ == "ExternalIP")
            .map(|one| one.address)
            .collect(),
        machine_id: info.machine_id,
        kubelet_version: info.kubelet_version,
        ready: on.contains("Ready"),
        unschedulable: spec.unschedulable.unwrap_or_default(),
        pressures: on.into_iter().filter(|one| one != "Ready").collect(),
        taints: spec.taints.unwrap_or_default().iter().map(taint).collect(),
        images: status
            .images
            .unwrap_or_default()
            .into_iter()
            .flat_map(|image| image.names.unwrap_or_default())
            .collect(),
    }
}

fn taint(taint: &Taint) -> String {
    match taint.value.as_deref().filter(|value| !value.is_empty()) {
        Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
        None => format!("{}:{}", taint.key, taint.effect),
    }
}
