//! The program that carries a run's commands to Ceph, on a real cluster: it says and does what `ceph` says and does.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reeve_live_tests::Laboratory;
use serde_json::{Value, json};

const PROGRAM: &str = include_str!("../../crates/reeve-rook/src/remote_ceph/answers.py");

/// Questions whose answers do not change while nobody changes the cluster: of the mons, of the mgr, with arguments, and ones that are refused.
const QUESTIONS: [&[&str]; 12] = [
    &["mon", "dump"],
    &["osd", "crush", "dump"],
    &["osd", "tree"],
    &["osd", "metadata", "0"],
    &["mon", "metadata", "n1"],
    &["config", "dump"],
    &["mgr", "module", "ls"],
    &["osd", "ok-to-stop", "0"],
    &["osd", "ok-to-stop", "0", "1", "2", "3", "4", "5"],
    &["mon", "ok-to-stop", "n1"],
    &["config-key", "get", "no such key"],
    &["balancer", "status"],
];

/// What it leaves to `ceph`.
const UNKNOWN: [&[&str]; 3] = [
    &["tell", "mon.n1", "mon_status"],
    &["osd", "nonsense"],
    &["pg", "1.0", "query"],
];

/// Returns what the program says of commands that are given all at once, by their place.
fn carried(lab: &Laboratory, node: &str, commands: &[&[&str]], format: Option<&str>) -> BTreeMap<u64, Value> {
    let lines: String = commands
        .iter()
        .enumerate()
        .map(|(id, words)| format!("{}\n", json!({ "id": id, "words": words, "format": format })))
        .collect();
    lab.put(node, "/root/answers.py", PROGRAM);
    lab.put(node, "/root/commands", &lines);
    // It ends with its input, so that stays open while it answers.
    let script = "(cat /root/commands; sleep 12) | timeout 60 python3 -c \"$(cat /root/answers.py)\"";
    let said = lab.on(node, &["sh", "-c", script]).fine();
    let mut said = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
    assert_eq!(said.next(), Some(json!({ "ready": true })));
    let answers: BTreeMap<u64, Value> = said
        .map(|answer| (answer["id"].as_u64().expect("answers have numbers"), answer))
        .collect();
    assert_eq!(answers.len(), commands.len(), "{answers:#?}");
    answers
}

#[test]
#[ignore = "needs a running laboratory"]
fn questions_over_one_connection_are_answered_as_by_ceph() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let node = lab.nodes[0].clone();
    let asked: Vec<&[&str]> = QUESTIONS.into_iter().chain(UNKNOWN).collect();
    let answers = carried(&lab, &node, &asked, Some("json"));

    let volatile = |mut value: Value| {
        // What the balancer did last goes on while it is on.
        if let Some(object) = value.as_object_mut() {
            object.remove("last_optimize_duration");
            object.remove("last_optimize_started");
        }
        value
    };
    for (id, words) in QUESTIONS.iter().enumerate() {
        let answer = &answers[&(id as u64)];
        let ceph = [&["ceph"], *words, &["--format", "json"]].concat();
        let wanted = lab.on(&node, &ceph);
        assert_eq!(answer["status"], wanted.code, "{words:?}: {answer} {wanted:?}");
        let out = answer["out"].as_str().unwrap();
        let read = |text: &str| serde_json::from_str::<Value>(text).map(volatile).unwrap_or(Value::Null);
        assert_eq!(read(out), read(&wanted.out), "{words:?}");
        assert_eq!(out.trim().is_empty(), wanted.out.trim().is_empty(), "{words:?}");
    }
    for (id, words) in UNKNOWN.iter().enumerate() {
        let id = QUESTIONS.len() + id;
        let expected = json!({ "id": id, "unknown": true });
        assert_eq!(answers[&(id as u64)], expected, "{words:?}");
    }
}

/// What a backup holds as it is, a map that is no text among it.
const AS_THEY_ARE: [&[&str]; 3] = [&["auth", "get-key", "mon."], &["auth", "export"], &["mon", "getmap"]];

#[test]
#[ignore = "needs a running laboratory"]
fn answers_as_they_are_have_the_bytes_that_ceph_prints() {
    let lab = Laboratory::open();
    let node = lab.nodes[0].clone();
    let answers = carried(&lab, &node, &AS_THEY_ARE, None);
    for (id, words) in AS_THEY_ARE.iter().enumerate() {
        let answer = &answers[&(id as u64)];
        assert_eq!(answer["status"], 0, "{words:?}: {}", answer["err"]);
        let script = format!("ceph {} | base64 --wrap=0", words.join(" "));
        let wanted = lab.on(&node, &["sh", "-c", &script]).fine();
        let wanted = BASE64_STANDARD.decode(wanted.trim()).unwrap();
        let said = match &answer["out"] {
            Value::String(text) => text.clone().into_bytes(),
            bytes => BASE64_STANDARD.decode(bytes["base64"].as_str().unwrap()).unwrap(),
        };
        assert!(said == wanted, "{words:?}: {} and {} bytes", said.len(), wanted.len());
    }
    assert!(answers[&2]["out"]["base64"].is_string(), "a mon map is no text");
}

#[test]
#[ignore = "needs a running laboratory"]
fn what_changes_something_changes_it() {
    let lab = Laboratory::open();
    let node = lab.nodes[0].clone();
    let section = "client.live-questions";
    let debug_ms = || {
        let dump = lab.on(&node, &["ceph", "config", "dump", "--format", "json"]).fine();
        let dump: Vec<Value> = serde_json::from_str(&dump).unwrap();
        let entry = dump.iter().find(|it| it["section"] == section);
        entry.map(|it| it["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(debug_ms(), None);
    let set: &[&str] = &["config", "set", section, "debug_ms", "0/1"];
    let refused: &[&str] = &["config", "set", section, "no_such_option", "1"];
    let answers = carried(&lab, &node, &[set, refused], None);
    assert_eq!(answers[&0]["status"], 0, "{answers:#?}");
    assert_eq!(
        answers[&1]["status"],
        lab.on(&node, &[&["ceph"], refused].concat()).code,
        "{answers:#?}"
    );
    assert_eq!(debug_ms().as_deref(), Some("0/1"));
    let removed = carried(&lab, &node, &[&["config", "rm", section, "debug_ms"]], None);
    assert_eq!(removed[&0]["status"], 0, "{removed:#?}");
    assert_eq!(debug_ms(), None);
}
