//! What a job needs of the machine, checked before anything is begun.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::part::PartError;
use crate::tool::target_dir;

const GIB: u64 = 1 << 30;

/// What the laboratory's jobs need: disk for caches, node trees, images and OSD files; memory for one laboratory and a build.
const DISK_GIB: u64 = 25;
/// Of it, what laboratories and their OSDs write anew in each run; the rest is there after the first.
const DISK_ANEW_GIB: u64 = 10;
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
        // A second run finds what the first one made.
        let made = || used(&[&target_dir(), cache, &cache.with_file_name("reeve-lab")]);
        if free < DISK_ANEW_GIB * GIB || (free < DISK_GIB * GIB && free + made() < DISK_GIB * GIB) {
            missing.push(format!(
                "disk: {} GiB free at {nearest}, {DISK_GIB} GiB wanted at first and {DISK_ANEW_GIB} later; free some, or set XDG_CACHE_HOME to a larger disk",
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

/// Returns how many bytes of disk these folders take; one that is not there takes none.
fn used(folders: &[&Utf8Path]) -> u64 {
    let there: Vec<_> = folders.iter().filter(|folder| folder.exists()).collect();
    // Without a name it would count the folder it is started in.
    if there.is_empty() {
        return 0;
    }
    let output = Command::new("du")
        .args(["--summarize", "--total", "--block-size=1", "--"])
        .args(there)
        .output();
    let total = output.ok().and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().last()?.split_whitespace().next()?.parse().ok()
    });
    total.unwrap_or(0)
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_folders_take_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let (one, two) = (path.join("one"), path.join("two"));
        std::fs::create_dir(&one).unwrap();
        std::fs::write(one.join("file"), vec![1; 3 << 20]).unwrap();
        std::fs::write(&two, vec![1; 2 << 20]).unwrap();
        let missing = path.join("missing");
        let used = used(&[&one, &two, &missing]);
        assert!((5 << 20..6 << 20).contains(&used), "{used}");
        assert_eq!(super::used(&[&missing]), 0);
    }
}
