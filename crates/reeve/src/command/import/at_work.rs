//! Imports at work beside each other: sessions, engines and display brought together; one that fails does not stop the others.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use reeve_import::Sources;
use reeve_import::apply::{Import, Pace, World, WorldError};
use reeve_import::plan::PlanOptions;
use reeve_journal::{Cancellation, Engine, EngineError, EngineOptions, Outcome, UndoTo, Until};
use reeve_openstack::{Access, Session};

use super::display::{Display, Manner, RunWatch};
use super::ending::{ending, worst};
use super::hosts;
use super::plan::request_failure;
use super::runtime;
use crate::cli::{CloudArgs, ImportPaceArgs, TextOrJson};
use crate::command::Context;
use crate::command::check::cloud;
use crate::command::journal::{Subject, holder, journal_failure};
use crate::command::signals::Signals;
use crate::exit::Exit;
use crate::failure::Failure;

/// How often a step is begun before it counts as failed: a copy of hours should survive a cloud that restarts its API.
const ATTEMPTS: u32 = 5;

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Forward { give_up_undo: bool },
    Back,
}

/// What all runs of a command share.
struct Shop<'a> {
    context: &'a Context<'a>,
    display: Arc<Display>,
    cancellation: Cancellation,
    job: Job,
    pace: Pace,
    engine: EngineOptions,
    sources: Arc<Sources>,
    is_one_of_several: bool,
}

/// Works on all of them, so many beside each other, and returns the code for all.
pub(super) fn work(
    subjects: Vec<Subject>,
    job: Job,
    args: &ImportPaceArgs,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    if subjects.is_empty() {
        return Ok(Exit::Done);
    }
    let sources = hosts::sources(&args.vsphere, context)?;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let sessions = sessions(&subjects, args, context)?;
    let manner = match args.format {
        TextOrJson::Json => Manner::Stream,
        TextOrJson::Text if context.printer.draws() => Manner::Live,
        TextOrJson::Text => Manner::Plain,
    };
    let parallel = usize::from(args.parallel).min(subjects.len());
    let mut pace = Pace::default();
    pace.threads = (pace.threads / parallel).max(1);
    let mut engine = EngineOptions {
        attempts: ATTEMPTS,
        ..EngineOptions::default()
    };
    // A fake cloud in tests is not made to wait for by the second.
    if let Some(poll) = context.environment.check_poll {
        pace.poll = poll;
        engine.wait_between = poll;
    }
    let shop = Shop {
        context,
        display: Display::new(context.printer, manner),
        cancellation: Cancellation::default(),
        job,
        pace,
        engine,
        sources: Arc::clone(&sources),
        is_one_of_several: subjects.len() > 1,
    };
    let ended = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let works = subjects.into_iter().zip(sessions).map(|(subject, session)| shop.one(subject, session));
        let works = futures::stream::iter(works).buffer_unordered(parallel).collect::<Vec<Exit>>();
        tokio::pin!(works);
        loop {
            tokio::select! {
                exits = &mut works => return Ok(worst(&exits)),
                () = signals.next() => {
                    if shop.cancellation.is_cancelled() {
                        return Err(Failure::new(Exit::Stuck, "left at once; unfinished things may still be in the cloud")
                            .hint("`reeve import resume --all` goes on, `reeve import undo --all` deletes what was made"));
                    }
                    shop.display.note("stopping: copies are ended and their unfinished images deleted (again to leave at once)");
                    shop.cancellation.cancel();
                }
            }
        }
    });
    sources.log_out();
    ended
}

