//! Where the time of a run went, by its journal.

use std::collections::BTreeMap;

use reeve_journal::{Event, Record};
use reeve_live_tests::PlannedStep;

/// Kinds of steps in which reeve waits for Ceph, Kubernetes or a person's soak: an OSD's stop, a pod's start, a reconcile, a change of the OSD map, which the mons
/// make once a second (`paxos_propose_interval`). The time of every other kind, and all time between steps, counts as reeve's own, though a part of it is Ceph's too.
const WAITS: [&str; 28] = [
    "await_active_clean",
    "await_deployments",
    "await_osd_down",
    "await_osd_up",
    "await_process_gone",
    "await_quorum",
    "await_standby_mgrs",
    "clear_osd_flag",
    "confirm_ok_to_stop",
    "confirm_quorum",
    "create_ceph_cluster",
    "enable_health_checks",
    "fail_mgr",
    "nudge_replica_set",
    "prove_deployments_settled",
    "prove_gate_closed",
    "prove_image",
    "prove_maps_unchanged",
    "prove_no_restart",
    "release_daemon",
    "set_osd_flag",
    "start_autoscaler",
    "stop_autoscaler",
    "stop_unit",
    "trigger_reconcile",
    "verify_takeover",
    "watch_health",
    "delete_gate_policy",
];

/// Seconds of a run.
pub(crate) struct Spent {
    pub(crate) whole: f64,
    /// Between one step's end and the next one's beginning: asking whether it is done, whether it may begin, writing the journal.
    pub(crate) between: f64,
    /// In steps that wait for nobody.
    pub(crate) in_own_steps: f64,
    /// By kind of step, those that take most first.
    pub(crate) by_kind: Vec<(String, f64, usize)>,
}

impl Spent {
    pub(crate) fn of(records: &[Record], steps: &[PlannedStep]) -> Self {
        let kinds: BTreeMap<&str, &str> = steps
            .iter()
            .map(|step| (step.id.as_str(), step.kind.as_str()))
            .collect();
        let seconds = |from: &Record, to: &Record| to.at.duration_since(from.at).as_secs_f64();
        let mut by_kind: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        let (mut between, mut in_own_steps) = (0.0, 0.0);
        let mut ended: Option<&Record> = None;
        let mut begun: Option<&Record> = None;
        for record in records {
            match &record.event {
                Event::StepStarted { .. } => {
                    between += ended.map_or(0.0, |ended| seconds(ended, record));
                    begun = Some(record);
                }
                Event::StepDone { step, .. } => {
                    let took = begun.map_or(0.0, |begun| seconds(begun, record));
                    let kind = kinds.get(step.to_string().as_str()).copied().unwrap_or("unknown");
                    let entry = by_kind.entry(kind).or_default();
                    *entry = (entry.0 + took, entry.1 + 1);
                    if !WAITS.contains(&kind) {
                        in_own_steps += took;
                    }
                    ended = Some(record);
                }
                _ => {}
            }
        }
        let whole = match (records.first(), records.last()) {
            (Some(first), Some(last)) => seconds(first, last),
            _ => 0.0,
        };
        let mut by_kind: Vec<_> = by_kind
            .into_iter()
            .map(|(kind, (seconds, count))| (kind.to_owned(), seconds, count))
            .collect();
        by_kind.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self {
            whole,
            between,
            in_own_steps,
            by_kind,
        }
    }

    /// Returns the share of the run, 0 to 1, in which neither Ceph nor Kubernetes nor a soak was waited for.
    pub(crate) fn own_share(&self) -> f64 {
        (self.between + self.in_own_steps) / self.whole
    }
}
