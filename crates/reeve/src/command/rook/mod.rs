//! `reeve rook`: take over a live Ceph cluster into Rook on Kubernetes.

mod adopt;
pub(super) mod approval;
mod at_work;
mod check;
mod connect;
mod display;
mod ending;
mod facts_text;
mod kubernetes;
mod migrate;
mod place;
mod plan;
mod progress;
mod rehearse;
mod report;
mod signals;
mod status;
mod stream;
mod survey;
pub(super) mod target;
mod verify;
mod view;

pub(super) use status::RunStatus;
pub(super) use stream::StreamLine;

use super::Context;
use crate::cli::RookCommand;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(command: RookCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        RookCommand::Survey(args) => survey::run(&args, context),
        RookCommand::Check(args) => check::run(&args, context),
        RookCommand::Plan(args) => plan::run(&args, context),
        RookCommand::Rehearse(args) => rehearse::run(&args, context),
        RookCommand::Migrate(args) => migrate::migrate(&args, context),
        RookCommand::Resume(args) => migrate::resume(&args, context),
        RookCommand::Status(args) => status::status(&args, context),
        RookCommand::Rollback(args) => migrate::rollback(&args, context),
        RookCommand::Verify(args) => verify::run(&args, context),
        RookCommand::Report(args) => report::run(&args, context),
        RookCommand::AdoptCrs(args) => adopt::run(&args, context),
    }
}
