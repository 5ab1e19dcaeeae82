//! The command line: arguments, output, exit codes.

mod openstack;
mod output;

use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Parser, Subcommand, ValueEnum};
use reeve_lab::{Fault, Lab, LabError, LabName, MonIdStyle, OpenStackLab, Places, Profile, Spec};

use output::{Terminal, answer, complain, show_status, show_times};

/// The laboratories: real Ceph, Kubernetes and Rook, or a real OpenStack cloud, on one machine. Everything runs in namespaces and cgroups of its own; nothing outside of them
/// is touched but what `lab up` says it installs.
#[derive(Parser)]
#[command(name = "lab", version)]
struct Cli {
    /// Where laboratories are kept; must be on a real file system.
    #[arg(
        long,
        global = true,
        env = "REEVE_LAB_STATE",
        default_value = "/var/lib/reeve-lab",
        value_name = "DIR"
    )]
    state: Utf8PathBuf,
    /// Where parts that are made once are kept.
    #[arg(long, global = true, env = "REEVE_LAB_CACHE", value_name = "DIR")]
    cache: Option<Utf8PathBuf>,
    #[arg(env = "XDG_CACHE_HOME", long, hide = true, global = true)]
    xdg_cache_home: Option<Utf8PathBuf>,
    #[arg(env = "HOME", long, hide = true, global = true)]
    home: Option<Utf8PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Name {
    /// The laboratory's name.
    #[arg(long, default_value = "dev")]
    name: LabName,
}

