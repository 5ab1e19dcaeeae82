//! A laboratory of the kind `openstack`: making it, entering it, its state.

use std::collections::BTreeSet;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::cloud::{self, Cloud};
use super::configuration::Settings;
use super::front::{self, Front};
use super::logins;
use super::profile::Profile;
use super::root::{Fence, Root};
use super::spec::{MEMORY_BYTES, OpenStackSpec};
use super::start::{self, Birth};
use super::status::{OpenStackStatus, ServiceStatus};
use super::{service, stored};
use crate::cgroup::Hierarchies;
use crate::command::{Output, Tool};
use crate::error::{LabError, Result};
use crate::lab::State;
use crate::progress::{Parts, Progress};
use crate::spec::LabName;
use crate::state::{Asked, Line, Lock, Made, Places, Record, Recorded, Started, boot_id};
use crate::{down, machine};

/// How long a copy of the stored state may take.
const COPY: Duration = Duration::from_secs(300);

/// A laboratory of the kind `openstack` that is there, whole or not.
#[derive(Clone, Debug)]
pub struct OpenStackLab {
    pub(super) places: Places,
    pub(super) folder: Utf8PathBuf,
    pub(super) spec: OpenStackSpec,
    cgroups: Hierarchies,
}

impl OpenStackLab {
    /// Makes the cached parts only, so that a later [`OpenStackLab::up`] is quick; returns how long they took.
    ///
    /// # Errors
    ///
    /// [`LabError::Lacking`] if the machine cannot; otherwise the failed part.
    pub fn prepare(places: &Places, mirror: Option<&str>, progress: &dyn Progress) -> Result<crate::Times> {
        let parts = Parts::new(progress);
        let cgroups = Hierarchies::of_this_machine()?;
        machine::check_for_openstack(places, MEMORY_BYTES)?;
        stored::prepare(places, &cgroups, mirror, &parts)?;
        Ok(parts.times())
    }

