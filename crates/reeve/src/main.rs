//! `reeve`: day-2 operations for sovereign OpenStack clouds. Parses, calls the libraries, renders, returns an exit code.

mod cli;
mod command;
mod config;
mod environment;
mod exit;
mod failure;
mod file_output;
mod printer;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::cli::Cli;
use crate::config::Config;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

fn main() -> ExitCode {
    let environment = Environment::read();
    let cli = Cli::parse();
    let filter = EnvFilter::new(environment.log.as_deref().unwrap_or("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let printer = Printer::new(
        cli.global.quiet,
        cli.global.color,
        environment.no_color,
        environment.columns,
    );
    let result = Config::find(cli.global.config.as_deref(), &environment)
        .map_err(|error| Failure::from_error(Exit::Usage, &error))
        .and_then(|config| {
            command::run(
                cli.command,
                &command::Context {
                    printer: &printer,
                    config: &config,
                    environment: &environment,
                },
            )
        });
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            printer.failure(&failure);
            failure.exit.into()
        }
    }
}
