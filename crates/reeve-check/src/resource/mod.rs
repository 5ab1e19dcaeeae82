//! Things that checks make in a cloud, and how none of them is left behind.
//!
//! Everything has a name that says which run made it ([`RunId`], [`ResourceName`]). Before anything is made, a line about it is on disk in the run's [`Ledger`]; after it was made, a second one with its
//! id; when it is gone, a third. Whatever kills the run, the ledger names what may be there, and [`cleanup`] looks for it, deletes it and makes sure that it is gone. What no ledger names is deleted only if name and mark
//! both say that a run of this program made it, and belongs to the project of the login.

mod kind;
mod ledger;
mod name;
mod owner;
mod patience;
mod removal;
mod sweep;
mod workshop;

pub use kind::Kind;
pub(crate) use kind::{Found, find_ours, rule_path};
pub use ledger::{Ledger, LedgerEntry, LedgerError, LedgerHead, LedgerState, LedgerStatus, peek_ledger, read_ledgers};
pub use name::{ResourceName, RunId};
pub(crate) use owner::Owner;
pub use patience::Patience;
pub(crate) use removal::is_no_service;
pub use sweep::{CleanupError, CleanupOptions, CleanupOutcome, cleanup};
pub(crate) use workshop::{Made, MakeError, WaitError, Workshop};
