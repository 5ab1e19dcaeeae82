//! Pools and placement groups.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::rule::{Judgement, Rule};
use crate::facts::PoolKind;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.pool-size-one",
        title: "Every pool has at least two copies",
        severity: Severity::Refusal,
        waiver: Some(
            "I/O to the pool stops while an OSD that holds a part of it is handed over, and a disk lost then is data lost",
        ),
        needs: &[],
        reason: "Its data cannot be read while the OSD that holds it is handed over.",
        remedy: "ceph osd pool set {pool} size 3",
        source: "ceph/ceph: doc/rados/operations/pools.rst – size, min_size",
        judge: size_one,
    },
    Rule {
        id: "rook.pool-min-size",
        title: "Every pool serves with one copy less",
        severity: Severity::Refusal,
        waiver: Some("I/O to the pool stops while an OSD that holds a part of it is handed over"),
        needs: &[],
        reason: "With min_size equal to size, I/O to the pool stops whenever one OSD is down, and `ceph osd ok-to-stop` refuses.",
        remedy: "ceph osd pool set {pool} min_size {min_size}",
        source: "ceph/ceph: doc/rados/operations/pools.rst – size, min_size",
        judge: min_size,
    },
    Rule {
        id: "rook.pool-size-two",
        title: "Every replicated pool has three copies",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "While one OSD is handed over, the other copy is the only one: a disk lost then is data lost.",
        remedy: "ceph osd pool set {pool} size 3",
        source: "ceph/ceph: doc/rados/operations/pools.rst – size, min_size",
        judge: size_two,
    },
    Rule {
        id: "rook.pool-domain-osd",
        title: "Copies lie on different hosts",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "Several copies may lie on one host, so OSDs of a host are handed over one at a time only, and a host lost meanwhile can take data with it.",
        remedy: "Give the pool a rule with failure domain host: `ceph osd crush rule create-replicated by-host default host`, then `ceph osd pool set {pool} crush_rule by-host`. That moves data.",
        source: "ceph/ceph: doc/rados/operations/crush-map.rst – Rules",
        judge: domain_osd,
    },
    Rule {
        id: "rook.pgs-not-clean",
        title: "All placement groups are active+clean and every object is in its place",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Where copies are missing, the next OSD that is stopped may hold the last one.",
        remedy: "Watch `ceph pg stat` until all are active+clean and nothing is degraded or misplaced, then survey again.",
        source: "ceph/ceph: doc/rados/operations/pg-states.rst",
        judge: pgs,
    },
    Rule {
        id: "rook.pool-mirroring",
        title: "No pool is mirrored to another cluster",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "A CephBlockPool for it without mirroring, the default, switches mirroring off and removes the peers.",
        remedy: "Leave the pool unmanaged, as the plan does; see `rbd mirror pool info {pool}`.",
        source: "rook/rook: pkg/operator/ceph/pool/controller.go – reconcileCreatePool, disableMirroring",
        judge: mirroring,
    },
];

fn size_one(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for pool in cx.facts.ceph.pools.iter().filter(|pool| pool.size < 2) {
        let fact = format!("Pool {} has size {}.", pool.name, pool.size);
        out.found(format!("pool {}", pool.name), fact, &[("pool", &pool.name)]);
    }
    let some_seen = cx.facts.ceph.pools.iter().any(|pool| pool.size < 2);
    if let (false, Some(check)) = (some_seen, cx.health("POOL_NO_REDUNDANCY")) {
        out.found(
            "cluster",
            format!("Ceph raises POOL_NO_REDUNDANCY: {}.", check.summary),
            &[("pool", "POOL")],
        )
        .by("ceph health detail", check.detail.join("\n"));
    }
}

fn min_size(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for pool in cx
        .facts
        .ceph
        .pools
        .iter()
        .filter(|pool| pool.size >= 2 && pool.min_size >= pool.size)
    {
        let fact = format!(
            "Pool {} has size {} and min_size {}.",
            pool.name, pool.size, pool.min_size
        );
        let lower = (pool.size - 1).to_string();
        out.found(
            format!("pool {}", pool.name),
            fact,
            &[("pool", &pool.name), ("min_size", &lower)],
        );
    }
}

fn size_two(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for pool in cx
        .facts
        .ceph
        .pools
        .iter()
        .filter(|pool| pool.size == 2 && pool.kind == PoolKind::Replicated)
    {
        let fact = format!("Pool {} has size 2 and min_size {}.", pool.name, pool.min_size);
        out.found(format!("pool {}", pool.name), fact, &[("pool", &pool.name)]);
    }
}

fn domain_osd(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let ceph = &cx.facts.ceph;
    for pool in &ceph.pools {
        match ceph.crush.rules.iter().find(|rule| rule.id == pool.crush_rule) {
            Some(rule) if rule.failure_domain == "osd" && pool.size > 1 => {
                let fact = format!(
                    "Pool {} uses rule {}, which keeps copies on different OSDs only.",
                    pool.name, rule.name
                );
                out.found(format!("pool {}", pool.name), fact, &[("pool", &pool.name)]);
            }
            Some(_) => {}
            None => out.unseen(format!(
                "rule of pool {}: rule {} is not in the CRUSH map",
                pool.name, pool.crush_rule
            )),
        }
    }
}

fn pgs(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let pgs = &cx.facts.ceph.pgs;
    let codes: Vec<&str> = cx
        .facts
        .ceph
        .health
        .checks
        .keys()
        .map(String::as_str)
        .filter(|code| tells_of_pgs(code))
        .collect();
    let parts: Vec<String> = [
        (u64::from(pgs.unclean()), "PGs are not active+clean"),
        (pgs.degraded_objects, "objects are degraded"),
        (pgs.misplaced_objects, "objects are misplaced"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let states = || {
        pgs.states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    if !parts.is_empty() {
        out.found("cluster", format!("{}.", parts.join(", ")), &[])
            .by("ceph pg stat", states());
    } else if !codes.is_empty() {
        out.found("cluster", format!("Ceph raises {}.", codes.join(", ")), &[])
            .by("ceph pg stat", states());
    }
}

/// Returns whether a health code says that data is not as it should be; lagging scrubs and trims do not.
fn tells_of_pgs(code: &str) -> bool {
    let lag = ["PG_NOT_SCRUBBED", "PG_NOT_DEEP_SCRUBBED", "PG_SLOW_SNAP_TRIMMING"];
    (code.starts_with("PG_") && !lag.contains(&code)) || ["OBJECT_MISPLACED", "OBJECT_UNFOUND"].contains(&code)
}

fn mirroring(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for pool in &cx.facts.ceph.pools {
        if let Some(mode) = pool.mirroring.as_deref().filter(|mode| *mode != "disabled") {
            out.found(
                format!("pool {}", pool.name),
                format!("Pool {} is mirrored ({mode}).", pool.name),
                &[("pool", &pool.name)],
            );
        }
    }
}
