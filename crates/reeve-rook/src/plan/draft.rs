//! A plan in the making: phases, hand-overs and steps in order, with ids that are unique.

use std::collections::HashSet;

use reeve_journal::plan::{HandOver, Phase, PhaseName, PlannedStep, PointOfNoReturn, StepId, StepKind, Undo};

use super::StepContext;
use super::steps::StepInput;

pub(crate) struct Draft<'a> {
    context: &'a StepContext,
    phases: Vec<Phase>,
    ids: HashSet<String>,
    points: Vec<PointOfNoReturn>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(context: &'a StepContext) -> Self {
        Self {
            context,
            phases: Vec::new(),
            ids: HashSet::new(),
            points: Vec::new(),
        }
    }

    /// Begins a phase; `name` is snake_case and new.
    pub(crate) fn phase(&mut self, name: &str, title: &str, why: &str) {
        self.phases.push(Phase {
            name: PhaseName::new(name).expect("phases have literal names"),
            title: title.into(),
            why: why.into(),
            hand_overs: Vec::new(),
        });
    }

    /// Begins a hand-over in the phase that was begun last.
    pub(crate) fn hand_over(&mut self, subject: impl Into<String>, title: impl Into<String>) {
        let phase = self.phases.last_mut().expect("a hand-over comes after its phase");
        phase.hand_overs.push(HandOver {
            subject: subject.into(),
            title: title.into(),
            steps: Vec::new(),
        });
    }

    /// Adds a step to the hand-over that was begun last.
    pub(crate) fn step(&mut self, input: impl Into<StepInput>) -> StepId {
        self.step_for("", input)
    }

    /// Adds a step whose kind comes up more than once in its hand-over; `detail` tells it from the others.
    pub(crate) fn step_for(&mut self, detail: &str, input: impl Into<StepInput>) -> StepId {
        let input = input.into();
        let phase = self.phases.last_mut().expect("a step comes after its phase");
        let hand_over = phase.hand_overs.last_mut().expect("a step comes after its hand-over");
        let kind = input.kind();
        let mut text = format!("{}/{}/{kind}", phase.name, id_part(&hand_over.subject, 60));
        if !detail.is_empty() {
            text.push(':');
            text.push_str(&id_part(detail, 80));
        }
        let mut id = text.clone();
        for number in 2_u32.. {
            if self.ids.insert(id.clone()) {
                break;
            }
            id = format!("{text}+{number}");
        }
        let id = StepId::new(id).expect("every part was brought to the letters of a step id");
        let described = input.describe(self.context);
        if let Undo::None { because } = &described.undo {
            let instead = "go on: the take-over and its undo work with it".into();
            self.points.push(PointOfNoReturn {
                step: id.clone(),
                because: because.clone(),
                instead,
            });
        }
        hand_over.steps.push(PlannedStep {
            id: id.clone(),
            kind: StepKind::new(kind).expect("kinds are literals, verb and noun"),
            input: input.to_value(),
            what: described.what,
            place: described.place,
            actions: described.actions,
            interrupts: described.interrupts,
            deadline_seconds: described.deadline_seconds,
            undo: described.undo,
        });
        id
    }

    /// Names a step as a point of no return for more than what its own undo says.
    pub(crate) fn no_return(&mut self, step: StepId, because: impl Into<String>, instead: impl Into<String>) {
        self.points.push(PointOfNoReturn {
            step,
            because: because.into(),
            instead: instead.into(),
        });
    }

    /// Returns phases and points, without hand-overs that have no steps and phases that have no hand-overs.
    pub(crate) fn finish(mut self) -> (Vec<Phase>, Vec<PointOfNoReturn>) {
        for phase in &mut self.phases {
            phase.hand_overs.retain(|hand_over| !hand_over.steps.is_empty());
        }
        self.phases.retain(|phase| !phase.hand_overs.is_empty());
        (self.phases, self.points)
    }
}

/// Brings a name to the letters that a step id may have, and to at most `most` of them; phase, kind and a number have room beside 140.
fn id_part(name: &str, most: usize) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:@+=-".contains(c);
    let part: String = name
        .chars()
        .take(most)
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if part.is_empty() { "_".into() } else { part }
}
