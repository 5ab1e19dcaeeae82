//! A node: systemd in a container over an overlay of the tree, in a network namespace and a cgroup of its own.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cgroup::{Hierarchies, Version};
use crate::command::{Output, Tool, last_lines, wait_for};
use crate::error::{LabError, Result};
use crate::image::write_program;
use crate::network::{End, Network};
use crate::process::first_child;
use crate::state::{Line, Record, Started};
use crate::storage::{LoopDevice, mount_overlay};

const PREPARE: &str = include_str!("../recipes/node/prepare.sh");
const PREPARE_UNIT: &str = include_str!("../recipes/node/prepare.service");
/// The node from which clients reach the cluster.
pub const CLIENT: &str = "client";

/// One node of a laboratory.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) end: End,
    /// Its folder in the laboratory's.
    pub(crate) folder: Utf8PathBuf,
    pub(crate) address: String,
    namespace: String,
    /// Its cgroup below the laboratories' root.
    pub(crate) cgroup: String,
}

impl Node {
    /// Returns the storage node of this number.
    pub(crate) fn storage(lab: &Utf8Path, name: &str, network: &Network, number: u8) -> Self {
        Self::new(
            lab,
            name,
            network,
            End {
                node: format!("n{number}"),
                host: 10 + number,
            },
        )
    }

    /// Returns the client node.
    pub(crate) fn client(lab: &Utf8Path, name: &str, network: &Network) -> Self {
        Self::new(
            lab,
            name,
            network,
            End {
                node: CLIENT.into(),
                host: 100,
            },
        )
    }

    fn new(lab: &Utf8Path, name: &str, network: &Network, end: End) -> Self {
        let folder = lab.join("nodes").join(&end.node);
        let address = network.address(end.host);
        let namespace = network.namespace(&end.node);
        let cgroup = format!("{name}/{}", end.node);
        Self {
            end,
            folder,
            address,
            namespace,
            cgroup,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.end.node
    }

    pub(crate) fn is_client(&self) -> bool {
        self.end.node == CLIENT
    }

    /// Returns the mounted root, seen from the machine. What lies below /var/lib in the node is in [`Node::varlib`].
    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.folder.join("root")
    }

    pub(crate) fn varlib(&self) -> Utf8PathBuf {
        self.folder.join("varlib")
    }

    pub(crate) fn disk(&self, number: u8) -> Utf8PathBuf {
        self.folder.join(format!("disk{number}.img"))
    }

    pub(crate) fn console(&self) -> Utf8PathBuf {
        self.folder.join("console.log")
    }

    /// Mounts the node's root and copies its /var/lib, which must be on a real file system: containerd's snapshots are overlays themselves, and
    /// /var/lib/ceph and /var/lib/rook must share one so that a mon's store can be renamed from one to the other.
    pub(crate) fn make_root(&self, record: &Record, tree: &Utf8Path, tool: impl Fn(Tool) -> Tool) -> Result<()> {
        for name in ["upper", "work", "root"] {
            let path = self.folder.join(name);
            std::fs::create_dir_all(&path).map_err(LabError::file("make", &path))?;
        }
        let varlib = self.varlib();
        let from = tree.join("var/lib");
        tool(Tool::new("node roots", "cp").args(["-a", from.as_str(), varlib.as_str()])).run()?;
        mount_overlay(
            record,
            tree,
            &self.folder.join("upper"),
            &self.folder.join("work"),
            &self.root(),
        )
    }

    /// Writes what every node needs at boot.
    pub(crate) fn configure(
        &self,
        hosts: &[(String, String)],
        loops: &[LoopDevice],
        cgroups: &Hierarchies,
    ) -> Result<()> {
        let root = self.root();
        let hosts: String = hosts
            .iter()
            .map(|(address, name)| format!("{address} {name}\n"))
            .collect();
        let devices: String = loops
            .iter()
            .map(|device| format!("{} {}\n", device.device, device.minor))
            .collect();
        let controllers: String = match cgroups.version() {
            Version::One => {
                let all = cgroups.iter().filter(|hierarchy| !hierarchy.controllers.is_empty());
                all.map(|hierarchy| format!("{}\n", hierarchy.controllers.join(",")))
                    .collect()
            }
            Version::Two => String::new(),
        };
        let settings = root.join("etc/reeve-lab");
        std::fs::create_dir_all(&settings).map_err(LabError::file("make", &settings))?;
        let files = [
            ("etc/hostname", format!("{}\n", self.name())),
            ("etc/hosts", format!("127.0.0.1 localhost\n{hosts}")),
            ("etc/reeve-lab/devices", devices),
            ("etc/reeve-lab/controllers", controllers),
            ("etc/systemd/system/reeve-lab-prepare.service", PREPARE_UNIT.to_owned()),
        ];
        for (name, text) in files {
            let path = root.join(name);
            std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
        }
        write_program(&root.join("usr/local/sbin/reeve-lab-prepare"), PREPARE)?;
        let wants = root.join("etc/systemd/system/sysinit.target.wants");
        std::fs::create_dir_all(&wants).map_err(LabError::file("make", &wants))?;
        let wanted = wants.join("reeve-lab-prepare.service");
        std::os::unix::fs::symlink("/etc/systemd/system/reeve-lab-prepare.service", &wanted)
            .map_err(LabError::file("make", &wanted))
    }

