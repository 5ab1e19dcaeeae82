//! `reeve rook plan`: write down every step of the take-over; show and compare plans.

use camino::Utf8Path;
use reeve_journal::plan::{Plan, PlanError};
use reeve_report::Verdict;
use reeve_rook::plan::{self, Options};

use super::{check, survey};
use crate::cli::{PlanArgs, PlanCommand, PlanMakeArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;

/// The largest options file that is read.
const OPTIONS_LIMIT: u64 = 1 << 20;

pub(super) fn run(args: &PlanArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    match &args.command {
        None => make(&args.make, context),
        Some(PlanCommand::Show { plan, steps, format }) => show(&load(plan)?, *steps, *format, context),
        Some(PlanCommand::Diff { before, after, format }) => diff(before, after, *format, context),
    }
}

fn make(args: &PlanMakeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let waivers = check::waivers(&args.waive)?;
    let options = options(args.options.as_deref())?;
    let facts = survey::load_or_take(args.facts.as_deref(), &args.target, context)?;
    let report = check::report(&facts, &waivers);
    match report.verdict() {
        Verdict::Refused => {
            let refusing = check::refusing(&report);
            let named = args
                .facts
                .as_ref()
                .map_or_else(String::new, |path| format!(" --facts {path}"));
            return Err(Failure::new(
                Exit::Findings,
                format!("not planned: `check` refuses because of {}", refusing.join(", ")),
            )
            .hint(format!("`reeve rook check{named}` says what to repair")));
        }
        Verdict::NotJudged => {
            let count = report.counts().not_judged;
            context.printer.note(&format!(
                "warning: {count} checks could not be judged; `reeve rook check` names them. The plan rests on what is known."
            ));
        }
        Verdict::Fine | Verdict::Warnings => {}
    }
    let options = options.with_waivers(&facts, &waivers);
    let plan = plan::plan(&facts, &options).map_err(|error| Failure::from_error(Exit::Findings, &error))?;
    if let Some(path) = &args.output {
        file_output::write(path, plan.to_json().as_bytes(), 0o600)?;
        context.printer.note(&format!("wrote {path}"));
    }
    // A plan that went to a file is shown only when somebody may be reading.
    if args.output.is_none() || !context.printer.is_quiet() {
        show(&plan, args.steps, args.format, context)?;
    }
    Ok(Exit::Done)
}

fn options(path: Option<&Utf8Path>) -> Result<Options, Failure> {
    let Some(path) = path else {
        return Ok(Options::default());
    };
    let wrong = |message: String| Failure::new(Exit::Usage, format!("{path}: {message}"));
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > OPTIONS_LIMIT {
        return Err(wrong(format!(
            "larger than {OPTIONS_LIMIT} bytes, so it is no options file"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|error| wrong(error.to_string()).hint("`reeve schema rook-plan-options` describes the file"))
}

fn load(path: &Utf8Path) -> Result<Plan, Failure> {
    Plan::load(path).map_err(|error: PlanError| Failure::from_error(Exit::Usage, &error))
}

fn show(plan: &Plan, steps: bool, format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    match format {
        TextOrJson::Json => context.answer(&plan.to_json())?,
        TextOrJson::Text => {
            let printer = context.printer;
            context.answer(&plan::render(plan, steps, printer.width(), printer.colour()))?;
        }
    }
    Ok(Exit::Done)
}

fn diff(before: &Utf8Path, after: &Utf8Path, format: TextOrJson, context: &Context<'_>) -> Result<Exit, Failure> {
    let (before, after) = (load(before)?, load(after)?);
    let diff = Plan::diff(&before, &after);
    match format {
        TextOrJson::Json => context.answer_json(&diff)?,
        TextOrJson::Text => {
            let printer = context.printer;
            context.answer(&plan::render_diff(&diff, printer.width(), printer.colour()))?;
        }
    }
    Ok(if diff.is_empty() { Exit::Done } else { Exit::Findings })
}
