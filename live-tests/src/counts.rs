//! What happened to each daemon, counted on the cluster itself: by systemd of the nodes and by the kubelets.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Laboratory;

/// How often units stopped and started, and containers started, since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stops of the old units, by unit and node.
    pub unit_stops: BTreeMap<String, u64>,
    /// Starts of the old units, by unit and node.
    pub unit_starts: BTreeMap<String, u64>,
    /// Starts of the daemons' own containers in pods, by Deployment: `rook-ceph-osd-0`.
    pub pod_starts: BTreeMap<String, u64>,
}

/// Source: systemd: `src/systemd/sd-messages.h` – `SD_MESSAGE_UNIT_STOPPED`.
const STOPPED: &str = "MESSAGE_ID=9d1aaa27d60140bd96365438aad20286";
/// Source: the same – `SD_MESSAGE_UNIT_STARTED`.
const STARTED: &str = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf";

impl Counts {
    /// Counts since a moment, in seconds since 1970. Kubernetes keeps its events for an hour.
    #[must_use]
    pub fn since(lab: &Laboratory, moment: u64) -> Self {
        let mut counts = Self::default();
        for node in &lab.nodes {
            for (which, into) in [(STOPPED, &mut counts.unit_stops), (STARTED, &mut counts.unit_starts)] {
                let since = format!("--since=@{moment}");
                let words = ["journalctl", "--no-pager", "--output=json", &since, which];
                for line in lab.on(node, &words).out.lines() {
                    let entry: Value = serde_json::from_str(line).unwrap_or_default();
                    let unit = entry["UNIT"].as_str().unwrap_or_default();
                    if let Some(daemon) = unit.strip_suffix(".service").filter(|unit| is_daemon(unit)) {
                        *into.entry(format!("{daemon} on {node}")).or_default() += 1;
                    }
                }
            }
        }
        let events = lab.kubectl_json(&["--namespace", "rook-ceph", "get", "events"]);
        for event in events["items"].as_array().into_iter().flatten() {
            let object = &event["involvedObject"];
            let container = object["fieldPath"].as_str().unwrap_or_default();
            let is_daemon = ["mon", "mgr", "osd"]
                .iter()
                .any(|kind| container == format!("spec.containers{{{kind}}}"));
            if event["reason"] != "Started" || !is_daemon {
                continue;
            }
            let pod = object["name"].as_str().unwrap_or_default();
            // DEPLOYMENT-REPLICASET-POD
            let deployment = pod.rsplitn(3, '-').nth(2).unwrap_or(pod);
            *counts.pod_starts.entry(deployment.to_owned()).or_default() += event["count"].as_u64().unwrap_or(1);
        }
        counts
    }

    /// Returns what was counted more than once.
    #[must_use]
    pub fn more_than_once(&self) -> Vec<String> {
        let all = self.unit_stops.iter().chain(&self.pod_starts);
        all.filter(|(_, count)| **count > 1)
            .map(|(what, count)| format!("{what}: {count}"))
            .collect()
    }
}

fn is_daemon(unit: &str) -> bool {
    ["ceph-mon@", "ceph-mgr@", "ceph-osd@"]
        .iter()
        .any(|kind| unit.starts_with(kind))
}
