//! How long what is left of a plan will take, as far as that can be told.

use std::collections::HashMap;
use std::time::Duration;

use reeve_journal::plan::{PlannedStep, StepKind};

/// A step that asks or changes one thing, over ssh or through an API.
const ONE_STEP_SECONDS: f64 = 0.7;

/// Steps that take longer, in seconds, as measured on the laboratory; a larger machine is faster, a larger cluster slower.
///
/// Source: the records of whole runs (`docs/src/decisions/rook-apply.md`).
const MEASURED: [(&str, f64); 13] = [
    ("export_state", 1.0),
    ("export_host", 1.5),
    ("prove_image", 6.0),
    ("await_deployments", 60.0),
    ("prove_deployments_settled", 60.0),
    ("stop_unit", 2.0),
    ("await_process_gone", 1.5),
    ("await_quorum", 6.0),
    ("fail_mgr", 6.0),
    ("await_osd_up", 11.0),
    ("await_active_clean", 6.0),
    ("enable_health_checks", 50.0),
    ("verify_takeover", 3.0),
];

/// Tells how long steps take: as this run has measured its own, and as the laboratory did where it has not.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    seen: HashMap<StepKind, (f64, u32)>,
}

impl Expected {
    /// Notes how long a step of this run took.
    pub fn saw(&mut self, kind: &StepKind, took: Duration) {
        let (sum, count) = self.seen.entry(kind.clone()).or_default();
        *sum += took.as_secs_f64();
        *count += 1;
    }

    /// Returns about how many seconds a step takes.
    #[must_use]
    pub fn seconds(&self, step: &PlannedStep) -> f64 {
        // A watch takes as long as the plan says.
        if let Some(seconds) = step.input.get("seconds").and_then(serde_json::Value::as_f64)
            && step.kind.as_str() == "watch_health"
        {
            return seconds;
        }
        if let Some((sum, count)) = self.seen.get(&step.kind) {
            return sum / f64::from(*count);
        }
        let measured = MEASURED.iter().find(|(kind, _)| *kind == step.kind.as_str());
        measured.map_or(ONE_STEP_SECONDS, |(_, seconds)| *seconds)
    }

    /// Returns about how long these steps take together.
    #[must_use]
    pub fn together<'a>(&self, steps: impl IntoIterator<Item = &'a PlannedStep>) -> Duration {
        let seconds: f64 = steps.into_iter().map(|step| self.seconds(step)).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::steps::StepInput;
    use crate::plan::{Options, plan};
    use crate::sample::Cluster;

    #[test]
    fn what_the_run_has_measured_counts_before_what_the_laboratory_has() {
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let of_kind = |kind: &str| {
            plan.steps()
                .map(|(_, _, step)| step)
                .find(|step| step.kind.as_str() == kind)
                .unwrap()
        };
        let up = of_kind("await_osd_up");
        let mut expected = Expected::default();
        assert!((expected.seconds(up) - 11.0).abs() < 0.01);
        expected.saw(&up.kind, Duration::from_secs(20));
        expected.saw(&up.kind, Duration::from_secs(30));
        assert!((expected.seconds(up) - 25.0).abs() < 0.01);
        let watch = of_kind("watch_health");
        let StepInput::WatchHealth(input) = StepInput::from_planned(watch).unwrap() else {
            panic!("another kind")
        };
        expected.saw(&watch.kind, Duration::from_secs(999));
        assert!((expected.seconds(watch) - f64::from(input.seconds)).abs() < 0.01);
    }

    #[test]
    fn a_plan_of_three_nodes_takes_minutes() {
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let whole = Expected::default().together(plan.steps().map(|(_, _, step)| step));
        assert!((300..3600).contains(&whole.as_secs()), "{whole:?}");
        let known: Vec<&str> = StepInput::kinds().iter().map(|(kind, _)| *kind).collect();
        assert!(
            MEASURED.iter().all(|(kind, _)| known.contains(kind)),
            "a kind that no plan has"
        );
    }
}
