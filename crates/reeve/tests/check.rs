//! `reeve check` as a person or a script meets it, against a cloud in this process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

#[path = "../../reeve-check/tests/good_cloud/mod.rs"]
mod good_cloud;

mod binary;
mod signed;

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use binary::{binary, text};
use camino::Utf8Path;
use good_cloud::good_cloud;
use reeve_openstack::fake::{Behaviour, FakeCloud, Fault};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a clouds.yaml for a cloud; the environment of the machine does not reach the binary.
struct Desk {
    dir: TempDir,
    cloud: FakeCloud,
}

impl Desk {
    async fn new() -> Desk {
        let desk = Desk {
            dir: tempfile::tempdir().unwrap(),
            cloud: good_cloud().await,
        };
        let auth = json!({ "auth_url": format!("{}/identity", desk.cloud.url()), "username": "joe", "user_domain_name": "one",
            "password": "correct horse", "project_name": "alpha", "project_domain_name": "one" });
        let manager = |domain: &str| {
            let auth = json!({ "auth_url": format!("{}/identity", desk.cloud.url()), "username": format!("{domain}-manager"),
                "user_domain_name": domain, "password": "correct horse", "domain_name": domain });
            json!({ "auth": auth, "region_name": "r1" })
        };
        let clouds = json!({ "clouds": { "good": { "auth": auth, "region_name": "r1" }, "one": manager("one"), "two": manager("two") } });
        desk.file("clouds.yaml", &clouds.to_string());
        desk
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = binary(self.path(), words);
        command.env("OS_CLOUD", "good").env("REEVE_CHECK_POLL_MS", "2");
        command
    }

