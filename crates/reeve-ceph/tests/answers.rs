//! Answers that real clusters gave, and garbage.
//!
//! `tests/data/reef-18.2.7` was recorded on a three-node cluster of Debian's packages, with the keys taken out. What it does not show
//! (file systems, gateways, LVM, newer and older releases) is written after Ceph's source, which the types name.

use proptest::prelude::*;
use reeve_ceph::{DaemonName, DaemonType, OsdId, ceph_volume, query};

/// Reads a recorded answer with the query that its name tells, and gives its `Debug` form; this is also what the fuzzing calls.
fn read(name: &str, bytes: &[u8]) -> Result<String, String> {
    macro_rules! read {
        ($($file:literal => $query:ident),* $(,)?) => {
            match name {
                $($file => query::$query.read(bytes).map(|answer| format!("{answer:?}")).map_err(|error| error.to_string()),)*
                "ceph_volume_raw_list" => ceph_volume::read_raw_list(bytes).map(|osds| format!("{osds:?}")).map_err(|e| e.to_string()),
                "ceph_volume_lvm_list" => ceph_volume::read_lvm_list(bytes).map(|osds| format!("{osds:?}")).map_err(|e| e.to_string()),
                "simple" => ceph_volume::read_simple_file(bytes).map(|osd| format!("{osd:?}")).map_err(|e| e.to_string()),
                other => panic!("no query reads {other}"),
            }
        };
    }
    read! {
        "health_detail" => HEALTH, "versions" => VERSIONS, "mon_dump" => MON_DUMP, "quorum_status" => QUORUM_STATUS,
        "mgr_dump" => MGR_DUMP, "mgr_module_ls" => MGR_MODULES, "osd_dump" => OSD_DUMP, "osd_metadata" => OSD_METADATA,
        "osd_df" => OSD_DF, "osd_tree" => OSD_TREE, "osd_crush_dump" => CRUSH_DUMP, "status" => STATUS, "fs_dump" => FS_DUMP,
        "service_dump" => SERVICE_DUMP, "auth_ls" => AUTH_LS, "config_dump" => CONFIG_DUMP, "config_key_ls" => CONFIG_KEY_LS,
        "orch_status" => ORCH_STATUS, "orch_upgrade_status" => ORCH_UPGRADE_STATUS, "node_ls" => NODE_LS,
        "mon_metadata" => MON_METADATA, "mgr_metadata" => MGR_METADATA, "mds_metadata" => MDS_METADATA,
        "realm_list" => REALM_LIST, "zonegroup_list" => ZONEGROUP_LIST, "zone_list" => ZONE_LIST,
    }
}

fn recorded() -> Vec<(String, Vec<u8>)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reef-18.2.7");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("the recording is there")
        .map(|entry| {
            let path = entry.expect("the folder is readable").path();
            (
                path.file_stem()
                    .and_then(|stem| stem.to_str())
                    .expect("a plain file name")
                    .to_owned(),
                std::fs::read(&path).expect("a recorded answer is readable"),
            )
        })
        .collect();
    files.sort();
    assert!(files.len() >= 21, "the recording is there");
    files
}

fn of(name: &str) -> Vec<u8> {
    recorded()
        .into_iter()
        .find(|(file, _)| file == name)
        .expect("it was recorded")
        .1
}

