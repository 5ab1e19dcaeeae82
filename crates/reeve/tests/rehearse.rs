//! `reeve rook rehearse` as a person or a script meets it: with a plan, and access to nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::process::{Command, Output};

use camino::Utf8Path;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a plan and its facts. The binary gets no home, no path, and nothing else that could lead it anywhere.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let facts = reeve_rook::sample::Cluster::default().facts();
        facts.save(&desk.path().join("facts.json")).unwrap();
        let plan = reeve_rook::plan::plan(&facts, &reeve_rook::plan::Options::default()).unwrap();
        std::fs::write(desk.path().join("plan.json"), plan.to_json()).unwrap();
        desk
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn reeve(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_reeve"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "")
            .env("HOME", "")
            .output()
            .unwrap()
    }

    fn rehearse(&self, words: &[&str]) -> (i32, String, String) {
        let all: Vec<&str> = ["rook", "rehearse", "plan.json"].iter().chain(words).copied().collect();
        let output = self.reeve(&all);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

/// Compares a text but for its times, which change with every step's way of asking.
macro_rules! assert_settled {
    ($name:literal, $said:expr) => {
        insta::with_settings!({ filters => vec![(r"\d+ min \d+ s", "(minutes)"), (r"\d+\.\d s", "(seconds)")] }, {
            insta::assert_snapshot!($name, settled(&$said));
        })
    };
}

/// Takes out the name of the run.
fn settled(text: &str) -> String {
    let words: Vec<String> = text
        .split_inclusive(char::is_whitespace)
        .map(|word| {
            if word.contains("-rehearsal-") {
                let end = word
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .unwrap_or(word.len());
                format!("(run){}", &word[end..])
            } else {
                word.to_owned()
            }
        })
        .collect();
    words.concat()
}

#[test]
fn the_help() {
    let output = Desk::new().reeve(&["rook", "rehearse", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("help_rook_rehearse", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn a_plan_is_rehearsed_with_access_to_nothing() {
    let desk = Desk::new();
    let (code, said, told) = desk.rehearse(&["--facts", "facts.json", "--report", "report.html"]);
    assert_eq!(code, 0, "{said}{told}");
    assert_settled!("rehearsal_finished", said);
    assert!(told.contains("Waits until mon.n2 is back in quorum."), "{told}");
    let report = std::fs::read_to_string(desk.path().join("report.html")).unwrap();
    assert!(
        report.to_lowercase().contains("rehearsal"),
        "the report does not say what it is of"
    );
    // Nothing is left but what was asked for.
    let left = std::fs::read_dir(desk.path()).unwrap().count();
    assert_eq!(left, 3);
}

#[test]
fn a_failure_and_a_death_are_shown() {
    let desk = Desk::new();
    let (code, said, told) = desk.rehearse(&["--fail", "osds/osd.2/await_osd_up"]);
    assert_eq!(code, 4, "{said}{told}");
    assert_settled!("rehearsal_failed", said);
    assert!(told.contains("undone: Stops ceph-osd@2.service on n2."), "{told}");
    let (code, said, told) = desk.rehearse(&["--crash-at", "mons/mon.n2/move_mon_store"]);
    assert_eq!(code, 0, "{said}{told}");
    assert_settled!("rehearsal_died", said);
    assert_eq!(told.matches("*** the process dies here").count(), 2, "{told}");
}

#[test]
fn programs_get_a_stream_with_modelled_times() {
    let desk = Desk::new();
    let (code, said, _) = desk.rehearse(&["--until", "mon.n2", "--format", "json"]);
    assert_eq!(code, 4);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["begin"]["run"].as_str().unwrap().contains("-rehearsal-"));
    let end = &lines.last().unwrap()["end"];
    assert_eq!(end["exit_code"], 4);
    let figures = &lines[lines.len() - 2]["rehearsal"];
    assert_eq!(figures["violations"], serde_json::json!([]));
    assert!(figures["away_seconds"]["mon.n2"].as_f64().unwrap() > 1.0);
    let at = |line: &Value| {
        line["record"]["at"]
            .as_str()
            .and_then(|at| at.parse::<jiff::Timestamp>().ok())
    };
    let times: Vec<jiff::Timestamp> = lines.iter().filter_map(at).collect();
    let told = times.last().unwrap().duration_since(times[0]).as_secs_f64();
    let modelled = figures["modelled_seconds"].as_f64().unwrap();
    assert!((told - modelled).abs() < 5.0, "{told} told, {modelled} modelled");
}

#[test]
fn a_kept_journal_says_what_it_is_and_nobody_goes_on_with_it() {
    let desk = Desk::new();
    let (code, ..) = desk.rehearse(&["--until", "close_gate", "--runs-dir", "runs", "--quiet"]);
    assert_eq!(code, 4);
    for words in [&["run", "list"][..], &["run", "show", "latest"]] {
        let all: Vec<&str> = words.iter().copied().chain(["--runs-dir", "runs"]).collect();
        let said = String::from_utf8(desk.reeve(&all).stdout).unwrap();
        assert!(said.contains("REHEARSAL on a model: paused, as asked"), "{said}");
    }
    for words in [&["rook", "resume"][..], &["rook", "rollback", "--all"]] {
        let all: Vec<&str> = words.iter().copied().chain(["--runs-dir", "runs"]).collect();
        let output = desk.reeve(&all);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("is a rehearsal"), "{told}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let desk = Desk::new();
    let cluster = reeve_rook::sample::Cluster {
        hosts: 5,
        ..reeve_rook::sample::Cluster::default()
    };
    cluster.facts().save(&desk.path().join("other.json")).unwrap();
    for (words, named) in [
        (
            &["--fail", "mons/mon.n2/await_quorom"][..],
            "did you mean `mons/mon.n2/await_quorum`?",
        ),
        (&["--crash-at", "mon.n2"], "mons/mon.n2/stop_unit"),
        (&["--facts", "other.json"], "made of other facts"),
        (&["--fail", "a", "--crash-at", "b"], "cannot be used with"),
        (&["--until", "nowhere"], "no phase, daemon or step"),
    ] {
        let (code, said, told) = desk.rehearse(words);
        assert_eq!(code, 2, "{words:?}: {said}{told}");
        assert!(told.contains(named), "{words:?}: {told}");
        assert_eq!(said, "", "{words:?}");
    }
}
