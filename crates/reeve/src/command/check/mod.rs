//! `reeve check`: does a cloud keep the SCS IaaS standards?

mod cleanup;
pub(super) mod cloud;
mod explain;
mod list;
mod plan;
mod rendering;
mod report;
mod run;
mod runs;
mod signature;
mod upload;
mod watched;

use camino::Utf8PathBuf;
use reeve_check::{Catalogue, Patience, ScopeChoice, Selected, Selection, Target};

use crate::cli::{CheckCommand, LedgerArgs, SelectionArgs, Weight};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// The program and its version.
const TOOL: &str = concat!("reeve ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(command: CheckCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        CheckCommand::Run(args) => run::run(&args, context),
        CheckCommand::List(args) => list::run(&args, context),
        CheckCommand::Explain(args) => explain::run(&args, context),
        CheckCommand::Report(args) => report::run(&args, context),
        CheckCommand::Upload(args) => upload::run(&args, context),
        CheckCommand::Runs(args) => runs::run(&args, context),
        CheckCommand::Cleanup(args) => cleanup::run(&args, context),
    }
}

/// Returns the catalogue that was named, or the one in this program.
fn catalogue(args: &SelectionArgs) -> Result<Catalogue, Failure> {
    let Some(path) = &args.spec else {
        return Ok(Catalogue::embedded());
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("could not read {path}: {error}")))?;
    Catalogue::parse(&text).map_err(|error| {
        let mut failure = Failure::from_error(Exit::Usage, &error);
        failure.message = format!("{path}: {}", failure.message);
        failure
    })
}

/// Returns the checks that were asked for; `day` is the one that versions are current on.
fn selected(args: &SelectionArgs, catalogue: &Catalogue, day: jiff::civil::Date) -> Result<Selected, Failure> {
    let versions = match args.version.as_str() {
        "current" => ScopeChoice::Current(day),
        "draft" => ScopeChoice::Draft(day),
        "all" => ScopeChoice::All,
        version => ScopeChoice::Version(version.to_owned()),
    };
    let target = |weight: &Weight| match weight {
        Weight::Mandatory => Target::Main,
        Weight::Recommended => Target::Recommended,
        Weight::Extra => Target::Extra,
        Weight::Manual => Target::Preview,
    };
    let selection = Selection {
        versions,
        targets: args.scope.iter().map(target).collect(),
        only: args.only.clone(),
        skip: args.skip.clone(),
    };
    catalogue.select(&selection).map_err(|error| {
        Failure::from_error(Exit::Usage, &error).hint("`reeve check list --version all` says which checks there are")
    })
}

/// Returns today, in UTC as certificates count.
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Returns the folder of the ledgers.
fn ledgers(args: &LedgerArgs, context: &Context<'_>) -> Utf8PathBuf {
    args.ledger_dir.clone().unwrap_or_else(|| {
        let runs = context.config.runs_dir(None, context.environment).value;
        runs.parent()
            .map_or_else(|| "check".into(), |state| state.join("check"))
    })
}

/// Returns how long is waited for what. A fake cloud in tests is not made to wait for by the second.
fn patience(context: &Context<'_>) -> Patience {
    let mut patience = Patience::default();
    if let Some(poll) = context.environment.check_poll {
        patience.poll = poll;
        patience.settle = poll * 5;
    }
    patience
}

/// Returns the runtime for talking to a cloud.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))
}
