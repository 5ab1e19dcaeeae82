//! `reeve check cleanup`: delete what earlier runs left.

use std::fmt::Write;

use reeve_check::{CleanupError, CleanupOptions, CleanupOutcome, LeftBehind, cleanup};
use reeve_openstack::Access;
use serde::Serialize;

use super::watched::watched;
use super::{TOOL, cloud, ledgers, patience, runtime};
use crate::cli::{CheckCleanupArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What cleaning up came to, as JSON.
#[derive(Serialize)]
struct Outcome<'a> {
    dry_run: bool,
    deleted: &'a [String],
    left: &'a [LeftBehind],
    skipped: Vec<Skipped<'a>>,
    unreadable: &'a [String],
}

/// A run that was let alone.
#[derive(Serialize)]
struct Skipped<'a> {
    run: &'a str,
    because: &'a str,
}

pub(super) fn run(args: &CheckCleanupArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let config = cloud::config(&args.cloud, context)?;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let access = if args.dry_run {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    };
    let session = cloud::connect(config, access, None)?;
    let options = CleanupOptions {
        ledgers: ledgers(&args.ledger, context),
        run: args.run.clone(),
        older_than: args.older_than,
        only_show: args.dry_run,
        patience: patience(context),
        tool: TOOL.to_owned(),
    };
    let which = args.run.as_ref().map_or("ID", |run| run.as_str());
    let outcome = runtime.block_on(watched(&session, context, which, |telling, stop| {
        let (session, options) = (&session, &options);
        async move {
            tokio::select! {
                outcome = cleanup(session, options, jiff::Timestamp::now(), &telling) => Some(outcome),
                () = stop => None,
            }
        }
    }))?;
    let Some(outcome) = outcome else {
        return Err(Failure::new(Exit::Stuck, "stopped before everything was deleted").hint("the same command goes on"));
    };
    let outcome = outcome.map_err(|error| match &error {
        CleanupError::Cloud(cause) => Failure::from_error(Exit::Unreachable, &error).hint(cause.hint()),
        _ => Failure::from_error(Exit::Usage, &error),
    })?;
    match args.format {
        TextOrJson::Text => context.answer(&text(&outcome, args.dry_run))?,
        TextOrJson::Json => context.answer_json(&Outcome {
            dry_run: args.dry_run,
            deleted: &outcome.deleted,
            left: &outcome.left,
            skipped: outcome
                .skipped
                .iter()
                .map(|(run, because)| Skipped {
                    run: run.as_str(),
                    because,
                })
                .collect(),
            unreadable: &outcome.unreadable,
        })?,
    }
    Ok(if outcome.left.is_empty() && outcome.unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::Stuck
    })
}

fn text(outcome: &CleanupOutcome, dry_run: bool) -> String {
    let mut text = String::new();
    let verb = if dry_run { "would delete" } else { "deleted" };
    // Writing into a String cannot fail. Names are ours, ids are checked; causes were made safe where they came in.
    for what in &outcome.deleted {
        let _ = writeln!(text, "{verb} {what}");
    }
    for left in &outcome.left {
        let id = left.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "STILL THERE: {} {}{id}\n  {}\n  {}",
            left.kind, left.name, left.cause, left.remedy
        );
    }
    for (run, because) in &outcome.skipped {
        let _ = writeln!(text, "let run {run} alone: {because}");
    }
    for what in &outcome.unreadable {
        let _ = writeln!(text, "cannot read a ledger: {what}");
    }
    if outcome.deleted.is_empty() && outcome.left.is_empty() && outcome.unreadable.is_empty() {
        text.push_str("nothing to delete\n");
    }
    text
}
