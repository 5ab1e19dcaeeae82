//! Steps on a small model of one host with its Ceph: each is done twice, undone twice, and does its work once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8PathBuf;
use reeve_ceph::DaemonName;
use reeve_host::{Command, Host, HostError, HostName, Hosts, Output};
use reeve_journal::{Cancellation, Holder, Recorded, Runs, Step};
use reeve_kube::fake::ApiServer;
use serde_json::json;

use super::{Outline, Pace, World, WorldParts};
use crate::plan::steps::{ClearOsdFlag, MaskUnit, MoveMonStore, RestoreConfig, SetConfig, SetOsdFlag, StopUnit};
use crate::plan::{Options, plan};
use crate::sample::Cluster;

/// What the model's host and Ceph know.
#[derive(Default)]
struct Model {
    paths: BTreeSet<String>,
    masked: BTreeSet<String>,
    running: BTreeSet<String>,
    config: BTreeMap<(String, String), String>,
    flags: BTreeSet<String>,
    /// Commands that change something.
    changes: Vec<String>,
}

impl Model {
    fn run(&mut self, argv: &[&str]) -> (i32, String) {
        let argv: Vec<&str> = argv
            .iter()
            .copied()
            .filter(|word| !matches!(*word, "--connect-timeout" | "15"))
            .collect();
        let ok = |text: String| (0, text);
        let change = |model: &mut Self| model.changes.push(argv.join(" "));
        match argv.as_slice() {
            ["test", "-e" | "-f", path, ..] => (i32::from(!self.paths.contains(*path)), String::new()),
            ["mkdir", ..] | ["rmdir", ..] | ["systemctl", "daemon-reload" | "reset-failed", ..] => ok(String::new()),
            ["ps", ..] => ok(String::new()),
            ["sh", "-c", _, "reeve-rename", from, to] => {
                change(self);
                let moved: Vec<String> = self
                    .paths
                    .iter()
                    .filter(|path| path.starts_with(from))
                    .cloned()
                    .collect();
                for path in moved {
                    self.paths.remove(&path);
                    self.paths.insert(path.replacen(from, to, 1));
                }
                ok(String::new())
            }
            ["systemctl", "is-enabled", _, unit] => {
                let is_masked = self.masked.contains(*unit);
                (1, if is_masked { "masked\n" } else { "enabled\n" }.into())
            }
            ["systemctl", "mask", _, unit] => {
                change(self);
                self.masked.insert((*unit).to_owned());
                ok(String::new())
            }
            ["systemctl", "unmask", _, unit] => {
                change(self);
                self.masked.remove(*unit);
                ok(String::new())
            }
            ["systemctl", "show", _, _, unit] => ok(if self.running.contains(*unit) {
                "ActiveState=active\nMainPID=7\n".into()
            } else {
                "ActiveState=inactive\nMainPID=0\n".into()
            }),
            ["systemctl", word @ ("start" | "stop"), _, unit] => {
                change(self);
                if *word == "start" {
                    self.running.insert((*unit).to_owned());
                } else {
                    self.running.remove(*unit);
                }
                ok(String::new())
            }
            ["ceph", "quorum_status", ..] => ok(json!({ "quorum_names": ["n1", "n2", "n3"] }).to_string()),
            ["ceph", "tell", ..] => ok(json!({ "state": "peon" }).to_string()),
            ["ceph", "config", "dump", ..] => {
                let entries: Vec<_> = self
                    .config
                    .iter()
                    .map(|((section, name), value)| json!({ "section": section, "name": name, "value": value, "mask": "" }))
                    .collect();
                ok(json!(entries).to_string())
            }
            ["ceph", "config", "set", section, name, value] => {
                change(self);
                // Ceph keeps a number in its own way of writing.
                let kept = value
                    .parse::<f64>()
                    .map_or_else(|_| (*value).to_owned(), |number| format!("{number:.6}"));
                self.config.insert(((*section).to_owned(), (*name).to_owned()), kept);
                ok(String::new())
            }
            ["ceph", "config", "rm", section, name] => {
                change(self);
                self.config.remove(&((*section).to_owned(), (*name).to_owned()));
                ok(String::new())
            }
            ["ceph", "osd", "dump", ..] => {
                let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
                let fsid = "11111111-2222-3333-4444-555555555555";
                ok(json!({ "epoch": 1, "fsid": fsid, "flags": flags.join(","), "pools": [], "osds": [] }).to_string())
            }
            ["ceph", "osd", word @ ("set" | "unset"), flag] => {
                change(self);
                if *word == "set" {
                    self.flags.insert((*flag).to_owned());
                } else {
                    self.flags.remove(*flag);
                }
                ok(String::new())
            }
            other => panic!("the model does not know {other:?}"),
        }
    }
}

struct ModelHost {
    name: HostName,
    model: Arc<Mutex<Model>>,
}

#[async_trait]
impl Host for ModelHost {
    fn name(&self) -> &HostName {
        &self.name
    }

    async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let argv = command.shown_argv();
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let (status, stdout) = self.model.lock().unwrap().run(&argv);
        Ok(Output {
            status,
            stdout: stdout.into_bytes(),
            stderr: Vec::new(),
            elapsed: Duration::ZERO,
            truncated: false,
        })
    }
}

struct ModelHosts(Arc<Mutex<Model>>);

#[async_trait]
impl Hosts for ModelHosts {
    async fn connect(&self, name: &HostName) -> Result<Arc<dyn Host>, HostError> {
        let (name, model) = (name.clone(), Arc::clone(&self.0));
        Ok(Arc::new(ModelHost { name, model }))
    }
}

