//! `reeve run`: read the journals of runs, of any operation, also after the fact.

use std::fmt::Write;

use reeve_journal::{Condition, PauseReason, RunDetail, RunSummary, Runs, StepDetail, StepStatus, UnreadableRun};
use serde::Serialize;

use super::Context;
use super::journal::journal_failure;
use crate::cli::{RunCommand, RunsArgs, TextOrJson};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(command: RunCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        RunCommand::List { runs, format } => list(open(&runs, context)?.as_ref(), format, context),
        RunCommand::Show { run, runs, format } => {
            let runs = existing(&runs, &run, context)?;
            show(&runs, &run, format, context)
        }
        RunCommand::Export { run, runs } => {
            let runs = existing(&runs, &run, context)?;
            export(&runs, &run, context)
        }
    }
}

/// Opens the folder of runs; none if there is no such folder, because reading must not make one.
fn open(args: &RunsArgs, context: &Context<'_>) -> Result<Option<Runs>, Failure> {
    let folder = context
        .config
        .runs_dir(args.runs_dir.as_ref(), context.environment)
        .value;
    if !folder.exists() {
        return Ok(None);
    }
    if !folder.is_dir() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{folder} is not a folder of runs: it is no folder"),
        ));
    }
    Runs::in_dir(folder).map(Some).map_err(|error| journal_failure(&error))
}

pub(super) fn existing(args: &RunsArgs, run: &str, context: &Context<'_>) -> Result<Runs, Failure> {
    open(args, context)?.ok_or_else(|| {
        let folder = context
            .config
            .runs_dir(args.runs_dir.as_ref(), context.environment)
            .value;
        Failure::new(
            Exit::Usage,
            format!(
                "there is no run `{}`: the folder {folder} does not exist",
                run.escape_debug()
            ),
        )
        .hint("pass `--runs-dir FOLDER`, or set REEVE_RUNS_DIR")
    })
}

/// A run that cannot be read, as the JSON list shows it.
#[derive(Serialize)]
struct Unreadable {
    run: String,
    error: String,
}

/// One entry of the JSON list.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Readable(&'a RunSummary),
    Unreadable(Unreadable),
}

