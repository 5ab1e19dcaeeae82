//! All that a take-over may touch, as it is at one moment, to compare with another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Laboratory;

/// All that a take-over may touch, as lines of text by name, so that a difference can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    parts: BTreeMap<String, BTreeSet<String>>,
}

/// Kinds of objects in Rook's namespace that Rook or reeve make.
const KINDS: &str =
    "deployments,replicasets,daemonsets,jobs,pods,configmaps,secrets,services,cephclusters,leases,poddisruptionbudgets";

impl Picture {
    /// Looks at everything. Keys are compared, too; they stand in memory only.
    #[must_use]
    pub fn take(lab: &Laboratory) -> Self {
        let mut parts = BTreeMap::new();
        let mut part = |name: &str, lines: BTreeSet<String>| {
            parts.insert(name.to_owned(), lines);
        };
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        part("mon map", lines(&lab.ceph(&["mon", "dump", "--format", "json"])));
        let crush: Value = lab.ceph_json(&["osd", "crush", "dump"]);
        part("CRUSH map", flat(&crush));
        part("options", each(&lab.ceph_json(&["config", "dump"])));
        part("keys", lines(&keys(&lab.ceph_json(&["auth", "ls"]))));
        let osds = lab.ceph_json(&["osd", "dump"]);
        part("OSD flags", each(&osds["flags_set"]));
        part("pools", pools(&osds["pools"]));
        part(
            "mgr modules",
            each(&lab.ceph_json(&["mgr", "module", "ls"])["enabled_modules"]),
        );
        part("objects", objects(lab));
        part(
            "namespace",
            flat(&lab.kubectl_json(&["get", "namespace", "rook-ceph"])["metadata"]["annotations"]),
        );
        let operator = lab.kubectl_json(&[
            "--namespace",
            "rook-ceph",
            "get",
            "configmap",
            "rook-ceph-operator-config",
        ]);
        part("operator's settings", flat(&operator["data"]));
        let nodes = lab.kubectl_json(&["get", "nodes"]);
        let annotated = nodes["items"].as_array().into_iter().flatten().filter_map(|node| {
            let address = node["metadata"]["annotations"]["network.rook.io/mon-ip"].as_str()?;
            Some(format!("{} {address}", node["metadata"]["name"]))
        });
        part("nodes' annotations", annotated.collect());
        for node in &lab.nodes {
            part(&format!("units of {node}"), units(lab, node));
            // A mon writes this file anew now and then, beside its store.
            let list = "find /var/lib/rook /var/lib/ceph/mon /var/lib/ceph/osd -mindepth 1 -maxdepth 2 ! -name 'external_log_to*' -printf '%p %u:%g\\n' 2>/dev/null; true";
            part(
                &format!("folders of {node}"),
                lines(&lab.on(node, &["sh", "-c", list]).out),
            );
        }
        Self { parts }
    }

    /// Returns what `later` has and this has not (`+`), and the other way round (`-`).
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.parts.keys().chain(later.parts.keys()).collect();
        let none = BTreeSet::new();
        let mut all = Vec::new();
        for name in names {
            let (before, after) = (
                self.parts.get(name).unwrap_or(&none),
                later.parts.get(name).unwrap_or(&none),
            );
            all.extend(before.difference(after).map(|line| format!("- {name}: {line}")));
            all.extend(after.difference(before).map(|line| format!("+ {name}: {line}")));
        }
        all
    }
}

/// Returns the members of a list, each as a line.
fn each(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(ToString::to_string).collect()
}

/// Returns every leaf of a value with its path, each as a line.
fn flat(value: &Value) -> BTreeSet<String> {
    fn walk(path: &str, value: &Value, lines: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| walk(&format!("{path}/{key}"), value, lines)),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .for_each(|(number, value)| walk(&format!("{path}/{number}"), value, lines)),
            leaf => {
                lines.insert(format!("{path} = {leaf}"));
            }
        }
    }
    let mut lines = BTreeSet::new();
    walk("", value, &mut lines);
    lines
}

fn keys(auth: &Value) -> String {
    let entries = auth["auth_dump"].as_array().into_iter().flatten();
    entries
        .map(|entry| format!("{} {} {}\n", entry["entity"], entry["key"], entry["caps"]))
        .collect()
}

/// Returns what an operator sets on pools; counters and epochs change by themselves.
fn pools(list: &Value) -> BTreeSet<String> {
    let pools = list.as_array().into_iter().flatten();
    pools
        .map(|pool| {
            let keys = [
                "pool_name",
                "size",
                "min_size",
                "crush_rule",
                "pg_num",
                "pg_autoscale_mode",
                "flags_names",
            ];
            keys.map(|key| format!("{key}={} ", pool[key])).concat()
        })
        .collect()
}

fn objects(lab: &Laboratory) -> BTreeSet<String> {
    let mut words = vec!["--namespace", "rook-ceph", "get", KINDS];
    words.extend([
        "--no-headers",
        "--output",
        "custom-columns=KIND:.kind,NAME:.metadata.name",
    ]);
    let mut text = lab.kubectl(&words, None).fine();
    let policies = "validatingadmissionpolicies,validatingadmissionpolicybindings";
    let more = [
        "get",
        policies,
        "--no-headers",
        "--output",
        "custom-columns=KIND:.kind,NAME:.metadata.name",
    ];
    text.push_str(&lab.kubectl(&more, None).fine());
    text.lines()
        // The operator comes back with another pod; Kubernetes leaves old ReplicaSets.
        .filter(|line| {
            !(line.contains("rook-ceph-operator-") && (line.starts_with("Pod") || line.starts_with("ReplicaSet")))
        })
        // Held by the operator while it runs; not made by this run.
        .filter(|line| !line.contains("rook-ceph-operator-lock"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn units(lab: &Laboratory, node: &str) -> BTreeSet<String> {
    let script = "systemctl list-units --all --plain --no-legend 'ceph-mon@*' 'ceph-mgr@*' 'ceph-osd@*' | awk '{print $1, $3}'; \
                  systemctl list-unit-files --plain --no-legend 'ceph-*@*' | awk '{print $1, $2}'";
    lab.on(node, &["sh", "-c", script])
        .out
        .lines()
        .map(str::to_owned)
        .collect()
}
