//! `reeve rook verify`: read the world again and judge it by the plan and the run.

use std::sync::{Arc, Mutex, PoisonError};

use reeve_journal::plan::Plan;
use reeve_journal::{RunDetail, Runs};
use reeve_report::{Property, Report, Verdict};
use reeve_rook::facts::Facts;
use reeve_rook::plan::PlanOptions;
use reeve_rook::survey::{KubernetesCluster, Survey, SurveyEvent};
use reeve_rook::verify::{Expectation, Exports, Observation, verify};

use super::target::Target;
use super::{connect, survey};
use crate::cli::{ReportFormat, VerifyArgs};
use crate::command::{Context, TOOL};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &VerifyArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if args.list {
        context.answer(&reeve_rook::verify::reference())?;
        return Ok(Exit::Done);
    }
    let usage = |error: &(dyn std::error::Error + 'static)| Failure::from_error(Exit::Usage, error);
    let (expectation, plan) = match &args.plan {
        Some(path) => {
            let plan = Plan::load(path).map_err(|error| usage(&error))?;
            (Expectation::of_plan(&plan), plan)
        }
        None => {
            let runs = crate::command::run::existing(&args.runs, &args.run, context)?;
            let detail = shown(&runs, &args.run)?;
            if detail.summary.is_rehearsal {
                let message = format!(
                    "run {} was a rehearsal, so there is nothing to verify",
                    detail.summary.run
                );
                return Err(Failure::new(Exit::Usage, message).hint("`reeve rook report` shows it"));
            }
            let exports = exports(&runs, &detail);
            (Expectation::of_run(&detail, exports), detail.plan)
        }
    };
    let expectation = expectation.map_err(|error| usage(&error))?;
    let options = PlanOptions::of(&plan).map_err(|error| usage(&error))?;
    let observation = observe(args, &options, context)?;
    let report = report(&expectation, &observation);
    let text = rendered(&report, args.format, args.output.is_none(), context)?;
    context.hand_on(&text, args.output.as_deref())?;
    Ok(match report.verdict() {
        Verdict::Fine => Exit::Done,
        Verdict::Warnings | Verdict::Refused | Verdict::NotJudged => Exit::Findings,
    })
}

/// Reads a run whole.
pub(super) fn shown(runs: &Runs, name: &str) -> Result<RunDetail, Failure> {
    let failure = |error| Failure::from_error(Exit::Usage, &error);
    let id = runs.find(name).map_err(failure)?;
    runs.show(&id).map_err(failure)
}

/// Reads what a run kept before it began; what cannot be read is not known.
pub(super) fn exports(runs: &Runs, run: &RunDetail) -> Exports {
    let folder = kept_in(runs, run);
    Exports::read(run, |name| {
        // The name comes from the journal; it must not lead out of the run's own folder.
        let plain = !name.contains('/') && !name.starts_with('.');
        let path = folder.join(name);
        // A keyring or a map of a large cluster has some megabytes; more would not be one.
        let small = std::fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= 64 << 20);
        (plain && small).then(|| std::fs::read(&path).ok()).flatten()
    })
}

/// Returns the folder with what a run kept.
pub(super) fn kept_in(runs: &Runs, run: &RunDetail) -> camino::Utf8PathBuf {
    runs.path(&run.summary.run).with_extension("secrets")
}

fn observe(args: &VerifyArgs, planned: &PlanOptions, context: &Context<'_>) -> Result<Observation, Failure> {
    let mut target = args.target.clone();
    // Which cluster it is says the plan; only the ways to it may differ from machine to machine.
    target
        .admin_host
        .get_or_insert_with(|| planned.scope.admin_host.to_string());
    let mut target = Target::resolve(&target, context)?;
    target.scope = reeve_rook::facts::Scope {
        admin_host: target.scope.admin_host,
        ..planned.scope.clone()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))?;
    runtime.block_on(async {
        let cluster = connect::kubernetes(&target).await?;
        let ssh = connect::ssh(&target)?;
        let kubernetes = Arc::new(KubernetesCluster::from(cluster.clone()));
        let survey = Survey::new(target.scope.clone(), Arc::clone(&ssh.hosts), kubernetes);
        let display = Mutex::new(context.printer.progress("verify"));
        let taken = survey
            .take(&|event: &SurveyEvent| {
                // A poisoned display is still a display.
                display
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .doing(&event.to_string());
            })
            .await;
        display.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let facts: Facts = taken.map_err(|error| survey::failure(&error))?;
        Ok(Observation::read(facts, planned.cluster_name(), &ssh.hosts, &cluster).await)
    })
}

fn report(expectation: &Expectation, observation: &Observation) -> Report {
    let facts = &observation.facts;
    let title = match &expectation.run {
        Some(_) => "Is the cluster as the run left it?",
        None => "Is the cluster as the plan wants it?",
    };
    let mut report = Report::new(title, TOOL, facts.taken_at);
    report.subject = vec![
        Property::new("Cluster", facts.ceph.fsid.to_string()),
        Property::new(
            "Judged by",
            expectation
                .run
                .clone()
                .unwrap_or_else(|| "the plan, as if all of it were done".into()),
        ),
        Property::new(
            "Kubernetes",
            format!("{} at {}", facts.kubernetes.version, facts.kubernetes.server),
        ),
        Property::new("Surveyed", format!("{:.0}", facts.taken_at)),
    ];
    report.results = verify(expectation, observation);
    report
}

/// Returns a report in the form that was asked for.
fn rendered(
    report: &Report,
    format: ReportFormat,
    to_terminal: bool,
    context: &Context<'_>,
) -> Result<String, Failure> {
    Ok(match format {
        ReportFormat::Text => reeve_report::terminal(report, context.terminal_options(to_terminal)),
        ReportFormat::Json => reeve_report::json(report),
        ReportFormat::Junit => reeve_report::junit(report).map_err(|error| Failure::from_error(Exit::Usage, &error))?,
        ReportFormat::Html => reeve_report::html(report),
    })
}
