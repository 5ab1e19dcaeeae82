//! A small world for the engine: effects that are there or not, and a strict eye on who does what twice.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8PathBuf;
use reeve_journal::fault::crash;
use reeve_journal::plan::{
    Action, FactsReference, HandOver, PLAN_FORMAT, Phase, PhaseName, Place, PlannedStep, StepId, StepKind, Target,
    Undo, digest_of,
};
use reeve_journal::{
    BuildError, Engine, EngineOptions, Holder, Journal, Operation, Outcome, Outputs, Plan, Recorded, Refusal, Runs,
    Step, StepError, Until,
};
use serde_json::{Value, json};

/// The world: named effects, each with a token that whoever made it has to know.
#[derive(Default)]
pub(crate) struct World {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    effects: BTreeMap<String, u64>,
    made: BTreeMap<String, u32>,
    log: Vec<String>,
    violations: Vec<String>,
    calls: usize,
    crash_at: Option<(usize, bool)>,
    next_token: u64,
    transient_failures: u32,
    unanswered: u32,
}

impl World {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A crash unwinds through whoever holds the lock; the data is sound nevertheless.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Returns the names of the effects that are there.
    pub(crate) fn effects(&self) -> Vec<String> {
        self.inner().effects.keys().cloned().collect()
    }

    /// Returns how often each effect was made.
    pub(crate) fn made(&self) -> BTreeMap<String, u32> {
        self.inner().made.clone()
    }

    /// Returns what was done and undone, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.inner().log.clone()
    }

    /// Fails the test if a step did what it must not.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.inner().violations, Vec::<String>::new());
    }

    /// Puts an effect there by another hand.
    pub(crate) fn put_by_hand(&self, name: &str) {
        self.inner().effects.insert(name.to_owned(), 999);
    }

    /// Lets the process crash at the given change of the world, before or after it.
    pub(crate) fn crash_at(&self, call: usize, after: bool) {
        let mut inner = self.inner();
        inner.calls = 0;
        inner.crash_at = Some((call, after));
    }

    /// Lets that many effects fail in a way that may pass.
    pub(crate) fn fail_transiently(&self, times: u32) {
        self.inner().transient_failures = times;
    }

    /// Lets that many questions go unanswered.
    pub(crate) fn leave_unanswered(&self, times: u32) {
        self.inner().unanswered = times;
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let (before, after) = {
            let mut inner = self.inner();
            let at = inner.calls;
            inner.calls += 1;
            let due = inner.crash_at.filter(|(call, _)| *call == at);
            if due.is_some() {
                inner.crash_at = None;
            }
            (
                due.is_some_and(|(_, after)| !after),
                due.is_some_and(|(_, after)| after),
            )
        };
        if before {
            crash();
        }
        change(&mut self.inner());
        if after {
            crash();
        }
    }
}

/// The operation of the model; knows `put_effect`, `await_effect`, `burn_bridge` and `sleep_long`.
pub(crate) struct Model;

impl Operation<World> for Model {
    fn name(&self) -> &str {
        "model"
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<World>>, BuildError> {
        let name = planned.input["effect"]
            .as_str()
            .ok_or_else(|| BuildError::new(planned, "no effect"))?
            .to_owned();
        match planned.kind.as_str() {
            "put_effect" | "burn_bridge" => {
                if let Some(after) = planned.input["after"].as_str() {
                    let after = StepId::new(after).map_err(|error| BuildError::new(planned, &error.to_string()))?;
                    if outputs
                        .get(&after)
                        .is_none_or(|output| output["token"].as_u64().is_none())
                    {
                        return Err(BuildError::new(planned, "the step before it has recorded no token"));
                    }
                }
                Ok(Box::new(Put { name }))
            }
            "await_effect" => Ok(Box::new(Await { name })),
            "sleep_long" => Ok(Box::new(Sleep)),
            _ => Err(BuildError::unknown_kind(planned)),
        }
    }
}

struct Put {
    name: String,
}

#[async_trait]
impl Step<World> for Put {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        tokio::task::yield_now().await;
        let mut inner = world.inner();
        if inner.unanswered > 0 {
            inner.unanswered -= 1;
            return Err(StepError::transient("the world does not answer"));
        }
        Ok(inner.effects.contains_key(&self.name))
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        {
            let mut inner = world.inner();
            if inner.transient_failures > 0 {
                inner.transient_failures -= 1;
                return Err(StepError::transient("not now"));
            }
        }
        world.change(|inner| {
            inner.next_token += 1;
            let token = inner.next_token;
            if inner.effects.insert(self.name.clone(), token).is_some() {
                inner
                    .violations
                    .push(format!("{} was made though it was there", self.name));
            }
            *inner.made.entry(self.name.clone()).or_default() += 1;
            inner.log.push(format!("+{}", self.name));
        });
        self.recall(world).await
    }

    async fn undo(&self, world: &World, was: &Recorded) -> Result<(), StepError> {
        world.change(|inner| {
            let Some(token) = inner.effects.remove(&self.name) else {
                return;
            };
            if *was.output() != Value::Null && *was.output() != json!({ "token": token }) {
                inner
                    .violations
                    .push(format!("{} was undone with another's token", self.name));
            }
            inner.log.push(format!("-{}", self.name));
        });
        Ok(())
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        Recorded::value(json!({ "token": world.inner().effects.get(&self.name) }))
    }
}

struct Await {
    name: String,
}

