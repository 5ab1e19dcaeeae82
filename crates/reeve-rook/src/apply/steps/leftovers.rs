//! What Rook makes for a cluster and nobody owns, so that nothing takes it away when the cluster is undone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::try_join_all;
use reeve_journal::StepError;
use reeve_kube::Resource;
use serde::{Deserialize, Serialize};

use super::rook_cluster::{name, remove_finalized};
use crate::apply::World;
use crate::apply::failure;

/// ConfigMaps that Rook makes without an owner and without its label.
///
/// Source: rook: `pkg/operator/k8sutil/cmdreporter/cmdreporter.go` (`rook-ceph-detect-version`, named in
/// `pkg/operator/ceph/controller/predicate.go` and `pkg/operator/ceph/cluster/version.go`), `pkg/operator/ceph/csi/peermap/config.go`; both were
/// seen on the laboratory after their CephCluster had gone.
const CONFIG_MAPS: [&str; 2] = ["rook-ceph-csi-mapping-config", "rook-ceph-detect-version"];

/// How the names of PodDisruptionBudgets begin that Rook makes without an owner.
///
/// Source: rook: `pkg/operator/ceph/cluster/mgr/drain.go` (`rook-ceph-mgr-pdb`, even while budgets are not managed), `pkg/operator/ceph/cluster/mon/drain.go`,
/// `pkg/operator/ceph/disruption/clusterdisruption/osd.go`; the first was seen on the laboratory after its CephCluster had gone.
const POD_BUDGETS: [&str; 3] = ["rook-ceph-mgr-pdb", "rook-ceph-mon-pdb", "rook-ceph-osd"];

/// Returns the PodDisruptionBudgets that are called as Rook calls its own.
async fn pod_budgets(world: &World) -> Result<BTreeSet<String>, StepError> {
    let all = world
        .cluster
        .select(Resource::POD_DISRUPTION_BUDGET, world.namespace(), "")
        .await;
    let all = all.map_err(failure::request)?;
    let names = all.iter().map(|object| name(object).to_owned());
    Ok(names
        .filter(|name| POD_BUDGETS.iter().any(|begin| name.starts_with(begin)))
        .collect())
}

/// Returns the folders that Rook's pods make in its data directory beside the mons' stores: logs and keyrings in one that is called like the
/// namespace, and the sockets of its exporter.
///
/// Source: rook: `pkg/operator/ceph/config/datapathmap.go`, `pkg/operator/ceph/cluster/nodedaemon/exporter.go`.
fn folders(world: &World) -> [String; 2] {
    let data = world.outline.options.scope.data_dir_host_path.trim_end_matches('/');
    [format!("{data}/{}", world.namespace()), format!("{data}/exporter")]
}

/// What was there under such a name before Rook knew of the cluster; it is not ours to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlreadyThere {
    /// Names of ConfigMaps.
    config_maps: BTreeSet<String>,
    /// Names of PodDisruptionBudgets.
    #[serde(default)]
    pod_budgets: BTreeSet<String>,
    /// Folders by host.
    folders: BTreeMap<String, BTreeSet<String>>,
}

impl AlreadyThere {
    /// Looks at the namespace and at every host.
    pub(super) async fn look(world: &World) -> Result<Self, StepError> {
        let mut config_maps = BTreeSet::new();
        for name in CONFIG_MAPS {
            let found = world.cluster.get(Resource::CONFIG_MAP, world.namespace(), name).await;
            if found.map_err(failure::request)?.is_some() {
                config_maps.insert(name.to_owned());
            }
        }
        let hosts = world.outline.hosts.iter().map(|host| async move {
            let mut there = BTreeSet::new();
            for folder in folders(world) {
                if world.try_on(host, ["test", "-e", &folder]).await?.success() {
                    there.insert(folder);
                }
            }
            Ok::<_, StepError>((host.clone(), there))
        });
        let folders = try_join_all(hosts).await?.into_iter().collect();
        Ok(Self {
            config_maps,
            pod_budgets: pod_budgets(world).await?,
            folders,
        })
    }

    /// Removes what has come since.
    pub(super) async fn remove_the_rest(&self, world: &World) -> Result<(), StepError> {
        for name in CONFIG_MAPS.into_iter().filter(|name| !self.config_maps.contains(*name)) {
            remove_finalized(world, Resource::CONFIG_MAP, name).await?;
        }
        for name in pod_budgets(world).await?.difference(&self.pod_budgets) {
            let deleted = world
                .cluster
                .delete(Resource::POD_DISRUPTION_BUDGET, world.namespace(), name)
                .await;
            deleted.map_err(failure::request)?;
        }
        // A host of which nothing is recorded was not looked at, so nothing is known to be Rook's there.
        let hosts = self.folders.iter().map(|(host, before)| async move {
            for folder in folders(world).into_iter().filter(|folder| !before.contains(folder)) {
                let argv = ["rm", "--recursive", "--force", "--one-file-system", "--", &folder];
                world.run_on(host, argv, Duration::from_secs(60)).await?;
            }
            Ok::<_, StepError>(())
        });
        try_join_all(hosts).await.map(drop)
    }
}
