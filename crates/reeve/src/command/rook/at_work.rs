//! A run at work: connections, lease, watch, display and engine brought together, and taken apart again whatever happens.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reeve_host::{HostName, Hosts};
use reeve_journal::{
    Cancellation, Engine, EngineError, EngineOptions, Event, Journal, Outcome, PauseReason, RunId, Runs, StepStatus,
    UndoTo,
};
use reeve_kube::Cluster;
use reeve_rook::apply::{Lease, LeaseError, Outline, Pace, Rook, World, WorldParts};
use reeve_rook::plan::PlanOptions;
use reeve_rook::watch::{
    ClaimedImage, ClientIoOptions, ClientIoWatch, SAMPLES_FORMAT, SampleLog, SampleSink, Sampler, SamplerPace,
    SessionBegin,
};
use tokio::sync::watch;

use super::approval;
use super::connect::{self, Ssh};
use super::display::{Display, Manner};
use super::ending::{self, Asked};
use super::migrate::how_far;
use super::progress::RecordLines;
use super::signals;
use super::stream::{STREAM_FORMAT, StreamBegin, StreamLine};
use super::target::Target;
use super::view::View;
use crate::cli::{PaceArgs, TargetArgs, TextOrJson, WatchArgs};
use crate::command::Context;
use crate::command::journal::{Subject, holder, journal_failure};
use crate::exit::Exit;
use crate::failure::Failure;

/// What is to be done with it.
pub(super) enum Job<'a> {
    Forward { pace: &'a PaceArgs, give_up_undo: bool },
    Back(UndoTo),
}

/// A piece of work on a run.
pub(super) struct Work<'a> {
    pub(super) subject: Subject,
    pub(super) job: Job<'a>,
    pub(super) watch: &'a WatchArgs,
    pub(super) format: TextOrJson,
}

impl Work<'_> {
    /// Reaches everything, works, and says how it stopped.
    pub(super) fn connected(self, target: &TargetArgs, context: &Context<'_>) -> Result<Exit, Failure> {
        let usage = |error: &dyn std::error::Error| Failure::new(Exit::Usage, error.to_string());
        let plan = self.subject.plan();
        let outline = Outline::of(plan).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        let options = PlanOptions::of(plan).map_err(|error| usage(&error))?;
        let mut target = target.clone();
        // Which cluster it is says the plan; only the ways to it may differ from machine to machine.
        target.admin_host = Some(options.scope.admin_host.to_string());
        let target = Target::resolve(&target, context)?;
        let client = client_options(self.watch, &options.scope.admin_host, &plan.target.id)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))?;
        runtime.block_on(self.run(Arc::new(outline), options, &target, client, context))
    }

    async fn run(
        self,
        outline: Arc<Outline>,
        options: PlanOptions,
        target: &Target,
        client: Option<ClientIoOptions>,
        context: &Context<'_>,
    ) -> Result<Exit, Failure> {
        let cluster = connect::kubernetes(target).await?;
        let ssh = connect::ssh(target)?;
        let admin_host = options.scope.admin_host.clone();
        ssh.hosts
            .connect(&admin_host)
            .await
            .map_err(|error| Failure::from_error(Exit::Unreachable, &error))?;
        // The watch has connections of its own: its questions must not wait behind the run's commands, nor these behind them.
        let watching = connect::ssh(target)?;
        let claimed = match client {
            Some(client) => Some((client.described(), claim(watching.hosts.as_ref(), client).await?)),
            None => None,
        };
        let is_new = matches!(self.subject, Subject::Plan(..));
        let (journal, records) = match self.subject {
            Subject::Run(journal) => {
                let records = records_of(&journal)?;
                (*journal, records)
            }
            Subject::Plan(plan, runs) => {
                let journal = runs.create(*plan, &holder()).map_err(|error| journal_failure(&error))?;
                (journal, Vec::new())
            }
        };
        let run = journal.run().clone();
        let mut view = View::new(journal.plan());
        records.iter().for_each(|record| view.record(record));
        let manner = match self.format {
            TextOrJson::Json => Manner::Stream,
            TextOrJson::Text if context.printer.draws() => Manner::Live,
            TextOrJson::Text => Manner::Plain,
        };
        let lines = RecordLines::new(journal.plan());
        let display = Arc::new(Display::new(context.printer, manner, view, lines));
        display.note(&format!("run {run}"));

        let cancellation = Cancellation::default();
        let taken = take(
            &cluster,
            &options.scope.namespace,
            &run,
            cancellation.clone(),
            journal,
            is_new,
        );
        let (lease, journal) = taken.await?;
        let world = WorldParts {
            hosts: Arc::clone(&ssh.hosts),
            cluster,
            cancellation: cancellation.clone(),
            pace: Pace::default(),
        };
        let (described, claimed) = claimed.unzip();
        display.stream(&begin(&journal));
        keep_samples(&display, &journal, described);
        let watched = Watched {
            ssh: &watching,
            admin_host,
            claimed,
        };
        let signals = signals::listen(run.as_str(), Arc::clone(&display), cancellation.clone());
        let worked = at_work(journal, outline, world, watched, &self.job, &display, &signals).await;
        display.finish();
        let by_lease = lease.lost();
        if let Err(error) = lease.release().await {
            context.printer.note(&format!(
                "warning: the lease could not be given back ({error}); it ends by itself in a minute"
            ));
        }
        let (journal, outcome) = worked?;
        let asked = Asked {
            by_watch: display.watch_stopped(),
            by_lease,
            by_signal: *signals.borrow() > 0,
        };
        let state = journal.state();
        let ending = ending::ending(run.as_str(), state, &outcome, matches!(self.job, Job::Back(_)), &asked);
        ending.lines.iter().for_each(|line| context.printer.note(line));
        display.end(ending.streamed(state, &outcome));
        Ok(ending.exit)
    }
}

