//! `cargo xtask test`: passes the tests.

use crate::cloud::Cloud;
use crate::import;
use crate::laboratory::Laboratory;
use crate::live;
use crate::needs;
use crate::parity;
use crate::part::{self, PartError, Parts};
use crate::tool::{cache_dir, cargo, ensure_packages};

/// Passes the tests: all crates, then the tests against the laboratory.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the laboratory: pure tests only, no root needed. What was left out is said at the end.
    #[arg(long)]
    without_laboratory: bool,
    /// Also the tests that take long: the way back from each phase, one mon and five, and those that need a cloud.
    #[arg(long, conflicts_with = "without_laboratory")]
    all: bool,
    /// Only the tests on this laboratory; can be given several times. `cloud` is all that needs the laboratory `openstack`: its own tests, imports into it, and our verdicts beside the official ones.
    #[arg(long, value_name = "LABORATORY", value_parser = names(), conflicts_with_all = ["without_laboratory", "all"])]
    only: Vec<String>,
    /// Leave the last laboratory up at the end, or the one whose test failed.
    #[arg(long)]
    keep: bool,
    /// How many laboratories run beside each other, each with its own tests. One needs about 3 GiB of memory and two cores; the default is what the cores allow.
    #[arg(long, value_name = "COUNT", default_value_t = laboratories_at_once(), value_parser = clap::value_parser!(u8).range(1..=4))]
    at_once: u8,
}

/// What `--only` calls the tests that need a cloud.
const CLOUD: &str = "cloud";

/// Returns what `--only` knows.
fn names() -> clap::builder::PossibleValuesParser {
    live::names().chain([CLOUD]).into()
}

const LABORATORY: Laboratory = Laboratory { name: "test" };

/// Cores that one laboratory keeps busy: a daemon's health probe alone costs 4 % of one, and a laboratory has eleven daemons under Rook.
const CORES_OF_A_LABORATORY: usize = 2;

/// Returns how many laboratories this machine bears beside each other, 1 to 4.
///
/// Two on two cores took as long as one after the other, and each made the other's daemons fail their health probes.
fn laboratories_at_once() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u8::try_from((cores / CORES_OF_A_LABORATORY).clamp(1, 4)).unwrap_or(1)
}

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    if args.without_laboratory {
        crates(parts)?;
        part::say(
            "the tests against the laboratory were LEFT OUT (--without-laboratory): nothing was tried on a real cluster",
        );
        return Ok(());
    }
    needs::check("cargo xtask test", &cache_dir())?;
    if !args.only.is_empty() {
        return only(args, parts);
    }
    ensure_packages(parts, &[("chromium", "chromium"), ("pdftotext", "poppler-utils")])?;
    Laboratory::build(parts)?;
    // The laboratory's parts are mostly downloads at first and the crates' tests mostly compilation, so the two share the machine.
    let mut prepare = LABORATORY.command(&["prepare"]);
    let log = part::log_path("laboratory prepare")?;
    let file = |source| PartError::File {
        path: log.clone(),
        source,
    };
    let out = std::fs::File::create(&log).map_err(file)?;
    let err = out.try_clone().map_err(file)?;
    let mut preparing = prepare
        .stdin(std::process::Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|source| PartError::Start {
            command: "lab prepare".into(),
            source,
        })?;
    part::say(&format!("        the laboratory's parts are prepared meanwhile: {log}"));
    let tested = crates(parts);
    let prepared = parts.run("wait for the laboratory's parts", || preparing.wait().map_err(file))?;
    tested?;
    import::tests(parts)?;
    if !prepared.success() {
        let tail = format!("; see {log}");
        return Err(PartError::Failed {
            part: "prepare the laboratory".into(),
            command: "lab prepare".into(),
            status: prepared.to_string(),
            code: prepared.code(),
            tail,
        });
    }
    laboratory(args, parts)
}

/// Runs the tests on the laboratories that were asked for, in the order in which all would run.
fn only(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    Laboratory::build(parts)?;
    let asked = |name: &str| args.only.iter().any(|only| only == name);
    live::run(asked, args.keep, args.at_once.into(), parts)?;
    if asked(CLOUD) {
        cloud(parts)?;
    }
    Ok(())
}

fn crates(parts: &mut Parts) -> Result<(), PartError> {
    let mut build = cargo();
    build.args(["test", "--quiet", "--workspace", "--no-run"]);
    parts.quiet("build the tests", &mut build)?;
    let mut test = cargo();
    // One failure must not hide the next: who mends them wants all of them from one run.
    test.args(["test", "--workspace", "--no-fail-fast", "--exclude", "reeve-live-tests"]);
    test.env(
        "REEVE_TEST_REQUIRE_CHROMIUM",
        if rustix::process::geteuid().is_root() { "1" } else { "" },
    );
    parts.show("tests of the crates", &mut test)
}

/// Runs the tests that need root and laboratories.
fn laboratory(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    let mut own = cargo();
    own.args([
        "test",
        "--workspace",
        "--test",
        "machine",
        "--",
        "--ignored",
        "--test-threads=1",
        "--nocapture",
    ]);
    parts.show("tests of the laboratory itself", &mut own)?;
    let chosen = |name: &str| args.all || live::always(name);
    live::run(chosen, args.keep, args.at_once.into(), parts)?;
    if args.all {
        cloud(parts)?;
    }
    Ok(())
}

/// Runs what needs a cloud: the tests of that laboratory itself, imports into it, then our verdicts beside the official ones.
///
/// After the other laboratories and not beside them: a cloud starts sixty programs, and their tests watch deadlines.
fn cloud(parts: &mut Parts) -> Result<(), PartError> {
    let mut prepare = LABORATORY.command(&["prepare", "openstack"]);
    parts.show("the parts of the laboratory `openstack`", &mut prepare)?;
    let mut own = cargo();
    own.args(["test", "--workspace", "--test", "openstack", "--"]);
    own.args(["--ignored", "--test-threads=1", "--nocapture"]);
    parts.show("tests of the laboratory `openstack` itself", &mut own)?;
    imports(parts)?;
    parity::gate(parts)
}

/// The laboratory that machines are brought into.
const IMPORT: &str = "import";

/// Brings machines into a cloud of its own.
fn imports(parts: &mut Parts) -> Result<(), PartError> {
    ensure_packages(parts, &[("qemu-img", "qemu-utils")])?;
    let mut guest = LABORATORY.command(&["prepare", "guest"]);
    parts.show("a guest to import", &mut guest)?;
    let cloud = Cloud { name: IMPORT.into() };
    cloud.up(&[], parts)?;
    let tested = live::test(IMPORT, live::ON_A_CLOUD, parts);
    let down = cloud.down(parts);
    tested.and(down)
}
