//! What the cluster looks like once a second, seen by a process of its own beside the run.

use std::time::Duration;

use serde::Deserialize;

use crate::Laboratory;

const PROGRAM: &str = include_str!("sampler.py");
const UNIT: &str = "live-test-sampler";
const SAMPLES: &str = "/root/live-test-samples.jsonl";

/// One second, or as long as the answer took.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// When it was asked, in seconds since 1970.
    pub at: f64,
    /// Until the answer, in seconds.
    pub took: f64,
    /// The answer; none if there was no quorum to give one.
    pub seen: Option<Seen>,
}

/// What the mons said.
#[derive(Clone, Debug, Deserialize)]
pub struct Seen {
    /// `HEALTH_OK` and so on.
    pub health: String,
    /// Codes of raised health checks.
    pub codes: Vec<String>,
    /// Mons in quorum.
    pub quorum: Vec<String>,
    /// Epoch of the mon map.
    pub mon_epoch: u32,
    /// Two more with every election.
    pub election_epoch: u32,
    /// Epoch of the OSD map.
    pub osd_epoch: u32,
    /// OSDs that are down.
    pub down: Vec<u32>,
    /// OSDs that are out.
    pub out: Vec<u32>,
    /// Placement groups that are not active+clean.
    pub unclean: u64,
    /// The active mgr; empty while none serves.
    pub mgr: String,
}

/// A sampler that runs on the first node until it is stopped or dropped.
pub struct Sampler<'a> {
    lab: &'a Laboratory,
}

impl<'a> Sampler<'a> {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not write its first sample within half a minute.
    #[must_use]
    pub fn start(lab: &'a Laboratory) -> Self {
        let node = &lab.nodes[0];
        let program = "/root/live-test-sampler.py";
        lab.put(node, program, PROGRAM);
        stop_unit(lab, node, UNIT);
        lab.on(node, &["rm", "-f", SAMPLES]).fine();
        let output = format!("--property=StandardOutput=append:{SAMPLES}");
        let unit = format!("--unit={UNIT}");
        lab.on(node, &["systemd-run", "--collect", &unit, &output, "python3", program])
            .fine();
        let sampler = Self { lab };
        lab.wait("the first sample", Duration::from_secs(30), |_| {
            !sampler.so_far().is_empty()
        });
        sampler
    }

    /// Returns the samples until now.
    #[must_use]
    pub fn so_far(&self) -> Vec<Sample> {
        let said = self.lab.on(&self.lab.nodes[0], &["cat", SAMPLES]);
        // The last line may be cut; one that cannot be read anywhere else would be a defect of the sampler.
        let mut lines: Vec<&str> = said.out.lines().collect();
        if !said.out.ends_with('\n') {
            lines.pop();
        }
        lines
            .into_iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// Stops it and returns all samples.
    #[must_use]
    pub fn stop(self) -> Vec<Sample> {
        self.so_far()
    }
}

impl Drop for Sampler<'_> {
    fn drop(&mut self) {
        stop_unit(self.lab, &self.lab.nodes[0], UNIT);
    }
}

pub(crate) fn stop_unit(lab: &Laboratory, node: &str, unit: &str) {
    // Not there is as good as stopped.
    let _ = lab.on(node, &["systemctl", "stop", unit]);
    let _ = lab.on(node, &["systemctl", "reset-failed", unit]);
}

/// Returns for how many seconds in all nobody with a quorum answered: each question that took longer than a second counts beyond that second, because
/// the client itself needs a moment to go to another mon.
#[must_use]
pub fn seconds_without_quorum(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| (sample.took - 1.0).max(0.0)).sum()
}

/// Returns the stretches in which no mgr was active, each in seconds, as far as samples can tell.
#[must_use]
pub fn stretches_without_mgr(samples: &[Sample]) -> Vec<f64> {
    let mut stretches = Vec::new();
    let mut since = None;
    for sample in samples {
        let Some(seen) = &sample.seen else { continue };
        match (seen.mgr.is_empty(), since) {
            (true, None) => since = Some(sample.at),
            (false, Some(begun)) => {
                stretches.push(sample.at - begun);
                since = None;
            }
            _ => {}
        }
    }
    stretches
}
