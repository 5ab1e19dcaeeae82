//! A laboratory of the kind `openstack` as the jobs use it: through its command line, as a person would.

use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::part::{PartError, Parts};
use crate::tool::target_dir;

/// The member of a project as which both suites log in.
pub(crate) const LOGIN: &str = "alpha-member";

/// How long Cinder may take until it notices that cinder-backup is gone; it counts heartbeats of the last minute.
const NOTICED: Duration = Duration::from_secs(240);

/// One laboratory, by name.
pub(crate) struct Cloud {
    pub(crate) name: String,
}

/// Where the running cloud can be entered.
#[derive(Clone)]
pub(crate) struct Door {
    /// The process whose network is the cloud's.
    pid: String,
    /// The logins to it.
    clouds: Utf8PathBuf,
}

impl Cloud {
    fn lab(&self, words: &[&str]) -> Command {
        let mut command = Command::new(target_dir().join("debug").join("lab"));
        let (before, after) = words.split_at(words.iter().position(|word| *word == "--").unwrap_or(words.len()));
        command.current_dir(crate::tool::root()).args(before);
        command.args(["--name", &self.name]).args(after);
        command
    }

    /// Brings the cloud up with these faults and no others; one that is up and well is brought to them.
    pub(crate) fn up(&self, faults: &[&str], parts: &mut Parts) -> Result<(), PartError> {
        let mut up = self.lab(&["up", "openstack"]);
        for fault in faults {
            up.args(["--break", fault]);
        }
        parts.show(&format!("laboratory `{}`: up", self.name), &mut up)
    }

    /// Takes the cloud down.
    pub(crate) fn down(&self, parts: &mut Parts) -> Result<(), PartError> {
        parts.show(&format!("laboratory `{}`: down", self.name), &mut self.lab(&["down"]))
    }

    /// Breaks the cloud in one way, and returns when that shows.
    pub(crate) fn inject(&self, fault: &str, parts: &mut Parts) -> Result<(), PartError> {
        let mut inject = self.lab(&["fault", "inject", fault]);
        parts.quiet(&format!("{fault}: break the cloud"), &mut inject)?;
        if fault == "cinder-backup-down" {
            parts.run("wait until Cinder has noticed", || self.wait_until_noticed())?;
        }
        Ok(())
    }

    /// Mends what [`Cloud::inject`] broke.
    pub(crate) fn repair(&self, fault: &str, parts: &mut Parts) -> Result<(), PartError> {
        let mut repair = self.lab(&["fault", "repair", fault]);
        parts.quiet(&format!("{fault}: mend the cloud"), &mut repair)
    }

    /// Waits until Cinder no longer lists its backup service as alive, so that a deletion is refused for the reason that operators see.
    fn wait_until_noticed(&self) -> Result<(), PartError> {
        let ask = "openstack --os-cloud admin volume service list --service cinder-backup -f value -c State";
        let began = Instant::now();
        let mut words = vec!["shell", "--"];
        words.extend(ask.split(' '));
        while began.elapsed() < NOTICED {
            let mut command = self.lab(&words);
            let output = command.output().map_err(|source| PartError::Start {
                command: ask.into(),
                source,
            })?;
            if String::from_utf8_lossy(&output.stdout).trim() == "down" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_secs(3));
        }
        Err(PartError::Seen(format!(
            "after {} s Cinder still takes cinder-backup for alive, although it was stopped",
            NOTICED.as_secs()
        )))
    }

    /// Returns where the running cloud can be entered.
    ///
    /// # Errors
    ///
    /// [`PartError::Seen`] if `lab status` does not answer with process and logins.
    pub(crate) fn door(&self) -> Result<Door, PartError> {
        let words = ["status", "--format", "json"];
        let output = self.lab(&words).output().map_err(|source| PartError::Start {
            command: format!("lab {}", words.join(" ")),
            source,
        })?;
        let seen = |what: &str| PartError::Seen(format!("`lab {} --name {}` {what}", words.join(" "), self.name));
        let status: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            seen(&format!("did not answer in JSON ({error}): {said}"))
        })?;
        match (status["pid"].as_u64(), status["clouds"].as_str()) {
            (Some(pid), Some(clouds)) => Ok(Door {
                pid: pid.to_string(),
                clouds: clouds.into(),
            }),
            _ => Err(seen(&format!("names no process or no logins: {status}"))),
        }
    }
}

impl Door {
    /// Returns a command of the machine that runs in the cloud's network and finds its logins, and nothing of the user's own.
    ///
    /// It replaces the one that enters, so that its time and cost are its own.
    pub(crate) fn command(&self, program: &Utf8Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid, "--net", "--", program.as_str()]);
        command.env("OS_CLIENT_CONFIG_FILE", &self.clouds);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // The cloud is in a network of its own, which no proxy of the machine's reaches.
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
        for name in ["OS_CLOUD", "OS_CLIENT_SECURE_FILE", "OS_AUTH_URL", "OS_REGION_NAME"] {
            command.env_remove(name);
        }
        command
    }
}
