//! Settings of Ceph that the take-over changes for its time, and their way back.

use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::query;
use reeve_journal::{Recorded, Refusal, Step, StepError};

use crate::apply::World;
use crate::apply::failure;
use crate::plan::steps::{
    BALANCER_SWITCH, ClearOsdFlag, DisableOrchestrator, EnableMsgr2, RenameBucket, RestoreConfig, SetConfig,
    SetOsdFlag, StartAutoscaler, StartBalancer, StopAutoscaler, StopBalancer,
};

/// Returns an option's value in one section of the config database.
pub(super) async fn config_value(world: &World, section: &str, name: &str) -> Result<Option<String>, StepError> {
    let (section, mask) = section.split_once('/').unwrap_or((section, ""));
    let dump = world.ask(&query::CONFIG_DUMP).await?;
    Ok(dump
        .into_iter()
        .find(|entry| entry.section == section && entry.mask == mask && entry.name == name)
        .map(|entry| entry.value))
}

/// Tells whether two texts are the same value of an option: Ceph keeps numbers in its own way of writing (`0.2` as `0.200000`).
pub(crate) fn same_value(one: &str, other: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let truth = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    };
    one.trim() == other.trim()
        || number(one).is_some_and(|one| number(other) == Some(one))
        || truth(one).is_some_and(|one| truth(other) == Some(one))
}

pub(super) async fn put_config(world: &World, section: &str, name: &str, value: Option<&str>) -> Result<(), StepError> {
    match value {
        Some(value) => world.ceph(&["config", "set", section, name, value]).await,
        None => world.ceph(&["config", "rm", section, name]).await,
    }
    .map(drop)
}

async fn has_config(world: &World, section: &str, name: &str, value: Option<&str>) -> Result<bool, StepError> {
    let now = config_value(world, section, name).await?;
    Ok(match (now, value) {
        (Some(now), Some(value)) => same_value(&now, value),
        (None, None) => true,
        _ => false,
    })
}

#[async_trait]
impl Step<World> for SetConfig {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        has_config(world, &self.section, &self.name, Some(&self.value)).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        put_config(world, &self.section, &self.name, Some(&self.value)).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        put_config(world, &self.section, &self.name, self.before.as_deref()).await
    }
}

#[async_trait]
impl Step<World> for RestoreConfig {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        has_config(world, &self.section, &self.name, self.before.as_deref()).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        put_config(world, &self.section, &self.name, self.before.as_deref()).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        put_config(world, &self.section, &self.name, Some(&self.value)).await
    }
}

/// Tells whether the balancer is on; none if its module cannot run at all, and then it moves nothing.
async fn balancer(world: &World) -> Result<Option<bool>, StepError> {
    let error = match world.ask_json(["balancer", "status"]).await {
        Ok(status) => return Ok(Some(status["active"] == true)),
        Err(error) => error,
    };
    // A mgr that has just become active does not know the command yet either; only health tells the two apart.
    let health = world.ask(&query::HEALTH).await?;
    let broken = health
        .checks
        .iter()
        .filter(|(code, _)| matches!(code.as_str(), "MGR_MODULE_DEPENDENCY" | "MGR_MODULE_ERROR"))
        .flat_map(|(_, check)| &check.detail)
        .any(|line| line.message.contains("'balancer'"));
    if broken {
        return Ok(None);
    }
    Err(StepError::transient(error))
}

async fn switch_balancer(world: &World, on: bool) -> Result<(), StepError> {
    let word = if on { "on" } else { "off" };
    world
        .until("the balancer answers", Duration::from_secs(50), || async {
            Ok(match balancer(world).await? {
                Some(_) => world.ceph(&["balancer", word]).await.map(drop).map(Ok)?,
                None => Ok(()),
            })
        })
        .await
}

/// Switches the balancer on and leaves its switch unset where it was.
async fn balancer_on(world: &World, was_set: bool) -> Result<(), StepError> {
    switch_balancer(world, true).await?;
    if !was_set {
        put_config(world, BALANCER_SWITCH.0, BALANCER_SWITCH.1, None).await?;
    }
    Ok(())
}

#[async_trait]
impl Step<World> for StopBalancer {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(balancer(world).await?.is_none_or(|on| !on))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        switch_balancer(world, false).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        balancer_on(world, self.was_set).await
    }
}

#[async_trait]
impl Step<World> for StartBalancer {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let is_on = balancer(world).await?.is_none_or(|on| on);
        Ok(is_on && (self.was_set || has_config(world, BALANCER_SWITCH.0, BALANCER_SWITCH.1, None).await?))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        balancer_on(world, self.was_set).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        switch_balancer(world, false).await
    }
}

async fn autoscaler_is(world: &World, pool: &str, mode: &str) -> Result<bool, StepError> {
    let dump = world.ask(&query::OSD_DUMP).await?;
    let found = dump.pools.iter().find(|it| it.pool_name == pool);
    // A pool that is gone has no autoscaler that could be in the way.
    Ok(found.is_none_or(|it| it.pg_autoscale_mode == mode))
}

