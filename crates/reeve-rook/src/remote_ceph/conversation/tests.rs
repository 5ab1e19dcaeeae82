//! Conversations with a model of the program; the program itself is met by every test on the laboratory.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use async_trait::async_trait;
use reeve_ceph::{CephCommand, CephCommands, CephProgram};
use reeve_host::{Conversation, HostName};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use super::*;
use crate::remote_ceph::RemoteCeph;

/// How the model's program is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It answers `status`, `osd set noout` and `osd getmap`, knows nothing else, and answers the second of two questions first.
    Fine,
    Unable,
    NotOffered,
    Garbage,
    Silent,
    /// It ends at the first question.
    Dies,
}

struct Model {
    name: HostName,
    mood: Mutex<Mood>,
    opened: AtomicU32,
    started: AtomicU32,
}

impl Model {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            name: HostName::new("n1").unwrap(),
            mood: Mutex::new(mood),
            opened: AtomicU32::new(0),
            started: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl Host for Model {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, _: &Command) -> Result<reeve_host::Output, HostError> {
        self.started.fetch_add(1, Ordering::SeqCst);
        Ok(reeve_host::Output {
            status: 0,
            stdout: b"\"started\"".to_vec(),
            stderr: Vec::new(),
            elapsed: Duration::ZERO,
            truncated: false,
        })
    }

    async fn open(&self, _: &Command) -> Result<Conversation, HostError> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::NotOffered {
            let host = self.name.clone();
            return Err(HostError::NoConversation { host });
        }
        self.opened.fetch_add(1, Ordering::SeqCst);
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (output, input) = tokio::io::split(theirs);
        tokio::spawn(program(ours, mood));
        Ok(Conversation::new(input, output, ()))
    }
}

async fn program(stream: DuplexStream, mood: Mood) {
    let (input, mut output) = tokio::io::split(stream);
    let mut questions = BufReader::new(input).lines();
    let first = match mood {
        Mood::Unable => json!({ "unable": "No module named 'rados'" }),
        _ => json!({ "ready": true }),
    };
    output.write_all(format!("{first}\n").as_bytes()).await.unwrap();
    let mut late: Option<Value> = None;
    while let Ok(Some(line)) = questions.next_line().await {
        let question: Value = serde_json::from_str(&line).unwrap();
        let answer = match mood {
            Mood::Dies => return,
            Mood::Silent => continue,
            Mood::Garbage => Value::from("?"),
            _ if question["words"] == json!(["osd", "set", "noout"]) && question["format"].is_null() => {
                json!({ "id": question["id"], "status": 0, "out": "", "err": "noout is set" })
            }
            _ if question["words"] == json!(["osd", "getmap"]) => {
                json!({ "id": question["id"], "status": 0, "out": { "base64": "/wA=" }, "err": "" })
            }
            _ if question["words"] == json!(["status"]) && question["format"] == "json" => {
                json!({ "id": question["id"], "status": 0, "out": "\"conversed\"", "err": "" })
            }
            _ if question["words"] == json!(["mon", "dump"]) => {
                late = Some(json!({ "id": question["id"], "status": 2, "out": "", "err": "late" }));
                continue;
            }
            _ => json!({ "id": question["id"], "unknown": true }),
        };
        let lines = [Some(answer), late.take()].into_iter().flatten();
        for line in lines {
            if output.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn ceph(words: &[&str]) -> CephCommand {
    CephCommand::new(CephProgram::Ceph, words.iter().copied())
}

async fn said(asked: &RemoteCeph, words: &[&str]) -> String {
    let output = asked.run(&ceph(words)).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Long enough for a conversation to begin, or to have failed.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test(start_paused = true)]
async fn questions_are_conversed_and_what_is_not_known_starts_ceph() {
    let model = Model::new(Mood::Fine);
    let asked = RemoteCeph::conversing(Arc::clone(&model) as Arc<dyn Host>);
    // It has not begun yet, and nobody waits for it.
    assert_eq!(said(&asked, &["status"]).await, "\"started\"");
    a_moment().await;
    assert_eq!(said(&asked, &["status"]).await, "\"conversed\"");
    assert_eq!(said(&asked, &["tell", "mon.n1", "mon_status"]).await, "\"started\"");
    let rbd = CephCommand::new(CephProgram::Rbd, ["status"]);
    assert_eq!(asked.run(&rbd).await.unwrap().stdout, b"\"started\"");
    assert_eq!(model.started.load(Ordering::SeqCst), 3);

    let (late, soon) = (ceph(&["mon", "dump"]), ceph(&["status"]));
    let (late, soon) = tokio::join!(asked.run(&late), asked.run(&soon));
    let late = late.unwrap();
    assert_eq!((late.status, late.stderr.as_slice()), (2, &b"late"[..]));
    assert_eq!(soon.unwrap().stdout, b"\"conversed\"");
    assert_eq!(model.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_conversation_ceph_is_started() {
    for mood in [Mood::Unable, Mood::NotOffered] {
        let model = Model::new(mood);
        let asked = RemoteCeph::conversing(Arc::clone(&model) as Arc<dyn Host>);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(90)).await;
            assert_eq!(said(&asked, &["status"]).await, "\"started\"");
        }
        // What can never be is not tried again.
        assert_eq!(model.opened.load(Ordering::SeqCst), u32::from(mood == Mood::Unable));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_breaks_loses_no_question_and_begins_again() {
    for mood in [Mood::Garbage, Mood::Silent, Mood::Dies] {
        let model = Model::new(mood);
        let asked = RemoteCeph::conversing(Arc::clone(&model) as Arc<dyn Host>);
        a_moment().await;
        let begun = Instant::now();
        assert_eq!(said(&asked, &["status"]).await, "\"started\"");
        assert!(begun.elapsed() <= SILENCE + Duration::from_secs(1));
        *model.mood.lock().unwrap() = Mood::Fine;
        tokio::time::sleep(PAUSE * 2).await;
        assert_eq!(said(&asked, &["status"]).await, "\"conversed\"");
        assert_eq!(model.opened.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_is_never_sent_twice() {
    let model = Model::new(Mood::Fine);
    let carried = RemoteCeph::conversing(Arc::clone(&model) as Arc<dyn Host>);
    let set = ["osd", "set", "noout"];
    // It has not begun yet.
    assert!(carried.order(&set).await.unwrap().is_none());
    a_moment().await;
    let output = carried.order(&set).await.unwrap().unwrap();
    assert_eq!(output.stderr, b"noout is set");
    // What is not known was not sent.
    assert!(carried.order(&["osd", "unset", "noout"]).await.unwrap().is_none());
    let map = carried.order(&["osd", "getmap"]).await.unwrap().unwrap();
    assert_eq!(map.stdout, [0xff, 0]);
    // A format at the end is the format, and no word.
    let status = carried.order(&["status", "--format", "json"]).await.unwrap().unwrap();
    assert_eq!(status.stdout, b"\"conversed\"");

    for mood in [Mood::Garbage, Mood::Silent, Mood::Dies] {
        let model = Model::new(mood);
        let carried = RemoteCeph::conversing(Arc::clone(&model) as Arc<dyn Host>);
        a_moment().await;
        assert!(carried.order(&set).await.is_err());
        assert_eq!(model.started.load(Ordering::SeqCst), 0);
    }
}
