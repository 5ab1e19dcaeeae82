//! Adapter: Kubernetes objects, Rook's own kinds and the daemon gate.
//!
//! [`Cluster::connect`] opens a cluster from a kubeconfig, with TLS always verified. Everything else asks a [`Cluster`]: the
//! readers ([`Cluster::nodes`], [`Cluster::namespace`], [`Cluster::operator`], [`Cluster::ceph_clusters`] …) return small views of this
//! crate, never wire types, and change nothing; [`gate`] closes, proves, opens and removes the gate that keeps Rook's pods from
//! starting before their daemon was handed over.
//!
//! A request that fails becomes a [`RequestError`] that names the server, the kubeconfig and the context, says by
//! [`RequestError::is_transient`] whether trying again helps, and has a [`RequestError::hint`] for the next action. Every request has a
//! deadline, every list is paged and bounded, and at most [`MAX_IN_FLIGHT`] requests are under way at once. The readers
//! never ask for contents of Secrets; [`Cluster::get`] does for the one Secret that a run wrote itself.
//!
//! What the facts mean, and when anything may be changed, is left to the operations. With feature `fake`, module `fake` has an API
//! server in this process that behaves like the real one as far as this crate uses it.

mod access;
mod cluster;
mod crd;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
pub mod gate;
mod kubeconfig;
mod name_table;
mod namespace;
mod node;
mod object;
mod operator;
mod page;
mod rook;

pub use access::Access;
pub use cluster::{Cluster, MAX_IN_FLIGHT, Origin};
pub use error::{Problem, RequestError};
pub use kubeconfig::{ConnectError, KubeconfigSource};
pub use namespace::Namespace;
pub use node::Node;
pub use object::Resource;
pub use operator::{HIDDEN, OPERATOR_CONFIG, OPERATOR_DEPLOYMENT, Operator, tag_version};
pub use page::{MAX_PAGES, PAGE_SIZE};
pub use rook::CephCluster;
