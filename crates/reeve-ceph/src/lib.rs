//! Adapter: Ceph commands and their typed answers.
//!
//! A [`Query`] is a read-only command together with the type of its answer ([`query`] lists them all). [`Query::ask`] runs it
//! through a [`CephCommands`], which somebody else implements over whatever carries commands to a host, and gives the typed answer
//! or a [`CephError`] that tells a key without rights, a cluster that does not answer and garbage apart. [`ceph_volume`] reads what
//! `ceph-volume` prints on an OSD host.
//!
//! Answers are read with tolerance: keys that this crate does not know are skipped, keys that some releases lack have a default, so
//! that one type serves Pacific to Tentacle. What nobody can do without (a fsid, the list of mons) must be there, else the answer
//! is garbage. Keys of auth entities are dropped while they are read and never kept.
//!
//! Names and versions ([`DaemonName`], [`OsdId`], [`Fsid`], [`CephVersion`]) are values of their own. Deadlines and output limits
//! are left to the transport; what the answers mean for an operation is left to the crates above.

mod answer;
pub mod ceph_volume;
mod command;
mod error;
mod json;
mod name;
pub mod query;
mod release;

pub use answer::*;
pub use command::{CephCommand, CephCommands, CephProgram, CommandOutput, TransportError};
pub use error::{AnswerError, CephError};
pub use name::{DaemonName, DaemonType, Fsid, NameError, OsdId};
pub use query::Query;
pub use release::{CephVersion, VersionError};
