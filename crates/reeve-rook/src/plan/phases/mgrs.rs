//! Mgrs: Rook's stand by since `seed`, so the old ones only have to go.

use crate::plan::draft::Draft;
use crate::plan::site::Site;
use crate::plan::steps::{AwaitProcessGone, AwaitStandbyMgrs, FailMgr, StopUnit};

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>) {
    draft.phase(
        "mgrs",
        "Hand over the mgrs",
        "Old standbys go first, so that the active one can only give way to one of Rook's. OSDs come after: `active+clean` is the active mgr's word.",
    );
    for mgr in &site.mgrs {
        let daemon = mgr.daemon();
        let host = mgr.host.to_string();
        let place = if mgr.active { "active" } else { "standby" };
        draft.hand_over(daemon.to_string(), format!("Retire mgr.{} on {host} ({place})", mgr.id));
        draft.step(AwaitStandbyMgrs {
            mgrs: site.rook_mgrs.clone(),
        });
        if mgr.active {
            draft.step(FailMgr {
                mgr: mgr.id.clone(),
                successors: site.rook_mgrs.clone(),
            });
        }
        draft.step(StopUnit {
            daemon: daemon.clone(),
            host: host.clone(),
            unit: mgr.unit.clone(),
            activation: None,
            interrupts: format!("mgr.{} no longer stands by; Rook's do", mgr.id),
            about_seconds: 0,
        });
        draft.step(super::mask(&mgr.host, &mgr.unit, &mgr.unit_path));
        draft.step(AwaitProcessGone {
            daemon,
            host,
            unit: mgr.unit.clone(),
            ports: Vec::new(),
            devices: Vec::new(),
        });
    }
}
