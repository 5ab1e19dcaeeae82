//! The cached parts of this kind: the tree, and the state of a cloud after its first start. A new laboratory starts from a copy of that state.

use camino::{Utf8Path, Utf8PathBuf};

use super::cloud::Cloud;
use super::configuration::{self, Settings};
use super::root::Fence;
use super::start::{self, Birth};
use super::tree;
use crate::cache::{Cache, Recipe, remove_tree};
use crate::cgroup::Hierarchies;
use crate::error::Result;
use crate::packages;
use crate::progress::Parts;
use crate::state::Places;

/// Where the cached parts are.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The root that is never written.
    pub(super) tree: Utf8PathBuf,
    /// What a first start wrote above it.
    pub(super) upper: Utf8PathBuf,
}

/// The recipes of the tree and of the state that belongs to it.
pub(crate) fn recipes() -> [Recipe; 2] {
    let tree = tree::recipe();
    let state = Recipe::new("openstack-state")
        .with(tree.key())
        .with(configuration::ingredients())
        .with(start::ingredients());
    [tree, state]
}

/// Makes the parts that are not there yet.
pub(crate) fn prepare(
    places: &Places,
    cgroups: &Hierarchies,
    mirror: Option<&str>,
    parts: &Parts<'_>,
) -> Result<Prepared> {
    let [tree_recipe, state_recipe] = recipes();
    let prepared = Prepared {
        tree: Cache::path(places, &tree_recipe).join("root"),
        upper: Cache::path(places, &state_recipe).join("upper"),
    };
    // The programs of the machine can be gone although the parts are there.
    packages::install_missing(parts)?;
    if !prepared.tree.exists() || !prepared.upper.exists() {
        let cache = Cache::open(places, cgroups, parts)?;
        cache.make_cgroup()?;
        cache.get(&tree_recipe, "tree, from Debian packages", parts, |folder| {
            let mirror = packages::mirror(mirror)?;
            tree::make(&cache, folder, &mirror)
        })?;
        cache.get(&state_recipe, "first start, to be stored", parts, |folder| {
            let fence = Fence {
                cgroups: cgroups.clone(),
                base: cache.cgroup().to_owned(),
            };
            make(&prepared.tree, folder, &fence, parts)
        })?;
    }
    Ok(prepared)
}

/// Starts a cloud for the first time and stops it again.
fn make(tree: &Utf8Path, folder: &Utf8Path, fence: &Fence, parts: &Parts<'_>) -> Result<()> {
    let cloud = Cloud::begin(tree, folder, fence, None)?;
    let settings = Settings::of(&std::collections::BTreeSet::new());
    let started = start::start(&cloud, settings, Birth::First, parts);
    let ended = parts.run("stop", || cloud.end());
    started?;
    ended?;
    for name in ["work", "root", "logs"] {
        remove_tree(&folder.join(name))?;
    }
    Ok(())
}
