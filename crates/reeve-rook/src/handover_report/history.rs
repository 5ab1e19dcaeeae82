//! The journal's records as the history of phases, hand-overs and daemons.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use reeve_ceph::DaemonName;
use reeve_journal::plan::{HandOver, Phase, StepId};
use reeve_journal::{Condition, Event, PauseReason, Record, RunDetail};

use super::shape::{
    Approval, DaemonHistory, DaemonState, FailureHistory, HandOverHistory, HandOverOutcome, PhaseHistory, RunOutcome,
    Span, SpanKind,
};
use super::work::{Work, arrival, is_retired};
use crate::plan::steps::StepInput;

/// What the journal tells.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) phases: Vec<PhaseHistory>,
    pub(super) hand_overs: Vec<HandOverHistory>,
    pub(super) daemons: Vec<DaemonHistory>,
    pub(super) failures: Vec<FailureHistory>,
    pub(super) times_taken: usize,
}

impl History {
    pub(super) fn of(run: &RunDetail, work: &Work) -> Self {
        let mut history = Self {
            phases: run.plan.phases.iter().map(phase).collect(),
            hand_overs: run
                .plan
                .phases
                .iter()
                .flat_map(|phase| phase.hand_overs.iter().map(|it| hand_over(phase, it)))
                .collect(),
            ..Self::default()
        };
        for step in &work.steps {
            let (phase, hand_over) = (&mut history.phases[step.phase], &mut history.hand_overs[step.hand_over]);
            phase.steps += 1;
            phase.steps_done += usize::from(step.done);
            hand_over.steps_done += usize::from(step.done);
        }
        let subjects: Vec<String> = history.hand_overs.iter().map(|it| it.subject.clone()).collect();
        let mut lanes = Lanes::new(work, &subjects);
        for record in &run.records {
            history.take(record, work);
            lanes.take(record, work);
        }
        for hand_over in &mut history.hand_overs {
            hand_over.outcome = match (hand_over.steps_done, hand_over.began_at) {
                (done, _) if done == hand_over.steps => HandOverOutcome::Done,
                (_, None) => HandOverOutcome::NotBegun,
                (0, Some(_)) if hand_over.times_undone > 0 => HandOverOutcome::Undone,
                (..) => HandOverOutcome::Begun,
            };
        }
        history.daemons = lanes.finish(run.summary.updated_at, work);
        history
    }

    fn take(&mut self, record: &Record, work: &Work) {
        let at = record.at;
        if let Some((step, begins)) = moved(&record.event)
            && let Some(step) = work.index.get(step).map(|index| &work.steps[*index])
        {
            let (phase, hand_over) = (&mut self.phases[step.phase], &mut self.hand_overs[step.hand_over]);
            if begins {
                phase.began_at.get_or_insert(at);
                hand_over.began_at.get_or_insert(at);
            } else {
                phase.ended_at = Some(at);
                hand_over.ended_at = Some(at);
            }
        }
        match &record.event {
            Event::RunTaken { .. } => self.times_taken += 1,
            Event::PhaseApproved { phase, by } => {
                if let Some(phase) = self.phases.iter_mut().find(|it| it.name == phase.as_str()) {
                    phase.approvals.push(Approval { by: by.clone(), at });
                }
            }
            Event::StepRefused { step, because } => self.failed(at, step, because.clone(), work).refused = true,
            Event::StepFailed { step, error } => {
                self.failed(at, step, error.to_string(), work);
            }
            Event::StepUndoFailed { step, error } => self.failed(at, step, error.to_string(), work).undoing = true,
            Event::UndoBegan { back_to, .. } => {
                if let Some(index) = work.index.get(back_to) {
                    let first = work.steps[*index].hand_over;
                    let last = work
                        .steps
                        .iter()
                        .rev()
                        .find(|step| self.hand_overs[step.hand_over].began_at.is_some());
                    for hand_over in first..=last.map_or(first, |step| step.hand_over.max(first)) {
                        self.hand_overs[hand_over].times_undone += 1;
                    }
                }
            }
            Event::StepUndoDone { step, changed: true } => {
                if let Some(failure) = self.failures.last_mut() {
                    failure.undone.push(step.to_string());
                }
            }
            _ => {}
        }
    }

    fn failed(&mut self, at: Timestamp, step: &StepId, error: String, work: &Work) -> &mut FailureHistory {
        let what = work
            .index
            .get(step)
            .map_or_else(String::new, |index| work.steps[*index].what.clone());
        self.failures.push(FailureHistory {
            at,
            step: step.to_string(),
            what,
            error,
            refused: false,
            undoing: false,
            undone: Vec::new(),
        });
        self.failures.last_mut().expect("a failure was just added")
    }
}

