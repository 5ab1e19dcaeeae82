//! Which plans and runs are meant.

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::plan::{OPERATION, PlanOptions};
use reeve_journal::plan::Plan;
use reeve_journal::{Condition, PauseReason, RunId, RunSummary, Runs};

use crate::cli::{ImportChoiceArgs, RunsArgs};
use crate::command::Context;
use crate::command::journal::journal_failure;
use crate::exit::Exit;
use crate::failure::Failure;

/// The most plans of one command.
const MAX_PLANS: usize = 10_000;

pub(super) fn runs(args: &RunsArgs, context: &Context<'_>) -> Result<Runs, Failure> {
    let folder = context
        .config
        .runs_dir(args.runs_dir.as_ref(), context.environment)
        .value;
    Runs::in_dir(folder).map_err(|error| journal_failure(&error))
}

/// Loads plans from files, and from all files of folders that end in `.json`.
pub(super) fn plans(paths: &[Utf8PathBuf]) -> Result<Vec<Plan>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = in_folder(path)
                .map_err(|error| Failure::new(Exit::Usage, format!("could not read {path}: {error}")))?;
            if found.is_empty() {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{path} has no plan: no file that ends in .json"),
                ));
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    if files.len() > MAX_PLANS {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} plans, and at most {MAX_PLANS} are taken at once", files.len()),
        ));
    }
    let mut plans: Vec<Plan> = Vec::new();
    for file in &files {
        let plan = Plan::load(file).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        if plan.operation != OPERATION {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{file} is a plan of `reeve {}`, not of an import",
                    super::safe(&plan.operation)
                ),
            ));
        }
        PlanOptions::of(&plan).map_err(|error| {
            Failure::new(Exit::Usage, format!("{file}: the options cannot be read: {error}"))
                .hint("make the plan again")
        })?;
        if !plans.iter().any(|other| other.digest == plan.digest) {
            plans.push(plan);
        }
    }
    Ok(plans)
}

fn in_folder(folder: &Utf8Path) -> std::io::Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let path = entry?.into_path();
        if path.extension() == Some("json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns all imports in a folder of runs, the oldest first; runs that cannot be read are told of.
pub(super) fn imports(runs: &Runs, context: &Context<'_>) -> Result<Vec<RunSummary>, Failure> {
    let (mut found, unreadable) = runs.list().map_err(|error| journal_failure(&error))?;
    for other in unreadable {
        context
            .printer
            .note(&format!("warning: run {} cannot be read: {}", other.run, other.error));
    }
    found.retain(|run| run.operation == OPERATION && !run.is_rehearsal);
    // Runs of one second have no order by their names.
    found.sort_by(|a, b| (a.created_at, &a.run).cmp(&(b.created_at, &b.run)));
    Ok(found)
}

/// Tells whether everything that a run had made is undone.
pub(super) fn is_undone(run: &RunSummary) -> bool {
    run.steps_done == 0 && matches!(run.condition, Condition::Paused(PauseReason::Undone))
}

/// Returns the runs that are meant; `is_of_interest` tells which of them `--all` means.
pub(super) fn runs_meant(
    runs: &Runs,
    choice: &ImportChoiceArgs,
    context: &Context<'_>,
    is_of_interest: impl Fn(&RunSummary) -> bool,
) -> Result<Vec<RunId>, Failure> {
    let imports = imports(runs, context)?;
    if choice.all {
        return Ok(imports.into_iter().filter(is_of_interest).map(|run| run.run).collect());
    }
    if choice.run.is_empty() {
        let last = imports.last().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("there is no import in {}", runs.directory()))
                .hint("pass `--runs-dir FOLDER`, or set REEVE_RUNS_DIR")
        })?;
        return Ok(vec![last.run.clone()]);
    }
    let mut meant = Vec::new();
    for name in &choice.run {
        let run = runs.find(name).map_err(|error| journal_failure(&error))?;
        if !imports.iter().any(|import| import.run == run) {
            return Err(Failure::new(
                Exit::Usage,
                format!("run {run} is not an import that can be read"),
            ));
        }
        if !meant.contains(&run) {
            meant.push(run);
        }
    }
    Ok(meant)
}
