//! Questions to Ceph before a daemon is stopped.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::{DaemonType, query};
use reeve_journal::StepError;

use super::cluster_state::{unclean, vitals};
use crate::apply::World;
use crate::apply::guard::names;
use crate::apply::looking::{Look, Looking};
use crate::plan::steps::{ConfirmOkToStop, ConfirmQuorum};

#[async_trait]
impl Looking for ConfirmQuorum {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let vitals = vitals(world).await?;
        let missing: Vec<&str> = self
            .mons
            .iter()
            .map(String::as_str)
            .filter(|mon| !vitals.in_quorum.contains(*mon))
            .collect();
        if !missing.is_empty() {
            return Ok(Look::NotYet(format!("not in quorum: {}", missing.join(", "))));
        }
        let bad: Vec<&str> = ["MON_DOWN", "MON_CLOCK_SKEW"]
            .into_iter()
            .filter(|code| vitals.codes.contains(*code))
            .collect();
        Ok(Look::when(bad.is_empty(), || bad.join(", ")))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (Duration::from_secs(60), format!("{} in quorum", self.mons.join(", ")))
    }
}

#[async_trait]
impl Looking for ConfirmOkToStop {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let is_osd = self.daemons.first().is_some_and(|it| it.kind == DaemonType::Osd);
        if is_osd && let Some(seen) = unclean(world).await? {
            return Ok(Look::NotYet(seen));
        }
        let kind = if is_osd { "osd" } else { "mon" };
        let ids = self.daemons.iter().map(|it| it.id.as_str());
        // It says no with status EBUSY, and a report all the same.
        let answer = world.answer([kind, "ok-to-stop"].into_iter().chain(ids)).await?;
        if answer.status == 0 {
            return Ok(Look::Met);
        }
        if is_osd && !self.but_for_pools.is_empty() {
            return self.stops_only_what_may_stop(world, &answer.stdout).await;
        }
        Ok(Look::NotYet(reeve_host::printable_tail(&answer.stderr)))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        let names: Vec<String> = self.daemons.iter().map(ToString::to_string).collect();
        (Duration::from_secs(300), format!("Ceph lets {} go", names.join(", ")))
    }
}

impl ConfirmOkToStop {
    /// Ceph said no; looks whether only PGs of pools that may stop are the reason.
    ///
    /// Source: ceph/ceph: `src/mgr/DaemonServer.h` – `offline_pg_report::dump`.
    async fn stops_only_what_may_stop(&self, world: &World, report: &[u8]) -> Result<Look, StepError> {
        let report: serde_json::Value = serde_json::from_slice(report).map_err(StepError::transient)?;
        let dump = world.ask(&query::OSD_DUMP).await?;
        let may_stop: BTreeSet<String> = dump
            .pools
            .iter()
            .filter(|pool| self.but_for_pools.contains(&pool.pool_name))
            .map(|pool| pool.pool.to_string())
            .collect();
        let stopping = names(&report["bad_become_inactive"]);
        let unexpected: Vec<&str> = stopping
            .iter()
            .copied()
            .filter(|pg| !pg.split_once('.').is_some_and(|(pool, _)| may_stop.contains(pool)))
            .collect();
        let known = !stopping.is_empty() && names(&report["bad_no_pool"]).is_empty();
        Ok(Look::when(known && unexpected.is_empty(), || {
            format!("PGs would stop: {}", unexpected.join(", "))
        }))
    }
}
