//! A run that never was: the sample cluster's plan with the records that a real run would have written.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{
    Condition, Event, Holder, PauseReason, Record, RecordedError, RunDetail, RunId, RunState, RunSummary, StepDetail,
    UndoCause,
};
use reeve_rook::facts::Facts;
use reeve_rook::plan::Options;
use reeve_rook::sample::Cluster;
use serde_json::{Value, json};

/// Returns the facts and the plan of the sample cluster.
pub(crate) fn plan() -> (Facts, Plan) {
    let facts = Cluster::default().facts();
    let plan = reeve_rook::plan::plan(&facts, &Options::default()).unwrap();
    (facts, plan)
}

/// A journal as it grows; each record comes some time after the one before.
pub(crate) struct Writer {
    plan: Arc<Plan>,
    records: Vec<Record>,
    state: RunState,
    at: Timestamp,
    rehearsal: bool,
}

impl Writer {
    pub(crate) fn new(plan: Plan, rehearsal: bool) -> Self {
        let plan = Arc::new(plan);
        let state = RunState::new(Arc::clone(&plan));
        let mut writer = Self {
            records: Vec::new(),
            state,
            at: "2026-11-21T09:00:00Z".parse().unwrap(),
            plan,
            rehearsal,
        };
        let event = Event::RunCreated {
            run: writer.id(),
            operation: writer.plan.operation.clone(),
            plan_digest: writer.plan.digest.clone(),
            target: writer.plan.target.clone(),
        };
        writer.write(0, event);
        writer.taken();
        writer
    }

    fn id(&self) -> RunId {
        let word = if self.rehearsal { "rehearsal" } else { "rook" };
        RunId::new(format!("20261121T090000Z-{word}-4f2a")).unwrap()
    }

    fn write(&mut self, after_ms: i64, event: Event) {
        self.at = self.at.checked_add(SignedDuration::from_millis(after_ms)).unwrap();
        let record = Record {
            seq: self.records.len() as u64 + 1,
            at: self.at,
            event,
        };
        self.state.apply(&record).unwrap();
        self.records.push(record);
    }

    pub(crate) fn taken(&mut self) {
        let by = Holder {
            pid: 42,
            host: "admin".into(),
            version: "reeve 0.1.0".into(),
            since: self.at,
        };
        self.write(5, Event::RunTaken { by });
    }

    /// Does the steps up to and without the one that `ends` names, or all.
    pub(crate) fn work_until(&mut self, ends: impl Fn(&StepId) -> bool) {
        let plan = Arc::clone(&self.plan);
        let mut phase_before = None;
        for (index, (phase, hand_over, step)) in plan.steps().enumerate() {
            if index < self.state.position() {
                continue;
            }
            if ends(&step.id) {
                return;
            }
            if phase_before != Some(&phase.name) {
                phase_before = Some(&phase.name);
                let by = "the person at the command line".to_owned();
                self.write(
                    1_000,
                    Event::PhaseApproved {
                        phase: phase.name.clone(),
                        by,
                    },
                );
            }
            self.begin(&step.id);
            let output = output(step.kind.as_str(), step.input.clone());
            let lasts = lasts_ms(step.kind.as_str());
            self.write(
                lasts,
                Event::StepDone {
                    step: step.id.clone(),
                    changed: true,
                    output,
                },
            );
            if hand_over.steps.last().is_some_and(|last| last.id == step.id) {
                let subject = hand_over.subject.clone();
                self.write(
                    1,
                    Event::HandOverDone {
                        phase: phase.name.clone(),
                        subject,
                    },
                );
            }
        }
    }

    /// Begins the next step.
    pub(crate) fn begin(&mut self, step: &StepId) {
        let attempt = self.state.progress()[self.state.position()].attempts + 1;
        self.write(
            200,
            Event::StepStarted {
                step: step.clone(),
                attempt,
            },
        );
    }

