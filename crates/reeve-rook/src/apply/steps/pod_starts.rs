//! When the daemons' pods started, and what became of a pod that started again.

use std::collections::BTreeMap;

use reeve_journal::StepError;
use reeve_kube::Resource;
use serde_json::Value;

use super::rook_cluster::of_daemons;
use crate::apply::World;
use crate::apply::earlier::PodStart;
use crate::apply::failure;

/// Returns the daemons' pods that are not on their way out, by daemon: `mon.n1`.
pub(super) async fn pods_of_daemons(world: &World) -> Result<BTreeMap<String, Value>, StepError> {
    let pods = of_daemons(world, Resource::POD).await?;
    let stay = |(_, pod): &(String, Value)| pod["metadata"]["deletionTimestamp"].is_null();
    Ok(pods.into_iter().filter(stay).collect())
}

/// Returns when a pod started, and who made it.
pub(super) fn pod_start(pod: &Value) -> PodStart {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    PodStart {
        uid: text(&pod["metadata"]["uid"]),
        started: text(&pod["status"]["startTime"]),
        restarts: containers(pod)
            .filter_map(|container| container["restartCount"].as_i64())
            .sum(),
        replica_set: pod["metadata"]["ownerReferences"][0]["name"]
            .as_str()
            .map(str::to_owned),
    }
}

/// Tells how a daemon has started again since its pod was recorded, or nothing if it has not.
pub(super) async fn started_again(
    world: &World,
    daemon: &str,
    before: &PodStart,
    pod: Option<&Value>,
) -> Result<Option<String>, StepError> {
    let Some(how) = how_started_again(daemon, before, pod) else {
        return Ok(None);
    };
    let now = pod.map(pod_start);
    let Some((old, new)) = now.as_ref().and_then(|now| other_replica_set(before, now)) else {
        return Ok(Some(how));
    };
    let template = async |name: &str| {
        let found = world.cluster.get(Resource::REPLICA_SET, world.namespace(), name).await;
        let set = found.map_err(failure::request)?.unwrap_or_default();
        Ok::<Value, StepError>(set["spec"]["template"].clone())
    };
    let (old, new) = futures::try_join!(template(old), template(new))?;
    let mut changed = Vec::new();
    differences(&old, &new, "", &mut changed);
    Ok(Some(reeve_untrusted::short(
        &format!("{how}: {}", changed.join(", ")),
        400,
    )))
}

/// Returns the ReplicaSets of two pods, if they are known and not the same.
fn other_replica_set<'a>(before: &'a PodStart, now: &'a PodStart) -> Option<(&'a str, &'a str)> {
    let (old, new) = (before.replica_set.as_deref()?, now.replica_set.as_deref()?);
    (old != new).then_some((old, new))
}

/// A pod of another ReplicaSet says that its Deployment's template changed; one of the same, that the old pod was deleted or lost; and the same pod, that one of
/// its containers ended by itself or was killed by its health probe.
fn how_started_again(daemon: &str, before: &PodStart, pod: Option<&Value>) -> Option<String> {
    let Some(pod) = pod else {
        return Some(format!("{daemon} (has no pod)"));
    };
    let now = pod_start(pod);
    let how = if now.uid != before.uid {
        let why = if other_replica_set(before, &now).is_some() {
            ", because its Deployment changed"
        } else if before.replica_set.is_some() && now.replica_set.is_some() {
            ", the old one was deleted"
        } else {
            ""
        };
        format!("another pod since {}{why}", now.started)
    } else if now.restarts != before.restarts {
        let ended: Vec<String> = containers(pod).filter_map(ended).collect();
        if ended.is_empty() {
            format!("{} restarts, {} before", now.restarts, before.restarts)
        } else {
            ended.join(", ")
        }
    } else {
        return None;
    };
    Some(reeve_untrusted::short(&format!("{daemon} ({how})"), 200))
}

/// Says how a container ended before it started the last time, or nothing if it has never ended.
fn ended(container: &Value) -> Option<String> {
    let last = container["lastState"]["terminated"].as_object()?;
    let text = |name: &str| last.get(name).and_then(Value::as_str).unwrap_or("unknown");
    let code = last.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    let name = container["name"].as_str().unwrap_or_default();
    Some(format!(
        "container {name} ended at {} with exit code {code}, {}",
        text("finishedAt"),
        text("reason")
    ))
}

/// How many differences are told.
const MOST_DIFFERENCES: usize = 3;

/// Writes down where two pod templates differ: `spec.containers.watch-active.env.ROOK_CEPH_VERSION was A, is B`.
fn differences(old: &Value, new: &Value, place: &str, into: &mut Vec<String>) {
    let below = |key: &str| {
        if place.is_empty() {
            key.to_owned()
        } else {
            format!("{place}.{key}")
        }
    };
    if old == new || into.len() >= MOST_DIFFERENCES || place == "metadata.labels.pod-template-hash" {
        return;
    }
    let (Some(old_parts), Some(new_parts)) = (parts(old), parts(new)) else {
        let text = |value: &Value| match value {
            Value::Null => "absent".to_owned(),
            other => reeve_untrusted::short(&other.to_string(), 60),
        };
        into.push(format!("{place} was {}, is {}", text(old), text(new)));
        return;
    };
    for key in old_parts
        .keys()
        .chain(new_parts.keys().filter(|key| !old_parts.contains_key(*key)))
    {
        let part = |of: &BTreeMap<String, Value>| of.get(key).cloned().unwrap_or_default();
        differences(&part(&old_parts), &part(&new_parts), &below(key), into);
    }
}

