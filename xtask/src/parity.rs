//! `cargo xtask parity`: the verdicts of the official tests and ours, id by id, on a good cloud and on ones that are broken on purpose.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::cloud::{Cloud, Door, LOGIN};
use crate::comparison::{Comparison, Documented, OnProfile, Recorded, documented, tally};
use crate::laboratory::Laboratory;
use crate::observe::Observed;
use crate::ours;
use crate::part::{self, PartError, Parts, answer, clock};
use crate::suite::{self, Suite, Verdicts, evidence};
use crate::tool::{cargo, target_dir};

/// Compares the verdicts of the official tests with ours.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A checkout of the official tests, SovereignCloudStack/standards at the commit that verdicts are compared with; otherwise the one beside this checkout. Where
    /// there is none, recorded verdicts are used.
    #[arg(long, env = "SCS_STANDARDS", value_name = "FOLDER")]
    suite: Option<Utf8PathBuf>,
    /// Only this profile; `good` is the cloud without a fault. May be given more than once.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(names()))]
    profile: Vec<String>,
    /// Only the checks that make nothing in the cloud: a minute less for each profile.
    #[arg(long)]
    read_only: bool,
    /// Use recorded verdicts although the official tests are there.
    #[arg(long, conflicts_with_all = ["record", "suite"])]
    recorded: bool,
    /// Record the verdicts of the official tests, for where they are not to be had; of the profiles and checks that are tried, beside what is recorded of others.
    #[arg(long)]
    record: bool,
    /// The laboratory's name; one that is up is used.
    #[arg(long, default_value = "parity", value_name = "NAME")]
    laboratory: String,
    /// Leave the laboratory up at the end.
    #[arg(long)]
    keep: bool,
}

/// The cloud without a fault.
const GOOD: &str = "good";

/// The profiles, in the order in which they are tried: the one that leaves something behind comes last.
const PROFILES: [&str; 14] = [
    GOOD,
    "missing-flavors",
    "overpromising-flavors",
    "image-metadata",
    "hidden-image",
    "community-image",
    "ingress-default-rule",
    "barbican-creator",
    "rdrand-off",
    "swift",
    "https",
    "tls10",
    "slow",
    LEAVES_BACKUPS,
];

/// The profile with which backups of both suites stay, because no user can delete a backup where no service for them runs.
const LEAVES_BACKUPS: &str = "cinder-backup-down";

/// Profiles of which no official test looks at what they break.
const LEFT_OUT: [&str; 4] = [
    "no-default-network",
    "no-domain-managers",
    "rbac-sharing",
    "image-conversion",
];

fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.into_iter().chain(LEFT_OUT)
}

/// How long one run of ours may take.
const DEADLINE: Duration = Duration::from_secs(1200);

/// Lines of evidence that are shown for each side of a difference.
const EVIDENCE: usize = 4;

/// Where the official verdicts come from.
enum Official {
    Suite(Suite),
    Recorded(Recorded),
}

/// What was seen on one profile.
struct Row {
    profile: String,
    official: Verdicts,
    ours: Verdicts,
    comparison: Comparison,
    /// How long the official tests took, unless their verdicts are recorded ones, and ours.
    took: (Option<Duration>, Duration),
    /// What was said about each difference that is not documented.
    evidence: Vec<String>,
}

/// Compares all verdicts on all profiles, as one of the tests.
pub(crate) fn gate(parts: &mut Parts) -> Result<(), PartError> {
    let all = Args {
        suite: None,
        profile: Vec::new(),
        read_only: false,
        recorded: false,
        record: false,
        laboratory: "parity".to_owned(),
        keep: false,
    };
    run(&all, parts)
}

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    let known = documented()?;
    let folder = if args.recorded {
        None
    } else {
        suite::find(args.suite.as_deref())?
    };
    let recorded = match &folder {
        Some(_) => None,
        None if args.record => {
            return Err(PartError::Seen(
                "there are no official tests to record verdicts of; name a checkout with --suite".to_owned(),
            ));
        }
        None => Some(Recorded::load()?),
    };
    Laboratory::build(parts)?;
    let official = match (folder, recorded) {
        (Some(folder), _) => {
            let suite = Suite::ensure(folder, parts)?;
            if args.profile.is_empty() && !args.record {
                crates(&suite, parts)?;
            }
            Official::Suite(suite)
        }
        (None, Some(recorded)) => {
            part::say(&format!(
                "THE OFFICIAL TESTS ARE NOT HERE, or were not wanted: what follows compares with their verdicts as recorded on {}",
                recorded.days()
            ));
            Official::Recorded(recorded)
        }
        (None, None) => unreachable!("without a folder the record was read above"),
    };
    let cloud = Cloud {
        name: args.laboratory.clone(),
    };
    // Also one that an earlier run left broken.
    let compared = cloud
        .up(&[], parts)
        .and_then(|()| compare(args, &official, &known, &cloud, parts));
    if args.keep {
        part::say(&format!(
            "the laboratory `{0}` stays up (--keep); remove it with `cargo lab down --name {0}`",
            cloud.name
        ));
    } else {
        let down = cloud.down(parts);
        if compared.is_ok() {
            down?;
        }
    }
    let rows = compared?;
    show(&rows, &official);
    let wrong = rows.iter().filter(|row| !row.comparison.is_as_documented()).count();
    if wrong == 0 {
        return Ok(());
    }
    Err(PartError::Seen(format!(
        "verdicts on {wrong} of {} profiles are not as documented; the official ones count, so mend ours, or write the reason into \
         xtask/parity/differences.json and docs/src/reference/parity.md",
        rows.len()
    )))
}

