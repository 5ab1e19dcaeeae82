//! Files on a host, through commands that every Linux host has: GNU coreutils and a POSIX shell.
//!
//! The two scripts are constant; names and numbers reach them as positional parameters, never as part of the text.

use std::time::Duration;

use camino::Utf8Path;

use crate::{Command, Host, HostError, output};

const FILE_DEADLINE: Duration = Duration::from_secs(60);

/// `$1` directory, `$2` file name, `$3` mode, `$4` size in bytes.
///
/// The size is compared because standard input also ends early when a connection breaks. `sync` with a file name is fsync since
/// coreutils 8.24, before that it syncs everything.
const WRITE: &str = r#"set -eu
umask 077
temp=$(mktemp -- "$1/.$2.XXXXXXXXXX")
trap 'rm -f -- "$temp"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$temp"
[ "$(stat -c %s -- "$temp")" = "$4" ] || { echo "the content did not arrive whole" >&2; exit 74; }
chmod -- "$3" "$temp"
sync -- "$temp"
mv -fT -- "$temp" "$1/$2"
sync -- "$1"
"#;

/// `$1` source, `$2` target.
///
/// mv copies where it cannot rename, so device and mount point of both sides are compared first; the same device may be mounted
/// twice, and then rename fails as well. Old versions of mv do not tell that `-n` kept them from moving, hence the last test.
const RENAME: &str = r#"set -eu
LC_ALL=C
export LC_ALL
[ -e "$1" ] || [ -L "$1" ] || { echo "there is no such file" >&2; exit 74; }
if [ -e "$2" ] || [ -L "$2" ]; then echo "$2 exists already" >&2; exit 74; fi
source=$(dirname -- "$1")
target=$(dirname -- "$2")
[ -d "$target" ] || { echo "there is no directory $target" >&2; exit 74; }
from=$(stat -c '%d %m' -- "$1")
[ "$from" = "$(stat -c '%d %m' -- "$target")" ] && [ "$from" = "$(stat -c '%d %m' -- "$source")" ] || {
  echo "$2 is not on the same mount, and copying is not renaming" >&2
  exit 74
}
mv -nT -- "$1" "$2"
if [ -e "$1" ] || [ -L "$1" ]; then echo "$2 appeared meanwhile" >&2; exit 74; fi
sync -- "$source" "$target"
"#;

pub(crate) async fn read(
    host: &(impl Host + ?Sized),
    path: &Utf8Path,
    limit: usize,
) -> Result<Option<Vec<u8>>, HostError> {
    // `cat` and not `head`: the command's own limit then stops it, and error texts are the same everywhere in the C locale.
    let command = Command::new("env")
        .args(["LC_ALL=C", "cat", "--", path.as_str()])
        .as_root()
        .deadline(FILE_DEADLINE)
        .stdout_limit(limit);
    let output = host.run(&command).await?;
    if output.success() {
        return Ok(Some(output.stdout));
    }
    if output.stderr_text().trim_end().ends_with(": No such file or directory") {
        return Ok(None);
    }
    Err(failed(host, path, &output.stderr))
}

pub(crate) async fn write(
    host: &(impl Host + ?Sized),
    path: &Utf8Path,
    bytes: &[u8],
    mode: u32,
) -> Result<(), HostError> {
    let (directory, name) = parent_and_name(host, path)?;
    let command = Command::new("sh")
        .args(["-c", WRITE, "reeve-write", directory, name])
        .args([format!("{:04o}", mode & 0o7777), bytes.len().to_string()])
        .stdin(bytes)
        .as_root()
        .deadline(FILE_DEADLINE);
    let output = host.run(&command).await?;
    if output.success() {
        Ok(())
    } else {
        Err(failed(host, path, &output.stderr))
    }
}

pub(crate) async fn rename(host: &(impl Host + ?Sized), from: &Utf8Path, to: &Utf8Path) -> Result<(), HostError> {
    parent_and_name(host, from)?;
    parent_and_name(host, to)?;
    let command = Command::new("sh")
        .args(["-c", RENAME, "reeve-rename", from.as_str(), to.as_str()])
        .as_root()
        .deadline(FILE_DEADLINE);
    let output = host.run(&command).await?;
    if output.success() {
        Ok(())
    } else {
        Err(failed(host, from, &output.stderr))
    }
}

fn failed(host: &(impl Host + ?Sized), path: &Utf8Path, stderr: &[u8]) -> HostError {
    let problem = output::printable_tail(stderr);
    file_error(
        host,
        path,
        if problem.is_empty() {
            "no reason was given"
        } else {
            &problem
        },
    )
}

fn file_error(host: &(impl Host + ?Sized), path: &Utf8Path, problem: &str) -> HostError {
    let path = output::printable(path.as_str().as_bytes(), 400);
    HostError::File {
        host: host.name().clone(),
        path,
        problem: problem.to_owned(),
    }
}

/// Splits an absolute path; a relative one would depend on where the login lands.
fn parent_and_name<'a>(host: &(impl Host + ?Sized), path: &'a Utf8Path) -> Result<(&'a str, &'a str), HostError> {
    match (path.is_absolute(), path.parent(), path.file_name()) {
        (true, Some(parent), Some(name)) => Ok((parent.as_str(), name)),
        _ => Err(file_error(host, path, "an absolute path of a file is needed")),
    }
}
