//! Names of CRUSH buckets before and after a plan's renames.

use std::collections::BTreeMap;

use serde_json::Value;

/// Calls every bucket in (a part of) `ceph osd crush dump` as the plan calls it, shadow buckets (`ceph-n1~hdd`) too.
pub(crate) fn rename_buckets(value: &mut Value, renames: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            let (bucket, class) = match text.split_once('~') {
                Some((bucket, class)) => (bucket, Some(class)),
                None => (text.as_str(), None),
            };
            if let Some(to) = renames.get(bucket) {
                *text = class.map_or_else(|| to.clone(), |class| format!("{to}~{class}"));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename_buckets(value, renames)),
        Value::Object(map) => map.values_mut().for_each(|value| rename_buckets(value, renames)),
        _ => {}
    }
}
