//! `cargo xtask bench check`: `reeve check` beside the official tests, by turns, on a cloud that is 40 ms away.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::bench_import::goal;
use crate::cloud::{Cloud, Door, LOGIN};
use crate::laboratory::Laboratory;
use crate::observe::{Observed, observe};
use crate::ours;
use crate::part::{self, PartError, Parts, answer};
use crate::suite::{self, Suite};
use crate::tool::{cargo, target_dir};

/// How the benchmark is run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A checkout of the official tests; otherwise the one beside this checkout.
    #[arg(long, env = "SCS_STANDARDS", value_name = "FOLDER")]
    suite: Option<Utf8PathBuf>,
    /// Pairs of runs of the checks that only read.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    reads: u8,
    /// Pairs of runs of the whole scope that certificates are given for.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    whole: u8,
    /// The laboratory's name; one that is up is used.
    #[arg(long, default_value = "benchcheck", value_name = "NAME")]
    laboratory: String,
    /// Leave the laboratory up at the end.
    #[arg(long)]
    keep: bool,
}

/// The profile that lets every request and every connection take 40 ms longer.
const SLOW: &str = "slow";

/// Measures a server's boot; what a run of the whole scope cannot be quicker than.
const BOOT: &str = include_str!("../parity/boot.py");

/// Measures one login and one listing; what nobody who reads can be quicker than.
const LEAST: &str = include_str!("../parity/least.py");

/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(900);

/// The checks that are run, and how reeve is told so.
struct Scope {
    name: &'static str,
    words: &'static [&'static str],
}

/// All official checks that make nothing, of every version.
const READS: Scope = Scope {
    name: "read-only",
    words: &["--version", "all", "--scope", "mandatory,recommended", "--read-only"],
};
/// What certificates are given for.
const WHOLE: Scope = Scope {
    name: "whole",
    words: &["--version", "current", "--scope", "mandatory"],
};

/// Two runs, one after the other.
struct Pair {
    theirs: Observed,
    ours: Observed,
}

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    let Some(folder) = suite::find(args.suite.as_deref())? else {
        return Err(PartError::Seen(
            "there are no official tests to measure beside; name a checkout with --suite".to_owned(),
        ));
    };
    Laboratory::build(parts)?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--package", "reeve", "--bins"]);
    parts.quiet("build reeve as released", &mut build)?;
    let suite = Suite::ensure(folder, parts)?;
    let cloud = Cloud {
        name: args.laboratory.clone(),
    };
    let measured = cloud
        .up(&[SLOW], parts)
        .and_then(|()| measure(args, &suite, &cloud.door()?, parts));
    if args.keep {
        part::say(&format!(
            "the laboratory `{0}` stays up (--keep); remove it with `cargo lab down --name {0}`",
            cloud.name
        ));
        return measured;
    }
    let down = cloud.down(parts);
    measured.and(down)
}

fn measure(args: &Args, suite: &Suite, door: &Door, parts: &mut Parts) -> Result<(), PartError> {
    let mut reads = Vec::new();
    let mut least = Vec::new();
    let read_ids = ids(&READS)?;
    for number in 1..=args.reads {
        let title = format!(
            "the {} ids that only read, pair {number} of {}",
            read_ids.len(),
            args.reads
        );
        reads.push(parts.run(&title, || pair(&READS, &read_ids, suite, door))?);
        least.push(parts.run("one login and one listing alone", || alone("least", LEAST, suite, door))?);
    }
    let mut whole = Vec::new();
    let mut boots = Vec::new();
    let whole_ids = ids(&WHOLE)?;
    for number in 1..=args.whole {
        let title = format!(
            "the {} ids of the whole scope, pair {number} of {}",
            whole_ids.len(),
            args.whole
        );
        whole.push(parts.run(&title, || pair(&WHOLE, &whole_ids, suite, door))?);
        boots.push(parts.run("a server's boot alone", || alone("boot", BOOT, suite, door))?);
    }
    report(&reads, read_ids.len(), &least, &whole, whole_ids.len(), &boots);
    Ok(())
}

fn reeve() -> Utf8PathBuf {
    target_dir().join("release").join("reeve")
}

/// Returns the ids of a scope.
fn ids(scope: &Scope) -> Result<Vec<String>, PartError> {
    let read_only = scope.words.contains(&"--read-only");
    let words = scope.words.iter().filter(|word| **word != "--read-only");
    let mut command = std::process::Command::new(reeve());
    command.args(["check", "list", "--format", "json"]).args(words);
    let output = command.output().map_err(|source| PartError::Start {
        command: "reeve check list".into(),
        source,
    })?;
    let list: Option<Vec<Value>> = serde_json::from_slice(&output.stdout).ok();
    let ids: Option<Vec<String>> = list.map(|list| {
        let chosen = list
            .iter()
            .filter(|entry| !read_only || entry["makes_something"] == false);
        chosen
            .filter_map(|entry| entry["id"].as_str().map(str::to_owned))
            .collect()
    });
    ids.filter(|ids| !ids.is_empty())
        .ok_or_else(|| PartError::Seen("`reeve check list` did not answer with a list of checks".to_owned()))
}

