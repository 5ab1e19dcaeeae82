//! Copies of what cannot be made again.

use crate::crush_names::rename_buckets;
use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use reeve_journal::{Recorded, SecretReference, StepError};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::apply::World;
use crate::apply::earlier::Kept;
use crate::apply::failure;
use crate::apply::once::Deed;
use crate::plan::steps::{ExportHost, ExportState};

/// Most copies of one thing; each attempt makes one.
const MOST_COPIES: u32 = 1_000;

/// Writes a backup under the next number that is free: no copy is overwritten.
fn keep(world: &World, name: &str, bytes: &[u8]) -> Result<SecretReference, StepError> {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(80)
        .collect();
    let free = (1..=MOST_COPIES)
        .map(|number| match number {
            1 => format!("backup-{plain}"),
            more => format!("backup-{plain}.{more}"),
        })
        .find(|name| !world.secrets.directory().join(name).exists())
        .ok_or_else(|| failure::because(format!("there are {MOST_COPIES} copies of {name} already")))?;
    world.secrets.write(&free, bytes).map_err(failure::journal)
}

#[async_trait]
impl Deed for ExportState {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let answer = world.ceph(&self.arguments).await?;
        if answer.is_empty() {
            let asked = self.arguments.join(" ");
            return Err(failure::because(format!(
                "`ceph {asked}` answered nothing, so there is nothing to keep"
            )));
        }
        let crush = if self.name == "crush-dump.json" {
            let dump: Value = serde_json::from_slice(&answer).map_err(StepError::permanent)?;
            Some(crush_digest(dump, &world.outline.renames))
        } else {
            None
        };
        Recorded::value(Kept {
            file: keep(world, &self.name, &answer)?,
            crush,
        })
    }
}

#[async_trait]
impl Deed for ExportHost {
    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let mut files = Vec::new();
        if !self.units.is_empty() {
            let argv = ["systemctl", "cat", "--"].into_iter().map(str::to_owned);
            let argv = argv.chain(self.units.iter().cloned());
            let output = world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
            files.push(keep(world, &format!("{}.units", self.host), &output.stdout)?);
        }
        let argv = [
            "tar",
            "--create",
            "--gzip",
            "--ignore-failed-read",
            "--directory=/",
            "--file=-",
            "etc/ceph",
            "etc/lvm/backup",
        ];
        let output = world.run_on(&self.host, argv, Duration::from_secs(60)).await?;
        files.push(keep(world, &format!("{}.tar.gz", self.host), &output.stdout)?);
        Recorded::value(files)
    }
}

/// Returns a digest of `osd crush dump` with every bucket called as the plan will call it, shadow buckets too.
///
/// Before and after the plan's own renames it is the same; anything else that changes in the map changes it.
pub(in crate::apply) fn crush_digest(mut dump: Value, renames: &BTreeMap<String, String>) -> String {
    rename_buckets(&mut dump, renames);
    // serde_json keeps the keys of objects in order, so equal maps give equal text.
    hex::encode(Sha256::digest(dump.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_sees_every_change_but_the_plans_renames() {
        let renames = BTreeMap::from([("ceph-n1".to_owned(), "n1".to_owned())]);
        let dump = |name: &str, weight: u32| json!({ "buckets": [{ "id": -3, "name": name, "weight": weight }, { "id": -4, "name": format!("{name}~hdd") }] });
        let before = crush_digest(dump("ceph-n1", 1), &renames);
        assert_eq!(before, crush_digest(dump("n1", 1), &renames));
        assert_ne!(before, crush_digest(dump("n1", 2), &renames));
        assert_ne!(before, crush_digest(dump("n2", 1), &renames));
    }
}
