//! What a model is made of: the cluster that a plan names, with more of it where the survey's facts are at hand.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::{DaemonName, DaemonType, OsdId};
use reeve_journal::plan::Plan;
use serde_json::Value;

use crate::apply::OutlineError;
use crate::facts::{Bucket, ConfigOption, Crush, CrushDevice, CrushRule, Facts, UserIds};
use crate::plan::steps::{Activation, BALANCER_SWITCH, StepInput};
use crate::plan::{PlanOptions, StepContext};

/// The user under which Rook's image runs Ceph.
pub(super) const ROOK: UserIds = UserIds { uid: 167, gid: 167 };

/// A mon.
#[derive(Clone, Debug)]
pub(super) struct MonLayout {
    pub(super) rank: u32,
    pub(super) v2: Option<String>,
    pub(super) v1: Option<String>,
    /// Where its store is.
    pub(super) store: String,
    /// Where Rook's pod looks for it.
    pub(super) target: String,
}

/// An old daemon's unit.
#[derive(Clone, Debug)]
pub(super) struct UnitLayout {
    pub(super) host: String,
    pub(super) unit: String,
    /// The user that has to own its store or devices; none for a container, which sees to that itself.
    pub(super) user: Option<UserIds>,
    /// The unit's file, where it lies at the place of a mask.
    pub(super) own_file: Option<String>,
    pub(super) ports: Vec<u16>,
}

/// An OSD.
#[derive(Clone, Debug)]
pub(super) struct OsdLayout {
    pub(super) uuid: String,
    pub(super) host: String,
    /// Name of its bucket now.
    pub(super) bucket: String,
    pub(super) class: String,
    pub(super) weight: f64,
    pub(super) devices: Vec<String>,
}

/// A pool.
#[derive(Clone, Debug)]
pub(super) struct PoolLayout {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) size: u32,
    pub(super) min_size: u32,
    pub(super) pg_num: u32,
    /// The bucket type that its copies are spread over.
    pub(super) domain: String,
    pub(super) autoscale: String,
}

/// A node.
#[derive(Clone, Debug)]
pub(super) struct NodeLayout {
    pub(super) name: String,
    /// Label `kubernetes.io/hostname`.
    pub(super) hostname: String,
    pub(super) address: Option<String>,
}

/// The cluster and the Kubernetes that a plan names.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) context: StepContext,
    pub(super) fsid: String,
    pub(super) data_dir: String,
    pub(super) version_line: String,
    pub(super) mon_epoch: u32,
    pub(super) osd_epoch: u32,
    pub(super) mons: BTreeMap<String, MonLayout>,
    pub(super) units: BTreeMap<DaemonName, UnitLayout>,
    pub(super) osds: BTreeMap<OsdId, OsdLayout>,
    pub(super) active_mgr: Option<String>,
    pub(super) pools: Vec<PoolLayout>,
    pub(super) crush: Crush,
    pub(super) config: Vec<ConfigOption>,
    /// Entities with their caps.
    pub(super) auth: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) flags: BTreeSet<String>,
    pub(super) modules: BTreeSet<String>,
    /// Backend of the orchestrator, and whether it is paused.
    pub(super) orchestrator: Option<(String, bool)>,
    /// Health codes that are raised from the beginning, with their summary.
    pub(super) health: BTreeMap<String, String>,
    /// Nodes by host.
    pub(super) nodes: BTreeMap<String, NodeLayout>,
    pub(super) operator_image: String,
    pub(super) operator_replicas: i32,
    pub(super) operator_settings: BTreeMap<String, String>,
    pub(super) kubernetes: String,
}

impl Layout {
    /// Reads the cluster out of a plan's steps, and of facts if there are any.
    pub(super) fn of(plan: &Plan, facts: Option<&Facts>) -> Result<Self, OutlineError> {
        let options = PlanOptions::of(plan).map_err(OutlineError::Options)?;
        let mut inputs = Vec::new();
        for (_, _, planned) in plan.steps() {
            inputs.push(StepInput::from_planned(planned)?);
        }
        let mut layout = Self {
            context: StepContext::from_options(&options),
            fsid: plan.target.id.clone(),
            data_dir: options.scope.data_dir_host_path.trim_end_matches('/').to_owned(),
            version_line: "ceph version 18.2.7 (0000000000000000000000000000000000000000) reef (stable)".into(),
            mon_epoch: 1,
            osd_epoch: 100,
            mons: BTreeMap::new(),
            units: BTreeMap::new(),
            osds: BTreeMap::new(),
            active_mgr: None,
            pools: Vec::new(),
            crush: Crush {
                buckets: Vec::new(),
                devices: Vec::new(),
                rules: Vec::new(),
            },
            config: Vec::new(),
            auth: BTreeMap::new(),
            flags: ["sortbitwise", "recovery_deletes", "purged_snapdirs"]
                .map(str::to_owned)
                .into(),
            modules: ["iostat", "nfs"].map(str::to_owned).into(),
            orchestrator: None,
            health: BTreeMap::new(),
            nodes: BTreeMap::new(),
            operator_image: "docker.io/rook/ceph:v1.18.11".into(),
            operator_replicas: 1,
            operator_settings: BTreeMap::new(),
            kubernetes: "v1.34.4".into(),
        };
        layout.daemons(&inputs);
        layout.settings(&inputs);
        layout.kubernetes(&inputs);
        layout.placement(&inputs);
        if let Some(facts) = facts {
            layout.enrich(facts);
        }
        if layout.mons.is_empty() {
            return Err(OutlineError::Missing("move_mon_store"));
        }
        Ok(layout)
    }

