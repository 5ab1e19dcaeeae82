//! Overlay mounts and loop devices.

use std::ffi::CString;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::command::{Tool, wait_for};
use crate::error::{LabError, Result};
use crate::state::{Made, Record};

/// Mounts an overlay of `lower` on `target`; what is written goes to `upper`. The folders exist, on one real file system.
pub(crate) fn mount_overlay(
    record: &Record,
    lower: &Utf8Path,
    upper: &Utf8Path,
    work: &Utf8Path,
    target: &Utf8Path,
) -> Result<()> {
    for path in [lower, upper, work] {
        if path.as_str().contains([',', ':', '\\']) {
            let why = format!(
                "{path}: an overlay mount cannot take a path with a comma, colon or backslash; choose another folder"
            );
            return Err(LabError::Request(why));
        }
    }
    record.makes(Made::Mount {
        path: target.to_owned(),
    })?;
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let options = CString::new(options).expect("a path read as UTF-8 holds no zero byte");
    let mounted = rustix::mount::mount(
        "overlay",
        target.as_str(),
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    );
    mounted.map_err(|error| LabError::file("mount an overlay on", target)(error.into()))
}

/// Returns the mount points of this mount namespace at `path` and below, deepest first.
pub(crate) fn mounts_below(path: &Utf8Path) -> Vec<Utf8PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut all: Vec<Utf8PathBuf> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| Utf8PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(path))
        .collect();
    all.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    all
}

/// Unmounts what is mounted at `path` and below.
pub(crate) fn unmount(path: &Utf8Path) -> Result<()> {
    wait_for(
        "unmount",
        &format!("{path} to be free"),
        Duration::from_secs(20),
        || {
            for point in mounts_below(path) {
                if let Err(error) = rustix::mount::unmount(point.as_str(), UnmountFlags::empty()) {
                    return Err(format!("{point}: {error}"));
                }
            }
            Ok(())
        },
    )
}

/// A loop device and the file behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoopDevice {
    /// `/dev/loopN`.
    pub(crate) device: Utf8PathBuf,
    /// Its minor number; the major number of loop devices is 7.
    pub(crate) minor: u32,
}

/// Makes a sparse file of `bytes` and a loop device over it.
pub(crate) fn attach_loop(
    record: &Record,
    file: &Utf8Path,
    bytes: u64,
    tool: impl Fn(Tool) -> Tool,
) -> Result<LoopDevice> {
    let made = std::fs::File::create(file).and_then(|file| file.set_len(bytes));
    made.map_err(LabError::file("make", file))?;
    record.makes(Made::Loop { file: file.to_owned() })?;
    let said = tool(Tool::new("loop device", "losetup").args(["--find", "--show", file.as_str()])).run()?;
    parse_loop(said.stdout.trim())
}

fn parse_loop(device: &str) -> Result<LoopDevice> {
    let minor = device.strip_prefix("/dev/loop").and_then(|number| number.parse().ok());
    let form = || LabError::Form {
        what: "the answer of losetup".into(),
        why: format!("`{device}` is no loop device"),
    };
    Ok(LoopDevice {
        device: device.into(),
        minor: minor.ok_or_else(form)?,
    })
}

/// Returns the loop devices over `file`.
pub(crate) fn loops_over(file: &Utf8Path) -> Result<Vec<LoopDevice>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let words = ["--associated", file.as_str(), "--output", "NAME", "--noheadings"];
    let said = Tool::new("loop device", "losetup").args(words).run()?;
    said.stdout.lines().map(|line| parse_loop(line.trim())).collect()
}

/// Detaches the loop devices over `file`.
pub(crate) fn detach_loop(file: &Utf8Path) -> Result<()> {
    wait_for(
        "loop device",
        &format!("the loop device over {file} to be gone"),
        Duration::from_secs(20),
        || {
            let there = loops_over(file).map_err(|error| error.to_string())?;
            if there.is_empty() {
                return Ok(());
            }
            for device in &there {
                // One that is still open goes by itself at its last close; the next look tells.
                drop(
                    Tool::new("loop device", "losetup")
                        .args(["--detach", device.device.as_str()])
                        .answer(),
                );
            }
            Err(there
                .iter()
                .map(|device| device.device.as_str())
                .collect::<Vec<_>>()
                .join(", "))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_devices_are_read_by_their_number() {
        assert_eq!(parse_loop("/dev/loop12").unwrap().minor, 12);
        for bad in ["", "/dev/loop", "/dev/sda1", "/dev/loop1p1"] {
            assert!(parse_loop(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mounts_are_found_deepest_first() {
        let all = mounts_below(Utf8Path::new("/"));
        assert_eq!(all.last().unwrap(), "/");
        assert!(all.len() > 1);
    }
}