/// Returns the session for each of them; one for each cloud. Nothing is sent yet.
fn sessions(subjects: &[Subject], args: &ImportPaceArgs, context: &Context<'_>) -> Result<Vec<Session>, Failure> {
    let mut known: HashMap<(Option<String>, Option<String>), Session> = HashMap::new();
    let mut sessions = Vec::new();
    for subject in subjects {
        let plan = subject.plan();
        let options = PlanOptions::of(plan).map_err(|error| {
            Failure::new(Exit::Usage, format!("the plan's options cannot be read: {error}"))
                .hint("use the version of reeve that made the plan")
        })?;
        // What the variables make has no name that could be looked up.
        let named = Some(options.cloud).filter(|name| name != "envvars");
        let cloud_args = CloudArgs {
            cloud: args.cloud.clone().or(named),
            region: args.region.clone().or(options.region),
        };
        let key = (cloud_args.cloud.clone(), cloud_args.region.clone());
        let session = match known.get(&key) {
            Some(session) => session.clone(),
            None => {
                let config = cloud::config(&cloud_args, context)?;
                let session = cloud::connect(config, Access::ReadWrite, None)?;
                known.insert(key, session.clone());
                session
            }
        };
        sessions.push(session);
    }
    Ok(sessions)
}

impl Shop<'_> {
    /// Works on one; tells what went wrong itself.
    async fn one(&self, subject: Subject, session: Session) -> Exit {
        match self.attempt(subject, session).await {
            Ok(exit) => exit,
            Err(failure) => {
                failure.lines().iter().for_each(|line| self.display.note(line));
                // Failures are told even to those who want to hear of nothing else.
                if self.context.printer.is_quiet() {
                    self.context.printer.failure(&failure);
                }
                failure.exit
            }
        }
    }

    async fn attempt(&self, subject: Subject, session: Session) -> Result<Exit, Failure> {
        if self.cancellation.is_cancelled() {
            return Ok(Exit::Paused);
        }
        // Before a run is made of a plan: nobody wants a run that could not even begin.
        let found = session.token().await.map_err(|error| request_failure(&error))?.project;
        let found = found.map(|project| project.id).unwrap_or_default();
        let wanted = subject.plan().target.id.clone();
        if found != wanted {
            return Err(other_project(&WorldError::OtherProject { wanted, found }));
        }
        let journal = match subject {
            Subject::Run(journal) => *journal,
            Subject::Plan(plan, runs) => runs.create(*plan, &holder()).map_err(|error| journal_failure(&error))?,
        };
        let run = journal.run().to_string();
        let watch = RunWatch::new(&self.display, &run, journal.plan(), self.is_one_of_several);
        watch.begin(journal.plan(), journal.state().position());
        let target = journal.plan().target.clone();
        let copies = Arc::clone(&watch);
        let world = World::connect(session, &target, self.pace, self.cancellation.clone(), copies)
            .await
            .map_err(|error| match &error {
                WorldError::Cloud(cause) => request_failure(cause),
                _ => other_project(&error),
            })?
            .reading(Arc::clone(&self.sources));
        let engine = Engine::new(journal, &Import, &world).map_err(|error| engine_failure(&error))?;
        let engine = engine.with_options(self.engine.clone()).observed_by(watch.as_ref());
        let mut engine = engine.cancelled_by(self.cancellation.clone());
        let outcome = match self.carry_out(&mut engine).await {
            Ok(outcome) => outcome,
            Err(EngineError::Nothing { what }) => {
                self.display.note(&format!("run {run}: {what}"));
                return Ok(Exit::Done);
            }
            Err(error) => return Err(engine_failure(&error)),
        };
        let journal = engine.into_journal();
        let state = journal.state();
        let (exit, lines) = ending(&run, state, &outcome, self.job == Job::Back);
        watch.end(exit.code(), &lines, state.position(), state.len());
        Ok(exit)
    }

    async fn carry_out(&self, engine: &mut Engine<'_, World>) -> Result<Outcome, EngineError> {
        let by = "the person at the command line";
        match self.job {
            Job::Back => engine.undo(&UndoTo::Beginning).await,
            Job::Forward { give_up_undo } => {
                if give_up_undo {
                    engine.give_up_undo(by)?;
                }
                engine.approve_all(by)?;
                engine.run(&Until::End).await
            }
        }
    }
}

fn other_project(error: &WorldError) -> Failure {
    Failure::from_error(Exit::Usage, error).hint("name the cloud of the plan's project with `--cloud`")
}

fn engine_failure(error: &EngineError) -> Failure {
    Failure::from_error(Exit::Usage, error)
}
