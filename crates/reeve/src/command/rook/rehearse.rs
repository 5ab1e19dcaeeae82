//! `reeve rook rehearse`: play a plan on a model of its cluster, with no access to anything.

mod summary;

pub(crate) use summary::Figures;

use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, PoisonError};

use camino::Utf8PathBuf;
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Holder, JournalError, Observer, Record, RunId, Runs, Until};
use reeve_rook::facts::Facts;
use reeve_rook::model::{Audience, Rehearsal, RehearsalError, RehearsalSummary, Stop};

use super::place;
use super::progress::RecordLines;
use super::stream::{STREAM_FORMAT, StreamBegin, StreamLine};
use crate::cli::{RehearseArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) fn run(args: &RehearseArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let plan = Plan::load(&args.plan).map_err(|error| usage(&error))?;
    let facts = args.facts.as_ref().map(|path| Facts::load(path)).transpose();
    let facts = facts.map_err(|error| usage(&error))?;
    let until = args.until.as_ref().map(|name| place::until(&plan, name)).transpose()?;
    let stop = match (&args.fail, &args.crash_at) {
        (Some(name), _) => Stop::FailsAt(step(&plan, name)?),
        (None, Some(name)) => Stop::DiesAt(step(&plan, name)?),
        (None, None) => Stop::Nowhere,
    };
    let (runs, _folder) = runs(args.runs_dir.as_ref())?;
    let hearer = Hearer::new(&plan, args.format, context.printer);
    let rehearsal = Rehearsal::new(plan, facts.clone())
        .and_then(|it| it.until(until.unwrap_or_default()).stopped(stop.clone()))
        .map_err(|error| failure(&error))?;
    let played = rehearsal.play(runs.clone(), &holder(), &hearer);
    let summary = played.map_err(|error| failure(&error))?;
    let exit = summary::exit(&summary);
    let lines = summary::lines(&summary, &stop);
    if let Some(path) = &args.report {
        super::report::write_rehearsal(&runs, &summary.run, facts.as_ref(), path)?;
        context.printer.note(&format!("wrote {path}"));
    }
    match args.format {
        TextOrJson::Text => context.answer(&(lines.join("\n") + "\n"))?,
        TextOrJson::Json => hearer.ends(&summary, lines, exit),
    }
    Ok(exit)
}

fn usage(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::from_error(Exit::Usage, error)
}

fn failure(error: &RehearsalError) -> Failure {
    let failure = usage(error);
    match error {
        RehearsalError::OtherFacts { .. } => {
            failure.hint("give the facts that the plan was made of, or none: the plan alone is enough for a rehearsal")
        }
        _ => failure,
    }
}

/// Returns the step of this name.
fn step(plan: &Plan, name: &str) -> Result<StepId, Failure> {
    match place::until(plan, name)? {
        Until::Step(step) => Ok(step),
        _ => {
            let named = name.escape_debug();
            let of = plan
                .steps()
                .filter(|(phase, hand_over, _)| hand_over.subject == name || phase.name.as_str() == name)
                .map(|(_, _, step)| step.id.to_string());
            let first: Vec<String> = of.take(20).collect();
            Err(Failure::new(Exit::Usage, format!("`{named}` is more than one step"))
                .hint(format!("name one of them: {}", first.join(", "))))
        }
    }
}

/// Returns the folder for the journal; one that is removed again unless another was asked for.
fn runs(asked: Option<&Utf8PathBuf>) -> Result<(Runs, Option<tempfile::TempDir>), Failure> {
    let journal = |error: JournalError| usage(&error);
    if let Some(folder) = asked {
        return Ok((Runs::in_dir(folder.clone()).map_err(journal)?, None));
    }
    let folder = tempfile::Builder::new()
        .prefix("reeve-rehearsal-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not make a folder for the journal: {error}")))?;
    let path = Utf8PathBuf::from_path_buf(folder.path().join("runs"))
        .map_err(|path| Failure::new(Exit::Usage, format!("{} is not UTF-8; set TMPDIR", path.display())))?;
    Ok((Runs::in_dir(path).map_err(journal)?, Some(folder)))
}

fn holder() -> Holder {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Holder::this_process(
        host.trim(),
        concat!("reeve ", env!("CARGO_PKG_VERSION"), " (rehearsal)"),
    )
}

/// Prints what happens in a rehearsal, as lines or as a stream.
struct Hearer {
    printer: Printer,
    lines: Mutex<RecordLines>,
    format: TextOrJson,
    steps: usize,
    plan_digest: String,
}

impl Hearer {
    fn new(plan: &Plan, format: TextOrJson, printer: &Printer) -> Self {
        Self {
            printer: printer.clone(),
            lines: Mutex::new(RecordLines::new(plan)),
            format,
            steps: plan.steps().count(),
            plan_digest: plan.digest.clone(),
        }
    }

    fn stream(&self, line: &StreamLine<'_>) {
        if self.format == TextOrJson::Json {
            super::display::stream(line);
        }
    }

    /// Writes the last lines of the stream.
    fn ends(&self, summary: &RehearsalSummary, text: Vec<String>, exit: Exit) {
        self.stream(&StreamLine::Rehearsal(summary::figures(summary)));
        self.stream(&StreamLine::End(summary::stream_end(summary, text, exit)));
    }
}

impl Observer for Hearer {
    fn record(&self, record: &Record) {
        if self.format == TextOrJson::Json {
            return self.stream(&StreamLine::Record(record));
        }
        let line = self.lines.lock().unwrap_or_else(PoisonError::into_inner).of(record);
        if let Some(line) = line {
            self.printer.note(&line);
        }
    }
}

impl Audience for Hearer {
    fn begins(&self, run: &RunId) {
        self.stream(&StreamLine::Begin(StreamBegin {
            format: STREAM_FORMAT,
            run: run.as_str(),
            plan_digest: &self.plan_digest,
            steps: self.steps,
            steps_done: 0,
        }));
        if self.format == TextOrJson::Text {
            self.printer.note(&format!(
                "REHEARSAL {run}: a model of the cluster is worked on; times are modelled"
            ));
        }
    }

    fn remark(&self, text: &str) {
        if self.format == TextOrJson::Text {
            self.printer.note(&format!("  *** {text}"));
        }
    }
}
