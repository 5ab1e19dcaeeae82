//! What the steps of a plan have to know of one another, found in the plan once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::{Plan, PlannedStep, StepId, Undo};

use crate::plan::steps::{StepError, StepInput};
use crate::plan::{PlanOptions, StepContext};

/// A plan that this version cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OutlineError {
    /// The options are not those of a take-over.
    #[error("the plan's options are not those of a take-over")]
    Options(#[source] serde_json::Error),
    /// A step is not one that this version can run.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The plan lacks what every plan has.
    #[error("the plan has no step of kind `{0}`; make it again")]
    Missing(&'static str),
}

/// A daemon's old unit and its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldUnit {
    pub(crate) host: String,
    pub(crate) unit: String,
}

/// The plan's order and names.
#[derive(Clone, Debug)]
pub struct Outline {
    pub(crate) context: StepContext,
    pub(crate) options: PlanOptions,
    pub(crate) fsid: String,
    /// Mon ids with their addresses.
    pub(crate) mons: BTreeMap<String, String>,
    /// CRUSH buckets that the plan renames, old name to new.
    pub(crate) renames: BTreeMap<String, String>,
    pub(crate) units: BTreeMap<DaemonName, OldUnit>,
    /// Ids of Rook's own mgrs.
    pub(crate) rook_mgrs: BTreeSet<String>,
    /// Every host of the plan.
    pub(crate) hosts: BTreeSet<String>,
    /// Steps whose records others read.
    pub(crate) crush_export: Option<StepId>,
    pub(crate) auth_export: Option<StepId>,
    pub(crate) guard: Option<StepId>,
    pub(crate) secret: Option<StepId>,
    pub(crate) released_list: Option<StepId>,
    pub(crate) labels: Vec<StepId>,
    pub(crate) pod_starts: Option<StepId>,
    places: HashMap<StepId, Place>,
}

/// Where a step stands.
#[derive(Clone, Debug)]
struct Place {
    changes: bool,
    /// The mon of its hand-over, and the step that stops it.
    mon: Option<(String, StepId)>,
}

impl Outline {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// [`OutlineError`] if it is not a plan that this version can run.
    pub fn of(plan: &Plan) -> Result<Self, OutlineError> {
        let options = PlanOptions::of(plan).map_err(OutlineError::Options)?;
        let mut outline = Self {
            context: StepContext::from_options(&options),
            options,
            fsid: plan.target.id.clone(),
            mons: BTreeMap::new(),
            renames: BTreeMap::new(),
            units: BTreeMap::new(),
            rook_mgrs: BTreeSet::new(),
            hosts: BTreeSet::new(),
            crush_export: None,
            auth_export: None,
            guard: None,
            secret: None,
            released_list: None,
            labels: Vec::new(),
            pod_starts: None,
            places: HashMap::new(),
        };
        for hand_over in plan.phases.iter().flat_map(|phase| &phase.hand_overs) {
            let mut mon = None;
            for planned in &hand_over.steps {
                let input = StepInput::from_planned(planned)?;
                if let StepInput::StopUnit(step) = &input
                    && step.daemon.kind == DaemonType::Mon
                {
                    mon = Some((step.daemon.id.clone(), planned.id.clone()));
                }
                outline.take(planned, &input);
            }
            for planned in &hand_over.steps {
                let changes = planned.undo != Undo::Nothing;
                let mon = mon.clone();
                outline.places.insert(planned.id.clone(), Place { changes, mon });
            }
        }
        if outline.mons.is_empty() {
            return Err(OutlineError::Missing("prove_maps_unchanged"));
        }
        Ok(outline)
    }

    fn take(&mut self, planned: &PlannedStep, input: &StepInput) {
        let id = || Some(planned.id.clone());
        match input {
            StepInput::ExportState(step) if step.name == "crush-dump.json" => self.crush_export = id(),
            StepInput::ExportState(step) if step.name == "auth-export" => self.auth_export = id(),
            StepInput::ExportHost(step) => {
                self.hosts.insert(step.host.clone());
            }
            StepInput::AwaitStandbyMgrs(step) => self.rook_mgrs.extend(step.mgrs.iter().cloned()),
            StepInput::GuardCephSettings(_) => self.guard = id(),
            StepInput::CreateSecret(_) => self.secret = id(),
            StepInput::CreateReleasedList(_) => self.released_list = id(),
            StepInput::LabelOsdDeployments(_) => self.labels.push(planned.id.clone()),
            StepInput::RecordPodStarts(_) => self.pod_starts = id(),
            StepInput::ProveMapsUnchanged(step) => self.mons.clone_from(&step.mons),
            StepInput::RenameBucket(step) => {
                self.renames.insert(step.from.clone(), step.to.clone());
            }
            StepInput::StopUnit(step) => {
                let (host, unit) = (step.host.clone(), step.unit.clone());
                self.units.insert(step.daemon.clone(), OldUnit { host, unit });
            }
            _ => {}
        }
    }

    /// Tells whether a step changes the world.
    pub(crate) fn changes(&self, step: &StepId) -> bool {
        self.places.get(step).is_none_or(|place| place.changes)
    }

    /// Returns the mon that the step's hand-over takes away, and the step that stops it.
    pub(crate) fn mon_of(&self, step: &StepId) -> Option<&(String, StepId)> {
        self.places.get(step)?.mon.as_ref()
    }
}
