//! The `ceph` command: what it answers.

use std::collections::BTreeMap;

use reeve_ceph::{DaemonName, DaemonType, OsdId};
use serde_json::{Map, Value, json};

use super::osds::Osd;
use crate::model::host::Said;
use crate::model::machine::Machine;

fn json_said(value: &Value) -> Option<Said> {
    Some(Said::text(value.to_string()))
}

impl Machine {
    /// Answers a command that only asks; none for any other.
    pub(super) fn answer(&self, words: &[&str]) -> Option<Said> {
        match words {
            ["status" | "-s"] => json_said(&self.status()),
            ["health", "detail"] | ["health"] => json_said(&self.health()),
            ["fsid"] => Some(Said::text(format!("{}\n", self.layout.fsid))),
            ["versions"] => json_said(&self.versions()),
            ["quorum_status"] => json_said(&json!({
                "quorum_names": self.ceph.quorum,
                "quorum_leader_name": self.leader(),
                "monmap": self.mon_dump(),
            })),
            ["mon", "dump"] => json_said(&self.mon_dump()),
            ["mon", "metadata"] => {
                let all: Vec<Value> = self.ceph.mons.keys().filter_map(|id| self.mon_metadata(id)).collect();
                json_said(&json!(all))
            }
            ["mon", "metadata", mon] => json_said(&self.mon_metadata(mon).unwrap_or_default()),
            ["tell", daemon, "mon_status"] => self.mon_status(daemon.strip_prefix("mon.")?),
            ["mgr", "dump"] => json_said(&self.mgr_dump()),
            ["mgr", "module", "ls"] => json_said(&json!({
                "always_on_modules": ["balancer", "crash", "orchestrator", "pg_autoscaler"],
                "enabled_modules": self.ceph.modules,
            })),
            ["mgr", "metadata"] => json_said(&json!([])),
            ["osd", "dump"] => json_said(&self.osd_dump()),
            ["osd", "tree"] => json_said(&self.osd_tree()),
            ["osd", "crush", "dump"] => json_said(&self.crush_dump()),
            ["osd", "metadata"] => {
                let all: Vec<Value> = self.ceph.osds.keys().map(|id| self.osd_metadata(*id)).collect();
                json_said(&json!(all))
            }
            ["osd", "metadata", osd] => json_said(&self.osd_metadata(osd.parse().ok()?)),
            ["osd", "pool", "ls", "detail"] => json_said(&self.pools()),
            ["osd" | "mon", "getmap"] | ["osd", "getcrushmap"] => Some(Said::text("(a map)")),
            ["auth", "ls"] => json_said(&self.auth_ls()),
            ["auth", "export"] => Some(Said::text(self.keyring())),
            ["auth", "get-key", entity] => Some(match self.ceph.auth.get(*entity) {
                Some(found) => Said::text(found.key.clone()),
                None => Said::failed(2, format!("Error ENOENT: don't have {entity}")),
            }),
            ["config", "dump"] => json_said(&self.config_dump()),
            ["config-key", "dump"] => json_said(&json!({ "config-history/1/": "<<< binary blob of length 12 >>>" })),
            ["config-key", "ls"] => json_said(&json!([])),
            ["fs", "dump"] => json_said(&json!({ "epoch": 1, "standbys": [], "filesystems": [] })),
            ["balancer", "status"] => {
                json_said(&json!({ "active": self.ceph.balances(), "mode": "upmap", "plans": [] }))
            }
            ["pg", "stat"] => {
                let counts = self.ceph.pg_counts();
                json_said(
                    &json!({ "pg_ready": true, "pg_summary": { "num_pgs": self.ceph.pgs.len(), "num_pg_by_state": states(&counts.by_state) } }),
                )
            }
            _ => None,
        }
    }

