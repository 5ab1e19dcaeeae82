//! The official tests: where they lie, the Python that runs them, and what they say.
//!
//! They are never part of this project: they lie beside the checkout, or wherever a person says.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cloud::{Door, LOGIN};
use crate::observe::{Observed, observe};
use crate::part::{self, PartError, Parts};
use crate::tool::{cache_dir, root};

/// The commit of SovereignCloudStack/standards that verdicts are compared with.
pub(crate) const COMMIT: &str = "077174d94b576e480e8168d198004296bee94748";

/// Where it lies beside the checkout.
const BESIDE: &str = "shared/lab/scs-standards-077174d9";

/// How long one run may take. On a good cloud it takes about a minute; where backups hang, its own waits add up to six.
const DEADLINE: Duration = Duration::from_secs(1200);

/// Verdicts by id, as both suites write them: `PASS`, `FAIL`, `ABORT`.
pub(crate) type Verdicts = BTreeMap<String, String>;

/// A checkout of the official tests with a Python that can run them.
pub(crate) struct Suite {
    pub(crate) folder: Utf8PathBuf,
    pub(crate) python: Utf8PathBuf,
}

/// Returns the folder of the official tests: the one that was named, else the one beside the checkout if it is there.
///
/// # Errors
///
/// [`PartError::Seen`] if a folder was named that is not a checkout of [`COMMIT`].
pub(crate) fn find(named: Option<&Utf8Path>) -> Result<Option<Utf8PathBuf>, PartError> {
    let beside = root().parent().map(|above| above.join(BESIDE));
    let Some(folder) = named.map(Utf8Path::to_owned).or(beside.filter(|path| path.exists())) else {
        return Ok(None);
    };
    let folder = folder.canonicalize_utf8().map_err(|source| PartError::File {
        path: folder.clone(),
        source,
    })?;
    if !folder.join("Tests/iaas/openstack_test.py").exists() {
        return Err(PartError::Seen(format!(
            "{folder} has no Tests/iaas/openstack_test.py, so it is no checkout of SovereignCloudStack/standards"
        )));
    }
    match commit(&folder) {
        Some(commit) if commit == COMMIT => Ok(Some(folder)),
        Some(other) => Err(PartError::Seen(format!(
            "{folder} is SovereignCloudStack/standards at {other}, and verdicts are compared with {COMMIT}; `git checkout {COMMIT}` in it"
        ))),
        None => Err(PartError::Seen(format!(
            "nothing in {folder} says which commit it is: neither git nor a file PROVENANCE.md; verdicts are compared with {COMMIT}"
        ))),
    }
}

