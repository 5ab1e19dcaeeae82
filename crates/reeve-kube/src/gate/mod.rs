//! The daemon gate: no pod of a Ceph daemon starts in a namespace before the daemon was released.
//!
//! A ValidatingAdmissionPolicy looks at every Pod that is to be created in one namespace and carries Rook's two daemon labels, and lets it through
//! only if `TYPE.ID` is a key of a ConfigMap. Rook then builds all its Deployments and not one pod, while the legacy daemons serve on.
//! [`close`] makes the three objects, [`prove_closed`] shows by a server-side dry run that they work, [`release`] and [`withhold`] put one
//! daemon on the list and take it off, [`prove_open`] shows that its pod would be let through, [`remove`] takes all of it away.
//!
//! Everything fails closed: no ConfigMap, no data in it, an expression that fails. That is also the gate's danger: one that nobody minds keeps
//! Rook from starting a daemon again, so it must go at the end of a run and at the end of its undoing, and [`read_state`] finds what is left.
//!
//! Keys rather than one list of names: releasing is then a merge patch of one key, right whatever else happens to the list meanwhile,
//! and the same when repeated. Each namespace has a policy and a binding of its own, so that two take-overs in one Kubernetes cluster do not
//! touch each other.
//!
//! Caveat: with several API servers each learns of a change by itself, usually within a second. A proof asks for a while and wants the same answer each time,
//! over whatever connections the client has; it cannot choose the server that answers.
//!
//! Needs ValidatingAdmissionPolicy v1, which Kubernetes has since 1.30.

mod control;
mod daemon;
mod error;
mod objects;
mod proof;
mod state;

pub use control::{NewGate, Removed, close, nudge, release, remove, withhold};
pub use daemon::{DaemonKey, DaemonKeyError};
pub use error::GateError;
pub use objects::{Mark, binding, objects, policy, released_list};
pub use proof::{Probe, Proof, prove_closed, prove_open};
pub use state::{GateState, read_state};

/// The field manager of what this crate writes.
pub(crate) const FIELD_MANAGER: &str = "reeve";

/// Kubernetes has the policy as v1 since this minor version.
///
/// Source: kubernetes/enhancements: KEP-3488 – graduation criteria, GA in 1.30.
pub const OLDEST_KUBERNETES_MINOR: u64 = 30;

/// The format of the three objects, kept in annotation [`FORMAT_ANNOTATION`].
pub const GATE_FORMAT: &str = "1";
/// Name of the ConfigMap whose keys are the released daemons.
pub const RELEASED_LIST: &str = "reeve-released";
/// Annotation with the id of the run that made the gate.
pub const RUN_ANNOTATION: &str = "reeve/run";
/// Annotation with the time at which the run began to make the gate.
pub const MADE_AT_ANNOTATION: &str = "reeve/made-at";
/// Annotation with [`GATE_FORMAT`].
pub const FORMAT_ANNOTATION: &str = "reeve/gate-format";
/// Annotation by which a ReplicaSet is touched, so that its controller tries again at once.
pub const NUDGE_ANNOTATION: &str = "reeve/nudge";

/// Label of Rook's pods with the kind of daemon: `mon`, `mgr`, `osd`, `mds`, `rgw`.
///
/// Source: rook/rook: `pkg/operator/ceph/controller/label.go` – `CephDaemonAppLabels`.
pub const DAEMON_TYPE_LABEL: &str = "ceph_daemon_type";
/// Label of Rook's pods with the daemon's id.
pub const DAEMON_ID_LABEL: &str = "ceph_daemon_id";

/// Returns the name of the policy and of the binding for a namespace: `reeve-daemon-gate.rook-ceph`.
pub fn policy_name(namespace: &str) -> String {
    format!("reeve-daemon-gate.{namespace}")
}
