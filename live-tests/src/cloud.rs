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
    /// The process whose network is the cloud's.
    pid: String,
    /// The logins to it.
    clouds: Utf8PathBuf,
}

impl Cloud {
    /// Opens the cloud that `REEVE_LAB` names.
    ///
    /// # Panics
    ///
    /// If the variable is missing or `lab status` does not answer: these tests are nothing without it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no command line; the job that runs them names the laboratory here"
    )]
    pub fn open() -> Self {
        let name =
            std::env::var("REEVE_LAB").expect("REEVE_LAB names the laboratory; `cargo xtask test --all` sets it");
        let words = ["status", "--name", &name, "--format", "json"];
        let said = run(Command::new(target().join("lab")).args(words), None);
        let status: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        Self {
            pid: status["pid"].as_u64().expect("a cloud has a process").to_string(),
            clouds: status["clouds"].as_str().expect("a cloud has logins").into(),
            name,
        }
    }

    /// Returns the disks of the laboratory's guest, made if they are not there yet: `bios.raw`, `uefi.raw` and `data.raw`.
    ///
    /// # Panics
    ///
    /// If they cannot be made.
    #[must_use]
    pub fn guest() -> Utf8PathBuf {
        let said = run(Command::new(target().join("lab")).args(["prepare", "guest"]), None);
        said.fine().trim().into()
    }

    /// Runs `reeve` in `folder`, in the cloud's network, as a member of the project.
    #[must_use]
    pub fn reeve(&self, folder: &Utf8Path, words: &[&str]) -> Said {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid, "--net", "--"]);
        command.arg(target().join("reeve")).args(words).current_dir(folder);
        command
            .env("OS_CLIENT_CONFIG_FILE", &self.clouds)
            .env("OS_CLOUD", LOGIN);
        for name in [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        ] {
            command.env_remove(name);
        }
        run(&mut command, None)
    }

    /// Runs OpenStack's own client as a member of the project; it must succeed.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn openstack(&self, words: &[&str]) -> String {
        let mut command = Command::new(target().join("lab"));
        command.args(["shell", "--name", &self.name, "--", "openstack", "--os-cloud", LOGIN]);
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
