//! Steps whose effect leaves no trace that could be asked for: a backup, a watch, a pause.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};

use super::World;

/// Something that is done whenever a process gets to it and has no record of it; doing it twice does no harm.
#[async_trait]
pub(crate) trait Deed: Send + Sync {
    /// Does it.
    async fn act(&self, world: &World) -> Result<Recorded, StepError>;

    /// Takes back what it left, if it leaves anything.
    async fn undo(&self, _: &World, _: &Recorded) -> Result<(), StepError> {
        Ok(())
    }
}

/// A step made of a deed.
pub(crate) struct Once<T> {
    deed: T,
    is_done: AtomicBool,
}

impl<T> Once<T> {
    pub(crate) fn new(deed: T) -> Self {
        Self {
            deed,
            is_done: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl<T: Deed> Step<World> for Once<T> {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, _: &World) -> Result<bool, StepError> {
        Ok(self.is_done.load(Ordering::SeqCst))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let recorded = self.deed.act(world).await?;
        self.is_done.store(true, Ordering::SeqCst);
        Ok(recorded)
    }

    async fn undo(&self, world: &World, was: &Recorded) -> Result<(), StepError> {
        self.is_done.store(false, Ordering::SeqCst);
        self.deed.undo(world, was).await
    }
}
