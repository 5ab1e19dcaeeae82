//! `reeve rook migrate`, `resume` and `rollback`: carry out a plan, go on with it, take it back.

use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use reeve_host::{SshHosts, SshOptions};
use reeve_journal::plan::{Phase, PhaseName, Plan};
use reeve_journal::{
    Cancellation, Engine, EngineError, Holder, Journal, JournalError, Outcome, PauseReason, Runs, UndoTo, Until,
};
use reeve_kube::{Cluster, KubeconfigSource};
use reeve_rook::apply::{Lease, LeaseError, Outline, Pace, Rook, World, WorldParts};

use super::place;
use super::progress::Lines;
use super::target::Target;
use crate::cli::{MigrateArgs, PaceArgs, ResumeArgs, RollbackArgs, RunsArgs, TargetArgs};
use crate::command::{Context, run};
use crate::exit::Exit;
use crate::failure::Failure;

/// What is to be done with a run.
enum Job {
    Forward { until: Until, yes: bool },
    Back(UndoTo),
}

pub(super) fn migrate(args: &MigrateArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let plan = Plan::load(&args.plan).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let until = how_far(&plan, &args.pace)?;
    let folder = context
        .config
        .runs_dir(args.runs.runs_dir.as_ref(), context.environment)
        .value;
    let runs = Runs::in_dir(folder).map_err(|error| journal_failure(&error))?;
    let unfinished = runs
        .unfinished_on(&plan.target)
        .map_err(|error| journal_failure(&error))?;
    if let Some(other) = unfinished.first() {
        let message = format!("run {} on this cluster is neither finished nor undone", other.run);
        return Err(Failure::new(Exit::Usage, message).hint(format!(
            "`reeve rook resume {0}` goes on with it, `reeve rook rollback {0} --all` takes it back",
            other.run
        )));
    }
    Outline::of(&plan).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let journal = runs.create(plan, &holder()).map_err(|error| journal_failure(&error))?;
    let yes = args.pace.yes;
    work(journal, &args.target, &Job::Forward { until, yes }, context)
}

pub(super) fn resume(args: &ResumeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let journal = open(&args.runs, &args.run, context)?;
    let until = how_far(journal.plan(), &args.pace)?;
    let yes = args.pace.yes;
    work(journal, &args.target, &Job::Forward { until, yes }, context)
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
    if !args.yes && !asked("Take this back?")? {
        return Ok(Exit::Paused);
    }
    work(journal, &args.target, &Job::Back(to), context)
}

fn journal_failure(error: &JournalError) -> Failure {
    Failure::from_error(Exit::Usage, error)
}

fn holder() -> Holder {
    // The name serves people who look for the process; none is no harm.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Holder::this_process(host.trim(), concat!("reeve ", env!("CARGO_PKG_VERSION")))
}

fn open(args: &RunsArgs, name: &str, context: &Context<'_>) -> Result<Journal, Failure> {
    let runs = run::existing(args, name, context)?;
    let id = runs.find(name).map_err(|error| journal_failure(&error))?;
    runs.open(&id, &holder()).map_err(|error| journal_failure(&error))
}

fn how_far(plan: &Plan, pace: &PaceArgs) -> Result<Until, Failure> {
    match (&pace.until, &pace.pause_after) {
        (Some(place), _) => place::until(plan, place),
        (None, Some(host)) => place::until(plan, &format!("host.{host}")),
        (None, None) => Ok(Until::End),
    }
}

fn work(journal: Journal, target: &TargetArgs, job: &Job, context: &Context<'_>) -> Result<Exit, Failure> {
    let outline = Outline::of(journal.plan()).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let outline = Arc::new(outline);
    let mut target = target.clone();
    let planned =
        reeve_rook::plan::PlanOptions::of(journal.plan()).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    // Which cluster it is says the plan; only the ways to it may differ from machine to machine.
    target.admin_host = Some(planned.scope.admin_host.to_string());
    let target = Target::resolve(&target, context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))?;
    runtime.block_on(connected(journal, outline, &target, job, context))
}

