//! Runs as a person meets them at the command line: beginning, taking up again, asking, following. No cluster is reached: what is past the asking is
//! the laboratory's to show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod binary;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use binary::{binary, text};
use camino::{Utf8Path, Utf8PathBuf};
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Event, Holder, Journal, PauseReason, Runs};
use reeve_rook::plan::{Options, plan};
use reeve_rook::sample::Cluster;
use reeve_rook::watch::{Answer, ClusterView, SAMPLES_FORMAT, Sample, SampleLine, SampleLog, SessionBegin};
use serde_json::Value;
use tempfile::TempDir;

/// How long the binary may take for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

struct Desk {
    dir: TempDir,
    runs: Runs,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("runs")).unwrap();
        Self {
            runs: Runs::in_dir(path).unwrap(),
            dir,
        }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = binary(self.path(), words);
        command.env("REEVE_RUNS_DIR", self.runs.directory());
        command
    }

    fn reeve(&self, words: &[&str]) -> Output {
        let child = self
            .command(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        ended(child.unwrap())
    }

    fn plan(&self, name: &str, plan: &Plan) {
        std::fs::write(self.path().join(name), plan.to_json()).unwrap();
    }

    /// Makes a run that this process holds, with every phase approved.
    fn held(&self, plan: Plan) -> Held {
        let mut journal = self
            .runs
            .create(plan, &Holder::this_process("here", "the test"))
            .unwrap();
        let phases: Vec<_> = journal.plan().phases.iter().map(|phase| phase.name.clone()).collect();
        for phase in phases {
            let by = "the test".to_owned();
            journal.append(Event::PhaseApproved { phase, by }).unwrap();
        }
        Held { journal }
    }
}

fn a_plan(options: &Options) -> Plan {
    plan(&Cluster::default().facts(), options).unwrap()
}

/// Waits for the end of a process, and ends it when that takes too long.
fn ended(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the binary did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

struct Held {
    journal: Journal,
}

impl Held {
    fn begins(&mut self) -> StepId {
        let state = self.journal.state();
        let step = state.step(state.position()).2.id.clone();
        self.journal
            .append(Event::StepStarted {
                step: step.clone(),
                attempt: 1,
            })
            .unwrap();
        step
    }

    fn does(&mut self) {
        let step = self.begins();
        let output = Value::Null;
        self.journal
            .append(Event::StepDone {
                step,
                changed: true,
                output,
            })
            .unwrap();
    }

    fn run(&self) -> String {
        self.journal.run().to_string()
    }

    fn samples(&self) -> SampleLog {
        let begin = SessionBegin {
            format: SAMPLES_FORMAT,
            run: self.run(),
            at: jiff::Timestamp::now(),
            interval_ms: 1000,
            client: None,
            rehearsal: false,
        };
        SampleLog::begin(self.journal.path(), begin).unwrap()
    }
}

fn look() -> SampleLine {
    SampleLine::Sample(Sample {
        at: jiff::Timestamp::now(),
        took_ms: 250,
        answer: Answer::Cluster(ClusterView {
            health: "HEALTH_OK".into(),
            quorum: ["n1", "n2", "n3"].map(String::from).into(),
            mons: 3,
            mgr_available: true,
            osds: 6,
            osds_up: 6,
            ..ClusterView::default()
        }),
        client: None,
    })
}

#[test]
fn a_run_of_the_same_plan_is_taken_up_again_and_one_of_another_is_in_the_way() {
    let desk = Desk::new();
    let (plan, other) = (
        a_plan(&Options::default()),
        a_plan(&Options {
            mon_soak_seconds: 1,
            ..Options::default()
        }),
    );
    desk.plan("plan.json", &plan);
    desk.plan("other.json", &other);
    desk.plan("kubeconfig", &plan);
    let migrate = |plan: &str| desk.reeve(&["rook", "migrate", plan, "--kubeconfig", "kubeconfig", "--yes"]);

    // Nothing is begun where the cluster is not reached: no run is left behind.
    let output = migrate("plan.json");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(desk.runs.list().unwrap().0.len(), 0);

    // A run that has done nothing is closed for another plan, and no reason to refuse.
    let unbegun = desk.held(plan.clone()).run();
    let output = migrate("other.json");
    assert!(text(&output.stderr).contains(&format!("run {unbegun} of another plan has done nothing and is closed")));

    let mut begun = desk.held(plan);
    begun.does();
    let run = begun.run();
    let output = migrate("plan.json");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains(&format!("the run is held by process {} on here", std::process::id())),
        "{}",
        text(&output.stderr)
    );
    drop(begun);
    let output = migrate("plan.json");
    assert!(
        text(&output.stderr).contains(&format!("run {run} of this plan was begun at")),
        "{}",
        text(&output.stderr)
    );
    let output = migrate("other.json");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains(&format!("run {run} of another plan works on this cluster"))
            && said.contains("reeve rook rollback"),
        "{said}"
    );
}

