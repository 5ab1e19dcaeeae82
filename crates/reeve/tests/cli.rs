//! The binary as a person or a script meets it: answers, errors and exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

/// A folder of its own for each test; the environment of the machine does not reach the binary.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn file(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes the facts of a healthy made-up cluster after `change`.
    fn facts(&self, change: impl FnOnce(&mut reeve_rook::facts::Facts)) -> Utf8PathBuf {
        let mut facts = reeve_rook::sample::Cluster::default().facts();
        change(&mut facts);
        let path = self.path().join("facts.json");
        facts.save(&path).unwrap();
        path
    }

    fn reeve(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_reeve"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .output()
            .unwrap()
    }

    /// Returns answer, errors and exit code as one text, the folder's name taken out.
    fn shown(&self, words: &[&str]) -> String {
        let output = self.reeve(words);
        let text = format!(
            "$ reeve {}\n{}--- stderr ---\n{}--- exit code {} ---\n",
            words.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap(),
        );
        text.replace(self.path().as_str(), "DESK")
    }
}

const COMMANDS: &[&[&str]] = &[
    &[],
    &["rook"],
    &["rook", "survey"],
    &["rook", "check"],
    &["rook", "plan"],
    &["rook", "plan", "show"],
    &["rook", "plan", "diff"],
    &["rook", "migrate"],
    &["rook", "resume"],
    &["rook", "status"],
    &["rook", "rollback"],
    &["rook", "verify"],
    &["rook", "report"],
    &["rook", "adopt-crs"],
    &["import"],
    &["import", "list"],
    &["import", "inspect"],
    &["run"],
    &["run", "list"],
    &["run", "show"],
    &["run", "export"],
    &["config"],
    &["config", "show"],
    &["schema"],
    &["completions"],
];

#[test]
fn the_help_of_every_command() {
    let desk = Desk::new();
    for command in COMMANDS {
        let mut words = command.to_vec();
        words.push("--help");
        let name = if command.is_empty() {
            "help".to_owned()
        } else {
            format!("help_{}", command.join("_"))
        };
        insta::assert_snapshot!(name, desk.shown(&words));
    }
}

#[test]
fn completions_know_the_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = desk.reeve(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("survey") && script.contains("completions"), "{shell}");
    }
}

/// The table of exit codes, by doing it: what is wrong, what is typed, which code it gives, and words that the message must have.
#[test]
fn bad_input_gives_the_documented_exit_code_and_names_the_thing() {
    let desk = Desk::new();
    let facts = desk.facts(|_| ());
    let text = std::fs::read_to_string(&facts).unwrap();
    desk.file("typo.json", &text.replacen("\"monmap\"", "\"monmpa\"", 1));
    desk.file("cut.json", &text[..text.len() / 2]);
    desk.file("old.json", &text.replacen("\"format\": 1", "\"format\": 99", 1));
    desk.file("typo.toml", "[rook]\nadmin_hots = \"n1\"\n");
    desk.file("no-verify.conf", KUBECONFIG_WITHOUT_VERIFICATION);
    desk.file("options.json", "{\"mgr_cuont\": 2}");
    assert_eq!(
        desk.reeve(&[
            "--quiet",
            "rook",
            "plan",
            "--facts",
            "facts.json",
            "--output",
            "plan.json"
        ])
        .status
        .code(),
        Some(0)
    );
    let plan = std::fs::read_to_string(desk.path().join("plan.json")).unwrap();
    desk.file("edited.json", &plan.replacen("ceph-mon@n1", "ceph-mon@n2", 1));
    desk.file("newer.json", &plan.replacen("\"format\": 1", "\"format\": 99", 1));
    desk.file("key.json", &plan.replacen("\"made_by\"", "\"made_bye\"", 1));
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["rook", "chekc"], 2, &["chekc", "check"]),
        (&["rook", "check", "--fact", "facts.json"], 2, &["--fact", "--facts"]),
        (&["rook", "check", "--facts", "missing.json"], 2, &["missing.json"]),
        (
            &["rook", "check", "--facts", "typo.json"],
            2,
            &["typo.json", "monmpa", "monmap", "line"],
        ),
        (&["rook", "check", "--facts", "cut.json"], 2, &["cut.json", "line"]),
        (
            &["rook", "check", "--facts", "old.json"],
            2,
            &["old.json", "99", "survey again"],
        ),
        (
            &[
                "rook",
                "check",
                "--facts",
                "facts.json",
                "--waive",
                "rook.pool-size-oen",
            ],
            2,
            &["rook.pool-size-oen", "rook.pool-size-one"],
        ),
        (
            &["--config", "typo.toml", "config", "show"],
            2,
            &["typo.toml:2", "admin_hots", "admin_host"],
        ),
        (&["--config", "missing.toml", "config", "show"], 2, &["missing.toml"]),
        (&["rook", "survey"], 2, &["--admin-host"]),
        (&["rook", "survey", "--admin-host", "bad host"], 2, &["bad host"]),
        (
            &["rook", "survey", "--admin-host", "n1", "--kubeconfig", "missing.conf"],
            2,
            &["missing.conf"],
        ),
        (
            &["rook", "survey", "--admin-host", "n1", "--kubeconfig", "no-verify.conf"],
            2,
            &["no-verify.conf", "insecure-skip-tls-verify"],
        ),
        (
            &["rook", "plan", "--facts", "facts.json", "--options", "options.json"],
            2,
            &["options.json", "mgr_cuont", "mgr_count"],
        ),
        (
            &[
                "rook",
                "plan",
                "--facts",
                "facts.json",
                "--output",
                "no/such/folder/plan.json",
            ],
            2,
            &["no/such/folder/plan.json"],
        ),
        (&["rook", "plan", "show", "missing.json"], 2, &["missing.json"]),
        (&["rook", "plan", "show", "facts.json"], 2, &["facts.json"]),
        (&["rook", "plan", "show", "edited.json"], 2, &["edited.json", "plan"]),
        (&["rook", "plan", "show", "newer.json"], 2, &["newer.json", "99"]),
        (
            &["rook", "plan", "show", "key.json"],
            2,
            &["key.json", "made_bye", "made_by"],
        ),
        (&["run", "show", "20260101"], 2, &["20260101"]),
        (&["run", "list", "--runs-dir", "facts.json"], 2, &["facts.json"]),
    ];
    for (words, code, named) in cases {
        let output = desk.reeve(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {said}");
        for name in *named {
            assert!(said.contains(name), "{words:?} does not name `{name}`: {said}");
        }
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
    let left: Vec<_> = std::fs::read_dir(desk.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| !name.to_string_lossy().contains("partial")),
        "{left:?}"
    );
}

