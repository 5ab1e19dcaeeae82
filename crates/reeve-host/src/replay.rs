//! Replaying: hosts that answer from a recording, as slowly or as badly as a test wants.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{Answer, Command, Host, HostError, HostName, Hosts, Output, Recording};

/// Hosts that answer from a recording.
///
/// A command that was recorded several times gets its answers in order, and the last one from then on. One that was never recorded
/// is [`HostError::Unrecorded`]; a host that was never recorded is unreachable.
pub struct ReplayHosts {
    hosts: HashMap<HostName, Arc<ReplayHost>>,
    unreachable: HashMap<HostName, String>,
    silent: HashSet<HostName>,
    mute: HashSet<HostName>,
    latency: Duration,
    connect_deadline: Duration,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    argv: Vec<String>,
    as_root: bool,
    stdin_bytes: Option<usize>,
}

struct Answers {
    answers: Vec<Answer>,
    given: usize,
}

struct ReplayHost {
    name: HostName,
    answers: Mutex<HashMap<Key, Answers>>,
}

impl ReplayHosts {
    /// Answers from this recording, at once.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        let mut hosts = HashMap::new();
        let mut unreachable = HashMap::new();
        for (name, recorded) in recording.hosts {
            if let Some(detail) = recorded.unreachable {
                unreachable.insert(name.clone(), detail);
            }
            let mut answers: HashMap<Key, Answers> = HashMap::new();
            for one in recorded.commands {
                let key = Key {
                    argv: one.argv,
                    as_root: one.as_root,
                    stdin_bytes: one.stdin_bytes,
                };
                let entry = answers.entry(key).or_insert_with(|| Answers {
                    answers: Vec::new(),
                    given: 0,
                });
                entry.answers.push(one.answer);
            }
            hosts.insert(
                name.clone(),
                Arc::new(ReplayHost {
                    name,
                    answers: Mutex::new(answers),
                }),
            );
        }
        Self {
            hosts,
            unreachable,
            silent: HashSet::new(),
            mute: HashSet::new(),
            latency: Duration::ZERO,
            connect_deadline: Duration::from_secs(10),
        }
    }

    /// Lets every connection and every command take this long.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sets after how long a silent host is unreachable.
    #[must_use]
    pub fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// Makes a host refuse connections at once.
    #[must_use]
    pub fn unreachable(mut self, name: HostName) -> Self {
        self.unreachable.insert(name, "Connection refused".to_owned());
        self
    }

    /// Makes a host never answer: connecting to it takes its whole deadline.
    #[must_use]
    pub fn silent(mut self, name: HostName) -> Self {
        self.silent.insert(name);
        self
    }

    /// Makes a host stop answering once it is connected: every command takes its whole deadline.
    #[must_use]
    pub fn mute(mut self, name: HostName) -> Self {
        self.mute.insert(name);
        self
    }
}

#[async_trait]
impl Hosts for ReplayHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        if self.silent.contains(name) {
            tokio::time::sleep(self.connect_deadline).await;
            let detail = format!("no answer within {:?}", self.connect_deadline);
            return Err(HostError::Unreachable {
                host: name.clone(),
                detail,
            });
        }
        tokio::time::sleep(self.latency).await;
        if let Some(detail) = self.unreachable.get(name) {
            return Err(HostError::Unreachable {
                host: name.clone(),
                detail: detail.clone(),
            });
        }
        let Some(host) = self.hosts.get(name) else {
            let detail = "the recording does not have this host".to_owned();
            return Err(HostError::Unreachable {
                host: name.clone(),
                detail,
            });
        };
        let latency = if self.mute.contains(name) {
            None
        } else {
            Some(self.latency)
        };
        Ok(Arc::new(Connected {
            host: Arc::clone(host),
            latency,
        }))
    }
}

struct Connected {
    host: Arc<ReplayHost>,
    /// `None` for a host that has stopped answering.
    latency: Option<Duration>,
}

#[async_trait]
impl Host for Connected {
    fn name(&self) -> &HostName {
        &self.host.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let start = Instant::now();
        let deadline = command.get_deadline();
        let wait = self.latency.unwrap_or(deadline).min(deadline);
        tokio::time::sleep(wait).await;
        if wait == deadline {
            return Answer::Deadline.give(self.name(), command, deadline);
        }
        let answer = self.host.next(command).ok_or_else(|| HostError::Unrecorded {
            host: self.name().clone(),
            command: command.to_string(),
        })?;
        answer.give(self.name(), command, start.elapsed())
    }
}

impl ReplayHost {
    fn next(&self, command: &Command) -> Option<Answer> {
        let key = Key {
            argv: command.shown_argv(),
            as_root: command.is_as_root(),
            stdin_bytes: command.stdin_bytes(),
        };
        let mut answers = self.answers.lock().expect("nothing panics while it holds this lock");
        let entry = answers.get_mut(&key)?;
        let answer = entry.answers.get(entry.given).or(entry.answers.last()).cloned();
        entry.given += 1;
        answer
    }
}
