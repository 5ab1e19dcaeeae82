//! The real Rook operator: its files, and how it comes into the cluster.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::Tool;
use crate::error::{LabError, Result};

const PART: &str = "Rook operator";
/// The tag whose files are used.
pub(crate) const TAG: &str = "v1.18.11";
/// The namespace of the operator and, later, of the cluster.
pub(crate) const NAMESPACE: &str = "rook-ceph";
/// sha256 of the program as its tag builds it.
const SHA256: &str = "0c8755525a3074d254eba84f6c0344ae084bc82094c641ad87d5818202e5a1cc";
const MANIFESTS: [&str; 3] = ["crds.yaml", "common.yaml", "operator.yaml"];
const SCRIPTS: [&str; 2] = ["toolbox.sh", "set-ceph-debug-level"];
const KUSTOMIZATION: [(&str, &str); 3] = [
    ("kustomization.yaml", include_str!("../recipes/rook/kustomization.yaml")),
    (
        "operator-config.yaml",
        include_str!("../recipes/rook/operator-config.yaml"),
    ),
    (
        "operator-deployment.yaml",
        include_str!("../recipes/rook/operator-deployment.yaml"),
    ),
];

/// Where the operator's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RookFiles {
    folder: Utf8PathBuf,
    program: Utf8PathBuf,
}

/// How to get the operator's files where they are not at hand.
pub(crate) fn how_to_build() -> String {
    format!(
        "build it from a git checkout of the tag {TAG} of github.com/rook/rook (Go 1.24 or newer, 2 minutes on two cores):\n\
         \x20     git clone --depth 1 --branch {TAG} ROOK_REPOSITORY rook && cd rook\n\
         \x20     mkdir ../rook-{TAG}\n\
         \x20     CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X github.com/rook/rook/pkg/version.Version={TAG}' -o ../rook-{TAG}/rook ./cmd/rook\n\
         \x20     cp deploy/examples/crds.yaml deploy/examples/common.yaml deploy/examples/operator.yaml \\\n\
         \x20        images/ceph/toolbox.sh images/ceph/set-ceph-debug-level ../rook-{TAG}/\n\
         \x20   then: lab up rook --rook ../rook-{TAG}"
    )
}

