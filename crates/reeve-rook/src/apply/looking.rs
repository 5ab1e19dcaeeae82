//! Steps that look or wait: they ask until the answer is the wanted one.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use tokio::time::Instant;

use super::World;
use super::failure;

/// What was seen.
pub(crate) enum Look {
    /// It is as wanted.
    Met,
    /// It is not, and may become so.
    NotYet(String),
    /// It is not, and waiting will not help.
    Never(String),
}

impl Look {
    /// Met, or not yet with what was seen.
    pub(crate) fn when(met: bool, seen: impl FnOnce() -> String) -> Self {
        if met { Self::Met } else { Self::NotYet(seen()) }
    }
}

/// A question with a wanted answer.
#[async_trait]
pub(crate) trait Looking: Send + Sync {
    /// Looks once.
    async fn look(&self, world: &World) -> Result<Look, StepError>;

    /// Returns for how long to ask, and what is awaited.
    fn awaited(&self, world: &World) -> (Duration, String);
}

/// How long a wanted answer counts when it is asked for again right after.
const FRESH: Duration = Duration::from_secs(5);

/// A step made of a question.
pub(crate) struct Awaited<T> {
    question: T,
    met_at: Mutex<Option<Instant>>,
}

impl<T> Awaited<T> {
    pub(crate) fn new(question: T) -> Self {
        Self {
            question,
            met_at: Mutex::new(None),
        }
    }

    fn is_fresh(&self) -> bool {
        let met_at = *self.met_at.lock().unwrap_or_else(PoisonError::into_inner);
        met_at.is_some_and(|at| at.elapsed() < FRESH)
    }

    fn note(&self) {
        *self.met_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

#[async_trait]
impl<T: Looking> Step<World> for Awaited<T> {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        if self.is_fresh() {
            return Ok(true);
        }
        // An answer that never comes right is for `act` to tell, which is allowed to fail.
        let met = match self.question.look(world).await {
            Ok(look) => matches!(look, Look::Met),
            Err(error) if error.is_transient() => false,
            Err(error) => return Err(error),
        };
        if met {
            self.note();
        }
        Ok(met)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let (deadline, what) = self.question.awaited(world);
        world
            .until(&what, deadline, || async {
                Ok(match self.question.look(world).await? {
                    Look::Met => Ok(()),
                    Look::NotYet(seen) => Err(seen),
                    Look::Never(seen) => return Err(failure::because(seen)),
                })
            })
            .await?;
        self.note();
        Ok(Recorded::default())
    }

    async fn undo(&self, _: &World, _: &Recorded) -> Result<(), StepError> {
        Ok(())
    }
}
