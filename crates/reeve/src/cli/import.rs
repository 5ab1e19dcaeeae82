//! What can be typed behind `reeve import`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use reeve_import::plan::{self, NetworkChoice};
use reeve_import::{Fingerprint, SourceWord, TransferChoice, VsphereHost};

use super::{CloudArgs, RunsArgs, TextOrJson};

#[derive(Subcommand)]
pub(crate) enum ImportCommand {
    /// Show the machines of an ESXi host or a vCenter, with the address of each for `inspect` and `plan`. Changes nothing.
    List(ImportListArgs),
    /// Show what is in an OVA, OVF, VMX or VMDK file: machines, disks, networks, and what stands in the way. Changes nothing.
    Inspect(InspectArgs),
    /// Write down what would be made in a cloud for a machine, or say what stands in the way. Changes nothing.
    Plan(ImportPlanArgs),
    /// Carry plans out: copy disks into images, make volumes, ports and a server, as each plan says.
    Run(ImportRunArgs),
    /// Go on with runs that were paused, interrupted or killed.
    Resume(ImportResumeArgs),
    /// Delete everything that runs have made, the last first.
    Undo(ImportUndoArgs),
    /// Show what a run made, with the digests that prove that the data is the same.
    Report(ImportReportArgs),
}

/// How to log in to ESXi or vCenter; the user stands in the address.
#[derive(Args)]
#[command(next_help_heading = "Machines of ESXi and vCenter")]
pub(crate) struct VsphereArgs {
    /// A file with the password on one line, that nobody else can read. [default: $REEVE_VSPHERE_PASSWORD]
    #[arg(long, value_name = "FILE")]
    pub(crate) vsphere_password_file: Option<Utf8PathBuf>,
    /// The authorities in PEM that the host's certificate is to be from. [default: the system's]
    #[arg(long, value_name = "FILE", conflicts_with = "vsphere_fingerprint")]
    pub(crate) vsphere_ca: Option<Utf8PathBuf>,
    /// The SHA-256 fingerprint of the host's own certificate, which is trusted then, and no other.
    #[arg(long, value_name = "SHA256")]
    pub(crate) vsphere_fingerprint: Option<Fingerprint>,
}

