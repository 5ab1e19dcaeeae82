//! The shape of a hand-over report, which its JSON form has.

use jiff::Timestamp;
use reeve_report::CheckResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the JSON shape; additive changes keep it.
pub const HANDOVER_FORMAT: u32 = 1;

/// What a run did, how the cluster fared meanwhile, and what there is to do and to leave alone now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Reeve hand-over report")]
pub struct HandoverReport {
    /// The version of this shape: fields may be added within a version, never removed or changed.
    pub format: u32,
    /// The program and its version.
    pub tool: String,
    /// When the report was made, in UTC.
    pub made_at: Timestamp,
    /// The cluster.
    pub cluster: HandedCluster,
    /// The run.
    pub run: RunOverview,
    /// The plan's phases, in order.
    pub phases: Vec<PhaseHistory>,
    /// The plan's hand-overs, in order.
    pub hand_overs: Vec<HandOverHistory>,
    /// Daemons and hosts with their spans, in the plan's order.
    pub daemons: Vec<DaemonHistory>,
    /// What failed, and what was undone then, in order of time.
    pub failures: Vec<FailureHistory>,
    /// What was seen of the cluster during the run; none where nobody looked.
    pub watch: Option<WatchSummary>,
    /// Reports of `check` and `verify` that belong to the run.
    pub judged: Vec<JudgedReport>,
    /// What Rook manages now.
    pub managed: Vec<Managed>,
    /// What must still be done by hand.
    pub by_hand: Vec<HandWork>,
    /// What not to do any more.
    pub not_any_more: Vec<HandWork>,
}

/// The cluster that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandedCluster {
    /// Its id.
    pub fsid: String,
    /// The name of its CephCluster.
    pub name: String,
    /// The CephCluster's namespace.
    pub namespace: String,
    /// What the plan said it would do.
    pub planned: Vec<String>,
}

/// The run as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunOverview {
    /// The run.
    pub id: String,
    /// It was a rehearsal on a model: nothing of it has happened.
    pub rehearsal: bool,
    /// How it came out.
    pub outcome: RunOutcome,
    /// The same in a sentence.
    pub detail: String,
    /// When it was made.
    pub began_at: Timestamp,
    /// When its last record was written.
    pub ended_at: Timestamp,
    /// How many steps are done.
    pub steps_done: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// How often a process took it: once, and once more for each time it was taken up again.
    pub times_taken: usize,
}

/// How a run came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step is done.
    Finished,
    /// It is taken back to its beginning.
    TakenBack,
    /// It stopped in good order and can go on.
    Paused,
    /// A person must act.
    Stuck,
    /// A process works on it, or died.
    Unfinished,
}

/// A phase of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseHistory {
    /// Its name.
    pub name: String,
    /// What it does.
    pub title: String,
    /// Go-aheads.
    pub approvals: Vec<Approval>,
    /// When its first step was begun.
    pub began_at: Option<Timestamp>,
    /// When its last step ended, forward or back.
    pub ended_at: Option<Timestamp>,
    /// How many of its steps are done.
    pub steps_done: usize,
    /// How many steps it has.
    pub steps: usize,
}

/// A go-ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Who gave it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A hand-over of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandOverHistory {
    /// Its phase.
    pub phase: String,
    /// What is handed over.
    pub subject: String,
    /// What is done.
    pub title: String,
    /// How it stands.
    pub outcome: HandOverOutcome,
    /// How many of its steps are done.
    pub steps_done: usize,
    /// How many steps it has.
    pub steps: usize,
    /// How often it was undone.
    pub times_undone: usize,
    /// When its first step was begun for the first time.
    pub began_at: Option<Timestamp>,
    /// When its last step ended for the last time, forward or back.
    pub ended_at: Option<Timestamp>,
}

/// How a hand-over stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandOverOutcome {
    /// Done.
    Done,
    /// Undone, and nothing of it is left.
    Undone,
    /// Begun, neither done nor undone.
    Begun,
    /// Not begun.
    NotBegun,
}

/// A daemon, or a host that was watched, with its spans of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonHistory {
    /// The daemon, `mon.n1`, or what was watched, `host.n1`.
    pub name: String,
    /// The host of a daemon.
    pub host: Option<String>,
    /// Who runs a daemon now; none for what was only watched.
    pub state: Option<DaemonState>,
    /// How long it was away in the attempt that succeeded, in seconds; none where it was never away, or is not back.
    pub away_seconds: Option<f64>,
    /// How long it took from its stop until all PGs were active+clean again, in seconds; OSDs only.
    pub clean_seconds: Option<f64>,
    /// Its spans, in order of time.
    pub spans: Vec<Span>,
}

