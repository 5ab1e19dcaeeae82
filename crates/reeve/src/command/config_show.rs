//! `reeve config show`: every setting, its value and where it comes from.

use serde::Serialize;

use super::Context;
use super::rook::target::Target;
use crate::cli::{TargetArgs, TextOrJson};
use crate::config::Setting;
use crate::exit::Exit;
use crate::failure::Failure;

/// One setting as it is shown.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: Option<String>,
    from: String,
}

fn row(key: &'static str, setting: Option<Setting<String>>) -> Row {
    match setting {
        Some(Setting { value, origin }) => Row {
            key,
            value: Some(value),
            from: origin.to_string(),
        },
        None => Row {
            key,
            value: None,
            from: "not set".into(),
        },
    }
}

pub(super) fn run(format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs = context.config.runs_dir(None, context.environment);
    let mut rows = vec![row(
        "runs_dir",
        Some(Setting {
            value: runs.value.to_string(),
            origin: runs.origin,
        }),
    )];
    rows.extend(
        Target::settings(&TargetArgs::default(), context)
            .into_iter()
            .map(|(key, setting)| row(key, setting)),
    );
    match format {
        TextOrJson::Json => context.answer_json(&rows)?,
        TextOrJson::Text => {
            let width = rows.iter().map(|row| row.key.len()).max().unwrap_or(0);
            let lines: Vec<String> = rows
                .iter()
                .map(|row| {
                    let value = row.value.as_deref().unwrap_or("-");
                    format!("{:width$}  {value}  ({})", row.key, row.from)
                })
                .collect();
            context.answer(&lines.join("\n"))?;
        }
    }
    Ok(Exit::Done)
}
