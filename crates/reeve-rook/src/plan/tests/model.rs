//! A small model of the world that a plan changes. It knows nothing of the planner: it is set up from facts and obeys actions,
//! commands and objects, as systemd, Ceph, Rook and Kubernetes would.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reeve_journal::plan::Action;
use serde_json::{Value, json};

use crate::facts::{Deployment, Facts, UserIds};

const ROOK: &str = "167:167";
/// Where annotations of the namespace are kept; the gate's list is among them.
const NAMESPACE: &str = "Namespace rook-ceph/metadata/annotations/";

/// An old daemon's unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) daemon: String,
    pub(super) running: bool,
    pub(super) masked: bool,
    /// Paths that it needs, and the owner that it needs them to have.
    needs: Vec<String>,
    owner: String,
}

/// Everything that a take-over changes; two of them are equal if nobody could tell the worlds apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct World {
    /// By host and unit name.
    pub(super) units: BTreeMap<(String, String), Unit>,
    /// Daemons with a pod of Rook.
    pub(super) pods: BTreeSet<String>,
    /// Files and devices by host and path, with their owner.
    files: BTreeMap<(String, String), String>,
    /// Where Rook's pod of a mon looks for its store.
    targets: BTreeMap<String, (String, String)>,
    /// Devices of an OSD.
    devices: BTreeMap<String, Vec<(String, String)>>,
    config: BTreeMap<(String, String), String>,
    auth: BTreeSet<String>,
    flags: BTreeSet<String>,
    autoscale: BTreeMap<String, String>,
    balancer: bool,
    /// Backend, paused, module enabled.
    orchestrator: (String, bool, bool),
    buckets: BTreeSet<String>,
    /// Objects by `Kind namespace/name` or `Kind name`; `Null` stands for one that was there before and of which nothing is known.
    objects: BTreeMap<String, Value>,
    annotations: BTreeMap<String, Value>,
}

impl World {
    /// Sets up the world that the facts describe.
    pub(super) fn new(facts: &Facts) -> Self {
        let mut world = Self {
            units: BTreeMap::new(),
            pods: BTreeSet::new(),
            files: BTreeMap::new(),
            targets: BTreeMap::new(),
            devices: BTreeMap::new(),
            config: BTreeMap::new(),
            auth: facts
                .ceph
                .auth
                .known()
                .unwrap()
                .iter()
                .map(|it| it.entity.clone())
                .collect(),
            flags: facts.ceph.osdmap.flags.clone(),
            autoscale: facts
                .ceph
                .pools
                .iter()
                .map(|it| (it.name.clone(), it.autoscale_mode.clone()))
                .collect(),
            balancer: true,
            orchestrator: facts.ceph.orchestrator.known().map_or_else(Default::default, |it| {
                (it.backend.clone().unwrap_or_default(), it.paused, it.backend.is_some())
            }),
            buckets: facts.ceph.crush.buckets.iter().map(|it| it.name.clone()).collect(),
            objects: BTreeMap::new(),
            annotations: BTreeMap::new(),
        };
        for option in facts.ceph.config.known().unwrap() {
            world
                .config
                .insert((option.section.clone(), option.name.clone()), option.value.clone());
        }
        let text = |it: UserIds| format!("{}:{}", it.uid, it.gid);
        for (host, host_facts) in facts.reached_hosts() {
            let owner = host_facts.ceph_user.map_or_else(|| ROOK.to_owned(), text);
            for store in &host_facts.mon_stores {
                world
                    .files
                    .insert((host.to_string(), store.path.clone()), text(store.owner));
                let folder = if store.mon.contains("mon") {
                    store.mon.clone()
                } else {
                    format!("mon-{}", store.mon)
                };
                let target = format!("{}/{folder}/data", facts.scope.data_dir_host_path);
                world
                    .targets
                    .insert(format!("mon.{}", store.mon), (host.to_string(), target));
            }
            for volume in host_facts.volumes.known().unwrap() {
                let devices: Vec<_> = [Some(&volume.device), volume.db.as_ref(), volume.wal.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|device| (host.to_string(), device.clone()))
                    .collect();
                devices
                    .iter()
                    .for_each(|device| drop(world.files.insert(device.clone(), owner.clone())));
                world.devices.insert(format!("osd.{}", volume.id), devices);
            }
            for unit in &host_facts.daemons {
                let daemon = unit.daemon.to_string();
                let store = host_facts
                    .mon_stores
                    .iter()
                    .find(|it| daemon == format!("mon.{}", it.mon));
                let (needs, owner) = match store {
                    Some(store) => (vec![store.path.clone()], text(store.owner)),
                    None => {
                        let devices = world
                            .devices
                            .get(&daemon)
                            .into_iter()
                            .flatten()
                            .map(|(_, path)| path.clone());
                        // A container unit gives its devices to the right user itself.
                        let own = unit.deployment == Deployment::Packages;
                        (if own { devices.collect() } else { Vec::new() }, owner.clone())
                    }
                };
                let state = Unit {
                    daemon,
                    running: true,
                    masked: false,
                    needs,
                    owner,
                };
                world.units.insert((host.to_string(), unit.unit.clone()), state);
            }
        }
        world
    }

