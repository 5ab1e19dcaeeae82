//! Mon stores, and the directory where Rook will look for them.

use reeve_report::Severity;

use super::home_of_mon;
use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};

const DATA_DIR: &str = "rook/rook: Documentation/CRDs/Cluster/ceph-cluster-crd.md – dataDirHostPath";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.mon-store-missing",
        title: "Every mon's store was found",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "Without its store a mon that Rook starts makes a fresh one and joins the quorum with it.",
        remedy: "Look for `store.db` of mon.{mon} on {host} (packages: /var/lib/ceph/mon, cephadm: /var/lib/ceph/FSID/mon.{mon}), and survey again.",
        source: "rook/rook: pkg/operator/ceph/cluster/mon/spec.go – makeMonFSInitContainer; ceph/ceph: src/ceph_mon.cc – mkfs",
        judge: store_missing,
    },
    Rule {
        id: "rook.mon-store-backend",
        title: "Every mon's store is RocksDB",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Hosts],
        reason: "The Ceph versions that Rook accepts open RocksDB stores only.",
        remedy: "Rebuild mon.{mon} with the legacy tooling, one mon at a time: remove it, make it again, wait for quorum, and survey again.",
        source: "ceph/ceph: doc/releases/quincy.rst – LevelDB support has been removed",
        judge: store_backend,
    },
    Rule {
        id: "rook.data-dir-path",
        title: "dataDirHostPath is a path that Rook accepts",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook mounts other things at /etc/ceph, /rook and /var/log/ceph in its pods, and needs an absolute path.",
        remedy: "Survey again with another path: `reeve rook survey --data-dir-host-path /var/lib/rook`.",
        source: DATA_DIR,
        judge: path,
    },
    Rule {
        id: "rook.data-dir-leftovers",
        title: "dataDirHostPath holds nothing of an earlier Rook",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::DataDir],
        reason: "A mon that finds an old store there starts with it, and a mon store that is not the newest can undo what the cluster has agreed on.",
        remedy: "Make sure that nothing on {host} uses it, then move it away: `mv {path} {aside}`.",
        source: "rook/rook: Documentation/Getting-Started/ceph-teardown.md – Delete the data on hosts",
        judge: leftovers,
    },
    Rule {
        id: "rook.data-dir-volatile",
        title: "dataDirHostPath survives a reboot",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::DataDir],
        reason: "Mon stores lie there; with the host's next boot the mon would be lost.",
        remedy: "Mount a disk at {data_dir} on {host}, or survey again with another `--data-dir-host-path`.",
        source: DATA_DIR,
        judge: volatile,
    },
    Rule {
        id: "rook.data-dir-other-filesystem",
        title: "dataDirHostPath lies on the mon store's file system",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::DataDir],
        reason: "The store is moved by rename, so that there is never a second, older copy; rename does not reach another file system (EXDEV).",
        remedy: "Survey again with a `--data-dir-host-path` on the file system of {store}, or bind-mount a folder of that file system at {data_dir} on {host}.",
        source: "rename(2) – EXDEV; ceph/ceph: doc/rados/operations/add-or-rm-mons.rst",
        judge: other_filesystem,
    },
    Rule {
        id: "rook.data-dir-space",
        title: "There is room for mon stores to grow",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::DataDir],
        reason: "A mon store grows while PGs are not clean, to several times its size, and a mon without space ends.",
        remedy: "Free space at {data_dir} on {host} (`df -h {data_dir}`), or compact first: `ceph tell mon.{mon} compact`; then survey again.",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst – MON_DISK_LOW, MON_DISK_BIG",
        judge: space,
    },
];

fn store_missing(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in &cx.facts.ceph.monmap.mons {
        let Some((name, host)) = home_of_mon(cx, out, mon) else {
            continue;
        };
        if !host.mon_stores.iter().any(|store| store.mon == mon.name) {
            let fact = format!("mon.{} runs on {name}, and no store of it was found there.", mon.name);
            out.found(
                format!("mon.{} on {name}", mon.name),
                fact,
                &[("mon", &mon.name), ("host", name.as_str())],
            );
        }
    }
}

fn store_backend(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in &cx.facts.ceph.monmap.mons {
        let Some((name, host)) = home_of_mon(cx, out, mon) else {
            continue;
        };
        for store in host.mon_stores.iter().filter(|store| store.mon == mon.name) {
            match store.kv_backend.as_deref().map(str::trim) {
                Some("rocksdb") => {}
                Some(other) => {
                    let fact = format!("The store of mon.{} is {other}.", mon.name);
                    out.found(format!("mon.{} on {name}", mon.name), fact, &[("mon", &mon.name)])
                        .by(format!("{name}: {}/kv_backend", store.path), other);
                }
                None => out.unseen(format!(
                    "kv_backend of mon.{} on {name}: the store does not say",
                    mon.name
                )),
            }
        }
    }
}

