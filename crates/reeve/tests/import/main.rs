//! `reeve import` as a person or a script meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

#[path = "../binary/mod.rs"]
mod binary;
mod desk;
#[path = "../../../reeve-import/tests/host/mod.rs"]
mod host;
mod hosts;

use std::time::Duration;

use binary::{binary, text};
use camino::Utf8Path;
use desk::{Desk, ended, signal};
use reeve_openstack::fake::Fault;
use serde_json::Value;

/// A disk of 1 MiB as qemu-img writes it.
const DISK: &[u8] = include_bytes!("../../../reeve-import/tests/corpus/image/qemu-img-stream.vmdk");

const OVF: &str = include_str!("../../../reeve-import/tests/made/lab.ovf");

fn shown(folder: &Utf8Path, words: &[&str]) -> String {
    let output = binary(folder, words).output().unwrap();
    format!(
        "$ reeve {}\n{}--- stderr ---\n{}--- exit code {} ---\n",
        words.join(" "),
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap(),
    )
}

#[test]
fn inspect_tells_what_is_in_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("lab-disk1.vmdk", DISK);
    write("lab.ovf", OVF.replace("@SIZE@", "1048576").as_bytes());
    write("cut.vmdk", &DISK[..70_000]);
    write("delta.vmdk", b"# Disk DescriptorFile\nparentCID=12345678\nparentFileNameHint=\"base\x1b[2J.vmdk\"\ncreateType=\"vmfsSparse\"\n");
    write(
        "web.vmx",
        b"config.version = \"8\"\nmemSize = \"512\"\nscsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"delta.vmdk\"\n",
    );
    let all: String = [
        &["import", "inspect", "lab.ovf"][..],
        &["import", "inspect", "lab-disk1.vmdk", "--format", "json"],
        &["import", "inspect", "web.vmx"],
        &["import", "inspect", "cut.vmdk"],
        &["import", "inspect", "none.ova"],
        &["import", "inspect", "."],
    ]
    .iter()
    .map(|words| shown(folder, words))
    .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn inspect_tells_which_system_is_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let disk = include_bytes!("../../../reeve-import/tests/made/windows.vmdk");
    std::fs::write(folder.join("windows.vmdk"), disk).unwrap();
    let said = shown(folder, &["import", "inspect", "windows.vmdk"]);
    let line = "    guest    Windows Server 2022 Datacenter (21H2, 10.0.20348, x86_64)\n";
    assert!(said.contains(line), "{said}");
}

