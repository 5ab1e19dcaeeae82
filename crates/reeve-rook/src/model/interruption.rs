//! What is let go wrong in a rehearsal: a step that fails, a process that dies at a step.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reeve_journal::plan::{PlannedStep, StepId};
use reeve_journal::{BuildError, Operation, Outputs, Recorded, Refusal, Step, StepError};
use tokio::sync::Notify;

use crate::apply::World;

/// What goes wrong at a step, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The step fails without its effect, for good.
    Fails,
    /// The process dies when the step is about to have its effect.
    DiesBefore,
    /// The process dies when the step has had its effect and nobody has written that down.
    DiesAfter,
}

/// An operation of which one step meets mishaps, in order, one each time that it is begun.
pub(super) struct Interrupted<'a> {
    pub(super) inner: &'a dyn Operation<World>,
    pub(super) mishaps: Arc<Mishaps>,
}

/// The mishaps that are still to come.
pub(super) struct Mishaps {
    step: Option<StepId>,
    left: Mutex<VecDeque<Mishap>>,
    death: Notify,
}

impl Mishaps {
    pub(super) fn at(step: Option<StepId>, mishaps: impl IntoIterator<Item = Mishap>) -> Arc<Self> {
        Arc::new(Self {
            step,
            left: Mutex::new(mishaps.into_iter().collect()),
            death: Notify::new(),
        })
    }

    fn take(&self) -> Option<Mishap> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Returns how many have not happened.
    pub(super) fn left(&self) -> usize {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends when the process dies.
    pub(super) async fn death(&self) {
        self.death.notified().await;
    }

    /// Lets the process die: whoever drives the run drops it, as a kill would.
    async fn die(&self) -> ! {
        self.death.notify_one();
        pending::<()>().await;
        unreachable!("a future that is always pending does not end")
    }
}

impl Operation<World> for Interrupted<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<World>>, BuildError> {
        let inner = self.inner.step(planned, outputs)?;
        if self.mishaps.step.as_ref() != Some(&planned.id) {
            return Ok(inner);
        }
        let mishaps = Arc::clone(&self.mishaps);
        Ok(Box::new(Fragile { inner, mishaps }))
    }
}

struct Fragile {
    inner: Box<dyn Step<World>>,
    mishaps: Arc<Mishaps>,
}

#[async_trait]
impl Step<World> for Fragile {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        self.inner.ready(world).await
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        self.inner.done(world).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        match self.mishaps.take() {
            Some(Mishap::Fails) => Err(StepError::permanent("a failure that the rehearsal was asked for")),
            Some(Mishap::DiesBefore) => self.mishaps.die().await,
            Some(Mishap::DiesAfter) => {
                self.inner.act(world).await?;
                self.mishaps.die().await
            }
            None => self.inner.act(world).await,
        }
    }

    async fn undo(&self, world: &World, was: &Recorded) -> Result<(), StepError> {
        self.inner.undo(world, was).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        self.inner.recall(world).await
    }
}