/// Reads the address of a host.
fn host(text: &str) -> Result<VsphereHost, String> {
    match text.parse()? {
        SourceWord::Host(host) => Ok(host),
        SourceWord::One(_) => Err("give `vsphere://USER@HOST`".to_owned()),
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import list vsphere://root@esxi.example --vsphere-password-file esxi.password
  reeve import list vsphere://administrator@vsphere.local@vcenter.example --format json | jq -r '.[] | select(.power == \"off\").source'

The login needs the role `Read-only` and the privilege `Datastore.Browse datastore`; for export leases `vApp.Export`, and for `plan --snapshot` the making and removing of snapshots.")]
pub(crate) struct ImportListArgs {
    /// The host: `vsphere://USER@HOST[:PORT]`.
    #[arg(value_name = "HOST", value_parser = host)]
    pub(crate) host: VsphereHost,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) vsphere: VsphereArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import inspect web.ova
  reeve import inspect web.ova --verify
  reeve import inspect web/web.vmx --format json | jq '.machines[].disks'")]
pub(crate) struct InspectArgs {
    /// The source: an OVA, a descriptor (.ovf, .vmx) beside its disks, a disk (.vmdk), or an address of `reeve import list`.
    pub(crate) source: SourceWord,
    /// Read all files and compare them with the digests of the manifest.
    #[arg(long)]
    pub(crate) verify: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) vsphere: VsphereArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import plan web.ova --cloud mycloud --output web.json
  reeve import plan web.ova --cloud mycloud --boot --network inner --output web.json
  reeve import plan *.ova --cloud mycloud --volumes --output plans/
  reeve import plan disk.vmdk --cloud mycloud --boot --flavor SCS-2V-4 --network inner
  reeve import plan vsphere://root@esxi.example --machine web --cloud mycloud --volumes --output web.json
  reeve import plan vsphere://root@esxi.example --cloud mycloud --output plans/
  reeve import plan vsphere://root@esxi.example --machine db --snapshot --cloud mycloud --volumes --output db.json")]
pub(crate) struct ImportPlanArgs {
    /// The sources: OVAs, descriptors (.ovf, .vmx) beside their disks, disks (.vmdk), addresses of `reeve import list`, or a host, `vsphere://USER@HOST`, for all its machines that are off, with `--snapshot` also for those that run.
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<SourceWord>,
    /// Write the plan to this file; with several machines, or if it ends in `/`, a plan for each into this folder. Otherwise it is only shown.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// Only this machine of a source that describes several, or of a host.
    #[arg(long, value_name = "NAME")]
    pub(crate) machine: Option<String>,
    /// Read all files of the source and compare them with the digests of its manifest.
    #[arg(long)]
    pub(crate) verify: bool,
    /// Accept the licence texts of the package.
    #[arg(long)]
    pub(crate) accept_licences: bool,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    #[command(flatten)]
    pub(crate) shape: ImportShapeArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) vsphere: VsphereArgs,
    #[command(flatten)]
    pub(crate) cloud: CloudArgs,
}

/// How the disks of a machine of a host come over.
#[derive(Args)]
#[command(next_help_heading = "Machines of ESXi and vCenter")]
pub(crate) struct TransferArgs {
    /// By what the disks come. [default: the datastore's files for a machine that is off and has no snapshots, an export lease for others]
    #[arg(long, value_enum, value_name = "WAY")]
    transfer: Option<Transfer>,
    /// Take a machine that runs by a snapshot, which the run makes at the host, exports and removes.
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "quiesced")]
    snapshot: Option<SnapshotKind>,
}

impl TransferArgs {
    /// Returns the choice.
    pub(crate) fn choice(&self) -> TransferChoice {
        TransferChoice {
            transfer: self.transfer.map(|transfer| match transfer {
                Transfer::Datastore => reeve_import::Transfer::Datastore,
                Transfer::Lease => reeve_import::Transfer::Lease,
            }),
            snapshot: self.snapshot.map(|kind| match kind {
                SnapshotKind::Quiesced => reeve_import::SnapshotKind::Quiesced,
                SnapshotKind::CrashConsistent => reeve_import::SnapshotKind::CrashConsistent,
            }),
        }
    }
}

/// By what disks come over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Transfer {
    /// Files of the datastore, in ranges on several connections; what breaks off goes on where it was.
    Datastore,
    /// An export lease: one compressed stream for each disk, without its holes; what breaks off begins anew.
    Lease,
}

/// The snapshot of a machine that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SnapshotKind {
    /// VMware Tools, if they run, bring the guest's file systems to rest for it.
    Quiesced,
    /// As after a power failure.
    CrashConsistent,
}

