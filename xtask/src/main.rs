//! What a newcomer and CI call: `cargo xtask demo`, `cargo xtask test`, `cargo xtask bench`, `cargo xtask parity`, `cargo xtask docs`, `cargo xtask lint`.
//!
//! Each command does all set-up itself, says what it is doing with the time it took, and is safe to interrupt and to run again.

mod bench;
mod bench_check;
mod bench_import;
mod cloud;
mod comparison;
mod demo;
mod docs;
mod import;
mod laboratory;
mod lint;
mod live;
mod needs;
mod observe;
mod ours;
mod parity;
mod part;
mod suite;
mod test;
mod tool;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, shows, tests and measures Reeve.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds a real three-node Ceph cluster with Kubernetes and Rook beside it, and lets reeve survey, check and plan it.
    Demo(demo::Args),
    /// Passes the tests: all crates, then the tests against the laboratory.
    Test(test::Args),
    /// Measures and prints one line per goal.
    Bench(bench::Args),
    /// Compares the verdicts of the official tests with ours, on a good cloud and on broken ones.
    Parity(parity::Args),
    /// Feeds mutated inputs to the import's readers, for a time.
    Fuzz(import::FuzzArgs),
    /// Builds the book in docs/ into docs/book.
    Docs,
    /// Runs rustfmt, clippy, rustdoc and cargo-deny as CI does.
    Lint,
}

fn main() -> ExitCode {
    let mut parts = part::Parts::new();
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args, &mut parts),
        Command::Test(args) => test::run(&args, &mut parts),
        Command::Bench(args) => bench::run(&args, &mut parts),
        Command::Parity(args) => parity::run(&args, &mut parts),
        Command::Fuzz(args) => import::fuzz(&args, &mut parts),
        Command::Docs => docs::run(&mut parts),
        Command::Lint => lint::run(&mut parts),
    };
    parts.print_times();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            part::say(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
