//! What the laboratory needs of the machine: checked before anything is begun, and the few kernel settings that it changes and gives back.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cgroup::{Hierarchies, Version};
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::packages;
use crate::progress::Parts;
use crate::spec::Spec;
use crate::state::{Lock, Places};

const GIB: u64 = 1 << 30;
/// Disk for the cached parts while they are made: tree 1, image 2 and its archive 2, Kubernetes 1, Go's own caches 6.
const CACHE_BYTES: u64 = 12 * GIB;
/// Disk for one laboratory: sparse OSD disks that tests fill a little, logs, /var/lib of the nodes.
const LAB_BYTES: u64 = 6 * GIB;

/// Disk for the tree and the stored state while they are made: packages 1, tree 3, state 1, and room.
const OPENSTACK_CACHE_BYTES: u64 = 8 * GIB;
/// Disk for one cloud: 0.5 after its start, and what tests write into the sparse file of its OSD.
const OPENSTACK_BYTES: u64 = 4 * GIB;

/// Checks that the machine can run the laboratory.
///
/// # Errors
///
/// [`LabError::Lacking`] with a line for each thing that is missing and the way to get it.
pub(crate) fn check(places: &Places, cgroups: &Hierarchies, spec: Option<&Spec>, parts: &Parts<'_>) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        let why = "root: it makes network namespaces, mounts and loop devices; run it as root (sudo)".to_owned();
        return Err(LabError::Lacking { missing: vec![why] });
    }
    let mut missing = cgroups.missing();
    if !packages::is_there("apt-get") {
        missing.push("apt-get: the nodes are made from Debian packages, and so are the programs that make them; use a Debian-like machine".into());
    }
    if !packages::is_there("go") {
        missing.push(
            "go: Kubernetes is built from the Go module proxy; install Go 1.24 or newer and put it on PATH".into(),
        );
    }
    if !Utf8Path::new("/dev/loop-control").exists() {
        missing.push(
            "loop devices: /dev/loop-control is not there; load the module `loop`, or run outside of a container"
                .into(),
        );
    }
    missing.extend(probe(places)?);
    let cached = places.cache.join("lock").exists();
    for (path, bytes) in [
        (&places.state, LAB_BYTES),
        (&places.cache, if cached { 0 } else { CACHE_BYTES }),
    ] {
        let free = free_bytes(path);
        if free < bytes {
            missing.push(format!(
                "disk: {} GiB free at {path}, {} GiB wanted",
                free / GIB,
                bytes / GIB
            ));
        }
    }
    if let Some(spec) = spec {
        let (available, wanted) = (available_memory(), spec.memory_bytes());
        if available < wanted {
            let round = |bytes: u64| bytes as f64 / GIB as f64;
            missing.push(format!(
                "memory: {:.1} GiB available, {:.1} GiB wanted for this many nodes and daemons; stop something (`lab list`), or ask for fewer",
                round(available),
                round(wanted)
            ));
        }
    }
    if !missing.is_empty() {
        return Err(LabError::Lacking { missing });
    }
    if cgroups.version() == Version::Two {
        parts.note(
            "this machine has cgroup version 2: the laboratory is made for it too, but it was never tried there; everything that this page of the \
             book reports was run on version 1. If nodes or kubelets do not start, boot with systemd.unified_cgroup_hierarchy=0",
        );
    }
    Ok(())
}

/// Checks that the machine can run a laboratory of the kind `openstack`, which wants `memory` bytes and, of the kernel, little: no loop devices, no
/// bridges, no modules for its switch.
///
/// # Errors
///
/// As [`check`].
pub(crate) fn check_for_openstack(places: &Places, memory: u64) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        let why = "root: it makes namespaces, mounts and cgroups; run it as root (sudo)".to_owned();
        return Err(LabError::Lacking { missing: vec![why] });
    }
    let mut missing = Vec::new();
    if !packages::is_there("apt-get") {
        missing.push("apt-get: the cloud is made from Debian packages; use a Debian-like machine".into());
    }
    if !Utf8Path::new("/dev/net/tun").exists() {
        missing.push("/dev/net/tun: the switch and the guests have tap devices; load the module `tun`".into());
    }
    missing.extend(probe(places)?);
    let cached = crate::openstack::recipes()
        .iter()
        .all(|recipe| crate::cache::Cache::path(places, recipe).exists());
    for (path, bytes) in [
        (&places.state, OPENSTACK_BYTES),
        (&places.cache, if cached { 0 } else { OPENSTACK_CACHE_BYTES }),
    ] {
        let free = free_bytes(path);
        if free < bytes {
            let (have, want) = (free / GIB, bytes / GIB);
            missing.push(format!("disk: {have} GiB free at {path}, {want} GiB wanted"));
        }
    }
    let available = available_memory();
    if available < memory {
        let round = |bytes: u64| bytes as f64 / GIB as f64;
        missing.push(format!(
            "memory: {:.1} GiB available, {:.1} GiB wanted; stop something (`lab list`)",
            round(available),
            round(memory)
        ));
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(LabError::Lacking { missing })
    }
}

