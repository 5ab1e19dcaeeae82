//! OSDs and the PGs on them.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, OsdId};

use super::Ceph;
use crate::facts::Bucket;
use crate::model::layout::{Layout, PoolLayout};
use crate::model::ledger::Violation;
use crate::model::machine::{Happening, Home, Machine};
use crate::model::timing;

/// How far an OSD is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum OsdState {
    /// Up, and its PGs are active+clean as far as it is concerned.
    Clean,
    /// Down; its PGs are peering without it.
    Leaving,
    /// Down.
    Down,
    /// Up; its PGs are peering with it.
    Peering,
    /// Up; its PGs copy to it what was written meanwhile.
    Recovering,
}

/// An OSD.
#[derive(Clone, Debug)]
pub(in crate::model) struct Osd {
    pub(in crate::model) state: OsdState,
    pub(in crate::model) process: Option<u32>,
    turn: u64,
    /// Indexes of its PGs.
    pgs: Vec<usize>,
}

/// A placement group.
#[derive(Clone, Debug)]
pub(in crate::model) struct Pg {
    pub(in crate::model) name: String,
    min_size: usize,
    osds: Vec<OsdId>,
}

impl Osd {
    pub(super) fn new(pgs: Vec<usize>) -> Self {
        Self {
            state: OsdState::Clean,
            process: None,
            turn: 0,
            pgs,
        }
    }

    pub(in crate::model) fn is_up(&self) -> bool {
        !matches!(self.state, OsdState::Down | OsdState::Leaving)
    }
}

/// Deals PGs to OSDs, every copy of one in another failure domain. It is not CRUSH, but as even.
pub(super) fn place(layout: &Layout) -> (Vec<Pg>, BTreeMap<OsdId, Vec<usize>>) {
    let (mut pgs, mut of_osds) = (Vec::new(), BTreeMap::<OsdId, Vec<usize>>::new());
    for pool in &layout.pools {
        let domains = domains(layout, pool);
        let size = usize::try_from(pool.size).unwrap_or(usize::MAX).min(domains.len());
        let min_size = usize::try_from(pool.min_size).unwrap_or(usize::MAX).min(size);
        for number in 0..usize::try_from(pool.pg_num).unwrap_or_default() {
            let osds: Vec<OsdId> = (0..size)
                .filter_map(|copy| {
                    let domain = &domains[(number + copy) % domains.len()];
                    domain.get((number / domains.len()) % domain.len().max(1)).copied()
                })
                .collect();
            for osd in &osds {
                of_osds.entry(*osd).or_default().push(pgs.len());
            }
            let name = format!("{}.{number:x}", pool.id);
            pgs.push(Pg { name, min_size, osds });
        }
    }
    (pgs, of_osds)
}

/// Groups OSDs by the bucket over which a pool spreads its copies; by OSD where there are too few such buckets.
fn domains(layout: &Layout, pool: &PoolLayout) -> Vec<Vec<OsdId>> {
    let mut groups: BTreeMap<i64, Vec<OsdId>> = BTreeMap::new();
    for id in layout.osds.keys() {
        let above = layout.crush.ancestors_of(i64::from(id.0));
        let domain = above.iter().find(|bucket| bucket.kind == pool.domain);
        groups
            .entry(domain.map_or(i64::from(id.0), |it| it.id))
            .or_default()
            .push(*id);
    }
    if groups.len() < usize::try_from(pool.size).unwrap_or(usize::MAX) {
        return layout.osds.keys().map(|id| vec![*id]).collect();
    }
    groups.into_values().collect()
}

/// How PGs are, by state.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct PgCounts {
    pub(in crate::model) by_state: BTreeMap<&'static str, usize>,
    pub(in crate::model) degraded: usize,
}

impl Ceph {
    /// Returns the PGs that are not active+clean, with the word for their state.
    fn unclean(&self) -> BTreeMap<usize, &'static str> {
        let mut found = BTreeMap::new();
        for osd in self.osds.values().filter(|osd| osd.state != OsdState::Clean) {
            for index in &osd.pgs {
                found
                    .entry(*index)
                    .or_insert_with(|| self.state_of(&self.pgs[*index], &BTreeSet::new()));
            }
        }
        found
    }

    fn state_of(&self, pg: &Pg, without: &BTreeSet<OsdId>) -> &'static str {
        let states = || pg.osds.iter().filter_map(|id| Some((id, self.osds.get(id)?)));
        let up = states()
            .filter(|(id, osd)| osd.is_up() && !without.contains(id))
            .count();
        let is = |state: OsdState| states().any(|(_, osd)| osd.state == state);
        if up < pg.min_size {
            "undersized+degraded+peered"
        } else if is(OsdState::Leaving) || is(OsdState::Peering) {
            "peering"
        } else if up < pg.osds.len() {
            "active+undersized+degraded"
        } else if is(OsdState::Recovering) {
            "active+recovering+degraded"
        } else {
            "active+clean"
        }
    }

    pub(in crate::model) fn pg_counts(&self) -> PgCounts {
        let mut counts = PgCounts::default();
        let unclean = self.unclean();
        let clean = self.pgs.len() - unclean.len();
        if clean > 0 {
            counts.by_state.insert("active+clean", clean);
        }
        for word in unclean.values() {
            *counts.by_state.entry(word).or_default() += 1;
            counts.degraded += usize::from(word.contains("degraded"));
        }
        counts
    }

    /// Tells whether writes to some PG wait.
    pub(in crate::model) fn writes_wait(&self) -> bool {
        self.unclean()
            .values()
            .any(|word| word.starts_with("peering") || word.ends_with("peered"))
    }

    /// Returns the PGs that would take no writes without these OSDs.
    pub(in crate::model) fn would_stop(&self, osds: &BTreeSet<OsdId>) -> Vec<&str> {
        let all: BTreeSet<usize> = osds
            .iter()
            .filter_map(|id| self.osds.get(id))
            .flat_map(|osd| osd.pgs.iter().copied())
            .collect();
        let stops = |pg: &&Pg| self.state_of(pg, osds).ends_with("peered");
        let found = all.into_iter().map(|index| &self.pgs[index]).filter(stops);
        found.map(|pg| pg.name.as_str()).collect()
    }
}