struct Stage {
    world: World,
    model: Arc<Mutex<Model>>,
    _directory: tempfile::TempDir,
}

async fn stage(model: Model) -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
    let outline = Arc::new(Outline::of(&plan).unwrap());
    let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(directory.path().join("runs")).unwrap()).unwrap();
    let journal = runs.create(plan, &Holder::this_process("here", "test")).unwrap();
    let model = Arc::new(Mutex::new(model));
    let parts = WorldParts {
        hosts: Arc::new(ModelHosts(Arc::clone(&model))),
        cluster: ApiServer::default().cluster(),
        cancellation: Cancellation::default(),
        pace: Pace::default(),
    };
    let world = World::connect(parts, outline, &journal).await.unwrap();
    Stage {
        world,
        model,
        _directory: directory,
    }
}

/// Does a step twice and undoes it twice; the second time must change nothing that the first did not.
async fn cycle(model: Model, step: &dyn Step<World>, expected: &[&str]) {
    let Stage {
        world,
        model,
        _directory,
    } = stage(model).await;
    assert!(!step.done(&world).await.unwrap(), "it is done before it was begun");
    step.ready(&world).await.unwrap();
    step.act(&world).await.unwrap();
    assert!(step.done(&world).await.unwrap(), "it has acted and is not done");
    let after_act = model.lock().unwrap().changes.clone();
    assert_eq!(after_act, expected);
    step.undo(&world, &Recorded::default()).await.unwrap();
    assert!(!step.done(&world).await.unwrap(), "it is undone and still done");
    step.undo(&world, &Recorded::default()).await.unwrap();
    assert!(!step.done(&world).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn options_are_set_and_come_back() {
    let set = SetConfig {
        section: "global".into(),
        name: "mon_osd_min_in_ratio".into(),
        value: "0.2".into(),
        before: None,
        because: "of the test".into(),
    };
    cycle(
        Model::default(),
        &set,
        &["ceph config set global mon_osd_min_in_ratio 0.2"],
    )
    .await;
    let key = ("osd".to_owned(), "osd_crush_update_on_start".to_owned());
    let model = Model {
        config: BTreeMap::from([(key, "false".to_owned())]),
        ..Model::default()
    };
    let restore = RestoreConfig {
        section: "osd".into(),
        name: "osd_crush_update_on_start".into(),
        value: "false".into(),
        before: None,
    };
    cycle(model, &restore, &["ceph config rm osd osd_crush_update_on_start"]).await;
}

#[tokio::test(start_paused = true)]
async fn flags_are_set_and_cleared() {
    cycle(
        Model::default(),
        &SetOsdFlag { flag: "noout".into() },
        &["ceph osd set noout"],
    )
    .await;
    let model = Model {
        flags: BTreeSet::from(["noout".to_owned()]),
        ..Model::default()
    };
    cycle(model, &ClearOsdFlag { flag: "noout".into() }, &["ceph osd unset noout"]).await;
}

#[tokio::test(start_paused = true)]
async fn units_are_stopped_and_masked() {
    let unit = "ceph-mon@n1.service";
    let stop = StopUnit {
        daemon: DaemonName::mon("n1"),
        host: "n1".into(),
        unit: unit.into(),
        activation: None,
        interrupts: String::new(),
        about_seconds: 0,
    };
    let model = Model {
        running: BTreeSet::from([unit.to_owned()]),
        ..Model::default()
    };
    cycle(model, &stop, &["systemctl stop -- ceph-mon@n1.service"]).await;
    let mask = MaskUnit {
        host: "n1".into(),
        unit: unit.into(),
        own_file: None,
    };
    cycle(Model::default(), &mask, &["systemctl mask -- ceph-mon@n1.service"]).await;
}

fn move_store() -> MoveMonStore {
    MoveMonStore {
        mon: "n1".into(),
        host: "n1".into(),
        from: "/var/lib/ceph/mon/ceph-n1".into(),
        to: "/var/lib/rook/mon-n1/data".into(),
    }
}

fn with_store(at: &str) -> Model {
    let paths = ["", "/store.db", "/keyring"]
        .into_iter()
        .map(|part| format!("{at}{part}"))
        .collect();
    Model {
        paths,
        ..Model::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_moves_and_comes_back() {
    let step = move_store();
    let Stage {
        world,
        model,
        _directory,
    } = stage(with_store(step.from.as_str())).await;
    for _ in 0..2 {
        step.ready(&world).await.unwrap();
        step.act(&world).await.unwrap();
        assert!(step.done(&world).await.unwrap());
        // The step is never begun again while it is done: it would refuse.
        assert!(step.ready(&world).await.is_err());
        for _ in 0..2 {
            step.undo(&world, &Recorded::default()).await.unwrap();
            assert!(!step.done(&world).await.unwrap());
        }
    }
    assert_eq!(model.lock().unwrap().changes.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_store_moves_nowhere_where_something_is() {
    let step = move_store();
    let mut model = with_store(step.from.as_str());
    model.paths.insert(step.to.to_string());
    let Stage {
        world,
        model,
        _directory,
    } = stage(model).await;
    assert!(
        step.ready(&world)
            .await
            .unwrap_err()
            .to_string()
            .contains("exists already")
    );
    assert!(step.undo(&world, &Recorded::default()).await.is_err());
    assert!(model.lock().unwrap().changes.is_empty());
}
