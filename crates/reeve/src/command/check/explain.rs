//! `reeve check explain`: what a check is about.

use std::fmt::Write;

use reeve_check::{Catalogue, EXTRA_CHECKS, Explanation, Target};

use crate::cli::{CheckExplainArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &CheckExplainArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let catalogue = Catalogue::embedded();
    let explained: Result<Vec<Explanation>, Failure> = args
        .ids
        .iter()
        .map(|id| catalogue.explain(id).ok_or_else(|| unknown(id, &catalogue)))
        .collect();
    let explained = explained?;
    match args.format {
        TextOrJson::Json => context.answer_json(&explained)?,
        TextOrJson::Text => {
            let texts: Vec<String> = explained.iter().map(text).collect();
            context.answer(&texts.join("\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn unknown(id: &str, catalogue: &Catalogue) -> Failure {
    let ids = catalogue.testcases.iter().map(|testcase| testcase.id.as_str());
    let like = |known: &&str| (strsim::jaro_winkler(known, id) * 1000.0) as u32;
    let nearest = ids.chain(EXTRA_CHECKS.iter().map(|check| check.id)).max_by_key(like);
    let failure = Failure::new(Exit::Usage, format!("there is no check `{}`", id.escape_debug()));
    match nearest {
        Some(nearest) => failure.hint(format!(
            "the nearest one is `{nearest}`; `reeve check list --version all` lists them"
        )),
        None => failure,
    }
}

fn text(explanation: &Explanation) -> String {
    let mut text = format!("{}\n", explanation.id);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  {name:<12} {value}");
        }
    };
    if explanation.requirement.is_empty() {
        line("makes sure", &explanation.description);
    } else {
        line("requirement", &explanation.requirement);
    }
    line("source", &explanation.source);
    line("described at", &explanation.url);
    line("judged", &explanation.judged);
    line("makes", explanation.makes.as_deref().unwrap_or_default());
    let versions: Vec<String> = explanation
        .versions
        .iter()
        .map(|(version, target)| {
            let weight = match target {
                Target::Main => "mandatory",
                Target::Recommended => "recommended",
                Target::Preview => "by a person",
                Target::Extra => "extra",
            };
            format!("{version} ({weight})")
        })
        .collect();
    line(
        "versions",
        &if versions.is_empty() {
            "none".to_owned()
        } else {
            versions.join(", ")
        },
    );
    text
}
