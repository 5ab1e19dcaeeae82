//! `reeve-host` over real ssh: the same behaviour as on this machine, as root and as a login that becomes root by sudo.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reeve_host::{Command, HostError, HostName, Hosts, SshHosts, SshOptions, behaviour};
use reeve_live_tests::Laboratory;

/// Returns ssh hosts with the laboratory's configuration, after `change`.
fn hosts(lab: &Laboratory, sockets: &Utf8Path, change: impl FnOnce(&mut SshOptions)) -> SshHosts {
    let mut options = SshOptions {
        config_file: Some(lab.ssh_config.clone()),
        ..SshOptions::new(sockets)
    };
    change(&mut options);
    SshHosts::new(options).unwrap()
}

fn sockets() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::Builder::new()
        .prefix("reeve-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().into()).unwrap();
    (dir, path)
}

#[tokio::test]
#[ignore = "needs a running laboratory"]
async fn ssh_behaves_as_every_host_does_for_root_and_for_another_login() {
    let lab = Laboratory::open();
    let name: HostName = lab.nodes[0].parse().unwrap();
    for user in [None, Some("operator")] {
        let (_kept, sockets) = sockets();
        let hosts = hosts(&lab, &sockets, |options| options.user = user.map(str::to_owned));
        let host = hosts.connect(&name).await.unwrap();
        let folder = lab.on(&lab.nodes[0], &["mktemp", "-d"]).fine();
        lab.on(&lab.nodes[0], &["chmod", "777", folder.trim()]).fine();
        behaviour::check(host.as_ref(), Utf8Path::new(folder.trim())).await;
        behaviour::check_conversation(host.as_ref()).await;
        lab.on(&lab.nodes[0], &["rm", "-r", folder.trim()]).fine();
    }
}

#[tokio::test]
#[ignore = "needs a running laboratory"]
async fn a_wrong_host_key_a_refused_login_and_a_silent_host_are_told_apart() {
    let lab = Laboratory::open();
    let name: HostName = lab.nodes[0].parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();

    let (_kept, path) = sockets();
    let empty = folder.join("known_hosts");
    std::fs::write(&empty, "").unwrap();
    let stranger = hosts(&lab, &path, |options| options.known_hosts_file = Some(empty));
    let error = stranger.connect(&name).await.err().unwrap();
    assert!(matches!(error, HostError::HostKey { .. }), "{error}");

    let (_kept, path) = sockets();
    let nobody = hosts(&lab, &path, |options| options.user = Some("nobody".into()));
    let error = nobody.connect(&name).await.err().unwrap();
    assert!(matches!(error, HostError::LoginRefused { .. }), "{error}");

    // A port on this machine that takes the connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = folder.join("ssh_config");
    std::fs::write(&config, format!("Host silent\n  HostName 127.0.0.1\n  Port {port}\n")).unwrap();
    let (_kept, path) = sockets();
    let hosts = hosts(&lab, &path, |options| {
        options.config_file = Some(config);
        options.connect_deadline = Duration::from_secs(3);
    });
    let began = Instant::now();
    let error = hosts.connect(&"silent".parse().unwrap()).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "a silent host costs its deadline and no more"
    );
}

#[tokio::test]
#[ignore = "needs a running laboratory"]
async fn a_command_past_its_deadline_ends_on_the_host_too() {
    let lab = Laboratory::open();
    let node = lab.nodes[0].clone();
    let (_kept, path) = sockets();
    let hosts = hosts(&lab, &path, |_| ());
    let host = hosts.connect(&node.parse().unwrap()).await.unwrap();
    let mark = "98765.4321";
    let error = host
        .run(&Command::new("sleep").arg(mark).deadline(Duration::from_secs(2)))
        .await
        .unwrap_err();
    assert!(matches!(error, HostError::Deadline { .. }), "{error}");
    lab.wait("the process to end on the host", Duration::from_secs(20), |lab| {
        lab.on(&node, &["pgrep", "--full", &format!("^sleep {mark}")]).code == 1
    });
}