/// The disk's content, as SHA-512 of it, from the cloud's own words.
fn digest(desk: &Desk) -> String {
    let state = desk.cloud.state();
    state.collections["images"][0]["os_hash_value"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_of_every_command() {
    let desk = Desk::new().await;
    for name in ["plan", "run", "resume", "undo", "report"] {
        let (out, _) = desk.ends(0, &["import", name, "--help"]).await;
        insta::assert_snapshot!(format!("help_import_{name}"), out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_from_the_plan_to_the_report_and_back() {
    let desk = Desk::new().await;
    let folder = desk.path().to_string();
    let words = [
        "import",
        "plan",
        "web.ovf",
        "--cloud",
        "good",
        "--boot",
        "--network",
        "VM Network=inner",
        "--accept-licences",
        "--output",
        "web.json",
    ];
    let mut all = String::new();
    for (code, words) in [
        (0, &words[..]),
        (4, &["import", "run", "web.json"]),
        (0, &["import", "run", "web.json", "--yes"]),
        (0, &["import", "run", "web.json", "--yes"]),
        (0, &["import", "report"]),
        (4, &["import", "undo"]),
        (0, &["import", "undo", "--yes"]),
        (0, &["import", "undo", "--yes"]),
    ] {
        let (out, err) = desk.ends(code, words).await;
        all += &format!(
            "$ reeve {}\n{out}--- stderr ---\n{err}--- exit code {code} ---\n",
            words.join(" ")
        );
        if words == ["import", "report"] {
            let made = ["images", "volumes", "ports", "servers"].map(|collection| desk.count(collection));
            assert_eq!(made, [1, 2, 1, 1]);
        }
    }
    let left = ["images", "volumes", "ports", "servers"].map(|collection| desk.count(collection));
    assert_eq!(left, [0, 0, 0, 0]);
    insta::with_settings!({ filters => vec![
        (regex(&folder).as_str(), "FOLDER"),
        (r"http://127\.0\.0\.1:\d+", "CLOUD"),
        (r"\d{8}T\d{6}Z-import-[0-9a-f]{4}", "RUN"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[0-9.]*( UTC|Z)", "TIME"),
        (r"(?m)^\d\d:\d\d:\d\d ", "TIME "),
        (r"\(\d+\.\d s\)", "(TOOK)"),
        (r"\d+\.\d s +[0-9.]+", "TOOK RATE"),
        (r"sha256:[0-9a-f]{64}", "DIGEST"),
        (r"blake3:[0-9a-f]{64}", "FINGERPRINT"),
    ] }, {
        insta::assert_snapshot!(all);
    });
}

fn regex(text: &str) -> String {
    text.replace('.', "\\.")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_is_told_and_nothing_is_written() {
    let desk = Desk::new().await;
    desk.cloud.state().collections.get_mut("networks").unwrap().clear();
    let words = [
        "import", "plan", "web.ovf", "--cloud", "good", "--boot", "--output", "web.json",
    ];
    let (out, _) = desk.ends(1, &words).await;
    assert!(out.contains("in the way: the package has 1 licence text(s)"), "{out}");
    assert!(out.contains("the project sees no network with a subnet"), "{out}");
    assert!(!desk.path().join("web.json").exists());
    let (out, _) = desk
        .ends(1, &["import", "plan", "web.ovf", "--cloud", "good", "--format", "json"])
        .await;
    let planned: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(planned[0]["plan"], Value::Null);
    assert!(
        planned[0]["blockers"][0]["remedy"]
            .as_str()
            .unwrap()
            .contains("--accept-licences")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_end_has_its_documented_code() {
    let desk = Desk::new().await;
    desk.plan().await;
    for (code, words, said) in [
        (3, &["import", "plan", "web.ovf", "--cloud", "gone"][..], "hint:"),
        (2, &["import", "plan", "web.ovf", "--cloud", "nobody"], "nobody"),
        (2, &["import", "plan", "none.ova", "--cloud", "good"], "none.ova"),
        (
            2,
            &[
                "import",
                "plan",
                "web.ovf",
                "--cloud",
                "good",
                "--property",
                "status=active",
            ],
            "is not a property",
        ),
        (
            2,
            &["import", "plan", "web.ovf", "--cloud", "good", "--machine", "db"],
            "there are: web",
        ),
        (3, &["import", "run", "web.json", "--yes", "--cloud", "gone"], "hint:"),
        (2, &["import", "run", "web.ovf", "--yes"], "web.ovf"),
        (2, &["import", "resume"], "there is no import"),
        (0, &["import", "resume", "--all"], "there is no import to go on with"),
        (2, &["import", "report"], "there is no import"),
    ] {
        let (_, err) = desk.ends(code, words).await;
        assert!(err.contains(said), "reeve {}: {err}", words.join(" "));
    }
    assert_eq!(desk.count("images"), 0);
    // A failure that stays: the run is paused, and the same command goes on when it is mended.
    desk.cloud.fault(Fault::status("POST /image/v2/images", 5, 403));
    let (_, err) = desk.ends(4, &["import", "run", "web.json", "--yes"]).await;
    assert!(err.contains("images/disk1/make_image failed"), "{err}");
    desk.cloud.state().faults.clear();
    desk.ends(0, &["import", "run", "web.json", "--yes"]).await;
    assert_eq!(desk.count("images"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_copies_leaves_nothing_behind() {
    for (left, back) in [("queued", false), ("saving", false), ("saving", true)] {
        let desk = Desk::new().await;
        desk.plan().await;
        {
            let mut state = desk.cloud.state();
            state.upload_pause = Some(Duration::from_millis(5));
            state.broken_upload_status = left.to_owned();
        }
        let mut child = desk.begin(&["import", "run", "web.json", "--yes"]);
        desk.uploading().await;
        child.kill().unwrap();
        ended(child).await;
        desk.cloud.state().upload_pause = None;
        assert_eq!(desk.count("images"), 1, "it was killed too late");
        if back {
            desk.ends(0, &["import", "undo", "--yes"]).await;
            assert_eq!(desk.count("images"), 0);
            continue;
        }
        let (_, err) = desk.ends(0, &["import", "resume"]).await;
        assert!(err.contains("is finished"), "{err}");
        assert_eq!(desk.count("images"), 1);
        let (out, _) = desk.ends(0, &["import", "report", "--format", "json"]).await;
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["disks"][0]["image"]["digest"], digest(&desk));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_interrupted_deletes_its_image() {
    let desk = Desk::new().await;
    desk.plan().await;
    // Longer than what waits between the source and the connection.
    desk.cloud.state().upload_pause = Some(Duration::from_millis(20));
    let child = desk.begin(&["import", "run", "web.json", "--yes"]);
    desk.uploading().await;
    signal(&child, "INT");
    let output = ended(child).await;
    let said = text(&output.stderr);
    desk.cloud.state().upload_pause = None;
    // A disk of one piece is decoded before the signal comes: then the copy is brought to its end, and the run is over.
    match output.status.code() {
        Some(4) => assert!(said.contains("interrupted in good order"), "{said}"),
        other => assert_eq!(other, Some(0), "{said}"),
    }
    assert!(said.contains("stopping:"), "{said}");
    desk.ends(0, &["import", "resume"]).await;
    assert_eq!(desk.count("images"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_machines_beside_each_other_and_one_that_fails() {
    let desk = Desk::new().await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        desk.package(name, "vms/");
    }
    let sources: Vec<String> = names.iter().map(|name| format!("vms/{name}.ovf")).collect();
    let mut words = vec![
        "import",
        "plan",
        "--cloud",
        "good",
        "--accept-licences",
        "--output",
        "plans/",
    ];
    words.extend(sources.iter().map(String::as_str));
    desk.ends(0, &words).await;
    let kept = std::fs::read(desk.path().join("vms/c-disk1.vmdk")).unwrap();
    desk.file("vms/c-disk1.vmdk", &kept[..kept.len() - 600]);
    let words = ["import", "run", "plans", "--parallel", "3", "--yes", "--format", "json"];
    let (out, _) = desk.ends(4, &words).await;
    assert_eq!(desk.count("images"), 4);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |key: &str| lines.iter().filter(|line| !line[key].is_null()).count();
    assert_eq!((of("begin"), of("end")), (5, 5));
    assert!(of("copy") >= 4 && of("record") > 20, "{out}");
    let copied = lines
        .iter()
        .filter(|line| line["copy"]["bytes"] == line["copy"]["of"] && line["copy"].is_object());
    assert_eq!(copied.count(), 4);
    let exits: Vec<i64> = lines
        .iter()
        .filter_map(|line| line["end"]["exit_code"].as_i64())
        .collect();
    assert_eq!(exits.iter().filter(|code| **code == 4).count(), 1, "{exits:?}");
    desk.file("vms/c-disk1.vmdk", &kept);
    desk.ends(0, &["import", "resume", "--all"]).await;
    assert_eq!(desk.count("images"), 5);
    desk.ends(0, &["import", "undo", "--all", "--yes", "--parallel", "4"])
        .await;
    assert_eq!(desk.count("images"), 0);
}
