//! How a command becomes root, and how it ends on its host when nobody waits for it any more.

use std::time::Duration;

use crate::{Command, output};

/// How a command that asks for root gets it where the login is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privilege {
    /// Through `sudo -n`, which never asks for a password.
    #[default]
    Sudo,
    /// It runs as the login; for logins that have the needed rights without being root.
    Login,
}

/// What a host told about the login, once per connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login {
    pub(crate) is_root: bool,
    pub(crate) has_timeout: bool,
    pub(crate) privilege: Privilege,
}

impl Login {
    pub(crate) fn uses_sudo(&self, command: &Command) -> bool {
        command.is_as_root() && !self.is_root && self.privilege == Privilege::Sudo
    }

    /// Returns what is really run: `sudo -n -- timeout -k 5 N program args`, as far as it applies.
    ///
    /// `timeout` stands inside of `sudo` because a login may not signal a process of root. It ends the program at the command's
    /// deadline, rounded up to seconds, also when the connection is long gone.
    pub(crate) fn argv(&self, command: &Command) -> Vec<String> {
        let mut argv: Vec<String> = Vec::new();
        if self.uses_sudo(command) {
            argv.extend(["sudo", "-n", "--"].map(str::to_owned));
        }
        if self.has_timeout {
            argv.extend(["timeout", "-k", "5"].map(str::to_owned));
            argv.push(whole_seconds(command.get_deadline()).to_string());
        }
        argv.extend(command.argv());
        argv
    }
}

/// Returns what sudo said if it, and not the command, ended with this status.
pub(crate) fn sudo_refusal(status: i32, stderr: &[u8]) -> Option<String> {
    if status != 1 && status != 127 {
        return None;
    }
    let text = String::from_utf8_lossy(stderr);
    let said_by_sudo = |line: &str| {
        line.starts_with("sudo:")
            || line.starts_with("Sorry, user ")
            || line.ends_with(" is not in the sudoers file.")
            || line.contains("sudo: command not found")
            || line.contains("sudo: not found")
    };
    text.lines()
        .map(str::trim)
        .find(|line| said_by_sudo(line))
        .map(|line| output::printable(line.as_bytes(), 300))
}

/// Rounds up, because `timeout 0` would mean no timeout.
fn whole_seconds(deadline: Duration) -> u64 {
    let seconds = deadline.as_secs() + u64::from(deadline.subsec_nanos() > 0);
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_wrapped_as_far_as_needed() {
        let command = Command::new("cat")
            .arg("/etc/ceph/ceph.conf")
            .deadline(Duration::from_millis(1500));
        let user = Login {
            is_root: false,
            has_timeout: true,
            privilege: Privilege::Sudo,
        };
        assert_eq!(user.argv(&command).join(" "), "timeout -k 5 2 cat /etc/ceph/ceph.conf");
        let command = command.as_root();
        assert_eq!(
            user.argv(&command).join(" "),
            "sudo -n -- timeout -k 5 2 cat /etc/ceph/ceph.conf"
        );
        let root = Login {
            is_root: true,
            has_timeout: false,
            ..user
        };
        assert_eq!(root.argv(&command).join(" "), "cat /etc/ceph/ceph.conf");
        let login = Login {
            privilege: Privilege::Login,
            ..user
        };
        assert_eq!(login.argv(&command).join(" "), "timeout -k 5 2 cat /etc/ceph/ceph.conf");
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        for refusal in [
            "sudo: a password is required\n",
            "sudo: a terminal is required to read the password\nsudo: a password is required\n",
            "reeve is not in the sudoers file.\nThis incident has been reported.\n",
            "Sorry, user reeve is not allowed to execute '/usr/bin/timeout -k 5 2 id' as root on n1.\n",
        ] {
            assert!(sudo_refusal(1, refusal.as_bytes()).is_some(), "{refusal}");
        }
        assert!(sudo_refusal(127, b"bash: line 1: sudo: command not found\n").is_some());
        assert!(sudo_refusal(1, b"cat: /nowhere: No such file or directory\n").is_none());
        assert!(sudo_refusal(2, b"sudo: a password is required\n").is_none());
    }
}
