//! Commands and files on a host, here or over ssh.
//!
//! A [`Command`] is a value: program, arguments, deadline, limits. A [`Host`] runs it and answers with an [`Output`], or with a
//! [`HostError`] that names host and command and tells whether trying again can help. [`Hosts`] connects to hosts by
//! [`HostName`]: [`SshHosts`] over the system's own `ssh`, so that the operator's configuration, keys and jump hosts apply,
//! [`LocalHosts`] on this machine, [`ReplayHosts`] from a [`Recording`] that [`RecordingHosts`] made.
//! [`on_each`] asks many hosts at once, with a bound.
//!
//! Where a program is asked often and is slow to start, [`Host::open`] keeps it running in a [`Conversation`]; hosts that cannot say so, and are asked by commands.
//!
//! A call flows `on_each` → [`Hosts::connect`] → [`Host::run`]. Reading, writing and renaming files are commands too
//! ([`Host::read`] and its neighbours), so a recording holds them and every implementation treats them alike. What a command means and
//! how its output reads is left to the crates above.
//!
//! Promises, kept by every implementation and tested by `behaviour::check` (feature `test-behaviour`):
//!
//! * An argument reaches the program as it is; no shell looks at it.
//! * A call ends at the command's deadline, whatever the host does. The process is ended too: here by signal, on a remote host by
//!   `timeout` from coreutils, which every remote command runs under where the host has it.
//! * Output is bounded. More standard output than allowed is an error, unless the command asked to have it cut.
//! * Nothing secret is logged or named in an error: secret arguments are masked, standard input is never shown.

#[cfg(any(test, feature = "test-behaviour"))]
pub mod behaviour;
mod command;
mod conversation;
mod error;
mod files;
mod host;
mod local;
mod name;
mod output;
mod parallel;
mod privilege;
mod process;
mod recorder;
mod recording;
mod replay;
mod ssh;
mod ssh_failure;

pub use command::{Command, MASK};
pub use conversation::Conversation;
pub use error::HostError;
pub use host::{Host, Hosts};
pub use local::{LocalHost, LocalHosts};
pub use name::{HostName, HostNameError};
pub use output::{Output, printable, printable_tail};
pub use parallel::on_each;
pub use privilege::Privilege;
pub use recorder::RecordingHosts;
pub use recording::{Answer, HostRecording, RECORDING_FORMAT, Recorded, RecordedBytes, Recording, RecordingError};
pub use replay::ReplayHosts;
pub use ssh::{KnownHosts, SshHosts, SshOptions, SshSetupError};