    /// Brings a laboratory up; one that is up and well gets the profiles that are asked for and no others, one that is not is removed first.
    ///
    /// # Errors
    ///
    /// [`LabError::Lacking`] if the machine cannot; [`LabError::Busy`] if another process works on it; [`LabError::Request`] if the name belongs to
    /// a laboratory of another kind; otherwise the part that failed. What was made stays for a look around, and `down` or the next `up` removes it.
    pub fn up(
        places: &Places,
        spec: &OpenStackSpec,
        mirror: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<(Self, crate::Times)> {
        let parts = Parts::new(progress);
        let cgroups = Hierarchies::of_this_machine()?;
        let lock = Lock::of_lab(places, &spec.name)?;
        if let Some(recorded) = Record::read(&places.folder(&spec.name))? {
            if is_well(&recorded) {
                let lab = Self::from_record(places, &recorded)?;
                parts.note(&format!("the laboratory `{}` is up and well", spec.name));
                lab.bring_to(&spec.profiles, &parts)?;
                return Ok((lab, parts.times()));
            }
            if recorded.rook().is_some() && recorded.up && recorded.boot_id == boot_id() {
                return Err(LabError::Request(format!(
                    "the laboratory `{0}` is of the kind rook; take it down first (`lab down --name {0}`) or choose another --name",
                    spec.name
                )));
            }
        }
        if places.folder(&spec.name).exists() {
            parts.run("remove what an earlier laboratory of this name left", || {
                down::destroy(places, &spec.name, &cgroups)
            })?;
        }
        machine::check_for_openstack(places, MEMORY_BYTES)?;
        let prepared = stored::prepare(places, &cgroups, mirror, &parts)?;
        let (lab, record) = begin(places, spec, &cgroups)?;
        let fence = lab.fence();
        parts.run("copy of the stored state", || {
            let words = [
                "-a",
                "--sparse=always",
                "--reflink=auto",
                prepared.upper.as_str(),
                lab.folder.as_str(),
            ];
            let copy = Tool::new("stored state", "cp").args(words).deadline(COPY);
            copy.inside(&fence.of("work")?).run()
        })?;
        let cloud = parts.run("namespaces and mounts", || {
            Cloud::begin(&prepared.tree, &lab.folder, &fence, Some(&record))
        })?;
        start::start(&cloud, Settings::of(&BTreeSet::new()), Birth::Copy, &parts)?;
        lab.write_logins(&cloud, &BTreeSet::new())?;
        for profile in &spec.profiles {
            lab.switch_one(&cloud, &record, *profile, true, &parts)?;
        }
        record.append(&Line::Up)?;
        drop(lock);
        Ok((lab, parts.times()))
    }

    /// Opens the laboratory of this name.
    ///
    /// # Errors
    ///
    /// [`LabError::NotThere`] if there is none; [`LabError::Request`] if it is of another kind.
    pub fn open(places: &Places, name: &LabName) -> Result<Self> {
        let recorded =
            Record::read(&places.folder(name))?.ok_or_else(|| LabError::NotThere { name: name.to_string() })?;
        Self::from_record(places, &recorded)
    }

    /// Tells whether there is a laboratory of this name and kind.
    ///
    /// # Errors
    ///
    /// [`LabError`] if its record cannot be read.
    pub fn is_one(places: &Places, name: &LabName) -> Result<bool> {
        let recorded = Record::read(&places.folder(name))?;
        Ok(recorded.is_some_and(|recorded| matches!(recorded.asked, Asked::OpenStack { .. })))
    }

    fn from_record(places: &Places, recorded: &Recorded) -> Result<Self> {
        match &recorded.asked {
            Asked::OpenStack { spec } => Ok(Self {
                places: places.clone(),
                folder: places.folder(&spec.name),
                spec: spec.clone(),
                cgroups: Hierarchies::of_this_machine()?,
            }),
            Asked::Rook { spec, .. } => Err(LabError::Request(format!(
                "the laboratory `{}` is of the kind rook, and this is for the kind openstack",
                spec.name
            ))),
        }
    }

    pub(super) fn recorded(&self) -> Result<Recorded> {
        Record::read(&self.folder)?.ok_or_else(|| LabError::NotThere {
            name: self.spec.name.to_string(),
        })
    }

    fn fence(&self) -> Fence {
        Fence {
            cgroups: self.cgroups.clone(),
            base: self.spec.name.to_string(),
        }
    }

    /// Returns the cloud that runs, as `record` knows it.
    pub(super) fn cloud<'a>(&self, record: Option<&'a Record>) -> Result<Cloud<'a>> {
        let recorded = self.recorded()?;
        let root = self.root(&recorded)?;
        Ok(Cloud::of(root, &self.folder, &self.fence(), record, recorded.processes))
    }

    fn root(&self, recorded: &Recorded) -> Result<Root> {
        let name = &self.spec.name;
        let mut holders = recorded.processes.iter().filter(|process| process.label == "root");
        let holder = holders
            .next()
            .filter(|holder| holder.is_running() && recorded.boot_id == boot_id());
        let holder = holder.ok_or_else(|| {
            LabError::Request(format!(
                "the laboratory `{name}` does not run; `lab up openstack --name {name}` makes it again"
            ))
        })?;
        Ok(Root::new(&self.folder, &self.fence(), holder.clone()))
    }

    /// Writes the logins for programs of the machine and for those in the root.
    pub(super) fn write_logins(&self, cloud: &Cloud<'_>, profiles: &BTreeSet<Profile>) -> Result<()> {
        let front = Front::of(profiles);
        let inside = logins::render(&Front::door(front, front::AUTHORITY));
        cloud.root.write("/etc/openstack/clouds.yaml", &inside, 0o600)?;
        let authority = self.authority();
        let made = cloud.root.path(front::AUTHORITY)?;
        if made.exists() {
            std::fs::copy(&made, &authority).map_err(LabError::file("write", &authority))?;
        }
        let text = logins::render(&Front::door(front, authority.as_str()));
        write_private(&self.clouds(), &text)
    }

    fn authority(&self) -> Utf8PathBuf {
        self.folder.join("authority.pem")
    }

    /// Returns the file with the logins, for programs of the machine.
    #[must_use]
    pub fn clouds(&self) -> Utf8PathBuf {
        self.folder.join("clouds.yaml")
    }

    /// Returns the folder of the laboratory.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Returns what it was made of.
    #[must_use]
    pub const fn spec(&self) -> &OpenStackSpec {
        &self.spec
    }

    /// Runs a command in the laboratory's root and returns what it said, whatever its exit code.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if the laboratory does not run; [`LabError::TooLong`].
    pub fn exec(&self, words: &[&str], deadline: Duration) -> Result<Output> {
        let root = self.root(&self.recorded()?)?;
        root.tool()?.args(words.iter().copied()).deadline(deadline).answer()
    }

    /// Returns a command in the laboratory's root that is not yet run, for a caller that wants its own terminal in it.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if the laboratory does not run.
    pub fn command(&self, words: &[String]) -> Result<std::process::Command> {
        let root = self.root(&self.recorded()?)?;
        Ok(root.tool()?.args(words.iter().cloned()).command())
    }

    /// Returns a command of the machine that will run in the laboratory's network, and finds its `clouds.yaml` through `OS_CLIENT_CONFIG_FILE`. It
    /// belongs to the laboratory: `down` ends it.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if the laboratory does not run.
    pub fn network_command(&self, words: &[String]) -> Result<std::process::Command> {
        let root = self.root(&self.recorded()?)?;
        let tool = root.enter_network()?.args(words.iter().cloned());
        let tool = tool.env("OS_CLIENT_CONFIG_FILE", self.clouds().as_str());
        Ok(tool.inside(&self.fence().of("work")?).command())
    }

    /// Returns the file that holds what a program said.
    ///
    /// # Errors
    ///
    /// [`LabError::Request`] if there is no such program, or it has said nothing yet.
    pub fn log_file(&self, of: &str) -> Result<Utf8PathBuf> {
        let path = cloud::log(&self.folder, of);
        if (of == "root" || service::named(of).is_some()) && path.exists() {
            return Ok(path);
        }
        let names: Vec<&str> = service::all().map(|service| service.name).collect();
        Err(LabError::Request(format!(
            "there is no log of `{of}` in the laboratory `{}`; its programs are root, {}",
            self.spec.name,
            names.join(", ")
        )))
    }

    /// Returns what is known of the laboratory.
    ///
    /// # Errors
    ///
    /// [`LabError`] if its record cannot be read.
    pub fn status(&self) -> Result<OpenStackStatus> {
        let recorded = self.recorded()?;
        let state = if Lock::of_lab(&self.places, &self.spec.name).is_err() {
            State::Busy
        } else if !recorded.up {
            State::HalfMade
        } else if is_well(&recorded) {
            State::Up
        } else {
            State::Broken
        };
        let front = Front::of(&recorded.profiles);
        let services = recorded.processes.iter().map(|process| ServiceStatus {
            name: process.label.clone(),
            pid: process.pid,
            running: process.is_running(),
        });
        Ok(OpenStackStatus {
            kind: "openstack",
            name: self.spec.name.clone(),
            state,
            folder: self.folder.clone(),
            clouds: self.clouds(),
            public: Front::base(front),
            authority: front.filter(|front| front.is_tls()).map(|_| self.authority()),
            pid: self.root(&recorded).ok().and_then(|root| root.first()),
            services: services.collect(),
            profiles: recorded.profiles,
        })
    }
}

