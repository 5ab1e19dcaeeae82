//! Walks a plan on the model, step by step, and looks at its promises after each.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use reeve_journal::plan::{Plan, Undo};

use super::model::{World, domains};
use crate::facts::Facts;
use crate::plan::StepContext;
use crate::plan::steps::StepInput;

/// Walks the plan forth and back; panics at the first broken promise.
pub(super) fn forth_and_back(facts: &Facts, plan: &Plan) {
    let before = World::new(facts);
    let mut world = before.clone();
    forth(facts, plan, &mut world);
    at_the_end(&world, facts);
    let steps: Vec<_> = plan.steps().map(|(_, _, step)| step).collect();
    for step in steps.iter().rev() {
        if let Undo::Actions(actions) = &step.undo {
            actions.iter().for_each(|action| world.obey(action));
        }
    }
    // A mask that was put on a unit nobody knew of leaves an entry without meaning.
    world.units.retain(|_, unit| !unit.daemon.is_empty() || unit.masked);
    assert_eq!(world, before, "what the undos leave is not what was there");
}

fn forth(facts: &Facts, plan: &Plan, world: &mut World) {
    let mons = facts.ceph.monmap.mons.len();
    let majority = mons / 2 + 1;
    let domains = domains(facts);
    let kinds: BTreeSet<&str> = facts
        .ceph
        .crush
        .rules
        .iter()
        .map(|rule| rule.failure_domain.as_str())
        .collect();
    let mut ids = HashSet::new();
    let mut stops: BTreeMap<String, usize> = BTreeMap::new();
    let mut releases: BTreeMap<String, usize> = BTreeMap::new();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    // A hand-over may begin only when the one before was waited for.
    let mut clean = true;
    let mut hand_over_now = String::new();
    let context = StepContext::of(plan).unwrap();
    for (phase, hand_over, step) in plan.steps() {
        let (id, kind) = (step.id.as_str(), step.kind.as_str());
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(step.deadline_seconds > 0, "{id} has no time");
        let input = StepInput::from_planned(step).unwrap();
        let said = input.describe(&context);
        assert_eq!(said.actions, step.actions, "{id} is not what its input says");
        assert_eq!(said.undo, step.undo, "{id} is not undone as its input says");
        let current = format!("{}/{}", phase.name, hand_over.subject);
        if kind == "stop_unit" {
            let daemon = step.input["daemon"].as_str().unwrap().to_owned();
            assert!(
                clean || hand_over_now == current,
                "{id} comes before the hand-over of {hand_over_now} was waited for"
            );
            *stops.entry(daemon).or_default() += 1;
            clean = false;
            hand_over_now = current;
        }
        if kind == "await_process_gone" {
            gone.insert(step.input["daemon"].as_str().unwrap().to_owned());
        }
        if kind == "release_daemon" {
            let daemon = step.input["daemon"].as_str().unwrap().to_owned();
            assert!(
                gone.contains(&daemon),
                "{daemon} is released before it is known to be gone"
            );
            *releases.entry(daemon).or_default() += 1;
        }
        let before = world.clone_if_small();
        step.actions.iter().for_each(|action| world.obey(action));
        let changed = before.is_some_and(|before| before != *world);
        match &step.undo {
            Undo::Nothing => assert!(
                !changed,
                "{id} changes the world and says that there is nothing to undo"
            ),
            Undo::Actions(actions) => assert!(!actions.is_empty(), "{id} has an empty undo"),
            Undo::None { because } => assert!(!because.is_empty(), "{id} does not say why it has no undo"),
        }
        let finished = match phase.name.as_str() {
            "mons" => kind == "await_quorum",
            "mgrs" => kind == "await_process_gone",
            "osds" => kind == "await_active_clean",
            _ => false,
        };
        if finished {
            let away = world.away();
            assert!(
                away.iter().all(|daemon| daemon.starts_with("mgr.")),
                "{away:?} are away at {id}"
            );
            clean = true;
        }
        // Mons and mgrs stand still in the OSD phase, OSDs in all others; looking only where something moves keeps this fast.
        if phase.name.as_str() == "osds" {
            one_domain(world, id, &domains, &kinds);
        } else {
            promises(
                world,
                id,
                mons,
                majority,
                step.interrupts.as_ref().map_or("", |it| &it.what),
            );
        }
    }
    let expected: BTreeMap<String, usize> = facts
        .reached_hosts()
        .flat_map(|(_, host)| &host.daemons)
        .map(|unit| (unit.daemon.to_string(), 1))
        .collect();
    assert_eq!(stops, expected, "every old daemon is stopped exactly once");
    let released: BTreeMap<String, usize> = expected
        .into_iter()
        .filter(|(daemon, _)| !daemon.starts_with("mgr."))
        .collect();
    assert_eq!(releases, released, "every mon and OSD is released exactly once");
}

