//! The daemon gate: no pod of a Ceph daemon starts in a namespace before the daemon was released.
//!
//! A ValidatingAdmissionPolicy looks at every Pod that is to be created in one namespace and carries Rook's two daemon labels, and lets it through
//! only if the namespace has the annotation `TYPE.released.reeve/ID`. Rook then builds all its Deployments and not one pod, while the legacy
//! daemons serve on. [`close`] makes policy and binding, [`prove_closed`] shows by a server-side dry run that they work, [`release`] and
//! [`withhold`] put one daemon on the list of released ones and take it off, [`prove_open`] shows that its pod would be let through, [`remove`] takes
//! all of it away.
//!
//! Everything fails closed: no annotation, an expression that fails. That is also the gate's danger: one that nobody minds keeps
//! Rook from starting a daemon again, so it must go at the end of a run and at the end of its undoing, and [`read_state`] finds what is left.
//!
//! Why annotations of the namespace: releasing is a merge patch of one key, right whatever else happens to the list meanwhile, the same when
//! repeated, and in force within milliseconds, because the API server evaluates policies with the namespace at hand. A list in the policy itself
//! takes up to a second to be in force. A ConfigMap as the policy's parameter, the obvious way, works once in the life of an API server: when the
//! last binding with that kind of parameter goes, the server stops watching the kind for good, and every later gate refuses everything or judges by
//! a list that is long gone (kubernetes/kubernetes#130887; seen on 1.34.4).
//!
//! Each namespace has a policy and a binding of its own, so that two take-overs in one Kubernetes cluster do not touch each other.
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
pub use objects::{Mark, binding, objects, policy, release_patch, withhold_patch};
pub use proof::{Probe, Proof, prove_closed, prove_open};
pub use state::{GateState, read_state};

/// The field manager of what this crate writes.
pub(crate) const FIELD_MANAGER: &str = "reeve";

/// Kubernetes has the policy as v1 since this minor version.
///
/// Source: kubernetes/enhancements: KEP-3488 – graduation criteria, GA in 1.30.
pub const OLDEST_KUBERNETES_MINOR: u64 = 30;

/// The format of policy, binding and annotations, kept in annotation [`FORMAT_ANNOTATION`].
pub const GATE_FORMAT: &str = "1";
/// What follows the kind of daemon in the prefix of an annotation of the namespace that releases one: `mon.released.reeve/n1`.
pub const RELEASED_SUFFIX: &str = "released.reeve";
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