    async fn reeve(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    fn begin(&self, words: &[&str]) -> Child {
        self.command(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn ledgers(&self) -> usize {
        let folder = self.path().join(".local/state/reeve/check");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap()
}

fn shown(words: &[&str], output: &Output) -> String {
    format!(
        "$ reeve {}\n{}--- stderr ---\n{}--- exit code {} ---\n",
        words.join(" "),
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_of_every_command() {
    let desk = Desk::new().await;
    for name in ["", "run", "list", "explain", "report", "upload", "runs", "cleanup"] {
        let words: Vec<&str> = ["check", name, "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let output = desk.reeve(&words).await;
        insta::assert_snapshot!(format!("help_check_{name}"), shown(&words, &output));
    }
}

/// What is done to the cloud, what is typed, which code it gives, and words of what is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_end_has_its_documented_code() {
    type Change = fn(&FakeCloud);
    let nothing: Change = |_| {};
    let cases: &[(Change, &[&str], i32, &[&str])] = &[
        (
            nothing,
            &["check", "run"],
            0,
            &["KEPT: All 54 mandatory testcases passed (v5.1)."],
        ),
        (
            nothing,
            &["check", "run", "--read-only"],
            0,
            &["and this run only reads", "mandatory testcases could not be judged"],
        ),
        (
            nothing,
            &["check", "run", "--plan"],
            0,
            &["2 volumes of 1 GiB, 1 backup"],
        ),
        (
            nothing,
            &["check", "run", "--only", "scsx-0125-https"],
            1,
            &["are not encrypted"],
        ),
        (nothing, &["check", "run", "--version", "v9"], 2, &["v9", "v5.1"]),
        (
            nothing,
            &["check", "run", "--only", "scs-0100-syntax-chekc"],
            2,
            &["scs-0100-syntax-chekc", "scs-0100-syntax-check"],
        ),
        (nothing, &["check", "run", "--cloud", "none"], 2, &["none", "good"]),
        (nothing, &["check", "run", "--replay", "nowhere"], 2, &["nowhere"]),
        (nothing, &["check", "run", "--spec", "clouds.yaml"], 2, &["clouds.yaml"]),
        (
            nothing,
            &["check", "run", "--ledger-dir", "clouds.yaml"],
            2,
            &["clouds.yaml", "--ledger-dir"],
        ),
        (nothing, &["check", "run", "--plan", "--format", "junit"], 2, &["plan"]),
        (nothing, &["check", "report", "clouds.yaml"], 2, &["clouds.yaml"]),
        (
            nothing,
            &["check", "explain", "scs-0101-fips"],
            2,
            &["scs-0101-fips-test"],
        ),
        (nothing, &["check", "cleanup"], 0, &["nothing to delete"]),
        (
            nothing,
            &["check", "cleanup", "--cloud", "one"],
            0,
            &["nothing to delete"],
        ),
        (nothing, &["check", "runs"], 0, &["no runs"]),
        (
            nothing,
            &[
                "check",
                "run",
                "--only",
                "scsx-0302-*",
                "--manager-cloud",
                "one",
                "--manager-cloud",
                "two",
            ],
            0,
            &["5 passed"],
        ),
        (
            nothing,
            &["check", "run", "--only", "scsx-0302-*"],
            1,
            &["no login of a domain manager was given"],
        ),
        (
            nothing,
            &[
                "check",
                "run",
                "--manager-cloud",
                "one",
                "--manager-cloud",
                "two",
                "--manager-cloud",
                "one",
            ],
            2,
            &["twice at most"],
        ),
        (nothing, &["check", "run", "--manager-cloud", "three"], 2, &["three"]),
        (nothing, &["check", "run", "--upstream-exit"], 0, &["KEPT"]),
        (
            |cloud| {
                let mut state = cloud.state();
                let flavors = state.collections.get_mut("flavors").unwrap();
                flavors.retain(|flavor| !["SCS-1V-4", "SCS-2V-8"].contains(&flavor["name"].as_str().unwrap()));
            },
            &["check", "run", "--read-only", "--upstream-exit"],
            4,
            &["NOT KEPT"],
        ),
        (
            |cloud| cloud.state().roles.push("admin".to_owned()),
            &["check", "run", "--upstream-exit"],
            1,
            &["the login has the role `admin`"],
        ),
        (
            |cloud| {
                cloud.fault(Fault::always(
                    "GET /image/v2/images",
                    Behaviour::Status(500, Vec::new(), String::new()),
                ))
            },
            &["check", "run", "--read-only", "--upstream-exit"],
            0,
            &["500"],
        ),
        (nothing, &["check", "report", "x", "--format", "signed"], 2, &["--key"]),
        (
            nothing,
            &["check", "upload", "x", "--key", "k", "--token-file", "nowhere"],
            2,
            &["nowhere"],
        ),
        (
            |cloud| {
                cloud
                    .state()
                    .collections
                    .get_mut("flavors")
                    .unwrap()
                    .retain(|flavor| flavor["name"] != "SCS-1V-4")
            },
            &["check", "run"],
            1,
            &["NOT KEPT", "openstack flavor create"],
        ),
        (
            |cloud| {
                cloud.fault(Fault::always(
                    "GET /image/v2/images",
                    Behaviour::Status(500, Vec::new(), String::new()),
                ))
            },
            &["check", "run", "--read-only"],
            1,
            &["500"],
        ),
        (
            |cloud| cloud.state().roles.push("admin".to_owned()),
            &["check", "run"],
            1,
            &["the login has the role `admin`"],
        ),
        (
            |cloud| cloud.state().password = "another".to_owned(),
            &["check", "run"],
            3,
            &["the login was refused (401)"],
        ),
        (
            |cloud| cloud.state().password = "another".to_owned(),
            &["check", "run", "--plan"],
            3,
            &["the login was refused (401)"],
        ),
        (
            |cloud| cloud.state().password = "another".to_owned(),
            &["check", "cleanup"],
            3,
            &["the login was refused (401)"],
        ),
        (
            |cloud| cloud.state().has_backup_service = false,
            &["check", "run"],
            5,
            &["Still in the cloud", "STILL THERE", "reeve check cleanup"],
        ),
    ];
    for (change, words, code, said) in cases {
        let desk = Desk::new().await;
        change(&desk.cloud);
        let output = desk.reeve(words).await;
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {all}");
        for word in *said {
            assert!(all.contains(word), "{words:?} does not say `{word}`: {all}");
        }
        assert!(
            !all.contains("panicked") && !all.contains("correct horse"),
            "{words:?}: {all}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_a_result_and_a_recording_of_it() {
    let desk = Desk::new().await;
    desk.cloud
        .state()
        .collections
        .get_mut("flavors")
        .unwrap()
        .retain(|flavor| flavor["name"] != "SCS-2V-8");
    let output = desk
        .reeve(&[
            "check",
            "run",
            "--record",
            "capture",
            "--format",
            "json",
            "--output",
            "result.json",
        ])
        .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let result: Value =
        serde_json::from_str(&std::fs::read_to_string(desk.path().join("result.json")).unwrap()).unwrap();
    let verdict = |result: &Value, id: &str| {
        let cases = result["cases"].as_array().unwrap();
        cases.iter().find(|case| case["id"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict(&result, "scs-0103-flavor-2v-8"), "FAIL");
    assert_eq!(verdict(&result, "scs-0117-test-backup"), "PASS");
    let schema = desk.reeve(&["schema", "check-result"]).await;
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["properties"]["cases"]["type"], "array");
    // The cloud is gone; the recording and the result stay.
    desk.cloud.state().password = "another".to_owned();
    let replayed = desk
        .reeve(&["check", "run", "--replay", "capture", "--format", "json"])
        .await;
    assert_eq!(replayed.status.code(), Some(1), "{replayed:?}");
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    for case in result["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        assert_eq!(verdict(&replayed, id), case["verdict"], "{id}");
    }
    let draft = desk
        .reeve(&[
            "check",
            "run",
            "--replay",
            "capture",
            "--version",
            "draft",
            "--scope",
            "mandatory",
        ])
        .await;
    let said = text(&draft.stdout);
    assert!(
        said.contains("1 of 55 mandatory testcases failed (next)") && said.contains("Judged from a recording"),
        "{said}"
    );
    for (format, word) in [
        ("text", "NOT KEPT"),
        ("html", "<!DOCTYPE html>"),
        ("junit", "<testsuite"),
        ("yaml", "scs-0103-flavor-2v-8\": -1"),
        ("json", "\"format\": 1"),
    ] {
        let output = desk
            .reeve(&["check", "report", "result.json", "--format", format])
            .await;
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(word), "{format}");
    }
    let two = desk
        .reeve(&["check", "report", "result.json", "result.json", "--format", "yaml"])
        .await;
    assert_eq!(text(&two.stdout).matches("---\n").count(), 2);
    let two = desk
        .reeve(&["check", "report", "result.json", "result.json", "--format", "html"])
        .await;
    assert_eq!(two.status.code(), Some(2));
}

/// `kill -9` in the middle, then `cleanup`: the project is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_is_cleaned_up_by_the_next_command() {
    let desk = Desk::new().await;
    let before = desk.cloud.state().things();
    for at in [70, 90, 110] {
        let was_cut = desk.cloud.state().die_at(at, true);
        let mut child = desk.begin(&["check", "run"]);
        was_cut.notified().await;
        child.kill().unwrap();
        ended(child).await;
        desk.cloud.state().cut = None;
        assert_eq!(desk.ledgers(), 1, "the ledger of the killed run");
        assert_ne!(
            desk.cloud.state().things(),
            before,
            "killed at {at}, nothing was there to clean up"
        );
        let runs = desk.reeve(&["check", "runs"]).await;
        assert_eq!(runs.status.code(), Some(1), "{runs:?}");
        let said = text(&runs.stdout);
        assert!(
            said.contains("over; `reeve check cleanup --cloud good`") && said.contains("may be there: "),
            "{said}"
        );
        let runs = desk.reeve(&["check", "runs", "--format", "json"]).await;
        let runs: Value = serde_json::from_slice(&runs.stdout).unwrap();
        assert_eq!(
            (&runs[0]["at_work"], &runs[0]["cloud"]),
            (&json!(false), &json!("good"))
        );
        let dry = desk.reeve(&["check", "cleanup", "--dry-run"]).await;
        assert!(text(&dry.stdout).contains("would delete "), "{dry:?}");
        assert_ne!(desk.cloud.state().things(), before, "a dry run deletes nothing");
        let output = desk.reeve(&["check", "cleanup"]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text(&output.stdout).contains("deleted "), "{output:?}");
        assert_eq!(desk.cloud.state().things(), before, "killed at {at}");
        assert_eq!(desk.ledgers(), 0);
    }
}

/// Ctrl-C in the middle: what was made is deleted, the result says that it was stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_cleans_up_after_itself() {
    let desk = Desk::new().await;
    let before = desk.cloud.state().things();
    // The server never says anything, so the run is at work until it is stopped.
    desk.cloud.state().guest = reeve_openstack::fake::Guest::new(|_| String::new());
    let child = desk.begin(&["check", "run"]);
    for _ in 0..2000 {
        if desk.cloud.state().asked("/action") > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let runs = desk.reeve(&["check", "runs"]).await;
    assert_eq!(runs.status.code(), Some(0), "{runs:?}");
    assert!(text(&runs.stdout).contains("  at work\n"), "{runs:?}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = ended(child).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        text(&output.stderr).contains("stopping: what was made is deleted first"),
        "{output:?}"
    );
    assert!(text(&output.stdout).contains("stopped before its end."), "{output:?}");
    assert_eq!(desk.cloud.state().things(), before);
    assert_eq!(desk.ledgers(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_explanations_read_well() {
    let desk = Desk::new().await;
    let words = [
        "check",
        "explain",
        "scs-0101-fips-test",
        "scsx-0126-default-network",
        "domain-manager-check",
    ];
    insta::assert_snapshot!("explain", shown(&words, &desk.reeve(&words).await));
    let words = [
        "check",
        "list",
        "--version",
        "v5.1",
        "--only",
        "scs-01*",
        "--scope",
        "mandatory",
    ];
    insta::assert_snapshot!("list", shown(&words, &desk.reeve(&words).await));
    let list = desk
        .reeve(&["check", "list", "--version", "all", "--format", "json"])
        .await;
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    for entry in list.as_array().unwrap() {
        let id = entry["id"].as_str().unwrap();
        let output = desk.reeve(&["check", "explain", id, "--format", "json"]).await;
        assert_eq!(output.status.code(), Some(0), "{id}");
    }
}
