//! `cargo xtask bench import`: decoding a streamOptimized disk of 2 GiB, beside qemu-img in the same run.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use wait4::Wait4;

use crate::part::{PartError, Parts, answer};
use crate::tool::{cargo, ensure_packages, target_dir};

/// Runs of each program, by turns, so that both meet the same machine.
const RUNS: usize = 5;

/// The disk's size, and the bytes of files that go into it: as in the guest that the goals were set for.
const DISK: &str = "2G";
const FILE_BYTES: u64 = 1_100 << 20;
/// Bytes that cannot be compressed, besides.
const NOISE_BYTES: usize = 200 << 20;

/// Space that the job takes, in bytes; in memory if there is enough.
const SPACE: u64 = 8 << 30;

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

pub(crate) fn run(parts: &mut Parts) -> Result<(), PartError> {
    ensure_packages(parts, &[("qemu-img", "qemu-utils"), ("mke2fs", "e2fsprogs")])?;
    let mut build = cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "reeve-import",
        "--example",
        "decode",
    ]);
    parts.quiet("build the decoder as released", &mut build)?;
    let dir = work_dir()?;
    let result = measure_all(parts, &dir);
    let removed = fs::remove_dir_all(&dir).map_err(|source| PartError::File { path: dir, source });
    result.and(removed)
}

fn measure_all(parts: &mut Parts, dir: &Utf8Path) -> Result<(), PartError> {
    let disk = dir.join("disk.vmdk");
    make_disk(parts, dir, &disk)?;
    let program = target_dir().join("release").join("examples").join("decode");
    let (theirs_raw, ours_raw) = (dir.join("theirs.raw"), dir.join("ours.raw"));
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    parts.run("decode by turns", || {
        for _ in 0..RUNS {
            let mut command = Command::new("qemu-img");
            command.args(["convert", "-f", "vmdk", "-O", "raw", disk.as_str(), theirs_raw.as_str()]);
            remove(&theirs_raw)?;
            theirs.push(measure(&mut command)?);
            let mut command = Command::new(&program);
            command.args([disk.as_str(), ours_raw.as_str(), "--threads", "2"]);
            remove(&ours_raw)?;
            ours.push(measure(&mut command)?);
        }
        Ok(())
    })?;
    parts.quiet(
        "compare the outputs byte by byte",
        Command::new("cmp").args([&theirs_raw, &ours_raw]),
    )?;
    let stored = size(&disk)?;
    answer(&format!(
        "a streamOptimized disk of 2 GiB, {} MiB as stored, to a raw file; 2 threads, digest included; {RUNS} runs each, by turns: min, median, max",
        stored >> 20
    ));
    show("qemu-img wall", "s", &theirs, |run| run.wall.as_secs_f64());
    show("reeve wall", "s", &ours, |run| run.wall.as_secs_f64());
    show("qemu-img CPU", "s", &theirs, |run| run.cpu.as_secs_f64());
    show("reeve CPU", "s", &ours, |run| run.cpu.as_secs_f64());
    show("reeve memory", "MiB", &ours, |run| run.peak_kib as f64 / 1024.0);
    let wall = ratio(&theirs, &ours, |run| run.wall.as_secs_f64());
    let cpu = ratio(&theirs, &ours, |run| run.cpu.as_secs_f64());
    let memory = spread(&ours, |run| run.peak_kib as f64 / 1024.0)[2];
    goal(
        "import-wall",
        &format!("{wall:.2} times as fast as qemu-img"),
        "4 or more",
        wall >= 4.0,
    );
    goal(
        "import-cpu",
        &format!("1/{cpu:.2} of the CPU seconds of qemu-img"),
        "1/2.5 or less",
        cpu >= 2.5,
    );
    goal(
        "import-memory",
        &format!("{memory:.1} MiB"),
        "below 64 MiB",
        memory < 64.0,
    );
    Ok(())
}

/// Returns the ratio of the medians: runs by turns meet the same load, and the median leaves out what another job did to one of them.
fn ratio(theirs: &[Run], ours: &[Run], value: impl Fn(&Run) -> f64) -> f64 {
    spread(theirs, &value)[1] / spread(ours, &value)[1]
}