    fn daemons(&mut self, inputs: &[StepInput]) {
        let mut addresses = BTreeMap::new();
        let mut old_owner = BTreeMap::new();
        let mut without_v2 = BTreeSet::new();
        let mut order = Vec::new();
        for input in inputs {
            match input {
                StepInput::ProveMapsUnchanged(step) => addresses.clone_from(&step.mons),
                StepInput::EnableMsgr2(step) => without_v2.extend(step.mons.iter().cloned()),
                StepInput::ChownMonStore(step) => drop(old_owner.insert(DaemonName::mon(&*step.mon), step.before)),
                StepInput::ChownDevices(step) => drop(old_owner.insert(DaemonName::osd(step.osd), step.before)),
                StepInput::FailMgr(step) => self.active_mgr = Some(step.mgr.clone()),
                StepInput::StopUnit(step) => {
                    let unit = UnitLayout {
                        host: step.host.clone(),
                        unit: step.unit.clone(),
                        user: match &step.activation {
                            Some(Activation::ByUnit) => None,
                            _ => Some(ROOK),
                        },
                        own_file: None,
                        ports: Vec::new(),
                    };
                    self.units.insert(step.daemon.clone(), unit);
                }
                StepInput::MoveMonStore(step) => {
                    order.push(step.mon.clone());
                    let mon = MonLayout {
                        rank: 0,
                        v2: None,
                        v1: None,
                        store: step.from.to_string(),
                        target: step.to.to_string(),
                    };
                    self.mons.insert(step.mon.clone(), mon);
                }
                StepInput::AwaitOsdUp(step) => {
                    let osd = self.osds.entry(step.osd).or_insert_with(nowhere);
                    osd.uuid.clone_from(&step.uuid);
                }
                StepInput::ProveCrushPosition(step) => {
                    let osd = self.osds.entry(step.osd).or_insert_with(nowhere);
                    (osd.bucket, osd.class, osd.weight) = (step.bucket.clone(), step.class.clone(), step.weight);
                }
                _ => {}
            }
        }
        // The leader goes last, and the leader is the mon of the lowest rank.
        if let Some(leader) = order.pop() {
            order.insert(0, leader);
        }
        for (rank, mon) in order.iter().enumerate() {
            let (Some(mon_layout), Some(ip)) = (self.mons.get_mut(mon), addresses.get(mon)) else {
                continue;
            };
            mon_layout.rank = u32::try_from(rank).unwrap_or(u32::MAX);
            let host = if ip.contains(':') {
                format!("[{ip}]")
            } else {
                ip.clone()
            };
            mon_layout.v1 = Some(format!("{host}:6789"));
            mon_layout.v2 = (!without_v2.contains(mon)).then(|| format!("{host}:3300"));
        }
        for input in inputs {
            match input {
                StepInput::AwaitProcessGone(step) => {
                    if let Some(unit) = self.units.get_mut(&step.daemon) {
                        unit.ports.clone_from(&step.ports);
                    }
                    let id = (step.daemon.kind == DaemonType::Osd).then(|| step.daemon.id.parse().ok());
                    if let Some(osd) = id.flatten().and_then(|id| self.osds.get_mut(&id)) {
                        osd.host.clone_from(&step.host);
                        osd.devices.clone_from(&step.devices);
                    }
                }
                StepInput::MaskUnit(step) => {
                    let masked = self
                        .units
                        .values_mut()
                        .find(|it| it.host == step.host && it.unit == step.unit);
                    if let Some(unit) = masked {
                        unit.own_file.clone_from(&step.own_file);
                    }
                }
                _ => {}
            }
        }
        for (daemon, owner) in old_owner {
            if let Some(unit) = self.units.get_mut(&daemon) {
                unit.user = Some(owner);
            }
        }
    }