/// Runs what compares with the official tests without a cloud: names of flavors, made-up clouds, the catalogue, their SDK.
fn crates(suite: &Suite, parts: &mut Parts) -> Result<(), PartError> {
    let mut test = cargo();
    test.env("SCS_STANDARDS", &suite.folder)
        .env("SDK_PYTHON", &suite.python);
    test.args(["test", "--quiet", "--workspace", "--lib"]);
    for file in ["catalogue", "official", "openstacksdk"] {
        test.args(["--test", file]);
    }
    // All ignored tests of these files and of the libraries are about this.
    test.args(["--", "--ignored"]);
    parts.quiet(
        "compare flavor names and made-up clouds with the official parser and tests",
        &mut test,
    )
}

/// Returns the ids of the official tests that our side judges: each has a verdict there too.
fn ids(read_only: bool) -> Result<Vec<String>, PartError> {
    let words = ["check", "list", "--version", "all", "--scope", "mandatory,recommended"];
    let mut command = std::process::Command::new(target_dir().join("debug").join("reeve"));
    let output = command
        .args(words)
        .args(["--format", "json"])
        .output()
        .map_err(|source| PartError::Start {
            command: format!("reeve {}", words.join(" ")),
            source,
        })?;
    let unreadable = || {
        PartError::Seen(format!(
            "`reeve {}` did not answer with a list of checks",
            words.join(" ")
        ))
    };
    let list: Value = serde_json::from_slice(&output.stdout).map_err(|_| unreadable())?;
    let of = |entry: &Value| entry["id"].as_str().map(str::to_owned);
    let ids: Option<Vec<String>> = list
        .as_array()
        .ok_or_else(unreadable)?
        .iter()
        .filter(|entry| !read_only || entry["makes_something"] == false)
        .map(of)
        .collect();
    ids.filter(|ids| !ids.is_empty()).ok_or_else(unreadable)
}

