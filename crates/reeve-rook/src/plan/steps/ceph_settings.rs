//! Settings of Ceph that the take-over changes for its time, and their way back.

use reeve_journal::plan::{Action, Place, Undo};
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::wait;
use crate::plan::measured::COMMAND_DEADLINE;

/// Returns the command that gives an option a value, or takes it out of the config database.
fn config(context: &StepContext, section: &str, name: &str, value: Option<&str>) -> Action {
    match value {
        Some(value) => context.ceph(["config", "set", section, name, value]),
        None => context.ceph(["config", "rm", section, name]),
    }
}

/// Sets an option in the config database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetConfig {
    /// Section, with a mask behind a slash where it has one: `osd`, `osd/host:n1`.
    pub section: String,
    /// The option.
    pub name: String,
    /// Its value to be.
    pub value: String,
    /// Its value there now; none if it is not set there.
    pub before: Option<String>,
    /// Why it is set.
    pub because: String,
}

impl StepDefinition for SetConfig {
    const KIND: &'static str = "set_config";
    const ABOUT: &'static str = "Sets an option in Ceph's config database.";

    fn describe(&self, context: &StepContext) -> Description {
        let Self {
            section,
            name,
            value,
            before,
            because,
        } = self;
        let what = format!("Sets {name} = {value} for {section}: {because}.");
        let act = vec![config(context, section, name, Some(value))];
        Description::changing(
            what,
            Place::Ceph,
            act,
            COMMAND_DEADLINE,
            vec![config(context, section, name, before.as_deref())],
        )
    }
}

/// Gives an option that `set_config` changed its old value back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreConfig {
    /// Section, with a mask behind a slash where it has one.
    pub section: String,
    /// The option.
    pub name: String,
    /// The value that the plan gave it.
    pub value: String,
    /// Its old value; none if it was not set there.
    pub before: Option<String>,
}

impl StepDefinition for RestoreConfig {
    const KIND: &'static str = "restore_config";
    const ABOUT: &'static str = "Gives an option that the plan changed its old value back.";

    fn describe(&self, context: &StepContext) -> Description {
        let Self {
            section,
            name,
            value,
            before,
        } = self;
        let what = match before {
            Some(before) => format!("Sets {name} for {section} back to {before}."),
            None => format!("Takes {name} for {section} out of the config database again."),
        };
        let act = vec![config(context, section, name, before.as_deref())];
        Description::changing(
            what,
            Place::Ceph,
            act,
            COMMAND_DEADLINE,
            vec![config(context, section, name, Some(value))],
        )
    }
}

/// The option in which the balancer keeps its switch; on is its default, so most clusters do not have it (since Octopus).
///
/// Source: ceph: `src/pybind/mgr/balancer/module.py` – `MODULE_OPTIONS`, and the commands `balancer on` and `balancer off`, which set it.
pub(crate) const BALANCER_SWITCH: (&str, &str) = ("mgr", "mgr/balancer/active");

/// Returns the commands that switch the balancer on and leave its option as it was before.
fn balancer_on(context: &StepContext, was_set: bool) -> Vec<Action> {
    let mut commands = vec![context.ceph(["balancer", "on"])];
    if !was_set {
        commands.push(config(context, BALANCER_SWITCH.0, BALANCER_SWITCH.1, None));
    }
    commands
}

/// Switches the balancer off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopBalancer {
    /// Its switch is set in the config database; otherwise it is on by default.
    pub was_set: bool,
}

impl StepDefinition for StopBalancer {
    const KIND: &'static str = "stop_balancer";
    const ABOUT: &'static str = "Switches the balancer off, so that it moves no data while an OSD is away.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![context.ceph(["balancer", "off"])];
        let undo = balancer_on(context, self.was_set);
        let what = "Switches the balancer off: it would move data while an OSD is away.";
        Description::changing(what, Place::Ceph, act, COMMAND_DEADLINE, undo)
    }
}

/// Switches the balancer on again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartBalancer {
    /// Its switch was set in the config database before.
    pub was_set: bool,
}

impl StepDefinition for StartBalancer {
    const KIND: &'static str = "start_balancer";
    const ABOUT: &'static str = "Switches the balancer on again.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = balancer_on(context, self.was_set);
        let undo = vec![context.ceph(["balancer", "off"])];
        Description::changing(
            "Switches the balancer on again.",
            Place::Ceph,
            act,
            COMMAND_DEADLINE,
            undo,
        )
    }
}

/// Switches a pool's PG autoscaler off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopAutoscaler {
    /// The pool.
    pub pool: String,
    /// Its mode now: `on` or `warn`.
    pub before: String,
}

impl StepDefinition for StopAutoscaler {
    const KIND: &'static str = "stop_autoscaler";
    const ABOUT: &'static str = "Switches a pool's PG autoscaler off, so that no PG is split or merged meanwhile.";