async fn connected(
    journal: Journal,
    outline: Arc<Outline>,
    target: &Target,
    job: &Job,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    let source = KubeconfigSource {
        path: target.kubeconfig.clone(),
        context: target.context.clone(),
    };
    let cluster = Cluster::connect(&source)
        .await
        .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let sockets = tempfile::Builder::new()
        .prefix("reeve-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("could not make a folder for ssh's sockets: {error}"),
            )
        })?;
    let path = Utf8PathBuf::from_path_buf(sockets.path().into())
        .map_err(|path| Failure::new(Exit::Usage, format!("{} is not UTF-8; set TMPDIR", path.display())))?;
    let options = SshOptions {
        config_file: target.ssh_config.clone(),
        ..SshOptions::new(path)
    };
    let hosts = SshHosts::new(options).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let cancellation = Cancellation::default();
    let parts = WorldParts {
        hosts: Arc::new(hosts),
        cluster: cluster.clone(),
        cancellation: cancellation.clone(),
        pace: Pace::default(),
    };
    let world = World::connect(parts, Arc::clone(&outline), &journal)
        .await
        .map_err(|error| Failure::from_error(Exit::Unreachable, &error))?;
    let namespace = planned_namespace(&journal)?;
    let lease = Lease::take(&cluster, &namespace, journal.run().as_str(), cancellation.clone())
        .await
        .map_err(|error| lease_failure(&error))?;
    tokio::spawn(stop_on_signal(cancellation.clone(), context.printer.clone()));

    let rook = Rook::new(outline);
    let lines = Lines::new(journal.plan(), context.printer);
    let engine = Engine::new(journal, &rook, &world).map_err(|error| engine_failure(&error))?;
    let mut engine = engine.observed_by(&lines).cancelled_by(cancellation);
    let outcome = carry_out(&mut engine, job, context).await;
    if let Err(error) = lease.release().await {
        context.printer.note(&format!(
            "warning: the lease could not be given back ({error}); it ends by itself in a minute"
        ));
    }
    let outcome = outcome?;
    Ok(told(&engine, &outcome, matches!(job, Job::Back(_)), context))
}

fn planned_namespace(journal: &Journal) -> Result<String, Failure> {
    let options = reeve_rook::plan::PlanOptions::of(journal.plan());
    Ok(options
        .map_err(|error| Failure::from_error(Exit::Usage, &error))?
        .scope
        .namespace)
}

async fn stop_on_signal(cancellation: Cancellation, printer: crate::printer::Printer) {
    // Without a handler Ctrl-C ends the process, which a run survives as well.
    let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    printer.note("stopping: the step in hand is brought to its end first");
    cancellation.cancel();
}

async fn carry_out(engine: &mut Engine<'_, World>, job: &Job, context: &Context<'_>) -> Result<Outcome, Failure> {
    let (until, yes) = match job {
        Job::Back(to) => return engine.undo(to).await.map_err(|error| engine_failure(&error)),
        Job::Forward { until, yes } => (until, *yes),
    };
    let by = "the person at the command line";
    if yes {
        engine.approve_all(by).map_err(|error| engine_failure(&error))?;
    }
    // Each round gives the go-ahead for one phase.
    for _ in 0..=engine.journal().plan().phases.len() {
        let outcome = engine.run(until).await.map_err(|error| engine_failure(&error))?;
        let Outcome::Paused(PauseReason::Approval { phase }) = &outcome else {
            return Ok(outcome);
        };
        if !approved(engine.journal().plan(), phase, context)? {
            return Ok(outcome);
        }
        engine.approve(phase, by).map_err(|error| engine_failure(&error))?;
    }
    engine.run(until).await.map_err(|error| engine_failure(&error))
}

