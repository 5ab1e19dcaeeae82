//! The pod that proves the Ceph image on a node.

use serde_json::{Value, json};

use super::gate;
use crate::plan::steps::ProveImage;

/// Returns a pod that prints version and user of the image on one node and ends.
///
/// It is bound to the node by affinity, so that taints are tolerated by name and the scheduler still has its say.
pub(crate) fn probe_pod(namespace: &str, step: &ProveImage) -> Value {
    let tolerations: Vec<Value> = step
        .tolerations
        .iter()
        .map(|key| json!({ "key": key, "operator": "Exists" }))
        .collect();
    // Node names may have dots and be as long as a pod's name may be; a pod's name may too.
    let node: String = step.node.chars().take(240).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": format!("reeve-image-{}", node.trim_end_matches(['.', '-'])), "namespace": namespace, "labels": gate::labels() },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "hostNetwork": true,
            "nodeSelector": { "kubernetes.io/hostname": step.hostname },
            "tolerations": tolerations,
            "activeDeadlineSeconds": 600,
            "containers": [{
                "name": "ceph",
                "image": step.image,
                "command": ["/bin/sh", "-c", "ceph --version && id ceph"],
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}
