//! The phases, one a file, in the order in which they run.

mod close_gate;
mod let_go;
mod mgrs;
mod mons;
mod osds;
mod prepare;
mod seed;

use std::collections::BTreeMap;

use super::PlanError;
use super::draft::Draft;
use super::measured::{RECONCILE_DEADLINE, RECONCILE_PER_NODE};
use super::options::PlanOptions;
use super::site::Site;
use super::steps::{MaskUnit, ProveMapsUnchanged};
use super::stilled::Stilled;

pub(super) use mons::keeps_majority;

/// Writes down all phases.
pub(super) fn write(
    draft: &mut Draft<'_>,
    site: &Site<'_>,
    options: &PlanOptions,
    stilled: &Stilled,
) -> Result<(), PlanError> {
    prepare::write(draft, site, stilled);
    close_gate::write(draft, site);
    seed::write(draft, site, options)?;
    mons::write(draft, site, options);
    mgrs::write(draft, site);
    osds::write(draft, site, options, stilled);
    let_go::write(draft, site, stilled);
    Ok(())
}

/// How long one reconcile of Rook may take on this site.
fn reconcile_deadline(site: &Site<'_>) -> u32 {
    let nodes = u32::try_from(site.nodes.len()).unwrap_or(u32::MAX);
    RECONCILE_DEADLINE.saturating_add(RECONCILE_PER_NODE.saturating_mul(nodes))
}

/// Masks a unit whose file lies at `path`.
fn mask(host: impl ToString, unit: &str, path: &str) -> MaskUnit {
    let own_file = (path == format!("/etc/systemd/system/{unit}")).then(|| path.to_owned());
    MaskUnit {
        host: host.to_string(),
        unit: unit.to_owned(),
        own_file,
    }
}

fn maps_unchanged(site: &Site<'_>) -> ProveMapsUnchanged {
    let mons: BTreeMap<String, String> = site.mons.iter().map(|mon| (mon.id.clone(), mon.ip.clone())).collect();
    ProveMapsUnchanged {
        fsid: site.facts.ceph.fsid.to_string(),
        mons,
    }
}

/// Returns `1 mon`, `3 mons`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
