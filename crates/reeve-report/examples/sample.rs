//! Writes a sample report in all four forms, and the JSON Schema, into a folder:
//! `cargo run -p reeve-report --example sample -- FOLDER`.
//!
//! The report is made up, and holds every kind of result, section and awkward text; the tests use the same one.

#![expect(clippy::print_stderr, reason = "an example is a program of its own")]

use std::path::PathBuf;
use std::process::ExitCode;

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: sample FOLDER");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not write the sample to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let report = sample::report();
    std::fs::create_dir_all(folder)?;
    let terminal = reeve_report::TerminalOptions {
        width: 80,
        colour: false,
    };
    std::fs::write(folder.join("report.txt"), reeve_report::terminal(&report, terminal))?;
    std::fs::write(folder.join("report.json"), reeve_report::json(&report))?;
    std::fs::write(folder.join("report.xml"), reeve_report::junit(&report)?)?;
    std::fs::write(folder.join("report.html"), reeve_report::html(&report))?;
    std::fs::write(
        folder.join("report.schema.json"),
        format!("{:#}\n", reeve_report::schema()),
    )?;
    Ok(())
}
