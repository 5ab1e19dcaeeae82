//! What a job needs of the machine, checked before anything is begun.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::part::PartError;

const GIB: u64 = 1 << 30;

/// What the laboratory's jobs need: disk for caches, node trees, images and OSD files; memory for one laboratory and a build.
const DISK_GIB: u64 = 25;
const MEMORY_GIB: u64 = 12;

/// Checks what the laboratory needs and a newcomer can still change: root, disk, memory, Debian's package tool, Go.
///
/// The laboratory itself checks kernel features when it starts.
///
/// # Errors
///
/// [`PartError::Needs`] with one line for each thing missing.
pub(crate) fn check(job: &str, cache: &Utf8Path) -> Result<(), PartError> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing
            .push("root: the laboratory makes network namespaces, mounts and loop devices; run it as root".to_owned());
    }
    for (program, way_out) in [
        (
            "apt-get",
            "a Debian-like system: the laboratory's nodes are made from Debian packages",
        ),
        (
            "go",
            "Go 1.24 or newer: Kubernetes is built from the Go module proxy; install Go and put it on PATH",
        ),
        ("ssh", "an ssh client: apt-get install openssh-client"),
    ] {
        if Command::new(program)
            .arg(if program == "ssh" { "-V" } else { "version" })
            .output()
            .is_err()
            && Command::new(program).arg("--version").output().is_err()
        {
            missing.push(format!("{program}: {way_out}"));
        }
    }
    let nearest = cache
        .ancestors()
        .find(|path| path.exists())
        .map_or_else(|| Utf8PathBuf::from("/"), Into::into);
    if let Ok(stat) = rustix::fs::statvfs(nearest.as_std_path()) {
        let free = stat.f_bavail * stat.f_frsize;
        if free < DISK_GIB * GIB {
            missing.push(format!(
                "disk: {} GiB free at {nearest}, {DISK_GIB} GiB wanted; free some, or set XDG_CACHE_HOME to a larger disk",
                free / GIB
            ));
        }
    }
    if let Some(available) = available_memory()
        && available < MEMORY_GIB * GIB
    {
        missing.push(format!(
            "memory: {} GiB available, {MEMORY_GIB} GiB wanted; stop something, or `cargo lab list` for laboratories left up",
            available / GIB
        ));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n");
    Err(PartError::Needs {
        job: job.into(),
        missing,
    })
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}
