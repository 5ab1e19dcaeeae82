//! `reeve check list`: which checks there are.

use std::fmt::Write;

use reeve_check::Target;
use serde::Serialize;

use super::{catalogue, selected, today};
use crate::cli::{CheckListArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// A check as the JSON list shows it.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    weight: &'static str,
    /// The versions that it is mandatory for.
    versions: &'a [String],
    makes_something: bool,
    description: &'a str,
}

pub(super) fn run(args: &CheckListArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.selection)?;
    let selected = selected(&args.selection, &catalogue, today())?;
    let entries: Vec<Entry<'_>> = selected
        .cases
        .iter()
        .map(|case| Entry {
            id: &case.id,
            weight: match case.target {
                Target::Main => "mandatory",
                Target::Recommended => "recommended",
                Target::Preview => "by a person",
                Target::Extra => "extra",
            },
            versions: &case.versions,
            makes_something: reeve_check::GROUPS
                .iter()
                .any(|group| group.ids.contains(&case.id.as_str())),
            description: &case.description,
        })
        .collect();
    match args.format {
        TextOrJson::Json => context.answer_json(&entries)?,
        TextOrJson::Text => context.answer(&text(&entries))?,
    }
    Ok(Exit::Done)
}

fn text(entries: &[Entry<'_>]) -> String {
    let width = entries.iter().map(|entry| entry.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        let how = if entry.makes_something { "makes" } else { "" };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {:<11}  {how:<5}  {}",
            entry.id, entry.weight, entry.description
        );
    }
    let making = entries.iter().filter(|entry| entry.makes_something).count();
    let _ = writeln!(
        text,
        "\n{} checks; {making} of them make something in the cloud and delete it again",
        entries.len()
    );
    text
}
