//! What is counted on the model, and what must never be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use reeve_ceph::DaemonName;
use serde::Serialize;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Violation {
    /// A daemon was started while a process of it ran.
    TwoProcesses {
        /// The daemon.
        daemon: DaemonName,
        /// Where the second one was started.
        host: String,
    },
    /// A mon was started with an older copy of its store, or with none.
    OlderStore {
        /// The mon.
        mon: String,
        /// The store.
        path: String,
    },
    /// A store was moved while a process had it open.
    MovedWhileOpen {
        /// The store.
        path: String,
    },
    /// More mons were stopped than a majority allows, though there are three or more.
    BelowMajority {
        /// The mon that went last.
        mon: String,
    },
    /// An OSD was stopped while PGs were not active+clean for another failure domain.
    SecondDomain {
        /// The OSD.
        daemon: DaemonName,
    },
    /// The CRUSH map changed in more than the names of its buckets.
    CrushChanged,
    /// Rook reconciled without the Secret that tells it which cluster it has: it would have made a new one.
    NewCluster,
    /// The CephCluster was deleted while the operator ran.
    DeletedUnderOperator,
    /// Pods of a daemon were replaced though it ran well: a second restart.
    SecondRestart {
        /// The daemon.
        daemon: DaemonName,
    },
    /// A command that nobody taught the model: what came of it is not known.
    UnknownCommand {
        /// The host.
        host: String,
        /// The command.
        command: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoProcesses { daemon, host } => write!(f, "{daemon} was started on {host} while it ran"),
            Self::OlderStore { mon, path } => {
                write!(f, "mon.{mon} was started with an older store, or none, at {path}")
            }
            Self::MovedWhileOpen { path } => write!(f, "{path} was moved while a process had it open"),
            Self::BelowMajority { mon } => write!(f, "the majority of the mons was lost when mon.{mon} was stopped"),
            Self::SecondDomain { daemon } => {
                write!(f, "{daemon} was stopped while PGs elsewhere were not active+clean")
            }
            Self::CrushChanged => write!(f, "the CRUSH map changed in more than names"),
            Self::NewCluster => write!(f, "Rook reconciled without its Secret"),
            Self::DeletedUnderOperator => write!(f, "the CephCluster was deleted while the operator ran"),
            Self::SecondRestart { daemon } => write!(f, "{daemon} ran well and was restarted"),
            Self::UnknownCommand { host, command } => write!(f, "the model does not know `{command}` on {host}"),
        }
    }
}

/// A time in which a daemon did not serve, in modelled time since the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// When it stopped serving.
    pub from: Duration,
    /// When it served again; none while it does not.
    pub until: Option<Duration>,
}

/// What was counted since the model was made.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What must never be, in the order in which it happened.
    pub violations: Vec<Violation>,
    /// How often each old unit was stopped while it ran.
    pub unit_stops: BTreeMap<String, u32>,
    /// How often each old unit was started.
    pub unit_starts: BTreeMap<String, u32>,
    /// How often a process of each daemon was started in a pod.
    pub pod_starts: BTreeMap<DaemonName, u32>,
    /// When each daemon did not serve: a mon not in quorum, an OSD not up, a mgr not in the map.
    pub away: BTreeMap<DaemonName, Vec<Away>>,
    /// For how long there was no quorum, elections included.
    pub without_quorum: Duration,
    /// For how long no mgr was active.
    pub without_active_mgr: Duration,
    /// For how long writes to some PG waited: while it peered, or had fewer than `min_size` OSDs.
    pub writes_waited: Duration,
    /// The longest such time without a break.
    pub longest_wait: Duration,
    last: Vitals,
    waiting_since: Option<Duration>,
}

/// What is integrated over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vitals {
    pub(super) at: Duration,
    pub(super) no_quorum: bool,
    pub(super) no_active_mgr: bool,
    pub(super) writes_wait: bool,
}

impl Ledger {
    pub(super) fn violated(&mut self, violation: Violation) {
        // The same again says nothing new, and a poll could repeat it without end.
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    pub(super) fn went(&mut self, daemon: &DaemonName, at: Duration) {
        let times = self.away.entry(daemon.clone()).or_default();
        if times.last().is_none_or(|away| away.until.is_some()) {
            times.push(Away { from: at, until: None });
        }
    }

    pub(super) fn came_back(&mut self, daemon: &DaemonName, at: Duration) {
        if let Some(away) = self.away.get_mut(daemon).and_then(|times| times.last_mut()) {
            away.until.get_or_insert(at);
        }
    }

    /// Takes how things are from now on; how they were until now is counted.
    pub(super) fn note(&mut self, vitals: Vitals) {
        let passed = vitals.at.saturating_sub(self.last.at);
        if self.last.no_quorum {
            self.without_quorum += passed;
        }
        if self.last.no_active_mgr {
            self.without_active_mgr += passed;
        }
        if self.last.writes_wait {
            self.writes_waited += passed;
        }
        match (vitals.writes_wait, self.waiting_since) {
            (true, None) => self.waiting_since = Some(vitals.at),
            (_, Some(since)) => {
                self.longest_wait = self.longest_wait.max(vitals.at.saturating_sub(since));
                if !vitals.writes_wait {
                    self.waiting_since = None;
                }
            }
            (false, None) => {}
        }
        self.last = vitals;
    }

    /// Returns the daemons that do not serve now.
    #[must_use]
    pub fn away_now(&self) -> BTreeSet<&DaemonName> {
        let is_away = |times: &&Vec<Away>| times.last().is_some_and(|away| away.until.is_none());
        self.away
            .iter()
            .filter(|(_, times)| is_away(times))
            .map(|(daemon, _)| daemon)
            .collect()
    }

    /// Returns for how long each daemon was away, the ends of times that have one added up.
    #[must_use]
    pub fn away_in_all(&self) -> BTreeMap<&DaemonName, Duration> {
        let sum = |times: &Vec<Away>| {
            let ended = times.iter().filter_map(|away| Some(away.until? - away.from));
            ended.sum::<Duration>()
        };
        self.away.iter().map(|(daemon, times)| (daemon, sum(times))).collect()
    }
}