/// Where to look beside the run.
struct Watched<'a> {
    ssh: &'a Ssh,
    admin_host: HostName,
    claimed: Option<ClaimedImage>,
}

/// Runs the engine with everything that looks and shows beside it.
async fn at_work(
    journal: Journal,
    outline: Arc<Outline>,
    parts: WorldParts,
    watched: Watched<'_>,
    job: &Job<'_>,
    display: &Arc<Display>,
    signals: &watch::Receiver<u32>,
) -> Result<(Journal, Outcome), Failure> {
    let cancellation = parts.cancellation.clone();
    let world = World::connect(parts, Arc::clone(&outline), &journal)
        .await
        .map_err(|error| Failure::from_error(Exit::Unreachable, &error))?;
    let watcher = Watcher::start(display, watched, &cancellation).await?;
    let redraw = tokio::spawn(Arc::clone(display).redraw());
    let rook = Rook::new(outline);
    let engine = Engine::new(journal, &rook, &world).map_err(|error| engine_failure(&error))?;
    // Six attempts wait out about a minute without an answer: an API server that restarts while a daemon is away is no reason to leave it away.
    let options = EngineOptions {
        attempts: 6,
        ..EngineOptions::default()
    };
    let engine = engine.with_options(options).observed_by(display.as_ref());
    let mut engine = engine.cancelled_by(cancellation);
    let outcome = carry_out(&mut engine, job, display, signals.clone()).await;
    redraw.abort();
    watcher.stop().await;
    Ok((engine.into_journal(), outcome?))
}

fn begin(journal: &Journal) -> StreamLine<'_> {
    StreamLine::Begin(StreamBegin {
        format: STREAM_FORMAT,
        run: journal.run().as_str(),
        plan_digest: &journal.plan().digest,
        steps: journal.state().len(),
        steps_done: journal.state().position(),
    })
}

fn client_options(args: &WatchArgs, admin_host: &HostName, fsid: &str) -> Result<Option<ClientIoOptions>, Failure> {
    let Some(image) = &args.watch_io else { return Ok(None) };
    let host = match &args.watch_io_host {
        Some(host) => HostName::new(host).map_err(|error| Failure::from_error(Exit::Usage, &error))?,
        None => admin_host.clone(),
    };
    Ok(Some(ClientIoOptions {
        host,
        user: args.watch_io_user.clone(),
        image: image
            .parse()
            .map_err(|error| Failure::from_error(Exit::Usage, &error))?,
        limit: Duration::from_secs(args.watch_io_limit.into()),
        fsid: fsid.to_owned(),
    }))
}

async fn claim(hosts: &dyn Hosts, client: ClientIoOptions) -> Result<ClaimedImage, Failure> {
    ClaimedImage::claim(hosts, client).await.map_err(|error| {
        Failure::from_error(Exit::Usage, &error)
            .hint("nothing was begun; without `--watch-io` the run does without a client")
    })
}

/// Returns what a run has recorded so far.
fn records_of(journal: &Journal) -> Result<Vec<reeve_journal::Record>, Failure> {
    let folder = journal.path().parent().unwrap_or(camino::Utf8Path::new("."));
    let runs = Runs::in_dir(folder).map_err(|error| journal_failure(&error))?;
    let detail = runs.show(journal.run()).map_err(|error| journal_failure(&error))?;
    Ok(detail.records)
}

