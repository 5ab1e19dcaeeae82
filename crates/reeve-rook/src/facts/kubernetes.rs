//! What Kubernetes says.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reading;

/// What Kubernetes says, read with the kubeconfig that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesFacts {
    /// The API server's URL without user info.
    pub server: String,
    /// Its version: `v1.34.4`.
    pub version: String,
    /// Nodes, sorted by name.
    pub nodes: Vec<Node>,
    /// The CephCluster's namespace.
    pub namespace: Reading<Namespace>,
    /// The Rook operator.
    pub operator: Reading<Operator>,
    /// Names of the CustomResourceDefinitions of groups `ceph.rook.io` and `csi.ceph.io`.
    pub crds: Reading<BTreeSet<String>>,
    /// CephClusters in any namespace.
    pub ceph_clusters: Reading<Vec<CephCluster>>,
    /// The daemon gate, as an earlier run may have left it.
    pub gate: Reading<GateState>,
    /// Permissions that the take-over needs, and whether this user has them.
    pub permissions: Reading<Vec<Permission>>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The value of label `kubernetes.io/hostname`; Rook pins daemons and names CRUSH hosts by it.
    pub hostname_label: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// InternalIP and ExternalIP addresses.
    pub addresses: BTreeSet<String>,
    /// `status.nodeInfo.machineID`.
    pub machine_id: String,
    /// `status.nodeInfo.kubeletVersion`.
    pub kubelet_version: String,
    /// Condition Ready is True.
    pub ready: bool,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Conditions other than Ready that are True (MemoryPressure, DiskPressure …).
    pub pressures: BTreeSet<String>,
    /// Taints as `key=value:Effect`.
    pub taints: BTreeSet<String>,
    /// Images that the kubelet reports; it reports 50 at most by default.
    pub images: BTreeSet<String>,
}

/// The CephCluster's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// It exists.
    pub exists: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Names of service accounts in it.
    pub service_accounts: BTreeSet<String>,
    /// Names of Secrets in it that Rook would use (`rook-ceph-mon`, `rook-ceph-config`, `rook-ceph-*-keyring`); never contents.
    pub rook_secrets: BTreeSet<String>,
    /// Names of ConfigMaps in it that Rook would use (`rook-ceph-mon-endpoints`, `rook-config-override`).
    pub rook_config_maps: BTreeSet<String>,
    /// Deployments of Rook daemons in it: name → ready replicas.
    pub rook_deployments: BTreeMap<String, i32>,
}

/// The Rook operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its Deployment exists.
    pub exists: bool,
    /// The image of its container.
    pub image: Option<String>,
    /// The Rook version in the image's tag: `1.18.11`; none where the tag is no version.
    pub version: Option<String>,
    /// Ready replicas.
    pub ready_replicas: i32,
    /// Wanted replicas.
    pub replicas: i32,
    /// Data of ConfigMap `rook-ceph-operator-config`.
    pub settings: BTreeMap<String, String>,
}

/// A CephCluster that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CephCluster {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `status.phase`.
    pub phase: Option<String>,
    /// `status.ceph.fsid`.
    pub fsid: Option<String>,
    /// `spec.external.enable`
    pub external: bool,
}

/// The daemon gate: policy, binding and the list of released daemons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateState {
    /// The API server serves ValidatingAdmissionPolicy v1 (Kubernetes 1.30).
    pub supported: bool,
    /// The policy exists.
    pub policy: bool,
    /// The binding exists.
    pub binding: bool,
    /// Daemons on the released list; none where the list does not exist.
    pub released: Option<BTreeSet<String>>,
    /// The run that made it, from its annotation.
    pub run: Option<String>,
    /// When it was made.
    pub since: Option<jiff::Timestamp>,
}

/// A permission that the take-over needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// `create`, `patch`, `delete` …
    pub verb: String,
    /// The API group; empty for core.
    pub group: String,
    /// The resource in plural.
    pub resource: String,
    /// The namespace; none for cluster-wide.
    pub namespace: Option<String>,
    /// The API server would allow it.
    pub allowed: bool,
}
