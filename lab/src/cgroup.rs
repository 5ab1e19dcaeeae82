//! The laboratory's cgroups: the fence by which its processes are known.
//!
//! Every hierarchy gets `reeve-lab/NAME`, and below it `work` for programs of `lab up`, `control` for the Kubernetes control plane and one for each node.
//! The kernel keeps children in their parent's cgroup, and a node sees its own as the root, so no process of a laboratory can be anywhere else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::Signal;

use crate::error::{LabError, Result};
use crate::process::signal_member;

/// The folder of all laboratories in every hierarchy.
pub(crate) const ROOT: &str = "reeve-lab";

/// One cgroup file system of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(crate) mount: Utf8PathBuf,
    /// The controllers of a version 1 hierarchy, `name=systemd` among them; empty for version 2.
    pub(crate) controllers: Vec<String>,
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|have| have == controller)
    }
}

/// The machine's cgroup file systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchies(Vec<Hierarchy>);

/// How the machine's controllers are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Each controller in a hierarchy of its own, or some together.
    One,
    /// All controllers in one hierarchy.
    Two,
}

/// Controllers of version 1 without which the kubelet does not start.
const NEEDED: [&str; 6] = ["cpu", "cpuacct", "cpuset", "memory", "pids", "devices"];

impl Hierarchies {
    pub(crate) fn of_this_machine() -> Result<Self> {
        let path = "/proc/self/mountinfo";
        let text = std::fs::read_to_string(path).map_err(LabError::file("read", path))?;
        Ok(Self::parse(&text))
    }

    /// Reads the lines of /proc/self/mountinfo, proc_pid_mountinfo(5): optional fields end at ` - `, then type, source, options.
    fn parse(mountinfo: &str) -> Self {
        // Options of a cgroup mount that are not controllers.
        const NOT_CONTROLLERS: [&str; 6] = ["rw", "ro", "xattr", "noprefix", "clone_children", "release_agent"];
        let mut all: Vec<Hierarchy> = Vec::new();
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else {
                continue;
            };
            let Some(mount) = before.split(' ').nth(4) else {
                continue;
            };
            let mut after = after.split(' ');
            let kind = after.next().unwrap_or_default();
            let options = after.nth(1).unwrap_or_default();
            let controllers: Vec<String> = match kind {
                "cgroup" => options
                    .split(',')
                    .filter(|option| !NOT_CONTROLLERS.contains(&option.split('=').next().unwrap_or_default()))
                    .map(str::to_owned)
                    .collect(),
                "cgroup2" => Vec::new(),
                _ => continue,
            };
            // The same hierarchy can be mounted twice; once is enough.
            if !all.iter().any(|other| other.controllers == controllers) {
                all.push(Hierarchy {
                    mount: mount.into(),
                    controllers,
                });
            }
        }
        Self(all)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hierarchy> {
        self.0.iter()
    }

    pub(crate) fn version(&self) -> Version {
        if self.0.iter().any(|hierarchy| hierarchy.has("memory")) {
            Version::One
        } else {
            Version::Two
        }
    }

    /// Returns what the laboratory needs and this machine's cgroups do not have.
    pub(crate) fn missing(&self) -> Vec<String> {
        match self.version() {
            Version::One => {
                let has = |controller: &str| self.0.iter().any(|hierarchy| hierarchy.has(controller));
                NEEDED
                    .iter()
                    .filter(|controller| !has(controller))
                    .map(|c| format!("cgroup controller {c}: the kernel does not offer it"))
                    .collect()
            }
            Version::Two if self.0.is_empty() => vec!["cgroups: no cgroup file system is mounted".into()],
            Version::Two => Vec::new(),
        }
    }

    /// Returns the folder of `name` in each hierarchy.
    pub(crate) fn folders(&self, name: &str) -> Vec<Utf8PathBuf> {
        self.0
            .iter()
            .map(|hierarchy| hierarchy.mount.join(ROOT).join(name))
            .collect()
    }

    /// Tells whether any laboratory of the machine has a cgroup.
    pub(crate) fn any_lab(&self) -> bool {
        let labs = |hierarchy: &Hierarchy| {
            let entries = hierarchy.mount.join(ROOT).read_dir_utf8();
            entries.is_ok_and(|entries| {
                let mut folders = entries
                    .flatten()
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
                // Those of makers of cached parts begin with `@`.
                folders.any(|entry| !entry.file_name().starts_with('@'))
            })
        };
        self.0.iter().any(labs)
    }

    /// Returns the `cgroup.procs` files that put a process into `name` in each hierarchy.
    pub(crate) fn procs(&self, name: &str) -> Vec<Utf8PathBuf> {
        self.folders(name)
            .into_iter()
            .map(|folder| folder.join("cgroup.procs"))
            .collect()
    }

    /// Returns the `cgroup.procs` file of `name` in one hierarchy: enough to find a process, and ten times quicker to enter.
    pub(crate) fn tracking_procs(&self, name: &str) -> Vec<Utf8PathBuf> {
        self.procs(name).into_iter().take(1).collect()
    }