    fn settings(&mut self, inputs: &[StepInput]) {
        let mut config: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut remember = |section: &String, name: &String, before: &Option<String>| {
            if let Some(value) = before {
                config.insert((section.clone(), name.clone()), value.clone());
            }
        };
        let mut caps = BTreeMap::new();
        for entity in ["mon.", "client.admin"] {
            caps.insert(
                entity.to_owned(),
                BTreeMap::from([("mon".to_owned(), "allow *".to_owned())]),
            );
        }
        let balancer = inputs.iter().find_map(|input| match input {
            StepInput::StopBalancer(step) => Some(step),
            _ => None,
        });
        // One that the plan does not still is off already.
        let switch = match balancer {
            Some(step) => step.was_set.then(|| "true".to_owned()),
            None => Some("false".to_owned()),
        };
        remember(&BALANCER_SWITCH.0.to_owned(), &BALANCER_SWITCH.1.to_owned(), &switch);
        for input in inputs {
            match input {
                StepInput::SetConfig(step) => remember(&step.section, &step.name, &step.before),
                StepInput::GuardCephSettings(step) => {
                    for option in &step.config {
                        remember(&option.section, &option.name, &option.before);
                    }
                    for entity in &step.deleted {
                        let profile = entity.trim_start_matches("client.");
                        let cap = BTreeMap::from([("mon".to_owned(), format!("allow profile {profile}"))]);
                        caps.insert(entity.clone(), cap);
                    }
                }
                StepInput::SetOsdFlag(step) => drop(self.flags.remove(&step.flag)),
                StepInput::DisableOrchestrator(step) => {
                    self.orchestrator = Some(("cephadm".into(), step.paused_before));
                    self.modules.insert("cephadm".into());
                }
                _ => {}
            }
        }
        for (daemon, kind) in self.units.keys().map(|it| (it.to_string(), it.kind)) {
            if kind != DaemonType::Mon {
                let cap = BTreeMap::from([("mon".to_owned(), format!("allow profile {kind}"))]);
                caps.insert(daemon, cap);
            }
        }
        self.auth = caps;
        self.config = config
            .into_iter()
            .map(|((section, name), value)| {
                let (section, mask) = match section.split_once('/') {
                    Some((section, mask)) => (section.to_owned(), mask.to_owned()),
                    None => (section, String::new()),
                };
                ConfigOption {
                    section,
                    mask,
                    name,
                    value,
                }
            })
            .collect();
    }

    fn kubernetes(&mut self, inputs: &[StepInput]) {
        // Both kinds of steps come in the plan's order of nodes.
        let hosts = inputs.iter().filter_map(|input| match input {
            StepInput::ExportHost(step) => Some(step.host.clone()),
            _ => None,
        });
        let nodes = inputs.iter().filter_map(|input| match input {
            StepInput::ProveImage(step) => Some(step),
            _ => None,
        });
        for (host, step) in hosts.zip(nodes) {
            self.version_line.clone_from(&step.version_line);
            let node = NodeLayout {
                name: step.node.clone(),
                hostname: step.hostname.clone(),
                address: None,
            };
            self.nodes.insert(host, node);
        }
        for input in inputs {
            match input {
                StepInput::CreateEndpoints(step) => {
                    let mapping = step.data.get("mapping").map_or("", String::as_str);
                    let mapping: Value = serde_json::from_str(mapping).unwrap_or_default();
                    for node in self.nodes.values_mut() {
                        let of_mons = mapping["node"].as_object();
                        let own = of_mons.and_then(|all| all.values().find(|it| it["Name"] == node.name.as_str()));
                        node.address = own.and_then(|it| it["Address"].as_str()).map(str::to_owned);
                    }
                }
                StepInput::CreateCephCluster(step) => self.operator_replicas = step.operator_replicas,
                StepInput::SetOperatorSettings(step) => {
                    let before = step.settings.iter();
                    self.operator_settings = before
                        .filter_map(|(name, change)| Some((name.clone(), change.before.clone()?)))
                        .collect();
                }
                _ => {}
            }
        }
    }

