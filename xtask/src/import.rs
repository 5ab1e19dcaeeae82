//! What is particular to the import's readers: fuzzing, disks of qemu-img, file systems and registries of guests, descriptors and simulated hosts of govmomi.

use std::process::Command;

use camino::Utf8PathBuf;

use crate::part::{PartError, Parts};
use crate::tool::{cargo, ensure_packages, root, target_dir};

/// The Go module with the OVF descriptors, at the version whose rejects are listed.
const GOVMOMI: &str = "github.com/vmware/govmomi@v0.55.0";

/// How long the readers are fuzzed when the tests are passed, in seconds.
const FUZZ_SECONDS: u64 = 24;

/// Feeds mutated inputs to the import's readers.
#[derive(clap::Args)]
pub(crate) struct FuzzArgs {
    /// How long, for all readers together.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where the numbers begin; another seed gives other inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this reader: image, stream, descriptor, ova, ovf, vmx, manifest, certificate, ntfs, registry, lvm or xfs.
    #[arg(long)]
    target: Option<String>,
}

pub(crate) fn fuzz(args: &FuzzArgs, parts: &mut Parts) -> Result<(), PartError> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--example", "fuzz"]);
    parts.quiet("build the fuzzer", &mut build)?;
    fuzz_built(args, parts)
}

fn fuzz_built(args: &FuzzArgs, parts: &mut Parts) -> Result<(), PartError> {
    let output = target_dir().join("fuzz");
    std::fs::create_dir_all(&output).map_err(|source| PartError::File {
        path: output.clone(),
        source,
    })?;
    let mut command = Command::new(target_dir().join("debug").join("examples").join("fuzz"));
    command
        .args(["--seconds", &args.seconds.to_string(), "--seed", &args.seed.to_string()])
        .args(["--output", output.as_str(), "--corpus"])
        .arg(root().join("crates/reeve-import/tests/corpus"));
    if let Some(target) = &args.target {
        command.args(["--target", target]);
    }
    parts.show("feed mutated inputs to the import's readers", &mut command)
}

/// Passes the tests of the import that need more than the crates: Debian's qemu-utils, ntfs-3g, libhivex-bin, xfsprogs and lvm2, a Go module and Go. The crates' tests are built.
pub(crate) fn tests(parts: &mut Parts) -> Result<(), PartError> {
    let packages = [
        ("qemu-img", "qemu-utils"),
        ("mkntfs", "ntfs-3g"),
        ("hivexml", "libhivex-bin"),
        ("mkfs.xfs", "xfsprogs"),
        ("pvcreate", "lvm2"),
    ];
    ensure_packages(parts, &packages)?;
    let fixtures = parts.run("get govmomi's OVF descriptors", govmomi)?;
    let host = simulated_host(parts)?;
    let mut test = cargo();
    test.env("REEVE_OVF_FIXTURES", &fixtures);
    test.env("REEVE_VSPHERE_HOST", &host);
    test.args([
        "test",
        "--workspace",
        "--no-fail-fast",
        "--test",
        "qemu",
        "--test",
        "windows",
        "--test",
        "file_systems",
        "--test",
        "govmomi",
        "--test",
        "vsphere",
        "--test",
        "import",
        "--",
        "--ignored",
    ]);
    parts.show(
        "tests of the import against qemu-img, ntfs-3g, hivex, mkfs.xfs, LVM, govmomi's descriptors and its simulated hosts",
        &mut test,
    )?;
    let args = FuzzArgs {
        seconds: FUZZ_SECONDS,
        seed: 1,
        target: None,
    };
    fuzz_built(&args, parts)
}

/// Builds govmomi's simulator of ESXi and vCenter, with the door before it, and returns the program.
fn simulated_host(parts: &mut Parts) -> Result<Utf8PathBuf, PartError> {
    let program = target_dir().join("tools").join("vsphere-host");
    let mut build = Command::new("go");
    build
        .args(["build", "-buildvcs=false", "-o", program.as_str(), "."])
        .current_dir(root().join("crates/reeve-import/tests/host"));
    parts.quiet("build govmomi's simulator of ESXi and vCenter", &mut build)?;
    Ok(program)
}

/// Returns the folder of the descriptors, in Go's own module cache; `go` gets the module where it is not there.
fn govmomi() -> Result<Utf8PathBuf, PartError> {
    let text = format!("go mod download -json {GOVMOMI}");
    // In a folder without a module of its own.
    let output = Command::new("go")
        .args(["mod", "download", "-json", GOVMOMI])
        .current_dir(target_dir())
        .output()
        .map_err(|source| PartError::Start {
            command: text.clone(),
            source,
        })?;
    let answer: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    match answer.as_ref().and_then(|answer| answer.get("Dir")?.as_str()) {
        Some(dir) => Ok(Utf8PathBuf::from(dir).join("ovf").join("fixtures")),
        None => Err(PartError::Failed {
            part: "get govmomi's OVF descriptors".into(),
            command: text,
            status: output.status.to_string(),
            code: output.status.code(),
            tail: format!("; {}", String::from_utf8_lossy(&output.stderr).trim()),
        }),
    }
}