#[test]
fn every_recorded_answer_is_read() {
    for (name, bytes) in recorded() {
        if let Err(error) = read(&name, &bytes) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn the_recorded_cluster_is_the_one_that_was_built() {
    let mons = query::MON_DUMP.read(&of("mon_dump")).unwrap();
    let names: Vec<&str> = mons.mons.iter().map(|mon| mon.name.as_str()).collect();
    assert_eq!(names, ["n1", "n2", "n3"]);
    assert_eq!(
        (mons.epoch, mons.min_mon_release_name.as_str(), mons.stretch_mode),
        (1, "reef", false)
    );
    assert_eq!(mons.mons[0].public_addrs.of("v2"), Some("10.77.0.11:3300"));
    assert_eq!(mons.ciphers(), None, "18.2.7 shows none");
    let quorum = query::QUORUM_STATUS.read(&of("quorum_status")).unwrap();
    assert_eq!(
        (quorum.quorum_names.len(), quorum.quorum_leader_name.as_str()),
        (3, "n1")
    );
    let osds = query::OSD_DUMP.read(&of("osd_dump")).unwrap();
    assert_eq!(osds.osds.iter().filter(|osd| osd.up && osd.in_cluster).count(), 6);
    assert!(osds.flag_set().contains("sortbitwise"));
    let pool = &osds.pools[0];
    assert_eq!(
        (pool.pool_name.as_str(), pool.kind, pool.size, pool.pg_num),
        ("rbd", 1, 3, 32)
    );
    assert!(pool.application_metadata.contains_key("rbd"));
    let metadata = query::OSD_METADATA.read(&of("osd_metadata")).unwrap();
    assert_eq!(metadata[2].get("hostname"), Some("n2"));
    assert_eq!(
        (metadata[0].get("osd_objectstore"), metadata[0].get("nothing")),
        (Some("bluestore"), None)
    );
    let crush = query::CRUSH_DUMP.read(&of("osd_crush_dump")).unwrap();
    assert_eq!(
        (crush.rules[0].take(), crush.rules[0].failure_domain()),
        ("default", "host")
    );
    let hosts = query::NODE_LS.read(&of("node_ls")).unwrap().hosts();
    assert_eq!(hosts[&DaemonName::osd(OsdId(5))], "n3");
    assert_eq!(hosts[&DaemonName::mgr("n2")], "n2");
    let versions = query::VERSIONS.read(&of("versions")).unwrap().by_kind();
    assert_eq!(
        versions.keys().copied().collect::<Vec<_>>(),
        [DaemonType::Mon, DaemonType::Mgr, DaemonType::Osd]
    );
    let status = query::STATUS.read(&of("status")).unwrap();
    assert_eq!(
        (status.pgmap.num_pgs, status.pgmap.pgs_by_state[0].state_name.as_str()),
        (32, "active+clean")
    );
    let raw = ceph_volume::read_raw_list(&of("ceph_volume_raw_list")).unwrap();
    assert_eq!(
        raw.iter().map(|osd| (osd.id.0, osd.data.as_str())).collect::<Vec<_>>(),
        [(0, "/dev/loop0"), (1, "/dev/loop1")]
    );
    assert_eq!(raw[0].uuid, osds.osds[0].uuid);
}

#[test]
fn ciphers_are_read_as_newer_releases_write_them() {
    let mut dump: serde_json::Value = serde_json::from_slice(&of("mon_dump")).unwrap();
    dump["auth_service_cipher"] = serde_json::json!({"name": "aes256k", "value": 2});
    dump["auth_allowed_ciphers"] = serde_json::json!([{"name": "aes", "value": 1}, {"name": "aes256k", "value": 2}]);
    dump["auth_preferred_cipher"] = serde_json::json!({"name": "aes256k", "value": 2});
    let ciphers = query::MON_DUMP
        .read(dump.to_string().as_bytes())
        .unwrap()
        .ciphers()
        .unwrap();
    assert_eq!(
        (ciphers.service.as_str(), ciphers.preferred.as_str()),
        ("aes256k", "aes256k")
    );
    assert_eq!(ciphers.allowed, ["aes", "aes256k"]);
    dump["auth_allowed_ciphers"] = "aes, aes256k".into();
    assert_eq!(
        query::MON_DUMP
            .read(dump.to_string().as_bytes())
            .unwrap()
            .ciphers()
            .unwrap()
            .allowed,
        ["aes", "aes256k"]
    );
}

#[test]
fn auth_keys_do_not_outlive_the_reading() {
    let key = "AQBSdFhcGGFCDRAAxJxDtMSR6qMOJgmqkXVMdQ==";
    let answer =
        format!(r#"{{"auth_dump":[{{"entity":"osd.0","key":"{key}","caps":{{"mon":"allow profile osd"}}}}]}}"#);
    let shown = read("auth_ls", answer.as_bytes()).unwrap();
    assert!(
        shown.contains("osd.0") && shown.contains("allow profile osd"),
        "{shown}"
    );
    assert!(!shown.contains(&key[..10]), "{shown}");
    // Garbage is quoted in its error, and the beginning of this garbage is the beginning of a key.
    for broken in [&answer[..60], &answer.replace("\"caps\":{", "\"caps\":7,{")] {
        let error = read("auth_ls", broken.as_bytes()).unwrap_err();
        assert!(!error.contains(&key[..8]), "{error}");
    }
    let wrong_type = format!(r#"{{"auth_dump":"{key}"}}"#);
    let error = read("auth_ls", wrong_type.as_bytes()).unwrap_err();
    assert!(!error.contains(&key[..8]), "{error}");
}

#[test]
fn an_osd_without_metadata_and_one_without_numbers_are_read() {
    let metadata = query::OSD_METADATA
        .read(br#"[{"id":3},{"id":4,"hostname":"n1","devices":"sdb,sdc","nested":{"a":1}}]"#)
        .unwrap();
    assert_eq!((metadata[0].id, metadata[0].get("hostname")), (OsdId(3), None));
    assert_eq!(
        (metadata[1].get("devices"), metadata[1].get("nested")),
        (Some("sdb,sdc"), None)
    );
    let df = query::OSD_DF
        .read(br#"{"nodes":[{"id":0,"utilization":-nan,"var":nan},{"id":1,"utilization":12.5}],"stray":[]}"#)
        .unwrap();
    assert_eq!(
        df.nodes.iter().map(|node| node.utilization).collect::<Vec<_>>(),
        [None, Some(12.5)]
    );
}

#[test]
fn file_systems_are_read_from_old_and_new_releases() {
    let pacific = r#"{"epoch":5,"standbys":[{"gid":14,"name":"n3","rank":-1,"state":"up:standby","join_fscid":-1}],
        "filesystems":[{"mdsmap":{"epoch":5,"flags":50,"max_mds":1,"in":[0],"up":{"mds_0":4463},
        "info":{"gid_4463":{"gid":4463,"name":"n1","rank":0,"state":"up:active","join_fscid":-1}},
        "data_pools":[3,4],"metadata_pool":2,"enabled":true,"fs_name":"cephfs","standby_count_wanted":1},"id":1}]}"#;
    let dump = query::FS_DUMP.read(pacific.as_bytes()).unwrap();
    let map = &dump.filesystems[0].mdsmap;
    assert!(map.standby_replay(), "bit 5 of 50");
    assert_eq!(
        (map.fs_name.as_str(), map.metadata_pool, map.data_pools.as_slice()),
        ("cephfs", 2, &[3, 4][..])
    );
    assert_eq!(
        (dump.standbys[0].name.as_str(), map.info["gid_4463"].name.as_str()),
        ("n3", "n1")
    );
    let reef = pacific.replace(
        "\"flags\":50",
        "\"flags\":50,\"flags_state\":{\"allow_standby_replay\":false,\"joinable\":true}",
    );
    assert!(
        !query::FS_DUMP.read(reef.as_bytes()).unwrap().filesystems[0]
            .mdsmap
            .standby_replay(),
        "the name counts more than the bit"
    );
}

#[test]
fn gateways_are_read_from_the_service_map() {
    let dump = r#"{"epoch":9,"modified":"x","services":{"rgw":{"daemons":{"summary":"","4567":{"start_epoch":8,"gid":4567,
        "addr":"10.0.0.1:0/1","metadata":{"id":"n1.rgw0","hostname":"n1","zone_name":"default","zonegroup_name":"default",
        "frontend_config#0":"beast port=8080","num_handles":"1"},"task_status":{}}}}}}"#;
    let services = query::SERVICE_DUMP.read(dump.as_bytes()).unwrap().services;
    let daemons = &services["rgw"].daemons;
    assert_eq!(daemons.len(), 1, "the summary is no daemon");
    assert_eq!(daemons["4567"].metadata["id"], "n1.rgw0");
}

