//! The mgrs: those that run now, and the ids of those that Rook starts.

use reeve_ceph::DaemonName;
use reeve_host::HostName;

use super::index::Index;
use super::natural::Natural;
use crate::facts::Facts;
use crate::plan::PlanError;

/// A mgr that runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MgrSite {
    pub(crate) id: String,
    pub(crate) host: HostName,
    pub(crate) unit: String,
    pub(crate) unit_path: String,
    pub(crate) active: bool,
}

impl MgrSite {
    pub(crate) fn daemon(&self) -> DaemonName {
        DaemonName::mgr(&self.id)
    }
}

/// Returns the mgrs in the order of their hand-over: standbys first as people count, the active one last.
pub(super) fn mgrs(facts: &Facts, index: &Index<'_>) -> Result<Vec<MgrSite>, PlanError> {
    let map = &facts.ceph.mgr;
    let Some(active) = &map.active else {
        return Err(PlanError::cluster(
            "no mgr is active",
            "start one: without it nobody knows the state of the PGs",
        ));
    };
    let mut mgrs = Vec::with_capacity(map.standbys.len() + 1);
    for id in map.standbys.iter().filter(|it| *it != active).chain([active]) {
        let found = index.unit(&DaemonName::mgr(id))?;
        mgrs.push(MgrSite {
            id: id.clone(),
            host: found.host.clone(),
            unit: found.unit.unit.clone(),
            unit_path: found.unit.path.clone(),
            active: id == active,
        });
    }
    mgrs.sort_by_cached_key(|mgr| (mgr.active, Natural::new(&mgr.id)));
    Ok(mgrs)
}

/// Returns the ids of the mgrs that Rook will start: `a`, `b` …
pub(super) fn rook_mgrs(wanted: u32, nodes: usize, mgrs: &[MgrSite]) -> Result<Vec<String>, PlanError> {
    if !(1..=5).contains(&wanted) {
        return Err(PlanError::option(
            "mgr_count",
            format!("{wanted} is not between 1 and 5"),
        ));
    }
    let count = usize::try_from(wanted).unwrap_or(5).min(nodes);
    let ids: Vec<String> = ('a'..='e').take(count).map(String::from).collect();
    match mgrs.iter().find(|mgr| ids.contains(&mgr.id)) {
        None => Ok(ids),
        Some(mgr) => {
            let next = "deploy it again under another id, such as its host's name";
            Err(PlanError::daemon(
                &mgr.daemon(),
                "Rook will start a mgr of the same name beside it",
                next,
            ))
        }
    }
}
