//! Container images, made from the nodes' own tree and imported once: the nodes share the unpacked layers by hard links.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use crate::cache::{Cache, Recipe};
use crate::command::Tool;
use crate::error::{LabError, Result};
use crate::rook::RookFiles;

const PART: &str = "container images";
const DMSETUP: &str = include_str!("../recipes/image/dmsetup");
const CEPH_MON: &str = include_str!("../recipes/image/ceph-mon");
const CEPH_OSD: &str = include_str!("../recipes/image/ceph-osd");
const IMPORT: &str = include_str!("../recipes/image/import.sh");
const PAUSE_MODULE: &str = include_str!("../recipes/pause/go.mod");
const PAUSE_PROGRAM: &str = include_str!("../recipes/pause/main.go");
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The image of Ceph's daemons.
pub const CEPH_IMAGE: &str = "docker.io/lab/ceph:v18.2.7";
/// The image of Rook's operator.
pub const ROOK_IMAGE: &str = "docker.io/lab/rook:v1.18.11";
/// The image that holds a pod's namespaces.
const PAUSE_IMAGE: &str = "docker.io/lab/pause:1";

/// What the tree holds that a container does not need.
const LEFT_OUT: [&str; 8] = [
    "./proc/*",
    "./sys/*",
    "./dev/*",
    "./run/*",
    "./tmp/*",
    "./boot/*",
    "./var/lib/containerd/*",
    "./usr/lib/firmware/*",
];

/// Returns the recipe: the tree's, the images' own, and the operator's files.
pub(crate) fn recipe(tree: &Recipe, rook: &RookFiles) -> Recipe {
    let own = [
        DMSETUP,
        CEPH_MON,
        CEPH_OSD,
        IMPORT,
        PAUSE_MODULE,
        PAUSE_PROGRAM,
        CEPH_IMAGE,
        ROOK_IMAGE,
        PAUSE_IMAGE,
    ];
    let recipe = own
        .iter()
        .fold(Recipe::new("images").with(tree.key()), |recipe, part| recipe.with(part));
    recipe.with(LEFT_OUT.join(" ")).with(rook.identity())
}

/// Makes `folder/containerd`: the root of a containerd that has all images.
pub(crate) fn make(cache: &Cache, folder: &Utf8Path, tree: &Utf8Path, rook: &RookFiles) -> Result<()> {
    let layers = folder.join("archive");
    std::fs::create_dir(&layers).map_err(LabError::file("make", &layers))?;
    let base = layers.join("base.tar");
    let exclude = LEFT_OUT.iter().map(|path| format!("--exclude={path}"));
    pack(cache, tree, &base, exclude)?;

    let files = folder.join("files");
    write_program(&files.join("shim/usr/local/sbin/dmsetup"), DMSETUP)?;
    write_program(&files.join("shim/usr/local/sbin/ceph-mon"), CEPH_MON)?;
    write_program(&files.join("shim/usr/local/sbin/ceph-osd"), CEPH_OSD)?;
    rook.install_into(&files.join("rook/usr/local/bin"), |tool| cache.tool(tool))?;
    build_pause(cache, folder, &files.join("pause"))?;
    for name in ["shim", "rook", "pause"] {
        pack(
            cache,
            &files.join(name),
            &layers.join(format!("{name}.tar")),
            std::iter::empty(),
        )?;
    }

    let shell = json!(["/bin/bash"]);
    let images = [
        (CEPH_IMAGE, vec!["base", "shim"], json!({"Env": [PATH], "Cmd": shell})),
        (
            ROOK_IMAGE,
            vec!["base", "shim", "rook"],
            json!({"Env": [PATH], "Entrypoint": ["/usr/local/bin/rook"]}),
        ),
        (
            PAUSE_IMAGE,
            vec!["pause"],
            json!({"Env": [PATH], "Entrypoint": ["/pause"]}),
        ),
    ];
    write_archive(cache, &layers, &images)?;
    let archive = folder.join("archive.tar");
    let all = Tool::new(PART, "tar").args(["-C", layers.as_str(), "-cf", archive.as_str(), "."]);
    cache.tool(all.deadline(Duration::from_secs(300))).run()?;
    crate::cache::remove_tree(&layers)?;
    crate::cache::remove_tree(&files)?;

    let script = folder.join("import.sh");
    std::fs::write(&script, IMPORT).map_err(LabError::file("write", &script))?;
    let words = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        script.as_str(),
        tree.as_str(),
        folder.as_str(),
    ];
    let import = Tool::new(PART, "unshare")
        .args(words)
        .deadline(Duration::from_secs(600));
    let said = cache.tool(import).run()?;
    for (image, ..) in &images {
        if !said.stdout.lines().any(|line| line == *image) {
            let why = format!(
                "{image} is not among the images after the import: {}",
                said.stdout.replace('\n', " ")
            );
            return Err(LabError::Form {
                what: "the list of images".into(),
                why,
            });
        }
    }
    for path in [script, archive] {
        std::fs::remove_file(&path).map_err(LabError::file("remove", &path))?;
    }
    Ok(())
}

