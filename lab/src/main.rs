//! `lab`: makes, shows, enters and removes laboratories.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
