//! Feeds mutated inputs to all readers for a time: what `cargo xtask fuzz` runs.
//!
//! A failing input is written to a file and its name printed; `--input FILE --target NAME` runs it again.

#[path = "../tests/guests/mod.rs"]
mod guests;
#[path = "../tests/made/mod.rs"]
mod made;
#[path = "../tests/mutation/mod.rs"]
mod mutations;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use mutations::{Numbers, Target, targets};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The address space that the process may have; a reader that asks for more ends it.
const MEMORY_BYTES: u64 = 1 << 30;

/// Inputs after which the seed is noted.
const BATCH: u64 = 100;

#[derive(Parser)]
struct Arguments {
    /// How long, for all targets together.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Where the numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// Run this input only.
    #[arg(long, requires = "target")]
    input: Option<Utf8PathBuf>,
    /// A folder with more seeds: a folder for each target.
    #[arg(long)]
    corpus: Option<Utf8PathBuf>,
    /// Where failing inputs are written.
    #[arg(long, default_value = ".")]
    output: Utf8PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let limit = Rlimit {
        current: Some(MEMORY_BYTES),
        maximum: Some(MEMORY_BYTES),
    };
    if let Err(error) = setrlimit(Resource::As, limit) {
        say(&format!("the memory is not limited: {error}"));
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let mut all = targets(&|name| {
        arguments
            .corpus
            .as_ref()
            .map_or_else(Vec::new, |folder| seeds(&folder.join(name)))
    });
    if let Some(wanted) = &arguments.target {
        all.retain(|target| target.name == wanted);
        if all.is_empty() {
            return Err(format!("there is no target {wanted}"));
        }
    }
    if let Some(path) = &arguments.input {
        let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        return all[0].check(&bytes);
    }
    let each = Duration::from_secs(arguments.seconds) / u32::try_from(all.len()).unwrap_or(1);
    for target in &all {
        let count = fuzz(target, each, arguments)?;
        say(&format!("{:<12} {count} inputs in {} s", target.name, each.as_secs()));
    }
    Ok(())
}

fn fuzz(target: &Target, time: Duration, arguments: &Arguments) -> Result<u64, String> {
    let end = Instant::now() + time;
    let mut number = 0;
    let running = arguments.output.join(format!("{}.running", target.name));
    while Instant::now() < end {
        let seed = arguments.seed.wrapping_add(number);
        let input = target.input(&mut Numbers::new(seed));
        if number.is_multiple_of(BATCH) {
            // A reader that takes too much memory ends the process: this says from which seed on to look.
            write(&running, format!("--target {} --seed {seed}\n", target.name).as_bytes())?;
        }
        if let Err(what) = target.check(&input) {
            let kept = arguments.output.join(format!("{}-{seed}.failed", target.name));
            write(&kept, &input)?;
            return Err(format!("{}: {what}; the input is {kept}", target.name));
        }
        number += 1;
    }
    // Left behind only by a process that was ended.
    let _ = std::fs::remove_file(&running);
    Ok(number)
}

fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{path}: {error}"))
}

fn seeds(folder: &Utf8Path) -> Vec<Vec<u8>> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .collect()
}

fn say(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stderr(), "{text}");
}
