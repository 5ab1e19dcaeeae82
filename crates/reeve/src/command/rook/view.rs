//! A run as it is seen at a moment: put together from its records and samples, drawn by whoever shows it.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Event, Record, StepStatus};
use reeve_rook::watch::{ClientWatch, DaemonsOfPlan, Expected, Sample, SampleLine, ServedBy, Serving, words};

/// The most characters that are taken from a text of a plan.
const MAX_TEXT: usize = 300;

/// Where a step stands in its plan.
#[derive(Clone, Copy, Debug)]
struct Place {
    phase: usize,
    hand_over: usize,
    step: usize,
}

/// A step that was begun and has not ended.
#[derive(Clone, Debug)]
struct InHand {
    index: usize,
    since: Timestamp,
    undoing: bool,
}

/// A run at a moment.
pub(super) struct View {
    plan: Plan,
    places: Vec<Place>,
    index: HashMap<StepId, usize>,
    statuses: Vec<StepStatus>,
    daemons: DaemonsOfPlan,
    expected: Expected,
    in_hand: Option<InHand>,
    /// The step back to which steps are being undone.
    undo_to: Option<usize>,
    /// When the process that has the run took it.
    taken_at: Option<Timestamp>,
    /// When the run stopped.
    stopped_at: Option<Timestamp>,
    sample: Option<Sample>,
    client: Option<ClientWatch>,
    worst_write_us: u64,
    watch_stopped: Option<String>,
}