/// Runs both sides, one after the other, on the same checks.
///
/// # Errors
///
/// [`PartError::Seen`] if their verdicts are not the same: then the two did not do the same work, and the figures say nothing.
fn pair(scope: &Scope, ids: &[String], suite: &Suite, door: &Door) -> Result<Pair, PartError> {
    let (official, theirs) = suite.run(&format!("bench {} official", scope.name), door, ids)?;
    let ledgers = target_dir().join("bench").join("ledger");
    let mut command = door.command(&reeve());
    command.args(["--quiet", "check", "run", "--cloud", LOGIN, "--format", "json"]);
    command.args(scope.words).args(["--ledger-dir", ledgers.as_str()]);
    let (run, ours) = ours::result(&format!("bench {} reeve", scope.name), &mut command, DEADLINE)?;
    let verdicts = ours::verdicts(&run);
    let differ = ids.iter().filter(|id| official.get(*id) != verdicts.get(*id));
    let differ: Vec<&str> = differ.map(String::as_str).collect();
    if differ.is_empty() {
        Ok(Pair { theirs, ours })
    } else {
        Err(PartError::Seen(format!(
            "the two do not come to the same verdicts, so their times cannot be compared; `cargo xtask parity` says more: {}",
            differ.join(", ")
        )))
    }
}

/// Runs a script that does one thing, and returns how many seconds it says that took.
fn alone(name: &str, script: &str, suite: &Suite, door: &Door) -> Result<f64, PartError> {
    let mut command = door.command(Utf8Path::new(&suite.python));
    command.args(["-c", script, LOGIN]);
    let observed = observe(&format!("bench {name}"), &mut command, DEADLINE)?;
    let seconds: Option<f64> = observed.said.trim().parse().ok();
    match seconds {
        Some(seconds) if observed.status.success() => Ok(seconds),
        _ => Err(PartError::Seen(format!(
            "{name} could not be measured: {}; see {}",
            observed.status, observed.complaints
        ))),
    }
}

fn report(reads: &[Pair], read_ids: usize, least: &[f64], whole: &[Pair], whole_ids: usize, boots: &[f64]) {
    let wall = |observed: &Observed| observed.wall.as_secs_f64();
    let cpu = |observed: &Observed| observed.cpu.as_secs_f64();
    answer(&format!(
        "official tests (SovereignCloudStack/standards {}) and reeve check on a cloud 40 ms away, by turns, whole processes: min, median, max",
        &suite::COMMIT[..8]
    ));
    for (what, count, pairs) in [("read-only", read_ids, reads), ("whole scope", whole_ids, whole)] {
        answer(&format!("  {what}, {count} ids, {} pairs", pairs.len()));
        show("official wall", pairs.iter().map(|pair| wall(&pair.theirs)));
        show("reeve wall", pairs.iter().map(|pair| wall(&pair.ours)));
        show("official CPU", pairs.iter().map(|pair| cpu(&pair.theirs)));
        show("reeve CPU", pairs.iter().map(|pair| cpu(&pair.ours)));
    }
    answer(&format!(
        "  one login and one listing of flavors alone, {} runs",
        least.len()
    ));
    show("least wall", least.iter().copied());
    answer(&format!("  a server's boot alone, {} runs", boots.len()));
    show("boot wall", boots.iter().copied());
    let times = |pairs: &[Pair], value: &dyn Fn(&Observed) -> f64| {
        spread(pairs.iter().map(|pair| value(&pair.theirs) / value(&pair.ours)))
    };
    let word = |[min, median, max]: [f64; 3]| format!("{median:.1} times, {min:.1} to {max:.1},");
    let faster = times(reads, &wall);
    goal(
        "check-reads",
        &format!("{} as fast as the official tests", word(faster)),
        "8 or more",
        faster[1] >= 8.0,
    );
    let [min, most, max] = spread(reads.iter().zip(least).map(|(pair, least)| wall(&pair.theirs) / least));
    answer(&format!(
        "  who only logs in and lists flavors is {most:.1} times, {min:.1} to {max:.1}, as fast as the official tests: what reads can reach here"
    ));
    let faster = times(whole, &wall);
    goal(
        "check-whole",
        &format!("{} as fast as the official tests", word(faster)),
        "2 or more",
        faster[1] >= 2.0,
    );
    let [min, above, max] = spread(whole.iter().zip(boots).map(|(pair, boot)| wall(&pair.ours) - boot));
    goal(
        "check-boot",
        &format!("{above:.1} s, {min:.1} to {max:.1}, more than a server's boot"),
        "at most 10 s",
        above <= 10.0,
    );
    for (name, pairs) in [("check-reads-cpu", reads), ("check-whole-cpu", whole)] {
        let [min, less, max] = times(pairs, &cpu);
        goal(
            name,
            &format!("1/{less:.1}, 1/{min:.1} to 1/{max:.1}, of the CPU seconds of the official tests"),
            "1/10 or less",
            less >= 10.0,
        );
    }
}

fn show(what: &str, values: impl Iterator<Item = f64>) {
    let [min, median, max] = spread(values);
    answer(&format!("    {what:<14} {min:>8.3} {median:>8.3} {max:>8.3} s"));
}

/// Returns minimum, median and maximum; of an even number of values the lower middle one.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [values[0], values[last / 2], values[last]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_values_is_their_median() {
        assert_eq!(spread([3.0, 1.0, 2.0].into_iter()), [1.0, 2.0, 3.0]);
        assert_eq!(spread([4.0, 1.0, 3.0, 2.0].into_iter()), [1.0, 2.0, 4.0]);
        assert_eq!(spread([5.0].into_iter()), [5.0; 3]);
    }
}
