//! How each kind of step does what its plan entry says, grouped as the plan groups them.

mod backup;
mod ceph_settings;
mod cluster_state;
mod gate;
mod handover;
mod health;
mod kubernetes_settings;
mod leftovers;
mod letting_go;
mod mgr;
mod mon_store;
mod osd;
mod pod_starts;
mod pod_state;
mod proofs;
mod release;
mod rook_cluster;
mod seed;
mod units;

pub(super) use backup::crush_digest;
pub(crate) use ceph_settings::same_value;
pub(super) use leftovers::AlreadyThere;
pub(super) use seed::decoded;

use super::earlier::Earlier;

/// A step together with what earlier steps have recorded.
pub(super) struct With<T>(pub(super) T, pub(super) Earlier);
