//! Facts of clusters that do not exist: healthy, of any size, for tests, property tests and benchmarks.
//!
//! A rule's test takes [`Cluster::facts`] and breaks one thing; a property test draws a [`Cluster`] and plans it.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{CephVersion, DaemonName, DaemonType, OsdId};
use reeve_host::HostName;

use crate::facts::{
    AuthEntity, Bucket, CephConf, CephFacts, ConfigOption, Crush, CrushDevice, CrushRule, DaemonUnit, DataDir,
    Deployment, FACTS_FORMAT, Facts, GateState, Health, HealthStatus, HostFacts, HostReading, KubernetesFacts, MgrMap,
    Mon, MonMap, MonStore, Namespace, Node, Operator, Orchestrator, Osd, OsdMap, OsdMetadata, OsdVolume, Permission,
    PgSummary, Pool, PoolKind, Quorum, Reading, RgwSites, Scope, UserIds, VolumeLayout,
};

/// The shape of a cluster to make up. [`Cluster::default`] is the laboratory's: three hosts, three mons, two mgrs, six OSDs.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Number of hosts, 1 to 999; named `n1`, `n2` …
    pub hosts: usize,
    /// Number of mons, on the first hosts; at most `hosts`.
    pub mons: usize,
    /// Number of mgrs, on the first hosts; at most `hosts`.
    pub mgrs: usize,
    /// OSDs on each host.
    pub osds_per_host: usize,
    /// Racks over which hosts are dealt in turn; 0 puts hosts right under the root.
    pub racks: usize,
    /// Device classes that OSDs of one host take in turn.
    pub device_classes: Vec<String>,
    /// The bucket type that the pools' rule spreads over.
    pub failure_domain: String,
    /// Size of the pools.
    pub pool_size: u32,
    /// The Ceph version.
    pub version: CephVersion,
    /// The Rook version.
    pub rook: String,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            hosts: 3,
            mons: 3,
            mgrs: 2,
            osds_per_host: 2,
            racks: 0,
            device_classes: vec!["hdd".into()],
            failure_domain: "host".into(),
            pool_size: 3,
            version: CephVersion::new(18, 2, 7),
            rook: "1.18.11".into(),
        }
    }
}

impl Cluster {
    /// Returns the facts of a healthy cluster of this shape; the same shape gives the same facts.
    pub fn facts(&self) -> Facts {
        let hosts: BTreeMap<HostName, HostReading> = (0..self.hosts)
            .map(|h| (host_name(h), HostReading::Reached(Box::new(self.host(h)))))
            .collect();
        Facts {
            format: FACTS_FORMAT,
            made_by: "reeve 0.1.0".into(),
            taken_at: "2026-01-02T03:04:05Z".parse().expect("a literal timestamp"),
            scope: Scope {
                admin_host: host_name(0),
                namespace: "rook-ceph".into(),
                operator_namespace: "rook-ceph".into(),
                data_dir_host_path: "/var/lib/rook".into(),
                ceph_image: Some(self.image()),
            },
            ceph: self.ceph(),
            hosts,
            kubernetes: self.kubernetes(),
        }
    }

    fn image(&self) -> String {
        format!("quay.example/ceph/ceph:v{}", self.version)
    }

    fn version_line(&self) -> String {
        let name = self.version.release_name().to_lowercase();
        format!(
            "ceph version {} (6b0e988052ec84cf2d4a54ff9bbbc5e720b621ad) {name} (stable)",
            self.version
        )
    }

    fn osd_ids(&self, host: usize) -> impl Iterator<Item = OsdId> + use<> {
        let first = host * self.osds_per_host;
        (first..first + self.osds_per_host).map(|id| OsdId(u32::try_from(id).expect("a sample has few OSDs")))
    }

    fn class_of(&self, osd: OsdId) -> String {
        let place = osd.0 as usize % self.osds_per_host.max(1);
        self.device_classes
            .get(place % self.device_classes.len().max(1))
            .cloned()
            .unwrap_or_default()
    }

