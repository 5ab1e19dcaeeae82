//! Broken facts about Ceph's health, versions, mons, mgrs and the orchestrator.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonType;

use super::breaks::{raise, rename_mon, set, warn};
use super::{Case, N, R, W, host, known};
use crate::facts::*;

pub(super) const HEALTH: &[Case] = &[
    Case {
        name: "HEALTH_ERR",
        breaks: |f| f.ceph.health.status = HealthStatus::Err,
        finds: &[("rook.health-err", R, "cluster")],
    },
    Case {
        name: "slow operations",
        breaks: |f| warn(f, "SLOW_OPS"),
        finds: &[("rook.health-blocking", R, "health SLOW_OPS")],
    },
    Case {
        name: "an error code nobody knows",
        breaks: |f| raise(f, "SOMETHING_NEW", HealthStatus::Err),
        finds: &[("rook.health-blocking", R, "health SOMETHING_NEW")],
    },
    Case {
        name: "a recent crash",
        breaks: |f| warn(f, "RECENT_CRASH"),
        finds: &[("rook.health-warning", W, "health RECENT_CRASH")],
    },
    Case {
        name: "lagging scrubs",
        breaks: |f| warn(f, "PG_NOT_DEEP_SCRUBBED"),
        finds: &[],
    },
    Case {
        name: "MON_DOWN",
        breaks: |f| warn(f, "MON_DOWN"),
        finds: &[("rook.mon-down", R, "cluster")],
    },
    Case {
        name: "a mon out of quorum",
        breaks: |f| {
            f.ceph.quorum.names.remove("n3");
            warn(f, "MON_DOWN");
            f.ceph.health.status = HealthStatus::Warn;
        },
        finds: &[("rook.mon-down", R, "mon.n3 on n3")],
    },
    Case {
        name: "clock skew",
        breaks: |f| warn(f, "MON_CLOCK_SKEW"),
        finds: &[("rook.mon-clock-skew", R, "cluster")],
    },
    Case {
        name: "OSD_DOWN",
        breaks: |f| warn(f, "OSD_DOWN"),
        finds: &[("rook.osd-down", R, "cluster")],
    },
    Case {
        name: "OSD_NEARFULL",
        breaks: |f| warn(f, "OSD_NEARFULL"),
        finds: &[("rook.osd-nearfull", R, "cluster")],
    },
    Case {
        name: "PG_DEGRADED",
        breaks: |f| warn(f, "PG_DEGRADED"),
        finds: &[("rook.pgs-not-clean", R, "cluster")],
    },
    Case {
        name: "POOL_NO_REDUNDANCY",
        breaks: |f| warn(f, "POOL_NO_REDUNDANCY"),
        finds: &[("rook.pool-size-one", R, "cluster")],
    },
    Case {
        name: "MGR_DOWN",
        breaks: |f| warn(f, "MGR_DOWN"),
        finds: &[("rook.mgr-none", R, "cluster")],
    },
    Case {
        name: "DAEMON_OLD_VERSION",
        breaks: |f| warn(f, "DAEMON_OLD_VERSION"),
        finds: &[("rook.versions-mixed", R, "cluster")],
    },
    Case {
        name: "OSD_UPGRADE_FINISHED",
        breaks: |f| warn(f, "OSD_UPGRADE_FINISHED"),
        finds: &[("rook.osd-release-behind", R, "cluster")],
    },
    Case {
        name: "MON_MSGR2_NOT_ENABLED",
        breaks: |f| warn(f, "MON_MSGR2_NOT_ENABLED"),
        finds: &[("rook.mon-without-v2", R, "cluster")],
    },
    Case {
        name: "insecure clients",
        breaks: |f| warn(f, "AUTH_INSECURE_GLOBAL_ID_RECLAIM"),
        finds: &[("rook.insecure-global-id", R, "clients")],
    },
    Case {
        name: "insecure reclaim allowed",
        breaks: |f| {
            known(&mut f.ceph.config).clear();
            warn(f, "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED");
        },
        finds: &[("rook.insecure-global-id-allowed", W, "cluster")],
    },
];

