//! The running laboratory `openstack`, used as a member of a project does.

use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::laboratory::{Said, run, target};

/// The login of a project's member.
const LOGIN: &str = "alpha-member";

/// A running cloud.
#[derive(Clone, Debug)]
pub struct Cloud {
    name: String,
}

impl Cloud {
    /// Opens the cloud that `REEVE_LAB` names.
    ///
    /// # Panics
    ///
    /// If the variable is missing or the cloud is not up: these tests are nothing without it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no command line; the job that runs them names the laboratory here"
    )]
    pub fn open() -> Self {
        let name =
            std::env::var("REEVE_LAB").expect("REEVE_LAB names the laboratory; `cargo xtask test --all` sets it");
        run(&mut lab(&["status", "--name", &name]), None).fine();
        Self { name }
    }

    /// Returns the disks of the laboratory's guest, made if they are not there yet: `bios.raw`, `uefi.raw` and `data.raw`.
    ///
    /// # Panics
    ///
    /// If they cannot be made.
    #[must_use]
    pub fn guest() -> Utf8PathBuf {
        run(&mut lab(&["prepare", "guest"]), None).fine().trim().into()
    }

    /// Runs `reeve` in `folder`, in the cloud's network, as a member of the project.
    #[must_use]
    pub fn reeve(&self, folder: &Utf8Path, words: &[&str]) -> Said {
        let program = target().join("reeve");
        let mut command = lab(&["exec", "--name", &self.name, "--", program.as_str()]);
        run(command.args(words).current_dir(folder).env("OS_CLOUD", LOGIN), None)
    }

    /// Runs OpenStack's own client as a member of the project; it must succeed.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn openstack(&self, words: &[&str]) -> String {
        let mut command = lab(&["shell", "--name", &self.name, "--", "openstack", "--os-cloud", LOGIN]);
        run(command.args(words), None).fine()
    }

    /// Runs OpenStack's own client and reads its answer.
    ///
    /// # Panics
    ///
    /// If it fails.
    #[must_use]
    pub fn openstack_json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.extend(["--format", "json"]);
        serde_json::from_str(&self.openstack(&all)).expect("the client answers in JSON")
    }

    /// Lets the cloud differ from a good one in a way that the laboratory knows, until it is told to be `good` again.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn switch(&self, profile: &str, good: bool) {
        let verb = if good { "repair" } else { "inject" };
        run(&mut lab(&["fault", "--name", &self.name, verb, profile]), None).fine();
    }

    /// Returns ids and names of everything in the project that an import could have made.
    #[must_use]
    pub fn holdings(&self) -> Value {
        ["image", "volume", "port", "server"]
            .into_iter()
            .map(|kind| {
                let scope: &[&str] = if kind == "image" { &["--private"] } else { &[] };
                (kind, self.openstack_json(&[&[kind, "list"], scope].concat()))
            })
            .collect()
    }

    /// Waits until a server's console has `text`, and returns all of it.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[must_use]
    pub fn console(&self, server: &str, text: &str, patience: Duration) -> String {
        let begun = Instant::now();
        loop {
            let said = self.openstack(&["console", "log", "show", server]);
            if said.contains(text) {
                return said;
            }
            assert!(begun.elapsed() < patience, "no {text:?} within {patience:?}: {said}");
            std::thread::sleep(Duration::from_secs(3));
        }
    }
}

/// Returns a command of the laboratory's command line.
fn lab(words: &[&str]) -> Command {
    let mut command = Command::new(target().join("lab"));
    command.args(words);
    command
}