    /// Obeys one action; panics where a real system would refuse, or do harm.
    pub(super) fn obey(&mut self, action: &Action) {
        match action {
            Action::Command { host, argv } => {
                let words: Vec<&str> = argv.iter().map(String::as_str).collect();
                self.command(host, &words);
            }
            Action::Apply { object } => self.apply(object),
            Action::Patch { object, patch } => self.patch(object, patch),
            Action::Delete { object } => self.delete(object),
            Action::Read { .. } | Action::Wait { .. } | Action::WriteFile { .. } => {}
        }
        // Rook learns of what it may start from these objects only.
        let matters = match action {
            Action::Apply { .. } | Action::Delete { .. } => true,
            Action::Patch { object, .. } => object.starts_with("Namespace "),
            _ => false,
        };
        if matters {
            self.rook();
        }
    }

    fn command(&mut self, host: &str, argv: &[&str]) {
        match argv {
            ["systemctl", "stop", "--", unit] => self.unit(host, unit).running = false,
            ["systemctl", "start", "--", unit] => self.start(host, unit),
            ["systemctl", "mask", "--", unit] => self.unit(host, unit).masked = true,
            ["systemctl", "unmask", "--", unit] => self.unit(host, unit).masked = false,
            ["systemctl", "cat", ..] | ["tar", ..] | ["mkdir", ..] | ["rmdir", ..] => {}
            ["mv", "--no-clobber", "--no-target-directory", "--", from, to] => {
                let owner = self
                    .files
                    .remove(&(host.to_owned(), (*from).to_owned()))
                    .expect("what is moved is there");
                let before = self.files.insert((host.to_owned(), (*to).to_owned()), owner);
                assert_eq!(before, None, "{to} on {host} is overwritten");
            }
            ["chown", "--recursive" | "--dereference", owner, "--", paths @ ..] => {
                for path in paths {
                    let entry = self.files.get_mut(&(host.to_owned(), (*path).to_owned()));
                    *entry.expect("what is given away is there") = (*owner).to_owned();
                }
            }
            ["ceph-volume", "lvm", "activate", "--no-systemd", "--bluestore", id, _]
            | ["ceph-volume", "simple", "activate", "--no-systemd", id, _] => self.activate(host, &format!("osd.{id}")),
            ["ceph-volume", "raw", "activate", "--no-systemd", "--device", device] => {
                let osd = self
                    .devices
                    .iter()
                    .find(|(_, all)| all.contains(&(host.to_owned(), (*device).to_owned())));
                let osd = osd.map(|(osd, _)| osd.clone()).expect("the device belongs to an OSD");
                self.activate(host, &osd);
            }
            ["ceph", rest @ ..] => self.ceph(rest),
            other => panic!("nobody knows the command {other:?}"),
        }
    }

