//! Which cloud, and the session with it.

use camino::{Utf8Path, Utf8PathBuf};
use reeve_openstack::{Access, CloudChoice, CloudConfig, Clouds, ConfigError, Session, SessionOptions, Surroundings};

use crate::cli::CloudArgs;
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Reads clouds.yaml and the OS_… variables, and says what the operator has to be told of them.
pub(in crate::command) fn config(args: &CloudArgs, context: &Context<'_>) -> Result<CloudConfig, Failure> {
    let failed = |error: ConfigError| Failure::from_error(Exit::Usage, &error).hint(error.hint());
    let working_directory = std::env::current_dir()
        .ok()
        .and_then(|path| Utf8PathBuf::try_from(path).ok());
    let surroundings = Surroundings {
        working_directory: working_directory.unwrap_or_else(|| Utf8PathBuf::from(".")),
        home: context.environment.home.clone(),
        environment: context.environment.openstack.clone(),
    };
    let choice = CloudChoice {
        cloud: args.cloud.clone(),
        region: args.region.clone(),
    };
    let config = Clouds::load(&surroundings)
        .map_err(failed)?
        .choose(&choice)
        .map_err(failed)?;
    for warning in &config.warnings {
        context.printer.note(&format!("warning: {warning}"));
    }
    Ok(config)
}

/// Prepares a session; nothing is sent yet.
pub(in crate::command) fn connect(
    config: CloudConfig,
    access: Access,
    record: Option<&Utf8Path>,
) -> Result<Session, Failure> {
    let options = SessionOptions {
        access,
        record: record.map(Utf8Path::to_owned),
        ..SessionOptions::default()
    };
    Session::connect(config, &options).map_err(|error| Failure::from_error(Exit::Usage, &error))
}
