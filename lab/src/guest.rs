//! A guest to import: a real Debian as it would come from VMware, on a disk that starts with BIOS and one that starts with UEFI, and a disk with data.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::{Cache, Recipe};
use crate::cgroup::Hierarchies;
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::packages::{self, KEYRING};
use crate::progress::{Parts, Progress};
use crate::state::Places;

const SUITE: &str = "trixie";
const MAKE: &str = include_str!("../recipes/guest/make.sh");
/// What runs in the guest when it has started.
const SAY: [(&str, &str); 2] = [
    ("say", include_str!("../recipes/guest/say")),
    ("say.service", include_str!("../recipes/guest/say.service")),
];

/// Returns the recipe. The mirror is no part of it: every mirror has the same packages.
pub(crate) fn recipe() -> Recipe {
    SAY.iter()
        .map(|(_, text)| *text)
        .chain([SUITE, MAKE])
        .fold(Recipe::new("guest"), Recipe::with)
}

/// Makes the guest's disks, unless they are in the cache, and returns their folder: `bios.raw` and `uefi.raw`, each a whole disk of 1 GiB with the same
/// root file system, and `data.raw`, a file system of 64 MiB. They have holes. When it has started, the guest says on its first serial console, each line behind
/// `import-guest:`, how it was started, its disks, the drivers of its root and its network cards, whether its data is what it was, and `ready`.
///
/// # Errors
///
/// [`LabError::Lacking`] if the machine has no Debian mirror; otherwise the program that failed.
pub fn guest(places: &Places, mirror: Option<&str>, progress: &dyn Progress) -> Result<Utf8PathBuf> {
    let parts = Parts::new(progress);
    let wanted = recipe();
    let path = Cache::path(places, &wanted);
    if path.exists() {
        return Ok(path);
    }
    packages::install_missing(&parts)?;
    let cache = Cache::open(places, &Hierarchies::of_this_machine()?, &parts)?;
    cache.make_cgroup()?;
    let mirror = packages::mirror(mirror)?;
    cache.get(&wanted, "guest to import, from Debian packages", &parts, |folder| {
        make(&cache, folder, &mirror)
    })
}

fn make(cache: &Cache, folder: &Utf8Path, mirror: &str) -> Result<()> {
    let scripts = folder.join("scripts");
    std::fs::create_dir(&scripts).map_err(LabError::file("make", &scripts))?;
    for (name, text) in SAY.iter().chain(&[("make.sh", MAKE)]) {
        let path = scripts.join(name);
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    }
    // In mount and pid namespaces of its own: when it is killed, all it mounted and started goes with it.
    let tool = Tool::new("guest", "unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"])
        .arg(scripts.join("make.sh"))
        .arg(SUITE)
        .arg(format!("deb [signed-by={KEYRING}] {mirror} {SUITE} main"))
        .arg(folder.as_str())
        .deadline(Duration::from_secs(1800));
    cache.tool(tool).run()?;
    crate::cache::remove_tree(&scripts)
}
