//! The command line's shape: what can be typed.

mod check;
mod handed_over;
mod import;
mod rehearsal;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;
use crate::printer::Colour;

pub(crate) use check::{
    CheckCleanupArgs, CheckCommand, CheckExplainArgs, CheckFormat, CheckListArgs, CheckReportArgs, CheckRunArgs,
    CheckRunsArgs, CheckUploadArgs, CloudArgs, LedgerArgs, RenderingArgs, SelectionArgs, Weight,
};
pub(crate) use handed_over::{AdoptArgs, HandoverArgs, HandoverFormat, VerifyArgs};
pub(crate) use import::{
    ImportChoiceArgs, ImportCommand, ImportListArgs, ImportPaceArgs, ImportPlanArgs, ImportReportArgs,
    ImportReportFormat, ImportResumeArgs, ImportRunArgs, ImportShapeArgs, ImportUndoArgs, InspectArgs, VsphereArgs,
};
pub(crate) use rehearsal::RehearseArgs;

/// Day-2 operations for sovereign OpenStack clouds.
///
/// Every operation goes the same way: survey reads the world, check judges it, plan writes down what would be done, and only then is
/// anything touched. Whatever is interrupted can be taken up again.
#[derive(Parser)]
#[command(
    name = "reeve",
    version,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", Exit::table()),
    disable_help_subcommand = true,
    propagate_version = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  reeve rook survey --admin-host ceph1 --kubeconfig admin.conf --save facts.json
  reeve rook check --facts facts.json
  reeve rook plan --facts facts.json --output plan.json
  reeve rook plan show plan.json --steps
  reeve check run --cloud mycloud";

/// Options of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// Say nothing but the answer and errors.
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// When to use colour.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    pub(crate) color: Colour,
    /// The configuration file; otherwise $REEVE_CONFIG, ./reeve.toml or ~/.config/reeve/reeve.toml.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<Utf8PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take over a live Ceph cluster into Rook on Kubernetes.
    #[command(subcommand)]
    Rook(RookCommand),
    /// Judge whether a cloud keeps the SCS IaaS standards, and say why not and what to change.
    #[command(subcommand)]
    Check(CheckCommand),
    /// Bring virtual machines of VMware into OpenStack.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Read the journals of runs.
    #[command(subcommand)]
    Run(RunCommand),
    /// Show the configuration and where each value comes from.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the JSON schema of a file that reeve writes.
    Schema {
        /// Which file.
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  reeve completions bash > /etc/bash_completion.d/reeve")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
pub(crate) enum RookCommand {
    /// Read everything about a Ceph cluster, its hosts and the Kubernetes cluster beside it. Changes nothing.
    Survey(SurveyArgs),
    /// Judge whether the cluster can be taken over, and say what stands in the way.
    Check(CheckArgs),
    /// Write down every step of the take-over, to be read before anything is done.
    Plan(PlanArgs),
    /// Play a plan on a model of the cluster, in seconds and with no access to anything, also with a failure or a crash.
    Rehearse(RehearseArgs),
    /// Carry out a plan: hand the cluster over to Rook, daemon by daemon, with clients running.
    Migrate(MigrateArgs),
    /// Go on with a run that was paused, interrupted or killed.
    Resume(ResumeArgs),
    /// Show how far a run is.
    Status(StatusArgs),
    /// Take back what a run has done, in reverse.
    Rollback(RollbackArgs),
    /// Read the world again, and judge whether it is as the run, or a plan, wanted it.
    Verify(VerifyArgs),
    /// Show what a run did, how the cluster fared meanwhile, and what there is to do now.
    Report(HandoverArgs),
    /// Describe the pools that are there as CephBlockPools, such that applying them changes nothing.
    AdoptCrs(AdoptArgs),
}

/// How far to go, and whether to ask.
#[derive(Args)]
pub(crate) struct PaceArgs {
    /// Stop after this phase, step or daemon: `seed`, `mon.n1`, `osd.4`, or a step's id.
    #[arg(long, value_name = "PLACE")]
    pub(crate) until: Option<String>,
    /// Pause after the OSDs of this host; may be given more than once. The plan itself pauses after the first host, unless its options say otherwise.
    #[arg(long, value_name = "HOST", conflicts_with = "until")]
    pub(crate) pause_after: Vec<String>,
    /// Do not ask before each phase.
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to print: text for people, or a stream of events for programs (`reeve schema rook-events`).
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}

/// A client that writes all the time and says how long its writes take.
#[derive(Args)]
#[command(next_help_heading = "Watch client I/O")]
pub(crate) struct WatchArgs {
    /// Let fio write 4 KiB blocks to this image and verify them; WHAT THE IMAGE HOLDS IS OVERWRITTEN. Nothing is created: the image must exist, be
    /// used by nobody, and be empty or marked (`rbd image-meta set POOL/IMAGE reeve.scratch yes`).
    #[arg(long, value_name = "POOL/IMAGE")]
    pub(crate) watch_io: Option<String>,
    /// The host with fio (its rbd engine), rbd, a ceph.conf and a key. [default: the admin host]
    #[arg(long, value_name = "HOST", requires = "watch_io")]
    pub(crate) watch_io_host: Option<String>,
    /// The Ceph user there, without `client.`.
    #[arg(long, value_name = "NAME", default_value = "admin", requires = "watch_io", value_parser = ceph_user)]
    pub(crate) watch_io_user: String,
    /// Pause the run when a write takes longer than this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "watch_io", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) watch_io_limit: u32,
}

/// Reads the name of a Ceph user, which becomes an argument of other programs.
fn ceph_user(text: &str) -> Result<String, String> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
        return Err("letters, digits, `.`, `_` and `-`, not beginning with `-`, and without `client.`".into());
    }
    Ok(text.strip_prefix("client.").unwrap_or(text).to_owned())
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook migrate plan.json
  reeve rook migrate plan.json --until seed
  reeve rook migrate plan.json --yes --pause-after ceph1
  reeve rook migrate plan.json --watch-io rbd/watch --watch-io-host client1

