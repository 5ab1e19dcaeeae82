//! Debian packages of the machine itself, and the Debian mirror that it is set up with.

use std::time::Duration;

use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::progress::Parts;

const PART: &str = "packages of the machine";

/// Programs that the laboratory runs on the machine, and the Debian package that brings each.
const PROGRAMS: [(&str, &str); 9] = [
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("losetup", "mount"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("ssh-keygen", "openssh-client"),
    ("zstd", "zstd"),
    ("tar", "tar"),
];
/// What signs Debian's archive; it comes with the package debian-archive-keyring.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns the packages that are still missing, sorted.
pub(crate) fn missing() -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let mut missing: Vec<&str> = absent.map(|(_, package)| *package).collect();
    if !std::path::Path::new(KEYRING).exists() {
        missing.push("debian-archive-keyring");
    }
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Tells whether a program can be started by its name.
pub(crate) fn is_there(program: &str) -> bool {
    let look = Tool::new(PART, "sh").args(["-c", "command -v \"$1\" > /dev/null", "sh", program]);
    look.answer().is_ok_and(|said| said.code == 0)
}

/// Installs the packages that are missing.
pub(crate) fn install_missing(parts: &Parts<'_>) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    parts.run(&format!("install on this machine: {}", missing.join(", ")), || {
        let apt = |words: &[&str]| {
            Tool::new(PART, "apt-get")
                .args(["-o", "DPkg::Lock::Timeout=300", "-y", "-q"])
                .args(words.iter().copied())
                .env("DEBIAN_FRONTEND", "noninteractive")
                .deadline(Duration::from_secs(900))
        };
        let mut words = vec!["install", "--no-install-recommends"];
        words.extend(&missing);
        // The list of packages may be old or empty; it is fetched only when the first try says so.
        if apt(&words).answer()?.code == 0 {
            return Ok(());
        }
        apt(&["update"]).run()?;
        apt(&words).run().map(drop)
    })
}

/// Returns the Debian mirror that was given, or else that of the machine's own apt settings.
///
/// # Errors
///
/// [`LabError::Lacking`] if none was given and the machine's apt knows no Debian archive.
pub(crate) fn mirror(given: Option<&str>) -> Result<String> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(COMPONENT)";
    let said = Tool::new(PART, "apt-get")
        .args(["indextargets", "--format", format, "Created-By: Packages"])
        .run()?;
    choose_mirror(&said.stdout).ok_or_else(|| LabError::Lacking {
        missing: vec![
            "Debian mirror: apt on this machine knows no Debian archive with component main; name one with --mirror URL".into(),
        ],
    })
}

/// Picks the Debian archive out of apt's index targets, one a line: origin, label, address, component. Before the first `apt-get update` origin and
/// label are not known, and the address must do.
fn choose_mirror(targets: &str) -> Option<String> {
    let rows = || {
        targets
            .lines()
            .map(|line| line.split('|').collect::<Vec<_>>())
            .filter(|row| row.len() == 4 && row[3] == "main")
    };
    let named = rows().find(|row| row[0] == "Debian" && row[1] == "Debian");
    let guessed = || rows().find(|row| row[0].starts_with('$') && row[2].trim_end_matches('/').ends_with("/debian"));
    named
        .or_else(guessed)
        .map(|row| row[2].trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machines_own() {
        let updated = "Other|Other|http://one.example/apt/|main\nDebian|Debian-Security|http://two.example/sec/|main\n\
                       Debian|Debian|http://three.example/debian/|contrib\nDebian|Debian|http://three.example/debian/|main\n";
        assert_eq!(choose_mirror(updated).unwrap(), "http://three.example/debian");
        let fresh =
            "$(ORIGIN)|$(LABEL)|http://one.example/apt/|main\n$(ORIGIN)|$(LABEL)|http://two.example/debian/|main\n";
        assert_eq!(choose_mirror(fresh).unwrap(), "http://two.example/debian");
        assert_eq!(choose_mirror("Ubuntu|Ubuntu|http://one.example/ubuntu/|main\n"), None);
        assert_eq!(choose_mirror(""), None);
    }
}
