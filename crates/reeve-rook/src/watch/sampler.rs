//! The sampler: asks the cluster once a second, beside the run and without disturbing it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reeve_ceph::{CephCommand, CephCommands, CephProgram, TransportError};
use reeve_host::{HostError, HostName, Hosts, printable_tail};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client_io::ClientIoWatch;
use super::log::{SampleLine, StopAsked};
use super::sample::{Answer, ClusterView, Sample};
use super::view::{active_mgr, standing, view_of};
use crate::remote_ceph::RemoteCeph;

/// Takes what the sampler sees: a file, a display, or both.
pub trait SampleSink: Send + Sync {
    /// Takes a line; must return soon.
    fn line(&self, line: &SampleLine);
}

/// How often and how long to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerPace {
    /// From one question to the next. A slow answer makes the next question later, never two at once.
    pub interval: Duration,
    /// After how long a question counts as not answered.
    pub deadline: Duration,
}

impl Default for SamplerPace {
    /// Once a second; 5 s without an answer is none. A mon answers in milliseconds, starting `ceph` takes a third of a second, several on a busy host.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            deadline: Duration::from_secs(5),
        }
    }
}

/// At most this share of the time goes to asking, so that a host that is slow because it is busy is not made slower.
const REST_AFTER_ANSWER: u32 = 2;
/// How long the sampler may take to end.
const END_DEADLINE: Duration = Duration::from_secs(3);

/// A task that looks at the cluster until it is stopped.
#[derive(Debug)]
pub struct Sampler {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sampler {
    /// Starts to look. `hosts` should be a connection of its own, so that questions do not wait behind the run's commands.
    ///
    /// A host that is not reached is an answer too: the sample says so.
    #[must_use]
    pub fn start(
        hosts: Arc<dyn Hosts>,
        admin_host: HostName,
        client: Option<Arc<ClientIoWatch>>,
        pace: SamplerPace,
        sink: Arc<dyn SampleSink>,
    ) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let mut looker = Looker {
            hosts,
            admin_host,
            ceph: None,
            pace,
            mgr: None,
        };
        let task = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                let look = looker.look();
                let sample = tokio::select! {
                    _ = stopped.wait_for(|asked| *asked) => break,
                    sample = look => sample,
                };
                let client = client.as_ref().and_then(|client| client.take());
                sink.line(&SampleLine::Sample(Sample { client, ..sample }));
                let rest = begun.elapsed() / REST_AFTER_ANSWER;
                let next = (begun + pace.interval).max(Instant::now() + rest.min(pace.interval));
                tokio::select! {
                    _ = stopped.wait_for(|asked| *asked) => break,
                    () = tokio::time::sleep_until(next) => {}
                }
            }
            sink.line(&SampleLine::End { at: Timestamp::now() });
        });
        Self { stop, task }
    }

    /// Ends looking and waits for the end, a few seconds at most.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // One that does not end in time is aborted when this value goes.
        let _ = tokio::time::timeout(END_DEADLINE, &mut self.task).await;
    }
}

/// Says into a sink that the watch asks the run to stop.
pub(super) fn ask_to_stop(sink: &dyn SampleSink, because: String) {
    let at = Timestamp::now();
    sink.line(&SampleLine::Stopped(StopAsked { at, because }));
}

struct Looker {
    hosts: Arc<dyn Hosts>,
    admin_host: HostName,
    ceph: Option<RemoteCeph>,
    pace: SamplerPace,
    /// The active mgr and what the cluster was like when it was asked for.
    mgr: Option<(bool, u32, Option<String>)>,
}

impl Looker {
    async fn look(&mut self) -> Sample {
        let at = Timestamp::now();
        let begun = Instant::now();
        let asked = tokio::time::timeout(self.pace.deadline, self.ask(["status"])).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer = match asked {
            Ok(Ok(status)) => view_of(&status).ok_or_else(|| "the answer is not that of `ceph status`".to_owned()),
            Ok(Err(because)) => Err(because),
            Err(_elapsed) => Err(format!("no answer within {} s", self.pace.deadline.as_secs())),
        };
        let answer = match answer {
            Ok(mut view) => {
                view.mgr_active = self.active_mgr(&view).await;
                Answer::Cluster(view)
            }
            Err(because) => Answer::None { because },
        };
        Sample {
            at,
            took_ms,
            answer,
            client: None,
        }
    }

    async fn ask<const N: usize>(&mut self, words: [&str; N]) -> Result<Value, String> {
        let ceph = match &self.ceph {
            Some(ceph) => ceph,
            None => {
                let host = self
                    .hosts
                    .connect(&self.admin_host)
                    .await
                    .map_err(|error: HostError| told(&error))?;
                // A little more than is waited here, so that there is one way in which a silence is told.
                let deadline = self.pace.deadline + Duration::from_secs(1);
                self.ceph.insert(RemoteCeph::conversing(host).with_deadline(deadline))
            }
        };
        let command = CephCommand::new(CephProgram::Ceph, words);
        let output = ceph.run(&command).await.map_err(|error| match error {
            TransportError::Failed(error) => told(&*error),
            error @ TransportError::NoProgram => told(&error),
        })?;
        if output.status != 0 {
            let (status, said) = (output.status, printable_tail(&output.stderr));
            return Err(format!("`{command}` ended with status {status}: {said}"));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("the answer is no JSON: {error}"))
    }

    /// `ceph status` does not name the active mgr; a second question does, asked only when something has changed.
    async fn active_mgr(&mut self, view: &ClusterView) -> Option<String> {
        let now = (view.mgr_available, view.mgr_standbys);
        if let Some((available, standbys, name)) = &self.mgr
            && (*available, *standbys) == now
        {
            return name.clone();
        }
        let answer = tokio::time::timeout(self.pace.deadline, self.ask(["mgr", "stat"])).await;
        let name = answer.ok().and_then(Result::ok).and_then(|answer| active_mgr(&answer));
        self.mgr = Some((now.0, now.1, name.clone()));
        name
    }
}

fn told(error: &dyn std::error::Error) -> String {
    reeve_untrusted::short(&error.to_string(), 300)
}

/// Tells what has changed from one look to the next in a sentence; none if health, quorum, mgr and answers are as they were.
#[must_use]
pub fn change(before: Option<&Sample>, now: &Sample) -> Option<String> {
    let was = before.map(Sample::cluster);
    match (was, now.cluster()) {
        (Some(None), None) => None,
        (_, None) => {
            let Answer::None { because } = &now.answer else {
                return None;
            };
            Some(format!("Ceph does not answer: {because}"))
        }
        (Some(Some(was)), Some(is)) if standing(was) == standing(is) => None,
        (_, Some(is)) => Some(super::words::cluster(is)),
    }
}

#[cfg(test)]
mod tests;