impl Machine {
    /// Judges the stop of an OSD, which tells the mons that it goes.
    pub(in crate::model) fn osd_is_stopped(&mut self, daemon: &DaemonName, pid: u32) {
        let Ok(id) = daemon.id.parse::<OsdId>() else { return };
        let own = self.ceph.crush.parent_of(id).map(|bucket| bucket.id);
        let elsewhere = self.ceph.osds.iter().any(|(other, osd)| {
            osd.state != OsdState::Clean
                && *other != id
                && self.ceph.crush.parent_of(*other).map(|bucket| bucket.id) != own
        });
        if elsewhere && self.ceph.osds.get(&id).is_some_and(Osd::is_up) {
            self.ledger.violated(Violation::SecondDomain { daemon: daemon.clone() });
        }
        self.osd_ends(daemon, pid);
    }

    pub(in crate::model) fn osd_ends(&mut self, daemon: &DaemonName, pid: u32) {
        let Ok(id) = daemon.id.parse::<OsdId>() else { return };
        let Some(osd) = self.ceph.osds.get_mut(&id) else { return };
        if osd.process != Some(pid) {
            return;
        }
        osd.process = None;
        osd.state = OsdState::Leaving;
        osd.turn += 1;
        let turn = osd.turn;
        self.ceph.osd_epoch += 1;
        self.ledger.went(daemon, self.now);
        self.after(timing::PEERING, Happening::OsdSettles { osd: id, turn });
    }

    pub(in crate::model) fn osd_boots(&mut self, pid: u32) {
        let Some(process) = self.processes.get(&pid).cloned() else {
            return;
        };
        let Ok(id) = process.daemon.id.parse::<OsdId>() else {
            return;
        };
        if let Home::Pod(..) = process.home {
            self.crush_location(id, &process.host);
        }
        let Some(osd) = self.ceph.osds.get_mut(&id) else { return };
        osd.process = Some(pid);
        osd.state = OsdState::Peering;
        osd.turn += 1;
        let turn = osd.turn;
        self.ceph.osd_epoch += 1;
        self.ledger.came_back(&process.daemon, self.now);
        self.after(timing::PEERING, Happening::OsdSettles { osd: id, turn });
    }

    pub(in crate::model) fn osd_settles(&mut self, id: OsdId, turn: u64) {
        let Some(osd) = self.ceph.osds.get_mut(&id) else { return };
        if osd.turn != turn {
            return;
        }
        match osd.state {
            OsdState::Leaving => osd.state = OsdState::Down,
            OsdState::Peering => {
                osd.state = OsdState::Recovering;
                self.after(timing::RECOVERY, Happening::OsdSettles { osd: id, turn });
            }
            OsdState::Recovering => osd.state = OsdState::Clean,
            OsdState::Clean | OsdState::Down => {}
        }
    }

    /// An OSD that starts says where it is in CRUSH, unless it was told not to: in Rook's pod that is the node's host name.
    fn crush_location(&mut self, id: OsdId, host: &str) {
        let tells = ["osd", "global"]
            .iter()
            .find_map(|section| self.ceph.config_value(section, "osd_crush_update_on_start"));
        let Some(node) = self.layout.nodes.get(host).filter(|_| tells != Some("false")) else {
            return;
        };
        let (name, number) = (node.hostname.clone(), i64::from(id.0));
        if self.ceph.crush.parent_of(id).is_some_and(|bucket| bucket.name == name) {
            return;
        }
        self.ledger.violated(Violation::CrushChanged);
        let buckets = &mut self.ceph.crush.buckets;
        for bucket in buckets.iter_mut() {
            bucket.children.retain(|child| *child != number);
        }
        if let Some(own) = buckets.iter_mut().find(|bucket| bucket.name == name) {
            own.children.push(number);
            return;
        }
        let next = buckets.iter().map(|bucket| bucket.id).min().unwrap_or(0) - 1;
        buckets.push(Bucket {
            id: next,
            name,
            kind: "host".into(),
            children: vec![number],
        });
        if let Some(root) = buckets.iter_mut().find(|bucket| bucket.kind == "root") {
            root.children.push(next);
        }
    }
}
