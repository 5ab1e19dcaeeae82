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

    /// Takes old standbys from the mgr map.
    ///
    /// The map keeps a mgr that was stopped for `mon_mgr_beacon_grace`, 30 s, and the mon would choose it: then there is no mgr until its beacon is missed.
    /// Source: ceph/ceph: `src/mon/MgrMonitor.cc` – `tick`, `promote_standby`; seen on the laboratory.
    async fn drop_old_standbys(&self, world: &World) -> Result<(), StepError> {
        world
            .until("no old mgr stands by", Duration::from_secs(60), || async {
                let map = world.ask(&query::MGR_DUMP).await?;
                let old: Vec<&str> = map
                    .standbys
                    .iter()
                    .map(|it| it.name.as_str())
                    .filter(|name| !self.successors.iter().any(|it| it == name))
                    .collect();
                for name in &old {
                    world.ceph(&["mgr", "fail", name]).await?;
                }
                Ok(if old.is_empty() {
                    Ok(())
                } else {
                    Err(format!("in the mgr map: {}", old.join(", ")))
                })
            })
            .await
    }
}

/// Takes Rook's mgrs from the mgr map once they are gone, standbys first, so that an old one is active at once and not only when the beacon of a dead one
/// is missed.
pub(super) async fn forget_rook_mgrs(world: &World) -> Result<(), StepError> {
    let is_rooks = |name: &str| world.outline.rook_mgrs.contains(name);
    world
        .until("no mgr of Rook is in the mgr map", Duration::from_secs(60), || async {
            let map = world.ask(&query::MGR_DUMP).await?;
            let standbys: Vec<&str> = map.standbys.iter().map(|it| it.name.as_str()).collect();
            let mut left: Vec<&str> = standbys.iter().copied().filter(|name| is_rooks(name)).collect();
            // Where none of the old ones stands by yet, the map keeps its last active one.
            if is_rooks(&map.active_name) && standbys.len() > left.len() {
                left.push(&map.active_name);
            }
            for name in &left {
                world.ceph(&["mgr", "fail", name]).await?;
            }
            Ok(if left.is_empty() {
                Ok(())
            } else {
                Err(format!("in the mgr map: {}", left.join(", ")))
            })
        })
        .await
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
            self.drop_old_standbys(world).await?;
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
