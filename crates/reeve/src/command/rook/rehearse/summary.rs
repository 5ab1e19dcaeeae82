//! What a rehearsal showed.

use std::collections::BTreeMap;
use std::time::Duration;

use reeve_ceph::DaemonName;
use reeve_journal::{Outcome, PauseReason};
use reeve_rook::model::{RehearsalSummary, Stop};
use reeve_rook::watch::words;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::stream::{StreamEnd, StreamOutcome};
use crate::exit::Exit;

/// The most daemons or steps that are named one by one.
const MOST_NAMED: usize = 24;

/// What was counted in a rehearsal.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Figures {
    /// How much modelled time it took.
    pub(crate) modelled_seconds: f64,
    /// For how long each daemon did not serve.
    pub(crate) away_seconds: BTreeMap<String, f64>,
    /// For how long there was no quorum, elections included.
    pub(crate) without_quorum_seconds: f64,
    /// For how long no mgr was active.
    pub(crate) without_active_mgr_seconds: f64,
    /// For how long writes to some PG waited, in all.
    pub(crate) writes_waited_seconds: f64,
    /// The longest such time without a break.
    pub(crate) longest_wait_seconds: f64,
    /// What must never be and was; empty if all is well.
    pub(crate) violations: Vec<String>,
    /// How often the process died and was taken up.
    pub(crate) deaths: usize,
    /// Steps that were undone, in the order of undoing.
    pub(crate) undone: Vec<String>,
    /// Who serves each daemon at the end: a unit or a pod.
    pub(crate) serving: BTreeMap<String, String>,
}

pub(super) fn figures(summary: &RehearsalSummary) -> Figures {
    let ledger = &summary.ledger;
    let away = ledger.away_in_all();
    Figures {
        modelled_seconds: summary.took.as_secs_f64(),
        away_seconds: away
            .into_iter()
            .map(|(daemon, away)| (daemon.to_string(), away.as_secs_f64()))
            .collect(),
        without_quorum_seconds: ledger.without_quorum.as_secs_f64(),
        without_active_mgr_seconds: ledger.without_active_mgr.as_secs_f64(),
        writes_waited_seconds: ledger.writes_waited.as_secs_f64(),
        longest_wait_seconds: ledger.longest_wait.as_secs_f64(),
        violations: ledger.violations.iter().map(ToString::to_string).collect(),
        deaths: summary.deaths,
        undone: summary.undone.iter().map(ToString::to_string).collect(),
        serving: summary
            .serving
            .iter()
            .map(|(daemon, home)| (daemon.to_string(), home.clone()))
            .collect(),
    }
}

/// Returns the exit code: a broken promise is a finding, whatever became of the run.
pub(super) fn exit(summary: &RehearsalSummary) -> Exit {
    if !summary.ledger.violations.is_empty() {
        return Exit::Findings;
    }
    match summary.outcome {
        Outcome::Finished => Exit::Done,
        Outcome::Paused(_) => Exit::Paused,
        Outcome::Stuck { .. } => Exit::Stuck,
    }
}

pub(super) fn stream_end(summary: &RehearsalSummary, text: Vec<String>, exit: Exit) -> StreamEnd {
    StreamEnd {
        at: summary.ended_at,
        outcome: StreamOutcome::of(&summary.outcome),
        exit_code: exit.code(),
        text,
        steps_done: summary.steps_done,
        steps: summary.steps,
        away: Vec::new(),
    }
}

/// Says in sentences what the rehearsal showed.
pub(super) fn lines(summary: &RehearsalSummary, stop: &Stop) -> Vec<String> {
    let mut lines = vec![
        format!(
            "REHEARSAL {}: played on a model; nothing was reached, nothing was changed",
            summary.run
        ),
        format!("  {}", how_it_ended(summary)),
        format!("  modelled time   {}", words::duration(summary.took.as_secs())),
    ];
    lines.extend(mishap(summary, stop));
    lines.extend(undone(summary));
    let ledger = &summary.ledger;
    let away = ledger.away_in_all();
    lines.push(format!("  daemons away    {}", each(&away)));
    lines.push(format!(
        "  without quorum  {} in all, elections",
        seconds(ledger.without_quorum)
    ));
    lines.push(format!(
        "  without a mgr   {} in all",
        seconds(ledger.without_active_mgr)
    ));
    lines.push(format!(
        "  writes waited   {} in all on some PGs, at most {} at a time",
        seconds(ledger.writes_waited),
        seconds(ledger.longest_wait)
    ));
    lines.push(format!("  serving now     {}", serving(&summary.serving)));
    if ledger.violations.is_empty() {
        lines.push(
            "  violations      none: no daemon ran twice, no older store was started, CRUSH and quorum were kept"
                .into(),
        );
    }
    for violation in &ledger.violations {
        lines.push(format!("  VIOLATED        {violation}"));
    }
    lines
}