    /// Returns raised health checks by code, with their summary.
    fn checks(&self) -> Vec<(String, String)> {
        let ceph = &self.ceph;
        let mut checks: Vec<(String, String)> = ceph
            .health
            .iter()
            .map(|(code, summary)| (code.clone(), summary.clone()))
            .collect();
        let mut raise = |code: &str, summary: String| checks.push((code.to_owned(), summary));
        let total = ceph.mons.len();
        let in_quorum = ceph.quorum.as_ref().map_or(0, |quorum| quorum.len());
        if in_quorum < total {
            raise("MON_DOWN", format!("{}/{total} mons down", total - in_quorum));
        }
        if ceph.mgrs.active.is_none() {
            raise("MGR_DOWN", "no active mgr".into());
        }
        let down = ceph.osds.values().filter(|osd| !osd.is_up()).count();
        if down > 0 {
            raise("OSD_DOWN", format!("{down} osds down"));
        }
        let flags: Vec<&str> = ["noout", "norebalance", "nodown", "noup", "nobackfill", "norecover"]
            .into_iter()
            .filter(|flag| ceph.flags.contains(*flag))
            .collect();
        if !flags.is_empty() {
            raise("OSDMAP_FLAGS", format!("{} flag(s) set", flags.join(",")));
        }
        let counts = ceph.pg_counts();
        if counts.degraded > 0 {
            raise(
                "PG_DEGRADED",
                format!("Degraded data redundancy: {} pgs degraded", counts.degraded),
            );
        }
        let inactive = |word: &&&str| word.starts_with("peering") || word.ends_with("peered");
        if counts.by_state.keys().any(|word| inactive(&word)) {
            raise("PG_AVAILABILITY", "Reduced data availability".into());
        }
        checks
    }

    fn health(&self) -> Value {
        let checks: Map<String, Value> = self
            .checks()
            .into_iter()
            .map(|(code, summary)| {
                let check = json!({ "severity": "HEALTH_WARN", "summary": { "message": summary, "count": 1 }, "detail": [], "muted": false });
                (code, check)
            })
            .collect();
        let status = if checks.is_empty() { "HEALTH_OK" } else { "HEALTH_WARN" };
        json!({ "status": status, "checks": checks, "mutes": [] })
    }

    fn status(&self) -> Value {
        let ceph = &self.ceph;
        let counts = ceph.pg_counts();
        let degraded = counts.degraded.saturating_mul(20);
        let up = ceph.osds.values().filter(|osd| osd.is_up()).count();
        json!({
            "fsid": self.layout.fsid,
            "health": self.health(),
            "election_epoch": ceph.election * 2,
            "quorum": ceph.quorum.iter().flatten().filter_map(|id| ceph.mons.get(id)).map(|mon| mon.rank).collect::<Vec<_>>(),
            "quorum_names": ceph.quorum,
            "monmap": { "epoch": ceph.mon_epoch, "num_mons": ceph.mons.len() },
            "osdmap": { "epoch": ceph.osd_epoch, "num_osds": ceph.osds.len(), "num_up_osds": up, "num_in_osds": ceph.osds.len() },
            "pgmap": {
                "num_pgs": ceph.pgs.len(),
                "num_pools": ceph.pools.len(),
                "pgs_by_state": states(&counts.by_state),
                "degraded_objects": degraded,
                "misplaced_objects": 0,
            },
            "mgrmap": { "available": ceph.mgrs.available, "num_standbys": ceph.mgrs.standbys.len(), "modules": ceph.modules, "services": {} },
        })
    }

    fn versions(&self) -> Value {
        let mut versions = Map::new();
        for kind in [DaemonType::Mon, DaemonType::Mgr, DaemonType::Osd] {
            let count = self.running(kind);
            let of_kind = if count > 0 {
                json!({ &self.layout.version_line: count })
            } else {
                json!({})
            };
            versions.insert(kind.as_str().to_owned(), of_kind);
        }
        Value::Object(versions)
    }