    /// Lets the step fail that was begun, and undoes its hand-over back to `back_to`.
    pub(crate) fn fail(&mut self, step: &StepId, back_to: &StepId, error: &str) {
        let error = RecordedError::message(error);
        self.write(
            240_000,
            Event::StepFailed {
                step: step.clone(),
                error: error.clone(),
            },
        );
        let because = UndoCause::Failed {
            step: step.clone(),
            error: error.clone(),
        };
        self.write(
            1,
            Event::UndoBegan {
                back_to: back_to.clone(),
                because,
            },
        );
        loop {
            let position = self.state.position();
            let index = if self.state.in_hand().is_some() {
                position
            } else {
                position - 1
            };
            let undone = self.state.step(index).2.id.clone();
            self.write(
                100,
                Event::StepUndoStarted {
                    step: undone.clone(),
                    attempt: 1,
                },
            );
            self.write(
                1_500,
                Event::StepUndoDone {
                    step: undone.clone(),
                    changed: true,
                },
            );
            if undone == *back_to {
                break;
            }
        }
        self.write(
            1,
            Event::Paused {
                reason: PauseReason::Failed {
                    step: step.clone(),
                    error,
                },
            },
        );
    }

    pub(crate) fn finish(&mut self) {
        self.write(1, Event::Finished);
    }

    /// Returns the step of that name.
    pub(crate) fn step(&self, name: &str) -> StepId {
        let found = self
            .plan
            .steps()
            .map(|(_, _, step)| &step.id)
            .find(|id| id.to_string() == name);
        found.unwrap_or_else(|| panic!("no step {name}")).clone()
    }

    pub(crate) fn detail(self) -> RunDetail {
        let steps: Vec<StepDetail> = self
            .state
            .progress()
            .iter()
            .enumerate()
            .map(|(index, progress)| {
                let (phase, hand_over, planned) = self.state.step(index);
                StepDetail {
                    step: planned.id.clone(),
                    kind: planned.kind.clone(),
                    phase: phase.name.clone(),
                    subject: hand_over.subject.clone(),
                    status: progress.status.clone(),
                    attempts: progress.attempts,
                    began_at: progress.began_at,
                    ended_at: progress.ended_at,
                    output: progress.output.clone(),
                }
            })
            .collect();
        let condition: Condition = self.state.condition().clone();
        RunDetail {
            summary: RunSummary {
                run: self.id(),
                is_rehearsal: self.rehearsal,
                operation: self.plan.operation.clone(),
                target: self.plan.target.clone(),
                condition,
                steps_done: self.state.position(),
                steps: self.state.len(),
                created_at: self.state.created_at().unwrap(),
                updated_at: self.state.updated_at().unwrap(),
                is_held: false,
                holder: self.state.holder().cloned(),
            },
            steps,
            records: self.records,
            plan: (*self.plan).clone(),
        }
    }
}

/// Returns what a step of a kind records.
fn output(kind: &str, input: Value) -> Value {
    match kind {
        "export_state" => {
            let name = format!("backup-{}", input["name"].as_str().unwrap());
            json!({ "file": { "name": name, "size_bytes": 7 } })
        }
        "create_released_list" => json!({ "health": ["POOL_NO_REDUNDANCY"], "mon_epoch": 1 }),
        "record_pod_starts" => pod_starts(),
        _ => Value::Null,
    }
}

/// Returns what the run recorded of pods: those of the sample cluster.
fn pod_starts() -> Value {
    let mons = (1..=3).map(|n| format!("mon.n{n}"));
    let osds = (0..6).map(|n| format!("osd.{n}"));
    let mgrs = ["mgr.a", "mgr.b"].map(str::to_owned);
    let starts = mons.chain(osds).chain(mgrs).map(|daemon| {
        let start = json!({ "uid": format!("uid-{daemon}"), "started": "2026-11-21T09:10:00Z", "restarts": 0 });
        (daemon, start)
    });
    Value::Object(starts.collect())
}

fn lasts_ms(kind: &str) -> i64 {
    match kind {
        "await_quorum" => 9_000,
        "await_osd_up" => 11_000,
        "await_active_clean" => 4_000,
        "watch_health" => 60_000,
        _ => 300,
    }
}
