//! `reeve rook survey`: read everything, change nothing.

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use reeve_rook::facts::Facts;
use reeve_rook::survey::{Survey, SurveyError, SurveyEvent};

use super::facts_text;
use super::target::Target;
use crate::cli::{SurveyArgs, TargetArgs, TextOrJson};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &SurveyArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let facts = take(&args.target, context)?;
    if let Some(path) = &args.save {
        facts
            .save(path)
            .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        context.printer.note(&format!("wrote {path}"));
    }
    match args.format {
        TextOrJson::Text => context.answer(&facts_text::text(&facts, context.printer.width()))?,
        TextOrJson::Json => context.answer(&facts.to_json())?,
    }
    Ok(Exit::Done)
}

/// Reads the facts file, or takes a survey where there is none.
pub(super) fn load_or_take(
    facts: Option<&Utf8Path>,
    target: &TargetArgs,
    context: &Context<'_>,
) -> Result<Facts, Failure> {
    match facts {
        Some(path) => Facts::load(path).map_err(|error| Failure::from_error(Exit::Usage, &error)),
        None => take(target, context),
    }
}

/// Takes a survey.
fn take(args: &TargetArgs, context: &Context<'_>) -> Result<Facts, Failure> {
    let target = Target::resolve(args, context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Usage, format!("could not start the runtime: {error}")))?;
    runtime.block_on(async {
        let kubernetes = super::kubernetes::source(&target).await?;
        let ssh = super::connect::ssh(&target)?;
        let survey = Survey::new(target.scope.clone(), Arc::clone(&ssh.hosts), kubernetes);
        let display = Mutex::new(context.printer.progress("survey"));
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
        taken.map_err(|error| failure(&error))
    })
}

pub(super) fn failure(error: &SurveyError) -> Failure {
    let exit = if error.is_unreachable() {
        Exit::Unreachable
    } else {
        Exit::Usage
    };
    Failure::from_error(exit, error).hint(error.hint())
}
