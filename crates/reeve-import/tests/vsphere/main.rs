//! Machines of ESXi and vCenter, against govmomi's simulator behind a door that has a real host's faults (`tests/host`).
//!
//! `REEVE_VSPHERE_HOST` names the program that `cargo xtask test` builds of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod exports;
mod files;
#[path = "../host/mod.rs"]
mod host;
#[path = "../made/mod.rs"]
mod made;

use std::time::Duration;

use reeve_import::apply::{Import, World};
use reeve_journal::{Engine, EngineOptions, Journal};
use reeve_openstack::fake::FakeCloud;
use reeve_openstack::{Access, Session, SessionOptions};

/// Reads as the program does: on a thread that runs no async code.
pub(crate) async fn reading<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) fn sectors(count: usize) -> Vec<u8> {
    let mut bytes = made::content(count * 512);
    bytes.truncate(count * 512);
    bytes
}

pub(crate) fn session(cloud: &FakeCloud) -> Session {
    let options = SessionOptions {
        access: Access::ReadWrite,
        ..SessionOptions::default()
    };
    Session::connect(cloud.config(), &options).unwrap()
}

pub(crate) fn engine<'a>(journal: Journal, world: &'a World, attempts: u32) -> Engine<'a, World> {
    let options = EngineOptions {
        attempts,
        wait_between: Duration::from_millis(10),
    };
    let mut engine = Engine::new(journal, &Import, world).unwrap().with_options(options);
    engine.approve_all("test").unwrap();
    engine
}
