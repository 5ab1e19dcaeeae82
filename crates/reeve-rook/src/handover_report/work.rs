//! The plan's steps as the report needs them: by their input, with where they stand and whether they are done.

use std::collections::HashMap;

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::StepId;
use reeve_journal::{RunDetail, StepStatus};

use crate::plan::steps::{StepError, StepInput};

/// A step of the plan.
#[derive(Clone, Debug)]
pub(super) struct WorkStep {
    pub(super) input: StepInput,
    pub(super) done: bool,
    pub(super) what: String,
    /// Index of its hand-over.
    pub(super) hand_over: usize,
    /// Index of its phase.
    pub(super) phase: usize,
}

/// All steps of the plan.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) steps: Vec<WorkStep>,
    pub(super) index: HashMap<StepId, usize>,
}

impl Work {
    pub(super) fn of(run: &RunDetail) -> Result<Self, StepError> {
        let mut work = Self {
            steps: Vec::new(),
            index: HashMap::new(),
        };
        let mut hand_over = 0;
        let mut states = run.steps.iter();
        for (phase, it) in run.plan.phases.iter().enumerate() {
            for one in &it.hand_overs {
                for planned in &one.steps {
                    let done = states
                        .next()
                        .is_some_and(|state| matches!(state.status, StepStatus::Done { .. }));
                    work.index.insert(planned.id.clone(), work.steps.len());
                    work.steps.push(WorkStep {
                        input: StepInput::from_planned(planned)?,
                        done,
                        what: planned.what.clone(),
                        hand_over,
                        phase,
                    });
                }
                hand_over += 1;
            }
        }
        Ok(work)
    }

    /// Returns the inputs of steps that are done.
    pub(super) fn done(&self) -> impl DoubleEndedIterator<Item = &StepInput> {
        self.steps.iter().filter(|step| step.done).map(|step| &step.input)
    }

    /// Returns the inputs of all steps.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &StepInput> {
        self.steps.iter().map(|step| &step.input)
    }

    pub(super) fn is_done(&self, fits: impl Fn(&StepInput) -> bool) -> bool {
        self.done().any(fits)
    }
}

/// Returns the daemon that a step brings back under Rook.
pub(super) fn arrival(step: &StepInput) -> Option<DaemonName> {
    match step {
        StepInput::AwaitQuorum(step) => Some(DaemonName::mon(step.mon.as_str())),
        StepInput::AwaitOsdUp(step) => Some(DaemonName::osd(step.osd)),
        _ => None,
    }
}

/// Returns whether a daemon's place is taken by another, so that it is never away.
pub(super) fn is_retired(daemon: &DaemonName) -> bool {
    daemon.kind == DaemonType::Mgr
}
