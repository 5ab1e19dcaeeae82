//! The laboratories: real Ceph, Kubernetes and Rook, or a real OpenStack cloud, on one machine.
//!
//! A [`Lab`] is a legacy Ceph cluster on one to five systemd nodes, a Kubernetes cluster with a kubelet on each of them, and the real Rook
//! operator, ready to take the cluster over. [`Lab::up`] makes it from a [`Spec`]; [`Lab::exec`], [`Lab::kubeconfig`] and [`Lab::ssh_config`] are its doors;
//! [`Lab::inject`] breaks it and [`Lab::repair`] mends it; [`down`] removes it.
//!
//! An [`OpenStackLab`] is a whole cloud in namespaces without a name, started from a stored state; a [`Profile`] breaks it on purpose. It shares the
//! record, the cgroups, the cache and [`down`] with the other kind. [`guest`] makes a Debian that an import can be tried with.
//!
//! What is slow to make and the same each time lies in a cache, keyed by its recipe. What outlives a process is written down and synced before it is
//! made, so that [`down`] finds it after any crash; processes are known by their cgroup, which they cannot leave. The library does not print: it
//! tells a [`Progress`]. It leaves to its callers where its folders are ([`Places`]) and where Rook's files come from.

mod cache;
mod ceph;
mod cgroup;
mod command;
mod down;
mod error;
mod fault;
mod guest;
mod image;
mod kubernetes;
mod lab;
mod machine;
mod network;
mod node;
mod openstack;
mod packages;
mod prepare;
mod process;
mod progress;
mod rook;
mod spec;
mod ssh;
mod state;
mod storage;
mod tree;
mod up;

pub use ceph::{CLIENT_NAME, IMAGE, POOL};
pub use command::Output;
pub use down::{clean, clean_cache, down};
pub use error::{LabError, Result};
pub use fault::Fault;
pub use guest::guest;
pub use image::{CEPH_IMAGE, ROOK_IMAGE};
pub use kubernetes::VERSION as KUBERNETES_VERSION;
pub use lab::{Lab, NodeStatus, ProcessStatus, State, Status};
pub use node::CLIENT;
pub use openstack::{OpenStackLab, OpenStackSpec, OpenStackStatus, Profile, ServiceStatus};
pub use progress::{Progress, Silent};
pub use spec::{LabName, MonIdStyle, Spec};
pub use ssh::OPERATOR;
pub use state::{Asked, Line, Made, Places, Recorded, Started};
pub use up::{Times, prepare_only};