fn promises(world: &World, id: &str, mons: usize, majority: usize, interrupts: &str) {
    let serving = world.serving("mon.");
    if mons >= 3 {
        assert!(
            serving >= majority && serving + 1 >= mons,
            "{id}: {serving} of {mons} mons serve"
        );
    } else if id.ends_with("/stop_unit") && serving < majority {
        assert!(
            interrupts.contains("NO QUORUM"),
            "{id} takes the quorum and does not say so"
        );
    }
    assert!(world.serving("mgr.") >= 1, "{id}: no mgr is left");
}

/// All OSDs that are away lie in one failure domain of every rule.
fn one_domain(
    world: &World,
    id: &str,
    domains: &std::collections::HashMap<String, BTreeMap<String, i64>>,
    kinds: &BTreeSet<&str>,
) {
    let away: Vec<&str> = world
        .away()
        .into_iter()
        .filter(|daemon| daemon.starts_with("osd."))
        .collect();
    for kind in kinds {
        let hit: BTreeSet<i64> = away
            .iter()
            .filter_map(|osd| domains[*osd].get(*kind))
            .copied()
            .collect();
        assert!(
            hit.len() <= 1,
            "{id}: OSDs of {} failure domains `{kind}` are away",
            hit.len()
        );
    }
}

fn at_the_end(world: &World, facts: &Facts) {
    assert!(!world.keeps("reeve"), "something of ours is left behind");
    assert_eq!(world.serving("mon."), facts.ceph.monmap.mons.len());
    assert_eq!(world.serving("osd."), facts.ceph.osds.len());
    assert_eq!(world.away().iter().filter(|it| !it.starts_with("mgr.")).count(), 0);
    assert!(
        world.units.values().all(|unit| unit.masked && !unit.running),
        "an old unit can still start"
    );
}

impl World {
    /// A copy to compare with, where copying after each step does not take minutes.
    fn clone_if_small(&self) -> Option<Self> {
        (self.units.len() <= 60).then(|| self.clone())
    }
}

/// The walk sees what it is there to see: each of these plans breaks one promise.
#[test]
fn a_broken_plan_is_noticed() {
    let facts = crate::sample::Cluster::default().facts();
    let good = super::planned(|_| {});
    let broken = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| forth_and_back(&facts, &plan)));
        let panic = walked.expect_err("the walk saw nothing");
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()))
            .unwrap_or_default()
    };
    let without = |phase: &'static str, subject: &'static str, kind: &'static str| {
        move |plan: &mut Plan| {
            let phase = plan.phases.iter_mut().find(|it| it.name.as_str() == phase).unwrap();
            let hand_over = phase.hand_overs.iter_mut().find(|it| it.subject == subject).unwrap();
            hand_over.steps.retain(|step| step.kind.as_str() != kind);
        }
    };
    assert!(broken(&without("mons", "mon.n2", "move_mon_store")).contains("empty store"));
    assert!(broken(&without("mons", "mon.n2", "stop_unit")).contains("would run twice"));
    assert!(broken(&without("mons", "mon.n2", "mask_unit")).contains("can still start"));
    assert!(broken(&without("mons", "mon.n2", "await_quorum")).contains("was waited for"));
    assert!(broken(&without("mons", "mon.n2", "await_process_gone")).contains("known to be gone"));
    assert!(broken(&without("osds", "osd.1", "await_active_clean")).contains("was waited for"));
    assert!(broken(&without("osds", "osd.1", "release_daemon")).contains("are away"));
    assert!(broken(&without("close_gate", "gate", "create_gate_policy")).contains("the gate is open"));
    assert!(broken(&without("seed", "cluster", "create_secret")).contains("makes a new cluster"));
    assert!(broken(&without("let_go", "gate", "delete_gate_binding")).contains("left behind"));
    let forgets = |plan: &mut Plan| {
        let step = plan
            .phases
            .iter_mut()
            .flat_map(|it| &mut it.hand_overs)
            .flat_map(|it| &mut it.steps);
        step.filter(|it| it.kind.as_str() == "stop_balancer")
            .for_each(|it| it.undo = Undo::Nothing);
    };
    assert!(broken(&forgets).contains("not undone as its input says"));
    let swapped = |plan: &mut Plan| {
        let phase = plan.phases.iter_mut().find(|it| it.name.as_str() == "mons").unwrap();
        phase.hand_overs.swap(0, 1);
        let first = phase.hand_overs[0].steps.clone();
        phase.hand_overs[1].steps.splice(0..0, first);
    };
    assert!(broken(&swapped).contains("is there twice"));
}
