//! Broken facts about OSDs, pools and CRUSH.

use std::collections::BTreeMap;

use reeve_ceph::OsdId;

use super::breaks::{bucket, warn};
use super::{Case, R, W, host, known};
use crate::facts::*;

pub(super) const DATA: &[Case] = &[
    Case {
        name: "an OSD down",
        breaks: |f| {
            f.ceph.osds[3].up = false;
            host(f, "n2").daemons[3].active = "inactive".into();
        },
        finds: &[("rook.osd-down", R, "osd.3 on n2")],
    },
    Case {
        name: "an OSD nearly full",
        breaks: |f| f.ceph.osds[3].utilization = Some(0.85),
        finds: &[("rook.osd-nearfull", R, "osd.3")],
    },
    Case {
        name: "Filestore",
        breaks: |f| f.ceph.osds[3].metadata.as_mut().unwrap().objectstore = "filestore".into(),
        finds: &[("rook.osd-filestore", R, "osd.3")],
    },
    Case {
        name: "pause",
        breaks: |f| f.ceph.osdmap.flags.extend(["pauserd".to_owned(), "pausewr".to_owned()]),
        finds: &[
            ("rook.osd-flags-blocking", R, "flag pauserd"),
            ("rook.osd-flags-blocking", R, "flag pausewr"),
        ],
    },
    Case {
        name: "noout",
        breaks: |f| {
            f.ceph.osdmap.flags.insert("noout".into());
            warn(f, "OSDMAP_FLAGS");
        },
        finds: &[("rook.osd-flags-set", W, "flag noout")],
    },
    Case {
        name: "caps of an OSD",
        breaks: |f| {
            let osd = known(&mut f.ceph.auth)
                .iter_mut()
                .find(|entity| entity.entity == "osd.3")
                .unwrap();
            osd.caps.remove("mgr");
        },
        finds: &[("rook.osd-caps", W, "osd.3")],
    },
    Case {
        name: "two OSDs without entities",
        breaks: |f| known(&mut f.ceph.auth).retain(|entity| !["osd.3", "osd.4"].contains(&entity.entity.as_str())),
        finds: &[("rook.osd-caps", W, "2 OSDs")],
    },
    Case {
        name: "a pool of size one",
        breaks: |f| {
            f.ceph.pools[1].size = 1;
            f.ceph.pools[1].min_size = 1;
            warn(f, "POOL_NO_REDUNDANCY");
        },
        finds: &[("rook.pool-size-one", R, "pool volumes")],
    },
    Case {
        name: "min_size equals size",
        breaks: |f| f.ceph.pools[1].min_size = 3,
        finds: &[("rook.pool-min-size", R, "pool volumes")],
    },
    Case {
        name: "a pool of size two",
        breaks: |f| {
            f.ceph.pools[1].size = 2;
            f.ceph.pools[1].min_size = 1;
        },
        finds: &[("rook.pool-size-two", W, "pool volumes")],
    },
    Case {
        name: "copies on one host",
        breaks: |f| f.ceph.crush.rules[0].failure_domain = "osd".into(),
        finds: &[
            ("rook.pool-domain-osd", W, "pool .mgr"),
            ("rook.pool-domain-osd", W, "pool volumes"),
        ],
    },
    Case {
        name: "PGs not clean",
        breaks: |f| {
            f.ceph.pgs.states = BTreeMap::from([("active+clean".into(), 30), ("active+undersized+degraded".into(), 3)]);
        },
        finds: &[("rook.pgs-not-clean", R, "cluster")],
    },
    Case {
        name: "misplaced objects",
        breaks: |f| f.ceph.pgs.misplaced_objects = 5,
        finds: &[("rook.pgs-not-clean", R, "cluster")],
    },
    Case {
        name: "a mirrored pool",
        breaks: |f| f.ceph.pools[1].mirroring = Some("image".into()),
        finds: &[("rook.pool-mirroring", W, "pool volumes")],
    },
    Case {
        name: "a CRUSH host with another name",
        breaks: |f| bucket(f, "n3").name = "storage3".into(),
        finds: &[("rook.crush-host-name", W, "CRUSH host storage3")],
    },
    Case {
        name: "a hostname label with dots",
        breaks: |f| f.kubernetes.nodes[2].hostname_label = Some("n3.example.com".into()),
        finds: &[("rook.crush-host-name", W, "CRUSH host n3")],
    },
    Case {
        name: "CRUSH hosts exchanged",
        breaks: |f| {
            bucket(f, "n3").name = "x".into();
            bucket(f, "n2").name = "n3".into();
            bucket(f, "x").name = "n2".into();
        },
        finds: &[
            ("rook.crush-host-taken", R, "CRUSH host n2"),
            ("rook.crush-host-taken", R, "CRUSH host n3"),
        ],
    },
    Case {
        name: "a host with two CRUSH hosts",
        breaks: |f| {
            bucket(f, "n3").children = vec![4];
            let extra = Bucket {
                id: -50,
                name: "n3-ssd".into(),
                kind: "host".into(),
                children: vec![5],
            };
            f.ceph.crush.buckets.push(extra);
            bucket(f, "default").children.push(-50);
        },
        finds: &[("rook.crush-host-split", R, "host n3")],
    },
    Case {
        name: "two hosts in one CRUSH host",
        breaks: |f| {
            bucket(f, "n3").children.clear();
            bucket(f, "n2").children = vec![2, 3, 4, 5];
        },
        finds: &[("rook.crush-host-shared", R, "CRUSH host n2")],
    },
    Case {
        name: "an OSD right under the root",
        breaks: |f| {
            bucket(f, "n3").children = vec![4];
            bucket(f, "default").children.push(5);
        },
        finds: &[("rook.osd-outside-host", R, "osd.5")],
    },
    Case {
        name: "an OSD nowhere in CRUSH",
        breaks: |f| bucket(f, "n3").children = vec![4],
        finds: &[("rook.osd-outside-host", R, "osd.5")],
    },
    Case {
        name: "another root",
        breaks: |f| bucket(f, "default").name = "hdd".into(),
        finds: &[("rook.crush-root", W, "CRUSH root hdd")],
    },
    Case {
        name: "a rack label without a rack",
        breaks: |f| {
            f.kubernetes.nodes[0]
                .labels
                .insert("topology.rook.io/rack".into(), "r1".into());
        },
        finds: &[("rook.topology-labels", W, "node n1")],
    },
    Case {
        name: "a region named like its zone, in racks that agree",
        breaks: |f| {
            *f = crate::sample::Cluster {
                racks: 3,
                ..crate::sample::Cluster::default()
            }
            .facts();
            bucket(f, "rack1").kind = "zone".into();
            let labels = [
                ("topology.kubernetes.io/region", "rack1"),
                ("topology.kubernetes.io/zone", "rack1"),
            ];
            f.kubernetes.nodes[0].labels = labels.map(|(label, value)| (label.into(), value.into())).into();
        },
        finds: &[],
    },
    Case {
        name: "an OSD without a class",
        breaks: |f| f.ceph.crush.devices[3].class.clear(),
        finds: &[("rook.osd-without-class", W, "osd.3")],
    },
    Case {
        name: "an OSD that ceph-volume does not know",
        breaks: |f| known(&mut host(f, "n2").volumes).retain(|volume| volume.id != OsdId(3)),
        finds: &[("rook.osd-not-listed", R, "osd.3 on n2")],
    },
    Case {
        name: "an OSD on two disks",
        breaks: |f| {
            let mut volume = known(&mut host(f, "n2").volumes)[0].clone();
            volume.device = "/dev/old".into();
            known(&mut host(f, "n3").volumes).push(volume);
        },
        finds: &[("rook.osd-listed-twice", R, "osd.2")],
    },
    Case {
        name: "another uuid",
        breaks: |f| known(&mut host(f, "n2").volumes)[1].uuid = "00000000-0000-4000-8000-ffffffffffff".into(),
        finds: &[("rook.osd-uuid-differs", R, "osd.3 on n2")],
    },
    Case {
        name: "a disk of a purged OSD",
        breaks: |f| {
            let mut volume = known(&mut host(f, "n2").volumes)[1].clone();
            volume.id = OsdId(77);
            known(&mut host(f, "n2").volumes).push(volume);
        },
        finds: &[("rook.osd-stale-volume", R, "osd.77 on n2")],
    },
    Case {
        name: "a disk of another cluster",
        breaks: |f| {
            let mut volume = known(&mut host(f, "n2").volumes)[1].clone();
            volume.cluster = Some("99999999-2222-3333-4444-555555555555".into());
            volume.device = "/dev/other".into();
            known(&mut host(f, "n2").volumes).push(volume);
        },
        finds: &[("rook.osd-other-cluster", R, "/dev/other on n2")],
    },
    Case {
        name: "a raw OSD with a DB",
        breaks: |f| known(&mut host(f, "n2").volumes)[1].db = Some("/dev/nvme0n1p1".into()),
        finds: &[("rook.osd-raw-with-db", R, "osd.3 on n2")],
    },
    Case {
        name: "a raw OSD that says it has a WAL",
        breaks: |f| f.ceph.osds[3].metadata.as_mut().unwrap().dedicated_wal = true,
        finds: &[("rook.osd-raw-with-db", R, "osd.3 on n2")],
    },
    Case {
        name: "ceph-disk",
        breaks: |f| known(&mut host(f, "n2").volumes)[1].layout = VolumeLayout::Simple,
        finds: &[("rook.osd-simple", R, "osd.3 on n2")],
    },
    Case {
        name: "encrypted and plain on a node",
        breaks: |f| known(&mut host(f, "n2").volumes)[1].encrypted = true,
        finds: &[("rook.osd-encryption-mixed", R, "host n2")],
    },
    Case {
        name: "an encrypted node",
        breaks: |f| {
            known(&mut host(f, "n2").volumes)
                .iter_mut()
                .for_each(|volume| volume.encrypted = true)
        },
        finds: &[("rook.osd-encrypted", W, "host n2")],
    },
];
