//! `reeve import run`, `resume` and `undo`: carry plans out, go on with runs, take them back.

use std::collections::HashMap;

use reeve_journal::{Condition, Journal, RunSummary, Runs};

use super::at_work::{self, Job};
use super::chosen::{imports, is_undone, plans, runs, runs_meant};
use super::plan::plan_text;
use crate::cli::{ImportPaceArgs, ImportResumeArgs, ImportRunArgs, ImportUndoArgs, TextOrJson};
use crate::command::Context;
use crate::command::journal::{Subject, holder, journal_failure};
use crate::command::rook::approval;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &ImportRunArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let plans = plans(&args.plans)?;
    let runs = runs(&args.pace.runs, context)?;
    let earlier = earlier(&runs, context)?;
    let mut subjects = Vec::new();
    let mut what = String::new();
    for plan in plans {
        match earlier.get(&plan.digest) {
            Some(earlier) if earlier.condition == Condition::Finished => context.printer.note(&format!(
                "run {0} of this plan is finished: `reeve import report {0}` shows what it made",
                earlier.run
            )),
            Some(earlier) => {
                let journal = open(&runs, earlier)?;
                context.printer.note(&format!(
                    "run {} of this plan was begun at {} and is taken up again",
                    earlier.run, earlier.created_at
                ));
                subjects.push(Subject::Run(Box::new(journal)));
            }
            None => {
                plan_text(&mut what, &plan);
                subjects.push(Subject::Plan(Box::new(plan), runs.clone()));
            }
        }
    }
    if !what.is_empty() && args.pace.format == TextOrJson::Text {
        context.printer.note(what.trim_end());
    }
    if !goes_on(&args.pace, subjects.is_empty(), "Go on?", context)? {
        return Ok(Exit::Paused);
    }
    at_work::work(subjects, Job::Forward { give_up_undo: false }, &args.pace, context)
}

pub(super) fn resume(args: &ImportResumeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs = runs(&args.pace.runs, context)?;
    let meant = runs_meant(&runs, &args.choice, context, |run| {
        run.condition != Condition::Finished && !is_undone(run)
    })?;
    let mut subjects = Vec::new();
    for run in meant {
        let journal = runs.open(&run, &holder()).map_err(|error| journal_failure(&error))?;
        if args.forward && journal.state().undo().is_none() {
            return Err(Failure::new(
                Exit::Usage,
                format!("run {run} is not being undone, so there is no undo to give up"),
            ));
        }
        subjects.push(Subject::Run(Box::new(journal)));
    }
    if subjects.is_empty() {
        context.printer.note("there is no import to go on with");
    }
    let job = Job::Forward {
        give_up_undo: args.forward,
    };
    at_work::work(subjects, job, &args.pace, context)
}

pub(super) fn undo(args: &ImportUndoArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs = runs(&args.pace.runs, context)?;
    let meant = runs_meant(&runs, &args.choice, context, |run| !is_undone(run))?;
    let mut subjects = Vec::new();
    for run in meant {
        let journal = runs.open(&run, &holder()).map_err(|error| journal_failure(&error))?;
        let state = journal.state();
        if state.position() == 0 && state.in_hand().is_none() {
            context
                .printer
                .note(&format!("run {run} has made nothing, or it is undone already"));
            continue;
        }
        let (done, all) = (state.position(), state.len());
        context.printer.note(&format!(
            "run {run}: {done} of {all} steps are done; what they made is deleted, the last first"
        ));
        subjects.push(Subject::Run(Box::new(journal)));
    }
    if !goes_on(&args.pace, subjects.is_empty(), "Delete it?", context)? {
        return Ok(Exit::Paused);
    }
    at_work::work(subjects, Job::Back, &args.pace, context)
}

/// Returns the last run of each plan that is not undone, by the plan's digest.
fn earlier(runs: &Runs, context: &Context<'_>) -> Result<HashMap<String, RunSummary>, Failure> {
    let mut earlier = HashMap::new();
    for run in imports(runs, context)?.into_iter().filter(|run| !is_undone(run)) {
        let detail = runs.show(&run.run).map_err(|error| journal_failure(&error))?;
        earlier.insert(detail.plan.digest, run);
    }
    Ok(earlier)
}

fn open(runs: &Runs, run: &RunSummary) -> Result<Journal, Failure> {
    runs.open(&run.run, &holder()).map_err(|error| journal_failure(&error))
}

/// Asks whether to go on, unless there is nothing to do or nobody wants to be asked.
fn goes_on(pace: &ImportPaceArgs, is_nothing: bool, question: &str, context: &Context<'_>) -> Result<bool, Failure> {
    if pace.yes || is_nothing || approval::asked_now(question)? {
        return Ok(true);
    }
    if !approval::somebody_is_there() {
        context
            .printer
            .note("nothing was done: there is no terminal to ask at; `--yes` does not ask");
    }
    Ok(false)
}
