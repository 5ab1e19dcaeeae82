//! The model's heart: its state, its clock and what happens next.
//!
//! Nothing ticks. Whoever asks the model anything first lets everything happen that was due until then, in order; every happening may make
//! others due. So a minute in which nothing happens costs nothing, and the same run gives the same result each time.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use reeve_ceph::{DaemonName, DaemonType, OsdId};
use reeve_kube::fake::ApiServer;

use super::ceph::Ceph;
use super::host::HostState;
use super::layout::Layout;
use super::ledger::{Ledger, Violation, Vitals};
use super::operator::{Operator, Stage};
use super::timing;

/// What becomes of itself when its time comes.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    ProcessEnds { pid: u32 },
    MonProbes { pid: u32 },
    MonMissed { mon: String, pid: u32 },
    ElectionEnds { round: u64 },
    OsdBoots { pid: u32 },
    OsdSettles { osd: OsdId, turn: u64 },
    MgrBoots { pid: u32 },
    MgrServes { round: u64 },
    MgrForgotten { mgr: String, pid: u32 },
    DeploymentSeen { name: String },
    ReplicaSetTries { name: String, round: u32 },
    PodStarts { pod: String, uid: String },
    PodReady { pod: String, uid: String },
    PodEnds { pod: String, uid: String },
    ProbePodEnds { pod: String },
    OperatorUp { round: u64 },
    OperatorGone { pod: String },
    RookReconciles { round: u64, stage: Stage },
    RookGivesUp { process: u32 },
    Collected,
}

struct Due {
    at: Duration,
    order: u64,
    what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Where a process lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In this unit.
    Unit(String),
    /// In the pod of this name and uid.
    Pod(String, String),
}

impl Home {
    /// Returns the unit's or pod's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Unit(name) | Self::Pod(name, _) => name,
        }
    }
}

/// A process of a daemon.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) daemon: DaemonName,
    pub(super) host: String,
    pub(super) home: Home,
    /// The mon's store.
    pub(super) store: Option<String>,
}

/// The modelled world.
pub(super) struct Machine {
    pub(super) now: Duration,
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
    pub(super) layout: Layout,
    pub(super) hosts: BTreeMap<String, HostState>,
    pub(super) processes: BTreeMap<u32, Process>,
    last_pid: u32,
    pub(super) ceph: Ceph,
    pub(super) operator: Operator,
    pub(super) api: ApiServer,
    /// The API server answers nobody until then.
    pub(super) api_away_until: Duration,
    pub(super) ledger: Ledger,
}

impl Machine {
    /// Makes the world as it is before the plan begins.
    pub(super) fn new(layout: Layout, api: ApiServer) -> Self {
        let mut machine = Self {
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            order: 0,
            hosts: HostState::all(&layout),
            processes: BTreeMap::new(),
            last_pid: 1_000,
            ceph: Ceph::new(&layout),
            operator: Operator::default(),
            api,
            api_away_until: Duration::ZERO,
            ledger: Ledger::default(),
            layout,
        };
        machine.furnish_kubernetes();
        let units: Vec<(DaemonName, String, String)> = machine
            .layout
            .units
            .iter()
            .map(|(daemon, unit)| (daemon.clone(), unit.host.clone(), unit.unit.clone()))
            .collect();
        for (daemon, host, unit) in units {
            machine.serve_from_the_beginning(&daemon, &host, &unit);
        }
        let active = machine.layout.active_mgr.clone();
        machine.ceph.mgrs.begin_with(active.as_deref());
        machine.note();
        machine
    }

    fn serve_from_the_beginning(&mut self, daemon: &DaemonName, host: &str, unit: &str) {
        self.last_pid += 1;
        let pid = self.last_pid;
        let store = self
            .layout
            .mons
            .get(&daemon.id)
            .filter(|_| daemon.kind == DaemonType::Mon);
        let process = Process {
            daemon: daemon.clone(),
            host: host.to_owned(),
            home: Home::Unit(unit.to_owned()),
            store: store.map(|mon| mon.store.clone()),
        };
        self.processes.insert(pid, process);
        if let Some(unit) = self.hosts.get_mut(host).and_then(|host| host.units.get_mut(unit)) {
            unit.pid = Some(pid);
        }
        self.ceph.served_from_the_beginning(daemon, pid);
    }

    /// Lets something happen after a while.
    pub(super) fn after(&mut self, pause: Duration, what: Happening) {
        self.order += 1;
        let due = Due {
            at: self.now + pause,
            order: self.order,
            what,
        };
        self.due.push(Reverse(due));
    }

    /// Lets everything happen that is due until `to`.
    pub(super) fn advance(&mut self, to: Duration) {
        while self.due.peek().is_some_and(|Reverse(due)| due.at <= to) {
            let Some(Reverse(due)) = self.due.pop() else { break };
            self.now = self.now.max(due.at);
            self.happen(due.what);
            self.note();
        }
        self.now = self.now.max(to);
    }