async fn set_autoscaler(world: &World, pool: &str, mode: &str) -> Result<(), StepError> {
    if autoscaler_is(world, pool, mode).await? {
        return Ok(());
    }
    let words = ["osd", "pool", "set", pool, "pg_autoscale_mode", mode];
    world.ceph(&words).await.map(drop)
}

#[async_trait]
impl Step<World> for StopAutoscaler {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        autoscaler_is(world, &self.pool, "off").await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        set_autoscaler(world, &self.pool, "off").await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        set_autoscaler(world, &self.pool, &self.before).await
    }
}

#[async_trait]
impl Step<World> for StartAutoscaler {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        autoscaler_is(world, &self.pool, &self.mode).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        set_autoscaler(world, &self.pool, &self.mode).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        set_autoscaler(world, &self.pool, "off").await
    }
}

#[async_trait]
impl Step<World> for EnableMsgr2 {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let map = world.ask(&query::MON_DUMP).await?;
        Ok(map.mons.iter().all(|mon| mon.public_addrs.of("v2").is_some()))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        world.ceph(&["mon", "enable-msgr2"]).await?;
        world
            .until(
                "all mons have a v2 address and are in quorum",
                Duration::from_secs(180),
                || async {
                    let has = self.done(world).await?;
                    let quorum = world.ask(&query::QUORUM_STATUS).await?.quorum_names.len();
                    Ok(if has && quorum == world.outline.mons.len() {
                        Ok(())
                    } else {
                        Err(format!("{quorum} mons in quorum"))
                    })
                },
            )
            .await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, _: &World, _: &Recorded) -> Result<(), StepError> {
        Err(failure::because("Ceph has no command that takes msgr2 addresses away"))
    }
}

async fn rename_bucket(world: &World, from: &str, to: &str) -> Result<(), StepError> {
    if is_renamed(world, from, to).await? {
        return Ok(());
    }
    world.ceph(&["osd", "crush", "rename-bucket", from, to]).await.map(drop)
}

async fn is_renamed(world: &World, from: &str, to: &str) -> Result<bool, StepError> {
    let tree = world.ask(&query::OSD_TREE).await?;
    let has = |name: &str| tree.nodes.iter().any(|node| node.name == name && node.kind != "osd");
    Ok(has(to) && !has(from))
}

#[async_trait]
impl Step<World> for RenameBucket {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        is_renamed(world, &self.from, &self.to).await
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        rename_bucket(world, &self.from, &self.to).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        rename_bucket(world, &self.to, &self.from).await
    }
}

#[async_trait]
impl Step<World> for DisableOrchestrator {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let modules = world.ask(&query::MGR_MODULES).await?;
        Ok(!modules.enabled_modules.contains("cephadm"))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        world.ceph(&["orch", "pause"]).await?;
        world.ceph(&["orch", "set", "backend", ""]).await?;
        world.ceph(&["mgr", "module", "disable", "cephadm"]).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        world.ceph(&["mgr", "module", "enable", "cephadm"]).await?;
        let deadline = Duration::from_secs(170);
        world
            .until("the cephadm module answers", deadline, || async {
                // The mgr starts anew with the module; until then it knows no such backend.
                match world.ceph(&["orch", "set", "backend", "cephadm"]).await {
                    Ok(_) => Ok(Ok(())),
                    Err(error) => Ok(Err(error.to_string())),
                }
            })
            .await?;
        if !self.paused_before {
            world.ceph(&["orch", "resume"]).await?;
        }
        Ok(())
    }
}

async fn has_flag(world: &World, flag: &str) -> Result<bool, StepError> {
    Ok(world.ask(&query::OSD_DUMP).await?.flag_set().contains(flag))
}

async fn put_flag(world: &World, flag: &str, on: bool) -> Result<(), StepError> {
    let word = if on { "set" } else { "unset" };
    world.ceph(&["osd", word, flag]).await.map(drop)
}

macro_rules! flag_step {
    ($name:ident, $on:literal) => {
        #[async_trait]
        impl Step<World> for $name {
            async fn ready(&self, _: &World) -> Result<(), Refusal> {
                Ok(())
            }

            async fn done(&self, world: &World) -> Result<bool, StepError> {
                Ok(has_flag(world, &self.flag).await? == $on)
            }

            async fn act(&self, world: &World) -> Result<Recorded, StepError> {
                put_flag(world, &self.flag, $on).await?;
                Ok(Recorded::default())
            }

            async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
                put_flag(world, &self.flag, !$on).await
            }
        }
    };
}

flag_step!(SetOsdFlag, true);
flag_step!(ClearOsdFlag, false);

#[cfg(test)]
mod tests {
    use super::same_value;

    #[test]
    fn values_are_compared_as_ceph_means_them() {
        for (one, other) in [("0.2", "0.200000"), ("false", "no"), ("x", "x "), ("1", "1.0")] {
            assert!(same_value(one, other), "{one} {other}");
        }
        for (one, other) in [("0.2", "0.3"), ("true", "false"), ("true", "1x"), ("a", "b")] {
            assert!(!same_value(one, other), "{one} {other}");
        }
    }
}
