//! Mgrs.

use reeve_journal::plan::{Place, Undo};
use serde::{Deserialize, Serialize};

use super::{Description, StepDefinition};
use crate::plan::StepContext;
use crate::plan::context::{ask, wait};
use crate::plan::measured::{MGR_FAILOVER_SECONDS, RECONCILE_DEADLINE};

/// Waits until Rook's mgrs stand by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitStandbyMgrs {
    /// Their ids.
    pub mgrs: Vec<String>,
}

impl StepDefinition for AwaitStandbyMgrs {
    const KIND: &'static str = "await_standby_mgrs";
    const ABOUT: &'static str = "Waits until Rook's mgrs stand by beside the old ones.";

    fn describe(&self, context: &StepContext) -> Description {
        let list = self
            .mgrs
            .iter()
            .map(|it| format!("mgr.{it}"))
            .collect::<Vec<_>>()
            .join(", ");
        let act = vec![
            wait(format!("{list} in the mgr map")),
            context.ceph_read("standbys and the active mgr", ["mgr", "dump", "--format", "json"]),
        ];
        Description::looking(
            format!("Waits until {list} of Rook stand by."),
            Place::Ceph,
            act,
            RECONCILE_DEADLINE,
        )
    }
}

/// Makes the active mgr give way to one of Rook's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailMgr {
    /// The active mgr.
    pub mgr: String,
    /// Rook's, one of which takes over.
    pub successors: Vec<String>,
}

impl StepDefinition for FailMgr {
    const KIND: &'static str = "fail_mgr";
    const ABOUT: &'static str = "Makes the active old mgr give way to one of Rook's.";

    fn describe(&self, context: &StepContext) -> Description {
        let list = self
            .successors
            .iter()
            .map(|it| format!("mgr.{it}"))
            .collect::<Vec<_>>()
            .join(" or ");
        let act = vec![
            ask(
                "standbys in the mgr map that are not Rook's, stopped as they are, are taken from it first (`ceph mgr fail ID`); Ceph might choose one of them",
            ),
            context.ceph(["mgr", "fail", &self.mgr]),
            wait(format!("{list} is active and statistics of the PGs are fresh")),
        ];
        let what = format!("Makes mgr.{} give way to {list}.", self.mgr);
        let interrupts = "no active mgr: no fresh statistics, no dashboard, no orchestration; clients do not notice";
        let undo = vec![wait(
            "a mgr is active; which one does not matter, the old ones stand by again",
        )];
        Description {
            undo: Undo::Actions(undo),
            ..Description::looking(what, Place::Ceph, act, 180)
        }
        .interrupting(interrupts, MGR_FAILOVER_SECONDS)
    }
}