    fn mon_dump(&self) -> Value {
        let mut mons: Vec<_> = self.ceph.mons.iter().collect();
        mons.sort_by_key(|(_, mon)| mon.rank);
        let mons: Vec<Value> = mons
            .into_iter()
            .map(|(id, mon)| {
                let of = |kind: &str, address: &Option<String>| {
                    address
                        .as_ref()
                        .map(|addr| json!({ "type": kind, "addr": addr, "nonce": 0 }))
                };
                let addresses: Vec<Value> = [of("v2", &mon.v2), of("v1", &mon.v1)].into_iter().flatten().collect();
                json!({ "rank": mon.rank, "name": id, "public_addrs": { "addrvec": addresses } })
            })
            .collect();
        json!({ "epoch": self.ceph.mon_epoch, "fsid": self.layout.fsid, "min_mon_release_name": "reef", "mons": mons, "quorum": [] })
    }

    fn mon_metadata(&self, mon: &str) -> Option<Value> {
        let state = self.ceph.mons.get(mon)?;
        let process = self.processes.get(&state.process?)?;
        let mut metadata =
            json!({ "name": mon, "hostname": process.host, "addrs": state.v2.as_ref().or(state.v1.as_ref()) });
        if let Some(pod) = self.pod_of(state.process) {
            metadata["pod_name"] = json!(pod);
            metadata["container_hostname"] = json!(self.node_of(&process.host));
        }
        Some(metadata)
    }

    fn mon_status(&self, mon: &str) -> Option<Said> {
        let running = self.ceph.mons.get(mon).is_some_and(|it| it.process.is_some());
        if !running {
            return Some(Said::failed(
                6,
                format!("Error ENXIO: problem getting command descriptions from mon.{mon}"),
            ));
        }
        let in_quorum = self.ceph.quorum.as_ref().is_some_and(|quorum| quorum.contains(mon));
        let state = match (in_quorum, self.leader() == Some(mon)) {
            (true, true) => "leader",
            (true, false) => "peon",
            (false, _) => "probing",
        };
        json_said(&json!({ "name": mon, "state": state, "quorum": [] }))
    }

    fn mgr_dump(&self) -> Value {
        let mgrs = &self.ceph.mgrs;
        let standbys: Vec<Value> = mgrs.standbys.iter().map(|mgr| json!({ "name": mgr })).collect();
        json!({
            "epoch": 1,
            "active_name": mgrs.active.as_deref().unwrap_or_default(),
            "available": mgrs.available,
            "standbys": standbys,
            "modules": self.ceph.modules,
            "services": {},
        })
    }

    fn pools(&self) -> Value {
        let pool = |pool: &super::Pool| {
            json!({
                "pool": pool.id,
                "pool_id": pool.id,
                "pool_name": pool.name,
                "type": 1,
                "size": pool.size,
                "min_size": pool.min_size,
                "pg_num": pool.pg_num,
                "crush_rule": 0,
                "pg_autoscale_mode": pool.autoscale,
                "erasure_code_profile": "",
                "application_metadata": {},
            })
        };
        self.ceph.pools.iter().map(pool).collect()
    }

    fn osd_dump(&self) -> Value {
        let flags: Vec<&str> = self.ceph.flags.iter().map(String::as_str).collect();
        let osd = |(id, osd): (&OsdId, &Osd)| {
            let uuid = self.layout.osds.get(id).map(|osd| osd.uuid.as_str());
            json!({ "osd": id, "uuid": uuid.unwrap_or_default(), "up": i32::from(osd.is_up()), "in": 1 })
        };
        json!({
            "epoch": self.ceph.osd_epoch,
            "fsid": self.layout.fsid,
            "flags": flags.join(","),
            "full_ratio": 0.95,
            "backfillfull_ratio": 0.9,
            "nearfull_ratio": 0.85,
            "require_min_compat_client": "luminous",
            "require_osd_release": "reef",
            "pools": self.pools(),
            "osds": self.ceph.osds.iter().map(osd).collect::<Vec<_>>(),
        })
    }

