//! Mgrs: one active, the others standing by.

use std::collections::BTreeMap;

use crate::model::machine::{Happening, Machine};
use crate::model::timing;

/// The mgr map.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Mgrs {
    pub(in crate::model) active: Option<String>,
    /// The active one serves.
    pub(in crate::model) available: bool,
    /// Standbys in the order in which they came, with their processes.
    pub(in crate::model) standbys: Vec<String>,
    /// Processes of all in the map.
    pub(in crate::model) processes: BTreeMap<String, u32>,
    round: u64,
}

impl Mgrs {
    pub(super) fn served_from_the_beginning(&mut self, mgr: &str, pid: u32) {
        self.processes.insert(mgr.to_owned(), pid);
        self.standbys.push(mgr.to_owned());
    }

    /// Makes one active before the model begins.
    pub(in crate::model) fn begin_with(&mut self, active: Option<&str>) {
        let at = self
            .standbys
            .iter()
            .position(|mgr| Some(mgr.as_str()) == active)
            .unwrap_or(0);
        if at < self.standbys.len() {
            self.active = Some(self.standbys.remove(at));
            self.available = true;
        }
    }

    /// Tells whether the map has a mgr.
    pub(in crate::model) fn knows(&self, mgr: &str) -> bool {
        self.active.as_deref() == Some(mgr) || self.standbys.iter().any(|it| it == mgr)
    }
}

impl Machine {
    pub(in crate::model) fn mgr_boots(&mut self, pid: u32) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        let mgr = process.daemon.id.clone();
        let before = self.ceph.mgrs.processes.insert(mgr.clone(), pid);
        // The mons drop an active mgr whose name another process uses. Source: ceph: `src/mon/MgrMonitor.cc` (`prepare_beacon`).
        if before.is_some_and(|before| before != pid) && self.ceph.mgrs.active.as_deref() == Some(&mgr) {
            self.promote();
        }
        if !self.ceph.mgrs.knows(&mgr) {
            self.ceph.mgrs.standbys.push(mgr);
        }
        if self.ceph.mgrs.active.is_none() {
            self.promote();
        }
    }

    /// Lets the next standby take over.
    fn promote(&mut self) {
        let mgrs = &mut self.ceph.mgrs;
        mgrs.available = false;
        mgrs.active = None;
        mgrs.round += 1;
        let alive = |mgr: &String| {
            mgrs.processes
                .get(mgr)
                .is_some_and(|pid| self.processes.contains_key(pid))
        };
        if let Some(at) = mgrs.standbys.iter().position(alive) {
            mgrs.active = Some(mgrs.standbys.remove(at));
            let round = mgrs.round;
            self.after(timing::MGR_TAKES_OVER, Happening::MgrServes { round });
        }
    }

    pub(in crate::model) fn mgr_serves(&mut self, round: u64) {
        if round == self.ceph.mgrs.round {
            self.ceph.mgrs.available = true;
        }
    }

    pub(in crate::model) fn mgr_ends(&mut self, mgr: &str, pid: u32) {
        let mgr = mgr.to_owned();
        if self.ceph.mgrs.active.as_deref() == Some(&mgr) {
            self.ceph.mgrs.available = false;
        }
        self.after(timing::MGR_FORGOTTEN, Happening::MgrForgotten { mgr, pid });
    }

    pub(in crate::model) fn mgr_forgotten(&mut self, mgr: &str, pid: u32) {
        if self.ceph.mgrs.processes.get(mgr) != Some(&pid) {
            return;
        }
        self.ceph.mgrs.processes.remove(mgr);
        self.ceph.mgrs.standbys.retain(|it| it != mgr);
        if self.ceph.mgrs.active.as_deref() == Some(mgr) {
            self.promote();
        }
    }

    /// `ceph mgr fail`: the active one is dropped, starts anew and stands by.
    pub(in crate::model) fn fail_mgr(&mut self, mgr: &str) {
        if self.ceph.mgrs.active.as_deref() != Some(mgr) {
            self.ceph.mgrs.standbys.retain(|it| it != mgr);
        } else {
            self.promote();
        }
        if let Some(pid) = self.ceph.mgrs.processes.get(mgr).copied() {
            self.after(timing::MGR_BOOTS, Happening::MgrBoots { pid });
        }
    }
}
