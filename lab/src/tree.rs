//! The tree that every node's root is an overlay of: Debian trixie with Ceph, containerd, an SSH server and fio.

use std::time::Duration;

use camino::Utf8Path;

use crate::cache::{Cache, Recipe};
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::packages::KEYRING;

/// Debian's release. Its Ceph is 18.2 (reef), its systemd the last but one that still runs on cgroup version 1.
const SUITE: &str = "trixie";
const USERS: &str = include_str!("../recipes/tree/users.sh");
const FINISH: &str = include_str!("../recipes/tree/finish.sh");
const PACKAGES: [&str; 30] = [
    "ca-certificates",
    "ceph-base",
    "ceph-common",
    "ceph-mds",
    "ceph-mgr",
    "ceph-mon",
    "ceph-osd",
    "ceph-volume",
    "containerd",
    "containernetworking-plugins",
    "cryptsetup-bin",
    "dbus",
    "fio",
    "gdisk",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "logrotate",
    "lvm2",
    "openssh-server",
    "parted",
    "procps",
    "radosgw",
    "runc",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
];
/// What no node needs: it would only be copied into the image and unpacked again.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// Returns the recipe. The mirror is no part of it: every mirror has the same packages.
pub(crate) fn recipe() -> Recipe {
    Recipe::new("tree")
        .with(SUITE)
        .with(USERS)
        .with(FINISH)
        .with(PACKAGES.join(" "))
        .with(LEFT_OUT.join(" "))
}

/// Makes the tree in `folder/root`.
pub(crate) fn make(cache: &Cache, folder: &Utf8Path, mirror: &str) -> Result<()> {
    let script = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(LabError::file("write", &path))
            .map(|()| path)
    };
    let users = script("users.sh", USERS)?;
    let finish = script("finish.sh", FINISH)?;
    let root = folder.join("root");
    // What it leaves there when it is killed goes with this folder.
    let temporary = folder.join("tmp");
    std::fs::create_dir(&temporary).map_err(LabError::file("make", &temporary))?;
    // In mount and pid namespaces of its own: when it is killed, all it mounted and started goes with it.
    let words = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "mmdebstrap",
    ];
    let mut tool = Tool::new("node tree", "unshare")
        .args(words)
        .args([
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            "--skip=cleanup/reproducible",
        ])
        .args([
            "--aptopt=APT::Install-Recommends \"false\"",
            "--dpkgopt=force-unsafe-io",
        ])
        .arg(format!("--essential-hook=sh '{users}' \"$1\""))
        .arg(format!("--customize-hook=sh '{finish}' \"$1\""))
        .arg(format!("--include={}", PACKAGES.join(",")))
        .env("TMPDIR", temporary.as_str())
        .deadline(Duration::from_secs(1800));
    for path in LEFT_OUT {
        tool = tool.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    let source = format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main");
    cache.tool(tool.args([SUITE, root.as_str(), &source])).run()?;
    crate::cache::remove_tree(&temporary)?;
    for path in [users, finish] {
        std::fs::remove_file(&path).map_err(LabError::file("remove", &path))?;
    }
    Ok(())
}
