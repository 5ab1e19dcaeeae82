//! What can be typed behind `reeve check`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::TextOrJson;

#[derive(Subcommand)]
pub(crate) enum CheckCommand {
    /// Judge a cloud, or a recording of one.
    Run(Box<CheckRunArgs>),
    /// List the checks: what each weighs and how it is judged.
    List(CheckListArgs),
    /// Say what a check asks for, where the standard says so, and how it is judged.
    Explain(CheckExplainArgs),
    /// Show the result of an earlier run again, in any form.
    Report(CheckReportArgs),
    /// Sign results and send them to the official monitor.
    Upload(CheckUploadArgs),
    /// List the runs that may have left something in a cloud, and those that are at work.
    Runs(CheckRunsArgs),
    /// Delete what earlier runs made and could not delete, because they were killed.
    Cleanup(CheckCleanupArgs),
}

/// Which cloud.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Which cloud")]
pub(crate) struct CloudArgs {
    /// The cloud in clouds.yaml; otherwise $OS_CLOUD, or the one that $OS_AUTH_URL and its like describe.
    #[arg(long, visible_alias = "os-cloud", value_name = "NAME")]
    pub(crate) cloud: Option<String>,
    /// The region; otherwise $OS_REGION_NAME or the first one of the cloud.
    #[arg(long, visible_alias = "os-region-name", value_name = "NAME")]
    pub(crate) region: Option<String>,
}

/// Which checks.
#[derive(Args)]
#[command(next_help_heading = "Which checks")]
pub(crate) struct SelectionArgs {
    /// The version of the standards: `current` (what certificates are given for), `draft`, `all`, or one by name, such as v5.1.
    #[arg(long, short = 'V', value_name = "VERSION", default_value = "current")]
    pub(crate) version: String,
    /// Only checks that weigh so much; separate several by commas. [default: all]
    #[arg(long, value_enum, value_name = "WEIGHT", value_delimiter = ',')]
    pub(crate) scope: Vec<Weight>,
    /// Only this check; `scs-0102-*` means all that begin so. May be given more than once.
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Not this check; may be given more than once.
    #[arg(long, value_name = "ID")]
    pub(crate) skip: Vec<String>,
    /// Another catalogue of standards, in the form of the official scs-compatible-iaas.yaml.
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<Utf8PathBuf>,
}

/// How much a check weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Weight {
    /// Certification depends on it.
    Mandatory,
    /// Recommended by the standards.
    Recommended,
    /// Beyond the official tests; our own checks, scsx-…
    Extra,
    /// Judged by a person; only listed.
    Manual,
}

/// Where the ledgers are.
#[derive(Args)]
pub(crate) struct LedgerArgs {
    /// The folder in which runs write down what they make; otherwise `check` beside the folder of runs.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ledger_dir: Option<Utf8PathBuf>,
}

#[derive(Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  reeve check run --cloud mycloud
  reeve check run --cloud mycloud --read-only
  reeve check run --cloud mycloud --plan
  reeve check run --cloud mycloud --manager-cloud manager-a --manager-cloud manager-b --only 'scsx-0302-*'
  reeve check run --cloud mycloud --only 'scs-0103-*' --format json | jq '.cases[] | select(.verdict == \"FAIL\")'
  reeve check run --cloud mycloud --record capture && reeve check run --replay capture --version draft
  reeve check run --cloud mycloud --format html --output mycloud.html"
)]
pub(crate) struct CheckRunArgs {
    #[command(flatten)]
    pub(crate) cloud: CloudArgs,
    /// The login of a domain manager in clouds.yaml, for the checks of scs-0302; a second one, of another domain, lets them try more.
    #[arg(long, value_name = "NAME", conflicts_with = "replay")]
    pub(crate) manager_cloud: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Make nothing in the cloud; checks that need something made are not judged.
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Say what would be made in the cloud and whether the quotas have room for it, and judge nothing.
    #[arg(long, conflicts_with_all = ["read_only", "replay", "record"])]
    pub(crate) plan: bool,
    /// Keep every answer of the cloud in this folder, without secrets, to be judged again later. It must not exist or be empty.
    #[arg(long, value_name = "FOLDER", conflicts_with = "replay")]
    pub(crate) record: Option<Utf8PathBuf>,
    /// Judge a recording instead of a cloud; nothing is sent.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["cloud", "region"])]
    pub(crate) replay: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    /// End with the exit code of the official command instead of our own: how much of the mandatory part failed, 0 if nothing.
    #[arg(long)]
    pub(crate) upstream_exit: bool,
    #[command(flatten)]
    pub(crate) rendering: RenderingArgs,
}

