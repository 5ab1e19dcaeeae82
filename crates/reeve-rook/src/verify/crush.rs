//! The CRUSH map then and now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::crush_names::rename_buckets;
use crate::facts::Pool;

/// Most differences that are named.
const MOST: usize = 20;

/// Returns what differs between two answers to `ceph osd crush dump`, in words, but for the plan's renames; empty if nothing does.
pub(super) fn differences(before: &Value, now: &Value, renames: &BTreeMap<String, String>) -> Vec<String> {
    let (mut before, mut now) = (before.clone(), now.clone());
    rename_buckets(&mut before, renames);
    rename_buckets(&mut now, renames);
    let mut found = Vec::new();
    let parts = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut names = parts(&before);
    names.extend(parts(&now));
    names.sort();
    names.dedup();
    for part in names {
        let (one, other) = (&before[&part], &now[&part]);
        if one == other {
            continue;
        }
        match (one.as_array(), other.as_array()) {
            (Some(one), Some(other)) => found.extend(of_lists(&part, one, other)),
            _ => found.push(format!("{part} differ")),
        }
    }
    found.truncate(MOST);
    found
}

/// Returns the names of rules that are new, called like a pool, and used by no pool: Rook makes such a rule for every CephBlockPool.
pub(super) fn unused_rules_of_pools(before: &Value, now: &Value, pools: &[Pool]) -> Vec<String> {
    let rules = |map: &Value| map["rules"].as_array().cloned().unwrap_or_default();
    let had: BTreeSet<String> = rules(before).iter().map(name_of).collect();
    let unused = |rule: &Value| {
        pools
            .iter()
            .all(|pool| Some(pool.crush_rule) != rule["rule_id"].as_i64())
    };
    rules(now)
        .iter()
        .filter(|rule| unused(rule))
        .map(name_of)
        .filter(|name| !had.contains(name) && pools.iter().any(|pool| pool.name == *name))
        .collect()
}

/// Returns a map without some of its rules.
pub(super) fn without_rules(map: &Value, names: &[String]) -> Value {
    let mut map = map.clone();
    if let Some(rules) = map["rules"].as_array_mut() {
        rules.retain(|rule| !names.contains(&name_of(rule)));
    }
    map
}

fn of_lists(part: &str, before: &[Value], now: &[Value]) -> Vec<String> {
    let by_name = |list: &[Value]| -> BTreeMap<String, Value> {
        list.iter().map(|entry| (name_of(entry), entry.clone())).collect()
    };
    let (before, now) = (by_name(before), by_name(now));
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let added = now.keys().filter(|name| !before.contains_key(*name));
    let changed = before
        .iter()
        .filter(|(name, entry)| now.get(*name).is_some_and(|now| now != *entry));
    gone.map(|name| format!("{part}: {name} is gone"))
        .chain(added.map(|name| format!("{part}: {name} is new")))
        .chain(changed.map(|(name, _)| format!("{part}: {name} differs")))
        .collect()
}

/// Returns what an entry of a list is called.
fn name_of(entry: &Value) -> String {
    ["name", "rule_name", "type_name"]
        .iter()
        .find_map(|key| entry[key].as_str())
        .map_or_else(|| entry["id"].to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_plans_renames_are_no_difference() {
        let renames = BTreeMap::from([("ceph-n1".to_owned(), "n1".to_owned())]);
        let dump = |name: &str, weight: u32, rules: &[&str]| {
            json!({
                "buckets": [{ "id": -3, "name": name, "weight": weight }, { "id": -4, "name": format!("{name}~hdd") }],
                "rules": rules.iter().map(|rule| json!({ "rule_name": rule })).collect::<Vec<_>>(),
                "tunables": { "a": 1 },
            })
        };
        let before = dump("ceph-n1", 1, &["replicated_rule"]);
        assert_eq!(
            differences(&before, &dump("n1", 1, &["replicated_rule"]), &renames),
            Vec::<String>::new()
        );
        assert_eq!(
            differences(&before, &dump("n1", 2, &["replicated_rule", "volumes"]), &renames),
            ["buckets: n1 differs", "rules: volumes is new"]
        );
        assert_eq!(
            differences(&before, &dump("n2", 1, &[]), &renames),
            [
                "buckets: n1 is gone",
                "buckets: n1~hdd is gone",
                "buckets: n2 is new",
                "buckets: n2~hdd is new",
                "rules: replicated_rule is gone"
            ]
        );
        let mut tuned = before.clone();
        tuned["tunables"]["a"] = 2.into();
        assert_eq!(differences(&before, &tuned, &renames), ["tunables differ"]);
    }
}
