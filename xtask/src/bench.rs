//! `cargo xtask bench NAME`: measures, and says of each goal whether it was held.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::bench_check;
use crate::bench_import;
use crate::laboratory::Laboratory;
use crate::needs;
use crate::part::{PartError, Parts, answer};
use crate::tool::{cache_dir, cargo, target_dir};

/// Measures and prints one line per goal.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    name: Name,
}

#[derive(clap::Subcommand)]
enum Name {
    /// `reeve rook plan` for 2,000 OSDs on 100 hosts: time and memory.
    Plan,
    /// `reeve rook survey` of 100 hosts with 30 ms of latency, replayed: time.
    Survey,
    /// A take-over on a laboratory of its own beside plain restarts of the same daemons: time away, client latency, the tool's own share.
    Rook,
    /// `reeve check` on a laboratory of its own, 40 ms away, beside the official tests: time and CPU seconds.
    Check(bench_check::Args),
    /// Decoding a streamOptimized disk of 2 GiB, beside `qemu-img convert`: time, CPU seconds, memory.
    Import,
}

/// Runs of each measurement; the middle one is the figure.
const RUNS: usize = 5;

const LABORATORY: Laboratory = Laboratory { name: "bench" };

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    match &args.name {
        Name::Plan => {
            build_as_released(parts)?;
            plan(parts)
        }
        Name::Survey => {
            build_as_released(parts)?;
            survey(parts)
        }
        Name::Rook => rook(parts),
        Name::Check(args) => bench_check::run(args, parts),
        Name::Import => bench_import::run(parts),
    }
}

fn build_as_released(parts: &mut Parts) -> Result<(), PartError> {
    let mut build = cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "reeve",
        "--package",
        "reeve-rook",
        "--bins",
        "--examples",
    ]);
    parts.quiet("build reeve as released", &mut build)
}

fn plan(parts: &mut Parts) -> Result<(), PartError> {
    let release = target_dir().join("release");
    let out = target_dir().join("bench");
    std::fs::create_dir_all(&out).map_err(|source| PartError::File {
        path: out.clone(),
        source,
    })?;
    let facts = out.join("facts-2000-osds.json");
    let plan = out.join("plan-2000-osds.json");
    let mut sample = Command::new(release.join("examples").join("sample_facts"));
    sample.args([
        "--hosts",
        "100",
        "--osds-per-host",
        "20",
        "--racks",
        "10",
        "--mons",
        "5",
        "--output",
        facts.as_str(),
    ]);
    parts.quiet("make up facts of 2,000 OSDs on 100 hosts", &mut sample)?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(release.join("reeve"));
        command.args([
            "--quiet",
            "rook",
            "plan",
            "--facts",
            facts.as_str(),
            "--output",
            plan.as_str(),
        ]);
        runs.push(measure(&mut command)?);
    }
    let seconds = spread(runs.iter().map(|run| run.wall.as_secs_f64()).collect());
    let mib = spread(runs.iter().map(|run| run.peak_kib as f64 / 1024.0).collect());
    answer(&format!(
        "plan of 2,000 OSDs on 100 hosts, whole process, {RUNS} runs: min, median, max"
    ));
    answer(&format!(
        "  time   {:>8.3} {:>8.3} {:>8.3} s",
        seconds[0], seconds[1], seconds[2]
    ));
    answer(&format!("  memory {:>8.1} {:>8.1} {:>8.1} MiB", mib[0], mib[1], mib[2]));
    goal("plan-time", seconds[1], "s", 1.0);
    goal("plan-memory", mib[1] * 1.048_576, "MB", 200.0);
    Ok(())
}

fn survey(parts: &mut Parts) -> Result<(), PartError> {
    let program = target_dir().join("release").join("examples").join("replayed_survey");
    let mut runs = Vec::new();
    parts.run("survey 100 replayed hosts", || {
        for _ in 0..RUNS {
            let mut command = Command::new(&program);
            command.args(["--hosts", "100", "--latency-ms", "30"]);
            runs.push(measure(&mut command)?);
        }
        Ok(())
    })?;
    let seconds = spread(runs.iter().map(|run| run.wall.as_secs_f64()).collect());
    answer(&format!(
        "survey of 100 hosts, 30 ms of latency for each command, replayed, {RUNS} runs: min, median, max"
    ));
    answer(&format!(
        "  time   {:>8.3} {:>8.3} {:>8.3} s",
        seconds[0], seconds[1], seconds[2]
    ));
    goal("survey-time", seconds[1], "s", 15.0);
    Ok(())
}

/// Brings a fresh laboratory up, measures on it, and takes it down, also after a failure.
fn rook(parts: &mut Parts) -> Result<(), PartError> {
    needs::check("cargo xtask bench rook", &cache_dir())?;
    Laboratory::build(parts)?;
    // One that an interrupted run left would have no legacy cluster any more.
    LABORATORY.down(parts)?;
    LABORATORY.up(parts)?;
    let mut measure = Command::new(target_dir().join("debug").join("bench_rook"));
    measure.env("REEVE_LAB", LABORATORY.name);
    let measured = parts.show("restart every daemon, then take the cluster over", &mut measure);
    let down = LABORATORY.down(parts);
    measured.and(down)
}

struct Run {
    wall: Duration,
    peak_kib: u64,
}

/// Runs a command and returns its time and the kernel's own figure for its largest resident set.
///
/// # Errors
///
/// [`PartError::Failed`] if it does not end with 0: a figure of a failed run says nothing.
fn measure(command: &mut Command) -> Result<Run, PartError> {
    let text = format!("{command:?}");
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|source| PartError::Start {
            command: text.clone(),
            source,
        })?;
    let used = child.wait4().map_err(|source| PartError::Start {
        command: text.clone(),
        source,
    })?;
    let wall = began.elapsed();
    if !used.status.success() {
        return Err(PartError::failed("measure", &text, used.status));
    }
    Ok(Run {
        wall,
        peak_kib: used.rusage.maxrss / 1024,
    })
}

/// Returns minimum, median and maximum.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

fn goal(name: &str, value: f64, unit: &str, wanted_below: f64) {
    let word = if value < wanted_below { "held" } else { "short" };
    answer(&format!(
        "goal {name}: {value:.3} {unit} (wanted below {wanted_below} {unit}): {word}"
    ));
}
