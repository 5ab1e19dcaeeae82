//! The commands that a survey runs on each host: all of them, and all of them only read.

use std::time::Duration;

use reeve_host::Command;

/// The patterns of units that run Ceph daemons or can bring them back.
const UNITS: [&str; 19] = [
    "ceph*",
    "tcmu-runner*",
    "rbd-target*",
    "nfs-ganesha*",
    "kolla-ceph*",
    "puppet*",
    "salt-minion*",
    "chef-client*",
    "cfengine*",
    "cf-execd*",
    "ansible-pull*",
    "monit*",
    "pacemaker*",
    "corosync*",
    "unattended-upgrades*",
    "apt-daily-upgrade*",
    "dnf-automatic*",
    "yum-cron*",
    "packagekit*",
];

/// What is asked about a unit.
const UNIT_PROPERTIES: &str =
    "--property=Id,LoadState,ActiveState,UnitFileState,FragmentPath,MainPID,ControlGroup,ExecStart,ExecStop";

/// The names of processes that are Ceph daemons or host virtual machines; the kernel cuts names at 15 characters.
const PROCESSES: &str = "ceph-mon,ceph-mgr,ceph-osd,ceph-mds,radosgw,rbd-mirror,cephfs-mirror,ceph-crash,ceph-exporter,ganesha.nfsd,\
    tcmu-runner,rbd-target-api,qemu-system-x86,qemu-system-aar,qemu-kvm,kvm,nova-compute,libvirtd,virtqemud";

/// `ceph-volume` asks LVM about every device; on a host with many slow disks that takes a while.
const VOLUME_DEADLINE: Duration = Duration::from_secs(120);

/// Files of the first command: who the host is.
pub(crate) const LOGIN_FILES: [&str; 9] = [
    "/proc/sys/kernel/hostname",
    "/etc/machine-id",
    "/etc/os-release",
    "/usr/lib/os-release",
    "/proc/sys/kernel/osrelease",
    "/proc/meminfo",
    "/sys/fs/selinux/enforce",
    "/etc/selinux/config",
    OSD_RUN_SCRIPT,
];

/// The script that older ceph-ansible starts OSD containers with.
pub(crate) const OSD_RUN_SCRIPT: &str = "/usr/share/ceph-osd-run.sh";

fn command(program: &str, args: &[&str]) -> Command {
    Command::new(program).args(args.iter().copied())
}

/// Reads the files that tell who the host is; the first command after the login.
pub(crate) fn login_files() -> Command {
    command("grep", &["-asH", ""]).args(LOGIN_FILES)
}

/// Asks for the login's rights.
pub(crate) fn user_id() -> Command {
    command("id", &["-u"]).as_root()
}

/// Asks for the host's addresses.
pub(crate) fn addresses() -> Command {
    command("ip", &["-o", "address", "show", "scope", "global"])
}

/// Shows the units.
pub(crate) fn units() -> Command {
    command("systemctl", &["show", "--no-pager", UNIT_PROPERTIES]).args(UNITS)
}

/// Shows units by name: those of daemons that have a data directory and no unit in memory.
pub(crate) fn named_units(names: impl IntoIterator<Item = String>) -> Command {
    command("systemctl", &["show", "--no-pager", UNIT_PROPERTIES]).args(names)
}

/// Lists processes.
pub(crate) fn processes() -> Command {
    command(
        "ps",
        &[
            "--no-headers",
            "-ww",
            "-o",
            "pid,ppid,cgroup:1024,args",
            "-C",
            PROCESSES,
        ],
    )
}

/// What `find` prints about each entry; see `parse_find`.
const ENTRY: &str = "%y %D %U %G %s %F %p\\n";

/// Lists what Ceph keeps on the host, without crash reports and without objects of Filestore.
pub(crate) fn ceph_directories() -> Command {
    let skipped = [
        "(", "-name", "crash", "-o", "-name", "current", "-o", "-name", "removed", ")", "-prune", "-o",
    ];
    command("find", &["/var/lib/ceph", "-mindepth", "1", "-maxdepth", "4"])
        .args(skipped)
        .args(["-printf", ENTRY])
        .as_root()
}