fn compare(
    args: &Args,
    official: &Official,
    known: &[Documented],
    cloud: &Cloud,
    parts: &mut Parts,
) -> Result<Vec<Row>, PartError> {
    let ids = ids(args.read_only)?;
    let door = cloud.door()?;
    let chosen: Vec<&str> = if args.profile.is_empty() {
        PROFILES.to_vec()
    } else {
        names()
            .filter(|name| args.profile.iter().any(|chosen| chosen == name))
            .collect()
    };
    let mut rows = Vec::new();
    for (number, profile) in chosen.iter().enumerate() {
        if *profile != GOOD {
            cloud.inject(profile, parts)?;
        }
        let row = one(profile, &ids, args.read_only, official, known, &door, parts);
        // What cannot be judged shall not leave the cloud broken either.
        if *profile != GOOD {
            cloud.repair(profile, parts)?;
        }
        if *profile == LEAVES_BACKUPS && !args.read_only {
            delete_backups(official, &door, parts)?;
        }
        let row = row?;
        if args.record {
            record(&row)?;
        }
        part::say(&format!(
            "        {profile}, {} of {}: differences: {}",
            number + 1,
            chosen.len(),
            row.comparison.word()
        ));
        for line in &row.evidence {
            part::say(&format!("          {line}"));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn one(
    profile: &str,
    ids: &[String],
    read_only: bool,
    official: &Official,
    known: &[Documented],
    door: &Door,
    parts: &mut Parts,
) -> Result<Row, PartError> {
    let (theirs, observed) = match official {
        Official::Suite(suite) => {
            let name = format!("parity {profile} official");
            let (verdicts, observed) = parts
                .run(&format!("{profile}: the official tests, {} ids", ids.len()), || {
                    suite.run(&name, door, ids)
                })?;
            (verdicts, Some(observed))
        }
        Official::Recorded(recorded) => {
            let seen = recorded.of_profile(profile).ok_or_else(|| {
                PartError::Seen(format!(
                    "no verdicts are recorded for the profile {profile}; leave it out"
                ))
            })?;
            let wanted = seen.verdicts.iter().filter(|(id, _)| ids.contains(id));
            let verdicts: Verdicts = wanted.map(|(id, verdict)| (id.clone(), verdict.clone())).collect();
            if verdicts.len() < ids.len() {
                part::say(&format!(
                    "        {profile}: {} of the {} verdicts are recorded; only these are compared",
                    verdicts.len(),
                    ids.len()
                ));
            }
            (verdicts, None)
        }
    };
    // What was never recorded cannot be compared; of a run, silence is a difference.
    let recorded: Vec<String>;
    let ids = match official {
        Official::Suite(_) => ids,
        Official::Recorded(_) => {
            recorded = theirs.keys().cloned().collect();
            &recorded
        }
    };
    let (run, took) = parts.run(&format!("{profile}: reeve check, the same ids"), || {
        reeve(profile, read_only, door)
    })?;
    let judged = ours::verdicts(&run);
    let comparison = Comparison::of(profile, ids, &theirs, &judged, known);
    let evidence = explain(&comparison, observed.as_ref(), &run);
    Ok(Row {
        profile: profile.to_owned(),
        official: theirs,
        ours: judged,
        comparison,
        took: (observed.map(|observed| observed.wall), took),
        evidence,
    })
}

/// Deletes the backups that could not be deleted while nothing was there to do it.
fn delete_backups(official: &Official, door: &Door, parts: &mut Parts) -> Result<(), PartError> {
    if let Official::Suite(suite) = official {
        // The official test begins with deleting what it left the last time; another way it does not have.
        let ids = ["scs-0117-test-backup".to_owned()];
        parts.run("let the official test delete its backup", || {
            suite.run("parity official again", door, &ids).map(drop)
        })?;
    }
    let mut cleanup = door.command(&target_dir().join("debug").join("reeve"));
    cleanup.args(["check", "cleanup", "--cloud", LOGIN]);
    cleanup.args(["--ledger-dir", ledgers().as_str()]);
    parts.quiet("reeve check cleanup", &mut cleanup)
}

fn ledgers() -> Utf8PathBuf {
    target_dir().join("parity").join("ledger")
}

/// Runs our side and returns its result.
fn reeve(profile: &str, read_only: bool, door: &Door) -> Result<(Value, Duration), PartError> {
    let mut command = door.command(&target_dir().join("debug").join("reeve"));
    command.args(["check", "run", "--cloud", LOGIN, "--version", "all"]);
    command.args(["--scope", "mandatory,recommended", "--format", "json"]);
    command.args(["--ledger-dir", ledgers().as_str()]);
    if read_only {
        command.arg("--read-only");
    }
    let name = format!("parity {profile} reeve");
    let (run, observed) = ours::result(&name, &mut command, DEADLINE)?;
    Ok((run, observed.wall))
}

/// Returns what both sides say about each difference that is not documented, and about what is documented and absent.
fn explain(comparison: &Comparison, official: Option<&Observed>, run: &Value) -> Vec<String> {
    let complaints = official
        .and_then(|observed| std::fs::read(&observed.complaints).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let mut lines = Vec::new();
    for difference in comparison
        .differences
        .iter()
        .filter(|difference| difference.reason.is_none())
    {
        lines.push(format!(
            "{}: official {}, ours {}: NOT DOCUMENTED",
            difference.id, difference.official, difference.ours
        ));
        for line in evidence(&complaints, &difference.id, EVIDENCE) {
            lines.push(format!("  official: {line}"));
        }
        for line in said_by_us(run, &difference.id) {
            lines.push(format!("  ours: {line}"));
        }
    }
    for absent in &comparison.absent {
        lines.push(format!(
            "{}: documented as official {}, ours {}, and that is NOT WHAT WAS SEEN; if it is mended, take it off the list",
            absent.id, absent.official, absent.ours
        ));
    }
    lines
}

/// Returns what our result says about an id: why it was not judged, and what was found.
fn said_by_us(run: &Value, id: &str) -> Vec<String> {
    let mut cases = run["cases"].as_array().into_iter().flatten();
    let Some(case) = cases.find(|case| case["id"] == id) else {
        return vec!["nothing".to_owned()];
    };
    let causes = ["missing", "cause"]
        .into_iter()
        .filter_map(|key| case[key].as_str().map(str::to_owned));
    let findings = case["findings"].as_array().into_iter().flatten().map(|finding| {
        format!(
            "{}: {}",
            finding["subject"].as_str().unwrap_or_default(),
            finding["detail"].as_str().unwrap_or_default()
        )
    });
    let said: Vec<String> = causes.chain(findings).take(EVIDENCE).collect();
    if said.is_empty() {
        vec!["no finding".to_owned()]
    } else {
        said
    }
}

/// Prints the table.
fn show(rows: &[Row], official: &Official) {
    let from = match official {
        Official::Suite(suite) => format!("run from {}", suite.folder),
        Official::Recorded(recorded) => format!("RECORDED on {}, not run", recorded.days()),
    };
    answer(&format!(
        "verdicts of the official tests (SovereignCloudStack/standards {}, {from}) and of reeve check",
        &suite::COMMIT[..8]
    ));
    answer(&format!(
        "{:<22} {:<14}  {:<14}  {:>8} {:>6}  differences",
        "profile", "official", "reeve", "official", "reeve"
    ));
    answer(&format!(
        "{:<22} PASS FAIL ABORT  PASS FAIL ABORT  {:>8} {:>6}",
        "", "took", "took"
    ));
    for row in rows {
        answer(&format!(
            "{:<22} {}   {}   {:>8} {:>6}  {}",
            row.profile,
            tally(&row.official),
            tally(&row.ours),
            row.took.0.map_or_else(|| "-".to_owned(), clock),
            clock(row.took.1),
            row.comparison.word()
        ));
    }
    for row in rows {
        for difference in &row.comparison.differences {
            if let Some(reason) = &difference.reason {
                answer(&format!(
                    "{}: {}: official {}, ours {}: {reason}",
                    row.profile, difference.id, difference.official, difference.ours
                ));
            }
        }
        for line in &row.evidence {
            answer(&format!("{}: {line}", row.profile));
        }
    }
    answer(&format!(
        "left out, because no official test looks at what they break: {}",
        LEFT_OUT.join(", ")
    ));
}

/// Writes the verdicts of the official tests on a profile down, with the day.
fn record(row: &Row) -> Result<(), PartError> {
    let day = std::process::Command::new("date")
        .args(["--utc", "+%Y-%m-%d"])
        .output()
        .map_err(|source| PartError::Start {
            command: "date".into(),
            source,
        })?;
    let seen = OnProfile {
        day: String::from_utf8_lossy(&day.stdout).trim().to_owned(),
        verdicts: row.official.clone(),
    };
    Recorded::note(&row.profile, seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::tool::root;

    #[test]
    fn every_profile_of_the_laboratory_is_tried_or_left_out() {
        let source = std::fs::read_to_string(root().join("lab/src/openstack/profile.rs")).unwrap();
        let list = source.split("const ALL").nth(1).unwrap().split("];").next().unwrap();
        let words = list.split('"').skip(1).step_by(2);
        let of_laboratory: BTreeSet<&str> = words
            .filter(|word| {
                word.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
            .collect();
        let here: BTreeSet<&str> = names().filter(|name| *name != GOOD).collect();
        assert_eq!(here, of_laboratory);
    }

    #[test]
    fn a_check_that_was_not_judged_has_no_verdict() {
        let run = json!({ "cases": [
            { "id": "a", "verdict": "PASS", "findings": [] },
            { "id": "b", "verdict": null, "missing": "nothing may be made" },
            { "id": "c", "verdict": "FAIL", "findings": [{ "subject": "flavor x", "detail": "too small" }] },
        ] });
        let verdicts = ours::verdicts(&run);
        assert_eq!(verdicts.get("b"), None);
        assert_eq!(verdicts.len(), 2);
        assert_eq!(said_by_us(&run, "b"), ["nothing may be made"]);
        assert_eq!(said_by_us(&run, "c"), ["flavor x: too small"]);
        assert_eq!(said_by_us(&run, "a"), ["no finding"]);
    }

    #[test]
    fn verdicts_are_recorded_for_every_profile_that_is_tried() {
        let recorded = Recorded::load().unwrap();
        for profile in PROFILES {
            let seen = recorded.of_profile(profile).unwrap_or_else(|| panic!("{profile}"));
            // All 88, or all but the four that make something.
            assert!(matches!(seen.verdicts.len(), 84 | 88), "{profile}");
        }
    }
}
