//! Questions to Ceph that several steps ask.

use std::collections::BTreeSet;

use reeve_ceph::{OsdEntry, OsdId, query};
use reeve_journal::StepError;
use serde_json::Value;

use crate::apply::World;
use crate::apply::guard::names;

/// What `ceph status` says of health and quorum.
pub(super) struct Vitals {
    pub(super) codes: BTreeSet<String>,
    pub(super) is_error: bool,
    pub(super) in_quorum: BTreeSet<String>,
    pub(super) mon_epoch: Option<u32>,
}

pub(super) async fn vitals(world: &World) -> Result<Vitals, StepError> {
    let status = world.ask_json(["status"]).await?;
    let codes = status["health"]["checks"]
        .as_object()
        .map(|checks| checks.keys().cloned().collect())
        .unwrap_or_default();
    Ok(Vitals {
        codes,
        is_error: status["health"]["status"] == "HEALTH_ERR",
        mon_epoch: status["monmap"]["epoch"]
            .as_u64()
            .and_then(|epoch| epoch.try_into().ok()),
        in_quorum: names(&status["quorum_names"]).into_iter().map(str::to_owned).collect(),
    })
}

impl Vitals {
    /// Returns codes that were not there before, but for those that the plan itself raises.
    pub(super) fn new_codes(&self, before: &BTreeSet<String>) -> Vec<&str> {
        // Flags are set by the plan for the time of the OSD phase.
        let own = |code: &str| code == "OSDMAP_FLAGS";
        self.codes
            .iter()
            .map(String::as_str)
            .filter(|code| !before.contains(*code) && !own(code))
            .collect()
    }
}

/// Returns why not all PGs are active+clean, or nothing if they are.
pub(super) async fn unclean(world: &World) -> Result<Option<String>, StepError> {
    let pgs = world.ask(&query::STATUS).await?.pgmap;
    let others: Vec<String> = pgs
        .pgs_by_state
        .iter()
        // A scrub is no reason to wait.
        .filter(|state| !state.state_name.starts_with("active+clean"))
        .map(|state| format!("{} {}", state.count, state.state_name))
        .collect();
    if !others.is_empty() {
        return Ok(Some(others.join(", ")));
    }
    let moved = pgs.degraded_objects.saturating_add(pgs.misplaced_objects);
    Ok((moved > 0).then(|| format!("{moved} objects degraded or misplaced")))
}

pub(super) async fn osd(world: &World, id: OsdId) -> Result<Option<OsdEntry>, StepError> {
    let dump = world.ask(&query::OSD_DUMP).await?;
    Ok(dump.osds.into_iter().find(|osd| osd.osd == id))
}

/// Tells whether a daemon's metadata say that it runs in a pod; Rook gives its name in the environment.
///
/// Source: ceph/ceph: `src/common/util.cc` – `collect_sys_info` (`pod_name` from POD_NAME).
pub(super) fn is_in_a_pod(metadata: &Value) -> bool {
    metadata["pod_name"].as_str().is_some_and(|name| !name.is_empty())
}