/// Returns the commit of a checkout: as git says, or, for a copy without git, as the file beside it says.
fn commit(folder: &Utf8Path) -> Option<String> {
    if folder.join(".git").exists() {
        let mut git = Command::new("git");
        let output = git.args(["-C", folder.as_str(), "rev-parse", "HEAD"]).output().ok()?;
        return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let text = std::fs::read_to_string(folder.join("PROVENANCE.md")).ok()?;
    first_commit(&text)
}

fn first_commit(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

impl Suite {
    /// Makes the Python that runs the tests of `folder`, with the packages that they ask for at the versions that they name, and keeps it for the next time.
    pub(crate) fn ensure(folder: Utf8PathBuf, parts: &mut Parts) -> Result<Self, PartError> {
        let venv = cache_dir()
            .join("tools")
            .join(format!("scs-standards-{}", &COMMIT[..8]));
        let python = venv.join("bin").join("python3");
        let suite = Self { folder, python };
        // Written last, so a Python that was left half made is made again.
        let whole = venv.join("whole");
        if whole.exists() {
            return Ok(suite);
        }
        ensure_venv(parts)?;
        if venv.exists() {
            std::fs::remove_dir_all(&venv).map_err(|source| PartError::File {
                path: venv.clone(),
                source,
            })?;
        }
        parts.run("make a Python for the official tests, packages from PyPI", || {
            part::quiet("venv", Command::new("python3").args(["-m", "venv", venv.as_str()]))?;
            let mut pip = Command::new(&suite.python);
            pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
            for name in ["requirements.txt", "iaas/requirements.txt"] {
                pip.args(["-r", suite.folder.join("Tests").join(name).as_str()]);
            }
            part::quiet("pip", &mut pip)
        })?;
        std::fs::write(&whole, "").map_err(|source| PartError::File { path: whole, source })?;
        Ok(suite)
    }

    /// Runs the official tests of these ids in the cloud and returns their verdicts.
    ///
    /// The script is the one that the official command calls; without the command around it, it also takes ids that no version of the standards has.
    ///
    /// # Errors
    ///
    /// [`PartError::Seen`] if it does not end in time or gives no verdict at all.
    pub(crate) fn run(&self, name: &str, door: &Door, ids: &[String]) -> Result<(Verdicts, Observed), PartError> {
        let mut command = door.command(&self.python);
        command.current_dir(self.folder.join("Tests").join("iaas"));
        command.args(["openstack_test.py", "--os-cloud", LOGIN]).args(ids);
        let observed = observe(name, &mut command, DEADLINE)?;
        let verdicts = verdicts(&observed.said, ids);
        if verdicts.is_empty() {
            return Err(PartError::Seen(format!(
                "{name}: the official tests ended with {} and without a verdict; see {}",
                observed.status, observed.complaints
            )));
        }
        Ok((verdicts, observed))
    }
}

/// Debian keeps what makes a venv apart from Python itself.
fn ensure_venv(parts: &mut Parts) -> Result<(), PartError> {
    let mut probe = Command::new("python3");
    let works = probe.args(["-c", "import ensurepip, venv"]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    parts.run("install Debian packages: python3-venv", || {
        part::quiet("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install.args(["install", "-y", "-qq", "--no-install-recommends", "python3-venv"]);
        part::quiet("apt-get install", &mut install)
    })
}

/// Reads lines `id: VERDICT`; other lines and other ids say nothing.
///
/// Source: SovereignCloudStack/standards: `Tests/scs-compliance-check.py` – `compute_results`.
fn verdicts(said: &str, ids: &[String]) -> Verdicts {
    let mut found = Verdicts::new();
    for line in said.lines() {
        let Some((id, verdict)) = line.rsplit_once(':') else {
            continue;
        };
        let (id, verdict) = (id.trim(), verdict.trim().to_ascii_uppercase());
        if ["PASS", "FAIL", "ABORT"].contains(&verdict.as_str()) && ids.iter().any(|wanted| wanted == id) {
            found.insert(id.to_owned(), verdict);
        }
    }
    found
}

/// Returns the last lines that the official tests wrote about an id, without those that only tell what is looked up.
pub(crate) fn evidence(complaints: &str, id: &str, lines: usize) -> Vec<String> {
    let begins = format!("DEBUG: ** {id}");
    let about = complaints
        .lines()
        .skip_while(|line| line.trim_end() != begins)
        .skip(1)
        .take_while(|line| !line.starts_with("DEBUG: ** "))
        .filter(|line| !line.starts_with("DEBUG: ... ") && !line.trim().is_empty());
    let about: Vec<&str> = about.collect();
    let tail = &about[about.len().saturating_sub(lines)..];
    let safe = |line: &&str| line.chars().filter(|c| !c.is_control()).take(300).collect();
    tail.iter().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_as_the_official_command_reads_them() {
        let ids = ["scs-1-a", "scs-1-b", "scs-1-c"].map(str::to_owned);
        let said = "noise\nscs-1-a: PASS\nscs-1-b: fail \nscs-1-c: MAYBE\nscs-9: PASS\nwarning: scs-1-c: x\n";
        let found: Vec<(String, String)> = verdicts(said, &ids).into_iter().collect();
        let expected = [("scs-1-a", "PASS"), ("scs-1-b", "FAIL")].map(|(id, word)| (id.to_owned(), word.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_was_said_about_an_id_is_found() {
        let text = "DEBUG: ** scs-1-a\nERROR: other\nDEBUG: ** scs-1-b\nDEBUG: ... images\nERROR: one\nERROR: two\x1b[1m\n\nDEBUG: ** scs-1-c\nERROR: other\n";
        assert_eq!(evidence(text, "scs-1-b", 5), ["ERROR: one", "ERROR: two[1m"]);
        assert_eq!(evidence(text, "scs-1-b", 1), ["ERROR: two[1m"]);
        assert!(evidence(text, "scs-1-z", 5).is_empty());
    }

    #[test]
    fn a_copy_says_which_commit_it_is() {
        let text = format!("standards at commit {COMMIT} (2026-08-21)");
        assert_eq!(first_commit(&text).as_deref(), Some(COMMIT));
        assert_eq!(first_commit("at commit 077174d9"), None);
    }
}