/// Tells whether a cloud is complete and all that should run does.
fn is_well(recorded: &Recorded) -> bool {
    matches!(recorded.asked, Asked::OpenStack { .. })
        && recorded.up
        && recorded.boot_id == boot_id()
        && recorded.processes.iter().all(Started::is_running)
}

/// Makes the laboratory's folder with the first lines of its record, and its cgroups.
fn begin(places: &Places, spec: &OpenStackSpec, cgroups: &Hierarchies) -> Result<(OpenStackLab, Record)> {
    let folders = cgroups.folders(spec.name.as_str());
    // What is there already belongs to somebody else, and must not come into this laboratory's record.
    if let Some(path) = folders.iter().find(|path| path.exists()) {
        return Err(LabError::Request(format!(
            "{path} is there already and belongs to no laboratory in {}; choose another --name, or remove it if nothing uses it",
            places.state
        )));
    }
    let folder = places.folder(&spec.name);
    let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(LabError::file("make", &folder))?;
    let record = Record::begin_openstack(&folder, spec)?;
    for path in folders {
        record.makes(Made::Cgroup { path })?;
    }
    cgroups.make(spec.name.as_str())?;
    let recorded = Record::read(&folder)?.ok_or_else(|| LabError::NotThere {
        name: spec.name.to_string(),
    })?;
    Ok((OpenStackLab::from_record(places, &recorded)?, record))
}

/// Writes a file that only root may read.
fn write_private(path: &Utf8Path, text: &str) -> Result<()> {
    use std::io::Write;
    let opened = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(LabError::file("write", path))
}
