//! Mgrs.

use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::query;
use reeve_journal::{Recorded, Refusal, Step, StepError};

use crate::apply::World;
use crate::apply::looking::{Look, Looking};
use crate::plan::steps::{AwaitStandbyMgrs, FailMgr};

#[async_trait]
impl Looking for AwaitStandbyMgrs {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let map = world.ask(&query::MGR_DUMP).await?;
        let is_known = |id: &String| map.active_name == *id || map.standbys.iter().any(|it| it.name == *id);
        let missing: Vec<&str> = self
            .mgrs
            .iter()
            .filter(|id| !is_known(id))
            .map(String::as_str)
            .collect();
        Ok(Look::when(missing.is_empty(), || {
            format!("not in the mgr map: {}", missing.join(", "))
        }))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(900),
            format!("mgr {} stand by", self.mgrs.join(", ")),
        )
    }
}

impl FailMgr {
    async fn has_given_way(&self, world: &World) -> Result<bool, StepError> {
        let map = world.ask(&query::MGR_DUMP).await?;
        Ok(map.available && self.successors.contains(&map.active_name))
    }
}

#[async_trait]
impl Step<World> for FailMgr {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        self.has_given_way(world).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        if world.ask(&query::MGR_DUMP).await?.active_name == self.mgr {
            world.ceph(&["mgr", "fail", &self.mgr]).await?;
        }
        world
            .until("a mgr of Rook is active", Duration::from_secs(180), || async {
                Ok(if self.has_given_way(world).await? {
                    Ok(())
                } else {
                    Err("none of them is active".to_owned())
                })
            })
            .await?;
        // "Active" comes before the first statistics; asking the new mgr itself proves that it serves.
        world
            .until(
                "the new mgr has statistics of all PGs",
                Duration::from_secs(120),
                || async {
                    let stat = world.ask_json(["pg", "stat"]).await?;
                    Ok(if stat["pg_ready"] == true {
                        Ok(())
                    } else {
                        Err("none yet".to_owned())
                    })
                },
            )
            .await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        world
            .until("a mgr is active", Duration::from_secs(120), || async {
                let map = world.ask(&query::MGR_DUMP).await?;
                Ok(if map.available { Ok(()) } else { Err("none".to_owned()) })
            })
            .await
    }
}
