//! `reeve rook migrate`, `resume` and `rollback`: carry out a plan, go on with it, take it back.

use reeve_journal::plan::Plan;
use reeve_journal::{Event, Journal, PauseReason, RunSummary, Runs, StepStatus, UndoTo, Until};
use reeve_rook::apply::Outline;

use super::approval;
use super::at_work::{self, Job};
use super::place;
use crate::cli::{MigrateArgs, PaceArgs, ResumeArgs, RollbackArgs, RunsArgs};
use crate::command::journal::{Subject, holder, journal_failure};
use crate::command::{Context, run};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn migrate(args: &MigrateArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let plan = Plan::load(&args.plan).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    Outline::of(&plan).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    // What was mistyped is told before anything is opened.
    how_far(&plan, &args.pace, |_| false)?;
    let folder = context
        .config
        .runs_dir(args.runs.runs_dir.as_ref(), context.environment)
        .value;
    let runs = Runs::in_dir(folder).map_err(|error| journal_failure(&error))?;
    let subject = match begun_before(&runs, &plan, context)? {
        Some(journal) => Subject::Run(Box::new(journal)),
        None => Subject::Plan(Box::new(plan), runs),
    };
    let work = at_work::Work {
        subject,
        job: Job::Forward {
            pace: &args.pace,
            give_up_undo: false,
        },
        watch: &args.watch,
        format: args.pace.format,
    };
    work.connected(&args.target, context)
}

pub(super) fn resume(args: &ResumeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let journal = open(&args.runs, &args.run, context)?;
    if args.forward && journal.state().undo().is_none() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "run {} is not being undone, so there is no undo to give up",
                journal.run()
            ),
        ));
    }
    how_far(journal.plan(), &args.pace, |_| false)?;
    let work = at_work::Work {
        subject: Subject::Run(Box::new(journal)),
        job: Job::Forward {
            pace: &args.pace,
            give_up_undo: args.forward,
        },
        watch: &args.watch,
        format: args.pace.format,
    };
    work.connected(&args.target, context)
}

pub(super) fn rollback(args: &RollbackArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let journal = open(&args.runs, &args.run, context)?;
    let place = args.to.as_ref().or(args.daemon.as_ref());
    let to = match place {
        Some(place) => place::undo_to(journal.plan(), place)?,
        None => UndoTo::Beginning,
    };
    let state = journal.state();
    context.printer.note(&format!(
        "run {}: {} of {} steps are done; those back to {} are undone, the last first",
        journal.run(),
        state.position(),
        state.len(),
        place.map_or("the beginning", String::as_str)
    ));
    if !args.yes && !approval::asked_now("Take this back?")? {
        if !approval::somebody_is_there() {
            context
                .printer
                .note("nothing was undone: there is no terminal to ask at; `--yes` does not ask");
        }
        return Ok(Exit::Paused);
    }
    let work = at_work::Work {
        subject: Subject::Run(Box::new(journal)),
        job: Job::Back(to),
        watch: &args.watch,
        format: args.format,
    };
    work.connected(&args.target, context)
}

/// Looks for a run on the same cluster that is not over.
///
/// One of the same plan is taken up again. One of another plan that has done nothing is closed. Any other is in the way.
fn begun_before(runs: &Runs, plan: &Plan, context: &Context<'_>) -> Result<Option<Journal>, Failure> {
    let unfinished = runs
        .unfinished_on(&plan.target)
        .map_err(|error| journal_failure(&error))?;
    for other in &unfinished {
        let detail = runs.show(&other.run).map_err(|error| journal_failure(&error))?;
        if detail.plan.digest == plan.digest {
            let journal = runs
                .open(&other.run, &holder())
                .map_err(|error| journal_failure(&error))?;
            context.printer.note(&format!(
                "run {} of this plan was begun at {} and is taken up again",
                other.run, other.created_at
            ));
            return Ok(Some(journal));
        }
        if detail.steps.iter().any(|step| step.status != StepStatus::Pending) {
            return Err(in_the_way(other));
        }
        let mut journal = runs
            .open(&other.run, &holder())
            .map_err(|error| journal_failure(&error))?;
        let reason = PauseReason::Undone;
        journal
            .append(Event::Paused { reason })
            .map_err(|error| journal_failure(&error))?;
        context.printer.note(&format!(
            "run {} of another plan has done nothing and is closed",
            other.run
        ));
    }
    Ok(None)
}

fn in_the_way(other: &RunSummary) -> Failure {
    let message = format!(
        "run {} of another plan works on this cluster and is neither finished nor undone",
        other.run
    );
    Failure::new(Exit::Usage, message).hint(format!(
        "`reeve rook resume {0}` goes on with it, `reeve rook rollback {0} --all` takes it back",
        other.run
    ))
}

fn open(args: &RunsArgs, name: &str, context: &Context<'_>) -> Result<Journal, Failure> {
    let runs = run::existing(args, name, context)?;
    let id = runs.find(name).map_err(|error| journal_failure(&error))?;
    if id.is_rehearsal() {
        return Err(Failure::new(
            Exit::Usage,
            format!("run {id} is a rehearsal: it was played on a model, and there is nothing to go on with"),
        ));
    }
    runs.open(&id, &holder()).map_err(|error| journal_failure(&error))
}

/// Returns how far to go; `is_done` tells whether a step is done.
pub(super) fn how_far(
    plan: &Plan,
    pace: &PaceArgs,
    is_done: impl Fn(&reeve_journal::plan::StepId) -> bool,
) -> Result<Until, Failure> {
    match &pace.until {
        Some(place) => place::until(plan, place),
        None if pace.pause_after.is_empty() => Ok(Until::End),
        None => place::after_hosts(plan, &pace.pause_after, is_done),
    }
}
