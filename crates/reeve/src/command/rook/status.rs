//! `reeve rook status`: how a run stands, from its journal and its samples; also while another process is at work on it.

use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8Path;
use jiff::Timestamp;
use reeve_ceph::DaemonType;
use reeve_journal::{Condition, Observer, PauseReason, RunDetail, RunId, RunSummary, Runs};
use reeve_rook::watch::{
    Sample, SampleFollower, SampleLine, SampleSink, SamplesError, ServedBy, Serving, samples_path,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::display::{Display, Manner};
use super::progress::RecordLines;
use super::stream::{STREAM_FORMAT, StreamBegin, StreamLine};
use super::view::View;
use crate::cli::{StatusArgs, TextOrJson};
use crate::command::journal::journal_failure;
use crate::command::{Context, run};
use crate::exit::Exit;
use crate::failure::Failure;

/// How often a run that is watched is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// More daemons than this are counted, not named.
const NAMED_AT_MOST: usize = 40;

/// How a run stands, for programs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RunStatus {
    /// The run in a line.
    run: RunSummary,
    /// The step that is in hand.
    in_hand: Option<StepNow>,
    /// About how many seconds the steps that are left take, pauses aside.
    seconds_left: u64,
    /// Who serves each daemon, as far as the journal tells.
    serving: Vec<Serving>,
    /// What was seen of the cluster last.
    last_sample: Option<Sample>,
    /// Why the watch on client I/O asked the run to stop, if it did.
    watch_stopped: Option<String>,
}

/// A step that was begun and has not ended.
#[derive(Serialize, JsonSchema)]
struct StepNow {
    /// What is handed over.
    subject: String,
    /// What is done.
    what: String,
    /// For how many seconds.
    seconds: u64,
    /// For how many at most.
    at_most_seconds: u64,
}

pub(super) fn status(args: &StatusArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs = run::existing(&args.runs, &args.run, context)?;
    let id = runs.find(&args.run).map_err(|error| journal_failure(&error))?;
    if args.watch {
        let until = Instant::now() + Duration::from_secs(args.watch_for.into());
        let goes_on = follow(&runs, &id, until, args.format, context)?;
        if args.format == TextOrJson::Json {
            return Ok(goes_on);
        }
    }
    let detail = runs.show(&id).map_err(|error| journal_failure(&error))?;
    let mut view = View::new(&detail.plan);
    detail.records.iter().for_each(|record| view.record(record));
    if !detail.summary.is_held {
        view.process_is_gone(detail.summary.updated_at);
    }
    let mut follower = SampleFollower::new(&runs.path(&id));
    for line in samples(&mut follower, context) {
        view.sample(&line);
    }
    match args.format {
        TextOrJson::Json => context.answer_json(&for_programs(&detail, &view))?,
        TextOrJson::Text => context.answer(&for_people(&detail, &view, context.printer.width()))?,
    }
    Ok(exit(&detail.summary))
}

fn exit(summary: &RunSummary) -> Exit {
    match &summary.condition {
        Condition::Paused(PauseReason::Undone) | Condition::Finished => Exit::Done,
        Condition::Stuck { .. } => Exit::Stuck,
        Condition::Taken if summary.is_held => Exit::Done,
        Condition::Created | Condition::Taken | Condition::Paused(_) => Exit::Paused,
    }
}

/// Samples that cannot be read take nothing away from the journal.
fn samples(follower: &mut SampleFollower, context: &Context<'_>) -> Vec<SampleLine> {
    follower.read_new().unwrap_or_else(|error: SamplesError| {
        context.printer.note(&format!("warning: {error}"));
        Vec::new()
    })
}

fn for_programs(detail: &RunDetail, view: &View) -> RunStatus {
    let in_hand = view.in_hand(Timestamp::now()).map(|step| StepNow {
        seconds: step.since.as_secs(),
        at_most_seconds: step.at_most.as_secs(),
        subject: step.subject,
        what: step.what,
    });
    RunStatus {
        run: detail.summary.clone(),
        in_hand,
        seconds_left: view.left().as_secs(),
        serving: view.served(),
        last_sample: view.last_sample().cloned(),
        watch_stopped: view.watch_stopped().map(str::to_owned),
    }
}

