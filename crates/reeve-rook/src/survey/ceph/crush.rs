//! The CRUSH map.

use std::collections::BTreeMap;

use reeve_ceph::{CrushDump, OsdId};

use crate::facts::{Bucket, Crush, CrushDevice, CrushRule};

/// Turns `ceph osd crush dump` into facts: without shadow buckets, and without holes in the numbers of OSDs.
pub(super) fn crush(dump: &CrushDump) -> Crush {
    // Shadow buckets repeat the hierarchy for one device class each; no other name may hold a tilde.
    let real = || dump.buckets.iter().filter(|bucket| !bucket.name.contains('~'));
    let mut buckets: Vec<Bucket> = real()
        .map(|bucket| Bucket {
            id: bucket.id,
            name: bucket.name.clone(),
            kind: bucket.type_name.clone(),
            children: bucket.items.iter().map(|item| item.id).collect(),
        })
        .collect();
    buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.id));
    let weights: BTreeMap<i64, i64> = real()
        .flat_map(|bucket| &bucket.items)
        .filter(|item| item.id >= 0)
        .map(|item| (item.id, item.weight))
        .collect();
    let mut devices: Vec<CrushDevice> = dump
        .devices
        .iter()
        .filter(|device| device.name.starts_with("osd."))
        .filter_map(|device| {
            let id = OsdId(u32::try_from(device.id).ok()?);
            // The weight is a 16.16 fixed-point number.
            let weight = weights.get(&device.id).copied().unwrap_or(0) as f64 / 65_536.0;
            Some(CrushDevice {
                id,
                class: device.class.clone(),
                weight,
            })
        })
        .collect();
    devices.sort_by_key(|device| device.id);
    let mut rules: Vec<CrushRule> = dump
        .rules
        .iter()
        .map(|rule| CrushRule {
            id: rule.rule_id,
            name: rule.rule_name.clone(),
            take: rule.take().to_owned(),
            failure_domain: rule.failure_domain().to_owned(),
        })
        .collect();
    rules.sort_by_key(|rule| rule.id);
    Crush {
        buckets,
        devices,
        rules,
    }
}
