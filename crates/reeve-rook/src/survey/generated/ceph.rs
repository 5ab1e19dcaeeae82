//! Ceph's answers.

use std::collections::BTreeMap;

use reeve_ceph::{CephCommand, Query, query};
use reeve_host::Recorded;
use serde_json::{Value, json};

use super::{answer, failure};
use crate::facts::{CephFacts, Crush, Health, HealthStatus, MgrMap, Osd, PoolKind};
use crate::remote_ceph::host_command;

/// What the admin host answers to questions about Ceph.
pub(super) fn answers(ceph: &CephFacts) -> Vec<Recorded> {
    let no_orchestrator = "Error ENOENT: No orchestrator configured (try `ceph orch set backend`)";
    let mut list = vec![
        asked(&query::MON_DUMP, &mon_dump(ceph)),
        asked(&query::HEALTH, &health(&ceph.health)),
        asked(&query::VERSIONS, &versions(ceph)),
        asked(
            &query::QUORUM_STATUS,
            &json!({"quorum_names": ceph.quorum.names, "quorum_leader_name": ceph.quorum.leader}),
        ),
        asked(&query::MGR_DUMP, &mgr_dump(&ceph.mgr)),
        asked(&query::OSD_DUMP, &osd_dump(ceph)),
        asked(&query::OSD_METADATA, &osd_metadata(&ceph.osds)),
        asked(&query::OSD_DF, &osd_df(&ceph.osds)),
        asked(&query::CRUSH_DUMP, &crush_dump(&ceph.crush)),
        asked(&query::STATUS, &status(ceph)),
        asked(&query::FS_DUMP, &json!({"epoch": 1, "standbys": [], "filesystems": []})),
        asked(&query::SERVICE_DUMP, &json!({"epoch": 1, "services": {}})),
        asked(&query::AUTH_LS, &auth_ls(ceph)),
        asked(&query::CONFIG_DUMP, &config_dump(ceph)),
        asked(
            &query::CONFIG_KEY_LS,
            &json!(ceph.config_keys.known().cloned().unwrap_or_default()),
        ),
        failure(&host_command(&query::ORCH_STATUS.command()), 2, no_orchestrator),
        asked(&query::NODE_LS, &json!({})),
    ];
    let metadata = [
        ("mon", &query::MON_METADATA),
        ("mgr", &query::MGR_METADATA),
        ("mds", &query::MDS_METADATA),
    ];
    list.extend(metadata.map(|(kind, query)| asked(query, &daemon_metadata(ceph, kind))));
    let rbd = ceph.pools.iter().filter(|pool| pool.applications.contains("rbd"));
    list.extend(rbd.map(|pool| {
        let command: CephCommand = query::mirror_pool_info(&pool.name);
        answer(
            &host_command(&command),
            json!({"mode": pool.mirroring.as_deref().unwrap_or("disabled")}).to_string(),
        )
    }));
    list
}

fn asked<T: serde::de::DeserializeOwned>(query: &Query<T>, value: &Value) -> Recorded {
    answer(&host_command(&query.command()), value.to_string())
}

fn mon_dump(ceph: &CephFacts) -> Value {
    let mons: Vec<Value> = ceph
        .monmap
        .mons
        .iter()
        .map(|mon| {
            let address = |protocol: &str, address: &Option<String>| {
                address
                    .as_ref()
                    .map(|addr| json!({"type": protocol, "addr": addr, "nonce": 0}))
            };
            let addresses: Vec<Value> = [address("v2", &mon.v2), address("v1", &mon.v1)]
                .into_iter()
                .flatten()
                .collect();
            json!({"rank": mon.rank, "name": mon.name, "public_addrs": {"addrvec": addresses}})
        })
        .collect();
    json!({
        "epoch": ceph.monmap.epoch, "fsid": ceph.fsid, "min_mon_release_name": ceph.monmap.min_mon_release,
        "stretch_mode": ceph.monmap.stretch_mode, "mons": mons,
    })
}

fn health_word(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "HEALTH_OK",
        HealthStatus::Warn => "HEALTH_WARN",
        HealthStatus::Err => "HEALTH_ERR",
    }
}

fn health(health: &Health) -> Value {
    let checks: BTreeMap<&String, Value> = health
        .checks
        .iter()
        .map(|(code, check)| {
            let detail: Vec<Value> = check.detail.iter().map(|line| json!({"message": line})).collect();
            let check = json!({
                "severity": health_word(check.severity), "summary": {"message": check.summary, "count": 1},
                "detail": detail, "muted": check.muted,
            });
            (code, check)
        })
        .collect();
    json!({"status": health_word(health.status), "checks": checks, "mutes": []})
}

fn versions(ceph: &CephFacts) -> Value {
    let kinds: BTreeMap<&str, _> = ceph
        .versions
        .iter()
        .map(|(kind, counts)| (kind.as_str(), counts))
        .collect();
    json!(kinds)
}

fn mgr_dump(mgr: &MgrMap) -> Value {
    let standbys: Vec<Value> = mgr
        .standbys
        .iter()
        .map(|name| json!({"gid": 1, "name": name}))
        .collect();
    json!({
        "epoch": 1, "active_name": mgr.active.as_deref().unwrap_or_default(), "available": mgr.active.is_some(),
        "standbys": standbys, "modules": mgr.modules, "services": mgr.services,
    })
}

