//! Waiting, watching and pausing between hand-overs.

use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, StepError};
use tokio::time::Instant;

use super::cluster_state::{unclean, vitals};
use crate::apply::World;
use crate::apply::looking::{Look, Looking};
use crate::apply::once::Deed;
use crate::apply::steps::With;
use crate::plan::steps::{AwaitActiveClean, PauseRun, WatchHealth};

/// How long a new health code may last beyond the watch before it counts as worse; daemons that have just started report slow operations for a
/// few seconds.
const GRACE: Duration = Duration::from_secs(55);

#[async_trait]
impl Deed for With<WatchHealth> {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let watch = Duration::from_secs(self.0.seconds.into());
        let before = self.1.before.clone().unwrap_or_default().health;
        let begun = Instant::now();
        world
            .until("the cluster is as well as before", watch + GRACE, || async {
                let vitals = vitals(world).await?;
                let missing: Vec<&String> = world
                    .outline
                    .mons
                    .keys()
                    .filter(|mon| !vitals.in_quorum.contains(*mon))
                    .collect();
                if !missing.is_empty() {
                    return Ok(Err(format!("not in quorum: {missing:?}")));
                }
                let new = vitals.new_codes(&before);
                if !new.is_empty() || vitals.is_error {
                    return Ok(Err(format!("new in health: {}", new.join(", "))));
                }
                let left = watch.saturating_sub(begun.elapsed());
                Ok(if left.is_zero() {
                    Ok(())
                } else {
                    Err(format!("well, {} s to go", left.as_secs()))
                })
            })
            .await?;
        Ok(Recorded::default())
    }
}

#[async_trait]
impl Looking for AwaitActiveClean {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        Ok(match unclean(world).await? {
            Some(seen) => Look::NotYet(seen),
            None => Look::Met,
        })
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (Duration::from_secs(3600), "all PGs active+clean".into())
    }
}

#[async_trait]
impl Deed for PauseRun {
    /// Asks the engine to stop: it ends this step first, and takes the run up after it.
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        world.cancellation.cancel();
        Ok(Recorded::default())
    }
}