fn path(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let path = cx.facts.scope.data_dir_host_path.as_str();
    let normal = path.trim_end_matches('/');
    let inner = normal
        .split('/')
        .skip(1)
        .any(|part| part.is_empty() || part == "." || part == "..");
    let fact = if !path.starts_with('/') {
        format!("{path:?} is not an absolute path.")
    } else if normal.is_empty() || inner {
        format!("{path} is the root folder, or has empty or dotted parts.")
    } else if ["/etc/ceph", "/rook", "/var/log/ceph"].contains(&normal) {
        format!("{path} is one of the paths that Rook needs inside its pods.")
    } else {
        return;
    };
    out.found("dataDirHostPath", fact, &[]);
}

fn leftovers(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let scope = &cx.facts.scope;
    let with_mon = |entry: &str| {
        cx.facts
            .ceph
            .monmap
            .mons
            .iter()
            .any(|mon| mon.name.contains("mon") && mon.name == entry)
    };
    for (name, host) in cx.facts.reached_hosts() {
        let Some(data_dir) = host.data_dir.known() else {
            continue;
        };
        let left: Vec<&String> = data_dir
            .entries
            .iter()
            .filter(|entry| entry.starts_with("mon-") || **entry == scope.namespace || with_mon(entry))
            .collect();
        let Some(first) = left.first() else { continue };
        let folder = scope.data_dir_host_path.trim_end_matches('/');
        let (path, aside) = (format!("{folder}/{first}"), format!("{folder}/before-takeover-{first}"));
        let fact = format!("{} on {name} has {}.", scope.data_dir_host_path, list(&left, 8));
        out.found(
            format!("host {name}"),
            fact,
            &[("host", name.as_str()), ("path", &path), ("aside", &aside)],
        )
        .by(
            format!("{name}: ls {}", scope.data_dir_host_path),
            data_dir.entries.iter().cloned().collect::<Vec<_>>().join("\n"),
        );
    }
}

fn volatile(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const VOLATILE: &[&str] = &["ramfs", "rootfs", "tmpfs"];
    for (name, host) in cx.facts.reached_hosts() {
        let Some(data_dir) = host.data_dir.known() else {
            continue;
        };
        if VOLATILE.contains(&data_dir.filesystem.as_str()) {
            let fact = format!(
                "{} on {name} lies on {}.",
                cx.facts.scope.data_dir_host_path, data_dir.filesystem
            );
            out.found(format!("host {name}"), fact, &[("host", name.as_str())]);
        }
    }
}

fn other_filesystem(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for mon in &cx.facts.ceph.monmap.mons {
        let Some((name, host)) = home_of_mon(cx, out, mon) else {
            continue;
        };
        let Some(data_dir) = host.data_dir.known() else {
            continue;
        };
        for store in host
            .mon_stores
            .iter()
            .filter(|store| store.mon == mon.name && store.device != data_dir.device)
        {
            let fact = format!(
                "{} and {} on {name} lie on different file systems.",
                cx.facts.scope.data_dir_host_path, store.path
            );
            out.found(
                format!("mon.{} on {name}", mon.name),
                fact,
                &[("host", name.as_str()), ("store", &store.path)],
            )
            .by(
                format!("{name}: stat"),
                format!("st_dev {} and {}", data_dir.device, store.device),
            );
        }
    }
}

fn space(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let stores = cx
        .facts
        .reached_hosts()
        .flat_map(|(_, host)| host.mon_stores.iter().map(|store| store.bytes));
    let wanted = stores.max().unwrap_or(0).saturating_mul(3);
    for mon in &cx.facts.ceph.monmap.mons {
        let Some((name, host)) = home_of_mon(cx, out, mon) else {
            continue;
        };
        if let Some(data_dir) = host.data_dir.known().filter(|data_dir| data_dir.free_bytes < wanted) {
            let (free, want) = (data_dir.free_bytes >> 20, wanted >> 20);
            let fact = format!(
                "{free} MiB are free at {} on {name}; three times the largest mon store is {want} MiB.",
                cx.facts.scope.data_dir_host_path
            );
            out.found(
                format!("host {name}"),
                fact,
                &[("host", name.as_str()), ("mon", &mon.name)],
            );
        }
    }
}
