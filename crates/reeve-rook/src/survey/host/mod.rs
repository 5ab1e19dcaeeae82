//! One host: what is asked there and what facts come of it.
//!
//! [`commands`] lists the commands, [`parse`] reads what they print, [`visit`] asks in two rounds (who are you; all the rest), and the other
//! modules put the answers together.

pub(crate) mod commands;
mod daemons;
pub(crate) mod parse;
#[cfg(test)]
mod recorded;
mod revivers;
mod visit;
mod volumes;

pub(crate) use visit::{Expected, Login, Visit};
