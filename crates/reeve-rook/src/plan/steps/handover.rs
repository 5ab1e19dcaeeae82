//! Questions to Ceph before a daemon is stopped.

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::Place;
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::measured::COMMAND_DEADLINE;

/// Confirms that every mon is in quorum, with the clocks agreeing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmQuorum {
    /// The mons.
    pub mons: Vec<String>,
}

impl StepDefinition for ConfirmQuorum {
    const KIND: &'static str = "confirm_quorum";
    const ABOUT: &'static str = "Confirms that every mon is in quorum before one is stopped.";

    fn describe(&self, context: &StepContext) -> Description {
        let act = vec![
            context.ceph_read(
                format!("quorum: {}", self.mons.join(", ")),
                ["quorum_status", "--format", "json"],
            ),
            context.ceph_read(
                "health: no MON_DOWN, MON_CLOCK_SKEW or slow mon operations",
                ["health", "detail", "--format", "json"],
            ),
        ];
        let what = format!("Confirms that all {} mons are in quorum.", self.mons.len());
        Description::looking(what, Place::Ceph, act, COMMAND_DEADLINE)
    }
}

/// Asks Ceph whether the daemons may be stopped now, all of them together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmOkToStop {
    /// Mons or OSDs, one kind only.
    pub daemons: Vec<DaemonName>,
    /// Pools whose PGs may stop meanwhile.
    pub but_for_pools: Vec<String>,
}

impl StepDefinition for ConfirmOkToStop {
    const KIND: &'static str = "confirm_ok_to_stop";
    const ABOUT: &'static str =
        "Asks Ceph whether the daemon may be stopped now; for an OSD, all PGs are active+clean too.";

    fn describe(&self, context: &StepContext) -> Description {
        let osds = self.daemons.first().is_some_and(|it| it.kind == DaemonType::Osd);
        let names: Vec<String> = self.daemons.iter().map(ToString::to_string).collect();
        let ids = self.daemons.iter().map(|it| it.id.as_str());
        let mut act = Vec::new();
        if osds {
            act.push(context.ceph_read("all PGs active+clean", ["pg", "stat", "--format", "json"]));
        }
        let kind = if osds { "osd" } else { "mon" };
        let arguments = [kind, "ok-to-stop"].into_iter().chain(ids);
        let answer = if self.but_for_pools.is_empty() {
            "Ceph lets it go".to_owned()
        } else {
            format!("Ceph lets it go, but for PGs of {}", self.but_for_pools.join(", "))
        };
        act.push(context.ceph_read(answer, arguments));
        Description::looking(
            format!("Asks Ceph whether {} may stop now.", names.join(", ")),
            Place::Ceph,
            act,
            300,
        )
    }
}