/// In which form a result is shown.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RenderingArgs {
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: CheckFormat,
    /// Write it to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// For `--format yaml` and `signed`: the name under which the official monitor knows the cloud. [default: the cloud's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// For `--format signed`: the SSH key that the official monitor knows; ssh-keygen asks for its passphrase, or an agent has it.
    #[arg(long, value_name = "FILE", required_if_eq("format", "signed"))]
    pub(crate) key: Option<Utf8PathBuf>,
}

/// The forms of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Text for people.
    #[default]
    #[value(alias = "terminal")]
    Text,
    /// JSON for programs and for `reeve check report` (`reeve schema check-result`).
    Json,
    /// JUnit XML for CI systems.
    Junit,
    /// One page that needs no network and prints well.
    Html,
    /// The report of the official tests.
    Yaml,
    /// The report of the official tests with an SSH signature in front, as their monitor takes it.
    Signed,
}

#[derive(Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  reeve check list
  reeve check list --version draft --scope mandatory
  reeve check list --format json | jq -r '.[].id'"
)]
pub(crate) struct CheckListArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}

#[derive(Args)]
#[command(after_help = "Example:\n  reeve check explain scs-0101-fips-test")]
pub(crate) struct CheckExplainArgs {
    /// The checks.
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve check report result.json
  reeve check report result.json --format html --output result.html
  reeve check report cloud1.json cloud2.json --format yaml --output report.yaml
  reeve check report result.json --format signed --subject mycloud --key ~/.ssh/monitor --output report.signed")]
pub(crate) struct CheckReportArgs {
    /// Results: what `--format json` of `reeve check run` printed. Only text, YAML and the signed form take more than one.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) rendering: RenderingArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve check upload result.json --subject mycloud --key ~/.ssh/monitor --token-file token
  reeve check upload cloud1.json cloud2.json --key ~/.ssh/monitor --token-file token --monitor https://monitor.example/")]
pub(crate) struct CheckUploadArgs {
    /// Results: what `--format json` of `reeve check run` printed.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Utf8PathBuf>,
    /// The name under which the monitor knows the cloud; for one result only. [default: the cloud's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// The SSH key that the monitor knows; ssh-keygen asks for its passphrase, or an agent has it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Utf8PathBuf,
    /// A file with the token for the monitor.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Utf8PathBuf,
    /// The monitor's address.
    #[arg(long, value_name = "URL", default_value = "https://compliance.sovereignit.cloud/")]
    pub(crate) monitor: String,
    /// Authorities to trust for the monitor instead of those of the system, as PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<Utf8PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Example:\n  reeve check runs")]
pub(crate) struct CheckRunsArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve check cleanup --cloud mycloud --dry-run
  reeve check cleanup --cloud mycloud
  reeve check cleanup --cloud mycloud --run r261121161259a1b2c3")]
pub(crate) struct CheckCleanupArgs {
    #[command(flatten)]
    pub(crate) cloud: CloudArgs,
    /// Only what this run made, and at once.
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<reeve_check::RunId>,
    /// A run without a ledger on this machine may be at work on another one; it is cleaned up if it began longer ago than this.
    #[arg(long, value_name = "TIME", default_value = "2h")]
    pub(crate) older_than: SignedDuration,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}
