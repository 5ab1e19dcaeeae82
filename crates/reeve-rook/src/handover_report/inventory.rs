//! What there is beside the daemons: pools, file systems, gateways, keys, settings. From facts, or from what the run kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::facts::Facts;
use crate::verify::Exports;

/// What there is beside the daemons; none where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Pools with their applications, by number.
    pub(super) pools: Option<Vec<(String, BTreeSet<String>)>>,
    /// File systems with the ids of their MDS daemons.
    pub(super) filesystems: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Gateways and other daemons of the service map: kind and id, with their host.
    pub(super) services: Option<Vec<String>>,
    /// Enabled mgr modules.
    pub(super) modules: Option<BTreeSet<String>>,
    /// Auth entities.
    pub(super) entities: Option<BTreeSet<String>>,
    /// Options in the config database, with their section.
    pub(super) options: Option<Vec<(String, String)>>,
    /// Units that can start old daemons again, with their hosts.
    pub(super) revivers: BTreeMap<String, BTreeSet<String>>,
}

impl Inventory {
    /// Takes what facts know, and for the rest what the run kept.
    pub(super) fn of(facts: Option<&Facts>, exports: &Exports) -> Self {
        let kept = Self::of_exports(exports);
        let Some(facts) = facts else { return kept };
        let known = Self::of_facts(facts);
        Self {
            pools: known.pools,
            filesystems: known.filesystems.or(kept.filesystems),
            services: known.services,
            modules: known.modules,
            entities: known.entities.or(kept.entities),
            options: known.options.or(kept.options),
            revivers: known.revivers,
        }
    }

    fn of_facts(facts: &Facts) -> Self {
        let ceph = &facts.ceph;
        let mut revivers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (host, found) in facts.reached_hosts() {
            for reviver in found
                .revivers
                .iter()
                .filter(|it| !it.unit.starts_with("ceph") && it.enabled != "masked")
            {
                revivers
                    .entry(reviver.unit.clone())
                    .or_default()
                    .insert(host.to_string());
            }
        }
        let pools = ceph
            .pools
            .iter()
            .map(|pool| (pool.name.clone(), pool.applications.clone()));
        Self {
            pools: Some(pools.collect()),
            filesystems: ceph
                .filesystems
                .known()
                .map(|all| all.iter().map(|fs| (fs.name.clone(), fs.mds.clone())).collect()),
            services: ceph.services.known().map(|all| {
                let mut services: Vec<String> = all
                    .iter()
                    .map(|one| format!("{}.{} on {}", one.kind, one.id, one.hostname))
                    .collect();
                services.sort();
                services
            }),
            modules: Some(ceph.mgr.modules.clone()),
            entities: ceph
                .auth
                .known()
                .map(|all| all.iter().map(|one| one.entity.clone()).collect()),
            options: ceph
                .config
                .known()
                .map(|all| all.iter().map(|one| (one.section.clone(), one.name.clone())).collect()),
            revivers,
        }
    }

    fn of_exports(exports: &Exports) -> Self {
        Self {
            pools: exports.pools.as_ref().and_then(pools),
            filesystems: exports.filesystems.as_ref().and_then(filesystems),
            services: None,
            modules: exports.mgr.as_ref().and_then(modules),
            entities: exports.auth.as_ref().map(|all| all.keys().cloned().collect()),
            options: exports.config.clone(),
            revivers: BTreeMap::new(),
        }
    }
}

/// Source: ceph/ceph: `ceph osd pool ls detail --format json` – an array of pools as in the OSD map.
fn pools(answer: &Value) -> Option<Vec<(String, BTreeSet<String>)>> {
    let of_pool = |pool: &Value| {
        let applications = pool["application_metadata"].as_object()?.keys().cloned().collect();
        Some((pool["pool_name"].as_str()?.to_owned(), applications))
    };
    answer.as_array()?.iter().map(of_pool).collect()
}

/// Source: ceph/ceph: `src/mds/FSMap.cc` – `FSMap::dump`; MDS that stand by belong to none of the file systems.
fn filesystems(answer: &Value) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let of_fs = |fs: &Value| {
        let map = &fs["mdsmap"];
        let mds = map["info"].as_object().into_iter().flatten();
        let mds = mds
            .filter_map(|(_, one)| one["name"].as_str().map(str::to_owned))
            .collect();
        Some((map["fs_name"].as_str()?.to_owned(), mds))
    };
    answer["filesystems"].as_array()?.iter().map(of_fs).collect()
}

/// Source: ceph/ceph: `src/mon/MgrMap.h` – `MgrMap::dump`.
fn modules(answer: &Value) -> Option<BTreeSet<String>> {
    let names = answer["modules"].as_array()?.iter();
    names.map(|name| name.as_str().map(str::to_owned)).collect()
}