/// Tries, in namespaces that vanish with the trial, what only the kernel can tell.
fn probe(places: &Places) -> Result<Vec<String>> {
    std::fs::create_dir_all(&places.state).map_err(LabError::file("make", &places.state))?;
    let folder = tempfile::Builder::new().prefix("probe-").tempdir_in(&places.state);
    let folder = folder.map_err(LabError::file("make", &places.state))?;
    let path = folder.path().to_string_lossy().into_owned();
    let overlay = "cd \"$1\" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m";
    let links = "ip link add b0 type bridge && ip link add v0 type veth peer name v1";
    let trials = [
        (
            vec!["--mount", "sh", "-c", overlay, "sh", &path],
            "overlay mounts",
            "the folder of laboratories must lie on a real file system (ext4, xfs)",
        ),
        (
            vec!["--net", "true"],
            "network namespaces",
            "the kernel needs CONFIG_NET_NS, and a container that allows them",
        ),
        (
            vec!["--net", "sh", "-c", links],
            "bridges and veth pairs",
            "the kernel needs CONFIG_BRIDGE and CONFIG_VETH",
        ),
    ];
    let mut missing = Vec::new();
    for (words, what, why) in trials {
        // `ip` may come only with the packages; its trial is not for the kernel then.
        if what.starts_with("bridges") && !packages::is_there("ip") {
            continue;
        }
        let said = Tool::new("trial", "unshare").args(words).answer()?;
        if said.code != 0 {
            missing.push(format!(
                "{what}: {why}; the kernel said: {}",
                said.stderr.trim().lines().last().unwrap_or("nothing")
            ));
        }
    }
    Ok(missing)
}

fn free_bytes(path: &Utf8Path) -> u64 {
    let nearest = path
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Utf8Path::new("/"));
    rustix::fs::statvfs(nearest.as_str()).map_or(0, |stat| stat.f_bavail * stat.f_frsize)
}

fn available_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: u64 = line
        .and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or_default();
    kib * 1024
}

/// Settings that a kubelet insists on and cannot write inside a node, where /proc/sys is read-only; and room for the watches of many systemds.
const SETTINGS: [(&str, u64, Want); 5] = [
    ("vm/overcommit_memory", 1, Want::Exactly),
    ("kernel/panic", 10, Want::Exactly),
    ("kernel/panic_on_oops", 1, Want::Exactly),
    ("fs/inotify/max_user_instances", 2048, Want::AtLeast),
    ("fs/inotify/max_user_watches", 524_288, Want::AtLeast),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Exactly,
    AtLeast,
}

/// Where that is kept which concerns all laboratories of the machine, wherever their folders are. Like the settings, it does not outlive a reboot.
const RUN: &str = "/run/reeve-lab";

/// Where the settings' earlier values are kept while a laboratory is there.
fn kept() -> Utf8PathBuf {
    Utf8Path::new(RUN).join("settings-before.json")
}

/// Serialises what concerns all laboratories of the machine: network numbers and kernel settings.
pub(crate) fn lock() -> Result<Lock> {
    crate::command::wait_for(
        "machine",
        "another laboratory's start or end",
        std::time::Duration::from_secs(60),
        || {
            let path = Utf8Path::new(RUN).join("machine.lock");
            Lock::take(&path).map_err(|error| error.to_string())?
        },
    )
}

/// Changes the kernel's settings, after their earlier values were written down.
pub(crate) fn change_settings(_: &Lock) -> Result<()> {
    let path = kept();
    let mut before = read_kept(&path)?;
    let mut change = Vec::new();
    for (name, value, want) in SETTINGS {
        let file = Utf8PathBuf::from("/proc/sys").join(name);
        let text = std::fs::read_to_string(&file).map_err(LabError::file("read", &file))?;
        let now: u64 = text.trim().parse().unwrap_or_default();
        let fine = if want == Want::Exactly {
            now == value
        } else {
            now >= value
        };
        if !fine {
            before.entry(name.to_owned()).or_insert(now);
            change.push((file, value));
        }
    }
    if change.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(&before).expect("names and numbers");
    std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    for (file, value) in change {
        std::fs::write(&file, value.to_string()).map_err(LabError::file("write", &file))?;
    }
    Ok(())
}

/// Gives the settings their earlier values, unless somebody has changed them since.
pub(crate) fn restore_settings(_: &Lock) -> Result<()> {
    let path = kept();
    for (name, was) in read_kept(&path)? {
        let Some((_, set, _)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
            continue;
        };
        let file = Utf8PathBuf::from("/proc/sys").join(&name);
        let now = std::fs::read_to_string(&file).map_err(LabError::file("read", &file))?;
        if now.trim() == set.to_string() {
            std::fs::write(&file, was.to_string()).map_err(LabError::file("write", &file))?;
        }
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::file("remove", &path)(error)),
        _ => Ok(()),
    }
}

fn read_kept(path: &Utf8Path) -> Result<BTreeMap<String, u64>> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| LabError::Form {
            what: path.to_string(),
            why: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(LabError::file("read", path)(error)),
    }
}