fn pack(cache: &Cache, from: &Utf8Path, to: &Utf8Path, exclude: impl Iterator<Item = String>) -> Result<()> {
    let tool = Tool::new(PART, "tar").args(["-C", from.as_str(), "--numeric-owner", "--xattrs", "--sort=name"]);
    let tool = tool
        .args(exclude)
        .args(["-cf", to.as_str(), "."])
        .deadline(Duration::from_secs(300));
    cache.tool(tool).run().map(drop)
}

/// Writes a docker-archive's manifest and one configuration for each image.
///
/// Source: docs.docker.com, "Image Manifest Version 2" and the archive that `docker save` writes; containerd: images/archive/importer.go.
fn write_archive(cache: &Cache, layers: &Utf8Path, images: &[(&str, Vec<&str>, serde_json::Value)]) -> Result<()> {
    let mut manifest = Vec::new();
    let mut digests = std::collections::BTreeMap::new();
    for (number, (name, of, config)) in images.iter().enumerate() {
        let mut ids = Vec::new();
        for layer in of {
            if !digests.contains_key(layer) {
                let path = layers.join(format!("{layer}.tar"));
                let sum = cache
                    .tool(
                        Tool::new(PART, "sha256sum")
                            .arg(path)
                            .deadline(Duration::from_secs(120)),
                    )
                    .run()?;
                let digest = sum.stdout.split_whitespace().next().unwrap_or_default().to_owned();
                digests.insert(*layer, format!("sha256:{digest}"));
            }
            ids.push(digests[layer].clone());
        }
        let architecture = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "amd64"
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": of.iter().map(|layer| json!({"created_by": format!("laboratory: {layer}")})).collect::<Vec<_>>(),
        });
        let file = format!("config-{number}.json");
        let paths: Vec<String> = of.iter().map(|layer| format!("{layer}.tar")).collect();
        manifest.push(json!({"Config": file, "RepoTags": [name], "Layers": paths}));
        let path = layers.join(file);
        std::fs::write(&path, config.to_string()).map_err(LabError::file("write", &path))?;
    }
    let path = layers.join("manifest.json");
    std::fs::write(&path, json!(manifest).to_string()).map_err(LabError::file("write", &path))
}

fn build_pause(cache: &Cache, folder: &Utf8Path, into: &Utf8Path) -> Result<()> {
    let source = folder.join("pause-source");
    for path in [source.as_path(), into] {
        std::fs::create_dir_all(path).map_err(LabError::file("make", path))?;
    }
    for (name, text) in [("go.mod", PAUSE_MODULE), ("main.go", PAUSE_PROGRAM)] {
        let path = source.join(name);
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
    }
    let program = into.join("pause");
    let words = ["build", "-trimpath", "-ldflags", "-s -w", "-o", program.as_str(), "."];
    let build = Tool::new(PART, "go")
        .args(words)
        .folder(&source)
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local");
    cache.tool(build.deadline(Duration::from_secs(300))).run()?;
    crate::cache::remove_tree(&source)
}

/// Writes a file that can be executed, with the folders above it.
pub(crate) fn write_program(path: &Utf8Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().map(Utf8Path::to_owned).unwrap_or_default();
    std::fs::create_dir_all(&folder).map_err(LabError::file("make", &folder))?;
    let written = std::fs::write(path, text);
    let executable = written.and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)));
    executable.map_err(LabError::file("write", path))
}

/// Gives a node the images: unpacked layers as hard links, since nothing ever writes to them, and databases of its own.
pub(crate) fn give(images: &Utf8Path, varlib: &Utf8Path, tool: impl Fn(Tool) -> Tool) -> Result<()> {
    let from = images.join("containerd");
    let to = varlib.join("containerd");
    let linked = tool(Tool::new(PART, "cp").args(["-a", "--link", from.as_str(), to.as_str()])).answer()?;
    if linked.code != 0 {
        // The cache lies on another file system: a real copy then.
        crate::cache::remove_tree(&to)?;
        let copy = Tool::new(PART, "cp")
            .args(["-a", from.as_str(), to.as_str()])
            .deadline(Duration::from_secs(600));
        return tool(copy).run().map(drop);
    }
    for database in databases(&from)? {
        let own = to.join(&database);
        let copied = std::fs::remove_file(&own).and_then(|()| std::fs::copy(from.join(&database), &own));
        copied.map_err(LabError::file("copy", &own))?;
    }
    Ok(())
}

/// Returns the paths of containerd's databases, relative to its root: the files that it changes in place.
fn databases(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for entry in root.read_dir_utf8().map_err(LabError::file("read", root))?.flatten() {
        if !entry.path().is_dir() {
            continue;
        }
        for file in entry
            .path()
            .read_dir_utf8()
            .map_err(LabError::file("read", entry.path()))?
            .flatten()
        {
            if file.path().extension() == Some("db") {
                found.push(Utf8PathBuf::from(entry.file_name()).join(file.file_name()));
            }
        }
    }
    Ok(found)
}
