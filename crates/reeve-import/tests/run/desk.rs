//! A folder with a package and runs, and a cloud in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::apply::{CopyWatch, Import, NobodyWatches, Pace, World};
use reeve_import::plan::{ImportOptions, Makes, discover, plan};
use reeve_import::{Depth, ImportReport, survey_source};
use reeve_journal::{
    Cancellation, Engine, EngineOptions, Holder, Journal, Operation, Outcome, PauseReason, Plan, RunId, Runs, UndoTo,
    Until,
};
use reeve_openstack::fake::FakeCloud;
use reeve_openstack::{Access, Limits, Session, SessionOptions};
use serde_json::json;
use tempfile::TempDir;

use crate::made;

/// More than the events of any run here.
pub(crate) const BOUND: usize = 200;

/// A folder with a package and runs, and a cloud.
pub(crate) struct Desk {
    dir: TempDir,
    pub(crate) disk: Vec<u8>,
    pub(crate) cloud: FakeCloud,
    runs: Runs,
    /// The run that was made last; runs of one second have no order by name.
    current: Mutex<Option<RunId>>,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = made::content(20 * made::GRAIN);
        std::fs::write(dir.path().join("web.ova"), made::ova(&disk)).unwrap();
        let cloud = FakeCloud::start().await;
        {
            let mut state = cloud.state();
            let flavor = |name: &str, vcpus, ram| json!({ "id": name, "name": name, "vcpus": vcpus, "ram": ram, "disk": 0, "extra_specs": {} });
            state.add("flavors", flavor("SCS-16V-64", 16, 65536));
            state.add("flavors", flavor("SCS-8V-16", 8, 16384));
            state.add("flavors", flavor("m1.large", 8, 16384));
            state.add(
                "networks",
                json!({ "id": "inner", "name": "inner", "project_id": "alpha-id", "subnets": ["s"] }),
            );
            // Somebody else's things, that no import may touch.
            state.add("images", json!({ "id": "foreign", "name": "lab & more-disk1", "status": "active", "owner": "alpha-id", "tags": ["reeve-import-other-disk1"],
                "os_hash_algo": "sha512", "visibility": "private" }));
            state.add("volumes", json!({ "id": "foreign", "name": "lab & more-disk1", "status": "available", "metadata": {}, "size": 1 }));
            state.add("ports", json!({ "id": "foreign", "name": "lab & more-nic1", "description": "", "network_id": "inner", "project_id": "alpha-id" }));
            state.add("servers", json!({ "id": "foreign", "name": "lab & more", "status": "ACTIVE", "metadata": { "reeve_import": "another" } }));
        }
        let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(dir.path().join("runs")).unwrap()).unwrap();
        Self {
            dir,
            disk,
            cloud,
            runs,
            current: Mutex::new(None),
        }
    }

    pub(crate) fn source(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join("web.ova")
    }

    pub(crate) fn session(&self) -> Session {
        let options = SessionOptions {
            access: Access::ReadWrite,
            limits: Limits {
                pause: Duration::from_millis(1),
                attempts: 2,
                ..Limits::default()
            },
            record: None,
        };
        Session::connect(self.cloud.config(), &options).unwrap()
    }

    pub(crate) async fn plan(&self, makes: Makes) -> Plan {
        self.planned(ImportOptions {
            makes,
            ..ImportOptions::default()
        })
        .await
    }

    pub(crate) async fn planned(&self, options: ImportOptions) -> Plan {
        let source = survey_source(&self.source(), Depth::Digests).unwrap().remove(0);
        let options = ImportOptions {
            accept_licences: true,
            ..options
        };
        let facts = discover(&self.session(), options.makes).await.unwrap();
        plan(&source, &facts, &options, "reeve 0.1.0").unwrap()
    }

    pub(crate) fn create(&self, plan: &Plan) -> Journal {
        let journal = self.runs.create(plan.clone(), &holder()).unwrap();
        *self.current.lock().unwrap() = Some(journal.run().clone());
        journal
    }

    pub(crate) fn reopen(&self) -> Journal {
        let run = self.current.lock().unwrap().clone().unwrap();
        self.runs.open(&run, &holder()).unwrap()
    }

    pub(crate) async fn world(&self, plan: &Plan) -> World {
        self.world_watched(plan, Cancellation::default(), Arc::new(NobodyWatches))
            .await
    }

    pub(crate) async fn world_watched(
        &self,
        plan: &Plan,
        cancellation: Cancellation,
        watch: Arc<dyn CopyWatch>,
    ) -> World {
        let pace = Pace {
            poll: Duration::from_millis(1),
            threads: 2,
            ..Pace::default()
        };
        World::connect(self.session(), &plan.target, pace, cancellation, watch)
            .await
            .unwrap()
    }

    /// Makes a run of the plan, and goes forward with it until it ends for some reason.
    pub(crate) async fn goes(&self, plan: &Plan) -> Outcome {
        let world = self.world(plan).await;
        engine(self.create(plan), &Import, &world)
            .run(&Until::End)
            .await
            .unwrap()
    }

    /// Takes the run up again until it is finished.
    pub(crate) async fn finish(&self, plan: &Plan) {
        for _ in 0..10 {
            let world = self.world(plan).await;
            let mut engine = engine(self.reopen(), &Import, &world);
            if engine.run(&Until::End).await.unwrap() == Outcome::Finished {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    pub(crate) async fn undo(&self, plan: &Plan) {
        let world = self.world(plan).await;
        let mut engine = engine(self.reopen(), &Import, &world);
        let outcome = engine.undo(&UndoTo::Beginning).await.unwrap();
        assert_eq!(outcome, Outcome::Paused(PauseReason::Undone));
    }

    /// Returns how many of each there are, the foreign ones aside.
    pub(crate) fn made(&self) -> BTreeMap<&'static str, usize> {
        let mut state = self.cloud.state();
        state.settle();
        ["images", "volumes", "ports", "servers"]
            .into_iter()
            .map(|collection| {
                let things = state.collections.get(collection).into_iter().flatten();
                assert!(
                    things.clone().any(|thing| thing["id"] == "foreign"),
                    "somebody else's {collection}"
                );
                (collection, things.filter(|thing| thing["id"] != "foreign").count())
            })
            .collect()
    }

    /// Returns the report of the run that was made last.
    pub(crate) fn report(&self) -> ImportReport {
        let run = self.current.lock().unwrap().clone().unwrap();
        ImportReport::of(
            &self.runs.show(&run).unwrap(),
            "reeve 0.1.0",
            jiff::Timestamp::UNIX_EPOCH,
        )
        .unwrap()
    }

    pub(crate) fn assert_whole(&self, context: &str) {
        let expected = BTreeMap::from([("images", 1), ("ports", 1), ("servers", 1), ("volumes", 2)]);
        assert_eq!(self.made(), expected, "{context}");
        let state = self.cloud.state();
        let data: Vec<&Vec<u8>> = state.image_data.values().collect();
        assert_eq!(data.len(), 1, "{context}");
        assert!(*data[0] == self.disk, "the image is the disk, byte by byte: {context}");
    }

    pub(crate) fn assert_empty(&self, context: &str) {
        assert!(
            self.made().values().all(|count| *count == 0),
            "{context}: {:?}",
            self.made()
        );
        assert!(self.cloud.state().image_data.is_empty(), "{context}");
    }
}

fn holder() -> Holder {
    Holder::this_process("testhost", "reeve 0.1.0")
}

pub(crate) fn engine<'a>(journal: Journal, operation: &'a dyn Operation<World>, world: &'a World) -> Engine<'a, World> {
    let options = EngineOptions {
        attempts: 2,
        wait_between: Duration::from_millis(1),
    };
    let mut engine = Engine::new(journal, operation, world).unwrap().with_options(options);
    engine.approve_all("test").unwrap();
    engine
}
