//! The tests against laboratories: which of them share one, and which need one of their own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::laboratory::Laboratory;
use crate::part::{self, PartError, Parts};
use crate::tool::cargo;

/// Tests that run on one laboratory, one after the other; each finds it as the one before left it.
struct Group {
    laboratory: Laboratory,
    /// What to add to `lab up rook`.
    shape: &'static [&'static str],
    /// Names of files in `live-tests/tests`.
    tests: &'static [&'static str],
    /// Run without `--all` too.
    always: bool,
}

/// The groups in the order of beginning: the longest first, so that what runs beside them ends with them. A take-over leaves a laboratory that is no legacy one any more, so whatever needs that comes before it, and what needs a
/// cluster of Rook's after it.
const GROUPS: [Group; 6] = [
    Group {
        laboratory: Laboratory { name: "test" },
        shape: &[],
        tests: &[
            "live_ssh",
            "live_kubernetes",
            "live_survey",
            "live_check",
            "live_questions",
            "live_model",
            "live_migrate",
            "live_adopt",
            "live_reboot",
        ],
        always: true,
    },
    Group {
        laboratory: Laboratory { name: "faults" },
        shape: &[],
        tests: &["live_faults"],
        always: true,
    },
    Group {
        laboratory: Laboratory { name: "kills" },
        shape: &[],
        tests: &["live_kills"],
        always: true,
    },
    Group {
        laboratory: Laboratory { name: "back" },
        shape: &[],
        tests: &["live_rollback"],
        always: false,
    },
    Group {
        laboratory: Laboratory { name: "onemon" },
        shape: &["--mons", "1", "--osds-per-node", "1"],
        tests: &["live_migrate"],
        always: false,
    },
    Group {
        laboratory: Laboratory { name: "fivemons" },
        shape: &["--nodes", "5", "--mons", "5", "--osds-per-node", "1"],
        tests: &["live_migrate"],
        always: false,
    },
];

/// What runs on a laboratory `openstack`, and is in no group.
pub(crate) const ON_A_CLOUD: &str = "live_import";

/// Returns the names of the groups' laboratories.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.laboratory.name)
}

/// Says whether the group on this laboratory runs without being asked for.
pub(crate) fn always(laboratory: &str) -> bool {
    let mut groups = GROUPS.iter();
    groups.any(|group| group.always && group.laboratory.name == laboratory)
}

/// Runs the groups whose laboratory `chosen` wants, `at_once` of them beside each other.
///
/// After a failure no further group is begun; those at work go on to their end. With `keep`, the laboratory of the last group stays up, and so does one whose test
/// failed: what it shows cannot be had again.
pub(crate) fn run(
    chosen: impl Fn(&str) -> bool,
    keep: bool,
    at_once: usize,
    parts: &mut Parts,
) -> Result<(), PartError> {
    let chosen: Vec<&Group> = GROUPS.iter().filter(|group| chosen(group.laboratory.name)).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = |mut parts: Parts| {
        let mut errors = Vec::new();
        while !failed.load(Ordering::SeqCst) {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(group) = chosen.get(number) else { break };
            if let Err(error) = group.run(keep, number + 1 == chosen.len(), &mut parts) {
                failed.store(true, Ordering::SeqCst);
                errors.push(error);
            }
        }
        (parts, errors)
    };
    let ended: Vec<(Parts, Vec<PartError>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once.clamp(1, chosen.len()))
            .map(|_| {
                let parts = parts.beside();
                scope.spawn(|| work(parts))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"))
            .collect()
    });
    let mut errors = Vec::new();
    for (beside, of_worker) in ended {
        parts.take_in(beside);
        errors.extend(of_worker);
    }
    let Some(last) = errors.pop() else { return Ok(()) };
    for error in &errors {
        part::say(&format!("error: {error}"));
    }
    Err(last)
}

impl Group {
    /// Brings the laboratory up, runs the tests on it, and takes it down.
    fn run(&self, keep: bool, last: bool, parts: &mut Parts) -> Result<(), PartError> {
        let name = self.laboratory.name;
        self.laboratory.up_beside(self.shape, parts)?;
        let result = self.tests.iter().try_for_each(|file| test(name, file, parts));
        if keep && (result.is_err() || last) {
            part::say(&format!(
                "the laboratory `{name}` stays up (--keep); remove it with `cargo lab down --name {name}`"
            ));
            return result;
        }
        let down = self.laboratory.down(parts);
        result.and(down)
    }
}

/// Runs one file of tests, each line of its output behind the laboratory's name.
///
/// In a run over the whole workspace: one over a single package would resolve other features and build the dependencies anew.
pub(crate) fn test(laboratory: &str, file: &str, parts: &mut Parts) -> Result<(), PartError> {
    let mut command = cargo();
    command.env("REEVE_LAB", laboratory);
    command.args(["test", "--workspace", "--test", file, "--"]);
    // Figures that a test measures are printed.
    command.args(["--ignored", "--test-threads=1", "--nocapture"]);
    parts.show_behind(
        laboratory,
        &format!("{file} on laboratory `{laboratory}`"),
        &mut command,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_tests_is_in_a_group() {
        let folder = crate::tool::root().join("live-tests").join("tests");
        let files: BTreeSet<String> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned())
            .collect();
        let named: BTreeSet<String> = GROUPS
            .iter()
            .flat_map(|group| group.tests)
            .chain(&[ON_A_CLOUD])
            .map(|test| (*test).to_owned())
            .collect();
        assert_eq!(files, named);
    }
}