The same command again takes up a run of the same plan that was paused, interrupted or killed.")]
pub(crate) struct MigrateArgs {
    /// The plan file.
    pub(crate) plan: Utf8PathBuf,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook resume
  reeve rook resume 20261121T0915 --until osd.3")]
pub(crate) struct ResumeArgs {
    /// The run's id, or its beginning.
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// Give up an undo that cannot be finished, and go forward again from there.
    #[arg(long)]
    pub(crate) forward: bool,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook status
  reeve rook status --watch
  reeve rook status --format json | jq '.serving[] | select(.by != \"rook\")'")]
pub(crate) struct StatusArgs {
    /// The run's id, or its beginning.
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// Follow the run until its process ends; with `--format json` as a stream of events.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Follow it for this many seconds at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, requires = "watch")]
    pub(crate) watch_for: u32,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}

#[derive(Args)]
#[command(
    group = clap::ArgGroup::new("how_far").required(true).args(["to", "daemon", "all"]),
    after_help = "Examples:
  reeve rook rollback --daemon osd.4
  reeve rook rollback --to mons
  reeve rook rollback --all"
)]
pub(crate) struct RollbackArgs {
    /// The run's id, or its beginning.
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// Take back this phase or step, and everything after it.
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: Option<String>,
    /// Take back the hand-over of this daemon, and everything after it.
    #[arg(long, value_name = "DAEMON")]
    pub(crate) daemon: Option<String>,
    /// Take back everything.
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to print: text for people, or a stream of events for programs (`reeve schema rook-events`).
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// Where the clusters are.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Where to look")]
pub(crate) struct TargetArgs {
    /// A host whose `ceph` command works with the admin keyring; ssh reaches it by this name.
    #[arg(long, value_name = "HOST")]
    pub(crate) admin_host: Option<String>,
    /// The ssh configuration file; otherwise ssh's own (~/.ssh/config).
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_config: Option<Utf8PathBuf>,
    /// The kubeconfig of the Kubernetes cluster that runs on the same hosts; otherwise $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<Utf8PathBuf>,
    /// The context in the kubeconfig; otherwise its current one.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The namespace that the CephCluster will have. [default: rook-ceph]
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The namespace of the Rook operator. [default: the same]
    #[arg(long, value_name = "NAME")]
    pub(crate) operator_namespace: Option<String>,
    /// Rook's data directory on the hosts. [default: /var/lib/rook]
    #[arg(long, value_name = "PATH")]
    pub(crate) data_dir_host_path: Option<String>,
    /// The Ceph image that Rook is to run: the version that runs now.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) ceph_image: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook survey --admin-host ceph1 --kubeconfig admin.conf
  reeve rook survey --admin-host ceph1 --kubeconfig admin.conf --save facts.json
  reeve rook survey --admin-host ceph1 --format json | jq .ceph.health")]
pub(crate) struct SurveyArgs {
    /// Write the facts to a file, for `check --facts` and `plan --facts`; readable by its owner only.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<Utf8PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve rook check --facts facts.json
  reeve rook check --admin-host ceph1 --kubeconfig admin.conf
  reeve rook check --facts facts.json --format html --output check.html
  reeve rook check --facts facts.json --waive rook.pool-size-one")]
pub(crate) struct CheckArgs {
    /// Judge the facts of an earlier survey instead of taking one.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<Utf8PathBuf>,
    /// Accept what a rule finds; only some rules can be waived. May be given more than once.
    #[arg(long, value_name = "RULE")]
    pub(crate) waive: Vec<String>,
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
    pub(crate) target: TargetArgs,
}

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  reeve rook plan --facts facts.json --output plan.json
  reeve rook plan show plan.json --steps
  reeve rook plan diff plan.json plan-after-repair.json"
)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PlanCommand>,
    #[command(flatten)]
    pub(crate) make: PlanMakeArgs,
}

#[derive(Args)]
pub(crate) struct PlanMakeArgs {
    /// Plan from the facts of an earlier survey instead of taking one.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<Utf8PathBuf>,
    /// Accept what a rule of `check` finds; only some rules can be waived. May be given more than once.
    #[arg(long, value_name = "RULE")]
    pub(crate) waive: Vec<String>,
    /// A JSON file with options of the plan; `reeve schema rook-plan-options` describes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) options: Option<Utf8PathBuf>,
    /// Write the plan to a file; otherwise it is only shown.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    /// Show every step with its commands, not only the hand-overs.
    #[arg(long)]
    pub(crate) steps: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Subcommand)]