#[derive(Subcommand)]
enum Command {
    /// Make a laboratory; one that is up and well stays as it is.
    Up {
        #[command(subcommand)]
        kind: Kind,
    },
    /// Remove a laboratory and all that it made, also after a crash.
    Down {
        #[command(flatten)]
        name: Name,
    },
    /// Show what a laboratory is made of, what runs, and how to enter it.
    Status {
        #[command(flatten)]
        name: Name,
        /// How to show it.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Open a shell on a node, or in a cloud, or run a command there.
    Shell {
        #[command(flatten)]
        name: Name,
        /// `n1`, `n2`, … or `client`; nothing for a cloud.
        node: Option<String>,
        /// The command and its arguments; a shell without it.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Show the journal of a node, the log of `etcd`, `kube-apiserver`, `kube-controller-manager` or `kube-scheduler`, or that of a cloud's service.
    Logs {
        #[command(flatten)]
        name: Name,
        /// Whose.
        node: String,
        /// Only this systemd unit.
        unit: Option<String>,
        /// Go on as lines come.
        #[arg(long, short)]
        follow: bool,
    },
    /// Run a program of this machine in a cloud's network, with `OS_CLIENT_CONFIG_FILE` set to its logins.
    Exec {
        #[command(flatten)]
        name: Name,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Print how programs of this machine reach a cloud: shell commands that set the environment, and the way into its network.
    Env {
        #[command(flatten)]
        name: Name,
    },
    /// Make only the parts that are kept: node tree, Kubernetes, images; tree and stored state of a cloud; or the disks of a guest to import, whose folder is printed.
    Prepare {
        /// For which kind of laboratory, or the guest.
        #[arg(value_enum, default_value = "rook")]
        kind: Preparable,
        #[command(flatten)]
        rook: RookFrom,
    },
    /// List the laboratories.
    List,
    /// Remove what crashed laboratories left.
    Clean {
        /// Also remove cached parts that this program no longer uses.
        #[arg(long)]
        cache: bool,
        #[command(flatten)]
        rook: RookFrom,
    },
    /// Break something, or repair it.
    Fault {
        #[command(flatten)]
        name: Name,
        /// What to do.
        #[arg(value_enum)]
        verb: Verb,
        /// What: a fault of a laboratory of the kind rook, or a profile of one of the kind openstack.
        #[arg(value_parser = breakable())]
        fault: Breakable,
        /// On which node, for faults of a node.
        #[arg(default_value = "n1")]
        node: String,
    },
}

#[derive(Subcommand)]
enum Kind {
    /// Legacy Ceph, Kubernetes, and the Rook operator without a CephCluster.
    Rook(Up),
    /// An OpenStack cloud with Ceph, that keeps the SCS standards unless it is broken on purpose.
    #[command(name = "openstack")]
    OpenStack(openstack::Up),
}

/// What is made once and kept.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Preparable {
    Rook,
    Openstack,
    Guest,
}

/// What `lab fault` can break.
#[derive(Clone, Copy)]
enum Breakable {
    Fault(FaultName),
    Profile(Profile),
}

/// Returns the parser of faults and profiles, which knows all of them for the help.
fn breakable() -> impl clap::builder::TypedValueParser<Value = Breakable> {
    use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
    let faults = FaultName::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value);
    let profiles = Profile::all().map(|profile| PossibleValue::new(profile.name()).help(profile.about()));
    PossibleValuesParser::new(faults.chain(profiles)).try_map(|name| {
        let profile = name.parse().map(Breakable::Profile);
        profile.or_else(|_| FaultName::from_str(&name, false).map(Breakable::Fault))
    })
}

#[derive(Args)]
struct RookFrom {
    /// The Rook operator's files: the program, deploy/examples and scripts of its tag. Without it, `shared/lab/rook-v1.18.11` is looked for beside the
    /// folders above the current one.
    #[arg(long, env = "REEVE_LAB_ROOK", value_name = "DIR")]
    rook: Option<Utf8PathBuf>,
    /// The Debian mirror; without it, the machine's own.
    #[arg(long, env = "REEVE_LAB_MIRROR", value_name = "URL")]
    mirror: Option<String>,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    name: Name,
    /// Storage nodes, 1 to 5.
    #[arg(long, default_value_t = 3)]
    nodes: u8,
    /// Mons, on the first nodes; as many as nodes without it, at most 3.
    #[arg(long)]
    mons: Option<u8>,
    /// Mgrs, on the first nodes; 2 without it, where there are nodes for them.
    #[arg(long)]
    mgrs: Option<u8>,
    /// OSDs on every node.
    #[arg(long, default_value_t = 2)]
    osds_per_node: u8,
    /// How mon ids are formed.
    #[arg(long, value_enum, default_value = "node")]
    mon_id_style: Style,
    /// Leave out Kubernetes and Rook.
    #[arg(long)]
    no_kubernetes: bool,
    /// Leave out Ceph: nodes only.
    #[arg(long)]
    no_ceph: bool,
    #[command(flatten)]
    rook: RookFrom,
}

#[derive(Clone, Copy, ValueEnum)]
enum Style {
    /// n1
    Node,
    /// N1, which Kubernetes refuses in names
    Upper,
    /// n_1, which Kubernetes refuses in names
    Underscore,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Verb {
    Inject,
    Repair,
}

#[derive(Clone, Copy, ValueEnum)]
enum FaultName {
    StoppedMon,
    StoppedOsds,
    Nearfull,
    PoolOfSizeOne,
    CrushHostName,
    LeftoverDataDirectory,
    MissingImage,
    InsecureGlobalId,
    Norecover,
    StaleGate,
    StoppedKubelet,
    PowerCut,
}

impl FaultName {
    fn on(self, node: String) -> Fault {
        match self {
            Self::StoppedMon => Fault::StoppedMon { node },
            Self::StoppedOsds => Fault::StoppedOsds { node },
            Self::Nearfull => Fault::Nearfull,
            Self::PoolOfSizeOne => Fault::PoolOfSizeOne,
            Self::CrushHostName => Fault::CrushHostName { node },
            Self::LeftoverDataDirectory => Fault::LeftoverDataDirectory { node },
            Self::MissingImage => Fault::MissingImage { node },
            Self::InsecureGlobalId => Fault::InsecureGlobalId,
            Self::Norecover => Fault::Norecover,
            Self::StaleGate => Fault::StaleGate,
            Self::StoppedKubelet => Fault::StoppedKubelet { node },
            Self::PowerCut => Fault::PowerCut { node },
        }
    }
}

/// Parses the arguments and does what they ask.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let home = cli.home.clone().unwrap_or_else(|| "/root".into());
    let base = cli
        .xdg_cache_home
        .clone()
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| home.join(".cache"));
    let cache = cli.cache.clone().unwrap_or_else(|| base.join("reeve-lab"));
    let places = Places {
        state: absolute(&cli.state),
        cache: absolute(&cache),
    };
    match act(cli.command, &places) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            match error {
                LabError::Request(_) | LabError::NotThere { .. } => ExitCode::from(2),
                LabError::Lacking { .. } => ExitCode::from(3),
                LabError::LeftBehind { .. } => ExitCode::from(5),
                _ => ExitCode::from(1),
            }
        }
    }
}

fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    let here = std::env::current_dir()
        .ok()
        .and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    here.unwrap_or_default().join(path)
}

fn act(command: Command, places: &Places) -> Result<ExitCode, LabError> {
    let terminal = Terminal::new();
    match command {
        Command::Up { kind: Kind::Rook(up) } => {
            let mirror = up.rook.mirror.clone();
            let spec = spec(up);
            let made = Lab::up(places, &spec, mirror.as_deref(), &terminal);
            if made.is_err() && places.folder(&spec.name).exists() {
                let name = &spec.name;
                terminal.hint(&format!(
                    "what was made stays for a look around (`lab status --name {name}`, `lab logs n1 --name {name}`); \
                     `lab up` tries again from the start, `lab down --name {name}` removes it"
                ));
            }
            let (lab, times) = made?;
            show_times(&times, terminal.elapsed());
            show_status(&lab.status()?);
        }
        Command::Up {
            kind: Kind::OpenStack(up),
        } => openstack::up(places, up, &terminal)?,
        Command::Down { name } => {
            if !reeve_lab::down(places, &name.name, &terminal)? {
                answer(&format!("there is no laboratory `{}`", name.name));
            }
        }
        Command::Status { name, format } if OpenStackLab::is_one(places, &name.name)? => {
            return openstack::status(places, &name.name, format);
        }
        Command::Status { name, format } => {
            let status = Lab::open(places, &name.name)?.status()?;
            match format {
                Format::Text => show_status(&status),
                Format::Json => answer(&serde_json::to_string_pretty(&status).expect("a status is plain data")),
            }
            return Ok(if status.state == reeve_lab::State::Up {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(1)
            });
        }
        Command::Shell { name, node, command } => {
            let command = if command.is_empty() {
                vec!["bash".into(), "--login".into()]
            } else {
                command
            };
            if OpenStackLab::is_one(places, &name.name)? {
                return openstack::shell(places, &name.name, node.as_deref(), &command);
            }
            let node = node.ok_or_else(|| LabError::Request("which node? `n1`, `n2`, … or `client`".into()));
            // A laboratory that is not there is the better answer to give.
            let (lab, node) = (Lab::open(places, &name.name)?, node?);
            return become_command(&lab, &node, &command);
        }
        Command::Exec { name, command } => return openstack::exec(places, &name.name, &command),
        Command::Env { name } => openstack::environment(places, &name.name)?,
        Command::Logs {
            name,
            node,
            unit,
            follow,
        } => {
            if OpenStackLab::is_one(places, &name.name)? {
                if unit.is_some() {
                    return Err(LabError::Request("a cloud's service has one log, and no units".into()));
                }
                return Err(become_tail(
                    &OpenStackLab::open(places, &name.name)?.log_file(&node)?,
                    follow,
                ));
            }
            let lab = Lab::open(places, &name.name)?;
            if let Some(file) = lab.log_file(&node)? {
                return Err(become_tail(&file, follow));
            }
            let mut words: Vec<String> = ["journalctl", "--no-pager", "--lines=1000"].map(str::to_owned).to_vec();
            words.extend(unit.map(|unit| format!("--unit={unit}")));
            words.extend(follow.then(|| "--follow".to_owned()));
            return become_command(&lab, &node, &words);
        }
        Command::Prepare {
            kind: Preparable::Guest,
            rook,
        } => answer(reeve_lab::guest(places, rook.mirror.as_deref(), &terminal)?.as_str()),
        Command::Prepare {
            kind: Preparable::Openstack,
            rook,
        } => {
            let times = OpenStackLab::prepare(places, rook.mirror.as_deref(), &terminal)?;
            show_times(&times, terminal.elapsed());
        }
        Command::Prepare {
            kind: Preparable::Rook,
            rook,
        } => {
            let from = rook_folder(rook.rook);
            let spec = Spec::usual("prepare".parse().expect("a plain name"), from);
            let times = reeve_lab::prepare_only(places, &spec, rook.mirror.as_deref(), &terminal)?;
            show_times(&times, terminal.elapsed());
        }
        Command::List => {
            for name in places.names()? {
                if matches!(OpenStackLab::is_one(places, &name), Ok(true)) {
                    openstack::list(places, &name);
                    continue;
                }
                match Lab::open(places, &name).and_then(|lab| lab.status()) {
                    Ok(status) => answer(&output::summary(&status)),
                    Err(error) => answer(&format!("{name}  {error}")),
                }
            }
        }
        Command::Clean { cache, rook } => {
            for name in reeve_lab::clean(places, &terminal)? {
                answer(&format!("removed the laboratory `{name}`"));
            }
            if cache {
                for path in reeve_lab::clean_cache(places, rook_folder(rook.rook).as_deref(), &terminal)? {
                    answer(&format!("removed {path}"));
                }
            }
        }
        Command::Fault {
            name,
            verb,
            fault,
            node,
        } => match (fault, verb) {
            (Breakable::Fault(fault), Verb::Inject) => Lab::open(places, &name.name)?.inject(&fault.on(node))?,
            (Breakable::Fault(fault), Verb::Repair) => Lab::open(places, &name.name)?.repair(&fault.on(node))?,
            (Breakable::Profile(profile), Verb::Inject) => {
                OpenStackLab::open(places, &name.name)?.apply(profile, &terminal)?;
            }
            (Breakable::Profile(profile), Verb::Repair) => {
                OpenStackLab::open(places, &name.name)?.remove(profile, &terminal)?;
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn spec(up: Up) -> Spec {
    let style = match up.mon_id_style {
        Style::Node => MonIdStyle::Node,
        Style::Upper => MonIdStyle::Upper,
        Style::Underscore => MonIdStyle::Underscore,
    };
    Spec {
        name: up.name.name,
        nodes: up.nodes,
        mons: up.mons.unwrap_or_else(|| up.nodes.clamp(1, 3)),
        mgrs: up.mgrs.unwrap_or_else(|| up.nodes.clamp(1, 2)),
        osds_per_node: up.osds_per_node,
        mon_id_style: style,
        ceph: !up.no_ceph,
        kubernetes: !up.no_kubernetes,
        rook: rook_folder(up.rook.rook),
    }
}

/// Returns the folder of the operator's files: the one named, or one in a `shared` folder beside this one or a folder above it.
fn rook_folder(named: Option<Utf8PathBuf>) -> Option<Utf8PathBuf> {
    named.map(|path| absolute(&path)).or_else(|| {
        let here = absolute(Utf8Path::new(""));
        here.ancestors()
            .map(|folder| folder.join("shared/lab/rook-v1.18.11"))
            .find(|folder| folder.is_dir())
    })
}

/// Becomes `tail` of a log; returns only if that is not possible, with the reason.
fn become_tail(file: &Utf8Path, follow: bool) -> LabError {
    let words: &[&str] = if follow {
        &["--lines=1000", "--follow"]
    } else {
        &["--lines=1000"]
    };
    let error = std::process::Command::new("tail").args(words).arg(file).exec();
    LabError::Start {
        part: "logs".into(),
        command: format!("tail {file}"),
        source: error,
    }
}

/// Becomes a command on a node, with this terminal.
fn become_command(lab: &Lab, node: &str, words: &[String]) -> Result<ExitCode, LabError> {
    let mut command = lab.command(node, words)?;
    let error = command.exec();
    Err(LabError::Start {
        part: format!("shell on {node}"),
        command: words.join(" "),
        source: error,
    })
}

/// How long a progress line may stay without a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
