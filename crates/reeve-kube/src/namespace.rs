//! A namespace and what Rook has or finds in it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace as ApiNamespace, ServiceAccount};
use kube::api::{Api, ListParams};

use crate::cluster::Cluster;
use crate::error::RequestError;

/// Selects the Deployments of the daemons that Rook runs.
///
/// Source: rook/rook: `pkg/operator/ceph/cluster/{mon,mgr,osd,rbd}`, `pkg/operator/ceph/file/mds`, `pkg/operator/ceph/object`,
/// `pkg/operator/ceph/file/mirror`, `pkg/operator/ceph/nfs` – the constants AppName.
const DAEMON_DEPLOYMENTS: &str = "app in (rook-ceph-mon,rook-ceph-mgr,rook-ceph-osd,rook-ceph-mds,rook-ceph-rgw,\
                                  rook-ceph-rbd-mirror,rook-ceph-fs-mirror,rook-ceph-nfs)";

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// It exists; if not, everything else is empty.
    pub exists: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Names of service accounts.
    pub service_accounts: BTreeSet<String>,
    /// Names of Secrets that Rook uses; contents never leave the API server.
    pub rook_secrets: BTreeSet<String>,
    /// Names of ConfigMaps that Rook uses.
    pub rook_config_maps: BTreeSet<String>,
    /// Deployments of Rook's daemons: name → ready replicas.
    pub rook_deployments: BTreeMap<String, i32>,
}

impl Cluster {
    /// Returns what there is in namespace `name`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if the server does not answer or the user may not see one of the parts.
    pub async fn namespace(&self, name: &str) -> Result<Namespace, RequestError> {
        let namespaces: Api<ApiNamespace> = Api::all(self.client().clone());
        let found = self
            .ask(&format!("read namespace {name}"), namespaces.get_opt(name))
            .await?;
        let Some(found) = found else {
            return Ok(Namespace::default());
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().clone(), name);
        let deployments: Api<Deployment> = Api::namespaced(self.client().clone(), name);
        let list_accounts = format!("list service accounts in namespace {name}");
        let list_deployments = format!("list deployments in namespace {name}");
        let (accounts, secrets, config_maps, deployments) = futures::try_join!(
            self.list_all(&list_accounts, &accounts, ListParams::default()),
            self.names("secrets", name),
            self.names("configmaps", name),
            self.list_all(
                &list_deployments,
                &deployments,
                ListParams::default().labels(DAEMON_DEPLOYMENTS)
            ),
        )?;
        Ok(Namespace {
            exists: true,
            labels: found.metadata.labels.unwrap_or_default(),
            service_accounts: accounts.into_iter().filter_map(|one| one.metadata.name).collect(),
            rook_secrets: secrets.into_iter().filter(|name| is_rook_secret(name)).collect(),
            rook_config_maps: config_maps
                .into_iter()
                .filter(|name| is_rook_config_map(name))
                .collect(),
            rook_deployments: deployments
                .into_iter()
                .filter_map(|one| {
                    let ready = one.status.and_then(|status| status.ready_replicas).unwrap_or_default();
                    one.metadata.name.map(|name| (name, ready))
                })
                .collect(),
        })
    }
}

/// Tells whether Rook reads or writes a Secret of this name as its own.
///
/// Source: rook/rook: `pkg/operator/ceph/controller/cluster_info.go`, `pkg/operator/ceph/config/{store,keyring/store}.go`.
fn is_rook_secret(name: &str) -> bool {
    matches!(name, "rook-ceph-mon" | "rook-ceph-config" | "rook-ceph-operator-creds")
        || (name.starts_with("rook-ceph-") && name.ends_with("-keyring"))
}

/// Tells whether Rook reads or writes a ConfigMap of this name as its own.
///
/// Source: rook/rook: `pkg/operator/ceph/cluster/mon/mon.go` – `EndpointConfigMapName`; `pkg/operator/k8sutil/k8sutil.go` – `ConfigOverrideName`.
fn is_rook_config_map(name: &str) -> bool {
    matches!(name, "rook-ceph-mon-endpoints" | "rook-config-override") || name.starts_with("rook-config-override-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rook_names_are_told_from_others() {
        for name in [
            "rook-ceph-mon",
            "rook-ceph-config",
            "rook-ceph-mons-keyring",
            "rook-ceph-mgr-a-keyring",
        ] {
            assert!(is_rook_secret(name), "{name}");
        }
        for name in ["rook-ceph-monitor", "my-keyring", "rook-ceph-dashboard-password"] {
            assert!(!is_rook_secret(name), "{name}");
        }
        assert!(is_rook_config_map("rook-config-override-node-a") && !is_rook_config_map("rook-ceph-operator-config"));
    }
}
