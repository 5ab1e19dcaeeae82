//! `reeve import`: virtual machines of VMware into OpenStack.

mod inspect;
mod inspection_text;

use crate::cli::ImportCommand;
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(command: ImportCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        ImportCommand::Inspect(args) => inspect::run(&args, context),
    }
}