    fn ceph(&self) -> CephFacts {
        let mons: Vec<String> = (0..self.mons).map(node).collect();
        let mgrs: Vec<String> = (0..self.mgrs).map(node).collect();
        let osd_total = self.hosts * self.osds_per_host;
        let line = self.version_line();
        let count = |n: usize| BTreeMap::from([(line.clone(), u32::try_from(n).expect("a sample is small"))]);
        let mut versions = BTreeMap::new();
        for (kind, n) in [
            (DaemonType::Mon, self.mons),
            (DaemonType::Mgr, self.mgrs),
            (DaemonType::Osd, osd_total),
        ] {
            if n > 0 {
                versions.insert(kind, count(n));
            }
        }
        let osds = (0..self.hosts).flat_map(|h| self.osd_ids(h).map(move |id| (h, id)));
        CephFacts {
            fsid: "11111111-2222-3333-4444-555555555555".parse().expect("a literal fsid"),
            health: Health {
                status: HealthStatus::Ok,
                checks: BTreeMap::new(),
            },
            versions,
            monmap: MonMap {
                epoch: 1,
                mons: (0..self.mons)
                    .map(|m| Mon {
                        name: node(m),
                        rank: u32::try_from(m).expect("few mons"),
                        v2: Some(format!("{}:3300", ip(m))),
                        v1: Some(format!("{}:6789", ip(m))),
                    })
                    .collect(),
                min_mon_release: self.version.release_name().to_lowercase(),
                stretch_mode: false,
            },
            quorum: Quorum {
                names: mons.iter().cloned().collect(),
                leader: node(0),
            },
            mgr: MgrMap {
                active: mgrs.first().cloned(),
                standbys: mgrs.iter().skip(1).cloned().collect(),
                modules: ["iostat", "nfs"].map(String::from).into(),
                services: BTreeMap::new(),
            },
            osdmap: OsdMap {
                epoch: 40,
                flags: ["purged_snapdirs", "recovery_deletes", "sortbitwise"]
                    .map(String::from)
                    .into(),
                nearfull_ratio: 0.85,
                backfillfull_ratio: 0.9,
                full_ratio: 0.95,
                require_osd_release: self.version.release_name().to_lowercase(),
                require_min_compat_client: "luminous".into(),
            },
            osds: osds
                .map(|(h, id)| Osd {
                    id,
                    uuid: osd_uuid(id),
                    up: true,
                    in_cluster: true,
                    utilization: Some(0.2),
                    metadata: Some(OsdMetadata {
                        hostname: node(h),
                        objectstore: "bluestore".into(),
                        dedicated_db: false,
                        dedicated_wal: false,
                        devices: vec![device(id, self.osds_per_host).trim_start_matches("/dev/").into()],
                        front_addr: format!("{}:6800", ip(h)),
                        back_addr: format!("{}:6801", ip(h)),
                        default_device_class: self.class_of(id),
                        device_bytes: Some(4 << 40),
                        version: line.clone(),
                        container_image: None,
                        mem_total_kb: Some(64 << 20),
                    }),
                })
                .collect(),
            pools: vec![self.pool(1, ".mgr", "mgr"), self.pool(2, "volumes", "rbd")],
            crush: self.crush(),
            pgs: PgSummary {
                total: 33,
                states: BTreeMap::from([("active+clean".into(), 33)]),
                degraded_objects: 0,
                misplaced_objects: 0,
            },
            filesystems: Reading::Known(vec![]),
            services: Reading::Known(vec![]),
            rgw: Reading::Known(RgwSites::default()),
            auth: Reading::Known(self.auth()),
            config: Reading::Known(vec![ConfigOption {
                section: "mon".into(),
                mask: String::new(),
                name: "auth_allow_insecure_global_id_reclaim".into(),
                value: "false".into(),
            }]),
            config_keys: Reading::Known(BTreeSet::new()),
            orchestrator: Reading::Known(Orchestrator {
                backend: None,
                paused: false,
                upgrade: None,
            }),
            ciphers: None,
            daemon_hosts: mons
                .iter()
                .map(|m| (DaemonName::mon(m.as_str()), m.clone()))
                .chain(mgrs.iter().map(|m| (DaemonName::mgr(m.as_str()), m.clone())))
                .collect(),
        }
    }

    fn pool(&self, id: i64, name: &str, application: &str) -> Pool {
        Pool {
            id,
            name: name.into(),
            kind: PoolKind::Replicated,
            size: self.pool_size,
            min_size: self.pool_size.div_ceil(2),
            pg_num: 32,
            crush_rule: 0,
            autoscale_mode: "on".into(),
            applications: BTreeSet::from([application.into()]),
            mirroring: None,
        }
    }