    fn ceph(&mut self, argv: &[&str]) {
        match argv {
            ["config", "set", section, name, value] => {
                self.config
                    .insert(((*section).to_owned(), (*name).to_owned()), (*value).to_owned());
            }
            ["config", "rm", section, name] => drop(self.config.remove(&((*section).to_owned(), (*name).to_owned()))),
            ["osd", "set", flag] => _ = self.flags.insert((*flag).to_owned()),
            ["osd", "unset", flag] => _ = self.flags.remove(*flag),
            ["osd", "pool", "set", pool, "pg_autoscale_mode", mode] => {
                *self.autoscale.get_mut(*pool).expect("the pool exists") = (*mode).to_owned();
            }
            ["balancer", switch] => self.balancer = *switch == "on",
            ["osd", "crush", "rename-bucket", from, to] => {
                assert!(self.buckets.remove(*from), "there is no bucket {from}");
                assert!(self.buckets.insert((*to).to_owned()), "bucket {to} exists already");
            }
            ["auth", "rm", entity] => _ = self.auth.remove(*entity),
            // Standard input holds the exported bootstrap keys.
            ["auth", "import", "-i", "-"] => _ = self.auth.insert("client.bootstrap-osd".to_owned()),
            ["orch", "pause" | "resume"] => self.orchestrator.1 = argv[1] == "pause",
            ["orch", "set", "backend", backend] => self.orchestrator.0 = (*backend).to_owned(),
            ["mgr", "module", switch @ ("enable" | "disable"), "cephadm"] => self.orchestrator.2 = *switch == "enable",
            ["mgr", "fail", _] | ["auth", "get-key" | "export"] | ["auth", "get-key", _] => {}
            ["config" | "config-key" | "fs" | "mgr", "dump", ..]
            | ["mon" | "osd", "getmap"]
            | ["osd", "getcrushmap"] => {}
            ["osd", "crush", "dump", ..] | ["osd", "tree", ..] | ["osd", "pool", "ls", ..] => {}
            other => panic!("nobody knows `ceph {other:?}`"),
        }
    }

    fn unit(&mut self, host: &str, unit: &str) -> &mut Unit {
        let needs = || Unit {
            daemon: String::new(),
            running: false,
            masked: false,
            needs: Vec::new(),
            owner: String::new(),
        };
        self.units
            .entry((host.to_owned(), unit.to_owned()))
            .or_insert_with(needs)
    }

    fn start(&mut self, host: &str, unit: &str) {
        let state = self.unit(host, unit).clone();
        assert!(!state.masked, "{unit} on {host} is masked and cannot start");
        assert!(!self.pods.contains(&state.daemon), "{} would run twice", state.daemon);
        for path in &state.needs {
            let owner = self.files.get(&(host.to_owned(), path.clone()));
            assert_eq!(owner, Some(&state.owner), "{unit} on {host} cannot open {path}");
        }
        self.unit(host, unit).running = true;
    }

    fn activate(&mut self, host: &str, osd: &str) {
        let owner = self
            .units
            .iter()
            .find(|((on, _), unit)| on == host && unit.daemon == osd)
            .map(|(_, unit)| unit.owner.clone());
        let owner = owner.expect("the OSD has a unit there");
        for device in self.devices.get(osd).into_iter().flatten() {
            self.files.insert(device.clone(), owner.clone());
        }
    }

    fn apply(&mut self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let (kind, name) = (text("/kind").unwrap(), text("/metadata/name").unwrap());
        let key =
            text("/metadata/namespace").map_or_else(|| format!("{kind} {name}"), |it| format!("{kind} {it}/{name}"));
        if kind == "CephCluster" {
            assert!(
                self.objects.contains_key("Secret rook-ceph/rook-ceph-mon"),
                "without the Secret Rook makes a new cluster"
            );
            assert!(self.gate_closed(), "the gate is open");
            for name in ["log_to_file", "mon_cluster_log_file", "mon_allow_pool_delete"] {
                self.config.insert(("global".into(), name.into()), "by Rook".into());
            }
            self.auth
                .extend(["client.crash", "client.ceph-exporter"].map(str::to_owned));
            let mgrs = object["spec"]["mgr"]["count"].as_u64().unwrap();
            self.auth.extend(
                ('a'..='z')
                    .take(usize::try_from(mgrs).unwrap())
                    .map(|id| format!("mgr.{id}")),
            );
            self.auth.retain(|entity| !entity.starts_with("client.bootstrap-"));
        }
        let before = self.objects.insert(key.clone(), object.clone());
        assert_eq!(before, None, "{key} exists already");
    }

    fn patch(&mut self, object: &str, patch: &Value) {
        if let Some(stored) = self.objects.get_mut(object) {
            merge(stored, patch);
        } else {
            // Deployments, ReplicaSets, nodes and the operator's ConfigMap are not made by the plan; what it adds to them is kept.
            let mut leaves = BTreeMap::new();
            self::leaves(object, patch, &mut leaves);
            for (path, value) in leaves {
                let undone = value.is_null() || path.ends_with("/spec/replicas");
                if undone {
                    drop(self.annotations.remove(&path))
                } else {
                    drop(self.annotations.insert(path, value))
                }
            }
        }
    }

