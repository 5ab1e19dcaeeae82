//! What the kubelet says of a daemon's pod while the daemon is awaited.

use std::time::Duration;

use reeve_ceph::DaemonName;
use reeve_kube::Resource;
use serde_json::Value;

use crate::apply::World;
use crate::apply::looking::Look;
use crate::plan::steps::selector;

/// Starts of a container that failed before waiting is over: the kubelet then waits 20 s and longer for the next one, and the daemon is away.
const FAILED_STARTS: i64 = 2;

/// For how long Kubernetes is asked before Ceph is asked instead.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reasons for which a container never starts on this node. The image was proved there before, so it has gone since.
const HOPELESS: [&str; 4] = [
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "ImageInspectError",
    "InvalidImageName",
];

/// Tells why it is too early, or of no use, to ask Ceph for a daemon; nothing if its pod runs, as far as Kubernetes says.
///
/// A question to Kubernetes costs next to nothing; one to Ceph starts a program on the admin host, which may be the very host where the daemon starts.
/// An API server that does not answer is no reason to wait for it: then Ceph is asked.
pub(super) async fn not_running(world: &World, daemon: &DaemonName) -> Option<Look> {
    let selector = selector(daemon);
    let found = world.cluster.select(Resource::POD, world.namespace(), &selector);
    let pods = tokio::time::timeout(PATIENCE, found).await.ok()?.ok()?;
    let mut alive = pods
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] != "Failed");
    let Some(pod) = alive.next() else {
        return Some(Look::NotYet(format!("there is no pod of {daemon}")));
    };
    judge(daemon, &pod["status"])
}

/// Judges a pod's status.
///
/// Source: kubernetes: `pkg/kubelet/kuberuntime/kuberuntime_manager.go` (`CrashLoopBackOff`), `pkg/kubelet/images/types.go` (reasons of images).
fn judge(daemon: &DaemonName, status: &Value) -> Option<Look> {
    let containers = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|list| status[list].as_array().into_iter().flatten());
    for container in containers {
        let waits = container["state"]["waiting"]["reason"].as_str().unwrap_or_default();
        let name = container["name"].as_str().unwrap_or_default();
        let failed = container["restartCount"].as_i64().unwrap_or_default();
        if HOPELESS.contains(&waits) || (waits == "CrashLoopBackOff" && failed >= FAILED_STARTS) {
            let last = &container["lastState"]["terminated"];
            let message = container["state"]["waiting"]["message"].as_str().unwrap_or_default();
            let code = last["exitCode"]
                .as_i64()
                .map(|code| format!(", last with exit code {code}"))
                .unwrap_or_default();
            let text = format!("container {name} of {daemon} does not start: {waits}{code} ({message})");
            return Some(Look::Never(reeve_untrusted::short(&text, 400)));
        }
        if waits == "CrashLoopBackOff" {
            return Some(Look::NotYet(format!(
                "container {name} of {daemon} failed and will start again"
            )));
        }
    }
    (status["phase"] == "Pending").then(|| Look::NotYet(format!("the pod of {daemon} is starting")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(status: &Value) -> Option<String> {
        judge(&DaemonName::mon("n1"), status).map(|look| match look {
            Look::Met => "met".into(),
            Look::NotYet(seen) => format!("not yet: {seen}"),
            Look::Never(seen) => format!("never: {seen}"),
        })
    }

    #[test]
    fn a_pod_that_runs_or_says_nothing_is_asked_for_in_ceph() {
        assert_eq!(seen(&json!({ "phase": "Running" })), None);
        assert_eq!(seen(&Value::Null), None);
        let started = json!({ "phase": "Running", "containerStatuses": [{ "name": "mon", "restartCount": 1, "state": { "running": {} } }] });
        assert_eq!(seen(&started), None);
    }

    #[test]
    fn a_pod_that_starts_is_waited_for() {
        let text = "not yet: the pod of mon.n1 is starting";
        assert_eq!(seen(&json!({ "phase": "Pending" })).as_deref(), Some(text));
        let pulls = json!({ "phase": "Pending", "initContainerStatuses": [{ "name": "chown", "state": { "waiting": { "reason": "ErrImagePull" } } }] });
        assert_eq!(seen(&pulls).as_deref(), Some(text));
    }

    #[test]
    fn a_pod_that_keeps_failing_is_given_up() {
        let failing = |failed: i64| {
            json!({ "phase": "Running", "containerStatuses": [{
                "name": "mon",
                "restartCount": failed,
                "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 20s" } },
                "lastState": { "terminated": { "exitCode": 1 } },
            }] })
        };
        let once = seen(&failing(1)).unwrap();
        assert_eq!(once, "not yet: container mon of mon.n1 failed and will start again");
        let again = seen(&failing(2)).unwrap();
        assert_eq!(
            again,
            "never: container mon of mon.n1 does not start: CrashLoopBackOff, last with exit code 1 (back-off 20s)"
        );
        let missing = json!({ "phase": "Pending", "initContainerStatuses": [{ "name": "chown", "state": { "waiting": { "reason": "ImagePullBackOff" } } }] });
        assert_eq!(
            seen(&missing).unwrap(),
            "never: container chown of mon.n1 does not start: ImagePullBackOff ()"
        );
    }
}