#[test]
fn lvm_osds_are_read_with_their_other_devices_and_without_the_lockbox_secret() {
    let list = r#"{"12": [
        {"devices": ["/dev/sdb"], "lv_path": "/dev/vg/block", "path": "/dev/vg/block", "type": "block", "tags": {
            "ceph.cluster_fsid": "4759bbbe-7f13-4b3d-8086-b2bf05a60b26", "ceph.encrypted": "1", "ceph.osd_id": "12",
            "ceph.osd_fsid": "3e93de87-d39d-4d80-831e-31a664eb1337", "ceph.cephx_lockbox_secret": "AQBSdFhcGGFCDRAAxJxDtMSR6qMOJgmqkXVMdQ=="}},
        {"path": "/dev/nvme0n1p1", "type": "db", "tags": {"PARTUUID": "x"}}],
      "3": [{"path": "/dev/sdz1", "type": "db", "tags": {}}]}"#;
    let osds = ceph_volume::read_lvm_list(list.as_bytes()).unwrap();
    insta::assert_debug_snapshot!(osds, @r#"
[
    ListedOsd {
        id: OsdId(
            12,
        ),
        uuid: "3e93de87-d39d-4d80-831e-31a664eb1337",
        cluster: Some(
            "4759bbbe-7f13-4b3d-8086-b2bf05a60b26",
        ),
        data: "/dev/vg/block",
        db: Some(
            "/dev/nvme0n1p1",
        ),
        wal: None,
        encrypted: true,
    },
]
"#);
    assert_eq!(ceph_volume::read_lvm_list(b"{}").unwrap(), []);
}

