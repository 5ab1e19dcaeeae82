//! Hosts: files, units, processes, and the commands that a take-over sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use reeve_ceph::{DaemonName, DaemonType};

use super::layout::{Layout, ROOK, UnitLayout};
use super::ledger::Violation;
use super::machine::{Home, Machine, Process};
use super::timing;
use crate::facts::UserIds;

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Device,
    Link(String),
}

/// A file, directory, device or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) owner: UserIds,
    /// How new a mon's store is.
    pub(super) store: Option<u64>,
}

/// An old daemon's unit.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) daemon: DaemonName,
    pub(super) pid: Option<u32>,
    pub(super) is_stopping: bool,
    pub(super) has_failed: bool,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub(super) struct HostState {
    pub(super) files: BTreeMap<String, Entry>,
    pub(super) units: BTreeMap<String, Unit>,
}

/// What a command gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) status: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    /// How much longer than usual it took.
    pub(super) takes: Duration,
}

impl Said {
    pub(super) fn text(stdout: impl Into<Vec<u8>>) -> Self {
        Self {
            stdout: stdout.into(),
            ..Self::default()
        }
    }

    pub(super) fn failed(status: i32, stderr: impl Into<String>) -> Self {
        Self {
            status,
            stderr: stderr.into(),
            ..Self::default()
        }
    }

    pub(super) fn when(met: bool) -> Self {
        Self {
            status: i32::from(!met),
            ..Self::default()
        }
    }
}

const ROOT: UserIds = UserIds { uid: 0, gid: 0 };

fn entry(kind: Kind, owner: UserIds) -> Entry {
    Entry {
        kind,
        owner,
        store: None,
    }
}

impl HostState {
    /// Makes all hosts of a layout.
    pub(super) fn all(layout: &Layout) -> BTreeMap<String, Self> {
        let mut hosts: BTreeMap<String, Self> = BTreeMap::new();
        hosts.entry(layout.context.admin_host.clone()).or_default();
        for host in layout.nodes.keys() {
            hosts.entry(host.clone()).or_default();
        }
        for (daemon, unit) in &layout.units {
            let host = hosts.entry(unit.host.clone()).or_default();
            host.add_unit(daemon, unit, layout);
        }
        hosts
    }

    fn add_unit(&mut self, daemon: &DaemonName, unit: &UnitLayout, layout: &Layout) {
        let owner = unit.user.unwrap_or(ROOK);
        if let Some(path) = &unit.own_file {
            self.files.insert(path.clone(), entry(Kind::File, ROOT));
        }
        match daemon.kind {
            DaemonType::Mon => {
                if let Some(mon) = layout.mons.get(&daemon.id) {
                    let mut store = entry(Kind::Directory, owner);
                    store.store = Some(1);
                    self.files.insert(mon.store.clone(), store);
                    for part in ["keyring", "store.db"] {
                        self.files
                            .insert(format!("{}/{part}", mon.store), entry(Kind::File, owner));
                    }
                }
            }
            DaemonType::Osd => {
                let osd = daemon.id.parse().ok().and_then(|id| layout.osds.get(&id));
                for device in osd.map(|osd| osd.devices.as_slice()).unwrap_or_default() {
                    self.files.insert(device.clone(), entry(Kind::Device, owner));
                }
                if let Some(device) = osd.and_then(|osd| osd.devices.first()) {
                    let block = format!("/var/lib/ceph/osd/ceph-{}/block", daemon.id);
                    self.files.insert(block, entry(Kind::Link(device.clone()), owner));
                }
            }
            _ => {}
        }
        let state = Unit {
            daemon: daemon.clone(),
            pid: None,
            is_stopping: false,
            has_failed: false,
        };
        self.units.insert(unit.unit.clone(), state);
    }

    /// Returns how new the store at a path is, if there is one.
    pub(super) fn store_version(&self, path: &str) -> Option<u64> {
        self.files.get(path)?.store
    }