/// Who runs a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DaemonState {
    /// Its old unit.
    OldUnit,
    /// Rook.
    Rook,
    /// Nobody needs to: an old mgr whose place one of Rook's has taken.
    Retired,
    /// Its hand-over is begun.
    Between,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// What it is.
    pub kind: SpanKind,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Its length in seconds.
    pub seconds: f64,
}

/// What a span of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// From the stop of the old unit until it was back under Rook.
    Away,
    /// It was back, and PGs were not all active+clean yet.
    Recovering,
    /// The cluster was watched before the run went on.
    Watched,
    /// From the stop of the old unit until the old unit ran again, because the hand-over was undone.
    Undone,
    /// From the stop of the old unit until the last record of a run that has not brought it back.
    StillAway,
}

/// Something that failed, and what was undone then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureHistory {
    /// When.
    pub at: Timestamp,
    /// The step.
    pub step: String,
    /// What it does.
    pub what: String,
    /// What was wrong.
    pub error: String,
    /// The step was not even begun, because the world was not as it needs it.
    pub refused: bool,
    /// It was an undo that failed.
    pub undoing: bool,
    /// Steps that were undone then, in order of time.
    pub undone: Vec<String>,
}

/// What was seen of the cluster during the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchSummary {
    /// When the first sample was taken.
    pub from: Timestamp,
    /// When the last one was.
    pub to: Timestamp,
    /// How many samples were taken.
    pub samples: usize,
    /// How many of them nobody answered.
    pub unanswered: usize,
    /// For about how many seconds nobody answered: no quorum, or the admin host was not reached.
    pub seconds_unanswered: f64,
    /// For about how many seconds there was no active mgr.
    pub seconds_without_mgr: f64,
    /// For about how many seconds PGs were not all active+clean.
    pub seconds_not_clean: f64,
    /// The fewest mons that were in quorum while somebody answered.
    pub fewest_in_quorum: usize,
    /// The fewest OSDs that were up.
    pub fewest_osds_up: u32,
    /// Epochs of the mon map at the first answer and at the last.
    pub monmap_epochs: Option<(u32, u32)>,
    /// The slowest write that the watching client saw, in milliseconds; none without a watch on client I/O.
    pub worst_write_ms: Option<f64>,
    /// When that was.
    pub worst_write_at: Option<Timestamp>,
    /// Errors of I/O or of verification that it saw.
    pub io_errors: Option<u64>,
    /// The slowest write beyond which the run was to stop, in milliseconds.
    pub limit_ms: Option<u64>,
    /// Why the watch asked the run to stop, each time that it did.
    pub stopped: Vec<String>,
    /// The samples, thinned: of those that fall together, the worst of each value.
    pub points: Vec<WatchPoint>,
}

/// Samples that fall together, with the worst of each value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchPoint {
    /// When the first of them was taken.
    pub at: Timestamp,
    /// Somebody answered each time.
    pub answered: bool,
    /// The worst health: `HEALTH_OK`, `HEALTH_WARN`, `HEALTH_ERR`; none where nobody answered.
    pub health: Option<String>,
    /// The fewest mons in quorum.
    pub in_quorum: Option<usize>,
    /// A mgr was active each time.
    pub mgr_active: Option<bool>,
    /// The fewest OSDs that were up.
    pub osds_up: Option<u32>,
    /// The lowest share of PGs that were active+clean, from 0 to 1.
    pub pgs_clean: Option<f64>,
    /// The slowest write, in milliseconds.
    pub worst_write_ms: Option<f64>,
}

/// Results of a check or a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedReport {
    /// What was asked.
    pub title: String,
    /// When.
    pub made_at: Timestamp,
    /// One result for each rule.
    pub results: Vec<CheckResult>,
}

/// Something that Rook manages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Managed {
    /// What.
    pub what: String,
    /// Through which object, and what that means.
    pub detail: String,
}

/// Something to do, or not to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandWork {
    /// A stable word for it: `describe-pools`.
    pub id: String,
    /// What, as a heading.
    pub title: String,
    /// Why, and what else one has to know.
    pub detail: String,
    /// Commands, as they are typed.
    pub commands: Vec<String>,
}
