//! Rook's own kinds, as small views.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::RequestError;

/// A CephCluster.
///
/// Source: rook/rook: `pkg/apis/ceph.rook.io/v1/types.go` – `ClusterSpec`, `ClusterStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CephCluster {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.dataDirHostPath`.
    pub data_dir_host_path: Option<String>,
    /// `spec.cephVersion.image`.
    pub image: Option<String>,
    /// `spec.external.enable`.
    pub external: bool,
    /// `status.phase`: `Progressing`, `Ready`, `Failure` …
    pub phase: Option<String>,
    /// `status.ceph.fsid`.
    pub fsid: Option<String>,
}

impl CephCluster {
    fn view(object: &DynamicObject) -> Self {
        let text = |path: &str| {
            object
                .data
                .pointer(path)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
            data_dir_host_path: text("/spec/dataDirHostPath"),
            image: text("/spec/cephVersion/image"),
            external: object
                .data
                .pointer("/spec/external/enable")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            phase: text("/status/phase"),
            fsid: text("/status/ceph/fsid"),
        }
    }
}

impl Cluster {
    /// Returns the CephClusters in all namespaces, sorted by namespace and name; none where Rook's definitions are not installed.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not list them.
    pub async fn ceph_clusters(&self) -> Result<Vec<CephCluster>, RequestError> {
        let kind = GroupVersionKind::gvk("ceph.rook.io", "v1", "CephCluster");
        let resource = ApiResource::from_gvk_with_plural(&kind, "cephclusters");
        let api: Api<DynamicObject> = Api::all_with(self.client().clone(), &resource);
        let list = match self.list_all("list CephClusters", &api, ListParams::default()).await {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let mut clusters: Vec<CephCluster> = list.iter().map(CephCluster::view).collect();
        clusters.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(clusters)
    }
}
