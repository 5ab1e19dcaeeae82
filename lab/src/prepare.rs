//! The cached parts: the nodes' tree, Kubernetes' programs and the images, made beside each other where they can be.

use camino::Utf8PathBuf;

use crate::cache::{Cache, Recipe};
use crate::cgroup::Hierarchies;
use crate::error::Result;
use crate::progress::Parts;
use crate::rook::RookFiles;
use crate::state::Places;
use crate::{image, kubernetes, packages, tree};

/// Where the cached parts are.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The root that the nodes' overlays lie on.
    pub(crate) tree: Utf8PathBuf,
    /// Kubernetes' programs, if they were wanted.
    pub(crate) programs: Option<Utf8PathBuf>,
    /// The images, if Kubernetes was wanted.
    pub(crate) images: Option<Utf8PathBuf>,
}

/// The recipes of all parts for these operator files.
pub(crate) fn recipes(rook: Option<&RookFiles>) -> Vec<Recipe> {
    let tree = tree::recipe();
    let images = rook.map(|rook| image::recipe(&tree, rook));
    [Some(tree), Some(kubernetes::binaries_recipe()), images]
        .into_iter()
        .flatten()
        .collect()
}

/// Makes the parts that are not there yet. Debian's packages are mostly download and Kubernetes is mostly compilation, so the two go together.
pub(crate) fn prepare(
    places: &Places,
    cgroups: &Hierarchies,
    rook: Option<&RookFiles>,
    mirror: Option<&str>,
    parts: &Parts<'_>,
) -> Result<Prepared> {
    let wanted = recipes(rook);
    let paths = || wanted.iter().map(|recipe| Cache::path(places, recipe));
    let kubernetes = rook.is_some();
    if !paths().all(|path| path.exists()) {
        packages::install_missing(parts)?;
        let cache = Cache::open(places, cgroups, parts)?;
        cache.make_cgroup()?;
        let mirror = packages::mirror(mirror)?;
        std::thread::scope(|scope| {
            let programs = scope.spawn(|| {
                if !kubernetes {
                    return Ok(());
                }
                let part = "Kubernetes and etcd, from the Go module proxy";
                cache
                    .get(&wanted[1], part, parts, |folder| {
                        kubernetes::make_binaries(&cache, folder)
                    })
                    .map(drop)
            });
            let rest = || -> Result<()> {
                let part = "node tree, from Debian packages";
                let tree = cache
                    .get(&wanted[0], part, parts, |folder| tree::make(&cache, folder, &mirror))?
                    .join("root");
                if let Some(rook) = rook {
                    cache.get(&wanted[2], "container images", parts, |folder| {
                        image::make(&cache, folder, &tree, rook)
                    })?;
                }
                Ok(())
            };
            let rest = rest();
            let programs = programs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            rest.and(programs)
        })?;
    } else {
        // The programs of the machine can be gone although the parts are there.
        packages::install_missing(parts)?;
    }
    let path = |number: usize| Cache::path(places, &wanted[number]);
    Ok(Prepared {
        tree: path(0).join("root"),
        programs: kubernetes.then(|| path(1).join("bin")),
        images: kubernetes.then(|| path(2)),
    })
}
