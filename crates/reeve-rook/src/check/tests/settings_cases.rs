//! Broken facts about settings, keys, file systems and gateways.

use std::collections::BTreeMap;

use reeve_ceph::{DaemonName, DaemonType};

use super::breaks::{add_fs, add_service, conf, set};
use super::{Case, N, R, W, host, known};
use crate::facts::*;

pub(super) const SETTINGS: &[Case] = &[
    Case {
        name: "a network in a file only",
        breaks: |f| {
            conf(f, "global", "cluster_network", "10.9.0.0/24");
            host(f, "n2").addresses.insert("10.9.0.2".into());
        },
        finds: &[("rook.network-only-in-file", R, "config cluster_network")],
    },
    Case {
        name: "a network in a file only, with one address to choose from",
        breaks: |f| conf(f, "global", "cluster_network", "10.9.0.0/24"),
        finds: &[("rook.conf-option", W, "config global cluster_network")],
    },
    Case {
        name: "an option in a file only",
        breaks: |f| {
            conf(f, "osd", "osd_max_backfills", "1");
            conf(f, "client.glance", "rbd_cache", "true");
            conf(f, "osd", "osd_recovery_max_active", "2");
            set(f, "osd", "osd_recovery_max_active", "2");
        },
        finds: &[("rook.conf-option", W, "config osd osd_max_backfills")],
    },
    Case {
        name: "a gateway's option in a file only",
        breaks: |f| conf(f, "client.rgw.n2", "rgw_keystone_url", "https://keystone.example"),
        finds: &[("rook.conf-option", W, "config client.rgw.n2 rgw_keystone_url")],
    },
    Case {
        name: "a secret in a file only",
        breaks: |f| conf(f, "client.rgw.n2", "rgw_keystone_admin_password", "(hidden)"),
        finds: &[(
            "rook.conf-option",
            W,
            "config client.rgw.n2 rgw_keystone_admin_password",
        )],
    },
    Case {
        name: "encryption on the wire",
        breaks: |f| set(f, "global", "ms_client_mode", "secure"),
        finds: &[("rook.wire-encryption", W, "config ms_client_mode")],
    },
    Case {
        name: "a mode that Rook removes",
        breaks: |f| set(f, "global", "ms_client_mode", "crc secure"),
        finds: &[("rook.config-removed", W, "config ms_client_mode")],
    },
    Case {
        name: "an option that Rook removes",
        breaks: |f| set(f, "global", "rbd_default_map_options", "ms_mode=secure"),
        finds: &[("rook.config-removed", W, "config rbd_default_map_options")],
    },
    Case {
        name: "an option that Rook overwrites",
        breaks: |f| {
            set(f, "global", "mon_allow_pool_delete", "false");
            set(f, "global", "mon_allow_pool_size_one", "true");
        },
        finds: &[("rook.config-overwritten", W, "config mon_allow_pool_delete")],
    },
    Case {
        name: "auth none in the database",
        breaks: |f| set(f, "global", "auth_client_required", "cephx, none"),
        finds: &[("rook.auth-none", R, "config auth_client_required")],
    },
    Case {
        name: "auth none in a file",
        breaks: |f| conf(f, "global", "auth_cluster_required", "none"),
        finds: &[("rook.auth-none", R, "config auth_cluster_required")],
    },
    Case {
        name: "insecure reclaim allowed by option",
        breaks: |f| known(&mut f.ceph.config)[0].value = "true".into(),
        finds: &[("rook.insecure-global-id-allowed", W, "cluster")],
    },
    Case {
        name: "an admin with less",
        breaks: |f| {
            known(&mut f.ceph.auth)[0].caps.insert("osd".into(), "allow r".into());
        },
        finds: &[("rook.admin-caps", R, "client.admin")],
    },
    Case {
        name: "no admin",
        breaks: |f| {
            known(&mut f.ceph.auth).remove(0);
        },
        finds: &[("rook.admin-caps", R, "client.admin")],
    },
    Case {
        name: "another bootstrap key",
        breaks: |f| known(&mut f.ceph.auth)[1].entity = "client.bootstrap-mds".into(),
        finds: &[("rook.bootstrap-key", N, "client.bootstrap-mds")],
    },
    Case {
        name: "a crash user with other caps",
        breaks: |f| {
            let caps = BTreeMap::from([("mon".to_owned(), "profile crash".to_owned())]);
            known(&mut f.ceph.auth).push(AuthEntity {
                entity: "client.crash".into(),
                caps,
            });
        },
        finds: &[("rook.client-caps", N, "client.crash")],
    },
    Case {
        name: "an exporter with Rook's own caps, and a CSI user",
        breaks: |f| {
            let caps = [
                ("mon", "allow profile ceph-exporter"),
                ("mgr", "allow r"),
                ("osd", "allow r"),
                ("mds", "allow r"),
            ];
            let caps: BTreeMap<String, String> = caps.map(|(service, cap)| (service.into(), cap.into())).into();
            let csi = AuthEntity {
                entity: "client.csi-rbd-node".into(),
                caps: caps.clone(),
            };
            known(&mut f.ceph.auth).extend([
                AuthEntity {
                    entity: "client.ceph-exporter".into(),
                    caps,
                },
                csi,
            ]);
        },
        finds: &[("rook.client-caps", N, "client.csi-rbd-node")],
    },
    Case {
        name: "a pair that sets aes256k",
        breaks: |f| {
            *f = crate::sample::Cluster {
                version: reeve_ceph::CephVersion::new(19, 2, 6),
                rook: "1.19.10".into(),
                ..crate::sample::Cluster::default()
            }
            .facts();
            f.ceph.ciphers = Some(CephxCiphers {
                service: "aes".into(),
                allowed: "aes".into(),
                preferred: "aes".into(),
            });
        },
        finds: &[("rook.cipher-upgrade", W, "cluster")],
    },
    Case {
        name: "a cluster with aes256k",
        breaks: |f| {
            let it = || "aes256k".to_owned();
            f.ceph.ciphers = Some(CephxCiphers {
                service: it(),
                allowed: it(),
                preferred: it(),
            });
        },
        finds: &[("rook.cipher-aes256k", N, "cluster")],
    },
    Case {
        name: "a file system with capitals",
        breaks: |f| add_fs(f, "CephFS", true),
        finds: &[("rook.cephfs-name", R, "file system CephFS")],
    },
    Case {
        name: "a file system without standby replay",
        breaks: |f| add_fs(f, "cephfs", false),
        finds: &[("rook.cephfs-standby", N, "file system cephfs")],
    },
    Case {
        name: "RGW without a realm",
        breaks: |f| add_service(f, "rgw"),
        finds: &[("rook.rgw-realmless", W, "services")],
    },
    Case {
        name: "rbd-mirror",
        breaks: |f| add_service(f, "rbd-mirror"),
        finds: &[("rook.rbd-mirror", W, "services")],
    },
    Case {
        name: "cephfs-mirror",
        breaks: |f| add_service(f, "cephfs-mirror"),
        finds: &[("rook.cephfs-mirror", W, "services")],
    },
    Case {
        name: "NFS",
        breaks: |f| add_service(f, "nfs"),
        finds: &[("rook.nfs", W, "services")],
    },
    Case {
        name: "iSCSI",
        breaks: |f| add_service(f, "tcmu-runner"),
        finds: &[("rook.iscsi", W, "services")],
    },
    Case {
        name: "NFS that only its unit tells of",
        breaks: |f| {
            let mut unit = host(f, "n1").daemons[0].clone();
            unit.daemon = DaemonName::new(DaemonType::Nfs, "x");
            host(f, "n1").daemons.push(unit);
        },
        finds: &[("rook.nfs", W, "services")],
    },
];
