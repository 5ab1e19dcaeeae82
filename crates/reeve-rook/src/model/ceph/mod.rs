//! The modelled Ceph cluster: mons that elect, mgrs that take over, OSDs with PGs that settle, and the settings in the mons' store.

mod answers;
mod commands;
mod mgrs;
mod mons;
mod osds;

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, DaemonType, OsdId};

use super::layout::Layout;
use crate::facts::Crush;
use crate::plan::steps::BALANCER_SWITCH;

pub(super) use mgrs::Mgrs;
pub(super) use mons::Mon;
pub(super) use osds::{Osd, Pg};

/// A key and its caps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) key: String,
    pub(super) caps: BTreeMap<String, String>,
}

/// A pool's changing part.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) size: u32,
    pub(super) min_size: u32,
    pub(super) pg_num: u32,
    pub(super) autoscale: String,
}

/// The cluster.
#[derive(Clone, Debug)]
pub(super) struct Ceph {
    pub(super) mon_epoch: u32,
    pub(super) mons: BTreeMap<String, Mon>,
    /// Who is in quorum; none while there is none.
    pub(super) quorum: Option<BTreeSet<String>>,
    pub(super) election: u64,
    pub(super) mgrs: Mgrs,
    pub(super) osd_epoch: u32,
    pub(super) osds: BTreeMap<OsdId, Osd>,
    pub(super) pools: Vec<Pool>,
    pub(super) pgs: Vec<Pg>,
    pub(super) crush: Crush,
    /// Section, mask and name of each option, with its value.
    pub(super) config: BTreeMap<(String, String, String), String>,
    pub(super) auth: BTreeMap<String, Entity>,
    pub(super) flags: BTreeSet<String>,
    pub(super) modules: BTreeSet<String>,
    pub(super) orchestrator: Option<(String, bool)>,
    pub(super) health: BTreeMap<String, String>,
}

impl Ceph {
    pub(super) fn new(layout: &Layout) -> Self {
        let pools: Vec<Pool> = layout
            .pools
            .iter()
            .map(|pool| Pool {
                id: pool.id,
                name: pool.name.clone(),
                size: pool.size,
                min_size: pool.min_size,
                pg_num: pool.pg_num,
                autoscale: pool.autoscale.clone(),
            })
            .collect();
        let (pgs, of_osds) = osds::place(layout);
        let osds = layout
            .osds
            .keys()
            .map(|id| (*id, Osd::new(of_osds.get(id).cloned().unwrap_or_default())))
            .collect();
        let config = layout.config.iter().map(|option| {
            let key = (option.section.clone(), option.mask.clone(), option.name.clone());
            (key, option.value.clone())
        });
        let auth = layout.auth.iter().map(|(entity, caps)| {
            let entity_of = Entity {
                key: key_of(entity),
                caps: caps.clone(),
            };
            (entity.clone(), entity_of)
        });
        Self {
            mon_epoch: layout.mon_epoch,
            mons: layout
                .mons
                .iter()
                .map(|(id, mon)| (id.clone(), Mon::new(mon)))
                .collect(),
            quorum: Some(layout.mons.keys().cloned().collect()),
            election: 0,
            mgrs: Mgrs::default(),
            osd_epoch: layout.osd_epoch,
            osds,
            pools,
            pgs,
            crush: layout.crush.clone(),
            config: config.collect(),
            auth: auth.collect(),
            flags: layout.flags.clone(),
            modules: layout.modules.clone(),
            orchestrator: layout.orchestrator.clone(),
            health: layout.health.clone(),
        }
    }

    /// Takes a daemon that ran before the model began.
    pub(super) fn served_from_the_beginning(&mut self, daemon: &DaemonName, pid: u32) {
        match daemon.kind {
            DaemonType::Mon => {
                if let Some(mon) = self.mons.get_mut(&daemon.id) {
                    mon.process = Some(pid);
                    mon.has_probed = true;
                }
            }
            DaemonType::Osd => {
                if let Some(osd) = daemon.id.parse().ok().and_then(|id| self.osds.get_mut(&id)) {
                    osd.process = Some(pid);
                }
            }
            DaemonType::Mgr => self.mgrs.served_from_the_beginning(&daemon.id, pid),
            _ => {}
        }
    }

    /// Returns an option's value, unmasked.
    pub(super) fn config_value(&self, section: &str, name: &str) -> Option<&str> {
        let key = (section.to_owned(), String::new(), name.to_owned());
        self.config.get(&key).map(String::as_str)
    }

    /// Tells whether the balancer is on, which it is unless its option says otherwise.
    pub(super) fn balances(&self) -> bool {
        let (section, name) = BALANCER_SWITCH;
        self.config_value(section, name) != Some("false")
    }

    /// Sets an option as Ceph keeps it: fractions have six digits.
    pub(super) fn set_config(&mut self, section: &str, name: &str, value: &str) {
        let (section, mask) = section.split_once('/').unwrap_or((section, ""));
        let fraction = value.contains('.').then(|| value.parse::<f64>().ok()).flatten();
        let kept = fraction.map_or_else(|| value.to_owned(), |number| format!("{number:.6}"));
        let key = (section.to_owned(), mask.to_owned(), name.to_owned());
        self.config.insert(key, kept);
    }

    pub(super) fn remove_config(&mut self, section: &str, name: &str) {
        let (section, mask) = section.split_once('/').unwrap_or((section, ""));
        let key = (section.to_owned(), mask.to_owned(), name.to_owned());
        self.config.remove(&key);
    }

    /// Makes a key for an entity that has none.
    pub(super) fn create_entity(&mut self, entity: &str) {
        let made = || Entity {
            key: key_of(entity),
            caps: BTreeMap::from([("mon".to_owned(), "allow r".to_owned())]),
        };
        self.auth.entry(entity.to_owned()).or_insert_with(made);
    }
}

/// Returns a key that is none: it says so.
fn key_of(entity: &str) -> String {
    let plain: String = entity.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("ModelledKeyOf{plain}==")
}
