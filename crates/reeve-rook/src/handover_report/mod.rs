//! The hand-over report: what a run did, how the cluster fared meanwhile, and what there is to do and to leave alone now.
//!
//! [`handover_report`] is a pure function of [`HandoverSources`]: a run with its journal's records, the samples beside it, what the run kept before it
//! began, and, where there are any, facts and findings. Its value, [`HandoverReport`], is what the JSON form holds; [`HandoverReport::document`]
//! turns it into a page for people. A rehearsal gives the same report, marked as one.

mod history;
mod inventory;
mod page;
mod series;
mod shape;
mod tasks;
mod work;

use jiff::Timestamp;
use reeve_journal::RunDetail;
use reeve_report::Report;

pub use shape::{
    Approval, DaemonHistory, DaemonState, FailureHistory, HANDOVER_FORMAT, HandOverHistory, HandOverOutcome, HandWork,
    HandedCluster, HandoverReport, JudgedReport, Managed, PhaseHistory, RunOutcome, RunOverview, Span, SpanKind,
    WatchPoint, WatchSummary,
};

use crate::facts::Facts;
use crate::plan::steps::StepError;
use crate::plan::{PlanOptions, StepContext};
use crate::verify::Exports;
use crate::watch::Samples;

/// What a hand-over report is made of.
#[derive(Clone, Copy, Debug)]
pub struct HandoverSources<'a> {
    /// The run with its records.
    pub run: &'a RunDetail,
    /// The samples beside its journal, if there are any.
    pub samples: Option<&'a Samples>,
    /// What the run kept before it began.
    pub exports: &'a Exports,
    /// The folder with what the run kept; none if there is none.
    pub kept_in: Option<&'a str>,
    /// Facts of a survey, if one is at hand; the newer the better.
    pub facts: Option<&'a Facts>,
    /// Reports of `check` and `verify` that belong to the run.
    pub judged: &'a [Report],
    /// The program and its version.
    pub tool: &'a str,
    /// When the report is made.
    pub made_at: Timestamp,
}

/// A run that no hand-over report can be made of.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The options are not those of a take-over.
    #[error("the run's plan is not one of a take-over")]
    Options(#[source] serde_json::Error),
    /// A step is not one that this version knows.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// Makes the report; pure.
///
/// # Errors
///
/// [`HandoverError`] if the run is not one of a take-over that this version knows.
pub fn handover_report(sources: &HandoverSources<'_>) -> Result<HandoverReport, HandoverError> {
    let plan = &sources.run.plan;
    let options = PlanOptions::of(plan).map_err(HandoverError::Options)?;
    let context = StepContext::from_options(&options);
    let work = work::Work::of(sources.run)?;
    let history = history::History::of(sources.run, &work);
    let inventory = inventory::Inventory::of(sources.facts, sources.exports);
    let summary = &sources.run.summary;
    let tasks = tasks::Tasks {
        run: sources.run,
        context: &context,
        options: &options,
        work: &work,
        history: &history,
        inventory: &inventory,
        kept_in: sources.kept_in,
    };
    Ok(HandoverReport {
        format: HANDOVER_FORMAT,
        tool: sources.tool.to_owned(),
        made_at: sources.made_at,
        cluster: HandedCluster {
            fsid: plan.target.id.clone(),
            name: context.cluster_name.clone(),
            namespace: context.namespace.clone(),
            planned: plan.summary.clone(),
        },
        run: RunOverview {
            id: summary.run.to_string(),
            rehearsal: summary.is_rehearsal,
            outcome: history::outcome(sources.run),
            detail: history::outcome_detail(&summary.condition),
            began_at: summary.created_at,
            ended_at: summary.updated_at,
            steps_done: summary.steps_done,
            steps: summary.steps,
            times_taken: history.times_taken,
        },
        managed: tasks.managed(),
        by_hand: tasks.by_hand(),
        not_any_more: tasks.not_any_more(),
        watch: sources.samples.and_then(series::summary),
        phases: history.phases,
        hand_overs: history.hand_overs,
        daemons: history.daemons,
        failures: history.failures,
        judged: sources
            .judged
            .iter()
            .map(|report| JudgedReport {
                title: report.title.clone(),
                made_at: report.made_at,
                results: report.results.clone(),
            })
            .collect(),
    })
}

/// Returns the JSON Schema (draft 2020-12) of a [`HandoverReport`].
pub fn schema() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<HandoverReport>()
        .to_value()
}
