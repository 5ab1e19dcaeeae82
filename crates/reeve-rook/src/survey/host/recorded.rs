//! Visits to hosts whose Ceph runs in containers, from recorded answers (`tests/data/hosts`).

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use reeve_host::{Answer, Command, HostName, HostRecording, Hosts, Recorded, RecordedBytes, Recording, ReplayHosts};

use super::{Expected, Visit, commands};
use crate::facts::{HostFacts, Scope};

fn folder(kind: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hosts")).join(kind)
}

fn recording(kind: &str) -> HostRecording {
    let file = |name: &str| std::fs::read_to_string(folder(kind).join(name)).unwrap();
    let answer = |command: &Command, stdout: String| {
        let (stdout, stderr) = (RecordedBytes::Text(stdout), RecordedBytes::default());
        Recorded::new(
            command,
            Answer::Output {
                status: 0,
                stdout,
                stderr,
                truncated: false,
            },
        )
    };
    let container = file("container.txt");
    let (engine, name) = container.trim().split_once('\n').unwrap();
    let container = commands::OsdContainer {
        engine: engine.into(),
        name: name.into(),
    };
    let commands = vec![
        answer(&commands::login_files(), file("login.txt")),
        answer(&commands::user_id(), "0\n".into()),
        answer(&commands::units(), file("units.txt")),
        answer(&commands::processes(), file("processes.txt")),
        answer(&commands::ceph_directories(), file("directories.txt")),
        answer(&commands::ceph_files(), file("files.txt")),
        Recorded::new(&commands::ceph_volume("lvm", false, None), Answer::NotFound),
        answer(&commands::ceph_volume("lvm", false, Some(&container)), file("lvm.json")),
        answer(&commands::ceph_volume("raw", false, Some(&container)), file("raw.json")),
    ];
    HostRecording {
        unreachable: None,
        commands,
    }
}

async fn visit(kind: &str) -> HostFacts {
    let name = HostName::new("host").unwrap();
    let mut whole = Recording::default();
    whole.hosts.insert(name.clone(), recording(kind));
    let scope = Scope {
        admin_host: name.clone(),
        namespace: "rook-ceph".into(),
        operator_namespace: "rook-ceph".into(),
        data_dir_host_path: "/var/lib/rook".into(),
        ceph_image: None,
    };
    let visit = Visit::new(ReplayHosts::new(whole).connect(&name).await.unwrap());
    let login = visit.log_in().await.unwrap();
    let expected = Expected {
        osds: BTreeSet::new(),
        loop_devices: false,
    };
    visit.read(login, &scope, &expected).await.unwrap()
}

/// What matters about a host's daemons, as text.
fn shown(host: &HostFacts) -> String {
    let mut text = String::new();
    for unit in &host.daemons {
        let deployment = serde_json::to_string(&unit.deployment).unwrap();
        let data = unit.data_dir.as_deref().unwrap_or("-");
        text.push_str(&format!(
            "{} {} {} pid {} {data}\n  {deployment}\n",
            unit.daemon, unit.active, unit.enabled, unit.main_pid
        ));
    }
    for stray in &host.stray_processes {
        text.push_str(&format!(
            "stray {} {:?} {}\n",
            stray.pid,
            stray.daemon.as_ref().map(ToString::to_string),
            stray.command
        ));
    }
    for reviver in &host.revivers {
        text.push_str(&format!("reviver {} {}\n", reviver.unit, reviver.enabled));
    }
    for store in &host.mon_stores {
        text.push_str(&format!("store {} {} {} bytes\n", store.mon, store.path, store.bytes));
    }
    for volume in host.volumes.known().unwrap() {
        text.push_str(&format!("osd {} {:?} {}\n", volume.id, volume.layout, volume.device));
    }
    text
}

