//! Proofs that nothing has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use reeve_ceph::query;
use reeve_journal::StepError;
use reeve_kube::Resource;

use super::backup::crush_digest;
use super::rook_cluster::{ceph_cluster, generations, unready};
use super::seed::{decoded, endpoints};
use crate::apply::World;
use crate::apply::failure;
use crate::apply::looking::{Look, Looking};
use crate::apply::steps::With;
use crate::plan::objects::seed;
use crate::plan::steps::{ProveDeploymentsSettled, ProveMapsUnchanged};

#[async_trait]
impl Looking for With<ProveDeploymentsSettled> {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let (cluster, now) = futures::try_join!(ceph_cluster(world), generations(world))?;
        let before = self.1.generations.clone().unwrap_or_default();
        let changed: Vec<String> = before
            .iter()
            .filter(|(name, generation)| now.get(*name).is_some_and(|now| now > generation))
            .map(|(name, generation)| format!("{name} ({generation} → {})", now[name]))
            .collect();
        if !changed.is_empty() {
            return Ok(Look::Never(format!(
                "Rook has changed {}: those daemons would restart a second time",
                changed.join(", ")
            )));
        }
        if let Some(seen) = unready(cluster.as_ref()) {
            return Ok(Look::NotYet(seen));
        }
        Ok(Look::when(now.len() == self.0.deployments, || {
            format!(
                "{} Deployments of daemons, and {} planned",
                now.len(),
                self.0.deployments
            )
        }))
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        let deadline = Duration::from_secs(self.0.deadline_seconds.into());
        (deadline, "Rook has looked a second time and changed nothing".into())
    }
}

#[async_trait]
impl Looking for With<ProveMapsUnchanged> {
    async fn look(&self, world: &World) -> Result<Look, StepError> {
        let (map, crush) = futures::try_join!(world.ask(&query::MON_DUMP), world.ask_json(["osd", "crush", "dump"]),)?;
        if map.fsid.as_str() != self.0.fsid {
            return Ok(Look::Never(format!(
                "the cluster's id is {} and was {}",
                map.fsid, self.0.fsid
            )));
        }
        let address = |mon: &reeve_ceph::MonEntry| {
            let address = mon.public_addrs.of("v2").or_else(|| mon.public_addrs.of("v1"));
            let host = address.and_then(|it| it.rsplit_once(':')).map(|(host, _)| host);
            host.unwrap_or_default().trim_matches(['[', ']']).to_owned()
        };
        let mons: BTreeMap<String, String> = map.mons.iter().map(|mon| (mon.name.clone(), address(mon))).collect();
        if mons != self.0.mons {
            return Ok(Look::Never(format!(
                "the mon map has {mons:?}, and had {:?}",
                self.0.mons
            )));
        }
        let now = crush_digest(crush, &world.outline.renames);
        if self.1.crush.as_ref().is_some_and(|before| *before != now) {
            return Ok(Look::Never(
                "the CRUSH map is not what it was; compare it with the backup".into(),
            ));
        }
        self.objects(world).await
    }

    fn awaited(&self, _: &World) -> (Duration, String) {
        (
            Duration::from_secs(60),
            "maps and Rook's idea of them are unchanged".into(),
        )
    }
}

impl With<ProveMapsUnchanged> {
    async fn objects(&self, world: &World) -> Result<Look, StepError> {
        let namespace = world.namespace();
        let secret = world.cluster.get(Resource::SECRET, namespace, seed::SECRET).await;
        let secret = secret.map_err(failure::request)?.unwrap_or_default();
        if decoded(&secret["data"]["fsid"]).as_ref() != Some(&self.0.fsid) {
            return Ok(Look::Never(
                "Secret rook-ceph-mon has another cluster's id, or none".into(),
            ));
        }
        let list = world
            .cluster
            .get(Resource::CONFIG_MAP, namespace, seed::ENDPOINTS)
            .await;
        let list = list.map_err(failure::request)?.unwrap_or_default();
        let list = list["data"]["data"].as_str().unwrap_or_default().to_owned();
        let named: Vec<&str> = endpoints(&list)
            .into_iter()
            .filter_map(|one| one.split_once('=').map(|(mon, _)| mon))
            .collect();
        let wanted: Vec<&str> = self.0.mons.keys().map(String::as_str).collect();
        if named != wanted {
            return Ok(Look::Never(format!("Rook's list of mons is `{list}`")));
        }
        Ok(Look::Met)
    }
}
