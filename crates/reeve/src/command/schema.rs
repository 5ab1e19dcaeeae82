//! `reeve schema`: the JSON schema of a file that reeve writes or reads.

use super::Context;
use crate::cli::SchemaOf;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(of: SchemaOf, context: &Context<'_>) -> Result<Exit, Failure> {
    match of {
        SchemaOf::RookFacts => context.answer_json(&schemars::schema_for!(reeve_rook::facts::Facts))?,
        SchemaOf::RookPlanOptions => context.answer_json(&schemars::schema_for!(reeve_rook::plan::Options))?,
        SchemaOf::Plan => context.answer_json(&schemars::schema_for!(reeve_journal::plan::Plan))?,
        SchemaOf::RookHandover => context.answer_json(&reeve_rook::handover_report::schema())?,
        SchemaOf::CheckResult => context.answer_json(&reeve_check::CheckRun::schema())?,
        SchemaOf::Report => context.answer_json(&reeve_report::schema())?,
        SchemaOf::RookSamples => context.answer_json(&schemars::schema_for!(reeve_rook::watch::SampleLine))?,
        SchemaOf::RookEvents => context.answer_json(&schemars::schema_for!(super::rook::StreamLine<'_>))?,
        SchemaOf::ImportReport => context.answer_json(&schemars::schema_for!(reeve_import::ImportReport))?,
        SchemaOf::ImportEvents => context.answer_json(&schemars::schema_for!(super::import::StreamLine<'_>))?,
        SchemaOf::RookStatus => context.answer_json(&schemars::schema_for!(super::rook::RunStatus))?,
    }
    Ok(Exit::Done)
}
