//! `cargo xtask lint`: what CI refuses.

use std::process::Command;

use crate::part::{PartError, Parts};
use crate::tool::{CARGO_DENY, cargo, root};

pub(crate) fn run(parts: &mut Parts) -> Result<(), PartError> {
    let mut format = cargo();
    format.args(["fmt", "--all", "--check"]);
    parts.quiet("rustfmt", &mut format)?;
    let mut clippy = cargo();
    clippy.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    parts.quiet("clippy", &mut clippy)?;
    let mut doc = cargo();
    doc.args(["doc", "--quiet", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    parts.quiet("rustdoc", &mut doc)?;
    let deny = CARGO_DENY.ensure(parts)?;
    let mut check = Command::new(deny);
    // Advisories need a database from outside the registries; CONTRIBUTING says how to check them where it can be reached.
    check.args(["check", "licenses", "bans", "sources"]).current_dir(root());
    parts.quiet("cargo-deny: licences, bans, sources", &mut check)
}
