//! `cargo xtask demo`: the main job on a fresh machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::laboratory::{Laboratory, say_how_to_go_on};
use crate::needs;
use crate::part::{self, PartError, Parts};
use crate::tool::{cache_dir, cargo, target_dir};

/// Builds a real cluster and lets reeve take it over while a client writes to it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take the laboratory down at the end; otherwise it stays up to look around in.
    #[arg(long)]
    down: bool,
    /// Stop before the take-over: survey, check and plan only.
    #[arg(long, conflicts_with = "rehearse")]
    plan_only: bool,
    /// Do not build a cluster: rehearse a take-over on a model of one, which needs neither root nor a laboratory.
    #[arg(long)]
    rehearse: bool,
}

const LABORATORY: Laboratory = Laboratory { name: "demo" };

/// What the demo chooses other than a careful operator would: it does not watch for minutes after each daemon, and does not wait for a
/// person after the first host.
const OPTIONS: &str = r#"{ "mon_soak_seconds": 5, "host_soak_seconds": 5, "pause_after": [] }"#;

/// For how long the client may write at most; it is ended when the take-over is.
const CLIENT_SECONDS: &str = "3600";

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    if args.rehearse {
        return rehearse(parts);
    }
    if let Err(error) = needs::check("cargo xtask demo", &cache_dir()) {
        return instead(&error, parts);
    }
    Laboratory::build(parts)?;
    match LABORATORY.up(parts) {
        Ok(()) => {}
        // The laboratory's own word for a machine that lacks something, such as a kernel feature.
        Err(error @ PartError::Failed { code: Some(3), .. }) => return instead(&error, parts),
        Err(error) => return Err(error),
    }
    let shown = show(args, parts);
    if args.down {
        LABORATORY.down(parts)?;
    } else {
        say_how_to_go_on(&LABORATORY);
    }
    shown
}

/// Says that the real thing is not possible here, and shows the next best.
fn instead(error: &PartError, parts: &mut Parts) -> Result<(), PartError> {
    part::say(&format!(
        "{error}\n\nA REAL CLUSTER CANNOT BE BUILT HERE. What follows is a rehearsal: the same plan, steps and checks on a model of a cluster, \
         with modelled times."
    ));
    rehearse(parts)
}

fn rehearse(parts: &mut Parts) -> Result<(), PartError> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "reeve", "--package", "reeve-rook"]);
    build.args(["--bins", "--examples"]);
    parts.quiet("build reeve", &mut build)?;
    let out = Out::make()?;
    let mut sample = Command::new(target_dir().join("debug").join("examples").join("sample_facts"));
    sample.args(["--hosts", "3", "--osds-per-host", "2", "--mons", "3"]);
    sample.args(["--output", out.facts.as_str()]);
    parts.quiet("make up the facts of a cluster of three hosts", &mut sample)?;
    out.check_and_plan(parts)?;
    let words = ["rook", "rehearse", out.plan.as_str(), "--facts", out.facts.as_str()];
    reeve(parts, "rehearse: the take-over on a model", &words, &[0])
}

fn show(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    let doors = LABORATORY.doors()?;
    let out = Out::make()?;
    let admin = doors.nodes.first().cloned().unwrap_or_else(|| "n1".into());
    let ways = [
        "--ssh-config",
        doors.ssh_config.as_str(),
        "--kubeconfig",
        doors.kubeconfig.as_str(),
    ];
    let mut survey = vec!["rook", "survey", "--admin-host", &admin];
    survey.extend(ways);
    survey.extend(["--ceph-image", &doors.ceph_image, "--save", out.facts.as_str()]);
    reeve(parts, "survey: read the cluster", &survey, &[0])?;
    out.check_and_plan(parts)?;
    if args.plan_only {
        return Ok(());
    }
    let runs = ["--runs-dir", out.runs.as_str()];
    let client = Client::start(&out)?;
    let mut migrate = vec!["rook", "migrate", out.plan.as_str(), "--yes"];
    migrate.extend(runs);
    migrate.extend(ways);
    let migrated = reeve(parts, "migrate: hand the cluster over to Rook", &migrate, &[0]);
    let wrote = client.stop();
    migrated?;
    part::say(&wrote?);
    let mut verify = vec!["rook", "verify"];
    verify.extend(runs);
    verify.extend(ways);
    reeve(parts, "verify: look at it again", &verify, &[0, 1])?;
    let mut report = vec!["rook", "report", "--format", "html", "--output", out.report.as_str()];
    report.extend(runs);
    reeve(parts, "report: what to hand on", &report, &[0])?;
    part::say(&format!("report: {}", out.report));
    Ok(())
}

