//! Commands for Ceph over one open connection.
//!
//! `ceph` is a Python program: each start loads librados, connects, and asks the mon for its list of commands before it sends what it was started for. A run sends hundreds
//! of commands, from a host where a daemon may be starting meanwhile. So a small program (`answers.py`) does once what `ceph` does each time, with the same two modules of
//! the same package (`rados`, `ceph_argparse`), and then carries commands until its standard input ends. Nothing is written on the host.
//!
//! It is an aid and nothing depends on it: a command that it cannot carry, for whatever reason, goes to `ceph`. It begins in the background, and again after it has ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reeve_ceph::CommandOutput;
use reeve_host::{Command, Host, HostError};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ANSWER_LIMIT;

const PROGRAM: &str = include_str!("answers.py");

/// The program's own limit for a command is 15 s. One that does not even say so then is cut off, as its connection may be.
const SILENCE: Duration = Duration::from_secs(20);
/// A run takes hours on a large cluster; a program that outlives its connection is ended by then.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The pause before it is started again; it doubles with each ending, up to the longest.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Commands at once; more go to `ceph`.
const COMMANDS_AT_ONCE: usize = 16;

#[derive(Serialize)]
struct CommandLine<'a> {
    id: u64,
    #[serde(flatten)]
    words: &'a Words,
}

/// What follows `ceph`.
#[derive(Serialize)]
pub(super) struct Words {
    words: Vec<String>,
    /// `--format`; as the mon likes without.
    format: Option<String>,
}

impl Words {
    /// Takes a format apart from the words before it, as `ceph` does.
    pub(super) fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
        let format = match words.as_slice() {
            [.., option, _] if option == "--format" => words.pop(),
            _ => None,
        };
        if format.is_some() {
            words.pop();
        }
        Self { words, format }
    }
}

/// What became of a command.
pub(super) enum Carried {
    Answered(CommandOutput),
    /// It was not sent to the cluster.
    NotSent,
    /// It was sent to the cluster, or may have been; whether it had an effect is not known.
    Lost,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ProgramLine {
    Answer {
        id: u64,
        status: i32,
        out: Output,
        err: String,
    },
    Unknown {
        id: u64,
        #[serde(rename = "unknown")]
        _unknown: bool,
    },
    Ready {
        #[serde(rename = "ready")]
        _ready: bool,
    },
    Unable {
        unable: String,
    },
}

/// Maps are no text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Output {
    Text(String),
    Base64 { base64: String },
}

impl Output {
    fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64 { base64 } => BASE64_STANDARD.decode(base64).map_err(|error| error.to_string()),
        }
    }
}

struct Order {
    words: Words,
    answer: oneshot::Sender<Carried>,
}

/// One open connection to the cluster on a host, or the attempt to have one. Ends when it is dropped.
pub(super) struct CephConversation {
    orders: mpsc::Sender<Order>,
    is_open: Arc<AtomicBool>,
    keeping: JoinHandle<()>,
}

impl Drop for CephConversation {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl CephConversation {
    /// Begins it in the background.
    pub(super) fn begin(host: Arc<dyn Host>) -> Self {
        let (orders, given) = mpsc::channel(COMMANDS_AT_ONCE);
        let is_open = Arc::new(AtomicBool::new(false));
        let keeping = tokio::spawn(keep(host, given, Arc::clone(&is_open)));
        Self {
            orders,
            is_open,
            keeping,
        }
    }

