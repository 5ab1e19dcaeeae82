//! What can be typed about a rehearsal.

use camino::Utf8PathBuf;
use clap::Args;

use super::TextOrJson;

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook rehearse plan.json --facts facts.json
  reeve rook rehearse plan.json --fail mons/mon.n2/await_quorum
  reeve rook rehearse plan.json --crash-at osds/osd.4/release_daemon
  reeve rook rehearse plan.json --until seed --report rehearsal.html

Nothing is reached and nothing is changed: no ssh, no kubeconfig, no cluster. `reeve rook plan show PLAN --steps` names the steps.")]
pub(crate) struct RehearseArgs {
    /// The plan file.
    pub(crate) plan: Utf8PathBuf,
    /// The facts that the plan was made of: with them pools, CRUSH map, settings and health of the model are your own.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<Utf8PathBuf>,
    /// Let this step fail for good, and see what is undone and what serves afterwards.
    #[arg(long, value_name = "STEP", conflicts_with = "crash_at")]
    pub(crate) fail: Option<String>,
    /// Let the process die right before the effect of this step, and again right after it, and see how the run is taken up.
    #[arg(long, value_name = "STEP")]
    pub(crate) crash_at: Option<String>,
    /// Stop after this phase, step or daemon: `seed`, `mon.n1`, `osd.4`, or a step's id.
    #[arg(long, value_name = "PLACE")]
    pub(crate) until: Option<String>,
    /// Write the hand-over report of the rehearsal to a file: HTML, or JSON if its name ends so.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<Utf8PathBuf>,
    /// Keep the journal in this folder of runs; otherwise it is gone at the end.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) runs_dir: Option<Utf8PathBuf>,
    /// What to print: text for people, or a stream of events for programs (`reeve schema rook-events`).
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}
