//! `reeve rook adopt-crs`: describe the pools that are there as CephBlockPools.

use camino::Utf8Path;
use reeve_rook::adopt::{AdoptOptions, Adoption, adopt};
use reeve_untrusted::line;

use super::survey;
use crate::cli::AdoptArgs;
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;

pub(super) fn run(args: &AdoptArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let facts = survey::load_or_take(args.facts.as_deref(), &args.target, context)?;
    let adoption = adopt(
        &facts,
        AdoptOptions {
            accept_unused_rules: args.accept_unused_rules,
        },
    );
    match &args.output {
        Some(folder) if folder != "-" => write(folder, &adoption, context)?,
        _ => context.answer(&adoption.yaml())?,
    }
    for left in &adoption.left {
        context
            .printer
            .note(&format!("left: pool {}: {}", line(&left.pool), line(&left.because)));
        if !left.instead.is_empty() {
            context.printer.note(&format!("  hint: {}", line(&left.instead)));
        }
    }
    Ok(Exit::Done)
}

fn write(folder: &Utf8Path, adoption: &Adoption, context: &Context<'_>) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::new(Exit::Usage, format!("could not make folder {folder}: {error}")))?;
    for described in &adoption.described {
        // The object's name is a DNS name, so it is a file's name too.
        let path = folder.join(format!("{}.yaml", described.object.metadata.name));
        file_output::write(&path, described.yaml().as_bytes(), 0o644)?;
        context.printer.note(&format!("wrote {path}"));
    }
    Ok(())
}
