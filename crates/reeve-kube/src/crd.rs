//! CustomResourceDefinitions.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};

use crate::cluster::Cluster;
use crate::error::RequestError;

impl Cluster {
    /// Returns the names of CustomResourceDefinitions in any of `groups`: `cephclusters.ceph.rook.io`.
    ///
    /// Only metadata is asked for: Rook's definitions are some megabytes.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not list them.
    pub async fn crds(&self, groups: &[&str]) -> Result<BTreeSet<String>, RequestError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client().clone());
        let list = |params| {
            let api = &api;
            async move { api.list_metadata(&params).await }
        };
        let list = self
            .pages("list custom resource definitions", ListParams::default(), list)
            .await?;
        let of_group = |name: &String| name.split_once('.').is_some_and(|(_, group)| groups.contains(&group));
        Ok(list
            .into_iter()
            .filter_map(|one| one.metadata.name)
            .filter(of_group)
            .collect())
    }
}