    fn describe(&self, context: &StepContext) -> Description {
        let set = |mode: &str| vec![context.ceph(["osd", "pool", "set", &self.pool, "pg_autoscale_mode", mode])];
        let what = format!(
            "Switches the PG autoscaler of pool {} off: a split while an OSD is away moves data.",
            self.pool
        );
        Description::changing(what, Place::Ceph, set("off"), COMMAND_DEADLINE, set(&self.before))
    }
}

/// Gives a pool its autoscaler mode back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartAutoscaler {
    /// The pool.
    pub pool: String,
    /// The mode that it had.
    pub mode: String,
}

impl StepDefinition for StartAutoscaler {
    const KIND: &'static str = "start_autoscaler";
    const ABOUT: &'static str = "Gives a pool its autoscaler mode back.";

    fn describe(&self, context: &StepContext) -> Description {
        let set = |mode: &str| vec![context.ceph(["osd", "pool", "set", &self.pool, "pg_autoscale_mode", mode])];
        let what = format!("Sets the PG autoscaler of pool {} back to {}.", self.pool, self.mode);
        Description::changing(what, Place::Ceph, set(&self.mode), COMMAND_DEADLINE, set("off"))
    }
}

/// Gives every mon a msgr2 address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableMsgr2 {
    /// The mons that have none.
    pub mons: Vec<String>,
}

impl StepDefinition for EnableMsgr2 {
    const KIND: &'static str = "enable_msgr2";
    const ABOUT: &'static str = "Gives every mon a msgr2 address.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph(["mon", "enable-msgr2"]),
            wait("every mon has a v2 address and all are in quorum"),
        ];
        let what = format!(
            "Gives {} a msgr2 address: Rook's pods reach mons at port 3300.",
            self.mons.join(", ")
        );
        let because = "Ceph has no command for it; a second address harms nobody".into();
        Description {
            undo: Undo::None { because },
            ..Description::looking(what, Place::Ceph, act, 180)
        }
    }
}

/// Renames a CRUSH host bucket to the name that Rook gives the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameBucket {
    /// Its name now.
    pub from: String,
    /// Its name to be.
    pub to: String,
}

impl StepDefinition for RenameBucket {
    const KIND: &'static str = "rename_bucket";
    const ABOUT: &'static str = "Renames a CRUSH host bucket to the name that Rook gives the host; no data moves.";

    fn describe(&self, context: &StepContext) -> Description {
        let rename = |from: &str, to: &str| vec![context.ceph(["osd", "crush", "rename-bucket", from, to])];
        let what = format!(
            "Renames CRUSH bucket {} to {}, as Rook calls the host; no data moves.",
            self.from, self.to
        );
        Description::changing(
            what,
            Place::Ceph,
            rename(&self.from, &self.to),
            COMMAND_DEADLINE,
            rename(&self.to, &self.from),
        )
    }
}

/// Switches cephadm off, so that it deploys nothing anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisableOrchestrator {
    /// It is paused already.
    pub paused_before: bool,
}

impl StepDefinition for DisableOrchestrator {
    const KIND: &'static str = "disable_orchestrator";
    const ABOUT: &'static str = "Switches the cephadm orchestrator off, so that it deploys no daemon anew.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph(["orch", "pause"]),
            context.ceph(["orch", "set", "backend", ""]),
            context.ceph(["mgr", "module", "disable", "cephadm"]),
        ];
        let mut undo = vec![
            context.ceph(["mgr", "module", "enable", "cephadm"]),
            wait("the module answers"),
            context.ceph(["orch", "set", "backend", "cephadm"]),
        ];
        if !self.paused_before {
            undo.push(context.ceph(["orch", "resume"]));
        }
        let what = "Switches cephadm off: it would deploy the daemons anew that are handed over.";
        Description::changing(what, Place::Ceph, act, 180, undo)
    }
}

/// Sets a flag of the OSD map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOsdFlag {
    /// `noout`, `norebalance`.
    pub flag: String,
}

impl StepDefinition for SetOsdFlag {
    const KIND: &'static str = "set_osd_flag";
    const ABOUT: &'static str = "Sets a flag of the OSD map for the time of the OSD phase.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![context.ceph(["osd", "set", &self.flag])];
        let undo = vec![context.ceph(["osd", "unset", &self.flag])];
        let what = format!(
            "Sets {}: an OSD that is away for longer than planned moves no data.",
            self.flag
        );
        Description::changing(what, Place::Ceph, act, COMMAND_DEADLINE, undo)
    }
}

/// Clears a flag that the plan set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearOsdFlag {
    /// The flag.
    pub flag: String,
}

impl StepDefinition for ClearOsdFlag {
    const KIND: &'static str = "clear_osd_flag";
    const ABOUT: &'static str = "Clears a flag of the OSD map that the plan set.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![context.ceph(["osd", "unset", &self.flag])];
        let undo = vec![context.ceph(["osd", "set", &self.flag])];
        Description::changing(
            format!("Clears {}.", self.flag),
            Place::Ceph,
            act,
            COMMAND_DEADLINE,
            undo,
        )
    }
}
