//! What differs between two plans, told by step and not by line.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{HandOver, Phase, PhaseName, Plan, PlannedStep, StepId};

/// What differs between two plans; every list is in the order of the plan that it speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanDiff {
    /// Head of the plan, its points of no return, and the wording of phases and hand-overs.
    pub wording: Vec<FieldChange>,
    /// The options, by path.
    pub options: Vec<FieldChange>,
    /// The facts: their digest and when they were taken.
    pub facts: Vec<FieldChange>,
    /// Steps that only the second plan has.
    pub added: Vec<StepPlace>,
    /// Steps that only the first plan has.
    pub removed: Vec<StepPlace>,
    /// Steps that both have and that do not say the same.
    pub changed: Vec<StepChange>,
    /// Steps that both have and that run at another place of the order or in another hand-over; as few as can explain it.
    pub moved: Vec<StepMove>,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    /// Where it is, with dots between the keys, such as `input.unit` or `actions.0.command.argv.2`.
    pub path: String,
    /// The value in the first plan; null also where it has none.
    pub before: Value,
    /// The value in the second plan; null also where it has none.
    pub after: Value,
}

/// Where a step stands in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepPlace {
    /// The step.
    pub step: StepId,
    /// Its phase.
    pub phase: PhaseName,
    /// The subject of its hand-over.
    pub subject: String,
    /// Its number in the whole plan, counted from 1.
    pub number: usize,
}

/// A step that says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepChange {
    /// The step.
    pub step: StepId,
    /// Its fields that differ.
    pub fields: Vec<FieldChange>,
}

/// A step that runs at another place of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepMove {
    /// Where the first plan has it.
    pub before: StepPlace,
    /// Where the second plan has it.
    pub after: StepPlace,
}

impl PlanDiff {
    /// Tells whether the plans say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) fn diff(before: &Plan, after: &Plan) -> PlanDiff {
    let mut result = PlanDiff::default();
    compare("", &wording(before), &wording(after), &mut result.wording);
    compare("", &before.options, &after.options, &mut result.options);
    compare("", &json!(before.facts), &json!(after.facts), &mut result.facts);

    let old: HashMap<&StepId, Placed<'_>> = placed(before).map(|it| (&it.step.id, it)).collect();
    let new: HashMap<&StepId, Placed<'_>> = placed(after).map(|it| (&it.step.id, it)).collect();
    result.removed = placed(before)
        .filter(|it| !new.contains_key(&it.step.id))
        .map(Placed::place)
        .collect();
    let mut common = Vec::new();
    for now in placed(after) {
        let Some(was) = old.get(&now.step.id) else {
            result.added.push(now.place());
            continue;
        };
        if was.step != now.step {
            let mut fields = Vec::new();
            compare("", &json!(was.step), &json!(now.step), &mut fields);
            result.changed.push(StepChange {
                step: now.step.id.clone(),
                fields,
            });
        }
        common.push((*was, now));
    }
    let stays = longest_rising(&common.iter().map(|(was, _)| was.number).collect::<Vec<_>>());
    for (at, (was, now)) in common.into_iter().enumerate() {
        if !stays[at] || was.phase.name != now.phase.name || was.hand_over.subject != now.hand_over.subject {
            result.moved.push(StepMove {
                before: was.place(),
                after: now.place(),
            });
        }
    }
    result
}

#[derive(Clone, Copy)]
struct Placed<'a> {
    phase: &'a Phase,
    hand_over: &'a HandOver,
    step: &'a PlannedStep,
    number: usize,
}

impl Placed<'_> {
    fn place(self) -> StepPlace {
        StepPlace {
            step: self.step.id.clone(),
            phase: self.phase.name.clone(),
            subject: self.hand_over.subject.clone(),
            number: self.number,
        }
    }
}

fn placed(plan: &Plan) -> impl Iterator<Item = Placed<'_>> {
    plan.steps().zip(1..).map(|((phase, hand_over, step), number)| Placed {
        phase,
        hand_over,
        step,
        number,
    })
}

