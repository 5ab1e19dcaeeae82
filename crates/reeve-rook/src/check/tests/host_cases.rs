//! Broken facts about hosts.

use reeve_ceph::DaemonName;

use super::{Case, N, R, W, host, known};
use crate::facts::*;

fn data_dir<'a>(facts: &'a mut Facts, name: &str) -> &'a mut DataDir {
    known(&mut host(facts, name).data_dir)
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a host that does not answer",
        breaks: |f| {
            let because = "no route to host".to_owned();
            f.hosts
                .insert("n9".parse().unwrap(), HostReading::Unreachable { because });
        },
        finds: &[("rook.host-unreachable", R, "host n9")],
    },
    Case {
        name: "no root",
        breaks: |f| host(f, "n2").root = Reading::Known(false),
        finds: &[("rook.host-no-root", R, "host n2")],
    },
    Case {
        name: "a stray OSD",
        breaks: |f| {
            let daemon = Some("osd.3".parse().unwrap());
            host(f, "n2").stray_processes.push(StrayProcess {
                pid: 7,
                daemon,
                command: "ceph-osd -i 3".into(),
            });
        },
        finds: &[("rook.stray-process", R, "osd.3 on n2")],
    },
    Case {
        name: "a clock on its own",
        breaks: |f| host(f, "n2").time_synchronised = Reading::Known(false),
        finds: &[("rook.time-unsynchronised", W, "host n2")],
    },
    Case {
        name: "SELinux",
        breaks: |f| host(f, "n2").selinux = "enforcing".into(),
        finds: &[("rook.selinux-enforcing", W, "host n2")],
    },
    Case {
        name: "a mon's port taken",
        breaks: |f| {
            host(f, "n2").ports.insert(6789, "nginx".into());
        },
        finds: &[("rook.mon-port-foreign", R, "port 6789 on n2")],
    },
    Case {
        name: "the metrics port taken",
        breaks: |f| {
            host(f, "n2").ports.insert(9283, "ceph-mgr".into());
        },
        finds: &[("rook.port-taken", W, "port 9283 on n2")],
    },
    Case {
        name: "Debian's ids",
        breaks: |f| host(f, "n2").ceph_user = Some(UserIds { uid: 64045, gid: 64045 }),
        finds: &[("rook.ceph-uid", N, "host n2")],
    },
    Case {
        name: "virtual machines",
        breaks: |f| host(f, "n2").hypervisor = true,
        finds: &[("rook.hyperconverged", W, "host n2")],
    },
    Case {
        name: "little memory",
        breaks: |f| host(f, "n2").memory_available_bytes = Reading::Known(500 << 20),
        finds: &[("rook.host-memory", W, "host n2")],
    },
    Case {
        name: "a mgr without a unit",
        breaks: |f| {
            host(f, "n2").daemons.remove(1);
        },
        finds: &[("rook.daemon-not-found", R, "mgr.n2")],
    },
    Case {
        name: "a mgr that runs twice",
        breaks: |f| {
            let unit = host(f, "n2").daemons[1].clone();
            host(f, "n3").daemons.push(unit);
        },
        finds: &[("rook.daemon-twice", R, "mgr.n2")],
    },
    Case {
        name: "a unit of unknown making",
        breaks: |f| {
            host(f, "n2").daemons[2].deployment = Deployment::Unknown {
                exec_start: "/opt/run-osd".into(),
            };
        },
        finds: &[("rook.unit-unknown", R, "osd.2 on n2")],
    },
    Case {
        name: "a daemon in a Rook pod",
        breaks: |f| host(f, "n2").daemons[2].deployment = Deployment::Rook,
        finds: &[("rook.unit-rook", R, "osd.2 on n2")],
    },
    Case {
        name: "a unit of another cluster",
        breaks: |f| {
            let fsid = "99999999-2222-3333-4444-555555555555".to_owned();
            host(f, "n2").daemons[2].deployment = Deployment::Cephadm { fsid, image: None };
        },
        finds: &[("rook.unit-other-cluster", R, "osd.2 on n2")],
    },
    Case {
        name: "a unit that is not enabled",
        breaks: |f| host(f, "n2").daemons[2].enabled = "disabled".into(),
        finds: &[("rook.unit-not-enabled", W, "osd.2 on n2")],
    },
    Case {
        name: "a unit of a mon that is gone",
        breaks: |f| {
            let mut unit = host(f, "n2").daemons[0].clone();
            unit.daemon = DaemonName::mon("old");
            unit.active = "failed".into();
            host(f, "n2").daemons.push(unit);
        },
        finds: &[("rook.unit-leftover", W, "mon.old on n2")],
    },
    Case {
        name: "a unit of an OSD that moved",
        breaks: |f| {
            let mut unit = host(f, "n2").daemons[2].clone();
            unit.active = "inactive".into();
            host(f, "n3").daemons.push(unit);
        },
        finds: &[("rook.unit-leftover", W, "osd.2 on n3")],
    },
    Case {
        name: "Puppet",
        breaks: |f| {
            let effect = "starts what a manifest says".to_owned();
            let asleep = Reviver {
                unit: "ceph.target".into(),
                effect: "wants all".into(),
                enabled: "disabled".into(),
            };
            let awake = Reviver {
                unit: "puppet.service".into(),
                effect,
                enabled: "enabled".into(),
            };
            host(f, "n2").revivers = vec![asleep, awake];
        },
        finds: &[("rook.reviver", W, "host n2")],
    },
    Case {
        name: "units that start only what the plan masks",
        breaks: |f| {
            let own = |unit: &str| Reviver {
                unit: unit.into(),
                effect: "starts the Ceph units that it wants".into(),
                enabled: "enabled".into(),
            };
            host(f, "n2").revivers = vec![
                own("ceph.target"),
                own("ceph-osd.target"),
                own("ceph-volume@lvm-2-x.service"),
            ];
        },
        finds: &[],
    },
    Case {
        name: "only disabled revivers",
        breaks: |f| {
            let asleep = Reviver {
                unit: "ceph.target".into(),
                effect: "wants all".into(),
                enabled: "disabled".into(),
            };
            host(f, "n2").revivers = vec![asleep];
        },
        finds: &[],
    },
    Case {
        name: "a mon without a store",
        breaks: |f| host(f, "n2").mon_stores.clear(),
        finds: &[("rook.mon-store-missing", R, "mon.n2 on n2")],
    },
    Case {
        name: "a store of LevelDB",
        breaks: |f| host(f, "n2").mon_stores[0].kv_backend = Some("leveldb".into()),
        finds: &[("rook.mon-store-backend", R, "mon.n2 on n2")],
    },
    Case {
        name: "a data directory that Rook forbids",
        breaks: |f| f.scope.data_dir_host_path = "/etc/ceph/".into(),
        finds: &[("rook.data-dir-path", R, "dataDirHostPath")],
    },
    Case {
        name: "a data directory without a root",
        breaks: |f| f.scope.data_dir_host_path = "var/lib/rook".into(),
        finds: &[("rook.data-dir-path", R, "dataDirHostPath")],
    },
    Case {
        name: "a data directory with dots",
        breaks: |f| f.scope.data_dir_host_path = "/var/lib/../rook".into(),
        finds: &[("rook.data-dir-path", R, "dataDirHostPath")],
    },
    Case {
        name: "a store of an earlier Rook",
        breaks: |f| data_dir(f, "n2").entries = ["lost+found", "mon-a"].map(String::from).into(),
        finds: &[("rook.data-dir-leftovers", R, "host n2")],
    },
    Case {
        name: "the folder of an earlier namespace",
        breaks: |f| data_dir(f, "n2").entries = ["rook-ceph"].map(String::from).into(),
        finds: &[("rook.data-dir-leftovers", R, "host n2")],
    },
    Case {
        name: "a foreign folder in the data directory",
        breaks: |f| data_dir(f, "n2").entries = ["lost+found"].map(String::from).into(),
        finds: &[],
    },
    Case {
        name: "a data directory in memory",
        breaks: |f| data_dir(f, "n2").filesystem = "tmpfs".into(),
        finds: &[("rook.data-dir-volatile", R, "host n2")],
    },
    Case {
        name: "a data directory on another file system",
        breaks: |f| data_dir(f, "n2").device = 1,
        finds: &[("rook.data-dir-other-filesystem", R, "mon.n2 on n2")],
    },
    Case {
        name: "little space",
        breaks: |f| data_dir(f, "n2").free_bytes = (192 << 20) - 1,
        finds: &[("rook.data-dir-space", R, "host n2")],
    },
    Case {
        name: "just enough space",
        breaks: |f| data_dir(f, "n2").free_bytes = 192 << 20,
        finds: &[],
    },
];