pub(crate) enum PlanCommand {
    /// Show a plan file.
    Show {
        /// The plan file.
        plan: Utf8PathBuf,
        /// Show every step with its commands, not only the hand-overs.
        #[arg(long)]
        steps: bool,
        /// What to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: TextOrJson,
    },
    /// Show what differs between two plan files.
    Diff {
        /// The one.
        before: Utf8PathBuf,
        /// The other.
        after: Utf8PathBuf,
        /// What to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: TextOrJson,
    },
}

#[derive(Subcommand)]
pub(crate) enum RunCommand {
    /// List the runs, newest first.
    #[command(after_help = "Example:\n  reeve run list --format json | jq '.[].id'")]
    List {
        #[command(flatten)]
        runs: RunsArgs,
        /// What to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: TextOrJson,
    },
    /// Show one run: what was done, what is left, and how it ended.
    #[command(after_help = "Example:\n  reeve run show 20261121T091500Z-rook-4f2a")]
    Show {
        /// The run's id, or its beginning.
        run: String,
        #[command(flatten)]
        runs: RunsArgs,
        /// What to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: TextOrJson,
    },
    /// Print the events of a run as JSON, one on a line.
    #[command(after_help = "Example:\n  reeve run export 20261121T091500Z-rook-4f2a > run.jsonl")]
    Export {
        /// The run's id, or its beginning.
        run: String,
        #[command(flatten)]
        runs: RunsArgs,
    },
}

/// Where the runs are.
#[derive(Args)]
pub(crate) struct RunsArgs {
    /// The folder of the runs' journals; otherwise $REEVE_RUNS_DIR or ~/.local/state/reeve/runs.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) runs_dir: Option<Utf8PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting, its value and where it comes from.
    Show {
        /// What to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: TextOrJson,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
    /// JUnit XML for CI systems.
    Junit,
    /// One page that needs no network and prints well.
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// What `reeve rook survey --save` writes.
    RookFacts,
    /// What `reeve rook plan --options` reads.
    RookPlanOptions,
    /// What `reeve rook plan --output` writes.
    Plan,
    /// What `--format json` of the checks of `reeve rook` prints.
    Report,
    /// What `reeve check run --format json` prints.
    CheckResult,
    /// What `reeve rook report --format json` prints.
    RookHandover,
    /// A line of the samples that a run keeps beside its journal.
    RookSamples,
    /// A line of what `--format json` of `migrate`, `resume`, `rollback` and `status --watch` prints.
    RookEvents,
    /// What `reeve rook status --format json` prints.
    RookStatus,
    /// What `reeve import report --format json` prints.
    ImportReport,
    /// A line of what `--format json` of `reeve import run`, `resume` and `undo` prints.
    ImportEvents,
}
