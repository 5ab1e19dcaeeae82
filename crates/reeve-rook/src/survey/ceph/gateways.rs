//! File systems, gateways and mirroring.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use reeve_ceph::{CephCommands, FsDump, MirrorInfo, OsdDump, ServiceDump, query};

use super::read::reading;
use crate::facts::{FileSystem, Reading, RgwSites, Service};
use crate::survey::secrets;

/// The most pools that are asked for their mirroring; a cluster has a handful.
const MIRRORING_POOLS: usize = 50;

/// What a daemon in the service map says of itself that is of use; the rest is about its host.
const SERVICE_KEYS: [&str; 10] = [
    "ceph_version",
    "ceph_version_short",
    "container_image",
    "frontend_type#0",
    "frontend_config#0",
    "num_handles",
    "realm_name",
    "zone_name",
    "zonegroup_name",
    "instance_id",
];

/// Returns file systems with their pools by name; a standby that prefers no file system serves each of them.
pub(super) fn filesystems(dump: &FsDump, pools: &BTreeMap<i64, String>) -> Vec<FileSystem> {
    let pool = |id: &i64| pools.get(id).cloned().unwrap_or_else(|| format!("pool {id}"));
    let mut filesystems: Vec<FileSystem> = dump
        .filesystems
        .iter()
        .map(|fs| {
            let standbys = dump
                .standbys
                .iter()
                .filter(|mds| mds.join_fscid.is_none_or(|id| id < 0 || id == fs.id));
            FileSystem {
                name: fs.mdsmap.fs_name.clone(),
                metadata_pool: pool(&fs.mdsmap.metadata_pool),
                data_pools: fs.mdsmap.data_pools.iter().map(pool).collect(),
                max_mds: fs.mdsmap.max_mds,
                standby_replay: fs.mdsmap.standby_replay(),
                mds: fs
                    .mdsmap
                    .info
                    .values()
                    .chain(standbys)
                    .map(|mds| mds.name.clone())
                    .collect::<BTreeSet<_>>(),
            }
        })
        .collect();
    filesystems.sort_by(|a, b| a.name.cmp(&b.name));
    filesystems
}

/// Returns the daemons of the service map, sorted by kind and id.
pub(super) fn services(dump: &ServiceDump) -> Vec<Service> {
    let mut services: Vec<Service> = dump
        .services
        .iter()
        .flat_map(|(kind, daemons)| daemons.daemons.iter().map(move |daemon| (kind, daemon)))
        .map(|(kind, (name, daemon))| {
            let told = daemon
                .metadata
                .iter()
                .filter(|(key, value)| SERVICE_KEYS.contains(&key.as_str()) && !value.is_empty());
            Service {
                kind: kind.clone(),
                id: daemon
                    .metadata
                    .get("id")
                    .filter(|id| !id.is_empty())
                    .unwrap_or(name)
                    .clone(),
                hostname: daemon.metadata.get("hostname").cloned().unwrap_or_default(),
                metadata: told
                    .map(|(key, value)| (key.clone(), secrets::shown(key, value)))
                    .collect(),
            }
        })
        .collect();
    services.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    services
}

/// Asks for realms, zonegroups and zones, where object gateways ever ran.
///
/// `radosgw-admin` makes pool `.rgw.root` where it does not exist, so without that pool it is not asked.
pub(super) async fn sites(ceph: &dyn CephCommands, osdmap: &OsdDump) -> Reading<RgwSites> {
    if !osdmap.pools.iter().any(|pool| pool.pool_name == ".rgw.root") {
        return Reading::Known(RgwSites::default());
    }
    let answers = futures::try_join!(
        query::REALM_LIST.ask(ceph),
        query::ZONEGROUP_LIST.ask(ceph),
        query::ZONE_LIST.ask(ceph)
    );
    reading(answers.map(|(realms, zonegroups, zones)| RgwSites {
        realms: realms.realms,
        zonegroups: zonegroups.zonegroups,
        zones: zones.zones,
    }))
}

/// Asks each RBD pool for its mirroring: the mode by pool, for pools where it is on.
pub(super) async fn mirroring(ceph: &dyn CephCommands, osdmap: &OsdDump) -> BTreeMap<String, String> {
    let pools = osdmap
        .pools
        .iter()
        .filter(|pool| pool.application_metadata.contains_key("rbd"))
        .take(MIRRORING_POOLS);
    let modes = pools.map(|pool| async move {
        let command = query::mirror_pool_info(&pool.pool_name);
        let info: MirrorInfo = query::ask(ceph, &command).await.ok()?;
        (info.mode != "disabled").then(|| (pool.pool_name.clone(), info.mode))
    });
    futures::stream::iter(modes)
        .buffer_unordered(4)
        .filter_map(|mode| async move { mode })
        .collect()
        .await
}