    /// Takes down how things are now.
    pub(super) fn note(&mut self) {
        self.ledger.note(Vitals {
            at: self.now,
            no_quorum: self.ceph.quorum.is_none(),
            no_active_mgr: !self.ceph.mgrs.available,
            writes_wait: self.ceph.writes_wait(),
        });
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::ProcessEnds { pid } => self.end_process(pid),
            Happening::MonProbes { pid } => self.mon_probes(pid),
            Happening::MonMissed { mon, pid } => self.mon_missed(&mon, pid),
            Happening::ElectionEnds { round } => self.election_ends(round),
            Happening::OsdBoots { pid } => self.osd_boots(pid),
            Happening::OsdSettles { osd, turn } => self.osd_settles(osd, turn),
            Happening::MgrBoots { pid } => self.mgr_boots(pid),
            Happening::MgrServes { round } => self.mgr_serves(round),
            Happening::MgrForgotten { mgr, pid } => self.mgr_forgotten(&mgr, pid),
            Happening::DeploymentSeen { name } => self.deployment_seen(&name),
            Happening::ReplicaSetTries { name, round } => self.replica_set_tries(&name, round),
            Happening::PodStarts { pod, uid } => self.pod_starts(&pod, &uid),
            Happening::PodReady { pod, uid } => self.pod_ready(&pod, &uid),
            Happening::PodEnds { pod, uid } => self.pod_ends(&pod, &uid),
            Happening::ProbePodEnds { pod } => self.probe_pod_ends(&pod),
            Happening::OperatorUp { round } => self.operator_up(round),
            Happening::OperatorGone { pod } => self.operator_gone(&pod),
            Happening::RookReconciles { round, stage } => self.rook_reconciles(round, stage),
            Happening::RookGivesUp { process } => self.rook_gives_up(process),
            Happening::Collected => self.collected(),
        }
    }

    /// Returns the process of a daemon.
    pub(super) fn process_of(&self, daemon: &DaemonName) -> Option<(u32, &Process)> {
        let found = self.processes.iter().find(|(_, process)| process.daemon == *daemon);
        found.map(|(pid, process)| (*pid, process))
    }

    /// Starts a daemon's process, whatever else runs.
    pub(super) fn start_process(&mut self, process: Process) -> u32 {
        let daemon = process.daemon.clone();
        if self.process_of(&daemon).is_some() {
            self.ledger.violated(Violation::TwoProcesses {
                daemon: daemon.clone(),
                host: process.host.clone(),
            });
        }
        if let Home::Pod(..) = process.home {
            *self.ledger.pod_starts.entry(daemon.clone()).or_default() += 1;
        }
        if let (Some(path), Some(mon)) = (&process.store, self.ceph.mons.get(&daemon.id)) {
            let version = self.hosts.get(&process.host).and_then(|host| host.store_version(path));
            if version.is_none_or(|version| version < mon.newest_store) {
                let (mon, path) = (daemon.id.clone(), path.clone());
                self.ledger.violated(Violation::OlderStore { mon, path });
            }
        }
        self.last_pid += 1;
        let pid = self.last_pid;
        self.processes.insert(pid, process);
        match daemon.kind {
            DaemonType::Mon => self.after(timing::MON_PROBES, Happening::MonProbes { pid }),
            DaemonType::Osd => self.after(timing::OSD_BOOTS, Happening::OsdBoots { pid }),
            DaemonType::Mgr => self.after(timing::MGR_BOOTS, Happening::MgrBoots { pid }),
            _ => {}
        }
        pid
    }

    /// Tells a process to end and returns how long it takes.
    pub(super) fn stop_process(&mut self, pid: u32) -> Duration {
        let Some(process) = self.processes.get(&pid) else {
            return Duration::ZERO;
        };
        let daemon = process.daemon.clone();
        let takes = match daemon.kind {
            DaemonType::Mon => timing::MON_STOPS,
            DaemonType::Osd => timing::OSD_STOPS,
            _ => timing::MGR_STOPS,
        };
        match daemon.kind {
            DaemonType::Mon => self.mon_is_stopped(&daemon),
            // An OSD tells the mons first.
            DaemonType::Osd => self.osd_is_stopped(&daemon, pid),
            _ => {}
        }
        self.after(takes, Happening::ProcessEnds { pid });
        takes
    }

    pub(super) fn end_process(&mut self, pid: u32) {
        let Some(process) = self.processes.remove(&pid) else {
            return;
        };
        if let Home::Unit(unit) = &process.home
            && let Some(unit) = self.hosts.get_mut(&process.host).and_then(|it| it.units.get_mut(unit))
            && unit.pid == Some(pid)
        {
            unit.pid = None;
            unit.is_stopping = false;
        }
        match process.daemon.kind {
            DaemonType::Mon => self.mon_ends(&process, pid),
            DaemonType::Mgr => self.mgr_ends(&process.daemon.id, pid),
            DaemonType::Osd => self.osd_ends(&process.daemon, pid),
            _ => {}
        }
    }
}
