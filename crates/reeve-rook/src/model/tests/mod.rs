//! The executor on the model: whole plans, crashes, failures, roll-backs, what the guard refuses, and the model's own behaviour.

mod behaves;
mod crashes;
mod faults;
mod picture;
mod steps;
mod whole;

use std::sync::Arc;

use camino::Utf8PathBuf;
use reeve_journal::plan::{PhaseName, Plan, StepId};
use reeve_journal::{
    Cancellation, Engine, Holder, Journal, Observer, Operation, Outcome, PauseReason, RunId, Runs, UndoTo, Until,
};

use super::interruption::{Interrupted, Mishap, Mishaps};
use super::{Model, Violation};
use crate::apply::{Outline, Pace, Rook, World, WorldParts};
use crate::facts::Facts;
use crate::plan::{Options, plan};
use crate::sample::Cluster;

/// A small cluster: what goes for two OSDs on a host goes for one.
fn small() -> Facts {
    Cluster {
        osds_per_host: 1,
        ..Cluster::default()
    }
    .facts()
}

/// Short watches, and no pause after the first host.
fn options() -> Options {
    Options {
        mon_soak_seconds: 3,
        host_soak_seconds: 3,
        pause_after: Some(std::collections::BTreeSet::new()),
        ..Options::default()
    }
}

/// A run of a plan on a model.
struct Stage {
    model: Model,
    runs: Runs,
    run: RunId,
    plan: Plan,
    outline: Arc<Outline>,
    holder: Holder,
    _directory: tempfile::TempDir,
}

impl Stage {
    fn of(facts: &Facts, options: &Options) -> Self {
        Self::of_plan(plan(facts, options).unwrap(), Some(facts))
    }

    fn small() -> Self {
        Self::of(&small(), &options())
    }

    fn of_plan(plan: Plan, facts: Option<&Facts>) -> Self {
        // A power cut is not what these tests are about, so their journals may lie in memory.
        let directory = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let holder = Holder::this_process("here", "test");
        let model = Model::new(&plan, facts, holder.since).unwrap();
        let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(directory.path().join("runs")).unwrap())
            .unwrap()
            .with_clock(model.clock());
        let journal = runs.create(plan.clone(), &holder).unwrap();
        let run = journal.run().clone();
        drop(journal);
        Self {
            outline: Arc::new(Outline::of(&plan).unwrap()),
            model,
            runs,
            run,
            plan,
            holder,
            _directory: directory,
        }
    }

    fn steps(&self) -> Vec<StepId> {
        self.plan.steps().map(|(_, _, step)| step.id.clone()).collect()
    }

    fn journal(&self) -> Journal {
        self.runs.open(&self.run, &self.holder).unwrap()
    }

    async fn world(&self, journal: &Journal, cancellation: &Cancellation) -> World {
        let parts = WorldParts {
            hosts: self.model.hosts(),
            cluster: self.model.cluster(),
            cancellation: cancellation.clone(),
            pace: Pace::default(),
        };
        World::connect(parts, Arc::clone(&self.outline), journal).await.unwrap()
    }

    /// Lets a process work on the run until it stops, or dies by one of the mishaps.
    async fn process(&self, until: &Until, mishaps: &Arc<Mishaps>, observer: &dyn Observer) -> Option<Outcome> {
        let rook = Rook::new(Arc::clone(&self.outline));
        let operation = Interrupted {
            inner: &rook,
            mishaps: Arc::clone(mishaps),
        };
        self.process_of(until, &operation, mishaps, observer).await
    }

    async fn process_of(
        &self,
        until: &Until,
        operation: &dyn Operation<World>,
        mishaps: &Arc<Mishaps>,
        observer: &dyn Observer,
    ) -> Option<Outcome> {
        let journal = self.journal();
        let cancellation = Cancellation::default();
        let world = self.world(&journal, &cancellation).await;
        let mut engine = Engine::new(journal, operation, &world)
            .unwrap()
            .cancelled_by(cancellation);
        engine.approve_all("the test").unwrap();
        let mut engine = engine.observed_by(observer);
        tokio::select! {
            biased;
            () = mishaps.death() => None,
            outcome = engine.run(until) => Some(outcome.unwrap()),
        }
    }

    /// Goes forward without mishaps.
    async fn go(&self, until: &Until) -> Outcome {
        self.process(until, &Mishaps::at(None, []), &()).await.unwrap()
    }

    async fn go_to_the_end(&self) {
        assert_eq!(self.go(&Until::End).await, Outcome::Finished);
    }

    async fn go_to_phase(&self, phase: &str) {
        let until = Until::Phase(PhaseName::new(phase).unwrap());
        let outcome = self.go(&until).await;
        assert!(
            matches!(outcome, Outcome::Paused(PauseReason::Asked) | Outcome::Finished),
            "{phase}: {outcome:?}"
        );
    }

    async fn go_to_step(&self, step: &str) {
        let outcome = self.go(&Until::Step(StepId::new(step).unwrap())).await;
        assert_eq!(outcome, Outcome::Paused(PauseReason::Asked), "{step}");
    }

    async fn undo_all(&self) -> Outcome {
        let journal = self.journal();
        let cancellation = Cancellation::default();
        let world = self.world(&journal, &cancellation).await;
        let rook = Rook::new(Arc::clone(&self.outline));
        let mut engine = Engine::new(journal, &rook, &world).unwrap();
        engine.undo(&UndoTo::Beginning).await.unwrap()
    }

    fn violations(&self) -> Vec<Violation> {
        self.model.ledger().violations
    }

    /// Looks at the world after a finished run: everything under Rook, nothing done that must not be.
    fn assert_taken_over(&self) {
        assert_eq!(self.violations(), []);
        let ledger = self.model.ledger();
        assert!(ledger.away_now().is_empty(), "{:?}", ledger.away_now());
        let serving = self.model.serving();
        assert!(
            serving.iter().all(|(_, home)| home.starts_with("rook-ceph-")),
            "{serving:?}"
        );
        self.model.reach_in(|machine| {
            for (daemon, unit) in machine.layout.units.clone() {
                let is_mgr = daemon.kind == reeve_ceph::DaemonType::Mgr;
                assert!(
                    is_mgr || serving.iter().any(|(it, _)| *it == daemon),
                    "{daemon} does not serve"
                );
                let said = machine
                    .run(&unit.host, &["systemctl", "is-enabled", "--", &unit.unit], &[])
                    .unwrap();
                assert_eq!(said.stdout, b"masked\n", "{}", unit.unit);
            }
            assert_eq!(machine.ceph.flags, machine.layout.flags);
        });
        let left = self
            .model
            .api()
            .list("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", "");
        assert!(left.is_empty(), "{left:?}");
    }

    /// Looks that nothing was done twice: units stopped and pods started once.
    fn assert_nothing_twice(&self) {
        let ledger = self.model.ledger();
        assert!(
            ledger.unit_stops.values().all(|count| *count == 1),
            "{:?}",
            ledger.unit_stops
        );
        assert!(ledger.unit_starts.is_empty(), "{:?}", ledger.unit_starts);
        assert!(
            ledger.pod_starts.values().all(|count| *count == 1),
            "{:?}",
            ledger.pod_starts
        );
    }

    fn epochs(&self) -> (u32, u32) {
        self.model
            .reach_in(|machine| (machine.ceph.mon_epoch, machine.ceph.osd_epoch))
    }
}