/// Takes the lease. A new run that does not get it is closed, so that nobody has to clean up behind it.
async fn take(
    cluster: &Cluster,
    namespace: &str,
    run: &RunId,
    cancellation: Cancellation,
    mut journal: Journal,
    is_new: bool,
) -> Result<(Lease, Journal), Failure> {
    match Lease::take(cluster, namespace, run.as_str(), cancellation).await {
        Ok(lease) => Ok((lease, journal)),
        Err(error) => {
            if is_new {
                let reason = PauseReason::Undone;
                journal
                    .append(Event::Paused { reason })
                    .map_err(|error| journal_failure(&error))?;
            }
            Err(lease_failure(&error))
        }
    }
}

fn keep_samples(display: &Display, journal: &Journal, client: Option<reeve_rook::watch::ClientWatch>) {
    let interval = SamplerPace::default().interval;
    let begin = SessionBegin {
        format: SAMPLES_FORMAT,
        run: journal.run().to_string(),
        at: Timestamp::now(),
        interval_ms: u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
        client,
        rehearsal: false,
    };
    match SampleLog::begin(journal.path(), begin.clone()) {
        Ok(log) => display.keep_samples_in(log),
        // The run is worth more than its samples.
        Err(error) => display.note(&format!("warning: no samples are kept: {error}")),
    }
    display.begin_samples(begin);
}

/// What looks at the cluster beside the run.
struct Watcher {
    sampler: Sampler,
    client: Option<Arc<ClientIoWatch>>,
}

impl Watcher {
    async fn start(display: &Arc<Display>, watched: Watched<'_>, cancellation: &Cancellation) -> Result<Self, Failure> {
        let sink: Arc<dyn SampleSink> = Arc::clone(display) as _;
        let client = match watched.claimed {
            Some(image) => {
                let started = ClientIoWatch::start(image, Arc::clone(&sink), cancellation.clone()).await;
                Some(Arc::new(
                    started.map_err(|error| Failure::from_error(Exit::Usage, &error))?,
                ))
            }
            None => None,
        };
        let hosts = Arc::clone(&watched.ssh.hosts);
        let sampler = Sampler::start(hosts, watched.admin_host, client.clone(), SamplerPace::default(), sink);
        Ok(Self { sampler, client })
    }

    async fn stop(self) {
        self.sampler.stop().await;
        if let Some(client) = self.client {
            client.stop().await;
        }
    }
}

async fn carry_out(
    engine: &mut Engine<'_, World>,
    job: &Job<'_>,
    display: &Display,
    mut signals: watch::Receiver<u32>,
) -> Result<Outcome, Failure> {
    let (pace, give_up_undo) = match job {
        Job::Back(to) => return engine.undo(to).await.map_err(|error| engine_failure(&error)),
        Job::Forward { pace, give_up_undo } => (*pace, *give_up_undo),
    };
    let by = "the person at the command line";
    if give_up_undo {
        engine.give_up_undo(by).map_err(|error| engine_failure(&error))?;
    }
    if pace.yes {
        engine.approve_all(by).map_err(|error| engine_failure(&error))?;
    }
    let until = {
        let state = engine.journal().state();
        how_far(engine.journal().plan(), pace, |step| {
            let status = state.index(step).map(|index| &state.progress()[index].status);
            matches!(status, Some(StepStatus::Done { .. }))
        })?
    };
    // Each round gives the go-ahead for one phase.
    for _ in 0..=engine.journal().plan().phases.len() {
        let outcome = engine.run(&until).await.map_err(|error| engine_failure(&error))?;
        let Outcome::Paused(PauseReason::Approval { phase: name }) = &outcome else {
            return Ok(outcome);
        };
        display.hide();
        let phases = &engine.journal().plan().phases;
        if let Some(phase) = phases.iter().find(|phase| phase.name == *name) {
            display.note(&approval::what_comes(phase));
        }
        let goes_on = approval::asked("Go on?", &mut signals).await?;
        if !goes_on {
            return Ok(outcome);
        }
        display.show_again();
        engine.approve(name, by).map_err(|error| engine_failure(&error))?;
    }
    engine.run(&until).await.map_err(|error| engine_failure(&error))
}

fn engine_failure(error: &EngineError) -> Failure {
    Failure::from_error(Exit::Usage, error)
}

fn lease_failure(error: &LeaseError) -> Failure {
    match error {
        LeaseError::Held { holder, .. } => Failure::from_error(Exit::Findings, error)
            .hint(format!(
                "let that run end, or stop it; where its journal is, `reeve rook status {holder}` shows it and `reeve rook resume {holder}` takes it up at once"
            ))
            .hint("a run whose process is gone for good loses the lease a minute after its last renewal"),
        LeaseError::Request(request) => Failure::from_error(Exit::Unreachable, error).hint(request.hint()),
    }
}