pub(super) const DAEMONS: &[Case] = &[
    Case {
        name: "two versions",
        breaks: |f| {
            let line = "ceph version 18.2.6 (0) reef (stable)".to_owned();
            f.ceph.versions.insert(DaemonType::Mgr, BTreeMap::from([(line, 2)]));
        },
        finds: &[("rook.versions-mixed", R, "cluster")],
    },
    Case {
        name: "two builds of one version",
        breaks: |f| {
            let line = "ceph version 18.2.7 (0) reef (stable)".to_owned();
            f.ceph.versions.insert(DaemonType::Mgr, BTreeMap::from([(line, 2)]));
        },
        finds: &[("rook.versions-mixed", R, "cluster")],
    },
    Case {
        name: "require_osd_release behind",
        breaks: |f| f.ceph.osdmap.require_osd_release = "quincy".into(),
        finds: &[("rook.osd-release-behind", R, "cluster")],
    },
    Case {
        name: "a pair that Rook refuses",
        breaks: |f| known(&mut f.kubernetes.operator).version = Some("1.19.10".into()),
        finds: &[("rook.ceph-unsupported", R, "cluster")],
    },
    Case {
        name: "a Rook nobody tested",
        breaks: |f| known(&mut f.kubernetes.operator).version = Some("1.17.8".into()),
        finds: &[
            ("rook.kubernetes-range", W, "Kubernetes"),
            ("rook.version-untested", W, "Rook operator"),
        ],
    },
    Case {
        name: "a Rook nobody tested, on its Kubernetes",
        breaks: |f| {
            known(&mut f.kubernetes.operator).version = Some("1.17.8".into());
            f.kubernetes.version = "v1.31.2".into();
        },
        finds: &[("rook.version-untested", W, "Rook operator")],
    },
    Case {
        name: "no image said",
        breaks: |f| f.scope.ceph_image = None,
        finds: &[("rook.image-not-said", R, "Ceph image")],
    },
    Case {
        name: "an image of another version",
        breaks: |f| {
            let image = "quay.example/ceph/ceph:v18.2.8";
            f.scope.ceph_image = Some(image.into());
            for name in ["n1", "n2", "n3"] {
                known(&mut host(f, name).images).insert(image.into());
            }
        },
        finds: &[("rook.image-version", R, "Ceph image")],
    },
    Case {
        name: "one mon",
        breaks: |f| {
            f.ceph.monmap.mons.truncate(1);
            f.ceph.quorum.names = BTreeSet::from(["n1".into()]);
            for name in ["n2", "n3"] {
                host(f, name).daemons.remove(0);
            }
        },
        finds: &[("rook.mon-no-spare", W, "cluster")],
    },
    Case {
        name: "two mons",
        breaks: |f| {
            f.ceph.monmap.mons.truncate(2);
            f.ceph.quorum.names.remove("n3");
            host(f, "n3").daemons.remove(0);
        },
        finds: &[("rook.mon-no-spare", W, "cluster")],
    },
    Case {
        name: "four mons",
        breaks: |f| {
            *f = crate::sample::Cluster {
                hosts: 4,
                mons: 4,
                ..crate::sample::Cluster::default()
            }
            .facts();
        },
        finds: &[("rook.mon-even", N, "cluster")],
    },
    Case {
        name: "a mon id with capitals",
        breaks: |f| rename_mon(f, "N3"),
        finds: &[("rook.mon-id-refused", R, "mon.N3")],
    },
    Case {
        name: "a mon id with an underscore",
        breaks: |f| rename_mon(f, "n_3"),
        finds: &[("rook.mon-id-refused", R, "mon.n_3")],
    },
    Case {
        name: "a mon id that is too long",
        breaks: |f| rename_mon(f, "n34567890123456789012345678901234567890123456789012"),
        finds: &[(
            "rook.mon-id-refused",
            R,
            "mon.n34567890123456789012345678901234567890123456789012",
        )],
    },
    Case {
        name: "a mon id with a dot",
        breaks: |f| rename_mon(f, "n3.example"),
        finds: &[("rook.mon-id-dotted", W, "mon.n3.example")],
    },
    Case {
        name: "a mon id with mon",
        breaks: |f| rename_mon(f, "mon3"),
        finds: &[("rook.mon-id-path", N, "mon.mon3")],
    },
    Case {
        name: "a mon id of letters",
        breaks: |f| rename_mon(f, "alpha"),
        finds: &[("rook.mon-id-number", N, "mon.alpha")],
    },
    Case {
        name: "a mon without msgr2",
        breaks: |f| f.ceph.monmap.mons[1].v2 = None,
        finds: &[("rook.mon-without-v2", R, "mon.n2")],
    },
    Case {
        name: "a mon with msgr2 elsewhere",
        breaks: |f| f.ceph.monmap.mons[1].v2 = Some("198.18.0.12:3301".into()),
        finds: &[("rook.mon-without-v2", R, "mon.n2")],
    },
    Case {
        name: "a mon without msgr1",
        breaks: |f| f.ceph.monmap.mons[1].v1 = None,
        finds: &[("rook.mon-v2-only", N, "mon.n2")],
    },
    Case {
        name: "two mons on a host",
        breaks: |f| {
            let unit = host(f, "n3").daemons.remove(0);
            let store = host(f, "n3").mon_stores.remove(0);
            let first = host(f, "n1");
            first.daemons.push(unit);
            first.mon_stores.push(store);
            f.ceph.monmap.mons[2].v2 = Some("198.18.0.11:3300".into());
        },
        finds: &[("rook.mon-shared-host", R, "host n1")],
    },
    Case {
        name: "a mon on another network",
        breaks: |f| f.ceph.monmap.mons[2].v2 = Some("203.0.113.3:3300".into()),
        finds: &[("rook.mon-ip-not-on-node", W, "mon.n3")],
    },
    Case {
        name: "stretch mode",
        breaks: |f| f.ceph.monmap.stretch_mode = true,
        finds: &[("rook.stretch-mode", R, "cluster")],
    },
    Case {
        name: "no active mgr",
        breaks: |f| f.ceph.mgr.active = None,
        finds: &[("rook.mgr-none", R, "cluster")],
    },
    Case {
        name: "no standby mgr",
        breaks: |f| f.ceph.mgr.standbys.clear(),
        finds: &[("rook.mgr-no-standby", W, "cluster")],
    },
    Case {
        name: "the dashboard",
        breaks: |f| {
            f.ceph.mgr.modules.insert("dashboard".into());
        },
        finds: &[("rook.dashboard", W, "mgr module dashboard")],
    },
    Case {
        name: "a setting of one mgr",
        breaks: |f| set(f, "mgr", "mgr/prometheus/n1/server_addr", "198.18.0.11"),
        finds: &[("rook.mgr-config-by-id", N, "config mgr/prometheus/n1/server_addr")],
    },
    Case {
        name: "cephadm",
        breaks: |f| known(&mut f.ceph.orchestrator).backend = Some("cephadm".into()),
        finds: &[("rook.orchestrator-active", W, "orchestrator")],
    },
    Case {
        name: "a cephadm upgrade",
        breaks: |f| known(&mut f.ceph.orchestrator).upgrade = Some("quay.example/ceph/ceph:v19".into()),
        finds: &[("rook.orchestrator-upgrade", R, "cephadm")],
    },
    Case {
        name: "Rook as orchestrator",
        breaks: |f| known(&mut f.ceph.orchestrator).backend = Some("rook".into()),
        finds: &[("rook.orchestrator-rook", R, "orchestrator")],
    },
];
