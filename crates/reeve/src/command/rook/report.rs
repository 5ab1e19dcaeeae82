//! `reeve rook report`: what a run did, and what there is to do now.

use camino::Utf8Path;
use reeve_journal::{RunDetail, RunId, Runs};
use reeve_report::Report;
use reeve_rook::facts::Facts;
use reeve_rook::handover_report::{HandoverReport, HandoverSources, handover_report};
use reeve_rook::watch::Samples;

use super::verify::{exports, kept_in, shown};
use crate::cli::{HandoverArgs, HandoverFormat};
use crate::command::{Context, TOOL};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;

/// Largest report of `check` or `verify` that is read.
const MAX_REPORT_BYTES: u64 = 64 << 20;

pub(super) fn run(args: &HandoverArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let usage = |error: &(dyn std::error::Error + 'static)| Failure::from_error(Exit::Usage, error);
    let runs = crate::command::run::existing(&args.runs, &args.run, context)?;
    let detail = shown(&runs, &args.run)?;
    let facts = args
        .facts
        .as_ref()
        .map(|path| Facts::load(path))
        .transpose()
        .map_err(|error| usage(&error))?;
    let judged: Vec<Report> = args.with.iter().map(|path| judged(path)).collect::<Result<_, _>>()?;
    let report = made(&runs, &detail, facts.as_ref(), &judged)?;
    let text = match args.format {
        HandoverFormat::Json => {
            let mut text =
                serde_json::to_string_pretty(&report).expect("a report has only text keys and finite numbers");
            text.push('\n');
            text
        }
        HandoverFormat::Html => reeve_report::document_html(&report.document()),
        HandoverFormat::Text => {
            reeve_report::document_terminal(&report.document(), context.terminal_options(args.output.is_none()))
        }
    };
    context.hand_on(&text, args.output.as_deref())?;
    Ok(Exit::Done)
}

/// Puts the report of a run together from what lies in its folder.
fn made(runs: &Runs, detail: &RunDetail, facts: Option<&Facts>, judged: &[Report]) -> Result<HandoverReport, Failure> {
    let usage = |error: &(dyn std::error::Error + 'static)| Failure::from_error(Exit::Usage, error);
    let kept_in = kept_in(runs, detail);
    let exports = exports(runs, detail);
    let samples = Samples::read(&runs.path(&detail.summary.run)).map_err(|error| usage(&error))?;
    handover_report(&HandoverSources {
        run: detail,
        samples: samples.as_ref(),
        exports: &exports,
        kept_in: kept_in.is_dir().then_some(kept_in.as_str()),
        facts,
        judged,
        tool: TOOL,
        made_at: jiff::Timestamp::now(),
    })
    .map_err(|error| usage(&error))
}

/// Writes the report of a rehearsal to a file: JSON if its name ends so, else HTML.
pub(super) fn write_rehearsal(runs: &Runs, run: &RunId, facts: Option<&Facts>, path: &Utf8Path) -> Result<(), Failure> {
    let detail = runs
        .show(run)
        .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let report = made(runs, &detail, facts, &[])?;
    let text = if path.extension() == Some("json") {
        serde_json::to_string_pretty(&report).expect("a report has only text keys and finite numbers") + "\n"
    } else {
        reeve_report::document_html(&report.document())
    };
    file_output::write(path, text.as_bytes(), 0o644)
}

fn judged(path: &Utf8Path) -> Result<Report, Failure> {
    let failed = |because: String| Failure::new(Exit::Usage, format!("could not read {path}: {because}"));
    let size = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > MAX_REPORT_BYTES {
        return Err(failed(format!("it has {size} bytes, which no report has")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    reeve_report::load(&text).map_err(|error| {
        Failure::from_error(Exit::Usage, &error).hint(format!(
            "`{path}` has to be what `--format json` of `check` or `verify` printed"
        ))
    })
}
