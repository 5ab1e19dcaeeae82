//! The laboratory `openstack`: a complete small cloud from Debian packages in one set of namespaces.
//!
//! An [`OpenStackLab`] has Keystone, Glance, Placement, Nova with QEMU guests, Neutron with OVN, Cinder with backup, Barbican, Octavia's API, Ceph for
//! images, volumes and objects. All of it listens on the loopback device of a network namespace without a name, so two of them do not meet, and nothing is
//! mounted or named on the machine: with the last process everything but the folder is gone. [`Profile`]s break it on purpose.
//!
//! [`tree`] is the root that is shared and never written, [`stored`] the state after a first start, kept so that the next laboratory starts from a copy;
//! [`root`] makes the namespaces, [`service`] lists the programs, [`cloud`] runs them, [`start`] knows their order, [`lab`] is what callers see.

mod cloud;
mod configuration;
mod front;
mod lab;
mod logins;
mod profile;
mod root;
mod service;
mod spec;
mod start;
mod status;
mod stored;
mod switching;
mod tree;

pub use lab::OpenStackLab;
pub use profile::Profile;
pub use spec::OpenStackSpec;
pub use status::{OpenStackStatus, ServiceStatus};

pub(crate) use stored::recipes;