fn for_people(detail: &RunDetail, view: &View, width: usize) -> String {
    let summary = &detail.summary;
    let mut text = String::new();
    // Writing into a String cannot fail; the results are dropped on purpose.
    let _ = writeln!(text, "run {}", summary.run);
    let _ = writeln!(text, "{}", run::condition(summary));
    let _ = writeln!(
        text,
        "made {:.0}, last event {:.0}\n",
        summary.created_at, summary.updated_at
    );
    for line in view.lines(Timestamp::now(), width) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(because) = view.watch_stopped() {
        let _ = writeln!(text, "  the watch asked it to stop: {because}");
    }
    text.push('\n');
    text.push_str(&served_text(&view.served()));
    if !matches!(exit(summary), Exit::Done) {
        let _ = writeln!(
            text,
            "\n`reeve rook resume {0}` goes on, `reeve rook rollback {0} --all` takes everything back",
            summary.run
        );
    } else if summary.is_held {
        let _ = writeln!(text, "\n`reeve rook status {} --watch` follows it", summary.run);
    }
    text
}

/// Says who serves the daemons, a line for each kind and server.
fn served_text(serving: &[Serving]) -> String {
    let mut text = String::new();
    for (kind, word) in [
        (DaemonType::Mon, "mon"),
        (DaemonType::Mgr, "mgr"),
        (DaemonType::Osd, "OSD"),
    ] {
        for (by, server) in [
            (ServedBy::Rook, "under Rook"),
            (ServedBy::RookStarting, "starting under Rook"),
            (ServedBy::Nobody, "AWAY, served by nobody"),
            (ServedBy::OldUnit, "under the old units"),
        ] {
            let mut these: Vec<_> = serving
                .iter()
                .filter(|it| it.daemon.kind == kind && it.by == by)
                .collect();
            if these.is_empty() {
                continue;
            }
            // Numbers in the order of numbers.
            these.sort_by_key(|it| (it.daemon.id.parse::<u64>().ok(), it.daemon.id.clone()));
            let names: Vec<&str> = these.iter().map(|it| it.daemon.id.as_str()).collect();
            let named = if names.len() > NAMED_AT_MOST {
                String::new()
            } else {
                format!(": {}", names.join(" "))
            };
            let several = if these.len() == 1 { "" } else { "s" };
            let _ = writeln!(text, "{} {word}{several} {server}{named}", these.len());
        }
    }
    text
}

/// Shows what another process does until it ends, or the time is over; returns the exit code.
fn follow(runs: &Runs, id: &RunId, until: Instant, format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    let path = runs.path(id);
    let mut detail = runs.show(id).map_err(|error| journal_failure(&error))?;
    let mut follower = SampleFollower::new(&path);
    let manner = match format {
        TextOrJson::Json => Manner::Stream,
        TextOrJson::Text if context.printer.draws() => Manner::Live,
        TextOrJson::Text => Manner::Plain,
    };
    let lines = RecordLines::new(&detail.plan);
    let display = Display::new(context.printer, manner, View::new(&detail.plan), lines);
    display.replay(&detail.records, &samples(&mut follower, context));
    display.stream(&StreamLine::Begin(StreamBegin {
        format: STREAM_FORMAT,
        run: id.as_str(),
        plan_digest: &detail.plan.digest,
        steps: detail.summary.steps,
        steps_done: detail.summary.steps_done,
    }));
    let mut seen = signature(&path);
    while detail.summary.is_held && Instant::now() < until {
        display.draw();
        std::thread::sleep(LOOK_EVERY);
        let now = signature(&path);
        let shown = detail.records.len();
        // Reading a long journal takes a while, so it is read only when something was written; who holds it can change without that.
        if now != seen || !is_held(runs, id)? {
            seen = now;
            detail = runs.show(id).map_err(|error| journal_failure(&error))?;
        }
        for record in detail.records.iter().skip(shown) {
            display.record(record);
        }
        for line in samples(&mut follower, context) {
            display.line(&line);
        }
    }
    display.finish();
    Ok(exit(&detail.summary))
}

fn is_held(runs: &Runs, id: &RunId) -> Result<bool, Failure> {
    runs.is_held(id).map_err(|error| journal_failure(&error))
}

/// Lengths and times of the files of a run; different when something was written.
fn signature(journal: &Utf8Path) -> Vec<Option<(u64, SystemTime)>> {
    let of = |path: &Utf8Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let log = format!("{journal}-wal");
    vec![of(journal), of(Utf8Path::new(&log)), of(&samples_path(journal))]
}

#[cfg(test)]
mod tests;
