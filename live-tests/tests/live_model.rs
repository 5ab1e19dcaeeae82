//! The model's behaviour checks on the real cluster, so that the model cannot drift from it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use camino::Utf8PathBuf;
use reeve_host::{SshHosts, SshOptions};
use reeve_live_tests::Laboratory;
use reeve_rook::model::behaviour::{self, OldDaemon, Site};

#[tokio::test]
#[ignore = "needs a running laboratory whose cluster is still a legacy one"]
async fn the_cluster_behaves_as_the_model_does() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let sockets = tempfile::Builder::new()
        .prefix("model-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let path = Utf8PathBuf::from_path_buf(sockets.path().into()).unwrap();
    let options = SshOptions {
        config_file: Some(lab.ssh_config.clone()),
        ..SshOptions::new(path)
    };
    let hosts = SshHosts::new(options).unwrap();
    let leader = lab.ceph_json(&["quorum_status"])["quorum_leader_name"].clone();
    let mons = lab.ceph_json(&["mon", "metadata"]);
    let mon = mons
        .as_array()
        .unwrap()
        .iter()
        .find(|mon| mon["name"] != leader)
        .unwrap();
    let osd = lab.ceph_json(&["osd", "metadata", "0"]);
    let old = |kind: &str, id: &str, host: &str| OldDaemon {
        daemon: format!("{kind}.{id}").parse().unwrap(),
        host: host.parse().unwrap(),
        unit: format!("ceph-{kind}@{id}.service"),
    };
    let site = Site {
        hosts: &hosts,
        admin: lab.nodes[0].parse().unwrap(),
        mon: old("mon", mon["name"].as_str().unwrap(), mon["hostname"].as_str().unwrap()),
        osd: old("osd", "0", osd["hostname"].as_str().unwrap()),
    };
    behaviour::all(&site).await;
    lab.wait(
        "the cluster to be well again",
        Duration::from_secs(120),
        Laboratory::is_well,
    );
}
