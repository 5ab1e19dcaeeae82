//! One command run to its end: what it said, how long it took, and what it cost.

use std::fs::File;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use wait4::Wait4;

use crate::part::{self, PartError, clock};

/// How often a long command is said to be still at work.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How long a killed command may take to go.
const BURIAL: Duration = Duration::from_secs(30);

/// What came of a command.
pub(crate) struct Observed {
    pub(crate) status: ExitStatus,
    pub(crate) wall: Duration,
    /// User and system time, with that of the processes that it waited for.
    pub(crate) cpu: Duration,
    /// Its standard output.
    pub(crate) said: String,
    /// The file that has its standard error.
    pub(crate) complaints: Utf8PathBuf,
}

/// Runs a command with its output to two files of the target folder, named after `name`, and returns what came of it, whatever its exit code.
///
/// # Errors
///
/// [`PartError::Seen`] if it has not ended by the deadline, when it is killed; [`PartError::Start`] and [`PartError::File`].
pub(crate) fn observe(name: &str, command: &mut Command, deadline: Duration) -> Result<Observed, PartError> {
    let text = format!("{command:?}");
    let (out, err) = (
        part::log_path(&format!("{name} out"))?,
        part::log_path(&format!("{name} err"))?,
    );
    let create = |path: &Utf8Path| {
        File::create(path).map_err(|source| PartError::File {
            path: path.to_owned(),
            source,
        })
    };
    command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&err)?);
    let start = |source| PartError::Start {
        command: text.clone(),
        source,
    };
    let began = Instant::now();
    let mut child = command.spawn().map_err(start)?;
    let pid = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let used = child.wait4();
        // Nobody listens any more if it was killed and did not go in time.
        let _ = tell.send((used, began.elapsed()));
    });
    let used = loop {
        match told.recv_timeout(HEARTBEAT.min(deadline.saturating_sub(began.elapsed()))) {
            Ok(ended) => break ended,
            Err(_) if began.elapsed() < deadline => {
                part::say(&format!("        {name}: {} so far", clock(began.elapsed())));
            }
            Err(_) => {
                // It is not waited for yet, so the number is still its own.
                let _ = kill_process(pid, Signal::KILL);
                let _ = told.recv_timeout(BURIAL);
                return Err(PartError::Seen(format!(
                    "{name}: no end after {}, so it was killed; what it made in the cloud is still there; see {out} and {err}",
                    clock(deadline)
                )));
            }
        }
    };
    let (used, wall) = used;
    let used = used.map_err(start)?;
    let said = std::fs::read(&out).map_err(|source| PartError::File { path: out, source })?;
    Ok(Observed {
        status: used.status,
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        said: String::from_utf8_lossy(&said).into_owned(),
        complaints: err,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_seen_to_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo said; echo complained >&2; exit 3"]);
        let seen = observe("test of a command", &mut command, Duration::from_secs(60)).unwrap();
        assert_eq!((seen.said.as_str(), seen.status.code()), ("said\n", Some(3)));
        assert_eq!(std::fs::read_to_string(seen.complaints).unwrap(), "complained\n");
    }

    #[test]
    fn a_command_without_an_end_is_killed() {
        let began = Instant::now();
        let mut command = Command::new("sleep");
        let error = observe("test of a sleeper", command.arg("600"), Duration::from_millis(200));
        assert!(matches!(error, Err(PartError::Seen(text)) if text.contains("no end after 0:00")));
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