/// What the machine becomes.
#[derive(Args)]
#[command(next_help_heading = "What the machine becomes")]
pub(crate) struct ImportShapeArgs {
    /// Make a volume of each image too.
    #[arg(long)]
    pub(crate) volumes: bool,
    /// Make volumes and ports too, and start a server from them. The machine must not run anywhere else then.
    #[arg(long)]
    pub(crate) boot: bool,
    /// The format of the images.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) image_format: ImageFormat,
    /// How images get their data.
    #[arg(long, value_enum, default_value_t, value_name = "METHOD")]
    pub(crate) import_method: ImageMethod,
    /// Compare the data of each volume with its disk: the cloud makes an image of the volume, whose digest has to be right, and which is removed again. Each volume goes through the cloud once more for it.
    #[arg(long)]
    pub(crate) verify_volumes: bool,
    /// The machine's name in the cloud. [default: the source's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The flavor. [default: the smallest that fits, those with SCS names first]
    #[arg(long, value_name = "NAME", requires = "boot")]
    pub(crate) flavor: Option<String>,
    /// The network for all network cards, or for those on one network of the source (`'VM Network=inner'`). May be given more than once. [default: the only one]
    #[arg(long, value_name = "[SOURCE=]NETWORK", requires = "boot", value_parser = network)]
    pub(crate) network: Vec<NetworkChoice>,
    /// What becomes of MAC addresses.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    pub(crate) mac: MacPolicy,
    /// The store of Glance that the images go to. [default: the cloud's]
    #[arg(long, value_name = "ID")]
    pub(crate) store: Option<String>,
    /// The volume type. [default: the cloud's]
    #[arg(long, value_name = "NAME")]
    pub(crate) volume_type: Option<String>,
    /// The bus of the disks. [default: the nearest to what the machine has now]
    #[arg(long, value_enum, value_name = "BUS")]
    pub(crate) disk_bus: Option<DiskBus>,
    /// The model of the network cards. [default: the nearest to what the machine has now]
    #[arg(long, value_enum, value_name = "MODEL")]
    pub(crate) nic_model: Option<NicModel>,
    /// A property of the images; with an empty value, one that they are not to have. May be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
    pub(crate) property: Vec<(String, String)>,
}

/// Reads a network, or which one stands for which.
fn network(text: &str) -> Result<NetworkChoice, String> {
    let (source, network) = match text.rsplit_once('=') {
        Some((source, network)) => (Some(source.to_owned()), network),
        None => (None, text),
    };
    if network.is_empty() || source.as_deref() == Some("") {
        return Err("`NETWORK`, or `SOURCE=NETWORK`".to_owned());
    }
    Ok(NetworkChoice {
        source,
        network: network.to_owned(),
    })
}

/// Reads a property. The keys that Glance has a meaning for are no properties.
fn property(text: &str) -> Result<(String, String), String> {
    const OWN: [&str; 12] = [
        "id",
        "name",
        "status",
        "owner",
        "tags",
        "visibility",
        "protected",
        "disk_format",
        "container_format",
        "min_disk",
        "min_ram",
        "size",
    ];
    match text.split_once('=') {
        Some((key, _)) if OWN.contains(&key) => Err(format!("`{key}` is not a property")),
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("`KEY=VALUE`".to_owned()),
    }
}

/// What becomes of MAC addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MacPolicy {
    /// Kept on the project's own networks, new on others.
    #[default]
    Auto,
    /// Kept everywhere; fails where the cloud does not allow it.
    Keep,
    /// New everywhere.
    New,
}

impl From<MacPolicy> for plan::MacPolicy {
    fn from(policy: MacPolicy) -> Self {
        match policy {
            MacPolicy::Auto => Self::Auto,
            MacPolicy::Keep => Self::Keep,
            MacPolicy::New => Self::New,
        }
    }
}

/// The format of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageFormat {
    /// Every byte of the disk, zeros included; what clouds on Ceph start from without another copy.
    #[default]
    Raw,
    /// Only what has data: a smaller upload, which the cloud converts when it makes a volume.
    Qcow2,
    /// The source's own bytes, if its disks are streamOptimized: the smallest upload, which the cloud converts if it allows that.
    Vmdk,
}

impl From<ImageFormat> for plan::ImageFormat {
    fn from(format: ImageFormat) -> Self {
        match format {
            ImageFormat::Raw => Self::Raw,
            ImageFormat::Qcow2 => Self::Qcow2,
            ImageFormat::Vmdk => Self::Vmdk,
        }
    }
}

/// How images get their data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageMethod {
    /// Uploaded into the store; every cloud takes that.
    #[default]
    Upload,
    /// Staged, then imported by the cloud, which may make the image raw on the way.
    GlanceDirect,
}

impl From<ImageMethod> for plan::ImageMethod {
    fn from(method: ImageMethod) -> Self {
        match method {
            ImageMethod::Upload => Self::Upload,
            ImageMethod::GlanceDirect => Self::GlanceDirect,
        }
    }
}

