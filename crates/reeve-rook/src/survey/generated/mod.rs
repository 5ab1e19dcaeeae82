//! Recordings of clusters that do not exist: what hosts would answer if given facts were true.
//!
//! The way back from facts to answers, so that a survey of any size can be replayed ([`recording_of`] with
//! [`sample::Cluster`](crate::sample::Cluster)) and must give the facts again.

mod ceph;
mod host;

use reeve_host::{Answer, Command, HostRecording, Recorded, RecordedBytes, Recording};

use crate::facts::{Facts, HostReading};

/// Returns what hosts would answer to a survey that finds these facts.
///
/// Covered is what [`sample::Cluster`](crate::sample::Cluster) makes up: daemons from packages, OSDs on bare devices, no file systems, no
/// gateways, no orchestrator. Hosts that the facts call unreachable are so in the recording.
pub fn recording_of(facts: &Facts) -> Recording {
    let mut recording = Recording::default();
    for (name, reading) in &facts.hosts {
        let host = match reading {
            HostReading::Reached(host) => HostRecording {
                unreachable: None,
                commands: host::answers(host, &facts.scope),
            },
            HostReading::Unreachable { because } => HostRecording {
                unreachable: Some(because.clone()),
                commands: vec![],
            },
        };
        recording.hosts.insert(name.clone(), host);
    }
    recording
        .hosts
        .entry(facts.scope.admin_host.clone())
        .or_default()
        .commands
        .extend(ceph::answers(&facts.ceph));
    recording
}

fn answer(command: &Command, stdout: impl Into<String>) -> Recorded {
    let stdout = RecordedBytes::Text(stdout.into());
    Recorded::new(
        command,
        Answer::Output {
            status: 0,
            stdout,
            stderr: RecordedBytes::default(),
            truncated: false,
        },
    )
}

fn failure(command: &Command, status: i32, stderr: &str) -> Recorded {
    let stderr = RecordedBytes::Text(stderr.into());
    Recorded::new(
        command,
        Answer::Output {
            status,
            stdout: RecordedBytes::default(),
            stderr,
            truncated: false,
        },
    )
}