#[async_trait]
impl Step<World> for Await {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(world.inner().effects.contains_key(&self.name))
    }

    async fn act(&self, _: &World) -> Result<Recorded, StepError> {
        Err(StepError::permanent("nothing to wait for"))
    }

    async fn undo(&self, world: &World, _: &Recorded) -> Result<(), StepError> {
        world.inner().violations.push("a wait was undone".to_owned());
        Ok(())
    }
}

/// Never comes to an end by itself.
struct Sleep;

#[async_trait]
impl Step<World> for Sleep {
    async fn ready(&self, _: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, _: &World) -> Result<bool, StepError> {
        Ok(false)
    }

    async fn act(&self, _: &World) -> Result<Recorded, StepError> {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok(Recorded::default())
    }

    async fn undo(&self, _: &World, _: &Recorded) -> Result<(), StepError> {
        Ok(())
    }
}

/// Two phases of two hand-overs: two effects each, the second needing what the first recorded, then a wait.
pub(crate) fn plan() -> Plan {
    let phases = ["mons", "osds"].map(|phase| {
        let hand_overs = ["a", "b"].map(|subject| {
            let id = |kind: &str| format!("{phase}/{subject}/{kind}");
            let effect = |word: &str| format!("{phase}.{subject}.{word}");
            let back = Undo::Actions(Vec::new());
            let steps = vec![
                step(
                    &id("first"),
                    "put_effect",
                    json!({ "effect": effect("first") }),
                    back.clone(),
                ),
                step(
                    &id("second"),
                    "put_effect",
                    json!({ "effect": effect("second"), "after": id("first") }),
                    back,
                ),
                step(
                    &id("wait"),
                    "await_effect",
                    json!({ "effect": effect("second") }),
                    Undo::Nothing,
                ),
            ];
            HandOver {
                subject: subject.to_owned(),
                title: String::new(),
                steps,
            }
        });
        Phase {
            name: PhaseName::new(phase).expect("it is snake_case"),
            title: String::new(),
            why: String::new(),
            hand_overs: hand_overs.to_vec(),
        }
    });
    Plan {
        format: PLAN_FORMAT,
        operation: "model".to_owned(),
        made_by: "reeve 0.1.0".to_owned(),
        target: Target {
            kind: "model".to_owned(),
            id: "1".to_owned(),
            name: "one".to_owned(),
        },
        options: json!({}),
        facts: FactsReference {
            digest: digest_of(&()),
            taken_at: jiff::Timestamp::UNIX_EPOCH,
        },
        summary: Vec::new(),
        phases: phases.to_vec(),
        points_of_no_return: Vec::new(),
        digest: String::new(),
    }
}

/// Makes one planned step with a deadline of two seconds.
pub(crate) fn step(id: &str, kind: &str, input: Value, undo: Undo) -> PlannedStep {
    PlannedStep {
        id: StepId::new(id).expect("it is a step id"),
        kind: StepKind::new(kind).expect("it is a step kind"),
        input,
        what: String::new(),
        place: Place::Here,
        actions: vec![Action::Wait {
            until: "it is there".to_owned(),
        }],
        interrupts: None,
        deadline_seconds: 2,
        undo,
    }
}

/// Returns every effect that the plan has when it is done.
pub(crate) fn all_effects(plan: &Plan) -> Vec<String> {
    let mut effects: Vec<String> = plan
        .steps()
        .filter(|(_, _, step)| step.kind.as_str() != "await_effect")
        .filter_map(|(_, _, step)| step.input["effect"].as_str().map(str::to_owned))
        .collect();
    effects.sort();
    effects
}

/// A directory of runs that is removed at the end.
pub(crate) struct Workplace {
    pub(crate) runs: Runs,
    _directory: tempfile::TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = Utf8PathBuf::from_path_buf(directory.path().join("runs")).expect("its name is UTF-8");
        Self {
            runs: Runs::in_dir(path).expect("it can be made"),
            _directory: directory,
        }
    }

    pub(crate) fn create(&self, plan: Plan) -> Journal {
        self.runs.create(plan.seal(), &holder()).expect("a run can be made")
    }

    /// Opens the only run.
    pub(crate) fn reopen(&self) -> Journal {
        let run = self.runs.find("latest").expect("there is a run");
        self.runs.open(&run, &holder()).expect("it can be opened")
    }
}

pub(crate) fn holder() -> Holder {
    Holder::this_process("testhost", "reeve 0.1.0")
}

/// Tries twice and hardly waits.
pub(crate) fn quick() -> EngineOptions {
    EngineOptions {
        attempts: 2,
        wait_between: Duration::from_millis(1),
    }
}

/// Makes an engine with every phase approved.
pub(crate) fn engine<'a>(journal: Journal, operation: &'a dyn Operation<World>, world: &'a World) -> Engine<'a, World> {
    let mut engine = Engine::new(journal, operation, world)
        .expect("the plan is the model's")
        .with_options(quick());
    engine.approve_all("test").expect("phases can be approved");
    engine
}

/// Takes the run up again, as often as it pauses because of a failure, until it is finished.
pub(crate) async fn finish(place: &Workplace, world: &World) {
    for _ in 0..20 {
        let outcome = engine(place.reopen(), &Model, world)
            .run(&Until::End)
            .await
            .expect("the engine works");
        match outcome {
            Outcome::Finished => return,
            Outcome::Paused(_) => {}
            Outcome::Stuck { .. } => panic!("stuck: {outcome:?}"),
        }
    }
    panic!("it does not come to an end");
}