impl RookFiles {
    /// Finds the files in `folder`: `rook` or `rook-linux-ARCH.zst`, the manifests and the scripts.
    ///
    /// # Errors
    ///
    /// [`LabError::Lacking`] with what is not there and how to build it.
    pub(crate) fn find(folder: Option<&Utf8Path>) -> Result<Self> {
        let Some(folder) = folder else {
            return Err(LabError::Lacking {
                missing: vec![format!(
                    "the Rook operator's files: name their folder with --rook DIR, or {}",
                    how_to_build()
                )],
            });
        };
        let packed = if cfg!(target_arch = "aarch64") {
            "rook-linux-arm64.zst"
        } else {
            "rook-linux-amd64.zst"
        };
        let program = ["rook", packed]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.is_file());
        let absent = MANIFESTS
            .iter()
            .chain(&SCRIPTS)
            .filter(|name| !folder.join(name).is_file())
            .copied();
        let mut missing: Vec<String> = absent.map(str::to_owned).collect();
        match program {
            Some(program) if missing.is_empty() => {
                return Ok(Self {
                    folder: folder.to_owned(),
                    program,
                });
            }
            Some(_) => {}
            None => missing.insert(0, format!("rook or {packed}")),
        }
        Err(LabError::Lacking {
            missing: vec![format!(
                "the Rook operator: {folder} does not hold {}; {}",
                missing.join(", "),
                how_to_build()
            )],
        })
    }

    /// Returns what tells these files from others: names, sizes and times.
    pub(crate) fn identity(&self) -> String {
        let describe = |path: &Utf8Path| {
            let about = path.metadata().ok();
            let modified = about.as_ref().and_then(|about| about.modified().ok());
            let seconds = modified
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |since| since.as_secs());
            format!(
                "{} {} {seconds}",
                path.file_name().unwrap_or_default(),
                about.map_or(0, |about| about.len())
            )
        };
        let scripts = SCRIPTS.iter().map(|name| describe(&self.folder.join(name)));
        std::iter::once(describe(&self.program))
            .chain(scripts)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Puts the program and the scripts of the operator's image into a folder.
    pub(crate) fn install_into(&self, folder: &Utf8Path, tool: impl Fn(Tool) -> Tool) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(LabError::file("make", folder))?;
        let program = folder.join("rook");
        if self.program.extension() == Some("zst") {
            let words = [
                "--decompress",
                "--quiet",
                "--force",
                self.program.as_str(),
                "-o",
                program.as_str(),
            ];
            tool(Tool::new(PART, "zstd").args(words)).run()?;
            let sum = tool(Tool::new(PART, "sha256sum").arg(program.as_str())).run()?;
            if cfg!(target_arch = "x86_64") && !sum.stdout.starts_with(SHA256) {
                let why = format!("its sha256 is not {SHA256}");
                return Err(LabError::Form {
                    what: self.program.to_string(),
                    why,
                });
            }
        } else {
            std::fs::copy(&self.program, &program).map_err(LabError::file("copy", &self.program))?;
        }
        for name in SCRIPTS {
            let to = folder.join(name);
            std::fs::copy(self.folder.join(name), &to).map_err(LabError::file("copy", &to))?;
        }
        tool(Tool::new(PART, "chmod").args(["-R", "0755", folder.as_str()]))
            .run()
            .map(drop)
    }

    /// Writes the manifests with the laboratory's changes to them as a kustomization.
    pub(crate) fn write_kustomization(&self, folder: &Utf8Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(LabError::file("make", folder))?;
        for name in MANIFESTS {
            let to = folder.join(name);
            let text = std::fs::read(self.folder.join(name)).map_err(LabError::file("read", self.folder.join(name)))?;
            std::fs::write(&to, text).map_err(LabError::file("write", &to))?;
        }
        for (name, text) in KUSTOMIZATION {
            let to = folder.join(name);
            std::fs::write(&to, text).map_err(LabError::file("write", &to))?;
        }
        Ok(())
    }
}

/// Applies the kustomization in `folder`; a repeat changes nothing.
///
/// Server-side: the CRDs are larger than the annotation in which client-side apply keeps them.
pub(crate) fn apply(kubectl: impl Fn() -> Tool, folder: &Utf8Path) -> Result<()> {
    // Objects of a CRD's kind that come right behind it may find it not yet served.
    let mut last = None;
    for _ in 0..5 {
        let words = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--kustomize",
            folder.as_str(),
        ];
        match kubectl().args(words).deadline(Duration::from_secs(120)).run() {
            Ok(_) => return Ok(()),
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    Err(last.expect("the loop ran and did not return"))
}

/// Waits until the operator's pod runs and is ready.
pub(crate) fn wait_until_ready(kubectl: impl Fn() -> Tool) -> Result<()> {
    let words = [
        "--namespace",
        NAMESPACE,
        "rollout",
        "status",
        "deployment/rook-ceph-operator",
        "--timeout=180s",
    ];
    kubectl().args(words).deadline(Duration::from_secs(200)).run().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_lacks_files_is_told_with_the_way_to_build_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["rook", "crds.yaml", "common.yaml", "toolbox.sh", "set-ceph-debug-level"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let said = RookFiles::find(Some(folder)).unwrap_err().to_string();
        assert!(
            said.contains("does not hold operator.yaml;") && said.contains("go build"),
            "{said}"
        );
        std::fs::write(folder.join("operator.yaml"), "").unwrap();
        assert!(RookFiles::find(Some(folder)).is_ok());
        assert!(RookFiles::find(None).unwrap_err().to_string().contains("--rook DIR"));
    }

    #[test]
    fn the_changes_name_the_images_that_are_made() {
        assert!(
            KUSTOMIZATION[2]
                .1
                .contains(&format!("image: {}", crate::image::ROOK_IMAGE))
        );
    }
}