#[test]
fn places_and_images_that_are_mistyped_are_told_before_anything_is_begun() {
    let desk = Desk::new();
    desk.plan("plan.json", &a_plan(&Options::default()));
    for (words, hint) in [
        (&["--until", "osd.00"][..], "did you mean `osd.0`?"),
        (&["--pause-after", "n9"], "it hands over OSDs of n1, n2, n3"),
        (&["--until", "osd.0", "--pause-after", "n1"], "cannot be used with"),
        (&["--watch-io-limit", "5"], "--watch-io <POOL/IMAGE>"),
        (
            &["--watch-io", "volumes/x", "--watch-io-user=-k"],
            "not beginning with `-`",
        ),
    ] {
        let words: Vec<&str> = ["rook", "migrate", "plan.json"]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        let output = desk.reeve(&words);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(hint), "{words:?}: {said}");
    }
    assert_eq!(desk.runs.list().unwrap().0.len(), 0);
}

#[test]
fn status_tells_how_a_run_stands_also_while_it_is_at_work() {
    let desk = Desk::new();
    let mut held = desk.held(a_plan(&Options::default()));
    let mut log = held.samples();
    for _ in 0..12 {
        held.does();
    }
    let step = held.begins();
    log.write(&look()).unwrap();
    let output = desk.reeve(&["rook", "status"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in [
        "at work: process",
        "Phase 1 of 7: Prepare",
        "HEALTH_OK",
        "quorum 3 of 3",
        "3 mons under the old units: n1 n2 n3",
        "--watch` follows it",
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    let output = desk.reeve(&["rook", "status", "--format", "json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["run"]["steps_done"], 12);
    assert_eq!(status["last_sample"]["answer"]["cluster"]["health"], "HEALTH_OK");
    assert!(
        status["serving"]
            .as_array()
            .unwrap()
            .iter()
            .all(|daemon| daemon["by"] == "old_unit")
    );
    assert!(status["in_hand"]["at_most_seconds"].as_u64().unwrap() > 0);
    assert!(!status["in_hand"]["what"].as_str().unwrap().is_empty(), "{step}");
    let run = held.run();
    drop(held);
    let output = desk.reeve(&["rook", "status"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4));
    assert!(said.contains("  at rest\n"), "{said}");
    assert!(
        said.contains("interrupted: its process is gone") && said.contains(&format!("reeve rook resume {run}")),
        "{said}"
    );
}

#[test]
fn status_follows_a_run_as_a_stream_of_events_until_its_process_ends() {
    let desk = Desk::new();
    let mut held = desk.held(a_plan(&Options::default()));
    held.does();
    let mut log = held.samples();
    let mut child = desk
        .command(&["rook", "status", "--watch", "--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begin: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(
        (begin["begin"]["format"].as_u64(), begin["begin"]["steps_done"].as_u64()),
        (Some(1), Some(1))
    );
    held.does();
    log.write(&look()).unwrap();
    let reason = PauseReason::Asked;
    held.journal.append(Event::Paused { reason }).unwrap();
    drop(held);
    let rest: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let keys: Vec<String> = rest
        .iter()
        .map(|line| line.as_object().unwrap().keys().next().unwrap().clone())
        .collect();
    let count = |key: &str| keys.iter().filter(|it| *it == key).count();
    assert_eq!((count("record"), count("sample")), (3, 1), "{keys:?}");
    assert!(
        rest.iter()
            .any(|line| line["record"]["event"]["step_done"]["changed"] == true)
    );
    assert_eq!(ended(child).status.code(), Some(4));
}

#[test]
fn status_follows_for_as_long_as_it_was_told() {
    let desk = Desk::new();
    let held = desk.held(a_plan(&Options::default()));
    let begun = Instant::now();
    let output = desk.reeve(&["rook", "status", "--watch", "--watch-for", "2"]);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("at work"));
    drop(held);
}

/// The binary at a terminal: what it writes there, and a way to type.
struct Terminal {
    child: Child,
    ours: std::fs::File,
    seen: String,
}

impl Terminal {
    fn open(mut command: Command) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
        let stderr = theirs.try_clone().unwrap();
        let size = rustix::termios::Winsize {
            ws_row: 40,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&ours, size).unwrap();
        let child = command
            .env("TERM", "xterm")
            .stdin(theirs)
            .stderr(stderr)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            ours: ours.into(),
            seen: String::new(),
        }
    }

    /// Reads until these words have come.
    fn reads(&mut self, words: &str) {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while !self.seen.contains(words) {
            assert!(begun.elapsed() < PATIENCE, "`{words}` did not come: {}", self.seen);
            let mut ready = [rustix::event::PollFd::new(&self.ours, rustix::event::PollFlags::IN)];
            let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
            if rustix::event::poll(&mut ready, Some(&second)).unwrap() == 0 {
                continue;
            }
            // A terminal whose other end is closed reads as an error.
            let length = self.ours.read(&mut buffer).unwrap_or(0);
            assert!(length > 0, "the binary ended without `{words}`: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    fn types(&mut self, line: &str) {
        self.seen.clear();
        self.ours.write_all(line.as_bytes()).unwrap();
    }

    fn ends(self) -> Option<i32> {
        ended(self.child).status.code()
    }
}

#[test]
fn a_person_at_a_terminal_is_asked_and_no_is_no() {
    let desk = Desk::new();
    let mut held = desk.held(a_plan(&Options::default()));
    held.does();
    drop(held);
    let rollback = ["rook", "rollback", "--all", "--kubeconfig", "nowhere"];

    let mut terminal = Terminal::open(desk.command(&rollback));
    terminal.reads("Take this back? [yes/no] ");
    assert!(terminal.seen.contains("1 of 170 steps are done"), "{}", terminal.seen);
    terminal.types("perhaps\n");
    terminal.reads("Take this back? [yes/no] ");
    terminal.types("no\n");
    assert_eq!(terminal.ends(), Some(4));

    // Yes goes on, and here comes no further than the kubeconfig.
    let mut terminal = Terminal::open(desk.command(&rollback));
    terminal.reads("[yes/no] ");
    terminal.types("yes\n");
    terminal.reads("nowhere");
    assert_eq!(terminal.ends(), Some(2));

    // Nobody there is no.
    let output = desk.reeve(&rollback);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("there is no terminal to ask at"));
}

#[test]
fn a_run_is_followed_on_a_terminal_in_a_block_that_is_drawn_over() {
    let desk = Desk::new();
    let mut held = desk.held(a_plan(&Options::default()));
    held.does();
    let mut terminal = Terminal::open(desk.command(&["rook", "status", "--watch"]));
    terminal.reads("1 of 170 steps");
    terminal.reads("so far, about");
    held.does();
    terminal.reads("2 of 170 steps");
    // The line of the step scrolls above the block, which was drawn over.
    assert!(
        terminal.seen.contains("   2/170 ") && terminal.seen.contains("\u{1b}["),
        "{:?}",
        terminal.seen
    );
    drop(held);
    assert_eq!(terminal.ends(), Some(4));
}