/// Where the demo leaves its files.
struct Out {
    folder: Utf8PathBuf,
    facts: Utf8PathBuf,
    plan: Utf8PathBuf,
    report: Utf8PathBuf,
    runs: Utf8PathBuf,
}

impl Out {
    fn make() -> Result<Self, PartError> {
        let folder = target_dir().join("demo");
        let file = |source| PartError::File {
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(file)?;
        let runs = folder.join("runs");
        // Runs on a laboratory that is gone would stand in the way of the next.
        match std::fs::remove_dir_all(&runs) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error)),
            _ => {}
        }
        Ok(Self {
            facts: folder.join("facts.json"),
            plan: folder.join("plan.json"),
            report: folder.join("report.html"),
            runs,
            folder,
        })
    }

    fn check_and_plan(&self, parts: &mut Parts) -> Result<(), PartError> {
        let facts = self.facts.as_str();
        // 1 is the documented code for findings: the demo shows them and goes on to the plan.
        reeve(parts, "check: judge it", &["rook", "check", "--facts", facts], &[0, 1])?;
        let html = self.folder.join("check.html");
        let words = ["rook", "check", "--facts", facts, "--format", "html", "--output"];
        let words = [&words[..], &[html.as_str()]].concat();
        reeve(parts, "check: the same as a page to hand on", &words, &[0, 1])?;
        let options = self.folder.join("options.json");
        std::fs::write(&options, OPTIONS).map_err(|source| PartError::File {
            path: options.clone(),
            source,
        })?;
        let words = [
            "--quiet",
            "rook",
            "plan",
            "--facts",
            facts,
            "--options",
            options.as_str(),
        ];
        let words = [&words[..], &["--output", self.plan.as_str()]].concat();
        reeve(parts, "plan: what would be done", &words, &[0])?;
        reeve(
            parts,
            "plan: read it",
            &["rook", "plan", "show", self.plan.as_str()],
            &[0],
        )?;
        part::say(&format!("facts: {facts}\nplan:  {}\npage:  {html}", self.plan));
        Ok(())
    }
}

/// A client that writes and verifies through the old ceph.conf, as users of the cluster do: fio in a unit of the client node.
struct Client {
    log: Utf8PathBuf,
}

/// The client's unit, and the file of its figures.
const CLIENT_UNIT: &str = "demo-fio";
const CLIENT_FIGURES: &str = "/root/demo-fio.json";
/// How long fio may take to end.
const CLIENT_ENDS: Duration = Duration::from_secs(60);

impl Client {
    fn start(out: &Out) -> Result<Self, PartError> {
        // One of an earlier demo that was interrupted; mostly there is none.
        let _ = on_client(&["systemctl", "stop", CLIENT_UNIT]);
        let unit = format!("--unit={CLIENT_UNIT}");
        let figures = format!("--output={CLIENT_FIGURES}");
        let runtime = format!("--runtime={CLIENT_SECONDS}");
        let mut words = vec!["systemd-run", "--collect", "--quiet", &unit, "fio", "--name=demo"];
        words.extend([
            "--ioengine=rbd",
            "--clientname=volumes",
            "--pool=volumes",
            "--rbdname=disk",
        ]);
        words.extend([
            "--rw=randwrite",
            "--bs=4k",
            "--size=32M",
            "--iodepth=1",
            "--rate_iops=50,50",
        ]);
        words.extend(["--verify=crc32c", "--verify_backlog=64", "--verify_fatal=1"]);
        words.extend(["--time_based", &runtime, "--output-format=json", &figures]);
        on_client(&words)?;
        part::say(
            "a client writes 4 KiB blocks to volumes/disk through the old ceph.conf from now on, and reads each back",
        );
        Ok(Self {
            log: out.folder.join("fio.json"),
        })
    }