/// Returns the step that an event begins (true) or ends (false), forward or back.
fn moved(event: &Event) -> Option<(&StepId, bool)> {
    match event {
        Event::StepStarted { step, .. } | Event::StepUndoStarted { step, .. } => Some((step, true)),
        Event::StepDone { step, .. }
        | Event::StepFailed { step, .. }
        | Event::StepUndoDone { step, .. }
        | Event::StepUndoFailed { step, .. } => Some((step, false)),
        _ => None,
    }
}

fn phase(phase: &Phase) -> PhaseHistory {
    PhaseHistory {
        name: phase.name.to_string(),
        title: phase.title.clone(),
        approvals: Vec::new(),
        began_at: None,
        ended_at: None,
        steps_done: 0,
        steps: 0,
    }
}

fn hand_over(phase: &Phase, hand_over: &HandOver) -> HandOverHistory {
    HandOverHistory {
        phase: phase.name.to_string(),
        subject: hand_over.subject.clone(),
        title: hand_over.title.clone(),
        outcome: HandOverOutcome::NotBegun,
        steps_done: 0,
        steps: hand_over.steps.len(),
        times_undone: 0,
        began_at: None,
        ended_at: None,
    }
}

/// Returns how a run came out.
pub(super) fn outcome(run: &RunDetail) -> RunOutcome {
    match &run.summary.condition {
        Condition::Finished => RunOutcome::Finished,
        Condition::Stuck { .. } => RunOutcome::Stuck,
        Condition::Paused(PauseReason::Undone) if run.summary.steps_done == 0 => RunOutcome::TakenBack,
        Condition::Paused(_) => RunOutcome::Paused,
        Condition::Created | Condition::Taken => RunOutcome::Unfinished,
    }
}

/// Returns why a run stands where it does, in a sentence.
pub(super) fn outcome_detail(condition: &Condition) -> String {
    match condition {
        Condition::Finished => "Every step is done.".into(),
        Condition::Created => "No process has taken the run yet.".into(),
        Condition::Taken => "A process works on it, or died while it did.".into(),
        Condition::Stuck { step, undo_failed, .. } => {
            format!("It stopped at {step}, which could not be undone: {undo_failed}.")
        }
        Condition::Paused(reason) => match reason {
            PauseReason::Approval { phase } => format!("Phase {phase} waits for a go-ahead."),
            PauseReason::Asked => "It went as far as was asked.".into(),
            PauseReason::Interrupted => "It was interrupted in good order, or pauses as the plan says.".into(),
            PauseReason::Failed { step, error } => format!("{step} failed, and its hand-over was undone: {error}."),
            PauseReason::Refused { step, because } => format!("{step} was refused: {because}."),
            PauseReason::CannotTell { step, error } => {
                format!("Whether {step} had its effect could not be told, and nothing was undone: {error}.")
            }
            PauseReason::Undone => "What was asked for was undone.".into(),
        },
    }
}

/// A daemon, or what is watched, as the records go by.
#[derive(Debug)]
struct Lane {
    history: DaemonHistory,
    stopped_at: Option<Timestamp>,
    back_at: Option<Timestamp>,
    watched_from: Option<Timestamp>,
}

/// The lanes in the plan's order, and which step belongs to which.
struct Lanes {
    lanes: Vec<Lane>,
    by_daemon: HashMap<DaemonName, usize>,
    /// The lane that a hand-over's watching is shown in: its first daemon's, or one of its own.
    by_hand_over: BTreeMap<usize, usize>,
}

impl Lanes {
    fn new(work: &Work, subjects: &[String]) -> Self {
        let mut lanes = Self {
            lanes: Vec::new(),
            by_daemon: HashMap::new(),
            by_hand_over: BTreeMap::new(),
        };
        for step in &work.steps {
            match &step.input {
                StepInput::StopUnit(stop) => {
                    lanes.by_daemon.insert(stop.daemon.clone(), lanes.lanes.len());
                    lanes.by_hand_over.entry(step.hand_over).or_insert(lanes.lanes.len());
                    lanes.add(stop.daemon.to_string(), Some(stop.host.clone()));
                }
                StepInput::WatchHealth(_) if !lanes.by_hand_over.contains_key(&step.hand_over) => {
                    lanes.by_hand_over.insert(step.hand_over, lanes.lanes.len());
                    lanes.add(subjects[step.hand_over].clone(), None);
                }
                _ => {}
            }
        }
        lanes
    }

    fn add(&mut self, name: String, host: Option<String>) {
        self.lanes.push(Lane {
            history: DaemonHistory {
                name,
                host,
                state: None,
                away_seconds: None,
                clean_seconds: None,
                spans: Vec::new(),
            },
            stopped_at: None,
            back_at: None,
            watched_from: None,
        });
    }