    fn auth(&self) -> Vec<AuthEntity> {
        let entity = |name: &str, caps: &[(&str, &str)]| AuthEntity {
            entity: name.into(),
            caps: caps
                .iter()
                .map(|(service, cap)| ((*service).into(), (*cap).into()))
                .collect(),
        };
        let mut entities = vec![
            entity(
                "client.admin",
                &[
                    ("mon", "allow *"),
                    ("osd", "allow *"),
                    ("mgr", "allow *"),
                    ("mds", "allow *"),
                ],
            ),
            entity("client.bootstrap-osd", &[("mon", "allow profile bootstrap-osd")]),
        ];
        for id in (0..self.hosts).flat_map(|h| self.osd_ids(h)) {
            let caps = [
                ("mon", "allow profile osd"),
                ("mgr", "allow profile osd"),
                ("osd", "allow *"),
            ];
            entities.push(entity(&format!("osd.{id}"), &caps));
        }
        entities
    }

    fn crush(&self) -> Crush {
        let host_id = |h: usize| -2 - i64::try_from(h).expect("few hosts");
        let rack_id = |r: usize| -2000 - i64::try_from(r).expect("few racks");
        let mut buckets = vec![Bucket {
            id: -1,
            name: "default".into(),
            kind: "root".into(),
            children: if self.racks == 0 {
                (0..self.hosts).map(host_id).collect()
            } else {
                (0..self.racks).map(rack_id).collect()
            },
        }];
        for h in 0..self.hosts {
            let children = self.osd_ids(h).map(|id| i64::from(id.0)).collect();
            buckets.push(Bucket {
                id: host_id(h),
                name: node(h),
                kind: "host".into(),
                children,
            });
        }
        for r in 0..self.racks {
            let children = (0..self.hosts).filter(|h| h % self.racks == r).map(host_id).collect();
            buckets.push(Bucket {
                id: rack_id(r),
                name: format!("rack{}", r + 1),
                kind: "rack".into(),
                children,
            });
        }
        Crush {
            buckets,
            devices: (0..self.hosts)
                .flat_map(|h| self.osd_ids(h))
                .map(|id| CrushDevice {
                    id,
                    class: self.class_of(id),
                    weight: 4.0,
                })
                .collect(),
            rules: vec![CrushRule {
                id: 0,
                name: "replicated_rule".into(),
                take: "default".into(),
                failure_domain: self.failure_domain.clone(),
            }],
        }
    }

    fn host(&self, h: usize) -> HostFacts {
        let unit = |daemon: DaemonName, data_dir: String| DaemonUnit {
            unit: format!("ceph-{}@{}.service", daemon.kind, daemon.id),
            deployment: Deployment::Packages,
            active: "active".into(),
            enabled: "enabled".into(),
            main_pid: 1000,
            path: format!("/lib/systemd/system/ceph-{}@.service", daemon.kind),
            data_dir: Some(data_dir),
            daemon,
        };
        let mut daemons = Vec::new();
        let mut mon_stores = Vec::new();
        let mut ports = BTreeMap::new();
        if h < self.mons {
            let path = format!("/var/lib/ceph/mon/ceph-{}", node(h));
            daemons.push(unit(DaemonName::mon(node(h)), path.clone()));
            ports.extend([(3300, "ceph-mon".to_owned()), (6789, "ceph-mon".to_owned())]);
            mon_stores.push(MonStore {
                mon: node(h),
                path,
                bytes: 64 << 20,
                device: 65_024,
                owner: UserIds { uid: 167, gid: 167 },
                kv_backend: Some("rocksdb".into()),
            });
        }
        if h < self.mgrs {
            daemons.push(unit(
                DaemonName::mgr(node(h)),
                format!("/var/lib/ceph/mgr/ceph-{}", node(h)),
            ));
        }
        for id in self.osd_ids(h) {
            daemons.push(unit(DaemonName::osd(id), format!("/var/lib/ceph/osd/ceph-{id}")));
        }
        let fsid = "11111111-2222-3333-4444-555555555555";
        HostFacts {
            hostname: node(h),
            machine_id: machine_id(h),
            os: "Debian GNU/Linux 13 (trixie)".into(),
            kernel: "6.12.0".into(),
            addresses: BTreeSet::from([ip(h)]),
            root: Reading::Known(true),
            daemons,
            stray_processes: vec![],
            revivers: vec![],
            mon_stores,
            data_dir: Reading::Known(DataDir {
                exists: false,
                entries: BTreeSet::new(),
                device: 65_024,
                filesystem: "ext4".into(),
                free_bytes: 100 << 30,
            }),
            volumes: Reading::Known(
                self.osd_ids(h)
                    .map(|id| OsdVolume {
                        id,
                        uuid: osd_uuid(id),
                        cluster: Some(fsid.into()),
                        layout: VolumeLayout::Raw,
                        device: device(id, self.osds_per_host),
                        db: None,
                        wal: None,
                        encrypted: false,
                    })
                    .collect(),
            ),
            ceph_confs: vec![CephConf {
                path: "/etc/ceph/ceph.conf".into(),
                sections: BTreeMap::from([(
                    "global".into(),
                    BTreeMap::from([("fsid".into(), fsid.into()), ("mon_host".into(), ip(0))]),
                )]),
            }],
            ceph_user: Some(UserIds { uid: 167, gid: 167 }),
            selinux: "absent".into(),
            time_synchronised: Reading::Known(true),
            memory_bytes: Reading::Known(64 << 30),
            memory_available_bytes: Reading::Known(32 << 30),
            ports,
            hypervisor: false,
            images: Reading::Known(BTreeSet::from([self.image()])),
        }
    }