/// Returns what an object or a list consists of; the members of a list by their names, where they have one, else by their numbers.
fn parts(value: &Value) -> Option<BTreeMap<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone().into_iter().collect()),
        Value::Array(list) => {
            let key = |(number, member): (usize, &Value)| {
                let name = member["name"].as_str();
                (name.map_or_else(|| number.to_string(), str::to_owned), member.clone())
            };
            Some(list.iter().enumerate().map(key).collect())
        }
        _ => None,
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["status"]["containerStatuses"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(uid: &str, replica_set: &str, status: &Value) -> Value {
        json!({
            "metadata": { "uid": uid, "ownerReferences": [{ "kind": "ReplicaSet", "name": replica_set }] },
            "status": { "startTime": "2026-11-30T06:25:06Z", "containerStatuses": status },
        })
    }

    fn again(before: &Value, now: Option<&Value>) -> Option<String> {
        how_started_again("mgr.a", &pod_start(before), now)
    }

    #[test]
    fn a_pod_that_stayed_has_not_started_again() {
        let once = json!([{ "name": "mgr", "restartCount": 1, "lastState": { "terminated": { "exitCode": 1 } } }]);
        let same = pod("1", "mgr-a-55", &once);
        assert_eq!(again(&same, Some(&same)), None);
    }

    #[test]
    fn another_pod_is_told_with_what_made_it() {
        let old = pod("1", "mgr-a-55", &json!([]));
        assert_eq!(
            again(&old, Some(&pod("2", "mgr-a-77", &json!([])))).unwrap(),
            "mgr.a (another pod since 2026-11-30T06:25:06Z, because its Deployment changed)"
        );
        assert_eq!(
            again(&old, Some(&pod("2", "mgr-a-55", &json!([])))).unwrap(),
            "mgr.a (another pod since 2026-11-30T06:25:06Z, the old one was deleted)"
        );
        assert_eq!(again(&old, None).unwrap(), "mgr.a (has no pod)");
    }

    #[test]
    fn what_changed_in_a_template_is_told_by_names() {
        let template = |version: &str, tolerated: &Value, more: &Value| {
            json!({
                "metadata": { "labels": { "pod-template-hash": version, "app": "rook-ceph-mgr" } },
                "spec": {
                    "containers": [
                        { "name": "mgr", "args": ["--id=a"] },
                        { "name": "watch-active", "env": [{ "name": "ROOK_CEPH_VERSION", "value": version }] },
                    ],
                    "tolerations": [tolerated],
                    "more": more,
                },
            })
        };
        let said = |old: &Value, new: &Value| {
            let mut changed = Vec::new();
            differences(old, new, "", &mut changed);
            changed
        };
        let old = template("18.2.7", &json!({ "key": "unreachable" }), &Value::Null);
        assert!(said(&old, &old).is_empty());
        let new = template("0.0.0", &json!({ "key": "not-ready" }), &json!("x".repeat(500)));
        let changed = said(&old, &new);
        assert_eq!(
            changed[..2],
            [
                r#"spec.containers.watch-active.env.ROOK_CEPH_VERSION.value was "18.2.7", is "0.0.0""#,
                "spec.more was absent, is \"xxx",
            ]
            .map(|start| changed
                .iter()
                .find(|it| it.starts_with(start))
                .cloned()
                .unwrap_or_default())
        );
        assert_eq!(
            changed[2],
            r#"spec.tolerations.0.key was "unreachable", is "not-ready""#
        );
        assert_eq!(changed.len(), MOST_DIFFERENCES);
        assert!(changed[1].len() < 200, "{changed:?}");
        // No more than that is told.
        let other = json!({ "a": 1, "b": 2, "c": 3, "d": 4 });
        assert_eq!(said(&json!({}), &other).len(), MOST_DIFFERENCES);
    }

    #[test]
    fn a_record_of_an_older_reeve_knows_no_replica_set() {
        let before: PodStart = serde_json::from_value(json!({ "uid": "1", "started": "", "restarts": 0 })).unwrap();
        let now = pod("2", "mgr-a-55", &json!([]));
        assert_eq!(
            how_started_again("mgr.a", &before, Some(&now)).unwrap(),
            "mgr.a (another pod since 2026-11-30T06:25:06Z)"
        );
    }

    #[test]
    fn a_container_that_ended_is_told_with_its_end() {
        let runs = |count: i64| json!({ "name": "mgr", "restartCount": count });
        let sidecar = |count: i64| {
            json!({ "name": "watch-active", "restartCount": count, "lastState": { "terminated":
                { "exitCode": 137, "reason": "Error", "finishedAt": "2026-11-30T06:26:00Z" } } })
        };
        let before = pod("1", "mgr-a-55", &json!([runs(0), runs(0)]));
        assert_eq!(
            again(&before, Some(&pod("1", "mgr-a-55", &json!([runs(0), sidecar(1)])))).unwrap(),
            "mgr.a (container watch-active ended at 2026-11-30T06:26:00Z with exit code 137, Error)"
        );
        assert_eq!(
            again(&before, Some(&pod("1", "mgr-a-55", &json!([runs(0), runs(1)])))).unwrap(),
            "mgr.a (1 restarts, 0 before)"
        );
    }
}
