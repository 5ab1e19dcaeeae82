//! `reeve completions`: a completion script for a shell.

use clap::CommandFactory;

use super::Context;
use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(shell: clap_complete::Shell, context: &Context<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reeve", &mut script);
    context.answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
