//! `reeve import inspect`: what is in a source.

use reeve_import::{Depth, SourceWord};

use super::hosts::{read_failure, sources};
use super::inspection_text;
use crate::cli::{InspectArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &InspectArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let depth = if args.verify { Depth::Digests } else { Depth::Tables };
    let address = match &args.source {
        SourceWord::One(address) => address,
        SourceWord::Host(host) => {
            return Err(
                Failure::new(Exit::Usage, format!("{host} is a host, and one machine is inspected")).hint(format!(
                    "`reeve import list {host}` shows the addresses of its machines"
                )),
            );
        }
    };
    let sources = sources(&args.vsphere, context)?;
    let inspection = sources.inspect(address, depth);
    sources.log_out();
    let inspection = inspection.map_err(|error| read_failure(&error))?;
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
