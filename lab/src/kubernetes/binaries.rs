//! Kubernetes' programs and etcd, built from the Go module proxy.

use std::time::Duration;

use camino::Utf8Path;

use super::VERSION;
use crate::cache::{Cache, Recipe};
use crate::command::Tool;
use crate::error::{LabError, Result};

const FILES: [(&str, &str); 3] = [
    ("go.mod", include_str!("../../recipes/kubernetes/go.mod")),
    ("go.sum", include_str!("../../recipes/kubernetes/go.sum")),
    ("tools.go", include_str!("../../recipes/kubernetes/tools.go")),
];
const PACKAGES: [&str; 6] = [
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-scheduler",
    "k8s.io/kubernetes/cmd/kubectl",
    "k8s.io/kubernetes/cmd/kubelet",
];

/// What the linker is told: no debug information, and the version that a build from the source tree would carry.
fn linker_flags() -> String {
    let mut numbers = VERSION.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={VERSION} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} -X {package}.gitTreeState=clean"
    )
}

pub(crate) fn recipe() -> Recipe {
    let recipe = FILES.iter().fold(Recipe::new("kubernetes"), |recipe, (name, text)| {
        recipe.with(name).with(text)
    });
    recipe.with(PACKAGES.join(" ")).with(linker_flags())
}

/// Builds the programs in `folder/bin`. Go keeps what it compiled, so a build that was stopped goes on where it was.
pub(crate) fn make(cache: &Cache, folder: &Utf8Path) -> Result<()> {
    let module = folder.join("module");
    let bin = folder.join("bin");
    for path in [&module, &bin] {
        std::fs::create_dir_all(path).map_err(LabError::file("make", path))?;
    }
    for (name, text) in FILES {
        let path = module.join(name);
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    }
    let build = Tool::new("Kubernetes and etcd", "go")
        .args(["build", "-trimpath", "-mod=readonly", "-ldflags", &linker_flags(), "-o"])
        .arg(format!("{bin}/"))
        .args(PACKAGES)
        .folder(&module)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .deadline(Duration::from_secs(3600));
    cache.tool(build).run()?;
    let etcd = bin.join("etcd");
    std::fs::rename(bin.join("server"), &etcd).map_err(LabError::file("rename", &etcd))?;
    crate::cache::remove_tree(&module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_told_is_the_one_required() {
        assert!(
            FILES[0].1.contains(&format!("k8s.io/kubernetes {VERSION}\n")),
            "go.mod requires another version than {VERSION}"
        );
        assert!(linker_flags().contains("gitMinor=34"));
    }
}