/// Says what comes in a phase and asks.
fn approved(plan: &Plan, name: &PhaseName, context: &Context<'_>) -> Result<bool, Failure> {
    if let Some(phase) = plan.phases.iter().find(|phase| phase.name == *name) {
        context.printer.note(&what_comes(phase));
    }
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    asked("Go on?")
}

fn what_comes(phase: &Phase) -> String {
    let steps: usize = phase.hand_overs.iter().map(|it| it.steps.len()).sum();
    let mut text = format!(
        "\nPhase {}: {} ({steps} steps)\n  {}\n",
        phase.name, phase.title, phase.why
    );
    for hand_over in &phase.hand_overs {
        text.push_str(&format!("  - {}\n", hand_over.title));
        for interrupted in hand_over.steps.iter().filter_map(|step| step.interrupts.as_ref()) {
            text.push_str(&format!(
                "      {} (about {} s)\n",
                interrupted.what, interrupted.about_seconds
            ));
        }
    }
    text.chars()
        .filter(|char| !char.is_control() || *char == '\n')
        .collect()
}

fn asked(question: &str) -> Result<bool, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Usage, format!("could not ask: {error}"));
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [yes/no] ")
        .and_then(|()| err.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}

/// Says how the run stopped and how to go on, and returns the exit code.
fn told(engine: &Engine<'_, World>, outcome: &Outcome, back: bool, context: &Context<'_>) -> Exit {
    let journal = engine.journal();
    let (run, state) = (journal.run(), journal.state());
    let printer = context.printer;
    let go_on =
        format!("hint: `reeve rook resume {run}` goes on, `reeve rook rollback {run} --all` takes everything back");
    let last_pauses = state.position() > 0 && state.step(state.position() - 1).2.kind.as_str() == "pause_run";
    match outcome {
        Outcome::Finished => {
            printer.note(&format!("run {run} is finished: {} steps", state.len()));
            Exit::Done
        }
        Outcome::Paused(PauseReason::Undone) if back => {
            printer.note(&format!(
                "run {run}: undone as asked; {} of {} steps are still done",
                state.position(),
                state.len()
            ));
            Exit::Done
        }
        Outcome::Paused(reason) => {
            let why = match reason {
                PauseReason::Approval { phase } => {
                    format!("phase {phase} waits for a go-ahead (`--yes`, or a terminal to ask at)")
                }
                PauseReason::Asked => "as asked".into(),
                PauseReason::Interrupted if last_pauses => {
                    "as the plan says; look at the first host before the others".into()
                }
                PauseReason::Interrupted => "interrupted in good order".into(),
                PauseReason::Failed { step, error } => format!("{step} failed, and its hand-over was undone: {error}"),
                PauseReason::Refused { step, because } => format!("{step} was refused: {because}"),
                PauseReason::CannotTell { step, error } => {
                    format!("whether {step} had its effect cannot be told at the moment; nothing was undone: {error}")
                }
                PauseReason::Undone => "undone as asked".into(),
            };
            printer.note(&format!("run {run} is paused: {why}"));
            printer.note(&go_on);
            Exit::Paused
        }
        Outcome::Stuck {
            step,
            failed,
            undo_failed,
        } => {
            printer.note(&format!("run {run} is STUCK at {step}: a person must act"));
            if let Some(failed) = failed {
                printer.note(&format!("  what failed first: {failed}"));
            }
            printer.note(&format!("  what kept it from being undone: {undo_failed}"));
            printer.note(&format!(
                "hint: mend that, then `reeve rook resume {run}` goes on with the undo"
            ));
            Exit::Stuck
        }
    }
}

fn engine_failure(error: &EngineError) -> Failure {
    Failure::from_error(Exit::Usage, error)
}

fn lease_failure(error: &LeaseError) -> Failure {
    match error {
        LeaseError::Held { .. } => Failure::from_error(Exit::Findings, error).hint("let that run end, or stop it"),
        LeaseError::Request(request) => Failure::from_error(Exit::Unreachable, error).hint(request.hint()),
    }
}
