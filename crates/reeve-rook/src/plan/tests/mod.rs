//! Tests of the planner: what it refuses, what a plan says, and that a plan keeps its promises on a model.

mod details;
mod model;
pub(crate) mod properties;
mod reference;
mod refusals;
mod terminal;
mod walk;

use reeve_journal::plan::{Plan, PlannedStep};

use super::{Options, plan};
use crate::facts::{Facts, HostFacts, HostReading};
use crate::sample::Cluster;

/// Plans the default sample, changed by `change`.
fn planned(change: impl FnOnce(&mut Facts)) -> Plan {
    let mut facts = Cluster::default().facts();
    change(&mut facts);
    plan(&facts, &Options::default()).unwrap()
}

fn host<'a>(facts: &'a mut Facts, name: &str) -> &'a mut HostFacts {
    match facts.hosts.get_mut(name) {
        Some(HostReading::Reached(host)) => host,
        _ => panic!("{name} is not in the sample"),
    }
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a PlannedStep {
    plan.steps()
        .map(|(_, _, step)| step)
        .find(|step| step.id.as_str() == id)
        .unwrap_or_else(|| panic!("no step {id}"))
}

fn has(plan: &Plan, id: &str) -> bool {
    plan.steps().any(|(_, _, step)| step.id.as_str() == id)
}