/// Reads configuration and notes of daemons; lines with a keyring stay on the host.
pub(crate) fn ceph_files() -> Command {
    command(
        "find",
        &[
            "/etc/ceph",
            "/var/lib/ceph",
            "-maxdepth",
            "3",
            "-xtype",
            "f",
            "-size",
            "-1024k",
        ],
    )
    .args(["(", "-path", "/etc/ceph/*.conf", "-o", "-path", "/etc/ceph/osd/*.json"])
    .args(["-o", "-name", "kv_backend", "-o", "-name", "unit.image", ")"])
    .args(["-exec", "grep", "-aHv", "\"keyring\"", "{}", "+"])
    .as_root()
}

/// Returns `path` and the folders above it, without `/`, longest first.
pub(crate) fn with_parents(path: &str) -> Vec<String> {
    camino::Utf8Path::new(path)
        .ancestors()
        .map(|parent| parent.as_str().to_owned())
        .filter(|p| p != "/" && !p.is_empty())
        .collect()
}

/// Lists what is at `dataDirHostPath`, and of the folders above it only themselves.
pub(crate) fn data_directory(path: &str) -> Command {
    let pattern = |text: &str| -> String {
        text.chars()
            .flat_map(|c| if "*?[]\\".contains(c) { vec!['\\', c] } else { vec![c] })
            .collect()
    };
    let parents = with_parents(path);
    let mut find = command("find", &[])
        .args(parents.clone())
        .args(["/", "-maxdepth", "1", "("]);
    for parent in &parents {
        find = find.args(["-path".to_owned(), pattern(parent), "-o".to_owned()]);
    }
    find.args(["-path", "/", "-o", "-path"])
        .args([format!("{}/*", pattern(path))])
        .args([")", "-printf", ENTRY])
        .as_root()
}

/// Asks for free space at `dataDirHostPath` and the folders above it.
pub(crate) fn free_space(path: &str) -> Command {
    command("df", &["--block-size=1", "--output=avail,file", "--"])
        .args(with_parents(path))
        .args(["/"])
}

/// Asks for the user that Ceph runs as.
pub(crate) fn ceph_user() -> Command {
    command("getent", &["passwd", "ceph"])
}

/// Asks the kernel's word on the clock.
pub(crate) fn clock() -> Command {
    command("timedatectl", &["show", "--property=NTPSynchronized"])
}

/// Asks chrony about the clock, where `timedatectl` does not say yes.
pub(crate) fn chrony() -> Command {
    command("chronyc", &["-n", "tracking"])
}

/// Lists listening TCP ports with their processes.
pub(crate) fn listening_ports() -> Command {
    command("ss", &["-Hltnp"]).as_root()
}

/// Lists images through the container runtime interface.
pub(crate) fn crictl_images() -> Command {
    command("crictl", &["images", "--output", "json"]).as_root()
}

/// Lists containerd's images, where there is no `crictl`.
pub(crate) fn ctr_images() -> Command {
    command("ctr", &["--namespace", "k8s.io", "images", "ls", "--quiet"]).as_root()
}

/// Finds cron tables that speak of what may start daemons again.
pub(crate) fn cron_tables() -> Command {
    command("grep", &["-rlsE", "ceph|ansible|puppet|salt-call|chef-client"])
        .args(["/etc/crontab", "/etc/cron.d", "/var/spool/cron"])
        .as_root()
}

/// The container of a running OSD, in which `ceph-volume` is found where the host has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsdContainer {
    /// `podman` or `docker`.
    pub(crate) engine: String,
    /// The container's name.
    pub(crate) name: String,
}

/// Lists OSDs with `ceph-volume lvm` or `ceph-volume raw`.
///
/// `loop_devices` allows loop devices, which ceph-volume passes over otherwise.
pub(crate) fn ceph_volume(kind: &str, loop_devices: bool, container: Option<&OsdContainer>) -> Command {
    let list = ["ceph-volume", kind, "list", "--format", "json"];
    let allow = "CEPH_VOLUME_ALLOW_LOOP_DEVICES=true";
    let command = match (container, loop_devices) {
        (None, false) => command("ceph-volume", &list[1..]),
        (None, true) => command("env", &[allow]).args(list),
        (Some(container), loop_devices) => {
            let env: &[&str] = if loop_devices { &["--env", allow] } else { &[] };
            command(&container.engine, &["exec"])
                .args(env.iter().copied())
                .args([container.name.as_str()])
                .args(list)
        }
    };
    command.as_root().deadline(VOLUME_DEADLINE)
}
