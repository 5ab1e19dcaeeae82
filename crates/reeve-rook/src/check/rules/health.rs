//! Ceph's own health.

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::rule::{Judgement, Rule};
use crate::facts::{HealthCheck, HealthStatus};

const CEPH_CODES: &str = "ceph/ceph: doc/rados/operations/health-checks.rst";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.health-err",
        title: "Ceph's health is not HEALTH_ERR",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "Rook's controllers wait while the health is an error, and every hand-over takes one more daemon away for a while.",
        remedy: "See what it is with `ceph health detail`, resolve it, and survey again.",
        source: "rook/rook: pkg/operator/ceph/controller/controller_utils.go – IsReadyToReconcile",
        judge: error,
    },
    Rule {
        id: "rook.health-blocking",
        title: "No health check is raised that makes stopping a daemon dangerous",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[],
        reason: "While this is so, a daemon that is stopped may not come back, or may take data with it.",
        remedy: "See `ceph health detail`, resolve {code}, and survey again.",
        source: CEPH_CODES,
        judge: blocking,
    },
    Rule {
        id: "rook.health-warning",
        title: "No other health check is raised",
        severity: Severity::Warning,
        waiver: None,
        needs: &[],
        reason: "It need not stand in the way, but afterwards nobody can tell whether the take-over brought it.",
        remedy: "See `ceph health detail`; resolve {code} if that is possible, or keep it in mind.",
        source: CEPH_CODES,
        judge: warning,
    },
];

/// What a health code means for a take-over.
#[derive(Debug, PartialEq, Eq)]
enum Weight {
    /// Another rule looks at the fact behind it.
    OwnRule,
    /// Stopping a daemon is dangerous.
    Blocking,
    /// A person should know.
    Worth,
    /// It has nothing to do with a take-over.
    Harmless,
}

/// Codes that other rules judge together with the fact behind them.
const OWN_RULE: &[&str] = &[
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM",
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED",
    "DAEMON_OLD_VERSION",
    "MGR_DOWN",
    "MON_CLOCK_SKEW",
    "MON_DOWN",
    "MON_MSGR2_NOT_ENABLED",
    "OBJECT_MISPLACED",
    "OBJECT_UNFOUND",
    "OSDMAP_FLAGS",
    "OSD_BACKFILLFULL",
    "OSD_FULL",
    "OSD_NEARFULL",
    "OSD_UPGRADE_FINISHED",
    "POOL_NO_REDUNDANCY",
];

const BLOCKING: &[&str] = &[
    "BLUESTORE_DISK_SIZE_MISMATCH",
    "BLUESTORE_NO_COMPRESSION",
    "BLUESTORE_SPURIOUS_READ_ERRORS",
    "DEGRADED_STRETCH_MODE",
    "DEVICE_HEALTH_IN_USE",
    "DEVICE_HEALTH_TOOMANY",
    "FS_DEGRADED",
    "FS_WITH_FAILED_MDS",
    "MDS_ALL_DOWN",
    "MDS_DAMAGE",
    "MON_DISK_CRIT",
    "MON_DISK_LOW",
    "MON_NETSPLIT",
    "OSD_FILESTORE",
    "OSD_NO_SORTBITWISE",
    "OSD_ORPHAN",
    "OSD_OUT_OF_ORDER_FULL",
    "OSD_SCRUB_ERRORS",
    "OSD_SLOW_PING_TIME_BACK",
    "OSD_SLOW_PING_TIME_FRONT",
    "OSD_TOO_MANY_REPAIRS",
    "OSD_UNREACHABLE",
    "POOL_FULL",
    "SLOW_OPS",
];

const HARMLESS: &[&str] = &[
    "BLUESTORE_LEGACY_STATFS",
    "BLUESTORE_NO_PER_PG_OMAP",
    "BLUESTORE_NO_PER_POOL_OMAP",
    "DASHBOARD_DEBUG",
    "FS_INLINE_DATA_DEPRECATED",
    "LARGE_OMAP_OBJECTS",
    "MANY_OBJECTS_PER_PG",
    "PG_NOT_DEEP_SCRUBBED",
    "PG_NOT_SCRUBBED",
    "PG_SLOW_SNAP_TRIMMING",
    "POOL_APP_NOT_ENABLED",
    "POOL_PG_NUM_NOT_POWER_OF_TWO",
    "POOL_TARGET_SIZE_BYTES_OVERCOMMITTED",
    "POOL_TARGET_SIZE_RATIO_OVERCOMMITTED",
    "POOL_TOO_FEW_PGS",
    "POOL_TOO_MANY_PGS",
    "TELEMETRY_CHANGED",
    "TOO_FEW_PGS",
    "TOO_MANY_PGS",
];

fn weigh(code: &str, check: &HealthCheck) -> Weight {
    let osd_down = code == "OSD_DOWN" || (code.starts_with("OSD_") && code.ends_with("_DOWN"));
    if HARMLESS.contains(&code) {
        Weight::Harmless
    } else if OWN_RULE.contains(&code) || osd_down || code.starts_with("PG_") {
        Weight::OwnRule
    } else if BLOCKING.contains(&code) || check.severity == HealthStatus::Err {
        Weight::Blocking
    } else {
        Weight::Worth
    }
}

fn error(cx: &Context<'_>, out: &mut Judgement<'_>) {
    if cx.facts.ceph.health.status == HealthStatus::Err {
        let codes: Vec<&str> = cx.facts.ceph.health.checks.keys().map(String::as_str).collect();
        out.found("cluster", "Ceph reports HEALTH_ERR.", &[])
            .by("ceph health detail", codes.join("\n"));
    }
}

fn blocking(cx: &Context<'_>, out: &mut Judgement<'_>) {
    raised(cx, out, &Weight::Blocking);
}

fn warning(cx: &Context<'_>, out: &mut Judgement<'_>) {
    raised(cx, out, &Weight::Worth);
}

fn raised(cx: &Context<'_>, out: &mut Judgement<'_>, weight: &Weight) {
    for (code, check) in &cx.facts.ceph.health.checks {
        if weigh(code, check) == *weight {
            let muted = if check.muted { " (muted)" } else { "" };
            let fact = format!("Ceph raises {code}{muted}: {}.", check.summary.trim_end_matches('.'));
            out.found(format!("health {code}"), fact, &[("code", code)])
                .by("ceph health detail", check.detail.join("\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_on_two_lists() {
        let mut all: Vec<&str> = [OWN_RULE, BLOCKING, HARMLESS].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn scrub_lag_is_harmless_although_other_pg_codes_are_not() {
        let check = HealthCheck {
            severity: HealthStatus::Warn,
            summary: String::new(),
            detail: vec![],
            muted: false,
        };
        assert_eq!(weigh("PG_NOT_SCRUBBED", &check), Weight::Harmless);
        assert_eq!(weigh("PG_DEGRADED", &check), Weight::OwnRule);
        assert_eq!(weigh("OSD_HOST_DOWN", &check), Weight::OwnRule);
        assert_eq!(weigh("RECENT_CRASH", &check), Weight::Worth);
        let error = HealthCheck {
            severity: HealthStatus::Err,
            ..check
        };
        assert_eq!(weigh("SOMETHING_NEW", &error), Weight::Blocking);
    }
}
