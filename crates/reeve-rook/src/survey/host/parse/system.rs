//! The host itself: name, system, memory, addresses, users, clock.

use std::collections::BTreeSet;

use crate::facts::UserIds;
use crate::survey::host::parse::FoundFiles;

/// What is read right after the login, in one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoginFacts {
    pub(crate) hostname: String,
    pub(crate) machine_id: String,
    pub(crate) os: String,
    pub(crate) kernel: String,
}

fn first_line(files: &FoundFiles, path: &str) -> String {
    files
        .get(path)
        .and_then(|text| text.lines().next())
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Reads the host's names from the files of the first command.
pub(crate) fn parse_login(files: &FoundFiles) -> LoginFacts {
    let release = files
        .get("/etc/os-release")
        .or_else(|| files.get("/usr/lib/os-release"));
    let value = |key: &str| {
        let line = release?
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    LoginFacts {
        hostname: first_line(files, "/proc/sys/kernel/hostname"),
        machine_id: first_line(files, "/etc/machine-id"),
        os: value("PRETTY_NAME").or_else(|| value("NAME")).unwrap_or_default(),
        kernel: first_line(files, "/proc/sys/kernel/osrelease"),
    }
}

/// Returns MemTotal and MemAvailable in bytes.
pub(crate) fn parse_memory(meminfo: &str) -> (Option<u64>, Option<u64>) {
    let bytes = |key: &str| {
        let rest = meminfo
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    (bytes("MemTotal"), bytes("MemAvailable"))
}

/// Returns SELinux's state: the kernel's word, or the configuration's where the kernel has none.
pub(crate) fn selinux(files: &FoundFiles) -> String {
    match first_line(files, "/sys/fs/selinux/enforce").as_str() {
        "1" => return "enforcing".into(),
        "0" => return "permissive".into(),
        _ => {}
    }
    // A configuration without the kernel's part is what `selinux=0` on the kernel's command line leaves.
    if files.contains_key("/etc/selinux/config") {
        "disabled".into()
    } else {
        "absent".into()
    }
}

/// Reads `ip -o address show scope global`: IPv4 and IPv6 addresses without prefix length.
pub(crate) fn parse_addresses(text: &str) -> BTreeSet<String> {
    let address = |line: &str| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word != "inet" && *word != "inet6");
        words.next()?;
        let address = words.next()?.split('/').next()?;
        address.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
    };
    text.lines().filter_map(address).collect()
}

/// Reads `getent passwd ceph`.
pub(crate) fn parse_passwd(text: &str) -> Option<UserIds> {
    let mut fields = text.lines().next()?.split(':').skip(2);
    Some(UserIds {
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

/// Reads `id -u`.
pub(crate) fn parse_id(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// Reads `timedatectl show --property=NTPSynchronized`.
pub(crate) fn parse_timedatectl(text: &str) -> Option<bool> {
    match text
        .lines()
        .find_map(|line| line.strip_prefix("NTPSynchronized="))?
        .trim()
    {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Reads `chronyc -n tracking`: synchronised is whatever has a leap status other than `Not synchronised`.
pub(crate) fn parse_chrony(text: &str) -> Option<bool> {
    let status = text
        .lines()
        .find_map(|line| line.strip_prefix("Leap status")?.split_once(':'))?
        .1
        .trim();
    Some(status != "Not synchronised")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> FoundFiles {
        list.iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn the_host_tells_its_names() {
        let login = parse_login(&files(&[
            ("/proc/sys/kernel/hostname", "n1\n"),
            ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
            (
                "/etc/os-release",
                "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
            ),
            ("/proc/sys/kernel/osrelease", "6.12.0-amd64\n"),
        ]));
        assert_eq!(login.hostname, "n1");
        assert_eq!(login.machine_id, "0123456789abcdef0123456789abcdef");
        assert_eq!(login.os, "Debian GNU/Linux 13 (trixie)");
        assert_eq!(login.kernel, "6.12.0-amd64");
        assert_eq!(parse_login(&FoundFiles::new()), LoginFacts::default());
    }

    #[test]
    fn memory_comes_in_bytes() {
        assert_eq!(
            parse_memory("MemTotal:       2048 kB\nMemAvailable:   1024 kB\n"),
            (Some(2 << 20), Some(1 << 20))
        );
        assert_eq!(
            parse_memory("MemTotal: 99999999999999999999 kB\nMemFree: 1 kB"),
            (None, None)
        );
    }

    #[test]
    fn selinux_has_four_states() {
        assert_eq!(selinux(&files(&[("/sys/fs/selinux/enforce", "1\n")])), "enforcing");
        assert_eq!(selinux(&files(&[("/sys/fs/selinux/enforce", "0\n")])), "permissive");
        assert_eq!(
            selinux(&files(&[("/etc/selinux/config", "SELINUX=enforcing\n")])),
            "disabled"
        );
        assert_eq!(selinux(&files(&[])), "absent");
    }

    #[test]
    fn addresses_lose_prefix_and_interface() {
        let text = "2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever\n\
                    2: eth0    inet6 fd00::0001/64 scope global \\       valid_lft forever\n\
                    3: br0    inet oops/24 scope global\n4: x";
        assert_eq!(parse_addresses(text), ["10.0.0.1", "fd00::1"].map(String::from).into());
    }

    #[test]
    fn users_and_clocks() {
        assert_eq!(
            parse_passwd("ceph:x:167:168::/var/lib/ceph:/sbin/nologin\n"),
            Some(UserIds { uid: 167, gid: 168 })
        );
        assert_eq!(parse_passwd(""), None);
        assert_eq!(parse_id("0\n"), Some(0));
        assert_eq!(parse_timedatectl("NTPSynchronized=yes\n"), Some(true));
        assert_eq!(parse_timedatectl("NTPSynchronized=no\n"), Some(false));
        assert_eq!(parse_timedatectl("Failed"), None);
        assert_eq!(
            parse_chrony("Stratum         : 3\nLeap status     : Normal\n"),
            Some(true)
        );
        assert_eq!(parse_chrony("Leap status     : Not synchronised\n"), Some(false));
        assert_eq!(parse_chrony("506 Cannot talk to daemon"), None);
    }
}
