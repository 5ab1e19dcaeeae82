//! `reeve import inspect`: what is in a source.

use reeve_import::{Depth, ReadError, inspect};

use super::inspection_text;
use crate::cli::{InspectArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &InspectArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let depth = if args.verify { Depth::Digests } else { Depth::Tables };
    let inspection = inspect(&args.source, depth).map_err(|error| {
        let exit = match error {
            // Named wrongly, or not ours to read; all else is a source that was looked at and refused.
            ReadError::Io { .. } => Exit::Usage,
            _ => Exit::Findings,
        };
        Failure::from_error(exit, &error)
    })?;
    match args.format {
        TextOrJson::Text => context.answer(inspection_text::text(&inspection).trim_end())?,
        TextOrJson::Json => context.answer_json(&inspection)?,
    }
    Ok(if inspection.has_problems() {
        Exit::Findings
    } else {
        Exit::Done
    })
}
