//! `reeve rook`: take over a live Ceph cluster into Rook on Kubernetes.

mod check;
mod facts_text;
mod kubernetes;
mod migrate;
mod place;
mod plan;
mod progress;
mod survey;
pub(super) mod target;

use super::Context;
use crate::cli::RookCommand;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(command: RookCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        RookCommand::Survey(args) => survey::run(&args, context),
        RookCommand::Check(args) => check::run(&args, context),
        RookCommand::Plan(args) => plan::run(&args, context),
        RookCommand::Migrate(args) => migrate::migrate(&args, context),
        RookCommand::Resume(args) => migrate::resume(&args, context),
        RookCommand::Status(args) => crate::command::run::status(&args, context),
        RookCommand::Rollback(args) => migrate::rollback(&args, context),
    }
}