#[test]
fn an_admin_host_that_is_not_there_is_code_3() {
    let desk = Desk::new();
    // An API server that takes the connection and never answers: the admin host is the first to fail.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    desk.file("admin.conf", &KUBECONFIG.replace(":1'", &format!(":{port}'")));
    // Port 1 on this machine: nothing listens, so ssh is refused at once.
    desk.file("ssh_config", "Host n1\n HostName 127.0.0.1\n Port 1\n");
    let output = desk.reeve(&[
        "rook",
        "survey",
        "--admin-host",
        "n1",
        "--kubeconfig",
        "admin.conf",
        "--ssh-config",
        "ssh_config",
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("n1"), "{said}");
}

#[test]
fn findings_are_code_1_and_a_healthy_cluster_is_code_0() {
    let desk = Desk::new();
    desk.facts(|_| ());
    let output = desk.reeve(&["rook", "check", "--facts", "facts.json"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    desk.facts(|facts| {
        facts.ceph.quorum.names.remove("n3");
    });
    let output = desk.reeve(&["rook", "check", "--facts", "facts.json"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("n3"), "{said}");
    let output = desk.reeve(&["rook", "plan", "--facts", "facts.json"]);
    assert_eq!(output.status.code(), Some(1), "a refused cluster is not planned");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_same_facts_give_the_same_plan_and_a_plan_differs_from_none_but_another() {
    let desk = Desk::new();
    desk.facts(|_| ());
    for name in ["one.json", "two.json"] {
        assert_eq!(
            desk.reeve(&["rook", "plan", "--facts", "facts.json", "--output", name])
                .status
                .code(),
            Some(0)
        );
    }
    let read = |name: &str| std::fs::read(desk.path().join(name)).unwrap();
    assert_eq!(read("one.json"), read("two.json"));
    assert_eq!(
        desk.reeve(&["rook", "plan", "diff", "one.json", "two.json"])
            .status
            .code(),
        Some(0)
    );
    desk.file("options.json", "{\"mon_soak_seconds\": 5}");
    let words = [
        "rook",
        "plan",
        "--facts",
        "facts.json",
        "--options",
        "options.json",
        "--output",
        "three.json",
    ];
    assert_eq!(desk.reeve(&words).status.code(), Some(0));
    assert_eq!(
        desk.reeve(&["rook", "plan", "diff", "one.json", "three.json"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn every_format_pipes() {
    let desk = Desk::new();
    desk.facts(|_| ());
    let json = desk.reeve(&["rook", "check", "--facts", "facts.json", "--format", "json"]);
    serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap();
    let junit = desk.reeve(&["rook", "check", "--facts", "facts.json", "--format", "junit"]);
    assert!(junit.stdout.starts_with(b"<?xml"));
    let html = desk.reeve(&[
        "rook",
        "check",
        "--facts",
        "facts.json",
        "--format",
        "html",
        "--output",
        "check.html",
    ]);
    assert!(html.stdout.is_empty());
    assert!(
        std::fs::read_to_string(desk.path().join("check.html"))
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    let plan = desk.reeve(&["rook", "plan", "--facts", "facts.json", "--format", "json"]);
    serde_json::from_slice::<serde_json::Value>(&plan.stdout).unwrap();
    for schema in ["rook-facts", "rook-plan-options", "plan", "report", "rook-handover"] {
        let output = desk.reeve(&["schema", schema]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(value["$schema"].is_string(), "{schema}");
    }
    let runs = desk.reeve(&["run", "list", "--format", "json"]);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&runs.stdout).unwrap(),
        serde_json::json!([])
    );
}

#[test]
fn config_show_says_where_each_value_comes_from() {
    let desk = Desk::new();
    desk.file("reeve.toml", "[rook]\nadmin_host = \"ceph1\"\n");
    insta::assert_snapshot!(desk.shown(&["config", "show"]));
}

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";

const KUBECONFIG_WITHOUT_VERIFICATION: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";