    fn take(&mut self, record: &Record, work: &Work) {
        let at = record.at;
        let (step, done, undone) = match &record.event {
            Event::StepStarted { step, .. } => (step, false, false),
            Event::StepDone { step, .. } => (step, true, false),
            Event::StepUndoDone { step, .. } => (step, false, true),
            _ => return,
        };
        let Some(step) = work.index.get(step).map(|index| &work.steps[*index]) else {
            return;
        };
        if let StepInput::StopUnit(stop) = &step.input {
            let lane = &mut self.lanes[self.by_daemon[&stop.daemon]];
            match (undone, lane.stopped_at) {
                (true, Some(from)) => {
                    lane.span(SpanKind::Undone, from, at);
                    lane.forget();
                }
                (false, None) if !done && !is_retired(&stop.daemon) => lane.stopped_at = Some(at),
                _ => {}
            }
        } else if let Some(index) = arrival(&step.input).and_then(|daemon| self.by_daemon.get(&daemon)) {
            let lane = &mut self.lanes[*index];
            match (done, undone, lane.stopped_at) {
                (true, _, Some(from)) if lane.back_at.is_none() => {
                    lane.span(SpanKind::Away, from, at);
                    lane.history.away_seconds = Some(seconds(from, at));
                    lane.back_at = Some(at);
                }
                // The way back stops Rook's pod, and the old unit comes at its end: away again.
                (_, true, Some(_)) if lane.back_at.is_some() => (lane.stopped_at, lane.back_at) = (Some(at), None),
                _ => {}
            }
        } else if matches!(step.input, StepInput::AwaitActiveClean(_)) && done {
            self.clean(step.hand_over, at, work);
        } else if matches!(step.input, StepInput::WatchHealth(_))
            && let Some(index) = self.by_hand_over.get(&step.hand_over)
        {
            let lane = &mut self.lanes[*index];
            match (done, lane.watched_from) {
                (true, Some(from)) => {
                    lane.span(SpanKind::Watched, from, at);
                    lane.watched_from = None;
                }
                (false, _) if !undone => lane.watched_from = Some(at),
                _ => {}
            }
        }
    }

    /// All PGs are clean again: the hand-over's daemons have recovered.
    fn clean(&mut self, hand_over: usize, at: Timestamp, work: &Work) {
        for step in work.steps.iter().filter(|step| step.hand_over == hand_over) {
            let StepInput::StopUnit(stop) = &step.input else {
                continue;
            };
            let lane = &mut self.lanes[self.by_daemon[&stop.daemon]];
            if let (Some(from), Some(back), None) = (lane.stopped_at, lane.back_at, lane.history.clean_seconds) {
                lane.span(SpanKind::Recovering, back, at);
                lane.history.clean_seconds = Some(seconds(from, at));
            }
        }
    }

    fn finish(mut self, end: Timestamp, work: &Work) -> Vec<DaemonHistory> {
        for step in &work.steps {
            let StepInput::StopUnit(stop) = &step.input else {
                continue;
            };
            let lane = &mut self.lanes[self.by_daemon[&stop.daemon]];
            let all_done = work
                .steps
                .iter()
                .filter(|other| other.hand_over == step.hand_over)
                .all(|other| other.done);
            let back = work
                .steps
                .iter()
                .any(|other| other.done && arrival(&other.input).as_ref() == Some(&stop.daemon));
            lane.history.state = Some(match (step.done, all_done || back) {
                (false, _) if lane.stopped_at.is_none() => DaemonState::OldUnit,
                (false, _) | (true, false) => DaemonState::Between,
                (true, true) if is_retired(&stop.daemon) => DaemonState::Retired,
                (true, true) => DaemonState::Rook,
            });
            if let (Some(from), None) = (lane.stopped_at, lane.back_at) {
                lane.span(SpanKind::StillAway, from, end);
            }
        }
        self.lanes.into_iter().map(|lane| lane.history).collect()
    }
}

impl Lane {
    fn span(&mut self, kind: SpanKind, from: Timestamp, to: Timestamp) {
        self.history.spans.push(Span {
            kind,
            from,
            to,
            seconds: seconds(from, to),
        });
    }

    /// Begins anew after an undo.
    fn forget(&mut self) {
        self.stopped_at = None;
        self.back_at = None;
        self.history.away_seconds = None;
        self.history.clean_seconds = None;
    }
}

/// Returns the time between two moments in seconds, to the millisecond.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    let milliseconds = to.duration_since(from).as_secs_f64() * 1000.0;
    milliseconds.round() / 1000.0
}