    /// Starts the node's systemd. `programs` are shown to it as /opt/k8s.
    ///
    /// Source of the settings: systemd-nspawn(1); "Node traps" of the laboratory's page in the book.
    pub(crate) fn boot(&self, record: &Record, cgroups: &Hierarchies, programs: Option<&Utf8Path>) -> Result<()> {
        let name = self.name();
        let (root, varlib) = (self.root(), self.varlib());
        let mut tool = Tool::new(format!("boot of {name}"), "systemd-nspawn")
            .args([
                "--quiet",
                "--directory",
                root.as_str(),
                "--machine",
                &self.namespace,
                "--hostname",
                name,
            ])
            .args([
                "--register=no",
                "--keep-unit",
                "--capability=all",
                "--resolv-conf=off",
                "--link-journal=no",
                "--console=read-only",
            ])
            .arg("--system-call-filter=@keyring bpf @mount @privileged")
            .arg(format!("--network-namespace-path=/run/netns/{}", self.namespace))
            .arg(format!("--bind={varlib}:/var/lib"))
            .arg("--bind=/dev/kmsg")
            .inside(&cgroups.procs(&self.cgroup));
        if let Some(programs) = programs {
            tool = tool.arg(format!("--bind-ro={programs}:/opt/k8s"));
        }
        tool = match cgroups.version() {
            // systemd 257 refuses cgroup version 1 unless it is told to take it.
            Version::One => tool
                .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "0")
                .arg("--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
                .args(["--boot", "systemd.unified_cgroup_hierarchy=0"]),
            Version::Two => tool.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1").arg("--boot"),
        };
        let child = tool.start(&self.console())?;
        record.append(&Line::Runs {
            process: Started::new(name, child.id()),
        })
    }

    /// Waits until the node's systemd takes orders and its basic services are there.
    pub(crate) fn wait_until_booted(&self, started: impl Fn() -> Option<Started>) -> Result<()> {
        let part = format!("boot of {}", self.name());
        wait_for(&part, "systemd in it to answer", Duration::from_secs(90), || {
            let console = || {
                let log = std::fs::read_to_string(self.console()).unwrap_or_default();
                format!("the end of its console:\n{}", last_lines(&log, 12))
            };
            let Some(started) = started() else {
                return Err("it was never started".into());
            };
            if !started.is_running() {
                return Err(format!("its systemd-nspawn has ended; {}", console()));
            }
            let inside = self.enter(&started).ok_or("it has no first process yet")?;
            let said = inside
                .args(["systemctl", "is-active", "--quiet", "ssh.service"])
                .answer();
            let said = said.map_err(|error| error.to_string())?;
            if said.code == 0 {
                Ok(())
            } else {
                Err(format!("{} {}; {}", said.stdout.trim(), said.stderr.trim(), console()))
            }
        })
    }

    /// Returns the beginning of a command that is run inside the node by its systemd's own namespaces; `None` while it has none.
    pub(crate) fn enter(&self, started: &Started) -> Option<Tool> {
        if !started.is_running() {
            return None;
        }
        let leader = first_child(started.pid)?.to_string();
        let words = [
            "--target", &leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--",
        ];
        let environment = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"];
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/k8s";
        Some(
            Tool::new(format!("on {}", self.name()), "nsenter")
                .args(words)
                .args(environment)
                .arg(path),
        )
    }
}

/// Runs a shell script with arguments on a node; it stops at the first error.
pub(crate) fn script(inside: Tool, text: &str, arguments: &[&str], deadline: Duration) -> Result<Output> {
    inside
        .args(["sh", "-euc", text, "script"])
        .args(arguments.iter().copied())
        .deadline(deadline)
        .run()
}