    fn kubernetes(&self) -> KubernetesFacts {
        let crds = [
            "cephclusters.ceph.rook.io",
            "cephblockpools.ceph.rook.io",
            "cephfilesystems.ceph.rook.io",
            "cephobjectstores.ceph.rook.io",
        ];
        let accounts = [
            "rook-ceph-system",
            "rook-ceph-osd",
            "rook-ceph-mgr",
            "rook-ceph-cmd-reporter",
            "rook-ceph-default",
        ];
        KubernetesFacts {
            server: "https://192.0.2.1:6443".into(),
            version: "v1.33.4".into(),
            nodes: (0..self.hosts)
                .map(|h| Node {
                    name: node(h),
                    hostname_label: Some(node(h)),
                    labels: BTreeMap::from([("kubernetes.io/hostname".into(), node(h))]),
                    addresses: BTreeSet::from([ip(h)]),
                    machine_id: machine_id(h),
                    kubelet_version: "v1.33.4".into(),
                    ready: true,
                    unschedulable: false,
                    pressures: BTreeSet::new(),
                    taints: BTreeSet::new(),
                    images: BTreeSet::from([self.image()]),
                })
                .collect(),
            namespace: Reading::Known(Namespace {
                exists: true,
                labels: BTreeMap::from([("kubernetes.io/metadata.name".into(), "rook-ceph".into())]),
                service_accounts: accounts.map(String::from).into(),
                rook_secrets: BTreeSet::new(),
                rook_config_maps: BTreeSet::new(),
                rook_deployments: BTreeMap::new(),
            }),
            operator: Reading::Known(Operator {
                exists: true,
                image: Some(format!("quay.example/rook/ceph:v{}", self.rook)),
                version: Some(self.rook.clone()),
                ready_replicas: 1,
                replicas: 1,
                settings: [
                    ("ROOK_ENABLE_DISCOVERY_DAEMON", "false"),
                    ("ROOK_DISABLE_DEVICE_HOTPLUG", "true"),
                    ("ROOK_CSI_ENABLE_RBD", "false"),
                    ("ROOK_CSI_ENABLE_CEPHFS", "false"),
                ]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            }),
            crds: Reading::Known(crds.map(String::from).into()),
            ceph_clusters: Reading::Known(vec![]),
            gate: Reading::Known(GateState {
                supported: true,
                ..GateState::default()
            }),
            permissions: Reading::Known(vec![Permission {
                verb: "create".into(),
                group: "ceph.rook.io".into(),
                resource: "cephclusters".into(),
                namespace: Some("rook-ceph".into()),
                allowed: true,
            }]),
        }
    }
}

fn node(h: usize) -> String {
    format!("n{}", h + 1)
}

fn host_name(h: usize) -> HostName {
    node(h).parse().expect("n1, n2 … are host names")
}

fn ip(h: usize) -> String {
    format!("198.18.{}.{}", h / 200, h % 200 + 11)
}

fn machine_id(h: usize) -> String {
    format!("{:032x}", h + 1)
}

fn osd_uuid(id: OsdId) -> String {
    format!("00000000-0000-4000-8000-{:012x}", id.0)
}

fn device(id: OsdId, per_host: usize) -> String {
    format!("/dev/disk{}", id.0 as usize % per_host.max(1))
}
