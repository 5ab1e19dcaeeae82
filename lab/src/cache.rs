//! Parts that are made once and kept: each in a folder named by a hash of its recipe, published by one rename.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use crate::cgroup::{self, Hierarchies};
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::progress::Parts;
use crate::state::{Lock, Places};

/// How long one waits for another process that makes the same parts.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a part is made from; two equal recipes give equal parts.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    name: &'static str,
    hash: Sha256,
}

impl Recipe {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            hash: Sha256::new(),
        }
    }

    /// Adds an ingredient: its bytes count, and where it ends.
    pub(crate) fn with(mut self, ingredient: impl AsRef<[u8]>) -> Self {
        let bytes = ingredient.as_ref();
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
        self
    }

    /// Returns the folder's name in the cache.
    pub(crate) fn key(&self) -> String {
        format!("{}-{}", self.name, hex::encode(&self.hash.clone().finalize()[..8]))
    }
}

/// The cache, locked for this process.
#[derive(Debug)]
pub(crate) struct Cache {
    root: Utf8PathBuf,
    cgroups: Hierarchies,
    /// The cgroup of the programs that make its parts; only one process does so at a time.
    cgroup: String,
    _lock: Lock,
}

impl Cache {
    fn new(places: &Places, cgroups: &Hierarchies, lock: Lock) -> Self {
        // Two caches on one machine do not sweep each other's makers.
        let path = Recipe::new("@cache").with(places.cache.as_str());
        Self {
            root: places.cache.clone(),
            cgroups: cgroups.clone(),
            cgroup: path.key(),
            _lock: lock,
        }
    }

    /// Takes the cache for this process, waiting while another one has it, and removes what a dead one left.
    pub(crate) fn open(places: &Places, cgroups: &Hierarchies, parts: &Parts<'_>) -> Result<Self> {
        std::fs::create_dir_all(&places.cache).map_err(LabError::file("make", &places.cache))?;
        let path = places.cache.join("lock");
        let began = std::time::Instant::now();
        let lock = loop {
            match Lock::take(&path)? {
                Ok(lock) => break lock,
                Err(holder) if began.elapsed() > PATIENCE => {
                    return Err(LabError::Busy {
                        name: "(cached parts)".into(),
                        holder,
                    });
                }
                Err(holder) => {
                    if began.elapsed() < Duration::from_secs(1) {
                        parts.note(&format!("{holder} is making cached parts; waiting for it"));
                    }
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        };
        let cache = Self::new(places, cgroups, lock);
        cache.sweep()?;
        Ok(cache)
    }

    /// Removes what a process left that died while it made a part; does nothing while a living one is at it. Tells what stayed.
    pub(crate) fn clean_up_after_the_dead(places: &Places, cgroups: &Hierarchies) -> Result<()> {
        let path = places.cache.join("lock");
        if !path.exists() {
            return Ok(());
        }
        match Lock::take(&path)? {
            Ok(lock) => Self::new(places, cgroups, lock).sweep(),
            Err(_) => Ok(()),
        }
    }

    fn sweep(&self) -> Result<()> {
        let (mut left, mut dead) = (Vec::new(), cgroup::Dead::new());
        for folder in self.cgroups.folders(&self.cgroup) {
            left.extend(cgroup::clear(&folder, Duration::from_secs(20), &mut dead));
        }
        cgroup::wait_for_burial(&dead);
        if !left.is_empty() {
            return Err(LabError::LeftBehind {
                name: "(cached parts)".into(),
                left,
            });
        }
        for entry in self
            .root
            .read_dir_utf8()
            .map_err(LabError::file("read", &self.root))?
            .flatten()
        {
            if entry.file_name().starts_with("tmp-") {
                remove_tree(entry.path())?;
            }
        }
        Ok(())
    }

    /// Returns where the part of this recipe is, made or not.
    pub(crate) fn path(places: &Places, recipe: &Recipe) -> Utf8PathBuf {
        places.cache.join(recipe.key())
    }

    /// Returns the folder of a part, made by `make` in a temporary folder first if it is not there yet.
    pub(crate) fn get(
        &self,
        recipe: &Recipe,
        part: &str,
        parts: &Parts<'_>,
        make: impl FnOnce(&Utf8Path) -> Result<()>,
    ) -> Result<Utf8PathBuf> {
        let path = self.root.join(recipe.key());
        if path.exists() {
            return Ok(path);
        }
        parts.run(part, || {
            let temporary = self.root.join(format!("tmp-{}", recipe.key()));
            std::fs::create_dir_all(&temporary).map_err(LabError::file("make", &temporary))?;
            make(&temporary)?;
            // What is published is whole, also after a loss of power.
            let folder = std::fs::File::open(&temporary).map_err(LabError::file("open", &temporary))?;
            rustix::fs::syncfs(&folder).map_err(|error| LabError::file("sync", &temporary)(error.into()))?;
            std::fs::rename(&temporary, &path).map_err(LabError::file("publish", &path))?;
            Ok(path.clone())
        })
    }

    /// Puts a program into the cache's cgroup, so that it can be found when its maker has died.
    pub(crate) fn tool(&self, tool: Tool) -> Tool {
        tool.inside(&self.cgroups.tracking_procs(&self.cgroup))
    }

    /// Returns the name of the cgroup of its programs, below the folder of all laboratories.
    pub(crate) fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// Makes the cgroup that [`Cache::tool`] puts programs into.
    pub(crate) fn make_cgroup(&self) -> Result<()> {
        self.cgroups.make(&self.cgroup)
    }

    /// Removes parts whose recipe is not among `wanted`; returns what was removed.
    pub(crate) fn remove_others(&self, wanted: &[String]) -> Result<Vec<Utf8PathBuf>> {
        let mut removed = Vec::new();
        for entry in self
            .root
            .read_dir_utf8()
            .map_err(LabError::file("read", &self.root))?
            .flatten()
        {
            if entry.path().is_dir() && !wanted.iter().any(|key| key == entry.file_name()) {
                remove_tree(entry.path())?;
                removed.push(entry.path().to_owned());
            }
        }
        Ok(removed)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        for folder in self.cgroups.folders(&self.cgroup) {
            // Everything it ran has ended; what has not is found by the next one.
            cgroup::remove_empty(&folder);
        }
    }
}

/// Removes a folder with all in it, but nothing on a file system that is mounted below it.
pub(crate) fn remove_tree(path: &Utf8Path) -> Result<()> {
    if let Some(mount) = crate::storage::mounts_below(path).first() {
        let why = format!("{path} is not removed: {mount} is still mounted; unmount it first");
        return Err(LabError::Request(why));
    }
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_known_by_its_ingredients_and_their_bounds() {
        let key = |parts: &[&str]| {
            parts
                .iter()
                .fold(Recipe::new("x"), |recipe, part| recipe.with(part))
                .key()
        };
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab"]));
        assert_ne!(key(&["a", "b"]), key(&["b", "a"]));
        assert!(key(&["a"]).starts_with("x-"));
    }
}
