//! `reeve import`: virtual machines of VMware into OpenStack.

mod at_work;
mod chosen;
mod display;
mod ending;
mod hosts;
mod inspect;
mod inspection_text;
mod plan;
mod report;
mod run;

pub(super) use display::StreamLine;

use crate::cli::ImportCommand;
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(command: ImportCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        ImportCommand::List(args) => hosts::list(&args, context),
        ImportCommand::Inspect(args) => inspect::run(&args, context),
        ImportCommand::Plan(args) => plan::run(&args, context),
        ImportCommand::Run(args) => run::run(&args, context),
        ImportCommand::Resume(args) => run::resume(&args, context),
        ImportCommand::Undo(args) => run::undo(&args, context),
        ImportCommand::Report(args) => report::run(&args, context),
    }
}

/// Returns the runtime for talking to a cloud while files are read.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))
}

/// Makes a text from a plan or a cloud safe to print.
fn safe(text: &str) -> String {
    reeve_untrusted::short(text, 1000)
}
