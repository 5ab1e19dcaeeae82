//! The laboratory's root and namespaces, held by a process 1 that only buries orphans. Nothing of it has a name on the machine.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cgroup::Hierarchies;
use crate::command::{Output, Tool, last_lines, wait_for};
use crate::error::{LabError, Result};
use crate::process::first_child;
use crate::state::Started;

const ROOT: &str = include_str!("../../recipes/openstack/root.sh");
const PART: &str = "root";

/// The cgroup by which the laboratory's processes are known, with one below it for each program.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    pub(super) cgroups: Hierarchies,
    /// Its name below the folder of all laboratories.
    pub(super) base: String,
}

impl Fence {
    /// Returns the cgroup of a program, made if it is not there.
    pub(super) fn of(&self, program: &str) -> Result<Vec<Utf8PathBuf>> {
        let name = self.name(program);
        self.cgroups.make(&name)?;
        Ok(self.cgroups.tracking_procs(&name))
    }

    /// Returns the folders of a program's cgroup.
    pub(super) fn folders(&self, program: &str) -> Vec<Utf8PathBuf> {
        self.cgroups.folders(&self.name(program))
    }

    fn name(&self, program: &str) -> String {
        format!("{}/{program}", self.base)
    }
}

/// A root with its namespaces.
#[derive(Clone, Debug)]
pub(super) struct Root {
    folder: Utf8PathBuf,
    fence: Fence,
    holder: Started,
}

impl Root {
    /// Returns the root that `holder` holds.
    pub(super) fn new(folder: &Utf8Path, fence: &Fence, holder: Started) -> Self {
        Self {
            folder: folder.to_owned(),
            fence: fence.clone(),
            holder,
        }
    }

    /// Starts the process that makes namespaces and mounts in `folder`, which has `upper` and `logs` already.
    pub(super) fn begin(tree: &Utf8Path, folder: &Utf8Path, fence: &Fence) -> Result<Started> {
        for path in [tree, folder] {
            if path.as_str().contains([',', ':', '\\']) {
                return Err(LabError::Request(format!(
                    "{path}: an overlay mount cannot take a path with a comma, colon or backslash; choose another folder"
                )));
            }
        }
        for name in ["work", "root"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(LabError::file("make", &path))?;
        }
        let namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child"];
        let child = Tool::new(PART, "unshare")
            .args(namespaces)
            .args(["sh", "-euc", ROOT, PART, tree.as_str(), folder.as_str()])
            .inside(&fence.of(PART)?)
            .start(&log(folder))?;
        Ok(Started::new(PART, child.id()))
    }

    /// Waits until process 1 is what it will be, so that everything is mounted.
    pub(super) fn wait_until_made(&self) -> Result<()> {
        let ended = wait_for(PART, "the namespaces and mounts", Duration::from_secs(60), || {
            let said = || last_lines(&std::fs::read_to_string(log(&self.folder)).unwrap_or_default(), 5);
            if !self.holder.is_running() {
                return Ok(Some(said()));
            }
            let one = self.first().ok_or("no process 1 yet")?;
            let name = std::fs::read_to_string(format!("/proc/{one}/comm")).unwrap_or_default();
            if name.trim() == "catatonit" {
                Ok(None)
            } else {
                Err(format!("process 1 is still {}:\n{}", name.trim(), said()))
            }
        })?;
        match ended {
            None => Ok(()),
            Some(tail) => Err(LabError::Failed {
                part: PART.into(),
                command: "recipes/openstack/root.sh".into(),
                status: "an error".into(),
                tail,
            }),
        }
    }

    /// Returns process 1, as the machine counts.
    pub(super) fn first(&self) -> Option<u32> {
        if self.holder.is_running() {
            first_child(self.holder.pid)
        } else {
            None
        }
    }

    /// Returns where a file of the root lies, seen from the machine.
    pub(super) fn path(&self, inside: &str) -> Result<Utf8PathBuf> {
        let one = self.first().ok_or_else(gone)?;
        Ok(format!("/proc/{one}/root/{}", inside.trim_start_matches('/')).into())
    }

    /// Writes a file of the root, with its folder.
    pub(super) fn write(&self, inside: &str, text: &str, mode: u32) -> Result<()> {
        use std::io::Write;
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let path = self.path(inside)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(LabError::file("make", folder))?;
        }
        let opened = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(mode)
            .open(&path);
        let mut file = opened.map_err(LabError::file("open", &path))?;
        // The mode of a file that was there before stays otherwise.
        file.set_permissions(std::fs::Permissions::from_mode(mode))
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(LabError::file("write", &path))
    }

    /// Returns the beginning of a command that is run in the root by its own namespaces, outside of any cgroup yet.
    pub(super) fn enter(&self) -> Result<Tool> {
        let one = self.first().ok_or_else(gone)?.to_string();
        let words = [
            "--target", &one, "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd", "--",
        ];
        let environment = [
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "TERM=dumb",
        ];
        Ok(Tool::new("in the laboratory", "nsenter").args(words).args(environment))
    }

    /// Returns the beginning of a command of the machine that is run in the laboratory's network only.
    pub(super) fn enter_network(&self) -> Result<Tool> {
        let one = self.first().ok_or_else(gone)?.to_string();
        Ok(Tool::new("in the laboratory's network", "nsenter").args(["--target", &one, "--net", "--"]))
    }

    /// Returns the beginning of a command in the root, inside the cgroup for programs that end.
    pub(super) fn tool(&self) -> Result<Tool> {
        Ok(self.enter()?.inside(&self.fence.of("work")?))
    }

    /// Runs a shell script with arguments in the root; it stops at the first error and must end with 0.
    pub(super) fn script(&self, text: &str, arguments: &[&str], deadline: Duration) -> Result<Output> {
        crate::node::script(self.tool()?, text, arguments, deadline)
    }
}

fn log(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join("logs/root.log")
}

fn gone() -> LabError {
    LabError::Request("the laboratory's first process does not run; `lab up` makes it again".into())
}
