//! How long things take, as measured, and how long they may take.
//!
//! Source of the figures: the laboratory with three nodes on one machine of two cores, Ceph 18.2.7 under Rook v1.18.11 (and 20.2.4 under v1.20.6, where
//! they are no larger). A larger machine is faster; a mon with a large store or an OSD that replays a long log is slower.

/// A mon is away from stop to quorum: stop and rename took 0.3 to 1.9 s, the pod was back in quorum within seconds.
pub(crate) const MON_AWAY_SECONDS: u32 = 5;
/// The only mon, or one of two, is away: the same, and an election; with reserve, because Rook's pod has three init containers.
pub(crate) const QUORUM_LOST_SECONDS: u32 = 15;
/// An OSD is away from stop to up: marked down after 0.9 to 1.7 s, up 10 to 12 s later.
pub(crate) const OSD_AWAY_SECONDS: u32 = 14;
/// All PGs are active+clean this long after an OSD is up: 5 to 6 s without load.
pub(crate) const CLEAN_AFTER_SECONDS: u32 = 6;
/// The next mgr becomes active after the active one has failed; an estimate, the laboratory's figure is below it.
pub(crate) const MGR_FAILOVER_SECONDS: u32 = 5;
/// From the CephCluster to phase Ready with three nodes: 49 s; one node's share of preparing is added for each node.
pub(crate) const SEED_SECONDS: u32 = 60;
/// What all of `prepare`, `close_gate` and `let_go` take together, without the image checks.
pub(crate) const FRAME_SECONDS: u32 = 120;

/// A command to Ceph or to the API server that changes one value.
pub(crate) const COMMAND_DEADLINE: u32 = 60;
/// systemd gives a unit 90 s to stop by default and Ceph's OSD unit some minutes.
pub(crate) const STOP_DEADLINE: u32 = 300;
/// A process is gone, a port or device is free.
pub(crate) const GONE_DEADLINE: u32 = 120;
/// A pod on a node that has to pull the image first.
pub(crate) const IMAGE_DEADLINE: u32 = 900;
/// A mon pod starts and its mon joins the quorum; Rook itself waits 300 s.
pub(crate) const QUORUM_DEADLINE: u32 = 300;
/// An OSD pod runs its init containers and the OSD is up; Rook itself waits 600 s.
pub(crate) const OSD_UP_DEADLINE: u32 = 600;
/// PGs recover what was written meanwhile.
pub(crate) const CLEAN_DEADLINE: u32 = 3_600;
/// One reconcile of Rook without OSDs.
pub(crate) const RECONCILE_DEADLINE: u32 = 900;
/// What each node adds to a reconcile: one prepare job.
pub(crate) const RECONCILE_PER_NODE: u32 = 30;
