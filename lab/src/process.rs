//! Processes: known by number and start time, ended through a handle that cannot mean another process.

use camino::Utf8Path;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::state::Started;

/// Returns the start time of a process in clock ticks since boot, or `None` if there is no such process or only its zombie.
///
/// Source: proc_pid_stat(5), fields 3 (state) and 22 (starttime); the name in field 2 may hold spaces and brackets, so the fields are
/// counted from its last bracket.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let (alive, birth) = parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    alive.then_some(birth)
}

/// As [`start_ticks`], for a zombie too.
pub(crate) fn birth_ticks(pid: u32) -> Option<u64> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|(_, birth)| birth)
}

/// Returns whether the process is alive, and its start time.
fn parse_stat(stat: &str) -> Option<(bool, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let alive = !matches!(fields.next()?, "Z" | "X");
    Some((alive, fields.nth(18)?.parse().ok()?))
}

impl Started {
    /// Notes a process that was just started.
    pub(crate) fn new(label: &str, pid: u32) -> Self {
        // A process that is gone already has no start time; 0 never matches a later one.
        Self {
            label: label.to_owned(),
            pid,
            start_ticks: start_ticks(pid).unwrap_or(0),
        }
    }

    /// Tells whether this very process still runs.
    pub(crate) fn is_running(&self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }
}

/// Returns the first child of a process.
///
/// Source: proc_tid_children(5).
pub(crate) fn first_child(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Sends a signal to process `pid` if it belongs to the cgroup `path` or one below it, and tells whether it did.
///
/// The handle is opened first and the cgroup read after: a process that takes over the number in between has another cgroup, and the
/// handle of the one before it reaches nothing.
pub(crate) fn signal_member(pid: u32, procs: &Utf8Path, signal: Signal) -> bool {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else {
        return false;
    };
    let member =
        std::fs::read_to_string(procs).is_ok_and(|text| text.lines().any(|line| line.trim().parse() == Ok(pid)));
    member && pidfd_send_signal(handle, signal).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let this = Started::new("this", std::process::id());
        assert!(this.is_running());
        assert!(
            !Started {
                start_ticks: this.start_ticks + 1,
                ..this
            }
            .is_running()
        );
    }

    #[test]
    fn names_with_brackets_do_not_shift_the_fields() {
        let fields = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(parse_stat(&format!("42 (a) b) {fields}")), Some((true, 4711)));
        assert_eq!(
            parse_stat(&format!("42 (a) {}", fields.replacen('S', "Z", 1))),
            Some((false, 4711))
        );
        assert_eq!(parse_stat("42"), None);
    }
}
