//! What the run kept beside its journal before it began, as far as one compares with it later. Never a key.

use std::collections::BTreeMap;

use reeve_journal::RunDetail;
use reeve_journal::plan::StepId;
use serde_json::Value;

use crate::plan::steps::StepInput;

/// What the run kept before it began; none where it was not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exports {
    /// The answer to `ceph osd crush dump`.
    pub crush: Option<Value>,
    /// The mon map's epoch.
    pub monmap_epoch: Option<u32>,
    /// Auth entities with their caps by service.
    pub auth: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// The answer to `ceph osd pool ls detail`.
    pub pools: Option<Value>,
    /// The answer to `ceph fs dump`.
    pub filesystems: Option<Value>,
    /// The answer to `ceph mgr dump`.
    pub mgr: Option<Value>,
    /// Names of options in the config database, each with its section.
    pub config: Option<Vec<(String, String)>>,
}

impl Exports {
    /// Reads the copies that a run's export steps kept; `read` gives the bytes of the file of that name, or none.
    ///
    /// Keys and values of settings are dropped while reading. A copy that is missing or is not what it should be is none.
    pub fn read(run: &RunDetail, read: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let mut exports = Self::default();
        for (_, _, planned) in run.plan.steps() {
            let Ok(StepInput::ExportState(step)) = StepInput::from_planned(planned) else {
                continue;
            };
            let Some(bytes) = file_of(run, &planned.id).and_then(|file| read(&file)) else {
                continue;
            };
            let json = || serde_json::from_slice::<Value>(&bytes).ok();
            match step.name.as_str() {
                "crush-dump.json" => exports.crush = json(),
                "pools.json" => exports.pools = json(),
                "fs-dump.json" => exports.filesystems = json(),
                "mgr-dump.json" => exports.mgr = json(),
                "config-dump.json" => exports.config = json().map(|dump| option_names(&dump)),
                "auth-export" => exports.auth = String::from_utf8(bytes).ok().map(|text| entities(&text)),
                "monmap.bin" => exports.monmap_epoch = monmap_epoch(&bytes, &run.plan.target.id),
                _ => {}
            }
        }
        exports
    }
}

/// Returns the name of the file that an export step kept.
fn file_of(run: &RunDetail, step: &StepId) -> Option<String> {
    let done = run.steps.iter().find(|done| done.step == *step)?;
    done.output["file"]["name"].as_str().map(str::to_owned)
}

fn option_names(dump: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = dump.as_array().into_iter().flatten();
    entries.map(|one| (text(&one["section"]), text(&one["name"]))).collect()
}

/// Returns entities and caps of a keyring; keys are never kept.
///
/// Source: ceph/ceph: `src/auth/KeyRing.cc` – `KeyRing::print` (`[entity]`, `key = …`, `caps SERVICE = "…"`).
fn entities(keyring: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut at: Option<String> = None;
    for line in keyring.lines().map(str::trim) {
        if let Some(entity) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            found.entry(entity.to_owned()).or_default();
            at = Some(entity.to_owned());
        } else if let (Some(entity), Some((service, caps))) =
            (&at, line.strip_prefix("caps ").and_then(|rest| rest.split_once('=')))
        {
            let caps = caps.trim().trim_matches('"').replace("\\\"", "\"");
            found
                .entry(entity.clone())
                .or_default()
                .insert(service.trim().to_owned(), caps);
        }
    }
    found
}

/// Returns the epoch of an encoded mon map of the cluster `fsid`.
///
/// Shape: version and compat version in a byte each, length in 4, fsid in 16, epoch in 4, little endian.
///
/// Source: ceph/ceph: `src/mon/MonMap.cc` – `MonMap::encode`.
fn monmap_epoch(bytes: &[u8], fsid: &str) -> Option<u32> {
    let plain: String = fsid.chars().filter(|c| *c != '-').collect();
    let wanted = hex::decode(plain).ok()?;
    // Another fsid at that place means another layout, and then nothing is known.
    if bytes.get(6..22)? != wanted.as_slice() {
        return None;
    }
    let epoch: [u8; 4] = bytes.get(22..26)?.try_into().ok()?;
    Some(u32::from_le_bytes(epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_come_without_their_keys() {
        let keyring = "[client.admin]\n\tkey = AQBsecret==\n\tcaps mds = \"allow *\"\n\tcaps mon = \"allow *\"\n\
                       [client.glance]\n\tkey = AQBother==\n\tcaps osd = \"profile rbd pool=images\"\n";
        let found = entities(keyring);
        assert!(!format!("{found:?}").contains("AQB"));
        assert_eq!(found["client.admin"].len(), 2);
        assert_eq!(found["client.glance"]["osd"], "profile rbd pool=images");
    }

    #[test]
    fn the_epoch_is_read_only_from_a_map_of_this_cluster() {
        let fsid = "11111111-2222-3333-4444-555555555555";
        let mut bytes = vec![9, 6, 0, 1, 0, 0];
        bytes.extend(hex::decode(fsid.replace('-', "")).unwrap());
        bytes.extend(7_u32.to_le_bytes());
        bytes.extend([0; 40]);
        assert_eq!(monmap_epoch(&bytes, fsid), Some(7));
        assert_eq!(monmap_epoch(&bytes, "21111111-2222-3333-4444-555555555555"), None);
        assert_eq!(monmap_epoch(&bytes[..24], fsid), None);
        assert_eq!(monmap_epoch(&[], fsid), None);
    }
}
