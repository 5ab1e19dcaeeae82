//! ESXi and vCenter: which machines there are, and the files of datastores, read by HTTP with no program of VMware's.
//!
//! A machine that is off is a folder of a datastore: its `.vmx`, its disk descriptors and their flat files. So what is here gives
//! [`Members`](crate::Members) and [`ByteSource`](crate::ByteSource), and everything else is as for a folder of this machine.
//!
//! A machine that runs, or has snapshots, comes by an export lease: it is described by the inventory, and each disk is one stream.
//!
//! Calls are blocking, from threads that run no async code: whoever reads disks does so on threads of its own.
//!
//! Source: VMware: "vSphere Web Services API" (`SessionManager`, `ViewManager`, `PropertyCollector`), and "Datastore file access over HTTP"
//! (`/folder`).

mod address;
mod connection;
mod datastore;
mod description;
mod error;
mod export;
mod inventory;
mod lease;
mod session;
mod snapshot;
mod soap;
mod trust;
mod way;

use std::sync::Arc;

pub(crate) use address::{Address, SCHEME, parse};
pub use address::{DatastoreFile, VsphereHost};
pub(crate) use datastore::{DatastoreFolder, RemoteFile, failed};
pub(crate) use description::Description;
pub use error::VsphereError;
pub(crate) use export::{ExportError, ExportedDisk};
pub use inventory::{PowerState, VsphereMachine};
pub(crate) use lease::{Lease, NfcStream};
pub use reeve_tls::Fingerprint;
pub use session::{Vsphere, VsphereLogin};
pub use trust::Trust;
pub(crate) use way::Way;
pub use way::{SnapshotKind, Transfer, TransferChoice};

/// Tells whether what is waited for is still wanted.
pub(crate) type Stop = Arc<dyn Fn() -> bool + Send + Sync>;