impl View {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut places = Vec::new();
        for (phase, it) in plan.phases.iter().enumerate() {
            for (hand_over, it) in it.hand_overs.iter().enumerate() {
                places.extend((0..it.steps.len()).map(|step| Place { phase, hand_over, step }));
            }
        }
        let ids = plan.steps().map(|(_, _, step)| step.id.clone());
        Self {
            index: ids.enumerate().map(|(at, id)| (id, at)).collect(),
            statuses: vec![StepStatus::Pending; places.len()],
            places,
            daemons: DaemonsOfPlan::of(plan),
            plan: plan.clone(),
            expected: Expected::default(),
            in_hand: None,
            undo_to: None,
            taken_at: None,
            stopped_at: None,
            sample: None,
            client: None,
            worst_write_us: 0,
            watch_stopped: None,
        }
    }

    /// Takes what has happened.
    pub(super) fn record(&mut self, record: &Record) {
        match &record.event {
            Event::RunTaken { by } => {
                (self.taken_at, self.stopped_at) = (Some(by.since), None);
                // What a process that died had in hand is asked first thing.
                self.in_hand = None;
            }
            Event::StepStarted { step, .. } => self.begin(step, record.at, false),
            Event::StepUndoStarted { step, .. } => self.begin(step, record.at, true),
            Event::StepDone { step, changed, .. } => {
                if let Some(in_hand) = &self.in_hand
                    && let Ok(took) = Duration::try_from(record.at.duration_since(in_hand.since))
                {
                    let kind = self.step(in_hand.index).2.kind.clone();
                    self.expected.saw(&kind, took);
                }
                self.end(step, StepStatus::Done { changed: *changed });
            }
            Event::StepFailed { step, error } => self.end(step, StepStatus::Failed { error: error.clone() }),
            Event::StepUndoDone { step, .. } => self.end(step, StepStatus::Undone),
            Event::StepUndoFailed { step, error } => self.end(step, StepStatus::UndoFailed { error: error.clone() }),
            Event::UndoBegan { back_to, .. } => self.undo_to = self.index.get(back_to).copied(),
            Event::Paused { .. } | Event::Stuck { .. } | Event::Finished => {
                self.stopped_at = Some(record.at);
                (self.in_hand, self.undo_to) = (None, None);
            }
            _ => {}
        }
    }

    fn begin(&mut self, step: &StepId, since: Timestamp, undoing: bool) {
        if let Some(index) = self.index.get(step).copied() {
            self.statuses[index] = if undoing {
                StepStatus::Undoing
            } else {
                StepStatus::Started
            };
            self.in_hand = Some(InHand { index, since, undoing });
        }
    }

    fn end(&mut self, step: &StepId, status: StepStatus) {
        self.in_hand = None;
        if let Some(index) = self.index.get(step).copied() {
            self.statuses[index] = status;
        }
    }

    /// Takes what was seen.
    pub(super) fn sample(&mut self, line: &SampleLine) {
        match line {
            SampleLine::Begin(begin) => {
                self.client.clone_from(&begin.client);
                (self.sample, self.worst_write_us, self.watch_stopped) = (None, 0, None);
            }
            SampleLine::Sample(sample) => {
                if let Some(io) = &sample.client {
                    self.worst_write_us = self.worst_write_us.max(io.worst_write_us);
                }
                self.sample = Some(sample.clone());
            }
            SampleLine::Stopped(asked) => self.watch_stopped = Some(asked.because.clone()),
            SampleLine::End { .. } => {}
        }
    }

    /// Returns why the watch asked the run to stop, if it did.
    pub(super) fn watch_stopped(&self) -> Option<&str> {
        self.watch_stopped.as_deref()
    }

    pub(super) fn last_sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }

    /// Learns that the process that had the run is gone: no step is at work, and whether the last one had its effect is not known.
    pub(super) fn process_is_gone(&mut self, last_heard: Timestamp) {
        self.in_hand = None;
        self.stopped_at.get_or_insert(last_heard);
    }

    /// Tells whether the run has stopped in good order, or waits for a person.
    pub(super) fn is_at_rest(&self) -> bool {
        self.stopped_at.is_some()
    }

    /// Returns how many steps are done and how many there are.
    pub(super) fn steps_done(&self) -> (usize, usize) {
        let done = self
            .statuses
            .iter()
            .filter(|it| matches!(it, StepStatus::Done { .. }))
            .count();
        (done, self.statuses.len())
    }

    /// Tells who serves each daemon.
    pub(super) fn served(&self) -> Vec<Serving> {
        self.daemons.served(|step| self.statuses.get(*self.index.get(step)?))
    }

    fn step(
        &self,
        index: usize,
    ) -> (
        &reeve_journal::plan::Phase,
        &reeve_journal::plan::HandOver,
        &reeve_journal::plan::PlannedStep,
    ) {
        let place = self.places[index];
        let phase = &self.plan.phases[place.phase];
        let hand_over = &phase.hand_overs[place.hand_over];
        (phase, hand_over, &hand_over.steps[place.step])
    }

    /// Returns the step that is in hand: what it does, since when, and for how long at most; none between steps.
    pub(super) fn in_hand(&self, now: Timestamp) -> Option<StepInHand> {
        let in_hand = self.in_hand.as_ref()?;
        let (_, hand_over, step) = self.step(in_hand.index);
        let what = safe(&step.what);
        Some(StepInHand {
            subject: safe(&hand_over.subject),
            what: if in_hand.undoing {
                format!("undoing: {what}")
            } else {
                what
            },
            since: since(in_hand.since, now),
            at_most: Duration::from_secs(step.deadline_seconds.into()),
            only_waits: step.undo == reeve_journal::plan::Undo::Nothing && !in_hand.undoing,
        })
    }

    /// Returns about how long the steps that are left take.
    pub(super) fn left(&self) -> Duration {
        let is_done = |index: &usize| matches!(self.statuses[*index], StepStatus::Done { .. });
        match self.undo_to {
            Some(back_to) => {
                let left = (back_to..self.places.len()).filter(is_done);
                self.expected.together(left.map(|index| self.step(index).2))
            }
            None => {
                let left = (0..self.places.len()).filter(|index| !is_done(index));
                self.expected.together(left.map(|index| self.step(index).2))
            }
        }
    }

    /// Draws the run: a few lines without control characters, none longer than `width`.
    pub(super) fn lines(&self, now: Timestamp, width: usize) -> Vec<String> {
        let (done, all) = self.steps_done();
        let at = self.in_hand.as_ref().map_or(done, |in_hand| in_hand.index);
        let mut lines = Vec::new();
        if all > 0 {
            let phase = self.places[at.min(all - 1)].phase;
            let title = safe(&self.plan.phases[phase].title);
            let phases = self.plan.phases.len();
            lines.push(two_ends(
                &format!("Phase {} of {phases}: {title}", phase + 1),
                &format!("{done} of {all} steps"),
                width,
            ));
        }
        match self.in_hand(now) {
            Some(step) => {
                let times = format!("{} s of {} s", step.since.as_secs(), step.at_most.as_secs());
                lines.push(two_ends(&format!("  {}  {}", step.subject, step.what), &times, width));
            }
            None if self.stopped_at.is_some() => lines.push("  at rest".into()),
            None => lines.push("  between two steps".into()),
        }
        lines.extend(self.seen(now));
        lines.push(self.times(now));
        lines.iter().map(|line| cut(line, width)).collect()
    }

    fn seen(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(sample) = &self.sample {
            match &sample.answer {
                reeve_rook::watch::Answer::Cluster(view) => {
                    lines.push(format!("  ceph    {}", words::health(view)));
                    lines.push(format!("  mons    {}; {}", words::quorum(view), words::mgr(view)));
                    lines.push(format!("  osds    {}, {}", words::osds(view), words::pgs(view)));
                }
                reeve_rook::watch::Answer::None { because } => {
                    lines.push(format!("  ceph    DOES NOT ANSWER: {because}"));
                }
            }
            if let Some(io) = &sample.client {
                let worst = words::milliseconds(self.worst_write_us);
                lines.push(format!("  client  {}; worst so far {worst}", words::client(io)));
            } else if self.client.is_some() {
                lines.push("  client  nothing heard".into());
            }
            let age = since(sample.ended_at(), now).as_secs();
            if age > 10 && self.stopped_at.is_none() {
                lines.push(format!("          seen {} ago", words::duration(age)));
            }
        }
        let away: Vec<String> = self.served().iter().filter_map(away).collect();
        if !away.is_empty() {
            lines.push(format!("  away    {}", away.join("; ")));
        }
        lines
    }

    fn times(&self, now: Timestamp) -> String {
        let left = words::duration(self.left().as_secs());
        let left = match (self.undo_to, self.steps_done()) {
            (Some(_), _) => format!("about {left} of undoing left"),
            (None, (done, all)) if done == all => "nothing left".to_owned(),
            (None, _) => format!("about {left} left, pauses aside"),
        };
        match (self.taken_at, self.stopped_at) {
            (Some(taken), None) => format!(
                "  time    {} so far, {left}",
                words::duration(since(taken, now).as_secs())
            ),
            _ => format!("  time    {left}"),
        }
    }
}

