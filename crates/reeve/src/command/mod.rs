//! The commands, a file each.

mod check;
mod completions;
mod config_show;
mod import;
mod journal;
mod rook;
mod run;
mod schema;
mod signals;

use camino::Utf8Path;
use reeve_report::TerminalOptions;

use crate::cli::{Command, ConfigCommand};
use crate::config::Config;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file_output;
use crate::printer::Printer;

/// This program and its version, as journals and reports name it.
const TOOL: &str = concat!("reeve ", env!("CARGO_PKG_VERSION"));

/// What every command gets.
pub(crate) struct Context<'a> {
    pub(crate) printer: &'a Printer,
    pub(crate) config: &'a Config,
    pub(crate) environment: &'a Environment,
}

impl Context<'_> {
    /// Writes a command's answer to standard output.
    pub(crate) fn answer(&self, text: &str) -> Result<(), Failure> {
        self.printer.answer(text).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("could not write the answer to standard output: {error}"),
            )
        })
    }

    /// Writes a result to a file that is named, or else to standard output. It is made to be handed on, so others may read the file.
    pub(crate) fn hand_on(&self, text: &str, output: Option<&Utf8Path>) -> Result<(), Failure> {
        match output {
            Some(path) => {
                file_output::write(path, text.as_bytes(), 0o644)?;
                self.printer.note(&format!("wrote {path}"));
                Ok(())
            }
            None => self.answer(text),
        }
    }

    /// Returns how a result is written as text: without colour where it does not go to the terminal.
    fn terminal_options(&self, to_terminal: bool) -> TerminalOptions {
        TerminalOptions {
            width: self.printer.width(),
            colour: self.printer.colour() && to_terminal,
        }
    }

    /// Writes a value as JSON to standard output.
    pub(crate) fn answer_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).expect("answers hold only maps with text keys");
        self.answer(&text)
    }
}

/// Runs a command.
///
/// # Errors
///
/// A [`Failure`] with what to tell the person and the exit code.
pub(crate) fn run(command: Command, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Rook(command) => rook::run(command, context),
        Command::Check(command) => check::run(command, context),
        Command::Import(command) => import::run(command, context),
        Command::Run(command) => run::run(command, context),
        Command::Config(ConfigCommand::Show { format }) => config_show::run(format, context),
        Command::Schema { of } => schema::run(of, context),
        Command::Completions { shell } => completions::run(shell, context),
    }
}
