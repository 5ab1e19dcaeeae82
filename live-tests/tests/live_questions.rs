//! The program that answers a run's questions to Ceph, on a real cluster: it says what `ceph` says.

use std::collections::BTreeMap;
use std::time::Duration;

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

#[test]
#[ignore = "needs a running laboratory"]
fn questions_over_one_connection_are_answered_as_by_ceph() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", Duration::from_secs(120), Laboratory::is_well);
    let node = lab.nodes[0].clone();
    let asked: Vec<&[&str]> = QUESTIONS.into_iter().chain(UNKNOWN).collect();
    let lines: String = asked
        .iter()
        .enumerate()
        .map(|(id, words)| format!("{}\n", json!({ "id": id, "words": words })))
        .collect();
    lab.put(&node, "/root/answers.py", PROGRAM);
    lab.put(&node, "/root/questions", &lines);
    // It ends with its input, so that stays open while it answers.
    let script = "(cat /root/questions; sleep 12) | timeout 60 python3 -c \"$(cat /root/answers.py)\"";
    let said = lab.on(&node, &["sh", "-c", script]).fine();
    let mut said = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(said.next(), Some(json!({ "ready": true })));
    let answers: BTreeMap<u64, Value> = said.map(|answer| (answer["id"].as_u64().unwrap(), answer)).collect();
    assert_eq!(answers.len(), asked.len(), "{answers:#?}");

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
