//! The steps that make a snapshot of a machine that runs, before its disks are copied, and remove it again.

use std::sync::Arc;

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};

use super::world::World;
use crate::place::{SourceAddress, Sources};
use crate::plan::SnapshotInput;
use crate::vsphere::{Stop, Vsphere, VsphereError};

/// A step that has to do with a snapshot failed.
#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error("{error}; {}", .error.hint())]
    Host { error: VsphereError },
    #[error("{0} is not a machine of a host")]
    NoHost(String),
    #[error("the process is ending")]
    Ending,
}

/// Makes the snapshot.
///
/// Undo: the snapshot with the mark is removed, and no other. A repeat finds it, also one that a dead process asked for and that comes into being meanwhile.
pub(super) struct MakeSnapshot {
    pub(super) input: SnapshotInput,
}

/// Removes the snapshot.
///
/// Undo: none; before the import there was no such snapshot either. A repeat finds it gone.
pub(super) struct RemoveSnapshot {
    pub(super) input: SnapshotInput,
}

#[async_trait]
impl Step<World> for MakeSnapshot {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_there(world, &self.input).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let input = self.input.clone();
        // Asked for, it is waited for: a snapshot that is half made is not to be left.
        let stop: Stop = Arc::new(|| false);
        on_host(world, &self.input, move |host| {
            host.make_snapshot(&input.instance_uuid, &input.mark, input.quiesce, &stop)
        })
        .await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        remove(world, &self.input, Arc::new(|| false)).await
    }
}

#[async_trait]
impl Step<World> for RemoveSnapshot {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_there(world, &self.input).await.map(|is_there| !is_there)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        // The host goes on by itself, so whoever stops need not wait for the end.
        let cancellation = world.cancellation.clone();
        remove(world, &self.input, Arc::new(move || cancellation.is_cancelled())).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, _world: &World, _was: &Recorded) -> Result<(), StepError> {
        Ok(())
    }
}

async fn is_there(world: &World, input: &SnapshotInput) -> Result<bool, StepError> {
    let (uuid, mark) = (input.instance_uuid.clone(), input.mark.clone());
    on_host(world, input, move |host| host.has_snapshot(&uuid, &mark)).await
}

async fn remove(world: &World, input: &SnapshotInput, stop: Stop) -> Result<(), StepError> {
    let (uuid, mark) = (input.instance_uuid.clone(), input.mark.clone());
    on_host(world, input, move |host| host.remove_snapshots(&uuid, &mark, &stop)).await
}

/// Asks the host of the machine, on a thread that may wait.
async fn on_host<T: Send + 'static>(
    world: &World,
    input: &SnapshotInput,
    work: impl FnOnce(&Vsphere) -> Result<T, VsphereError> + Send + 'static,
) -> Result<T, StepError> {
    let SourceAddress::Datastore(file) = &input.source else {
        return Err(StepError::permanent(SnapshotError::NoHost(input.source.to_string())));
    };
    let (host, sources): (_, Arc<Sources>) = (file.host.clone(), Arc::clone(&world.sources));
    let asked = tokio::task::spawn_blocking(move || work(sources.host(&host)?.as_ref()));
    let error = match asked.await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => error,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return Err(StepError::transient(SnapshotError::Ending)),
        },
    };
    let is_transient = error.is_transient();
    let error = SnapshotError::Host { error };
    Err(if is_transient {
        StepError::transient(error)
    } else {
        StepError::permanent(error)
    })
}
