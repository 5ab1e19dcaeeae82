//! The laboratory as the jobs use it: through its command line, as a person would.

use std::process::Command;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::part::{self, PartError, Parts};
use crate::tool::{cargo, target_dir};

/// One laboratory, by name.
pub(crate) struct Laboratory {
    pub(crate) name: &'static str,
}

/// Where a running laboratory can be entered.
pub(crate) struct Doors {
    pub(crate) kubeconfig: Utf8PathBuf,
    pub(crate) ssh_config: Utf8PathBuf,
    pub(crate) ceph_image: String,
    pub(crate) nodes: Vec<String>,
}

impl Laboratory {
    /// Returns a command of the laboratory's own command line, built already.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(target_dir().join("debug").join("lab"));
        command.current_dir(crate::tool::root()).args(words);
        command
    }

    /// Builds the laboratory's command line and reeve: everything at once, so that later builds find the same features.
    pub(crate) fn build(parts: &mut Parts) -> Result<(), PartError> {
        let mut build = cargo();
        build.args(["build", "--quiet", "--workspace", "--bins"]);
        parts.quiet("build reeve and the laboratory's command line", &mut build)
    }

    /// Brings the laboratory up; one that is up and well stays as it is.
    pub(crate) fn up(&self, parts: &mut Parts) -> Result<(), PartError> {
        let mut up = self.command(&["up", "rook", "--name", self.name]);
        parts.show(&self.up_title(), &mut up)
    }

    /// The same beside other laboratories, with more words for `lab up rook`.
    pub(crate) fn up_beside(&self, shape: &[&str], parts: &mut Parts) -> Result<(), PartError> {
        let mut up = self.command(&["up", "rook", "--name", self.name]);
        up.args(shape);
        parts.show_behind(self.name, &self.up_title(), &mut up)
    }

    fn up_title(&self) -> String {
        format!("laboratory `{}`: up", self.name)
    }

    /// Takes the laboratory down.
    pub(crate) fn down(&self, parts: &mut Parts) -> Result<(), PartError> {
        let mut down = self.command(&["down", "--name", self.name]);
        parts.show(&format!("laboratory `{}`: down", self.name), &mut down)
    }

    /// Returns where the running laboratory can be entered.
    ///
    /// # Errors
    ///
    /// [`PartError::Seen`] if `lab status` does not answer with the four doors.
    pub(crate) fn doors(&self) -> Result<Doors, PartError> {
        let words = ["status", "--name", self.name, "--format", "json"];
        let output = self.command(&words).output().map_err(|source| PartError::Start {
            command: format!("lab {}", words.join(" ")),
            source,
        })?;
        let status: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            PartError::Seen(format!(
                "`lab {}` did not answer in JSON ({error}): {said}",
                words.join(" ")
            ))
        })?;
        let text = |key: &str| {
            status[key]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| PartError::Seen(format!("`lab {}` does not name `{key}`: {status}", words.join(" "))))
        };
        Ok(Doors {
            kubeconfig: text("kubeconfig")?.into(),
            ssh_config: text("ssh_config")?.into(),
            ceph_image: text("ceph_image")?,
            nodes: status["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|node| node["name"].as_str().or_else(|| node.as_str()).map(str::to_owned))
                .collect(),
        })
    }
}

/// Says how a person goes on with a laboratory that stays up.
pub(crate) fn say_how_to_go_on(laboratory: &Laboratory) {
    let name = laboratory.name;
    part::say(&format!(
        "the laboratory `{name}` stays up. Look around with `cargo lab shell --name {name} n1`, see what runs with \
         `cargo lab status --name {name}`,\nand remove it, leaving nothing behind, with `cargo lab down --name {name}`."
    ));
}