/// A step that was begun and has not ended, for people.
pub(super) struct StepInHand {
    pub(super) subject: String,
    pub(super) what: String,
    pub(super) since: Duration,
    pub(super) at_most: Duration,
    pub(super) only_waits: bool,
}

/// Says of a daemon that is away who should serve it; none of one that is served.
pub(super) fn away(serving: &Serving) -> Option<String> {
    let Serving { daemon, host, unit, by } = serving;
    match by {
        ServedBy::OldUnit | ServedBy::Rook => None,
        ServedBy::Nobody => Some(format!(
            "{daemon} on {host}: {unit} is stopped, and Rook's pod must not start yet"
        )),
        ServedBy::RookStarting => Some(format!(
            "{daemon} on {host}: Rook's pod may start, and was not seen to serve yet"
        )),
    }
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// Makes text of a plan safe on a terminal.
pub(super) fn safe(text: &str) -> String {
    reeve_untrusted::short(text, MAX_TEXT)
}

/// Puts one text at the left end of a line and one at its right; the left one gives way.
fn two_ends(left: &str, right: &str, width: usize) -> String {
    let right_length = right.chars().count();
    let room = width.saturating_sub(right_length + 2);
    let left = cut(left, room.max(10));
    let gap = width.saturating_sub(left.chars().count() + right_length).max(2);
    format!("{left}{}{right}", " ".repeat(gap))
}

fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
pub(super) mod tests;
