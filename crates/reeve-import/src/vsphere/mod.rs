//! ESXi and vCenter: which machines there are, and the files of datastores, read by HTTP with no program of VMware's.
//!
//! A machine that is off is a folder of a datastore: its `.vmx`, its disk descriptors and their flat files. So what is here gives
//! [`Members`](crate::Members) and [`ByteSource`](crate::ByteSource), and everything else is as for a folder of this machine.
//!
//! Calls are blocking, from threads that run no async code: whoever reads disks does so on threads of its own.
//!
//! Source: VMware: "vSphere Web Services API" (`SessionManager`, `ViewManager`, `PropertyCollector`), and "Datastore file access over HTTP"
//! (`/folder`).

mod address;
mod connection;
mod datastore;
mod error;
mod inventory;
mod session;
mod soap;
mod trust;

pub(crate) use address::{Address, SCHEME, parse};
pub use address::{DatastoreFile, VsphereHost};
pub(crate) use datastore::{DatastoreFolder, RemoteFile, failed};
pub use error::VsphereError;
pub use inventory::{PowerState, VsphereMachine};
pub use reeve_tls::Fingerprint;
pub use session::{Vsphere, VsphereLogin};
pub use trust::Trust;