    /// Makes `name` in each hierarchy, ready to take processes; one that exists is left as it is.
    pub(crate) fn make(&self, name: &str) -> Result<()> {
        // The last laboratory that goes takes the folder of all with it, maybe between two steps of this one.
        for _ in 0..3 {
            match self.try_to_make(name) {
                Err(LabError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                other => return other,
            }
        }
        self.try_to_make(name)
    }

    fn try_to_make(&self, name: &str) -> Result<()> {
        for hierarchy in &self.0 {
            let mut folder = hierarchy.mount.clone();
            let path = Utf8Path::new(ROOT).join(name);
            for part in path.components() {
                if self.version() == Version::Two {
                    delegate(&folder);
                }
                let parent = folder.clone();
                folder.push(part.as_str());
                match std::fs::create_dir(&folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                        return Err(LabError::file("make", &folder)(error));
                    }
                    _ => {}
                }
                if hierarchy.has("cpuset") {
                    // A new cpuset is empty and takes no process until both are filled.
                    for file in ["cpuset.cpus", "cpuset.mems"] {
                        let from = parent.join(file);
                        let text = std::fs::read_to_string(&from).map_err(LabError::file("read", &from))?;
                        let to = folder.join(file);
                        std::fs::write(&to, text.trim()).map_err(LabError::file("write", &to))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Lets the children of a version 2 cgroup have the controllers that it has itself; a controller that refuses is left out.
fn delegate(folder: &Utf8Path) {
    let Ok(have) = std::fs::read_to_string(folder.join("cgroup.controllers")) else {
        return;
    };
    for controller in have.split_whitespace() {
        drop(std::fs::write(
            folder.join("cgroup.subtree_control"),
            format!("+{controller}"),
        ));
    }
}

/// Returns the cgroup and all below it, deepest first.
fn tree(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut all = Vec::new();
    if let Ok(entries) = folder.read_dir_utf8() {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                all.extend(tree(entry.path()));
            }
        }
        all.push(folder.to_owned());
    }
    all
}

/// Returns the processes in the cgroup and below it.
pub(crate) fn members(folder: &Utf8Path) -> Vec<u32> {
    let mut all: Vec<u32> = tree(folder)
        .iter()
        .filter_map(|folder| std::fs::read_to_string(folder.join("cgroup.procs")).ok())
        .flat_map(|text| {
            text.lines()
                .filter_map(|line| line.trim().parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Kills every process in the cgroup and below it and removes the cgroups; returns what is left at the deadline.
///
/// A cgroup can be removed only while it is empty, and a process that comes too late finds nothing to enter: when the folder is gone, nothing
/// of it runs and nothing of it can start. `dead` receives the processes, for [`wait_for_burial`].
pub(crate) fn clear(folder: &Utf8Path, deadline: Duration, dead: &mut Dead) -> Vec<String> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        for pid in members(folder) {
            dead.extend(crate::process::birth_ticks(pid).map(|birth| (pid, birth)));
        }
        kill_all(folder);
        for cgroup in tree(folder) {
            drop(std::fs::remove_dir(cgroup));
        }
        if !folder.exists() {
            return Vec::new();
        }
        if began.elapsed() > deadline {
            let mut left: Vec<String> = members(folder)
                .iter()
                .map(|pid| format!("process {pid} in {folder}"))
                .collect();
            left.push(format!("cgroup {folder}"));
            return left;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// Removes the cgroup and all below it that are empty.
pub(crate) fn remove_empty(folder: &Utf8Path) {
    for cgroup in tree(folder) {
        drop(std::fs::remove_dir(cgroup));
    }
}

/// Processes that were killed: their numbers and start times.
pub(crate) type Dead = BTreeMap<u32, u64>;

/// Waits a little until the dead are reaped by their parent: they run no more and hold nothing, but they still show in a list of processes.
pub(crate) fn wait_for_burial(dead: &Dead) {
    let began = Instant::now();
    let there = || {
        dead.iter()
            .any(|(pid, birth)| crate::process::birth_ticks(*pid) == Some(*birth))
    };
    while there() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Kills every process that is in the cgroup or below it now.
pub(crate) fn kill_all(folder: &Utf8Path) {
    for cgroup in tree(folder) {
        let procs = cgroup.join("cgroup.procs");
        let Ok(text) = std::fs::read_to_string(&procs) else {
            continue;
        };
        for pid in text.lines().filter_map(|line| line.trim().parse::<u32>().ok()) {
            // 0 stands for a process of another pid namespace, which cannot be one of ours.
            if pid != 0 && pid != std::process::id() {
                signal_member(pid, &procs, Signal::KILL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\
25 1 0:20 / /sys/fs/cgroup rw shared:1 - tmpfs tmpfs rw,mode=755
26 25 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
27 25 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 25 0:23 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
29 25 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw
30 25 0:22 / /elsewhere/memory rw - cgroup cgroup rw,memory
";

    #[test]
    fn hierarchies_are_read_from_the_mounts() {
        let all = Hierarchies::parse(ONE);
        let controllers: Vec<_> = all.iter().map(|hierarchy| hierarchy.controllers.join("+")).collect();
        assert_eq!(controllers, ["cpu+cpuacct", "memory", "name=systemd", ""]);
        assert_eq!(all.version(), Version::One);
        assert_eq!(all.folders("dev")[0], "/sys/fs/cgroup/cpu,cpuacct/reeve-lab/dev");
        let missing = all.missing().join("\n");
        assert!(missing.contains("cpuset") && !missing.contains("memory"), "{missing}");
    }

    #[test]
    fn one_hierarchy_with_everything_is_version_two() {
        let all = Hierarchies::parse("30 25 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
        assert_eq!((all.version(), all.missing().len()), (Version::Two, 0));
        assert_eq!(Hierarchies::parse("").missing().len(), 1);
    }
}
