//! Reads `ceph status`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::sample::ClusterView;

/// The longest name or code that is kept.
const MAX_NAME: usize = 100;
/// The most names, codes or states that are kept.
const MAX_NAMES: usize = 200;

/// Reads the answer to `ceph status --format json`; none if it is no such answer.
///
/// Sources: ceph/ceph: `src/mon/Monitor.cc` – `get_cluster_status`; `src/mon/MgrMap.h` – `print_summary`; `src/osd/OSDMap.cc` – `print_summary`;
/// `src/mon/PGMap.cc` – `PGMapDigest::print_summary`.
pub(super) fn view_of(status: &Value) -> Option<ClusterView> {
    let health = status["health"]["status"].as_str()?;
    let checks = status["health"]["checks"].as_object();
    let raised = checks.into_iter().flatten().filter(|(_, check)| check["muted"] != true);
    let pgs = &status["pgmap"];
    Some(ClusterView {
        health: safe(health),
        checks: raised.map(|(code, _)| safe(code)).take(MAX_NAMES).collect(),
        quorum: names(&status["quorum_names"]),
        mons: number(&status["monmap"]["num_mons"]),
        monmap_epoch: number(&status["monmap"]["epoch"]),
        mgr_available: status["mgrmap"]["available"] == true,
        mgr_active: None,
        mgr_standbys: number(&status["mgrmap"]["num_standbys"]),
        osds: number(&status["osdmap"]["num_osds"]),
        osds_up: number(&status["osdmap"]["num_up_osds"]),
        osds_in: number(&status["osdmap"]["num_in_osds"]),
        pgs: number(&pgs["num_pgs"]),
        pg_states: states(&pgs["pgs_by_state"]),
        objects_degraded: large(&pgs["degraded_objects"]),
        objects_misplaced: large(&pgs["misplaced_objects"]),
        read_bytes_per_second: large(&pgs["read_bytes_sec"]),
        write_bytes_per_second: large(&pgs["write_bytes_sec"]),
        reads_per_second: large(&pgs["read_op_per_sec"]),
        writes_per_second: large(&pgs["write_op_per_sec"]),
    })
}

fn safe(text: &str) -> String {
    reeve_untrusted::short(text, MAX_NAME)
}

fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).take(MAX_NAMES).map(safe).collect()
}

/// Counts that Ceph leaves out are 0.
fn large(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn number(value: &Value) -> u32 {
    u32::try_from(large(value)).unwrap_or(u32::MAX)
}

fn states(list: &Value) -> BTreeMap<String, u32> {
    let list = list.as_array().into_iter().flatten().take(MAX_NAMES);
    let state = |entry: &Value| Some((safe(entry["state_name"].as_str()?), number(&entry["count"])));
    list.filter_map(state).collect()
}

/// Reads the name of the active mgr from the answer to `ceph mgr stat --format json`.
///
/// Source: ceph/ceph: `src/mon/MgrMonitor.cc` – `preprocess_command`, `mgr stat`.
pub(super) fn active_mgr(answer: &Value) -> Option<String> {
    let name = answer["active_name"].as_str().filter(|name| !name.is_empty());
    name.map(safe)
}

/// Returns what is different in health and quorum, so that a change can be told from a repeat.
pub(super) fn standing(view: &ClusterView) -> (&str, &BTreeSet<String>, &[String], bool) {
    (&view.health, &view.checks, &view.quorum, view.mgr_available)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_recorded_status_is_read() {
        let text = include_str!("../../../reeve-ceph/tests/data/reef-18.2.7/status.json");
        let view = view_of(&serde_json::from_str(text).unwrap()).unwrap();
        insta::assert_json_snapshot!(view, @r#"
        {
          "health": "HEALTH_WARN",
          "checks": [
            "MGR_MODULE_DEPENDENCY",
            "MON_DISK_LOW"
          ],
          "quorum": [
            "n1",
            "n2",
            "n3"
          ],
          "mons": 3,
          "monmap_epoch": 1,
          "mgr_available": true,
          "mgr_standbys": 1,
          "osds": 6,
          "osds_up": 6,
          "osds_in": 6,
          "pgs": 32,
          "pg_states": {
            "active+clean": 32
          },
          "objects_degraded": 0,
          "objects_misplaced": 0,
          "read_bytes_per_second": 0,
          "write_bytes_per_second": 0,
          "reads_per_second": 0,
          "writes_per_second": 0
        }
        "#);
    }

    #[test]
    fn a_cluster_at_work_is_read() {
        let status = json!({
            "health": { "status": "HEALTH_WARN", "checks": { "OSD_DOWN": {}, "POOL_NO_REDUNDANCY": { "muted": true } } },
            "quorum_names": ["n1", "n\u{1b}[2J"],
            "pgmap": { "num_pgs": 3, "degraded_objects": 7, "write_op_per_sec": 20, "pgs_by_state": [
                { "state_name": "active+clean", "count": 1 }, { "state_name": "active+undersized+degraded", "count": 2 }
            ] },
        });
        let view = view_of(&status).unwrap();
        assert_eq!(view.checks, BTreeSet::from(["OSD_DOWN".to_owned()]));
        assert_eq!(view.quorum, ["n1", "n\\u{1b}[2J"]);
        assert_eq!(
            (
                view.pgs_that_are("undersized"),
                view.objects_degraded,
                view.writes_per_second
            ),
            (2, 7, 20)
        );
        assert_eq!(view_of(&json!({ "health": "fine" })), None);
        assert_eq!(active_mgr(&json!({ "active_name": "n2" })).as_deref(), Some("n2"));
        assert_eq!(active_mgr(&json!({ "active_name": "" })), None);
    }

    proptest! {
        /// Whatever comes, nothing that a terminal obeys is kept.
        #[test]
        fn names_are_safe(name: String) {
            let status = json!({ "health": { "status": name, "checks": { &name: {} } }, "quorum_names": [name] });
            let view = view_of(&status).unwrap();
            let kept = view.checks.iter().chain(&view.quorum).chain([&view.health]);
            for text in kept {
                prop_assert!(!text.chars().any(char::is_control) && text.chars().count() <= 10 * MAX_NAME);
            }
        }
    }
}
