//! How long things take in the model.
//!
//! Source of the figures: the laboratory with three nodes, Ceph 18.2.7 and Rook v1.18.11, on an idle machine where there is such a measurement;
//! see `docs/src/decisions/rook-apply.md`. A real cluster may be faster or slower; the order of what happens is the same.

use std::time::Duration;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A command on a host, without Ceph.
pub(super) const HOST_COMMAND: Duration = millis(40);
/// `ceph`: starting Python and reaching a mon.
pub(super) const CEPH_COMMAND: Duration = millis(350);
/// How long `ceph` tries to reach a mon.
pub(super) const CEPH_CONNECTS: Duration = millis(15_000);
/// A request to the API server.
pub(super) const REQUEST: Duration = millis(15);
/// Packing a host's files.
pub(super) const PACKING: Duration = millis(300);

/// From SIGTERM to the end of the process.
pub(super) const MON_STOPS: Duration = millis(300);
pub(super) const OSD_STOPS: Duration = millis(900);
pub(super) const MGR_STOPS: Duration = millis(400);

/// From the start of a mon's process until it asks for an election.
pub(super) const MON_PROBES: Duration = millis(1_200);
/// The others count a mon as in quorum for so long after it has gone.
pub(super) const MON_LEASE: Duration = millis(1_000);
/// An election.
pub(super) const ELECTION: Duration = millis(300);

/// From the start of an OSD's process until it is up in the map.
pub(super) const OSD_BOOTS: Duration = millis(2_500);
/// PGs agree on who has them; writes to them wait.
pub(super) const PEERING: Duration = millis(700);
/// From peered until everything written meanwhile is copied.
pub(super) const RECOVERY: Duration = millis(4_500);

/// From the start of a mgr's process until it is in the map.
pub(super) const MGR_BOOTS: Duration = millis(2_000);
/// From the fall of the active mgr until the next one is active, has loaded its modules, and has statistics.
pub(super) const MGR_TAKES_OVER: Duration = millis(4_000);
/// The map keeps a mgr that has gone for so long.
pub(super) const MGR_FORGOTTEN: Duration = millis(30_000);

/// From the creation of a pod until its last init container has ended.
pub(super) const MON_INITS: Duration = millis(2_500);
pub(super) const MGR_INITS: Duration = millis(2_000);
pub(super) const OSD_INITS: Duration = millis(6_000);
/// From its deletion until a pod's processes are gone, without what the daemon itself needs.
pub(super) const POD_ENDS: Duration = millis(500);
/// A container that failed is started again after this, doubled each time, up to five minutes.
pub(super) const CRASH_BACK_OFF: Duration = millis(10_000);
/// The pod that proves the image, from creation to end.
pub(super) const PROBE_POD: Duration = millis(3_000);

/// The Deployment's and ReplicaSet's controllers.
pub(super) const CONTROLLER: Duration = millis(50);
/// The first pause of a ReplicaSet whose pod was refused; it doubles.
pub(super) const REPLICA_BACK_OFF: Duration = millis(1_000);
/// The longest such pause. Source: client-go: `util/workqueue/default_rate_limiters.go`.
pub(super) const LONGEST_REPLICA_BACK_OFF: Duration = millis(1_000_000);
/// The garbage collector.
pub(super) const COLLECTED: Duration = millis(1_500);

/// From a change of the CephCluster until Rook begins to reconcile.
pub(super) const ROOK_NOTICES: Duration = millis(3_000);
/// Reading versions and making the connection.
pub(super) const ROOK_DETECTS: Duration = millis(6_000);
/// Each mon, with a look at the quorum.
pub(super) const ROOK_MON: Duration = millis(2_000);
/// Asking whether the mgrs run.
pub(super) const ROOK_ASKS: Duration = millis(2_000);
/// Prepare jobs, which run on all nodes at once, and reading what they found.
pub(super) const ROOK_PREPARES: Duration = millis(14_000);
/// Each OSD's Deployment.
pub(super) const ROOK_OSD: Duration = millis(300);
/// From when a reconcile was abandoned, because its CephCluster changed, until it has given up what it waited for.
pub(super) const ROOK_GIVES_UP: Duration = millis(70_000);
/// Everything after the OSDs.
pub(super) const ROOK_ENDS: Duration = millis(5_000);
/// An operator's pod, from creation until it works; and from deletion until it is gone.
pub(super) const OPERATOR_STARTS: Duration = millis(6_000);
pub(super) const OPERATOR_ENDS: Duration = millis(1_500);
