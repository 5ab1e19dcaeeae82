//! `reeve import report`: what a run made, with digests as evidence.

use reeve_import::ImportReport;

use super::chosen::{runs, runs_meant};
use crate::cli::{ImportChoiceArgs, ImportReportArgs, ImportReportFormat};
use crate::command::journal::journal_failure;
use crate::command::{Context, TOOL};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &ImportReportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs = runs(&args.runs, context)?;
    let choice = ImportChoiceArgs {
        run: args.run.iter().cloned().collect(),
        all: false,
    };
    let run = runs_meant(&runs, &choice, context, |_| true)?.remove(0);
    let detail = runs.show(&run).map_err(|error| journal_failure(&error))?;
    let report = ImportReport::of(&detail, TOOL, jiff::Timestamp::now()).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("the plan or the records of run {run} cannot be read: {error}"),
        )
        .hint("use the version of reeve that made the run")
    })?;
    let text = match args.format {
        ImportReportFormat::Json => {
            serde_json::to_string_pretty(&report).expect("a report has only text keys and whole numbers") + "\n"
        }
        ImportReportFormat::Html => reeve_report::document_html(&report.document()),
        ImportReportFormat::Text => {
            reeve_report::document_terminal(&report.document(), context.terminal_options(args.output.is_none()))
        }
    };
    context.hand_on(&text, args.output.as_deref())?;
    Ok(Exit::Done)
}