    fn is_masked(&self, unit: &str) -> bool {
        let place = self.files.get(&mask_place(unit));
        place.is_some_and(|it| it.kind == Kind::Link("/dev/null".into()))
    }

    /// Returns what a path names in the end.
    fn resolved<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a Entry)> {
        let found = self.files.get(path)?;
        match &found.kind {
            Kind::Link(to) => self.files.get_key_value(to).map(|(path, entry)| (path.as_str(), entry)),
            _ => Some((path, found)),
        }
    }

    fn exists(&self, path: &str) -> bool {
        self.resolved(path).is_some() || self.has_below(path)
    }

    fn has_below(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        self.files
            .range(below.clone()..)
            .next()
            .is_some_and(|(it, _)| it.starts_with(&below))
    }

    /// Returns a path and everything below it.
    fn tree(&self, path: &str) -> Vec<String> {
        let below = format!("{path}/");
        let all = self.files.keys().filter(|it| *it == path || it.starts_with(&below));
        all.cloned().collect()
    }

    /// Makes a directory that Rook's pods make.
    pub(super) fn make_directory(&mut self, path: &str) {
        let made = || entry(Kind::Directory, ROOT);
        self.files.entry(path.to_owned()).or_insert_with(made);
    }

    /// Gives a path, with everything below it, to an owner.
    pub(super) fn give(&mut self, path: &str, owner: UserIds) -> bool {
        let paths = self.tree(path);
        for path in &paths {
            if let Some(entry) = self.files.get_mut(path) {
                entry.owner = owner;
            }
        }
        !paths.is_empty()
    }
}