#[test]
fn simple_osds_are_read_without_their_keyring() {
    let file = br#"{"whoami": 7, "fsid": "u", "ceph_fsid": "c", "type": "bluestore", "keyring": "AQBSdFhcGGFCDRAA",
        "data": {"path": "/dev/sdb1", "uuid": "d"}, "block": {"path": "/dev/disk/by-partuuid/b"}, "block.db": {"path": "/dev/sdc1"}}"#;
    insta::assert_debug_snapshot!(ceph_volume::read_simple_file(file).unwrap(), @r#"
ListedOsd {
    id: OsdId(
        7,
    ),
    uuid: "u",
    cluster: Some(
        "c",
    ),
    data: "/dev/disk/by-partuuid/b",
    db: Some(
        "/dev/sdc1",
    ),
    wal: None,
    encrypted: false,
}
"#);
}

const QUERIES: [&str; 29] = [
    "health_detail",
    "versions",
    "mon_dump",
    "quorum_status",
    "mgr_dump",
    "mgr_module_ls",
    "osd_dump",
    "osd_metadata",
    "osd_df",
    "osd_tree",
    "osd_crush_dump",
    "status",
    "fs_dump",
    "service_dump",
    "auth_ls",
    "config_dump",
    "config_key_ls",
    "orch_status",
    "orch_upgrade_status",
    "node_ls",
    "mon_metadata",
    "mgr_metadata",
    "mds_metadata",
    "realm_list",
    "zonegroup_list",
    "zone_list",
    "ceph_volume_raw_list",
    "ceph_volume_lvm_list",
    "simple",
];

proptest! {
    /// Garbage is an error that shows nothing a terminal obeys, never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at in 0..QUERIES.len()) {
        if let Err(error) = read(QUERIES[at], &bytes) {
            prop_assert!(!error.chars().any(char::is_control), "{error:?}");
        }
    }

    /// An answer that was cut, or in which bytes were changed, is read or refused.
    #[test]
    fn a_damaged_answer_is_read_or_refused(
        pick: prop::sample::Index, reader: prop::sample::Index, cut: prop::sample::Index,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let files = recorded();
        let (name, mut bytes) = pick.get(&files).clone();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        for name in [name.as_str(), reader.get::<&str>(&QUERIES)] {
            if let Err(error) = read(name, &bytes) {
                prop_assert!(!error.chars().any(char::is_control), "{error:?}");
            }
        }
    }
}