fn how_it_ended(summary: &RehearsalSummary) -> String {
    let (done, all) = (summary.steps_done, summary.steps);
    match &summary.outcome {
        Outcome::Finished => format!("finished: all {all} steps are done"),
        Outcome::Paused(PauseReason::Asked) => format!("paused as asked: {done} of {all} steps are done"),
        Outcome::Paused(PauseReason::Failed { step, error }) => {
            format!("paused: {step} failed, and its hand-over was undone ({error}); {done} of {all} steps are done")
        }
        Outcome::Paused(PauseReason::Refused { step, because }) => {
            format!("paused: {step} was refused ({because}); {done} of {all} steps are done")
        }
        Outcome::Paused(PauseReason::CannotTell { step, error }) => {
            format!("paused: whether {step} had its effect cannot be told ({error}); {done} of {all} steps are done")
        }
        Outcome::Paused(_) => format!("paused: {done} of {all} steps are done"),
        Outcome::Stuck { step, undo_failed, .. } => {
            format!("STUCK at {step}: its undo failed ({undo_failed}); a person would have to act")
        }
    }
}

fn mishap(summary: &RehearsalSummary, stop: &Stop) -> Option<String> {
    match stop {
        Stop::Nowhere => None,
        Stop::FailsAt(step) if summary.without_mishap => Some(format!(
            "  no failure      the run did not get to {step}, or found it done"
        )),
        Stop::FailsAt(_) => None,
        Stop::DiesAt(step) => Some(match summary.deaths {
            0 => format!("  no death        the run did not get to {step}, or found it done"),
            1 => format!("  deaths          1, at {step}; the run was taken up again"),
            deaths => format!(
                "  deaths          {deaths}, before and after the effect of {step}; the run was taken up each time{}",
                if nothing_twice(summary) {
                    ", and nothing was done twice"
                } else {
                    ""
                }
            ),
        }),
    }
}

/// Tells whether every old unit was stopped once at most and every pod's daemon started once at most.
fn nothing_twice(summary: &RehearsalSummary) -> bool {
    let ledger = &summary.ledger;
    ledger
        .unit_stops
        .values()
        .chain(ledger.pod_starts.values())
        .all(|count| *count <= 1)
}

fn undone(summary: &RehearsalSummary) -> Option<String> {
    if summary.undone.is_empty() {
        return None;
    }
    let steps: Vec<&str> = summary
        .undone
        .iter()
        .take(MOST_NAMED)
        .map(|step| step.as_str())
        .collect();
    Some(format!("  undone          {}", steps.join(", ")))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Names each daemon with its time; kind by kind where there are many.
fn each(away: &BTreeMap<&DaemonName, Duration>) -> String {
    if away.is_empty() {
        return "none".into();
    }
    if away.len() <= MOST_NAMED {
        let one = |(daemon, time): (&&DaemonName, &Duration)| format!("{daemon} {}", seconds(*time));
        return away.iter().map(one).collect::<Vec<_>>().join(", ");
    }
    let mut kinds: BTreeMap<&str, (usize, Duration, Duration)> = BTreeMap::new();
    for (daemon, time) in away {
        let of = kinds
            .entry(daemon.kind.as_str())
            .or_insert((0, Duration::MAX, Duration::ZERO));
        *of = (of.0 + 1, of.1.min(*time), of.2.max(*time));
    }
    let one = |(kind, (count, least, most)): (&&str, &(usize, Duration, Duration))| {
        format!("{count} {kind}s {} to {} each", seconds(*least), seconds(*most))
    };
    kinds.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn serving(serving: &[(DaemonName, String)]) -> String {
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (daemon, home) in serving {
        let of = kinds.entry(daemon.kind.as_str()).or_default();
        if home.ends_with(".service") {
            of.0 += 1;
        } else {
            of.1 += 1;
        }
    }
    let one = |(kind, (old, rook)): (&&str, &(usize, usize))| match (old, rook) {
        (0, rook) => format!("{rook} {kind}s under Rook"),
        (old, 0) => format!("{old} {kind}s in their old units"),
        (old, rook) => format!("{old} {kind}s in their old units and {rook} under Rook"),
    };
    kinds.iter().map(one).collect::<Vec<_>>().join("; ")
}