    /// Carries a command, if there is a connection and the program knows it.
    pub(super) async fn carry(&self, words: Words) -> Carried {
        if !self.is_open.load(Ordering::Acquire) {
            return Carried::NotSent;
        }
        let (answer, answered) = oneshot::channel();
        if self.orders.try_send(Order { words, answer }).is_err() {
            return Carried::NotSent;
        }
        answered.await.unwrap_or(Carried::Lost)
    }
}

/// Why a conversation ended.
enum End {
    /// There will be none: nobody has commands any more, or the host cannot have one.
    ForGood(String),
    Broken(String),
}

async fn keep(host: Arc<dyn Host>, mut given: mpsc::Receiver<Order>, is_open: Arc<AtomicBool>) {
    let mut pause = PAUSE;
    loop {
        let begun = Instant::now();
        let end = converse(&*host, &mut given, &is_open).await;
        is_open.store(false, Ordering::Release);
        // What came meanwhile was not sent.
        while let Ok(order) = given.try_recv() {
            let _ = order.answer.send(Carried::NotSent);
        }
        match end {
            End::ForGood(because) => {
                tracing::debug!(host = %host.name(), because, "every command starts `ceph`");
                return;
            }
            End::Broken(because) => tracing::debug!(host = %host.name(), because, "the conversation with Ceph ended"),
        }
        if begun.elapsed() > LONGEST_PAUSE {
            pause = PAUSE;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn converse(host: &dyn Host, given: &mut mpsc::Receiver<Order>, is_open: &AtomicBool) -> End {
    let command = Command::new("python3")
        .args(["-c", PROGRAM])
        .as_root()
        .deadline(LONGEST);
    let mut conversation = match host.open(&command).await {
        Ok(conversation) => conversation,
        Err(error @ (HostError::NoConversation { .. } | HostError::NotFound { .. })) => {
            return End::ForGood(error.to_string());
        }
        Err(error) => return End::Broken(error.to_string()),
    };
    let input = &mut conversation.input;
    let mut lines = Lines {
        from: BufReader::new(&mut conversation.output),
        begun: Vec::new(),
    };
    match tokio::time::timeout(2 * SILENCE, lines.next()).await {
        Ok(Ok(ProgramLine::Ready { .. })) => {}
        Ok(Ok(ProgramLine::Unable { unable })) => return End::ForGood(unable),
        Ok(Ok(_)) => return End::Broken("it began with an answer".into()),
        Ok(Err(because)) => return End::Broken(because),
        Err(_elapsed) => return End::Broken("it did not begin in time".into()),
    }
    is_open.store(true, Ordering::Release);
    let mut waiting: HashMap<u64, (Instant, oneshot::Sender<Carried>)> = HashMap::new();
    let mut next_id = 0;
    loop {
        let patience = waiting.values().map(|(since, _)| *since + SILENCE).min();
        let silence = tokio::time::sleep_until(patience.unwrap_or_else(|| Instant::now() + LONGEST));
        tokio::select! {
            order = given.recv() => {
                let Some(Order { words, answer }) = order else {
                    return End::ForGood("nobody has commands any more".into());
                };
                next_id += 1;
                let line = CommandLine { id: next_id, words: &words };
                let mut line = serde_json::to_vec(&line).expect("texts and a number are JSON");
                line.push(b'\n');
                if let Err(error) = input.write_all(&line).await {
                    return End::Broken(error.to_string());
                }
                if let Err(error) = input.flush().await {
                    return End::Broken(error.to_string());
                }
                waiting.insert(next_id, (Instant::now(), answer));
            }
            line = lines.next() => match line {
                Ok(ProgramLine::Answer { id, status, out, err }) => {
                    let (stdout, stderr) = match out.into_bytes() {
                        Ok(stdout) => (stdout, err.into_bytes()),
                        Err(because) => return End::Broken(because),
                    };
                    if let Some((_, answer)) = waiting.remove(&id) {
                        // Whoever asked may have stopped waiting.
                        let _ = answer.send(Carried::Answered(CommandOutput { status, stdout, stderr }));
                    }
                }
                Ok(ProgramLine::Unknown { id, .. }) => {
                    if let Some((_, answer)) = waiting.remove(&id) {
                        let _ = answer.send(Carried::NotSent);
                    }
                }
                Ok(_) => return End::Broken("it began anew".into()),
                Err(because) => return End::Broken(because),
            },
            () = silence => return End::Broken(format!("silent for {} s", SILENCE.as_secs())),
        }
    }
}

/// The lines of the program, each at most as long as an answer may be.
struct Lines<R> {
    from: BufReader<R>,
    /// What has come of the next line.
    begun: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Returns the next line. A call that is dropped loses nothing: what had come is kept for the next one.
    async fn next(&mut self) -> Result<ProgramLine, String> {
        let room = ANSWER_LIMIT.saturating_sub(self.begun.len()) as u64;
        (&mut self.from)
            .take(room)
            .read_until(b'\n', &mut self.begun)
            .await
            .map_err(|error| error.to_string())?;
        let line = std::mem::take(&mut self.begun);
        if line.is_empty() {
            return Err("it has ended".into());
        }
        if line.last() != Some(&b'\n') {
            return Err(format!(
                "it said more than {ANSWER_LIMIT} bytes, or ended within a line"
            ));
        }
        serde_json::from_slice(&line).map_err(|error| format!("what it said is not understood: {error}"))
    }
}

#[cfg(test)]
mod tests;