/// Returns everything of a plan that is neither option, fact, step nor digest, keyed by name so that order does not blur it.
fn wording(plan: &Plan) -> Value {
    let phases: BTreeMap<&str, Value> = plan
        .phases
        .iter()
        .zip(1..)
        .map(|(phase, number)| {
            let titles: BTreeMap<&str, &str> = phase
                .hand_overs
                .iter()
                .map(|it| (it.subject.as_str(), it.title.as_str()))
                .collect();
            let value = json!({ "number": number, "title": phase.title, "why": phase.why, "hand_overs": titles });
            (phase.name.as_str(), value)
        })
        .collect();
    let points: BTreeMap<&str, Value> = plan
        .points_of_no_return
        .iter()
        .map(|point| {
            (
                point.step.as_str(),
                json!({ "because": point.because, "instead": point.instead }),
            )
        })
        .collect();
    json!({
        "format": plan.format,
        "operation": plan.operation,
        "made_by": plan.made_by,
        "target": plan.target,
        "summary": plan.summary,
        "phases": phases,
        "points_of_no_return": points,
    })
}

/// Adds to `out` the innermost values that differ; lists of different length are given as a whole.
fn compare(path: &str, before: &Value, after: &Value, out: &mut Vec<FieldChange>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> = old
                .keys()
                .chain(new.keys().filter(|key| !old.contains_key(*key)))
                .collect();
            keys.sort_unstable();
            for key in keys {
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => compare(&below(key), old, new, out),
                    (old, new) => out.push(FieldChange {
                        path: below(key),
                        before: old.cloned().unwrap_or_default(),
                        after: new.cloned().unwrap_or_default(),
                    }),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&below(&at.to_string()), old, new, out);
            }
        }
        (old, new) if old == new => {}
        (old, new) => {
            out.push(FieldChange {
                path: path.to_owned(),
                before: old.clone(),
                after: new.clone(),
            });
        }
    }
}

/// Marks the members of a longest rising subsequence; the others are what has moved. The numbers are distinct.
fn longest_rising(numbers: &[usize]) -> Vec<bool> {
    // `ends[n]` is the place of the smallest number that ends a rising run of n + 1 members.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; numbers.len()];
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before[at] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut marks = vec![false; numbers.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        marks[at] = true;
        next = before[at];
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::sample;

    #[test]
    fn the_same_plan_has_no_differences() {
        let plan = sample::plan(3).seal();
        assert!(Plan::diff(&plan, &plan).is_empty());
        assert!(
            Plan::diff(&sample::plan(3), &plan).is_empty(),
            "the digest itself is no difference"
        );
    }

    #[test]
    fn every_kind_of_difference_is_told_apart() {
        let before = sample::plan(3).seal();
        let mut after = before.clone();
        after.options["soak_seconds"] = json!(60);
        after.facts.digest = digest("other");
        after.phases[0].why = "another reason".to_owned();
        let steps = &mut after.phases[0].hand_overs[0].steps;
        steps[1].deadline_seconds += 1;
        let gone = steps.remove(2);
        let mut fresh = gone.clone();
        fresh.id = StepId::new("mons/mon.0/fresh_step").unwrap();
        steps.push(fresh);
        let first = steps.remove(0);
        steps.insert(3, first);
        insta::assert_json_snapshot!(Plan::diff(&before, &after.seal()));
    }

    fn digest(of: &str) -> String {
        crate::plan::digest_of(&of)
    }

    proptest! {
        /// Applying what the diff says was added, removed and moved explains the second order.
        #[test]
        fn what_did_not_move_keeps_its_order(order in Just((0..30usize).collect::<Vec<_>>()).prop_shuffle()) {
            let stays = longest_rising(&order);
            let kept: Vec<usize> = order.iter().zip(&stays).filter(|(_, stays)| **stays).map(|(n, _)| *n).collect();
            prop_assert!(kept.is_sorted());
            // A rising run of every prefix cannot be longer than the one found: compare with the quadratic algorithm.
            let mut best = vec![1usize; order.len()];
            for at in 0..order.len() {
                for earlier in 0..at {
                    if order[earlier] < order[at] {
                        best[at] = best[at].max(best[earlier] + 1);
                    }
                }
            }
            prop_assert_eq!(kept.len(), best.into_iter().max().unwrap_or(0));
        }
    }
}
