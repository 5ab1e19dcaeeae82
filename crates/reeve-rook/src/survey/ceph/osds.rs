//! OSDs and pools.

use std::collections::BTreeMap;

use reeve_ceph::{OsdDf, OsdDump, OsdId, OsdMetadata as Answer};

use super::read::first_address;
use crate::facts::{Osd, OsdMetadata, Pool, PoolKind};

/// Joins the OSD map, the metadata and the fill, sorted by id.
pub(super) fn osds(dump: &OsdDump, metadata: &[Answer], df: Option<&OsdDf>) -> Vec<Osd> {
    let metadata: BTreeMap<OsdId, &Answer> = metadata.iter().map(|entry| (entry.id, entry)).collect();
    let percent: BTreeMap<i64, f64> = df
        .into_iter()
        .flat_map(|df| df.nodes.iter().chain(&df.stray))
        .filter_map(|node| Some((node.id, node.utilization?)))
        .collect();
    let mut osds: Vec<Osd> = dump
        .osds
        .iter()
        .map(|entry| Osd {
            id: entry.osd,
            uuid: entry.uuid.clone(),
            up: entry.up,
            in_cluster: entry.in_cluster,
            // Six digits are more than anybody needs, and keep the same cluster's facts the same text.
            utilization: percent
                .get(&i64::from(entry.osd.0))
                .map(|percent| (percent * 1e4).round() / 1e6),
            metadata: metadata.get(&entry.osd).and_then(|answer| facts_of(answer)),
        })
        .collect();
    osds.sort_by_key(|osd| osd.id);
    osds
}

fn facts_of(answer: &Answer) -> Option<OsdMetadata> {
    let text = |key: &str| answer.get(key).unwrap_or_default().to_owned();
    let list = |key: &str| {
        answer
            .get(key)
            .unwrap_or_default()
            .split(',')
            .filter(|word| !word.is_empty())
            .map(String::from)
            .collect()
    };
    Some(OsdMetadata {
        // An OSD that never reported has no host, and then there is nothing else to know either.
        hostname: answer.get("hostname")?.to_owned(),
        objectstore: text("osd_objectstore"),
        dedicated_db: answer.get("bluefs_dedicated_db") == Some("1"),
        dedicated_wal: answer.get("bluefs_dedicated_wal") == Some("1"),
        devices: list("devices"),
        front_addr: first_address(&text("front_addr")),
        back_addr: first_address(&text("back_addr")),
        default_device_class: text("default_device_class"),
        device_bytes: answer.get("bluestore_bdev_size").and_then(|bytes| bytes.parse().ok()),
        version: text("ceph_version"),
        container_image: answer.get("container_image").map(String::from),
        mem_total_kb: answer.get("mem_total_kb").and_then(|kib| kib.parse().ok()),
    })
}

/// Returns the pools, sorted by id; `mirroring` is the mode of those where it is on.
pub(super) fn pools(dump: &OsdDump, mirroring: &BTreeMap<String, String>) -> Vec<Pool> {
    let mut pools: Vec<Pool> = dump
        .pools
        .iter()
        .map(|pool| Pool {
            id: pool.pool,
            name: pool.pool_name.clone(),
            kind: match pool.kind {
                3 => PoolKind::Erasure {
                    profile: pool.erasure_code_profile.clone(),
                },
                _ => PoolKind::Replicated,
            },
            size: pool.size,
            min_size: pool.min_size,
            pg_num: pool.pg_num,
            crush_rule: pool.crush_rule,
            autoscale_mode: pool.pg_autoscale_mode.clone(),
            applications: pool.application_metadata.keys().cloned().collect(),
            mirroring: mirroring.get(&pool.pool_name).cloned(),
        })
        .collect();
    pools.sort_by_key(|pool| pool.id);
    pools
}