    fn delete(&mut self, object: &str) {
        if let Some(selector) = object.strip_prefix("Pods rook-ceph/") {
            let id = selector.rsplit_once('=').unwrap().1;
            let kind = selector
                .strip_prefix("app=rook-ceph-")
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            assert!(
                self.gate_closed() && !self.released(&format!("{kind}.{id}")),
                "the pod would come back at once"
            );
            self.pods.remove(&format!("{kind}.{id}"));
        } else if object.starts_with("CephCluster ") {
            self.objects.remove(object).expect("what is deleted is there");
            self.pods.clear();
            // ReplicaSets and Deployments go with it, and whatever was noted on them.
            self.annotations
                .retain(|path, _| !path.starts_with("ReplicaSets ") && !path.starts_with("Deployments "));
        } else if object.starts_with("Pod ") {
            // A probe that ran to its end is gone already; deleting what is not there is no error.
            self.objects.remove(object);
        } else if !object.starts_with("Secrets, ConfigMaps") && !object.starts_with("ConfigMaps made by Rook") {
            self.objects.remove(object).expect("what is deleted is there");
        }
    }

    /// Rook and the controllers: pods of daemons that the gate lets through start.
    fn rook(&mut self) {
        if !self.objects.keys().any(|key| key.starts_with("CephCluster ")) {
            return;
        }
        let waiting: Vec<String> = if self.gate_closed() {
            let list = self
                .annotations
                .keys()
                .filter_map(|path| path.strip_prefix(NAMESPACE)?.split_once(".released.reeve/"));
            list.map(|(kind, id)| format!("{kind}.{id}"))
                .filter(|it| !self.pods.contains(it))
                .collect()
        } else {
            let old = self
                .units
                .values()
                .map(|unit| unit.daemon.clone())
                .filter(|it| it.starts_with("mon.") || it.starts_with("osd."));
            old.filter(|it| !self.pods.contains(it)).collect()
        };
        for daemon in waiting {
            let running = self.units.values().any(|unit| unit.daemon == daemon && unit.running);
            assert!(!running, "{daemon} would run twice");
            if let Some(target) = self.targets.get(&daemon) {
                assert!(
                    self.files.get(target).is_some_and(|owner| owner == ROOK),
                    "{daemon} would begin with an empty store"
                );
            }
            for device in self.devices.get(&daemon).into_iter().flatten() {
                self.files.insert(device.clone(), ROOK.to_owned());
            }
            self.pods.insert(daemon);
        }
    }

    fn gate_closed(&self) -> bool {
        ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
            .iter()
            .all(|kind| {
                self.objects
                    .contains_key(&format!("{kind} reeve-daemon-gate.rook-ceph"))
            })
    }

    /// Tells whether an object whose name has this in it is there.
    pub(super) fn keeps(&self, name: &str) -> bool {
        let namespace = self.annotations.keys().filter(|path| path.starts_with(NAMESPACE));
        self.objects.keys().chain(namespace).any(|key| key.contains(name))
    }

    fn released(&self, daemon: &str) -> bool {
        let (kind, id) = daemon.split_once('.').unwrap();
        self.annotations
            .contains_key(&format!("{NAMESPACE}{kind}.released.reeve/{id}"))
    }

    /// Returns the daemons of a kind that serve now, from the old unit or the pod.
    pub(super) fn serving(&self, kind: &str) -> usize {
        let units = self
            .units
            .values()
            .filter(|unit| unit.running && unit.daemon.starts_with(kind))
            .count();
        units + self.pods.iter().filter(|pod| pod.starts_with(kind)).count()
    }

    /// Returns old daemons that run nowhere now.
    pub(super) fn away(&self) -> Vec<&str> {
        let gone = |unit: &&Unit| !unit.daemon.is_empty() && !unit.running && !self.pods.contains(&unit.daemon);
        self.units
            .values()
            .filter(gone)
            .map(|unit| unit.daemon.as_str())
            .collect()
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn leaves(path: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| leaves(&format!("{path}/{key}"), value, out)),
        leaf => drop(out.insert(path.to_owned(), leaf.clone())),
    }
}

/// Returns for each OSD the buckets above it, by type.
pub(super) fn domains(facts: &Facts) -> HashMap<String, BTreeMap<String, i64>> {
    let osds = facts.ceph.osds.iter().map(|osd| {
        let above = facts.ceph.crush.ancestors_of(i64::from(osd.id.0));
        let mut kinds: BTreeMap<String, i64> = above.iter().map(|bucket| (bucket.kind.clone(), bucket.id)).collect();
        kinds.insert("osd".into(), i64::from(osd.id.0));
        (format!("osd.{}", osd.id), kinds)
    });
    osds.collect()
}
