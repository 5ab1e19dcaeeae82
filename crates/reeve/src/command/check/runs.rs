//! `reeve check runs`: the runs whose ledgers are here.

use std::fmt::Write;

use reeve_check::{LedgerState, peek_ledger, read_ledgers};
use serde::Serialize;

use super::ledgers;
use crate::cli::{CheckRunsArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// A run as the JSON list shows it.
#[derive(Serialize)]
struct Entry {
    run: String,
    began_at: jiff::Timestamp,
    cloud: String,
    auth_url: String,
    region: Option<String>,
    project: Option<String>,
    domain: Option<String>,
    at_work: bool,
    /// What may still be there: `volume scsx-…`.
    open: Vec<String>,
}

pub(super) fn run(args: &CheckRunsArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let folder = ledgers(&args.ledger, context);
    let paths = read_ledgers(&folder).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let mut entries = Vec::new();
    let mut unreadable = false;
    for path in paths {
        match peek_ledger(&path) {
            Ok((state, at_work)) => entries.push(entry(&state, at_work)),
            Err(error) => {
                unreadable = true;
                context.printer.note(&format!("warning: {error}"));
            }
        }
    }
    match args.format {
        TextOrJson::Json => context.answer_json(&entries)?,
        TextOrJson::Text => context.answer(&text(&entries))?,
    }
    // A run that may have left something is something to say; one that is at work is not.
    let has_left = entries.iter().any(|entry| !entry.at_work);
    Ok(if has_left || unreadable {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn entry(state: &LedgerState, at_work: bool) -> Entry {
    let head = &state.head;
    Entry {
        run: head.run.to_string(),
        began_at: head.run.began_at(),
        cloud: head.cloud.clone(),
        auth_url: head.auth_url.clone(),
        region: head.region.clone(),
        project: head.project.clone(),
        domain: head.domain.clone(),
        at_work,
        open: state
            .open()
            .map(|entry| format!("{} {}", entry.kind.word(), entry.name))
            .collect(),
    }
}

fn text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no runs: none is at work, and none left anything that it wrote down here\n".to_owned();
    }
    let mut text = String::new();
    for entry in entries {
        let state = if entry.at_work {
            "at work".to_owned()
        } else {
            format!(
                "over; `reeve check cleanup --cloud {}` cleans up after it",
                entry.cloud.escape_debug()
            )
        };
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}  {state}", entry.run);
        let of = if entry.domain.is_some() {
            ", as a domain manager"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "    on cloud {} at {}{of}",
            entry.cloud.escape_debug(),
            entry.auth_url.escape_debug()
        );
        for what in &entry.open {
            let _ = writeln!(text, "    may be there: {}", what.escape_debug());
        }
    }
    text
}