fn osd_dump(ceph: &CephFacts) -> Value {
    let map = &ceph.osdmap;
    let osds: Vec<Value> = ceph
        .osds
        .iter()
        .map(|osd| json!({"osd": osd.id, "uuid": osd.uuid, "up": u8::from(osd.up), "in": u8::from(osd.in_cluster)}))
        .collect();
    let pools: Vec<Value> = ceph
        .pools
        .iter()
        .map(|pool| {
            let (kind, profile) = match &pool.kind {
                PoolKind::Replicated => (1, ""),
                PoolKind::Erasure { profile } => (3, profile.as_str()),
            };
            let applications: BTreeMap<&String, Value> =
                pool.applications.iter().map(|name| (name, json!({}))).collect();
            json!({
                "pool": pool.id, "pool_name": pool.name, "type": kind, "size": pool.size, "min_size": pool.min_size,
                "pg_num": pool.pg_num, "crush_rule": pool.crush_rule, "pg_autoscale_mode": pool.autoscale_mode,
                "erasure_code_profile": profile, "application_metadata": applications,
            })
        })
        .collect();
    let flags: Vec<&str> = map.flags.iter().map(String::as_str).collect();
    json!({
        "epoch": map.epoch, "fsid": ceph.fsid, "flags": flags.join(","), "full_ratio": map.full_ratio,
        "backfillfull_ratio": map.backfillfull_ratio, "nearfull_ratio": map.nearfull_ratio,
        "require_min_compat_client": map.require_min_compat_client, "require_osd_release": map.require_osd_release,
        "pools": pools, "osds": osds,
    })
}

fn osd_metadata(osds: &[Osd]) -> Value {
    let both = |address: &str| format!("[v2:{address}/1,v1:{address}/1]");
    let entry = |osd: &Osd| {
        let Some(told) = &osd.metadata else {
            return json!({"id": osd.id});
        };
        let mut entry = json!({
            "id": osd.id, "hostname": told.hostname, "osd_objectstore": told.objectstore,
            "bluefs_dedicated_db": u8::from(told.dedicated_db).to_string(),
            "bluefs_dedicated_wal": u8::from(told.dedicated_wal).to_string(),
            "devices": told.devices.join(","), "front_addr": both(&told.front_addr), "back_addr": both(&told.back_addr),
            "default_device_class": told.default_device_class, "ceph_version": told.version,
        });
        let optional = [
            ("bluestore_bdev_size", told.device_bytes.map(|n| n.to_string())),
            ("mem_total_kb", told.mem_total_kb.map(|n| n.to_string())),
            ("container_image", told.container_image.clone()),
        ];
        for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            entry[key] = value.into();
        }
        entry
    };
    Value::Array(osds.iter().map(entry).collect())
}

fn osd_df(osds: &[Osd]) -> Value {
    let nodes: Vec<Value> = osds
        .iter()
        .map(|osd| json!({"id": osd.id, "utilization": osd.utilization.map(|share| share * 100.0)}))
        .collect();
    json!({"nodes": nodes, "stray": []})
}

fn crush_dump(crush: &Crush) -> Value {
    let fixed_point = |weight: f64| (weight * 65_536.0).round() as i64;
    let weights: BTreeMap<i64, i64> = crush
        .devices
        .iter()
        .map(|d| (i64::from(d.id.0), fixed_point(d.weight)))
        .collect();
    let devices: Vec<Value> = crush
        .devices
        .iter()
        .map(|d| json!({"id": d.id, "name": format!("osd.{}", d.id), "class": d.class}))
        .collect();
    let buckets: Vec<Value> = crush
        .buckets
        .iter()
        .map(|bucket| {
            let items: Vec<Value> = bucket
                .children
                .iter()
                .map(|id| json!({"id": id, "weight": weights.get(id).copied().unwrap_or(0)}))
                .collect();
            json!({"id": bucket.id, "name": bucket.name, "type_name": bucket.kind, "items": items})
        })
        .collect();
    let rules: Vec<Value> = crush
        .rules
        .iter()
        .map(|rule| {
            let choose = match rule.failure_domain.as_str() {
                "osd" => json!({"op": "choose_firstn", "num": 0, "type": "osd"}),
                domain => json!({"op": "chooseleaf_firstn", "num": 0, "type": domain}),
            };
            let steps = [
                json!({"op": "take", "item": -1, "item_name": rule.take}),
                choose,
                json!({"op": "emit"}),
            ];
            json!({"rule_id": rule.id, "rule_name": rule.name, "steps": steps})
        })
        .collect();
    json!({"devices": devices, "types": [], "buckets": buckets, "rules": rules})
}

fn status(ceph: &CephFacts) -> Value {
    let states: Vec<Value> = ceph
        .pgs
        .states
        .iter()
        .map(|(state, count)| json!({"state_name": state, "count": count}))
        .collect();
    json!({"fsid": ceph.fsid, "pgmap": {
        "num_pgs": ceph.pgs.total, "pgs_by_state": states, "degraded_objects": ceph.pgs.degraded_objects,
        "misplaced_objects": ceph.pgs.misplaced_objects,
    }})
}

fn auth_ls(ceph: &CephFacts) -> Value {
    let entities = ceph.auth.known().map(Vec::as_slice).unwrap_or_default();
    let dump: Vec<Value> = entities
        .iter()
        .map(|entity| json!({"entity": entity.entity, "key": "", "caps": entity.caps}))
        .collect();
    json!({"auth_dump": dump})
}

fn config_dump(ceph: &CephFacts) -> Value {
    let options = ceph.config.known().map(Vec::as_slice).unwrap_or_default();
    Value::Array(
        options
            .iter()
            .map(|option| json!({"section": option.section, "mask": option.mask, "name": option.name, "value": option.value}))
            .collect(),
    )
}

fn daemon_metadata(ceph: &CephFacts, kind: &str) -> Value {
    let of_kind = ceph
        .daemon_hosts
        .iter()
        .filter(|(daemon, _)| daemon.kind.as_str() == kind);
    Value::Array(
        of_kind
            .map(|(daemon, host)| json!({"name": daemon.id, "hostname": host}))
            .collect(),
    )
}
