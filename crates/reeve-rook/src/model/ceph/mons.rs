//! Mons: processes that probe, elections, and the time until the others miss one that has gone.

use std::collections::BTreeSet;

use reeve_ceph::DaemonName;

use crate::model::layout::MonLayout;
use crate::model::ledger::Violation;
use crate::model::machine::{Happening, Home, Machine, Process};
use crate::model::timing;

/// A mon.
#[derive(Clone, Debug)]
pub(in crate::model) struct Mon {
    pub(in crate::model) rank: u32,
    pub(in crate::model) v2: Option<String>,
    pub(in crate::model) v1: Option<String>,
    pub(in crate::model) process: Option<u32>,
    /// It has found the others and may be elected.
    pub(in crate::model) has_probed: bool,
    /// It was told to end.
    is_stopping: bool,
    /// How new its store was when it was last closed.
    pub(in crate::model) newest_store: u64,
}

impl Mon {
    pub(super) fn new(layout: &MonLayout) -> Self {
        Self {
            rank: layout.rank,
            v2: layout.v2.clone(),
            v1: layout.v1.clone(),
            process: None,
            has_probed: false,
            is_stopping: false,
            newest_store: 1,
        }
    }
}

impl Machine {
    fn majority(&self) -> usize {
        self.ceph.mons.len() / 2 + 1
    }

    fn electable(&self) -> BTreeSet<String> {
        let mons = self.ceph.mons.iter();
        mons.filter(|(_, mon)| mon.process.is_some() && mon.has_probed)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Returns who leads: the mon of the lowest rank in quorum.
    pub(in crate::model) fn leader(&self) -> Option<&str> {
        let quorum = self.ceph.quorum.as_ref()?;
        let members = quorum.iter().filter_map(|id| Some((self.ceph.mons.get(id)?.rank, id)));
        members.min().map(|(_, id)| id.as_str())
    }

    /// Judges the stop of a mon.
    pub(in crate::model) fn mon_is_stopped(&mut self, daemon: &DaemonName) {
        if let Some(mon) = self.ceph.mons.get_mut(&daemon.id) {
            mon.is_stopping = true;
        }
        let stays = |id: &String| self.ceph.mons.get(id).is_some_and(|mon| !mon.is_stopping);
        let left = self.electable().into_iter().filter(stays).count();
        // One or two mons cannot lose one and keep a majority; the plan says so.
        if self.ceph.mons.len() >= 3 && left < self.majority() {
            self.ledger
                .violated(Violation::BelowMajority { mon: daemon.id.clone() });
        }
    }

    pub(in crate::model) fn mon_ends(&mut self, process: &Process, pid: u32) {
        let mon = process.daemon.id.clone();
        let path = process.store.as_deref().unwrap_or_default();
        let store = self.hosts.get_mut(&process.host).and_then(|it| it.files.get_mut(path));
        let Some(state) = self.ceph.mons.get_mut(&mon) else {
            return;
        };
        if let Some(version) = store.and_then(|entry| entry.store.as_mut()) {
            *version += 1;
            state.newest_store = state.newest_store.max(*version);
        }
        if state.process == Some(pid) {
            state.process = None;
            (state.has_probed, state.is_stopping) = (false, false);
            self.ledger.went(&process.daemon, self.now);
            self.after(timing::MON_LEASE, Happening::MonMissed { mon, pid });
        }
    }

    /// The others miss a mon.
    pub(in crate::model) fn mon_missed(&mut self, mon: &str, _pid: u32) {
        let is_back = self.ceph.mons.get(mon).is_some_and(|it| it.process.is_some());
        let counted = self.ceph.quorum.as_ref().is_some_and(|quorum| quorum.contains(mon));
        if counted && !is_back {
            self.elect();
        }
    }

    pub(in crate::model) fn mon_probes(&mut self, pid: u32) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        let id = process.daemon.id.clone();
        if let Some(mon) = self.ceph.mons.get_mut(&id) {
            mon.process = Some(pid);
            mon.has_probed = true;
            self.elect();
        }
    }

    fn elect(&mut self) {
        self.ceph.quorum = None;
        self.ceph.election += 1;
        let round = self.ceph.election;
        self.after(timing::ELECTION, Happening::ElectionEnds { round });
    }

    pub(in crate::model) fn election_ends(&mut self, round: u64) {
        if round != self.ceph.election {
            return;
        }
        let members = self.electable();
        if members.len() < self.majority() {
            return;
        }
        for id in &members {
            self.ledger.came_back(&DaemonName::mon(id.as_str()), self.now);
        }
        self.ceph.quorum = Some(members);
    }

    /// Tells whether a mon's process runs in a pod.
    pub(in crate::model) fn pod_of(&self, pid: Option<u32>) -> Option<&str> {
        match &self.processes.get(&pid?)?.home {
            Home::Pod(pod, _) => Some(pod),
            Home::Unit(_) => None,
        }
    }
}
