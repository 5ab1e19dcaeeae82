//! `reeve rook survey`: read everything, change nothing.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use reeve_host::{SshHosts, SshOptions};
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
        // Sockets of the shared connections live in a folder of their own, 0700, gone with this value.
        let sockets = tempfile::Builder::new()
            .prefix("reeve-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!("could not make a folder for ssh's sockets: {error}"),
                )
            })?;
        let sockets_path = Utf8PathBuf::from_path_buf(sockets.path().into()).map_err(|path| {
            Failure::new(
                Exit::Usage,
                format!("{} is not UTF-8; set TMPDIR to another folder", path.display()),
            )
        })?;
        let options = SshOptions {
            config_file: target.ssh_config.clone(),
            ..SshOptions::new(sockets_path)
        };
        let hosts = SshHosts::new(options).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        let survey = Survey::new(target.scope.clone(), Arc::new(hosts), kubernetes);
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