fn list(runs: Option<&Runs>, format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    let (mut summaries, unreadable) = match runs {
        Some(runs) => runs.list().map_err(|error| journal_failure(&error))?,
        None => (Vec::new(), Vec::new()),
    };
    summaries.sort_by(|one, other| other.run.cmp(&one.run));
    match format {
        TextOrJson::Json => {
            let entries: Vec<Entry<'_>> = summaries
                .iter()
                .map(Entry::Readable)
                .chain(unreadable.iter().map(|UnreadableRun { run, error }| {
                    Entry::Unreadable(Unreadable {
                        run: run.to_string(),
                        error: error.to_string(),
                    })
                }))
                .collect();
            context.answer_json(&entries)?;
        }
        TextOrJson::Text => context.answer(&list_text(&summaries))?,
    }
    for UnreadableRun { run, error } in &unreadable {
        context.printer.note(&format!("warning: {run} cannot be read: {error}"));
    }
    // A run that cannot be read may be one that waits for somebody: that is not "nothing to say".
    Ok(if unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// Says what a run is doing, and that it is a rehearsal if it is one.
fn marked(summary: &RunSummary) -> String {
    if summary.is_rehearsal {
        return format!("REHEARSAL on a model: {}", condition(summary));
    }
    condition(summary)
}

fn list_text(summaries: &[RunSummary]) -> String {
    if summaries.is_empty() {
        return "no runs\n".into();
    }
    let mut text = String::new();
    for summary in summaries {
        // Writing into a String cannot fail; the results are dropped on purpose.
        let _ = writeln!(
            text,
            "{}  {:>5} of {:<5} steps  {}",
            summary.run,
            summary.steps_done,
            summary.steps,
            marked(summary)
        );
        let _ = writeln!(
            text,
            "    {} of {} {}",
            summary.operation,
            summary.target.kind,
            summary.target.id.escape_debug()
        );
    }
    text
}

/// Says in a sentence what a run is doing, or why it is not.
pub(super) fn condition(summary: &RunSummary) -> String {
    let holder = summary.holder.as_ref();
    match &summary.condition {
        Condition::Created => "made, not begun".into(),
        Condition::Taken if summary.is_held => {
            format!("at work: {}", holder.map_or_else(String::new, ToString::to_string))
        }
        Condition::Taken => "interrupted: its process is gone; it can be taken up again".into(),
        Condition::Paused(reason) => match reason {
            PauseReason::Approval { phase } => format!("paused before phase {phase}, for a person's go-ahead"),
            PauseReason::Asked => "paused, as asked".into(),
            PauseReason::Interrupted => "paused, interrupted in good order".into(),
            PauseReason::Failed { step, error } => {
                format!("paused: {step} failed and its hand-over was undone: {error}")
            }
            PauseReason::Refused { step, because } => format!("paused: {step} was refused: {because}"),
            PauseReason::CannotTell { step, error } => {
                format!("paused: whether {step} had its effect cannot be told now: {error}")
            }
            PauseReason::Undone => "undone, as asked".into(),
        },
        Condition::Stuck { step, undo_failed, .. } => {
            format!("STUCK at {step}: a person must act; its undo failed: {undo_failed}")
        }
        Condition::Finished => "finished".into(),
    }
}

fn show(runs: &Runs, name: &str, format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    let run = runs.find(name).map_err(|error| journal_failure(&error))?;
    let detail = runs.show(&run).map_err(|error| journal_failure(&error))?;
    match format {
        TextOrJson::Json => context.answer_json(&detail)?,
        TextOrJson::Text => context.answer(&detail_text(&detail))?,
    }
    Ok(match &detail.summary.condition {
        Condition::Paused(PauseReason::Undone) | Condition::Finished => Exit::Done,
        Condition::Stuck { .. } => Exit::Stuck,
        Condition::Taken if detail.summary.is_held => Exit::Done,
        Condition::Created | Condition::Taken | Condition::Paused(_) => Exit::Paused,
    })
}

fn detail_text(detail: &RunDetail) -> String {
    let summary = &detail.summary;
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}", summary.run, marked(summary));
    let _ = writeln!(
        text,
        "{} of {} {}",
        summary.operation,
        summary.target.kind,
        summary.target.id.escape_debug()
    );
    let _ = writeln!(
        text,
        "made {:.0}, last event {:.0}",
        summary.created_at, summary.updated_at
    );
    let _ = writeln!(text, "{} of {} steps done\n", summary.steps_done, summary.steps);
    let mut at = None;
    for step in &detail.steps {
        let place = (&step.phase, &step.subject);
        if at != Some(place) {
            let _ = writeln!(text, "{}: {}", step.phase, step.subject.escape_debug());
            at = Some(place);
        }
        let _ = writeln!(
            text,
            "  {:<22} {}{}",
            step.kind.as_str(),
            step_status(&step.status),
            took(step)
        );
    }
    text
}

fn step_status(status: &StepStatus) -> String {
    match status {
        StepStatus::Pending => "not begun".into(),
        StepStatus::Started => "begun; whether its effect is there is not known".into(),
        StepStatus::Done { changed: true } => "done".into(),
        StepStatus::Done { changed: false } => "done, was so already".into(),
        StepStatus::Failed { error } => format!("FAILED: {error}"),
        StepStatus::Undoing => "being undone".into(),
        StepStatus::Undone => "undone".into(),
        StepStatus::UndoFailed { error } => format!("UNDO FAILED: {error}"),
    }
}

fn took(step: &StepDetail) -> String {
    let (Some(began), Some(ended)) = (step.began_at, step.ended_at) else {
        return String::new();
    };
    let seconds = ended.duration_since(began).as_secs_f64();
    let tries = if step.attempts > 1 {
        format!(", {} attempts", step.attempts)
    } else {
        String::new()
    };
    format!(" ({seconds:.1} s{tries})")
}

fn export(runs: &Runs, name: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let run = runs.find(name).map_err(|error| journal_failure(&error))?;
    let mut lines = Vec::new();
    runs.export(&run, &mut lines).map_err(|error| journal_failure(&error))?;
    context.answer(&String::from_utf8_lossy(&lines))?;
    Ok(Exit::Done)
}
