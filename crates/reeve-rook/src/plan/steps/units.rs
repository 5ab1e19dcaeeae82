//! The old daemons' units.

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::{Action, Place};
use serde::{Deserialize, Serialize};

use super::{Activation, Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{command, read, wait};
use crate::plan::measured::{COMMAND_DEADLINE, GONE_DEADLINE, STOP_DEADLINE};

/// Stops a daemon's unit.
///
/// Undo: makes the OSD startable where ceph-volume has to, starts the unit, and waits until the daemon serves again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopUnit {
    /// The daemon.
    pub daemon: DaemonName,
    /// Its host.
    pub host: String,
    /// Its unit.
    pub unit: String,
    /// How an OSD is made startable before its unit starts again.
    pub activation: Option<Activation>,
    /// What is missing from now until the daemon serves again.
    pub interrupts: String,
    /// For about how many seconds.
    pub about_seconds: u32,
}

impl StepDefinition for StopUnit {
    const KIND: &'static str = "stop_unit";
    const ABOUT: &'static str = "Stops a daemon's old unit.";

    fn describe(&self, _: &StepContext) -> Description {
        let Self { daemon, host, unit, .. } = self;
        let act = vec![command(host, ["systemctl", "stop", "--", unit])];
        let mut undo: Vec<Action> = Vec::new();
        if let Some(argv) = self.activation.as_ref().and_then(|it| it.argv(&daemon.id)) {
            undo.push(command(host, argv));
        }
        undo.push(command(host, ["systemctl", "start", "--", unit]));
        undo.push(wait(match daemon.kind {
            DaemonType::Mon => format!("{daemon} is in quorum"),
            DaemonType::Osd => format!("{daemon} is up and all PGs are active+clean"),
            _ => format!("{daemon} stands by or is active"),
        }));
        let what = format!("Stops {unit} on {host}.");
        Description::changing(what, Place::Host(host.clone()), act, STOP_DEADLINE, undo)
            .interrupting(&self.interrupts, self.about_seconds)
    }
}

/// Masks a unit, so that nothing can start it: no boot, no target, no package script.
///
/// A unit file that lies at the very place of the mask is set aside first. Units are not disabled: unmasking brings back the enablement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskUnit {
    /// The host.
    pub host: String,
    /// The unit.
    pub unit: String,
    /// The unit's file, where it lies at `/etc/systemd/system/UNIT` itself.
    pub own_file: Option<String>,
}

impl StepDefinition for MaskUnit {
    const KIND: &'static str = "mask_unit";
    const ABOUT: &'static str = "Masks an old unit, so that neither boot nor target nor package script can start it.";

    fn describe(&self, _: &StepContext) -> Description {
        let Self { host, unit, .. } = self;
        let mut act = Vec::new();
        let mut undo = vec![command(host, ["systemctl", "unmask", "--", unit])];
        if let Some(path) = &self.own_file {
            let aside = format!("{path}.before-rook");
            act.push(command(
                host,
                ["mv", "--no-clobber", "--no-target-directory", "--", path, &aside],
            ));
            undo.push(command(
                host,
                ["mv", "--no-clobber", "--no-target-directory", "--", &aside, path],
            ));
            undo.push(command(host, ["systemctl", "daemon-reload"]));
        }
        act.push(command(host, ["systemctl", "mask", "--", unit]));
        act.push(read("masked", ["systemctl", "is-enabled", "--", unit]));
        let what = format!("Masks {unit} on {host}, so that nothing starts it.");
        Description::changing(what, Place::Host(host.clone()), act, COMMAND_DEADLINE, undo)
    }
}

/// Waits until no process of a daemon is left and its ports or devices are free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitProcessGone {
    /// The daemon.
    pub daemon: DaemonName,
    /// Its host.
    pub host: String,
    /// Its unit.
    pub unit: String,
    /// TCP ports that must be free.
    pub ports: Vec<u16>,
    /// Block devices that nobody may hold open.
    pub devices: Vec<String>,
}

impl StepDefinition for AwaitProcessGone {
    const KIND: &'static str = "await_process_gone";
    const ABOUT: &'static str = "Waits until no process of the old daemon is left and its ports or devices are free.";

    fn describe(&self, _: &StepContext) -> Description {
        let Self {
            daemon,
            host,
            unit,
            ports,
            devices,
        } = self;
        let mut act = vec![
            read(
                "inactive",
                ["systemctl", "show", "--property=ActiveState,MainPID", "--", unit],
            ),
            read(
                format!("no ceph-{} with id {}", daemon.kind, daemon.id),
                ["ps", "-ww", "-C", &format!("ceph-{}", daemon.kind), "-o", "pid=,args="],
            ),
        ];
        if !ports.is_empty() {
            let list: Vec<String> = ports.iter().map(u16::to_string).collect();
            act.push(read(
                format!("nobody listens on {}", list.join(", ")),
                ["ss", "--listening", "--tcp", "--numeric", "--no-header"],
            ));
        }
        if !devices.is_empty() {
            let argv = ["readlink", "--canonicalize-existing", "--"].into_iter();
            act.push(read(
                "the kernel's names of its devices",
                argv.chain(devices.iter().map(String::as_str)),
            ));
            act.push(read(
                format!("nobody has {} open", devices.join(", ")),
                holders(devices),
            ));
        }
        let what = format!("Waits until {daemon} is gone from {host}.");
        Description::looking(what, Place::Host(host.clone()), act, GONE_DEADLINE)
    }
}

/// Returns a search for processes that have one of the devices open, with nothing but findutils.
///
/// By the names of what is open: `find -samefile` would open the devices itself, and find itself.
pub(crate) fn holders(devices: &[String]) -> Vec<&str> {
    let mut argv = vec![
        "find",
        "/proc",
        "-mindepth",
        "3",
        "-maxdepth",
        "3",
        "-path",
        "/proc/[0-9]*/fd/*",
        "(",
    ];
    for (at, device) in devices.iter().enumerate() {
        if at > 0 {
            argv.push("-o");
        }
        argv.extend(["-lname", device]);
    }
    argv.extend([")", "-print"]);
    argv
}
