//! Whole runs on a cloud that behaves: verdicts, and that nothing is ever left behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod bench;
mod broken;
mod domain_manager;
mod good;
#[path = "../good_cloud/mod.rs"]
mod good_cloud;
mod leftovers;
