//! Playing a plan on a model.

use std::sync::Arc;
use std::time::Duration;

use reeve_ceph::DaemonName;
use reeve_host::HostError;
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{
    Cancellation, Engine, EngineError, Holder, Journal, JournalError, Observer, Outcome, PauseReason, Record, RunId,
    Runs, Until,
};

use super::interruption::{Interrupted, Mishap, Mishaps};
use super::ledger::Ledger;
use super::world::Model;
use crate::apply::{Outline, OutlineError, Pace, Rook, World, WorldParts};
use crate::facts::Facts;
use crate::plan::ordered::ordered;

/// How much modelled time passes between the death of a process and the next.
const TAKEN_UP_AFTER: Duration = Duration::from_secs(30);

/// What is let go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Nothing.
    #[default]
    Nowhere,
    /// This step fails for good.
    FailsAt(StepId),
    /// The process dies before the effect of this step, and after it.
    DiesAt(StepId),
}

/// Why a plan cannot be rehearsed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The plan is not one that this version can run.
    #[error(transparent)]
    Plan(#[from] OutlineError),
    /// The facts are not those that the plan was made of.
    #[error("the plan was made of other facts ({planned}) than these ({given})")]
    OtherFacts {
        /// Digest of the plan's facts.
        planned: String,
        /// Digest of the facts given.
        given: String,
    },
    /// The plan has no such step.
    #[error("the plan has no step `{step}`")]
    NoSuchStep {
        /// The step.
        step: StepId,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine cannot work.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model lacks a host that the plan names.
    #[error("the model is not as the plan needs it")]
    Model(#[from] HostError),
    /// The runtime cannot be made.
    #[error("could not start the runtime")]
    Runtime(#[from] std::io::Error),
}

/// Hears of a rehearsal as it goes on.
pub trait Audience: Observer {
    /// Takes the run's name, before its first record.
    fn begins(&self, run: &RunId);
    /// Takes what no record says: that the process dies, that the run goes on after a pause that the plan has.
    fn remark(&self, text: &str);
}

impl Audience for () {
    fn begins(&self, _: &RunId) {}
    fn remark(&self, _: &str) {}
}

/// A plan that is to be played on a model: nothing is reached and nothing changed but the journal.
#[derive(Debug)]
pub struct Rehearsal {
    plan: Plan,
    facts: Option<Facts>,
    until: Until,
    stop: Stop,
}

/// How a rehearsal went.
#[derive(Debug)]
pub struct RehearsalSummary {
    /// The run, whose journal stays.
    pub run: RunId,
    /// How it stopped.
    pub outcome: Outcome,
    /// How much modelled time it took.
    pub took: Duration,
    /// When it ended, in modelled time.
    pub ended_at: jiff::Timestamp,
    /// How many steps are done, of how many.
    pub steps_done: usize,
    /// All steps of the plan.
    pub steps: usize,
    /// How often the process died.
    pub deaths: usize,
    /// Whether what was to go wrong never came to it, because there was nothing to do at that step.
    pub without_mishap: bool,
    /// Steps that were undone, in the order of undoing.
    pub undone: Vec<StepId>,
    /// What was counted.
    pub ledger: Ledger,
    /// Daemons that serve at the end, each with its unit or pod.
    pub serving: Vec<(DaemonName, String)>,
}

impl Rehearsal {
    /// Takes a plan, and the facts it was made of if they are at hand: they make the model's pools, CRUSH map and settings the operator's own.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::OtherFacts`] if the facts are not the plan's; [`RehearsalError::Plan`].
    pub fn new(plan: Plan, facts: Option<Facts>) -> Result<Self, RehearsalError> {
        Outline::of(&plan)?;
        // The planner brings every list into its order first.
        let facts = facts.as_ref().map(ordered);
        if let Some(given) = facts.as_ref().map(Facts::digest)
            && given != plan.facts.digest
        {
            let planned = plan.facts.digest;
            return Err(RehearsalError::OtherFacts { planned, given });
        }
        Ok(Self {
            plan,
            facts,
            until: Until::End,
            stop: Stop::Nowhere,
        })
    }

    /// Sets how far to go.
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    /// Sets what is to go wrong.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::NoSuchStep`].
    pub fn stopped(mut self, stop: Stop) -> Result<Self, RehearsalError> {
        if let Stop::FailsAt(step) | Stop::DiesAt(step) = &stop
            && !self.plan.steps().any(|(_, _, it)| it.id == *step)
        {
            return Err(RehearsalError::NoSuchStep { step: step.clone() });
        }
        self.stop = stop;
        Ok(self)
    }

    /// Plays the plan in modelled time, on a runtime of its own, and journals it into `runs` as a rehearsal.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`]; what goes wrong in the modelled world is the summary's outcome.
    pub fn play(
        self,
        runs: Runs,
        holder: &Holder,
        audience: &dyn Audience,
    ) -> Result<RehearsalSummary, RehearsalError> {
        // Time is paused: it jumps to the next thing that anybody waits for, so all waits are modelled and none is real.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        runtime.block_on(Box::pin(self.played(runs, holder, audience)))
    }

    async fn played(
        self,
        runs: Runs,
        holder: &Holder,
        audience: &dyn Audience,
    ) -> Result<RehearsalSummary, RehearsalError> {
        let outline = Arc::new(Outline::of(&self.plan)?);
        let model = Model::new(&self.plan, self.facts.as_ref(), holder.since)?;
        let runs = runs.with_clock(model.clock());
        let rook = Rook::new(Arc::clone(&outline));
        let mishaps = match self.stop {
            Stop::Nowhere => Mishaps::at(None, []),
            Stop::FailsAt(step) => Mishaps::at(Some(step), [Mishap::Fails]),
            Stop::DiesAt(step) => Mishaps::at(Some(step), [Mishap::DiesBefore, Mishap::DiesAfter]),
        };
        let operation = Interrupted {
            inner: &rook,
            mishaps: Arc::clone(&mishaps),
        };
        let tale = Tale {
            audience,
            undone: std::sync::Mutex::default(),
        };
        let mut journal = runs.create_rehearsal(self.plan, holder)?;
        let run = journal.run().clone();
        audience.begins(&run);
        let mut deaths = 0;
        // Each pause that the plan has, and each death, is taken up once.
        let most = journal.state().len() + mishaps.left() + 1;
        let mut ended = None;
        for _ in 0..most {
            let cancellation = Cancellation::default();
            let parts = WorldParts {
                hosts: model.hosts(),
                cluster: model.cluster(),
                cancellation: cancellation.clone(),
                pace: Pace::default(),
            };
            let world = World::connect(parts, Arc::clone(&outline), &journal).await?;
            let mut engine = Engine::new(journal, &operation, &world)?
                .observed_by(&tale)
                .cancelled_by(cancellation);
            engine.approve_all("the rehearsal")?;
            let outcome = tokio::select! {
                biased;
                () = mishaps.death() => None,
                outcome = engine.run(&self.until) => Some(outcome?),
            };
            match outcome {
                None => {
                    deaths += 1;
                    drop(engine);
                    audience.remark("the process dies here; half a minute later it is taken up again");
                    tokio::time::sleep(TAKEN_UP_AFTER).await;
                }
                Some(Outcome::Paused(PauseReason::Interrupted)) if is_at_a_planned_pause(engine.journal()) => {
                    audience.remark("the plan pauses here; the rehearsal goes on");
                    drop(engine);
                }
                Some(outcome) => {
                    let state = engine.journal().state();
                    ended = Some((outcome, state.position(), state.len()));
                    break;
                }
            }
            journal = runs.open(&run, holder)?;
        }
        let (outcome, steps_done, steps) = match ended {
            Some(ended) => ended,
            // It was taken up as often as there are reasons to; what it still wants is in its journal.
            None => {
                let detail = runs.show(&run)?.summary;
                (
                    Outcome::Paused(PauseReason::Interrupted),
                    detail.steps_done,
                    detail.steps,
                )
            }
        };
        Ok(RehearsalSummary {
            run,
            outcome,
            took: model.elapsed(),
            ended_at: model.clock().now(),
            steps_done,
            steps,
            deaths,
            without_mishap: mishaps.left() > 0,
            undone: tale.undone.into_inner().unwrap_or_default(),
            ledger: model.ledger(),
            serving: model.serving(),
        })
    }
}

fn is_at_a_planned_pause(journal: &Journal) -> bool {
    let state = journal.state();
    let last = state.position().checked_sub(1).map(|index| state.step(index).2);
    last.is_some_and(|step| step.kind.as_str() == "pause_run")
}

/// Passes records on and keeps what the summary wants of them.
struct Tale<'a> {
    audience: &'a dyn Audience,
    undone: std::sync::Mutex<Vec<StepId>>,
}

impl Observer for Tale<'_> {
    fn record(&self, record: &Record) {
        if let reeve_journal::Event::StepUndoDone { step, changed: true } = &record.event
            && let Ok(mut undone) = self.undone.lock()
        {
            undone.push(step.clone());
        }
        self.audience.record(record);
    }
}
