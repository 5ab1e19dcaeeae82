//! What the cluster looks like five times a second, seen by a process of its own, to measure how long a daemon is away.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::Laboratory;
use crate::sampler::stop_unit;

const PROGRAM: &str = include_str!("probe.py");
const UNIT: &str = "bench-probe";
const ANSWERS: &str = "/root/bench-probe.jsonl";

/// One answer of a quorum.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// When it was asked for, in seconds since 1970.
    pub asked: f64,
    /// When it came.
    pub at: f64,
    /// Mons in quorum.
    pub quorum: Vec<String>,
    /// Epoch of the mon map.
    pub mon_epoch: u32,
    /// Two more with every election.
    pub election_epoch: u32,
    /// OSDs that are up, with the epoch since which they are.
    pub up_from: BTreeMap<u32, u32>,
    /// Placement groups that are not active+clean.
    pub unclean: u64,
    /// The active mgr; empty while none serves.
    pub mgr: String,
}

/// A probe that runs on the first node until it is dropped.
pub struct Probe<'a> {
    lab: &'a Laboratory,
}

impl<'a> Probe<'a> {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not answer within half a minute.
    #[must_use]
    pub fn start(lab: &'a Laboratory) -> Self {
        let node = &lab.nodes[0];
        let program = "/root/bench-probe.py";
        lab.put(node, program, PROGRAM);
        stop_unit(lab, node, UNIT);
        lab.on(node, &["rm", "-f", ANSWERS]).fine();
        let output = format!("--property=StandardOutput=append:{ANSWERS}");
        let unit = format!("--unit={UNIT}");
        lab.on(node, &["systemd-run", "--collect", &unit, &output, "python3", program])
            .fine();
        let probe = Self { lab };
        lab.wait("the first answer", Duration::from_secs(30), |_| probe.count() > 0);
        probe
    }

    fn count(&self) -> usize {
        self.lab.on(&self.lab.nodes[0], &["cat", ANSWERS]).out.lines().count()
    }

    /// Returns the answers until now, in the order in which they were asked for.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let said = self.lab.on(&self.lab.nodes[0], &["cat", ANSWERS]);
        // The last line may be cut.
        let mut answers: Vec<Answer> = said
            .out
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        answers.sort_by(|a, b| a.asked.total_cmp(&b.asked));
        answers
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        stop_unit(self.lab, &self.lab.nodes[0], UNIT);
    }
}

/// A daemon whose way back is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// A mon, by id.
    Mon(String),
    /// An OSD, by id.
    Osd(u32),
}

/// How long a daemon was away, in seconds from the moment at which it was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Absence {
    /// Until it served again: a mon in a quorum of a later election, an OSD up since a later epoch.
    pub back: f64,
    /// Until all placement groups were active+clean after that.
    pub clean: f64,
}

impl Daemon {
    /// Reads `mon.n1` or `osd.3`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.split_once('.')? {
            ("mon", id) => Some(Self::Mon(id.to_owned())),
            ("osd", id) => id.parse().ok().map(Self::Osd),
            _ => None,
        }
    }

    /// Returns how long it was away, from a moment in seconds since 1970; none if the answers do not show its return.
    #[must_use]
    pub fn absence(&self, answers: &[Answer], stopped: f64) -> Option<Absence> {
        let before = answers.iter().rev().find(|answer| answer.at <= stopped)?;
        let mut after = answers.iter().filter(|answer| answer.asked >= stopped);
        let back = after.by_ref().find(|answer| match self {
            Self::Mon(id) => answer.election_epoch > before.election_epoch && answer.quorum.contains(id),
            Self::Osd(id) => answer.up_from.get(id) > before.up_from.get(id),
        })?;
        let clean = answers
            .iter()
            .filter(|answer| answer.asked >= back.asked)
            .find(|answer| answer.unclean == 0 && (matches!(self, Self::Mon(_)) || answer.asked > back.asked + 1.0))?;
        Some(Absence {
            back: back.at - stopped,
            clean: clean.at - stopped,
        })
    }
}

/// Returns for how many seconds in all no quorum answered between two moments: each silence counts from its first second on, because a client needs that long
/// to find another mon.
#[must_use]
pub fn silence(answers: &[Answer], from: f64, to: f64) -> f64 {
    let times: Vec<f64> = answers
        .iter()
        .map(|answer| answer.at)
        .filter(|at| (from..=to).contains(at))
        .collect();
    times.windows(2).map(|pair| (pair[1] - pair[0] - 1.0).max(0.0)).sum()
}

/// Returns the stretches in which no mgr was active between two moments, each in seconds.
#[must_use]
pub fn without_mgr(answers: &[Answer], from: f64, to: f64) -> Vec<f64> {
    let mut stretches = Vec::new();
    let mut since = None;
    for answer in answers.iter().filter(|answer| (from..=to).contains(&answer.at)) {
        match (answer.mgr.is_empty(), since) {
            (true, None) => since = Some(answer.at),
            (false, Some(begun)) => {
                stretches.push(answer.at - begun);
                since = None;
            }
            _ => {}
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(at: f64, quorum: &[&str], election_epoch: u32, up_from: u32, unclean: u64, mgr: &str) -> Answer {
        Answer {
            asked: at - 0.1,
            at,
            quorum: quorum.iter().map(|&id| id.to_owned()).collect(),
            mon_epoch: 1,
            election_epoch,
            up_from: if up_from == 0 {
                BTreeMap::new()
            } else {
                [(0, up_from)].into()
            },
            unclean,
            mgr: mgr.to_owned(),
        }
    }

    #[test]
    fn a_mon_that_still_counts_as_in_quorum_is_not_back() {
        let answers = [
            answer(1.0, &["a", "b", "c"], 8, 3, 0, "x"),
            answer(3.0, &["a", "b", "c"], 8, 3, 0, "x"),
            answer(6.0, &["b", "c"], 10, 3, 0, "x"),
            answer(9.0, &["a", "b", "c"], 12, 3, 0, "x"),
        ];
        let absence = Daemon::Mon("a".into()).absence(&answers, 2.0).unwrap();
        assert!((absence.back - 7.0).abs() < 1e-9, "{absence:?}");
        assert!((silence(&answers, 0.0, 10.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn an_osd_is_back_when_it_is_up_anew_and_clean_when_all_are() {
        let answers = [
            answer(1.0, &["a"], 8, 3, 0, "x"),
            answer(2.5, &["a"], 8, 3, 0, "x"),
            answer(3.0, &["a"], 8, 0, 4, ""),
            answer(5.0, &["a"], 8, 9, 0, "y"),
            answer(6.0, &["a"], 8, 9, 2, "y"),
            answer(8.0, &["a"], 8, 9, 0, "y"),
        ];
        let absence = Daemon::Osd(0).absence(&answers, 2.0).unwrap();
        assert!((absence.back - 3.0).abs() < 1e-9, "{absence:?}");
        assert!((absence.clean - 6.0).abs() < 1e-9, "{absence:?}");
        assert_eq!(without_mgr(&answers, 0.0, 9.0), [2.0]);
    }
}
