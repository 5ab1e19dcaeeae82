//! A mon's store, and its way back into quorum.

use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8Path;
use reeve_ceph::{DaemonName, query};
use reeve_journal::{Recorded, Refusal, Step, StepError};

use super::cluster_state::is_in_a_pod;
use super::pod_state::not_running;
use crate::apply::World;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::apply::steps::With;
use crate::facts::UserIds;
use crate::plan::steps::{AwaitQuorum, ChownMonStore, MoveMonStore};

/// Where a store is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    Old,
    New,
    Both,
    Nowhere,
}

async fn exists(world: &World, host: &str, path: &Utf8Path) -> Result<bool, StepError> {
    Ok(world.try_on(host, ["test", "-e", path.as_str()]).await?.success())
}

impl MoveMonStore {
    async fn whereabouts(&self, world: &World) -> Result<Whereabouts, StepError> {
        let (old, new) = futures::try_join!(
            exists(world, &self.host, &self.from),
            exists(world, &self.host, &self.to)
        )?;
        Ok(match (old, new) {
            (true, false) => Whereabouts::Old,
            (false, true) => Whereabouts::New,
            (true, true) => Whereabouts::Both,
            (false, false) => Whereabouts::Nowhere,
        })
    }

    /// Refuses while a process has the store.
    async fn nobody_runs(&self, world: &World) -> Result<(), StepError> {
        let daemon = DaemonName::mon(&self.mon);
        match world.processes(&self.host, &daemon).await?.first() {
            Some(process) => {
                let (host, pid) = (&self.host, process.pid);
                Err(failure::because(format!(
                    "{daemon} runs on {host} as process {pid}; its store stays where it is"
                )))
            }
            None => Ok(()),
        }
    }

    async fn rename(&self, world: &World, from: &Utf8Path, to: &Utf8Path) -> Result<(), StepError> {
        world
            .host(&self.host)
            .await?
            .rename(from, to)
            .await
            .map_err(failure::host)
    }
}

#[async_trait]
impl Step<World> for MoveMonStore {
    async fn ready(&self, world: &World) -> Result<(), Refusal> {
        let refused = |because: String| Refusal::refused(because, "see what lies there; nothing was moved");
        // The mon is away already, so everything is asked at once.
        let (store, keyring) = (self.from.join("store.db"), self.from.join("keyring"));
        let (whereabouts, has_store, has_keyring, nobody_runs) = futures::join!(
            self.whereabouts(world),
            exists(world, &self.host, &store),
            exists(world, &self.host, &keyring),
            self.nobody_runs(world),
        );
        match whereabouts? {
            Whereabouts::Old => {}
            Whereabouts::Both => return Err(refused(format!("{} on {} exists already", self.to, self.host))),
            Whereabouts::New | Whereabouts::Nowhere => {
                return Err(refused(format!("there is no {} on {}", self.from, self.host)));
            }
        }
        for (there, path) in [(has_store?, store), (has_keyring?, keyring)] {
            if !there {
                return Err(refused(format!("there is no {path} on {}", self.host)));
            }
        }
        nobody_runs?;
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.whereabouts(world).await? == Whereabouts::New)
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        if let Some(parent) = self.to.parent() {
            let argv = ["mkdir", "--parents", "--", parent.as_str()];
            world.run_on(&self.host, argv, Duration::from_secs(30)).await?;
        }
        self.rename(world, &self.from, &self.to).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        match self.whereabouts(world).await? {
            Whereabouts::New => {
                self.nobody_runs(world).await?;
                self.rename(world, &self.to, &self.from).await?;
            }
            Whereabouts::Old => {}
            Whereabouts::Both | Whereabouts::Nowhere => {
                let Self { mon, host, from, to } = self;
                return Err(failure::because(format!(
                    "the store of mon.{mon} is in both of {from} and {to} on {host}, or in neither"
                )));
            }
        }
        if let Some(parent) = self.to.parent() {
            let argv = ["rmdir", "--ignore-fail-on-non-empty", "--", parent.as_str()];
            // Not there is as good as removed.
            world.try_on(&self.host, argv).await?;
        }
        Ok(())
    }
}

impl ChownMonStore {
    async fn give(&self, world: &World, owner: UserIds) -> Result<(), StepError> {
        let owner = format!("{}:{}", owner.uid, owner.gid);
        let argv = ["chown", "--recursive", &owner, "--", self.path.as_str()];
        world.run_on(&self.host, argv, Duration::from_secs(60)).await.map(drop)
    }
}

#[async_trait]
impl Step<World> for ChownMonStore {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        let (uid, gid) = (self.after.uid.to_string(), self.after.gid.to_string());
        let path = self.path.as_str();
        let argv = [
            "find", path, "(", "!", "-uid", &uid, "-o", "!", "-gid", &gid, ")", "-print", "-quit",
        ];
        let output = world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        Ok(output.stdout.is_empty())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        self.give(world, self.after).await?;
        Ok(Recorded::default())
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        self.give(world, self.before).await
    }
}

#[async_trait]
impl Looking for With<AwaitQuorum> {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let (step, earlier) = (&self.0, &self.1);
        if let Some(look) = not_running(world, &DaemonName::mon(&step.mon)).await {
            return Ok(look);
        }
        let in_quorum = world.ask(&query::QUORUM_STATUS).await?.quorum_names;
        let missing: Vec<&str> = step
            .mons
            .iter()
            .filter(|mon| !in_quorum.contains(mon))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            return Ok(Look::NotYet(format!("not in quorum: {}", missing.join(", "))));
        }
        let (map, metadata) = futures::try_join!(
            world.ask(&query::MON_DUMP),
            world.ask_json(["mon", "metadata", &step.mon]),
        )?;
        let before = earlier.before.as_ref().and_then(|before| before.mon_epoch);
        if let Some(before) = before.filter(|before| *before != map.epoch) {
            let now = map.epoch;
            return Ok(Look::Never(format!("the mon map's epoch was {before} and is {now}")));
        }
        let entry = map.mons.iter().find(|mon| mon.name == step.mon);
        let wanted = [step.ip.clone(), format!("[{}]", step.ip)];
        let is_there = entry.is_some_and(|mon| {
            mon.public_addrs.addrvec.iter().all(|address| {
                address
                    .addr
                    .rsplit_once(':')
                    .is_some_and(|(host, _)| wanted.iter().any(|it| it == host))
            })
        });
        if !is_there {
            return Ok(Look::Never(format!(
                "mon.{} is not at {} any more in the mon map",
                step.mon, step.ip
            )));
        }
        Ok(Look::when(is_in_a_pod(&metadata), || {
            format!("mon.{} does not run in Rook's pod", step.mon)
        }))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(300),
            format!("mon.{} is back in quorum", self.0.mon),
        )
    }
}
