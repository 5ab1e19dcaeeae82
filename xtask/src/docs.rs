//! `cargo xtask docs`: builds the book.

use std::process::Command;

use crate::part::{PartError, Parts};
use crate::tool::{MDBOOK, root};

pub(crate) fn run(parts: &mut Parts) -> Result<(), PartError> {
    let mdbook = MDBOOK.ensure(parts)?;
    let mut build = Command::new(mdbook);
    build.args(["build", "docs"]).current_dir(root());
    parts.quiet("build the book into docs/book", &mut build)
}
