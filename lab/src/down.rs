//! Taking a laboratory down: exactly what its record says, in the order in which nothing holds anything any more.

use std::time::Duration;

use camino::Utf8Path;

use crate::cache::{Cache, remove_tree};
use crate::cgroup::{self, Hierarchies};
use crate::command::{Tool, wait_for};
use crate::error::{LabError, Result};
use crate::machine;
use crate::progress::{Parts, Progress, all_at_once};
use crate::spec::LabName;
use crate::state::{Lock, Made, Places, Record, boot_id};
use crate::storage::{detach_loop, mounts_below, unmount};

/// How long the processes of a laboratory may take to be gone after they were killed.
const DEATH: Duration = Duration::from_secs(30);

/// Takes a laboratory down and removes all that it made; one that is not there is fine too. Tells whether there was one.
///
/// # Errors
///
/// [`LabError::Busy`] if another process works on it; [`LabError::LeftBehind`] with what could not be removed.
pub fn down(places: &Places, name: &LabName, progress: &dyn Progress) -> Result<bool> {
    let parts = Parts::new(progress);
    let cgroups = Hierarchies::of_this_machine()?;
    let lock = Lock::of_lab(places, name)?;
    Cache::clean_up_after_the_dead(places, &cgroups)?;
    if !places.folder(name).exists() {
        return Ok(false);
    }
    parts.run(&format!("take the laboratory `{name}` down"), || {
        destroy(places, name, &cgroups)
    })?;
    drop(lock);
    Ok(true)
}

/// Removes all that a laboratory made; its lock is held.
pub(crate) fn destroy(places: &Places, name: &LabName, cgroups: &Hierarchies) -> Result<()> {
    let folder = places.folder(name);
    let recorded = Record::read(&folder)?;
    // After a reboot nothing is left of it but files.
    let made = recorded
        .filter(|recorded| recorded.boot_id == boot_id())
        .map(|recorded| recorded.made)
        .unwrap_or_default();
    let (mut left, mut dead) = (Vec::new(), cgroup::Dead::new());
    // First the processes: what they hold cannot be removed before.
    for made in &made {
        if let Made::Cgroup { path } = made {
            left.extend(cgroup::clear(path, DEATH, &mut dead));
        }
    }
    for made in made.iter().rev() {
        if let Err(error) = remove(made) {
            left.push(error.to_string());
        }
    }
    left.extend(mounts_below(&folder).iter().map(|mount| format!("mount {mount}")));
    if !left.is_empty() {
        return Err(LabError::LeftBehind {
            name: name.to_string(),
            left,
        });
    }
    // The nodes' folders hold nearly all of it.
    let nodes: Vec<_> = folder
        .join("nodes")
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    all_at_once(&nodes, |node| remove_tree(node.path()))?;
    remove_tree(&folder)?;
    cgroup::wait_for_burial(&dead);
    let machine = machine::lock()?;
    if cgroups.any_lab() {
        return Ok(());
    }
    machine::restore_settings(&machine)?;
    for hierarchy in cgroups.iter() {
        // Stays while somebody makes cached parts.
        drop(std::fs::remove_dir(hierarchy.mount.join(cgroup::ROOT)));
    }
    Ok(())
}

fn remove(made: &Made) -> Result<()> {
    match made {
        // Cleared before everything else.
        Made::Cgroup { .. } => Ok(()),
        Made::Mount { path } => unmount(path),
        Made::Loop { file } => detach_loop(file),
        Made::Link { name } => gone(&format!("/sys/class/net/{name}"), &["link", "delete", name]),
        Made::NetworkNamespace { name } => gone(&format!("/run/netns/{name}"), &["netns", "delete", name]),
    }
}

/// Runs `ip` with these words until the file that shows the thing is gone.
fn gone(shown_as: &str, words: &[&str]) -> Result<()> {
    wait_for(
        "network",
        &format!("{shown_as} to be gone"),
        Duration::from_secs(10),
        || {
            if !Utf8Path::new(shown_as).exists() {
                return Ok(());
            }
            let said = Tool::new("network", "ip")
                .args(words.iter().copied())
                .answer()
                .map_err(|error| error.to_string())?;
            if Utf8Path::new(shown_as).exists() {
                Err(said.stderr.trim().to_owned())
            } else {
                Ok(())
            }
        },
    )
}

/// Removes what crashed laboratories and makers of cached parts left; returns the names of the laboratories that were removed.
///
/// Laboratories that are up, and those at which a process works, stay.
///
/// # Errors
///
/// As [`down`].
pub fn clean(places: &Places, progress: &dyn Progress) -> Result<Vec<LabName>> {
    let parts = Parts::new(progress);
    let cgroups = Hierarchies::of_this_machine()?;
    Cache::clean_up_after_the_dead(places, &cgroups)?;
    let mut removed = Vec::new();
    for name in places.names()? {
        let Ok(_lock) = Lock::of_lab(places, &name) else {
            continue;
        };
        let recorded = Record::read(&places.folder(&name))?;
        if recorded.is_some_and(|recorded| recorded.up && recorded.boot_id == boot_id()) {
            continue;
        }
        parts.run(&format!("remove the crashed laboratory `{name}`"), || {
            destroy(places, &name, &cgroups)
        })?;
        removed.push(name);
    }
    Ok(removed)
}

/// Removes cached parts that no recipe of this program makes any more; returns their folders.
///
/// # Errors
///
/// [`LabError`] if another process makes cached parts for longer than an hour, or a folder cannot be removed.
pub fn clean_cache(
    places: &Places,
    rook: Option<&Utf8Path>,
    progress: &dyn Progress,
) -> Result<Vec<camino::Utf8PathBuf>> {
    let parts = Parts::new(progress);
    let cgroups = Hierarchies::of_this_machine()?;
    let names = places.names()?;
    if let Some(name) = names.first() {
        let why = format!("the laboratory `{name}` is there and may use cached parts; take it down first");
        return Err(LabError::Request(why));
    }
    let files = rook.and_then(|folder| crate::rook::RookFiles::find(Some(folder)).ok());
    let wanted: Vec<String> = crate::prepare::recipes(files.as_ref())
        .iter()
        .chain(&crate::openstack::recipes())
        .chain([&crate::guest::recipe()])
        .map(crate::cache::Recipe::key)
        .collect();
    Cache::open(places, &cgroups, &parts)?.remove_others(&wanted)
}