fn mask_place(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

fn owner(text: &str) -> Option<UserIds> {
    let (uid, gid) = text.split_once(':')?;
    Some(UserIds {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
    })
}

impl Machine {
    /// Runs a command on a host; none where it has to wait, because no mon or no mgr answers.
    pub(super) fn run(&mut self, host: &str, argv: &[&str], stdin: &[u8]) -> Option<Said> {
        match argv {
            ["ceph", words @ ..] => return self.ceph(host, words, stdin),
            ["env", assignment, rest @ ..] if assignment.contains('=') => return self.run(host, rest, stdin),
            _ => {}
        }
        if !self.hosts.contains_key(host) {
            return Some(Said::failed(255, format!("the model has no host {host}")));
        }
        let said = match argv {
            ["systemctl", words @ ..] => self.systemctl(host, words),
            ["ps", ..] => Some(self.ps(host)),
            ["ss", ..] => Some(self.ss(host)),
            ["find", "/proc", rest @ ..] => Some(self.holders(host, rest)),
            ["ceph-volume", rest @ ..] => self.ceph_volume(host, rest),
            ["sh", "-c", _, "reeve-rename", from, to] => Some(self.rename(host, from, to)),
            _ => self.files(host, argv),
        };
        Some(said.unwrap_or_else(|| {
            let command = argv.join(" ");
            self.ledger.violated(Violation::UnknownCommand {
                host: host.to_owned(),
                command: command.clone(),
            });
            Said::failed(2, format!("the model does not know `{command}`"))
        }))
    }

    fn host_mut(&mut self, host: &str) -> &mut HostState {
        self.hosts.entry(host.to_owned()).or_default()
    }

    fn files(&mut self, host: &str, argv: &[&str]) -> Option<Said> {
        let state = self.host_mut(host);
        Some(match argv {
            ["true"] | ["mkdir", "--parents", "--", ..] | ["rmdir", "--ignore-fail-on-non-empty", "--", ..] => {
                Said::default()
            }
            ["test", "-e", path] => Said::when(state.exists(path)),
            ["test", "-d", path] => {
                let is_directory = state.resolved(path).is_some_and(|(_, it)| it.kind == Kind::Directory);
                Said::when(is_directory || state.has_below(path))
            }
            ["test", "-f", path] => Said::when(state.resolved(path).is_some_and(|(_, it)| it.kind == Kind::File)),
            ["test", "-f", path, "-a", "!", "-L", same] if path == same => {
                Said::when(state.files.get(*path).is_some_and(|it| it.kind == Kind::File))
            }
            ["test", "-b", path] => Said::when(state.resolved(path).is_some_and(|(_, it)| it.kind == Kind::Device)),
            ["readlink", "--canonicalize-existing", "--", paths @ ..] => {
                let names: Vec<&str> = paths
                    .iter()
                    .filter_map(|it| state.resolved(it))
                    .map(|it| it.0)
                    .collect();
                let mut said = Said::text(lines(&names));
                said.status = i32::from(names.len() != paths.len());
                said
            }
            ["stat", "--dereference", "--format=%u:%g", "--", paths @ ..] => {
                let found = paths.iter().filter_map(|it| state.resolved(it));
                let owners: Vec<String> = found
                    .map(|(_, it)| format!("{}:{}", it.owner.uid, it.owner.gid))
                    .collect();
                let mut said = Said::text(lines(&owners));
                said.status = i32::from(owners.len() != paths.len());
                said
            }
            [
                "find",
                path,
                "(",
                "!",
                "-uid",
                uid,
                "-o",
                "!",
                "-gid",
                gid,
                ")",
                "-print",
                "-quit",
            ] => {
                let wanted = owner(&format!("{uid}:{gid}"))?;
                let paths = state.tree(path);
                if paths.is_empty() {
                    Said::failed(1, format!("find: '{path}': No such file or directory"))
                } else {
                    let other = paths.into_iter().find(|it| state.files[it].owner != wanted);
                    Said::text(other.map(|it| it + "\n").unwrap_or_default())
                }
            }
            ["chown", "--recursive", to, "--", path] => {
                let to = owner(to)?;
                if state.give(path, to) {
                    Said::default()
                } else {
                    Said::failed(1, format!("chown: cannot access '{path}': No such file or directory"))
                }
            }
            ["chown", "--dereference", to, "--", paths @ ..] => {
                let to = owner(to)?;
                let names: Vec<String> = paths
                    .iter()
                    .filter_map(|it| state.resolved(it))
                    .map(|it| it.0.to_owned())
                    .collect();
                for name in &names {
                    state.give(name, to);
                }
                Said::when(names.len() == paths.len())
            }
            ["rm", "--recursive", "--force", "--one-file-system", "--", path] => {
                for path in state.tree(path) {
                    state.files.remove(&path);
                }
                Said::default()
            }
            ["tar", "--create", ..] => Said {
                takes: timing::PACKING,
                ..Said::text("(an archive)")
            },
            ["cat", "--", path] => match state.resolved(path) {
                Some(_) => Said::text("(a file)\n"),
                None => Said::failed(1, format!("cat: {path}: No such file or directory")),
            },
            _ => return None,
        })
    }

    fn rename(&mut self, host: &str, from: &str, to: &str) -> Said {
        let is_open = |process: &Process| process.host == host && process.store.as_deref() == Some(from);
        let open = self.processes.values().any(is_open);
        let state = self.host_mut(host);
        if !state.exists(from) {
            return Said::failed(74, "there is no such file");
        }
        if state.exists(to) {
            return Said::failed(74, format!("{to} exists already"));
        }
        for path in state.tree(from) {
            if let Some(entry) = state.files.remove(&path) {
                state.files.insert(path.replacen(from, to, 1), entry);
            }
        }
        if open {
            self.ledger
                .violated(Violation::MovedWhileOpen { path: from.to_owned() });
        }
        Said::default()
    }

    fn systemctl(&mut self, host: &str, words: &[&str]) -> Option<Said> {
        let state = self.host_mut(host);
        Some(match words {
            ["show", "--property=ActiveState,MainPID", "--", unit] => {
                let unit = state.units.get(*unit);
                let active = match unit {
                    Some(unit) if unit.is_stopping => "deactivating",
                    Some(unit) if unit.pid.is_some() => "active",
                    Some(unit) if unit.has_failed => "failed",
                    _ => "inactive",
                };
                let pid = unit.and_then(|unit| unit.pid).unwrap_or(0);
                Said::text(format!("ActiveState={active}\nMainPID={pid}\n"))
            }
            ["is-active", "--", unit] => {
                let runs = state
                    .units
                    .get(*unit)
                    .is_some_and(|unit| unit.pid.is_some() && !unit.is_stopping);
                let mut said = Said::text(if runs { "active\n" } else { "inactive\n" });
                said.status = if runs { 0 } else { 3 };
                said
            }
            ["is-enabled", "--", unit] => {
                let is_masked = state.is_masked(unit);
                let mut said = Said::text(if is_masked { "masked\n" } else { "enabled\n" });
                said.status = i32::from(is_masked);
                said
            }
            ["mask", "--", unit] => {
                let place = mask_place(unit);
                match state.files.get(&place).map(|it| &it.kind) {
                    Some(Kind::File) => Said::failed(1, format!("Failed to mask unit: File '{place}' already exists.")),
                    _ => {
                        state.files.insert(place, entry(Kind::Link("/dev/null".into()), ROOT));
                        Said::default()
                    }
                }
            }
            ["unmask", "--", unit] => {
                if state.is_masked(unit) {
                    state.files.remove(&mask_place(unit));
                }
                Said::default()
            }
            ["daemon-reload"] => Said::default(),
            ["reset-failed", "--", unit] => {
                if let Some(unit) = state.units.get_mut(*unit) {
                    unit.has_failed = false;
                }
                Said::default()
            }
            ["cat", "--", units @ ..] => {
                let of = |unit: &&str| format!("# /lib/systemd/system/{unit}\n[Service]\nExecStart=…\n");
                Said::text(units.iter().map(of).collect::<String>())
            }
            ["stop", "--", unit] => self.stop_unit(host, unit),
            ["start", "--", unit] => self.start_unit(host, unit),
            _ => return None,
        })
    }

    fn stop_unit(&mut self, host: &str, name: &str) -> Said {
        let unit = self.host_mut(host).units.get_mut(name);
        let Some(pid) = unit.and_then(|unit| {
            unit.is_stopping = unit.pid.is_some();
            unit.pid
        }) else {
            return Said::default();
        };
        *self.ledger.unit_stops.entry(name.to_owned()).or_default() += 1;
        Said {
            takes: self.stop_process(pid) + timing::HOST_COMMAND,
            ..Said::default()
        }
    }

    fn start_unit(&mut self, host: &str, name: &str) -> Said {
        let state = self.host_mut(host);
        if state.is_masked(name) {
            return Said::failed(1, format!("Failed to start {name}: Unit {name} is masked."));
        }
        let Some(unit) = state.units.get(name).cloned() else {
            return Said::failed(5, format!("Failed to start {name}: Unit {name} not found."));
        };
        if unit.pid.is_some() {
            return Said::default();
        }
        let daemon = unit.daemon;
        if !self.may_start(host, &daemon) {
            if let Some(unit) = self.host_mut(host).units.get_mut(name) {
                unit.has_failed = true;
            }
            return Said::failed(
                1,
                format!("Job for {name} failed because the control process exited with error code."),
            );
        }
        let mon = self
            .layout
            .mons
            .get(&daemon.id)
            .filter(|_| daemon.kind == DaemonType::Mon);
        let process = Process {
            store: mon.map(|mon| mon.store.clone()),
            home: Home::Unit(name.to_owned()),
            host: host.to_owned(),
            daemon,
        };
        *self.ledger.unit_starts.entry(name.to_owned()).or_default() += 1;
        let pid = self.start_process(process);
        if let Some(unit) = self.host_mut(host).units.get_mut(name) {
            unit.pid = Some(pid);
        }
        Said::default()
    }

    /// Tells whether an old daemon finds what it needs, and may open it.
    fn may_start(&self, host: &str, daemon: &DaemonName) -> bool {
        let (Some(state), Some(unit)) = (self.hosts.get(host), self.layout.units.get(daemon)) else {
            return false;
        };
        let needs: Vec<&str> = match daemon.kind {
            DaemonType::Mon => self
                .layout
                .mons
                .get(&daemon.id)
                .map(|it| it.store.as_str())
                .into_iter()
                .collect(),
            DaemonType::Osd => {
                let osd = daemon.id.parse().ok().and_then(|id| self.layout.osds.get(&id));
                osd.map(|osd| osd.devices.iter().map(String::as_str).collect())
                    .unwrap_or_default()
            }
            _ => Vec::new(),
        };
        needs.into_iter().all(|path| {
            let found = state.resolved(path);
            found.is_some_and(|(_, entry)| unit.user.is_none_or(|user| entry.owner == user))
        })
    }

    fn ps(&self, host: &str) -> Said {
        let mut text = String::from("      1       0 0::/init.scope /sbin/init\n");
        for (pid, process) in self.processes.iter().filter(|(_, it)| it.host == host) {
            let group = match &process.home {
                Home::Unit(unit) => format!("0::/system.slice/{unit}"),
                Home::Pod(_, uid) => format!("0::/kubepods/burstable/pod{uid}/ceph"),
            };
            let (kind, id) = (process.daemon.kind, &process.daemon.id);
            text.push_str(&format!(
                "{pid:>7}       1 {group} /usr/bin/ceph-{kind} -f --cluster ceph --id {id}\n"
            ));
        }
        Said::text(text)
    }

    fn ss(&self, host: &str) -> Said {
        let of = |process: &Process| {
            let unit = self.layout.units.get(&process.daemon);
            unit.map(|unit| unit.ports.clone()).unwrap_or_default()
        };
        let ports = self.processes.values().filter(|it| it.host == host).flat_map(of);
        Said::text(
            ports
                .map(|port| format!("LISTEN 0 512 0.0.0.0:{port} 0.0.0.0:*\n"))
                .collect::<String>(),
        )
    }

    /// Finds processes that have one of the devices open.
    fn holders(&self, host: &str, words: &[&str]) -> Said {
        let names: Vec<&str> = words
            .windows(2)
            .filter(|two| two[0] == "-lname")
            .map(|two| two[1])
            .collect();
        let holds = |process: &Process| {
            let osd = process.daemon.id.parse().ok().and_then(|id| self.layout.osds.get(&id));
            let is_osd = process.host == host && process.daemon.kind == DaemonType::Osd;
            is_osd && osd.is_some_and(|osd| osd.devices.iter().any(|device| names.contains(&device.as_str())))
        };
        let found = self.processes.iter().filter(|(_, process)| holds(process));
        Said::text(found.map(|(pid, _)| format!("/proc/{pid}/fd/9\n")).collect::<String>())
    }

    fn ceph_volume(&mut self, host: &str, words: &[&str]) -> Option<Said> {
        let osd = match words {
            ["lvm", "activate", "--no-systemd", "--bluestore", id, _]
            | ["simple", "activate", "--no-systemd", id, _] => id.parse().ok()?,
            ["raw", "activate", "--no-systemd", "--device", device] => {
                let mut osds = self.layout.osds.iter();
                let found = osds.find(|(_, osd)| osd.host == host && osd.devices.iter().any(|it| it == device));
                *found?.0
            }
            _ => return None,
        };
        let devices = self.layout.osds.get(&osd)?.devices.clone();
        let user = self.layout.units.get(&DaemonName::osd(osd))?.user.unwrap_or(ROOK);
        let state = self.host_mut(host);
        let block = entry(Kind::Link(devices.first()?.clone()), user);
        state.files.insert(format!("/var/lib/ceph/osd/ceph-{osd}/block"), block);
        for device in devices {
            state.give(&device, user);
        }
        Some(Said::default())
    }
}

fn lines<S: AsRef<str>>(all: &[S]) -> String {
    all.iter().flat_map(|line| [line.as_ref(), "\n"]).collect()
}
