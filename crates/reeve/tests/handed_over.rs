//! `verify`, `report` and `adopt-crs` as a person or a script meets them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::process::{Command, Output};

use camino::Utf8Path;
use reeve_journal::{Holder, Runs};
use tempfile::TempDir;

/// A folder of its own for each test; the environment of the machine does not reach the binary.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let facts = reeve_rook::sample::Cluster::default().facts();
        facts.save(&desk.path().join("facts.json")).unwrap();
        desk
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    /// Makes a run of the sample's plan that nobody has begun.
    fn run(&self) -> String {
        let facts = reeve_rook::sample::Cluster::default().facts();
        let plan = reeve_rook::plan::plan(&facts, &reeve_rook::plan::Options::default()).unwrap();
        let runs = Runs::in_dir(self.path().join("runs")).unwrap();
        let journal = runs.create(plan, &Holder::this_process("here", "reeve 0.1.0")).unwrap();
        journal.run().to_string()
    }

    fn reeve(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_reeve"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("REEVE_RUNS_DIR", self.path().join("runs"))
            .output()
            .unwrap()
    }
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn pools_are_described_or_left_with_the_reason() {
    let desk = Desk::new();
    let output = desk.reeve(&["rook", "adopt-crs", "--facts", "facts.json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!out(&output).contains("kind:"), "{output:?}");
    assert!(
        err(&output).contains("left: pool volumes: Rook would add a CRUSH rule named volumes"),
        "{output:?}"
    );
    assert!(err(&output).contains("--accept-unused-rules"), "{output:?}");

    let words = [
        "rook",
        "adopt-crs",
        "--facts",
        "facts.json",
        "--accept-unused-rules",
        "--output",
        "pools",
    ];
    let output = desk.reeve(&words);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(out(&output), "");
    let text = std::fs::read_to_string(desk.path().join("pools/volumes.yaml")).unwrap();
    assert!(
        text.contains("kind: CephBlockPool") && text.contains("size: 3"),
        "{text}"
    );
    assert!(desk.path().join("pools/builtin-mgr.yaml").exists());
}

#[test]
fn a_report_of_a_run_in_every_form() {
    let desk = Desk::new();
    let run = desk.run();
    let text = desk.reeve(&["rook", "report"]);
    assert_eq!(text.status.code(), Some(0), "{text:?}");
    assert!(
        out(&text).contains(&run) && out(&text).contains("Nothing: every daemon runs as it did before."),
        "{text:?}"
    );
    let json = desk.reeve(&["rook", "report", &run[..12], "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(out(&json)).unwrap();
    assert_eq!(
        (&value["format"], value["run"]["id"].as_str()),
        (&serde_json::json!(1), Some(run.as_str()))
    );
    let words = [
        "rook",
        "report",
        "--format",
        "html",
        "--output",
        "hand-over.html",
        "--facts",
        "facts.json",
    ];
    let html = desk.reeve(&words);
    assert_eq!(html.status.code(), Some(0), "{html:?}");
    let page = std::fs::read_to_string(desk.path().join("hand-over.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Content-Security-Policy"));
    let schema = desk.reeve(&["schema", "rook-handover"]);
    assert!(out(&schema).contains("Reeve hand-over report"));
}

#[test]
fn wrong_input_is_named() {
    let desk = Desk::new();
    let none = desk.reeve(&["rook", "report"]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    desk.run();
    for (words, said) in [
        (&["rook", "report", "nothing"][..], "nothing"),
        (&["rook", "report", "--with", "facts.json"], "facts.json"),
        (&["rook", "report", "--facts", "missing.json"], "missing.json"),
        (&["rook", "verify", "--plan", "missing.json"], "missing.json"),
        (&["rook", "verify", "--plan", "facts.json"], "facts.json"),
        (&["rook", "verify", "run", "--plan", "plan.json"], "--plan"),
        (&["rook", "verify", "--kubeconfig", "missing.conf"], "missing.conf"),
        (&["rook", "adopt-crs", "--facts", "missing.json"], "missing.json"),
    ] {
        let output = desk.reeve(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(err(&output).contains(said), "{words:?}: {output:?}");
    }
}

#[test]
fn the_rules_of_verify_are_listed() {
    let output = Desk::new().reeve(&["rook", "verify", "--list"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(out(&output).contains("### rook.verify-runs-twice"), "{output:?}");
}