    /// Ends the client and returns what it saw.
    ///
    /// # Errors
    ///
    /// [`PartError::Seen`] if a write or its verification failed.
    fn stop(&self) -> Result<String, PartError> {
        // fio ends in good order, with its figures, at a SIGINT; one that has ended already has written them too.
        let _ = on_client(&["systemctl", "kill", "--signal=SIGINT", CLIENT_UNIT]);
        let began = Instant::now();
        while on_client(&["systemctl", "is-active", "--quiet", CLIENT_UNIT]).is_ok() {
            if began.elapsed() > CLIENT_ENDS {
                return Err(PartError::Seen(format!(
                    "the client did not end within {} s of being asked to",
                    CLIENT_ENDS.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        let figures = on_client(&["cat", CLIENT_FIGURES])?;
        std::fs::write(&self.log, &figures).map_err(|source| PartError::File {
            path: self.log.clone(),
            source,
        })?;
        let seen = Written::read(&self.log, &figures)?;
        if seen.error != 0 || seen.writes == 0 {
            return Err(PartError::Seen(format!(
                "the client wrote {} blocks and ended with error {}; see {}",
                seen.writes, seen.error, self.log
            )));
        }
        Ok(format!(
            "the client wrote {} blocks of 4 KiB and read {} back: no error; 99.9 % of the writes took less than {:.0} ms, the worst {:.0} ms",
            seen.writes, seen.reads, seen.high_ms, seen.worst_ms
        ))
    }
}

/// Runs a command on the client node and returns what it printed.
fn on_client(words: &[&str]) -> Result<String, PartError> {
    let mut all = vec!["shell", "--name", LABORATORY.name, "client", "--"];
    all.extend(words);
    let mut command = LABORATORY.command(&all);
    let text = words.join(" ");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| PartError::Start {
            command: text.clone(),
            source,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(PartError::Failed {
        part: "the client".into(),
        command: text,
        status: output.status.to_string(),
        code: output.status.code(),
        tail: format!(": {}", said.trim()),
    })
}

/// What fio says at its end.
struct Written {
    writes: u64,
    reads: u64,
    error: u64,
    high_ms: f64,
    worst_ms: f64,
}

impl Written {
    /// Reads fio's JSON; a word about the signal stands before it.
    fn read(path: &Utf8Path, text: &str) -> Result<Self, PartError> {
        let unread = |why: &str| PartError::Seen(format!("fio's figures in {path} cannot be read: {why}"));
        let json = text.find('{').map_or("", |at| &text[at..]);
        let all: serde_json::Value = serde_json::from_str(json).map_err(|error| unread(&error.to_string()))?;
        let job = &all["jobs"][0];
        let count = |at: &str| job.pointer(at).and_then(serde_json::Value::as_u64);
        let nanoseconds = |at: &str| job.pointer(at).and_then(serde_json::Value::as_f64);
        let needed = || unread("a figure is missing");
        Ok(Self {
            writes: count("/write/total_ios").ok_or_else(needed)?,
            reads: count("/read/total_ios").ok_or_else(needed)?,
            error: count("/error").ok_or_else(needed)?,
            high_ms: nanoseconds("/write/clat_ns/percentile/99.900000").ok_or_else(needed)? / 1e6,
            worst_ms: nanoseconds("/write/clat_ns/max").ok_or_else(needed)? / 1e6,
        })
    }
}

/// Runs reeve as a person would, its command line shown first.
fn reeve(parts: &mut Parts, title: &str, words: &[&str], fine: &[i32]) -> Result<(), PartError> {
    let program: Utf8PathBuf = target_dir().join("debug").join("reeve");
    parts.run(title, || {
        part::say(&format!("$ reeve {}", words.join(" ")));
        let mut command = Command::new(&program);
        command.args(words).stdin(Stdio::null());
        let status = command.status().map_err(|source| PartError::Start {
            command: program.to_string(),
            source,
        })?;
        match status.code() {
            Some(code) if fine.contains(&code) => Ok(()),
            _ => Err(PartError::failed(title, &format!("reeve {}", words.join(" ")), status)),
        }
    })
}
