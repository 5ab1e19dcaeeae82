//! What can be typed about a run that is over, or stands: verify, report, adopt-crs.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{ReportFormat, RunsArgs, TargetArgs};

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook verify
  reeve rook verify 20261121T0915 --format json --output verify.json
  reeve rook verify --plan plan.json --format html --output verify.html")]
pub(crate) struct VerifyArgs {
    /// The run's id, or its beginning; the world has to be as far as this run went.
    #[arg(default_value = "latest", conflicts_with = "plan")]
    pub(crate) run: String,
    /// Judge by a plan, as if all of it were done, instead of a run.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<Utf8PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ReportFormat,
    /// Write the report to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// List the rules and what each of them looks for, and judge nothing.
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook report
  reeve rook report --format html --output hand-over.html
  reeve rook report --facts facts.json --with check.json --with verify.json --format html --output hand-over.html")]
pub(crate) struct HandoverArgs {
    /// The run's id, or its beginning.
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: HandoverFormat,
    /// Write the report to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// Facts of a survey, the newer the better: gateways and what can start old daemons again are known from there only.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<Utf8PathBuf>,
    /// Findings to put in: what `--format json` of `check` or `verify` printed. May be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) with: Vec<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

/// The forms of a hand-over report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HandoverFormat {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs (`reeve schema rook-handover`).
    Json,
    /// One page that needs no network and prints well.
    Html,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook adopt-crs --admin-host ceph1 --kubeconfig admin.conf
  reeve rook adopt-crs --facts facts.json --accept-unused-rules --output pools")]
pub(crate) struct AdoptArgs {
    /// Describe the pools of an earlier survey instead of taking one.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<Utf8PathBuf>,
    /// Describe also pools for which Rook adds a CRUSH rule of the pool's name, which no pool uses.
    #[arg(long)]
    pub(crate) accept_unused_rules: bool,
    /// Write one file for each pool to this folder; `-` prints them all, as without this.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
