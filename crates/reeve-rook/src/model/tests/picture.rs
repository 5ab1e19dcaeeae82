//! A picture of the modelled world, without what differs from one day to the next.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Stage;

/// Everything that a roll-back has to bring back.
pub(super) fn picture(stage: &Stage) -> BTreeMap<String, String> {
    let mut picture = BTreeMap::new();
    let mut see = |what: String, how: String| drop(picture.insert(what, how));
    stage.model.reach_in(|machine| {
        let ceph = &machine.ceph;
        see("mon map epoch".into(), ceph.mon_epoch.to_string());
        see("quorum".into(), format!("{:?}", ceph.quorum));
        see("flags".into(), format!("{:?}", ceph.flags));
        see("modules".into(), format!("{:?}", ceph.modules));
        see("balancer".into(), ceph.balances().to_string());
        see("orchestrator".into(), format!("{:?}", ceph.orchestrator));
        for pool in &ceph.pools {
            see(format!("pool {}", pool.name), format!("{pool:?}"));
        }
        for bucket in &ceph.crush.buckets {
            see(format!("bucket {}", bucket.id), format!("{bucket:?}"));
        }
        for (option, value) in &ceph.config {
            see(format!("option {option:?}"), value.clone());
        }
        for (entity, of) in &ceph.auth {
            see(format!("entity {entity}"), format!("{of:?}"));
        }
        for (id, osd) in &ceph.osds {
            see(format!("osd.{id}"), format!("{:?}", osd.state));
        }
        for (name, host) in &machine.hosts {
            for (path, entry) in &host.files {
                see(format!("{name}:{path}"), format!("{:?} {:?}", entry.kind, entry.owner));
            }
            for (unit, state) in &host.units {
                see(format!("{name} {unit}"), format!("runs: {}", state.pid.is_some()));
            }
        }
        let mut runs: Vec<String> = machine
            .processes
            .values()
            .map(|it| format!("{} {:?}", it.daemon, it.home))
            .collect();
        runs.sort();
        see("processes".into(), runs.join(", "));
    });
    for object in stage.model.api().everything() {
        let mut object = object;
        let name = format!(
            "{} {}/{}",
            object["kind"], object["metadata"]["namespace"], object["metadata"]["name"]
        );
        for volatile in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            object["metadata"].as_object_mut().unwrap().remove(volatile);
        }
        // The operator's pod is another after it was scaled.
        if object["metadata"]["labels"]["app"] == "rook-ceph-operator" && object["kind"] == "Pod" {
            continue;
        }
        see(name, without_empty(object).to_string());
    }
    picture
}

/// Drops maps that are empty: whether one stood there is nobody's business.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Object(
                kept.filter(|(_, value)| *value != Value::Object(serde_json::Map::new()))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Says what differs.
pub(super) fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, when: &str) {
    let gone: Vec<_> = before.iter().filter(|(what, _)| !after.contains_key(*what)).collect();
    let new: Vec<_> = after.iter().filter(|(what, _)| !before.contains_key(*what)).collect();
    let other: Vec<_> = before
        .iter()
        .filter_map(|(what, was)| after.get(what).filter(|is| *is != was).map(|is| (what, was, is)))
        .collect();
    assert!(
        gone.is_empty() && new.is_empty() && other.is_empty(),
        "{when}: gone {gone:#?}, new {new:#?}, other {other:#?}"
    );
}
