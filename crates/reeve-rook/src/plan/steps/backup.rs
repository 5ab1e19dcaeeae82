//! Copies of what cannot be made again.

use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::command;

/// Where a run keeps its backups; `RUN` is the folder of the run's journal.
const BACKUP: &str = "RUN/backup";

/// Copies the answer of one `ceph` command into a file beside the journal.
///
/// A repeat writes the file again under another number; no copy is overwritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportState {
    /// Name of the file.
    pub name: String,
    /// What `ceph` is asked.
    pub arguments: Vec<String>,
    /// The answer holds keys or passwords.
    pub secret: bool,
}

impl StepDefinition for ExportState {
    const KIND: &'static str = "export_state";
    const ABOUT: &'static str = "Copies the answer of a `ceph` command into a file beside the journal.";

    fn describe(&self, context: &StepContext) -> Description {
        let kept = if self.secret {
            "the answer, keys and all, mode 0600"
        } else {
            "the answer, mode 0600"
        };
        let write = Action::WriteFile {
            path: format!("{BACKUP}/{}", self.name),
            content: kept.into(),
        };
        let what = format!("Keeps a copy of `ceph {}`.", self.arguments.join(" "));
        Description::looking(what, Place::Here, vec![context.ceph(&self.arguments), write], 120)
    }
}

/// Copies a host's units and Ceph files into files beside the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportHost {
    /// The host.
    pub host: String,
    /// The units of its daemons.
    pub units: Vec<String>,
}

impl StepDefinition for ExportHost {
    const KIND: &'static str = "export_host";
    const ABOUT: &'static str =
        "Copies a host's unit files, `/etc/ceph` and LVM's own backups into files beside the journal.";

    fn describe(&self, _: &StepContext) -> Description {
        let units = ["systemctl", "cat", "--"]
            .into_iter()
            .map(str::to_owned)
            .chain(self.units.iter().cloned());
        let folders = [
            "tar",
            "--create",
            "--gzip",
            "--ignore-failed-read",
            "--directory=/",
            "--file=-",
            "etc/ceph",
            "etc/lvm/backup",
        ];
        let actions = vec![
            command(&self.host, units),
            Action::WriteFile {
                path: format!("{BACKUP}/{}.units", self.host),
                content: "the unit files".into(),
            },
            command(&self.host, folders),
            Action::WriteFile {
                path: format!("{BACKUP}/{}.tar.gz", self.host),
                content: "the folders, keyrings too, mode 0600".into(),
            },
        ];
        let what = format!(
            "Keeps a copy of the unit files, /etc/ceph and LVM's backups of {}.",
            self.host
        );
        Description::looking(what, Place::Here, actions, 120)
    }
}