fn spread(runs: &[Run], value: impl Fn(&Run) -> f64) -> [f64; 3] {
    let mut values: Vec<f64> = runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

fn show(what: &str, unit: &str, runs: &[Run], value: impl Fn(&Run) -> f64) {
    let [min, median, max] = spread(runs, value);
    answer(&format!("  {what:<14} {min:>8.2} {median:>8.2} {max:>8.2} {unit}"));
}

/// Says of a goal whether it was held.
pub(crate) fn goal(name: &str, value: &str, wanted: &str, held: bool) {
    let word = if held { "held" } else { "short" };
    answer(&format!("goal {name}: {value} (wanted {wanted}): {word}"));
}

/// Makes the disk: an ext4 file system with files of this machine's /usr and some noise, written by qemu-img.
fn make_disk(parts: &mut Parts, dir: &Utf8Path, disk: &Utf8Path) -> Result<(), PartError> {
    let tree = dir.join("tree");
    let raw = dir.join("disk.raw");
    parts.run("collect files for a disk", || {
        let file = |path: &Utf8Path| {
            let path = path.to_owned();
            move |source| PartError::File { path, source }
        };
        fs::create_dir(&tree).map_err(file(&tree))?;
        let noise = tree.join("noise");
        let mut out = File::create(&noise).map_err(file(&noise))?;
        write_noise(&mut out).map_err(file(&noise))?;
        let mut left = FILE_BYTES;
        let mut number = 0;
        for folder in ["/usr/bin", "/usr/lib", "/usr/include", "/usr/share"] {
            collect(Utf8Path::new(folder), &tree, &mut left, &mut number, 0)?;
        }
        if left > FILE_BYTES / 10 {
            return Err(PartError::Seen(
                "this machine's /usr has too few files to make a disk of".into(),
            ));
        }
        let made = File::create(&raw).map_err(file(&raw))?;
        made.set_len(2 << 30).map_err(file(&raw))
    })?;
    let mut format = Command::new("mke2fs");
    format.args(["-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0", "-d"]);
    parts.quiet(
        "make a file system of them",
        format.args([tree.as_str(), raw.as_str(), DISK]),
    )?;
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"]);
    parts.quiet("write it as streamOptimized", convert.args([&raw, disk]))?;
    for path in [&tree, &raw] {
        let removed = if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        removed.map_err(|source| PartError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Copies regular files below a folder, in the order of their names, until enough bytes are collected.
fn collect(folder: &Utf8Path, tree: &Utf8Path, left: &mut u64, number: &mut u32, depth: u32) -> Result<(), PartError> {
    // Deeper folders add little, and a bound is a bound.
    if depth > 6 {
        return Ok(());
    }
    let mut entries: Vec<Utf8PathBuf> = folder
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .collect();
    entries.sort();
    for path in entries {
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            collect(&path, tree, left, number, depth + 1)?;
        } else if metadata.is_file() && metadata.len() <= *left {
            let copy = tree.join(format!("{number:06}"));
            // A file that may not be read is left out.
            if fs::copy(&path, &copy).is_ok() {
                *left -= metadata.len();
                *number += 1;
            }
        }
        if *left == 0 || *number >= 100_000 {
            return Ok(());
        }
    }
    Ok(())
}

/// Writes the same bytes each time, which no compressor makes smaller.
///
/// In small pieces: the kernel counts the memory of the process that starts another one to the other's largest resident set.
fn write_noise(out: &mut File) -> std::io::Result<()> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut piece = vec![0; 1 << 20];
    for _ in 0..NOISE_BYTES / piece.len() {
        for word in piece.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
        out.write_all(&piece)?;
    }
    Ok(())
}

/// Makes a folder in memory where there is room, so that the decoders are measured and not the disk.
fn work_dir() -> Result<Utf8PathBuf, PartError> {
    let memory = Utf8PathBuf::from("/dev/shm");
    let roomy = rustix::fs::statvfs(memory.as_std_path()).is_ok_and(|stat| stat.f_bavail * stat.f_frsize > SPACE);
    let base = if roomy { memory } else { target_dir().join("bench") };
    let dir = base.join(format!("reeve-bench-import-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(|source| PartError::File {
        path: dir.clone(),
        source,
    })?;
    Ok(dir)
}

fn remove(path: &Utf8Path) -> Result<(), PartError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(PartError::File {
            path: path.into(),
            source,
        }),
        _ => Ok(()),
    }
}

fn size(path: &Utf8Path) -> Result<u64, PartError> {
    fs::metadata(path)
        .map(|metadata| metadata.len())
        .map_err(|source| PartError::File {
            path: path.into(),
            source,
        })
}

/// Runs a command and returns its time, its CPU time and its largest resident set.
fn measure(command: &mut Command) -> Result<Run, PartError> {
    let text = format!("{command:?}");
    let start = |source| PartError::Start {
        command: text.clone(),
        source,
    };
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // What cannot be read only makes the message shorter.
        let _ = stderr.read_to_string(&mut said);
    }
    let used = child.wait4().map_err(start)?;
    let wall = began.elapsed();
    if !used.status.success() {
        return Err(PartError::Failed {
            part: "measure".into(),
            status: used.status.to_string(),
            code: used.status.code(),
            command: text,
            tail: format!("; {}", said.trim()),
        });
    }
    Ok(Run {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        peak_kib: used.rusage.maxrss / 1024,
    })
}