    /// Makes a CRUSH map and pools that fit what the plan says of OSDs and pools.
    fn placement(&mut self, inputs: &[StepInput]) {
        let mut may_stop = BTreeSet::new();
        let mut pools: Vec<(String, String)> = Vec::new();
        for input in inputs {
            match input {
                StepInput::RenameBucket(step) => {
                    for osd in self.osds.values_mut().filter(|osd| osd.bucket == step.to) {
                        osd.bucket.clone_from(&step.from);
                    }
                }
                StepInput::StopAutoscaler(step) => pools.push((step.pool.clone(), step.before.clone())),
                StepInput::ConfirmOkToStop(step) => may_stop.extend(step.but_for_pools.iter().cloned()),
                _ => {}
            }
        }
        if pools.is_empty() {
            pools.push(("data".into(), "off".into()));
        }
        let mut buckets: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (id, osd) in &self.osds {
            buckets.entry(osd.bucket.clone()).or_default().push(i64::from(id.0));
        }
        let domain = if buckets.len() >= 2 { "host" } else { "osd" };
        let domains = if domain == "host" {
            buckets.len()
        } else {
            self.osds.len()
        };
        let size = u32::try_from(domains.clamp(1, 3)).unwrap_or(1);
        let numbered = pools.into_iter().zip(1..);
        self.pools = numbered
            .map(|((name, autoscale), id)| PoolLayout {
                id,
                size,
                min_size: if may_stop.contains(&name) {
                    size
                } else {
                    size.saturating_sub(1).max(1)
                },
                pg_num: 32,
                domain: domain.into(),
                autoscale,
                name,
            })
            .collect();
        let hosts: Vec<Bucket> = buckets
            .into_iter()
            .zip(2..)
            .map(|((name, children), id)| Bucket {
                id: -id,
                name,
                kind: "host".into(),
                children,
            })
            .collect();
        let root = Bucket {
            id: -1,
            name: "default".into(),
            kind: "root".into(),
            children: hosts.iter().map(|bucket| bucket.id).collect(),
        };
        let device = |(id, osd): (&OsdId, &OsdLayout)| CrushDevice {
            id: *id,
            class: osd.class.clone(),
            weight: osd.weight,
        };
        self.crush = Crush {
            buckets: std::iter::once(root).chain(hosts).collect(),
            devices: self.osds.iter().map(device).collect(),
            rules: vec![CrushRule {
                id: 0,
                name: "replicated_rule".into(),
                take: "default".into(),
                failure_domain: domain.into(),
            }],
        };
    }

    /// Takes from the facts what a plan does not say.
    fn enrich(&mut self, facts: &Facts) {
        let ceph = &facts.ceph;
        self.mon_epoch = ceph.monmap.epoch;
        self.osd_epoch = ceph.osdmap.epoch;
        self.flags.clone_from(&ceph.osdmap.flags);
        self.crush.clone_from(&ceph.crush);
        for mon in &ceph.monmap.mons {
            if let Some(layout) = self.mons.get_mut(&mon.name) {
                (layout.rank, layout.v1, layout.v2) = (mon.rank, mon.v1.clone(), mon.v2.clone());
            }
        }
        self.active_mgr.clone_from(&ceph.mgr.active);
        self.modules.clone_from(&ceph.mgr.modules);
        let domain = |rule: i64| {
            let rule = ceph.crush.rules.iter().find(|it| it.id == rule);
            rule.map_or_else(|| "host".to_owned(), |rule| rule.failure_domain.clone())
        };
        if !ceph.pools.is_empty() {
            let pool = |pool: &crate::facts::Pool| PoolLayout {
                id: pool.id,
                name: pool.name.clone(),
                size: pool.size,
                min_size: pool.min_size,
                pg_num: pool.pg_num,
                domain: domain(pool.crush_rule),
                autoscale: pool.autoscale_mode.clone(),
            };
            self.pools = ceph.pools.iter().map(pool).collect();
        }
        if let Some(config) = ceph.config.known() {
            self.config.clone_from(config);
        }
        if let Some(entities) = ceph.auth.known() {
            self.auth
                .extend(entities.iter().map(|it| (it.entity.clone(), it.caps.clone())));
        }
        self.health = ceph
            .health
            .checks
            .iter()
            .map(|(code, check)| (code.clone(), check.summary.clone()))
            .collect();
        self.kubernetes.clone_from(&facts.kubernetes.version);
        if let Some(operator) = facts.kubernetes.operator.known() {
            if let Some(image) = &operator.image {
                self.operator_image.clone_from(image);
            }
            self.operator_settings.clone_from(&operator.settings);
        }
        self.devices(facts);
    }

    /// Takes the devices of OSDs from the facts of their hosts.
    fn devices(&mut self, facts: &Facts) {
        for (_, host) in facts.reached_hosts() {
            for volume in host.volumes.known().into_iter().flatten() {
                let Some(osd) = self.osds.get_mut(&volume.id) else {
                    continue;
                };
                let all = [Some(&volume.device), volume.db.as_ref(), volume.wal.as_ref()];
                osd.devices = all.into_iter().flatten().cloned().collect();
            }
        }
    }
}

fn nowhere() -> OsdLayout {
    OsdLayout {
        uuid: String::new(),
        host: String::new(),
        bucket: String::new(),
        class: String::new(),
        weight: 1.0,
        devices: Vec::new(),
    }
}
