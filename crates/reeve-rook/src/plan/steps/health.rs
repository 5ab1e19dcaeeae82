//! Waiting, watching and pausing between hand-overs.

use reeve_journal::plan::Place;
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::wait;
use crate::plan::measured::{CLEAN_DEADLINE, COMMAND_DEADLINE};

/// Watches the cluster for a while and fails when it gets worse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchHealth {
    /// For how long.
    pub seconds: u32,
}

impl StepDefinition for WatchHealth {
    const KIND: &'static str = "watch_health";
    const ABOUT: &'static str = "Watches quorum, OSDs, PGs and health codes for a while and fails when one gets worse.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            wait(format!(
                "{} s have passed with all mons in quorum and no health code that was not there before",
                self.seconds
            )),
            context.ceph_read("health", ["status", "--format", "json"]),
        ];
        Description::looking(
            format!("Watches the cluster for {} s.", self.seconds),
            Place::Ceph,
            act,
            self.seconds.saturating_add(COMMAND_DEADLINE),
        )
    }
}

/// Waits until all PGs are active+clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitActiveClean {}

impl StepDefinition for AwaitActiveClean {
    const KIND: &'static str = "await_active_clean";
    const ABOUT: &'static str = "Waits until all PGs are active+clean, with nothing degraded or misplaced.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            wait("all PGs are active+clean, none degraded, none misplaced"),
            context.ceph_read("PGs by state", ["pg", "stat", "--format", "json"]),
        ];
        Description::looking(
            "Waits until all PGs are active+clean.",
            Place::Ceph,
            act,
            CLEAN_DEADLINE,
        )
    }
}

/// Pauses the run until a person lets it go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRun {
    /// What has just been done.
    pub after: String,
}

impl StepDefinition for PauseRun {
    const KIND: &'static str = "pause_run";
    const ABOUT: &'static str = "Pauses the run (exit code 4) until a person lets it go on.";

    fn describe(&self, _: &StepContext) -> Description {
        let act = vec![wait("`reeve rook resume`")];
        let what = format!(
            "Pauses after {}: look at it, reboot it if you like, then resume.",
            self.after
        );
        Description::looking(what, Place::Here, act, COMMAND_DEADLINE)
    }
}
