//! Who serves each daemon, as far as a run's record tells.

use std::collections::BTreeMap;

use reeve_ceph::{DaemonName, DaemonType};
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{RunState, StepStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::steps::StepInput;

/// Who serves a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServedBy {
    /// Its old unit.
    OldUnit,
    /// Nobody: the old unit is stopped, or may be, and Rook's pod is not allowed to start.
    Nobody,
    /// Rook's pod may start, and has not been seen to serve.
    RookStarting,
    /// Rook's pod; of an old mgr, the mgrs that Rook made.
    Rook,
}

/// A daemon of the plan, and who serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serving {
    /// The daemon, such as `osd.3`.
    pub daemon: DaemonName,
    /// Its host.
    pub host: String,
    /// Its old unit.
    pub unit: String,
    /// Who serves it.
    pub by: ServedBy,
}

/// Where a daemon's steps stand in the plan.
#[derive(Clone, Debug)]
struct Steps {
    host: String,
    unit: String,
    stop: StepId,
    release: Option<StepId>,
    /// The step that has seen Rook's pod serve.
    seen: Option<StepId>,
}

/// The daemons of a plan, found once.
#[derive(Clone, Debug, Default)]
pub struct DaemonsOfPlan(BTreeMap<DaemonName, Steps>);

impl DaemonsOfPlan {
    /// Finds them; steps that this version does not know are passed over.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut daemons: BTreeMap<DaemonName, Steps> = BTreeMap::new();
        for (_, _, step) in plan.steps() {
            let id = || Some(step.id.clone());
            match StepInput::from_planned(step) {
                Ok(StepInput::StopUnit(stop)) => {
                    // Rook's mgrs are there before an old one goes, so its stop is all there is.
                    let seen = (stop.daemon.kind == DaemonType::Mgr).then(|| step.id.clone());
                    let steps = Steps {
                        host: stop.host,
                        unit: stop.unit,
                        stop: step.id.clone(),
                        release: seen.clone(),
                        seen,
                    };
                    daemons.insert(stop.daemon, steps);
                }
                Ok(StepInput::ReleaseDaemon(released)) => {
                    if let Some(steps) = daemons.get_mut(&released.daemon) {
                        steps.release = id();
                    }
                }
                Ok(StepInput::AwaitQuorum(seen)) => {
                    if let Some(steps) = daemons.get_mut(&DaemonName::mon(seen.mon)) {
                        steps.seen = id();
                    }
                }
                Ok(StepInput::AwaitOsdUp(seen)) => {
                    let name = DaemonName::new(DaemonType::Osd, seen.osd.to_string());
                    if let Some(steps) = daemons.get_mut(&name) {
                        steps.seen = id();
                    }
                }
                _ => {}
            }
        }
        Self(daemons)
    }

    /// Tells who serves each daemon, as `status` knows the steps.
    #[must_use]
    pub fn served<'a>(&self, status: impl Fn(&StepId) -> Option<&'a StepStatus>) -> Vec<Serving> {
        let served = self.0.iter().map(|(daemon, steps)| {
            let is_done = |step: &StepId| matches!(status(step), Some(StepStatus::Done { .. }));
            // What was begun and not ended may have had its effect.
            let may_be_done =
                |step: &StepId| !matches!(status(step), None | Some(StepStatus::Pending | StepStatus::Undone));
            let released = steps.release.as_ref().is_some_and(&may_be_done);
            let by = if !may_be_done(&steps.stop) {
                ServedBy::OldUnit
            } else if steps.seen.as_ref().is_some_and(&is_done) {
                ServedBy::Rook
            } else if released {
                ServedBy::RookStarting
            } else {
                ServedBy::Nobody
            };
            Serving {
                daemon: daemon.clone(),
                host: steps.host.clone(),
                unit: steps.unit.clone(),
                by,
            }
        });
        served.collect()
    }

    /// The same, from a run's state.
    #[must_use]
    pub fn served_in(&self, state: &RunState) -> Vec<Serving> {
        self.served(|step| {
            state
                .index(step)
                .and_then(|index| state.progress().get(index))
                .map(|it| &it.status)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, plan};
    use crate::sample::Cluster;

    /// Walks through a plan step by step: who serves changes at the stop, the release and the look, and nowhere else.
    #[test]
    fn a_daemon_is_away_from_its_stop_until_it_was_seen() {
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let daemons = DaemonsOfPlan::of(&plan);
        let ids: Vec<StepId> = plan.steps().map(|(_, _, step)| step.id.clone()).collect();
        let (done, started) = (StepStatus::Done { changed: true }, StepStatus::Started);
        let at = |position: usize, in_hand: bool| {
            let status = |step: &StepId| {
                let index = ids.iter().position(|id| id == step)?;
                match index.cmp(&position) {
                    std::cmp::Ordering::Less => Some(&done),
                    std::cmp::Ordering::Equal if in_hand => Some(&started),
                    _ => None,
                }
            };
            daemons.served(status)
        };
        let index = |text: &str| ids.iter().position(|id| id.as_str() == text).unwrap();
        let by = |served: &[Serving], name: &str| {
            served
                .iter()
                .find(|it| it.daemon.to_string() == name)
                .unwrap_or_else(|| panic!("no {name}"))
                .by
        };
        assert!(at(0, false).iter().all(|it| it.by == ServedBy::OldUnit));
        assert!(at(ids.len(), false).iter().all(|it| it.by == ServedBy::Rook));
        let (stop, release) = (index("osds/osd.0/stop_unit"), index("osds/osd.0/release_daemon"));
        let up = index("osds/osd.0/await_osd_up");
        for (position, in_hand, expected) in [
            (stop, false, ServedBy::OldUnit),
            (stop, true, ServedBy::Nobody),
            (release, false, ServedBy::Nobody),
            (release, true, ServedBy::RookStarting),
            (up, true, ServedBy::RookStarting),
            (up + 1, false, ServedBy::Rook),
        ] {
            assert_eq!(by(&at(position, in_hand), "osd.0"), expected, "{position} {in_hand}");
        }
        for (position, step) in ids.iter().enumerate() {
            let away = at(position, true)
                .iter()
                .filter(|it| matches!(it.by, ServedBy::Nobody | ServedBy::RookStarting))
                .count();
            assert!(away <= 1, "{away} daemons are away at {step}");
        }
    }
}