/// The bus of a server's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiskBus {
    /// IDE; only with BIOS.
    Ide,
    /// SATA.
    Sata,
    /// SCSI by virtio.
    Scsi,
    /// virtio.
    Virtio,
}

impl From<DiskBus> for plan::DiskBus {
    fn from(bus: DiskBus) -> Self {
        match bus {
            DiskBus::Ide => Self::Ide,
            DiskBus::Sata => Self::Sata,
            DiskBus::Scsi => Self::Scsi,
            DiskBus::Virtio => Self::Virtio,
        }
    }
}

/// The model of a server's network cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NicModel {
    /// Intel 82540EM.
    E1000,
    /// Intel 82574L.
    E1000e,
    /// AMD PCnet.
    Pcnet,
    /// virtio.
    Virtio,
    /// VMware's own.
    Vmxnet3,
}

impl From<NicModel> for plan::NicModel {
    fn from(model: NicModel) -> Self {
        match model {
            NicModel::E1000 => Self::E1000,
            NicModel::E1000e => Self::E1000e,
            NicModel::Pcnet => Self::Pcnet,
            NicModel::Virtio => Self::Virtio,
            NicModel::Vmxnet3 => Self::Vmxnet3,
        }
    }
}

/// How runs are worked on.
#[derive(Args)]
pub(crate) struct ImportPaceArgs {
    /// How many runs are worked on beside each other.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to print: text for people, or a stream of events for programs (`reeve schema import-events`).
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TextOrJson,
    /// The cloud in clouds.yaml. [default: the one that the plan was made with]
    #[arg(long, visible_alias = "os-cloud", value_name = "NAME")]
    pub(crate) cloud: Option<String>,
    /// The region. [default: the one that the plan was made with]
    #[arg(long, visible_alias = "os-region-name", value_name = "NAME")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
    #[command(flatten)]
    pub(crate) vsphere: VsphereArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import run web.json
  reeve import run plans/ --parallel 4 --yes
  reeve import run web.json --yes --format json | jq -c 'select(.copy)'

The same command again takes up runs of the same plans that were paused, interrupted or killed.")]
pub(crate) struct ImportRunArgs {
    /// The plan files, or folders of them.
    #[arg(required = true, value_name = "PLAN")]
    pub(crate) plans: Vec<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) pace: ImportPaceArgs,
}

/// Which runs.
#[derive(Args)]
pub(crate) struct ImportChoiceArgs {
    /// The runs' ids, or their beginnings. [default: the import that was begun last]
    #[arg(value_name = "RUN", conflicts_with = "all")]
    pub(crate) run: Vec<String>,
    /// All imports for which there is something to do.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import resume
  reeve import resume --all --parallel 4
  reeve import resume 20261121T0915 --forward")]
pub(crate) struct ImportResumeArgs {
    #[command(flatten)]
    pub(crate) choice: ImportChoiceArgs,
    /// Give up an undo that cannot be finished, and go forward again from there.
    #[arg(long)]
    pub(crate) forward: bool,
    #[command(flatten)]
    pub(crate) pace: ImportPaceArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import undo
  reeve import undo 20261121T0915 --yes")]
pub(crate) struct ImportUndoArgs {
    #[command(flatten)]
    pub(crate) choice: ImportChoiceArgs,
    #[command(flatten)]
    pub(crate) pace: ImportPaceArgs,
}

#[derive(Args)]
#[command(after_help = "Examples:
  reeve import report
  reeve import report --format html --output web.html
  reeve import report 20261121T0915 --format json | jq '.disks[].image.digest'")]
pub(crate) struct ImportReportArgs {
    /// The run's id, or its beginning. [default: the import that was begun last]
    pub(crate) run: Option<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ImportReportFormat,
    /// Write it to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportReportFormat {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs (`reeve schema import-report`).
    Json,
    /// One page that needs no network and prints well.
    Html,
}
