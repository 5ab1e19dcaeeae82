//! The gate is closed and proved closed, before Rook learns of the cluster.

use std::collections::BTreeSet;

use crate::plan::draft::Draft;
use crate::plan::site::Site;
use crate::plan::steps::{CreateGateBinding, CreateGatePolicy, CreateReleasedList, ProveGateClosed};

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>) {
    draft.phase(
        "close_gate",
        "Close the gate",
        "From here on Kubernetes refuses every pod of a mon or OSD that was not released by name. Rook does not know of the cluster yet.",
    );
    draft.hand_over("gate", "Refuse pods of daemons that were not handed over");
    draft.step(CreateReleasedList {
        released: rook_mgrs(site),
    });
    draft.step(CreateGatePolicy {});
    draft.step(CreateGateBinding {});
    // One OSD of each host stands for the others: the policy does not look at more than the name.
    let mons = site.mons.iter().map(|mon| mon.daemon().to_string());
    let osds = site
        .osd_hosts
        .iter()
        .filter_map(|host| host.osds.first())
        .map(|osd| osd.daemon().to_string());
    draft.step(ProveGateClosed {
        daemons: mons.chain(osds).collect(),
    });
}

/// Rook's own mgrs stand by beside the old ones from the start, so their pods may start at once.
pub(super) fn rook_mgrs(site: &Site<'_>) -> BTreeSet<String> {
    site.rook_mgrs.iter().map(|id| format!("mgr.{id}")).collect()
}