#[tokio::test]
async fn ceph_ansible_with_podman() {
    let host = visit("ceph-ansible-podman").await;
    insta::assert_snapshot!(shown(&host), @r#"
mon.c1 active enabled pid 2114 /var/lib/ceph/mon/ceph-c1
  {"ceph_ansible":{"engine":"podman","image":"quay.io/ceph/daemon:v6.0.11-stable-6.0-pacific-centos-stream8"}}
mgr.c1 active enabled pid 2390 /var/lib/ceph/mgr/ceph-c1
  {"ceph_ansible":{"engine":"podman","image":"quay.io/ceph/daemon:v6.0.11-stable-6.0-pacific-centos-stream8"}}
osd.3 active enabled pid 3077 /var/lib/ceph/osd/ceph-3
  {"ceph_ansible":{"engine":"podman","image":"quay.io/ceph/daemon:v6.0.11-stable-6.0-pacific-centos-stream8"}}
rgw.c1.rgw0 failed enabled pid 0 /var/lib/ceph/radosgw/ceph-rgw.c1.rgw0
  {"ceph_ansible":{"engine":"podman","image":"quay.io/ceph/daemon:v6.0.11-stable-6.0-pacific-centos-stream8"}}
crash.c1 active enabled pid 1902 -
  {"ceph_ansible":{"engine":"podman","image":"quay.io/ceph/daemon:v6.0.11-stable-6.0-pacific-centos-stream8"}}
stray 9120 Some("mds.c1") /usr/bin/ceph-mds --cluster ceph -i c1 -f
reviver ceph.target enabled
store c1 /var/lib/ceph/mon/ceph-c1 67108872 bytes
osd 3 Lvm /dev/ceph-c5628abe-ae41-4c3d-bdc6-ef86c54bf78c/osd-block-69481cd1-38b1-42fd-ac07-06bf4d7c0e19
"#);
    let conf = &host.ceph_confs[0].sections["client.rgw.c1.rgw0"];
    assert_eq!(conf["rgw_keystone_admin_password"], "(hidden)");
    assert_eq!(conf["keyring"], "/var/lib/ceph/radosgw/ceph-rgw.c1.rgw0/keyring");
}

#[tokio::test]
async fn ceph_ansible_with_docker() {
    insta::assert_snapshot!(shown(&visit("ceph-ansible-docker").await), @r#"
mon.c2 active enabled pid 4805 /var/lib/ceph/mon/ceph-c2
  {"ceph_ansible":{"engine":"docker","image":"docker.io/ceph/daemon:v4.0.22-stable-4.0-nautilus-centos-7-x86_64"}}
osd.4 active enabled pid 5120 /var/lib/ceph/osd/ceph-4
  {"ceph_ansible":{"engine":"docker","image":"docker.io/ceph/daemon:v4.0.22-stable-4.0-nautilus-centos-7-x86_64"}}
reviver puppet.service enabled
store c2 /var/lib/ceph/mon/ceph-c2 1048576 bytes
osd 4 Lvm /dev/ceph-c5628abe-ae41-4c3d-bdc6-ef86c54bf78c/osd-block-69481cd2-38b1-42fd-ac07-06bf4d7c0e19
"#);
}

#[tokio::test]
async fn cephadm() {
    insta::assert_snapshot!(shown(&visit("cephadm").await), @r#"
mon.c3 active enabled pid 4100 /var/lib/ceph/6660cb98-5153-11ed-a9da-525400adb33b/mon.c3
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":"quay.io/ceph/ceph:v18.2.4"}}
mgr.c3.xkqjtz active enabled pid 4300 /var/lib/ceph/6660cb98-5153-11ed-a9da-525400adb33b/mgr.c3.xkqjtz
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":"quay.io/ceph/ceph:v18.2.4"}}
osd.6 active enabled pid 6180 /var/lib/ceph/6660cb98-5153-11ed-a9da-525400adb33b/osd.6
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":"quay.io/ceph/ceph:v18.2.4"}}
mds.cephfs.c3.tfrwqa active enabled pid 6500 /var/lib/ceph/6660cb98-5153-11ed-a9da-525400adb33b/mds.cephfs.c3.tfrwqa
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":"quay.io/ceph/ceph:v18.2.4"}}
crash.c3 active enabled pid 6700 -
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":"quay.io/ceph/ceph:v18.2.4"}}
exporter.c3 active enabled pid 6900 -
  {"cephadm":{"fsid":"6660cb98-5153-11ed-a9da-525400adb33b","image":null}}
reviver ceph-6660cb98-5153-11ed-a9da-525400adb33b.target enabled
reviver ceph.target enabled
store c3 /var/lib/ceph/6660cb98-5153-11ed-a9da-525400adb33b/mon.c3 33558740 bytes
osd 6 Lvm /dev/ceph-c5628abe-ae41-4c3d-bdc6-ef86c54bf78c/osd-block-69481cd3-38b1-42fd-ac07-06bf4d7c0e19
"#);
}