    fn osd_tree(&self) -> Value {
        let crush = &self.ceph.crush;
        let buckets = crush.buckets.iter().map(
            |bucket| json!({ "id": bucket.id, "name": bucket.name, "type": bucket.kind, "children": bucket.children }),
        );
        let devices = crush.devices.iter().map(|device| {
            let up = self.ceph.osds.get(&device.id).is_some_and(Osd::is_up);
            json!({
                "id": device.id,
                "name": format!("osd.{}", device.id),
                "type": "osd",
                "device_class": device.class,
                "crush_weight": device.weight,
                "status": if up { "up" } else { "down" },
            })
        });
        json!({ "nodes": buckets.chain(devices).collect::<Vec<_>>(), "stray": [] })
    }

    fn crush_dump(&self) -> Value {
        let crush = &self.ceph.crush;
        let devices = crush.devices.iter();
        let weights: BTreeMap<i64, f64> = devices.map(|device| (i64::from(device.id.0), device.weight)).collect();
        // CRUSH keeps weights in 1/65536.
        let fixed = |weight: f64| (weight * 65_536.0).round();
        let buckets: Vec<Value> = crush
            .buckets
            .iter()
            .map(|bucket| {
                let items: Vec<Value> = bucket
                    .children
                    .iter()
                    .map(|child| json!({ "id": child, "weight": fixed(weights.get(child).copied().unwrap_or(0.0)) }))
                    .collect();
                json!({ "id": bucket.id, "name": bucket.name, "type_name": bucket.kind, "alg": "straw2", "items": items })
            })
            .collect();
        let devices: Vec<Value> = crush
            .devices
            .iter()
            .map(|device| json!({ "id": device.id, "name": format!("osd.{}", device.id), "class": device.class }))
            .collect();
        json!({ "devices": devices, "buckets": buckets, "rules": [], "tunables": {} })
    }

    fn osd_metadata(&self, id: OsdId) -> Value {
        let process = self.ceph.osds.get(&id).and_then(|osd| osd.process);
        let host = self.layout.osds.get(&id).map_or("", |osd| osd.host.as_str());
        let class = self.layout.osds.get(&id).map_or("", |osd| osd.class.as_str());
        let mut metadata = json!({
            "id": id,
            "hostname": self.node_of(host),
            "osd_objectstore": "bluestore",
            "bluestore_bdev_type": if class.is_empty() { "hdd" } else { class },
            "ceph_version": self.layout.version_line,
        });
        if let Some(pod) = self.pod_of(process) {
            metadata["pod_name"] = json!(pod);
            metadata["container_hostname"] = json!(self.node_of(host));
        }
        metadata
    }

    /// Returns the host name that daemons in pods on a host have.
    pub(in crate::model) fn node_of(&self, host: &str) -> String {
        self.layout
            .nodes
            .get(host)
            .map_or_else(|| host.to_owned(), |node| node.hostname.clone())
    }

    fn auth_ls(&self) -> Value {
        let entity = |(name, entity): (&String, &super::Entity)| json!({ "entity": name, "key": entity.key, "caps": entity.caps });
        json!({ "auth_dump": self.ceph.auth.iter().map(entity).collect::<Vec<_>>() })
    }

    fn config_dump(&self) -> Value {
        let option = |((section, mask, name), value): (&(String, String, String), &String)| json!({ "section": section, "mask": mask, "name": name, "value": value, "level": "advanced", "can_update_at_runtime": true });
        self.ceph.config.iter().map(option).collect()
    }

    /// Tells whether a daemon serves now: a mon in quorum, an OSD up, a mgr in the map.
    pub(in crate::model) fn serves(&self, daemon: &DaemonName) -> bool {
        match daemon.kind {
            DaemonType::Mon => self
                .ceph
                .quorum
                .as_ref()
                .is_some_and(|quorum| quorum.contains(&daemon.id)),
            DaemonType::Osd => {
                let osd = daemon.id.parse().ok().and_then(|id: OsdId| self.ceph.osds.get(&id));
                osd.is_some_and(Osd::is_up)
            }
            _ => self.ceph.mgrs.knows(&daemon.id) && self.process_of(daemon).is_some(),
        }
    }
}

fn states(by_state: &BTreeMap<&'static str, usize>) -> Value {
    by_state
        .iter()
        .map(|(state, count)| json!({ "state_name": state, "count": count }))
        .collect()
}
