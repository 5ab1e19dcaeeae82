//! The tree that every cloud's root is an overlay of: Debian trixie with OpenStack 2025.1, Ceph 18.2, OVN and QEMU, and the test guest's image.

use std::time::Duration;

use camino::Utf8Path;

use crate::cache::{Cache, Recipe};
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::packages::KEYRING;

const SUITE: &str = "trixie";
const ANSWERS: &str = include_str!("../../recipes/openstack/tree/answers.sh");
const FINISH: &str = include_str!("../../recipes/openstack/tree/finish.sh");
/// The test guest: its only process, what its DHCP client calls, and how its disk is made.
const GUEST: [(&str, &str); 3] = [
    ("init", include_str!("../../recipes/openstack/guest/init")),
    ("lease", include_str!("../../recipes/openstack/guest/lease")),
    ("disk.sh", include_str!("../../recipes/openstack/guest/disk.sh")),
];
/// Packages by what they are for.
const PACKAGES: [(&str, &[&str]); 9] = [
    (
        "ground",
        &[
            "mariadb-server",
            "mariadb-client",
            "rabbitmq-server",
            "memcached",
            "uwsgi-core",
            "uwsgi-plugin-python3",
            "haproxy",
        ],
    ),
    (
        "tools",
        &[
            "ca-certificates",
            "busybox-static",
            "catatonit",
            "cpio",
            "curl",
            "ethtool",
            "file",
            "iproute2",
            "jq",
            "less",
            "nftables",
            "openssl",
            "procps",
            "xz-utils",
        ],
    ),
    (
        "identity, images, placement, keys",
        &[
            "keystone",
            "python3-keystone",
            "glance-api",
            "placement-api",
            "barbican-api",
        ],
    ),
    (
        "compute",
        &[
            "nova-api",
            "nova-conductor",
            "nova-scheduler",
            "nova-compute",
            "nova-compute-qemu",
            "libvirt-daemon-system",
            "libvirt-clients",
            "qemu-system-x86",
            "qemu-utils",
            "qemu-block-extra",
        ],
    ),
    // The metadata agent needs haproxy, which its package does not ask for.
    (
        "network",
        &[
            "neutron-api",
            "neutron-server",
            "neutron-ovn-metadata-agent",
            "openvswitch-switch",
            "ovn-central",
            "ovn-host",
        ],
    ),
    (
        "volumes, load balancers",
        &[
            "cinder-api",
            "cinder-scheduler",
            "cinder-volume",
            "cinder-backup",
            "octavia-api",
        ],
    ),
    (
        "storage",
        &[
            "ceph-mon",
            "ceph-mgr",
            "ceph-osd",
            "radosgw",
            "ceph-common",
            "python3-rbd",
            "python3-rados",
            "swift-proxy",
            "swift-account",
            "swift-container",
            "swift-object",
        ],
    ),
    ("the guest's disk", &["syslinux", "mtools", "dosfstools"]),
    (
        "clients",
        &[
            "python3-openstackclient",
            "python3-barbicanclient",
            "python3-octaviaclient",
        ],
    ),
];
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];
/// mmdebstrap's own hooks that keep package scripts from waiting for the disk.
const EATMYDATA: &str = "/usr/share/mmdebstrap/hooks/eatmydata";

fn packages() -> String {
    let all: Vec<&str> = PACKAGES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    all.join(",")
}

/// Returns the recipe. The mirror is no part of it: every mirror has the same packages.
pub(super) fn recipe() -> Recipe {
    let guest = GUEST.iter().map(|(_, text)| *text);
    guest
        .chain([SUITE, ANSWERS, FINISH, &packages(), &LEFT_OUT.join(" ")])
        .fold(Recipe::new("openstack-tree"), |recipe, text| recipe.with(text))
}

/// Makes the tree in `folder/root`.
pub(super) fn make(cache: &Cache, folder: &Utf8Path, mirror: &str) -> Result<()> {
    let scripts = folder.join("scripts");
    // What it leaves there when it is killed goes with this folder.
    let temporary = folder.join("tmp");
    for path in [&scripts, &temporary] {
        std::fs::create_dir(path).map_err(LabError::file("make", path))?;
    }
    for (name, text) in GUEST.iter().chain(&[("answers.sh", ANSWERS), ("finish.sh", FINISH)]) {
        let path = scripts.join(name);
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    }
    let root = folder.join("root");
    // In mount and pid namespaces of its own: when it is killed, all it mounted and started goes with it.
    let mut tool = Tool::new("tree", "unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "mmdebstrap",
        ])
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
        .arg(format!("--essential-hook=sh '{scripts}/answers.sh' \"$1\""))
        .arg(format!("--customize-hook=sh '{scripts}/finish.sh' \"$1\""))
        .arg(format!("--include={}", packages()))
        .env("TMPDIR", temporary.as_str())
        .deadline(Duration::from_secs(3600));
    for path in LEFT_OUT {
        tool = tool.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    if Utf8Path::new(EATMYDATA).exists() {
        tool = tool.arg(format!("--hook-dir={EATMYDATA}"));
    }
    let source = format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main");
    cache.tool(tool.args([SUITE, root.as_str(), &source])).run()?;
    for path in [scripts, temporary] {
        crate::cache::remove_tree(&path)?;
    }
    Ok(())
}
