//! Recording: any hosts, with every answer kept.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::{Answer, Command, Host, HostError, HostName, Hosts, Output, Recorded, Recording};

type Redact = Box<dyn Fn(&HostName, &Command, &mut Output) + Send + Sync>;

/// Hosts that pass every command on and keep what came of it.
pub struct RecordingHosts<H> {
    inner: H,
    tape: Arc<Tape>,
}

struct Tape {
    recording: Mutex<Recording>,
    redact: Redact,
}

impl<H: Hosts> RecordingHosts<H> {
    /// Records what `inner` answers, as it is.
    pub fn new(inner: H) -> Self {
        Self::redacting(inner, |_, _, _| {})
    }

    /// Records what `inner` answers after `redact` has taken out of each output what must not be kept; the caller still gets the
    /// output as it was.
    pub fn redacting(inner: H, redact: impl Fn(&HostName, &Command, &mut Output) + Send + Sync + 'static) -> Self {
        let tape = Tape {
            recording: Mutex::default(),
            redact: Box::new(redact),
        };
        Self {
            inner,
            tape: Arc::new(tape),
        }
    }

    /// Returns what was recorded so far.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.tape.recording().clone()
    }
}

impl Tape {
    fn recording(&self) -> std::sync::MutexGuard<'_, Recording> {
        self.recording.lock().expect("nothing panics while it holds this lock")
    }

    fn keep(&self, host: &HostName, command: &Command, result: &Result<Output, HostError>) {
        let answer = match result {
            Ok(output) => {
                let mut output = output.clone();
                (self.redact)(host, command, &mut output);
                Answer::of(&Ok(output))
            }
            failed => Answer::of(failed),
        };
        if let Some(answer) = answer {
            let recorded = Recorded::new(command, answer);
            self.recording()
                .hosts
                .entry(host.clone())
                .or_default()
                .commands
                .push(recorded);
        }
    }
}

#[async_trait]
impl<H: Hosts> Hosts for RecordingHosts<H> {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        let result = self.inner.connect(name).await;
        let mut recording = self.tape.recording();
        let entry = recording.hosts.entry(name.clone()).or_default();
        match result {
            Ok(inner) => {
                entry.unreachable = None;
                Ok(Arc::new(RecordingHost {
                    inner,
                    tape: Arc::clone(&self.tape),
                }))
            }
            Err(error) => {
                entry.unreachable = Some(match &error {
                    HostError::Unreachable { detail, .. } => detail.clone(),
                    other => other.to_string(),
                });
                Err(error)
            }
        }
    }
}

struct RecordingHost {
    inner: Arc<dyn Host>,
    tape: Arc<Tape>,
}

#[async_trait]
impl Host for RecordingHost {
    fn name(&self) -> &HostName {
        self.inner.name()
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let result = self.inner.run(command).await;
        self.tape.keep(self.name(), command, &result);
        result
    }
}
