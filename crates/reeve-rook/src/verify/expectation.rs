//! What has to hold, as far as the plan was carried out.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Condition, RunDetail, StepStatus};
use serde::Deserialize;

use super::Exports;
use crate::apply::{Outline, OutlineError};
use crate::plan::steps::StepInput;

/// Who runs a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its old unit.
    Old,
    /// Rook, in a pod; a mgr that is retired has none.
    Rook,
    /// It is being handed over right now, or its hand-over stopped half way.
    Between,
}

/// A daemon of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedDaemon {
    /// The daemon.
    pub daemon: DaemonName,
    /// The host of its old unit, as ssh reaches it.
    pub host: String,
    /// Its old unit.
    pub unit: String,
    /// Who has to run it.
    pub side: Side,
    /// The old unit has to be masked.
    pub masked: bool,
    /// The directory from which its store was moved; only mons have one.
    pub moved_from: Option<String>,
}

/// A daemon's pod, as the run recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct RecordedPod {
    pub(super) uid: String,
    pub(super) restarts: i64,
}

/// What has to hold.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The run, if one is judged and not only a plan.
    pub run: Option<String>,
    /// The plan's daemons with old units, in the order of their hand-overs.
    pub daemons: Vec<ExpectedDaemon>,
    /// What the run kept before it began.
    pub exports: Exports,
    pub(super) outline: Outline,
    pub(super) finished: bool,
    /// Steps with their input, in order, and whether each has to have had its effect.
    pub(super) steps: Vec<(StepInput, bool)>,
    /// Health codes that were raised before Rook learned of the cluster.
    pub(super) health_before: Option<BTreeSet<String>>,
    mon_epoch_before: Option<u32>,
    pub(super) pod_starts: Option<BTreeMap<String, RecordedPod>>,
    /// Daemons that Rook runs when all is done, mgrs of its own among them.
    pub(super) rook_daemons: BTreeSet<String>,
}

impl Expectation {
    /// Returns what has to hold when all of a plan is done.
    ///
    /// # Errors
    ///
    /// [`OutlineError`] if it is not a plan that this version can run.
    pub fn of_plan(plan: &Plan) -> Result<Self, OutlineError> {
        Self::new(plan, |_| true)
    }

    /// Returns what has to hold as far as a run went. `exports` is what it kept before.
    ///
    /// # Errors
    ///
    /// [`OutlineError`] if its plan is not one that this version can run.
    pub fn of_run(run: &RunDetail, exports: Exports) -> Result<Self, OutlineError> {
        let done: BTreeSet<&StepId> = run
            .steps
            .iter()
            .filter(|step| matches!(step.status, StepStatus::Done { .. }))
            .map(|step| &step.step)
            .collect();
        let mut expectation = Self::new(&run.plan, |step| done.contains(step))?;
        expectation.run = Some(run.summary.run.to_string());
        expectation.finished = run.summary.condition == Condition::Finished;
        expectation.exports = exports;
        for step in &run.steps {
            match step.kind.as_str() {
                "create_released_list" => {
                    expectation.health_before = Deserialize::deserialize(&step.output["health"]).ok();
                    expectation.mon_epoch_before = Deserialize::deserialize(&step.output["mon_epoch"]).ok();
                }
                "record_pod_starts" => expectation.pod_starts = Deserialize::deserialize(&step.output).ok(),
                _ => {}
            }
        }
        Ok(expectation)
    }

    fn new(plan: &Plan, is_done: impl Fn(&StepId) -> bool) -> Result<Self, OutlineError> {
        let outline = Outline::of(plan)?;
        let mut steps = Vec::new();
        let mut daemons = Vec::new();
        for hand_over in plan.phases.iter().flat_map(|phase| &phase.hand_overs) {
            let mut inputs = Vec::new();
            for planned in &hand_over.steps {
                inputs.push((StepInput::from_planned(planned)?, is_done(&planned.id)));
            }
            daemons.extend(daemons_of(&inputs));
            steps.extend(inputs);
        }
        let rook_daemons = steps
            .iter()
            .find_map(|(step, _)| match step {
                StepInput::DeleteReleasedList(step) => Some(step.released.clone()),
                _ => None,
            })
            .unwrap_or_default();
        Ok(Self {
            run: None,
            daemons,
            exports: Exports::default(),
            outline,
            finished: true,
            steps,
            health_before: None,
            mon_epoch_before: None,
            pod_starts: None,
            rook_daemons,
        })
    }

    /// Returns the inputs of the steps that have to have had their effect, in the plan's order.
    pub(super) fn done(&self) -> impl DoubleEndedIterator<Item = &StepInput> {
        self.steps.iter().filter(|(_, done)| *done).map(|(step, _)| step)
    }

    /// Returns the mon map's epoch before Rook learned of the cluster.
    pub(super) fn mon_epoch(&self) -> Option<u32> {
        self.mon_epoch_before.or(self.exports.monmap_epoch)
    }

    /// Returns whether a step that `fits` has to have had its effect.
    pub(super) fn is_done(&self, fits: impl Fn(&StepInput) -> bool) -> bool {
        self.done().any(fits)
    }

    /// Returns whether nothing of the plan is done.
    pub(super) fn is_untouched(&self) -> bool {
        self.done().next().is_none()
    }
}

/// Returns the daemons whose old units a hand-over stops, and how far it is with each.
fn daemons_of(steps: &[(StepInput, bool)]) -> Vec<ExpectedDaemon> {
    let all_done = steps.iter().all(|(_, done)| *done);
    let mut daemons = Vec::new();
    for (step, stopped) in steps {
        let StepInput::StopUnit(stop) = step else { continue };
        let masked = steps.iter().any(
            |(step, done)| matches!(step, StepInput::MaskUnit(it) if *done && it.unit == stop.unit && it.host == stop.host),
        );
        let moved_from = steps.iter().find_map(|(step, done)| match step {
            StepInput::MoveMonStore(it) if *done && stop.daemon.kind == DaemonType::Mon && it.mon == stop.daemon.id => {
                Some(it.from.to_string())
            }
            _ => None,
        });
        // Steps after the daemon's arrival only watch, so it is Rook's once it was released and waited for.
        let arrived = steps.iter().any(|(step, done)| match step {
            StepInput::AwaitQuorum(it) => *done && it.mon == stop.daemon.id && stop.daemon.kind == DaemonType::Mon,
            StepInput::AwaitOsdUp(it) => *done && stop.daemon == DaemonName::osd(it.osd),
            _ => false,
        });
        let side = match (*stopped, all_done || arrived) {
            (true, true) => Side::Rook,
            (true, false) => Side::Between,
            (false, _) => Side::Old,
        };
        daemons.push(ExpectedDaemon {
            daemon: stop.daemon.clone(),
            host: stop.host.clone(),
            unit: stop.unit.clone(),
            side,
            masked,
            moved_from,
        });
    }
    daemons
}
