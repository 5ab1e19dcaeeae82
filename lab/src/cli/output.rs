//! What the command line prints: answers on standard output, progress and errors on standard error.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reeve_lab::{LabError, Progress, State, Status};

use super::SIGN_OF_LIFE;

/// Prints a line of the answer.
pub(crate) fn answer(line: &str) {
    // A reader that went away has seen enough.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Prints an error with its causes.
pub(crate) fn complain(error: &LabError) {
    say(&format!("error: {error}"));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        say(&format!("  caused by: {cause}"));
        source = cause.source();
    }
}

/// The parts that are being worked on, with their beginnings.
type Running = Arc<Mutex<Vec<(String, Instant)>>>;

/// Shows progress as lines with the elapsed time; what takes long is named again every half minute.
pub(crate) struct Terminal {
    began: Instant,
    running: Running,
    // Dropped with the terminal: the thread that gives signs of life ends then.
    _end: mpsc::Sender<()>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let running = Running::default();
        let (end, ended) = mpsc::channel();
        let (began, seen) = (Instant::now(), Arc::clone(&running));
        std::thread::spawn(move || {
            while ended.recv_timeout(SIGN_OF_LIFE) == Err(RecvTimeoutError::Timeout) {
                let now: Vec<String> = seen
                    .lock()
                    .expect("no thread panics while it holds the list")
                    .iter()
                    .filter(|(_, since)| since.elapsed() >= SIGN_OF_LIFE)
                    .map(|(part, since)| format!("{part} ({} s)", since.elapsed().as_secs()))
                    .collect();
                if !now.is_empty() {
                    say(&format!("{} still at it: {}", stamp(began.elapsed()), now.join("; ")));
                }
            }
        });
        Self {
            began,
            running,
            _end: end,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says what can be done next, after an error.
    pub(crate) fn hint(&self, text: &str) {
        self.line(&format!("hint    {text}"));
    }

    fn line(&self, text: &str) {
        say(&format!("{} {text}", stamp(self.began.elapsed())));
    }

    fn end(&self, part: &str) {
        let mut running = self.running.lock().expect("no thread panics while it holds the list");
        running.retain(|(other, _)| other != part);
    }
}

fn stamp(elapsed: Duration) -> String {
    format!("[{:>3}:{:02}]", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}

impl Progress for Terminal {
    fn began(&self, part: &str) {
        self.running
            .lock()
            .expect("no thread panics while it holds the list")
            .push((part.to_owned(), Instant::now()));
        self.line(&format!("begins  {part}"));
    }

    fn done(&self, part: &str, took: Duration) {
        self.end(part);
        self.line(&format!("done    {part}: {:.1} s", took.as_secs_f64()));
    }

    fn failed(&self, part: &str, took: Duration) {
        self.end(part);
        self.line(&format!("FAILED  {part}: after {:.1} s", took.as_secs_f64()));
    }

    fn note(&self, text: &str) {
        self.line(&format!("note    {text}"));
    }
}

/// Prints how long the parts took; some ran beside each other.
pub(crate) fn show_times(times: &[(String, Duration)], whole: Duration) {
    for (part, took) in times {
        say(&format!("{:>8.1} s  {part}", took.as_secs_f64()));
    }
    say(&format!("{:>8.1} s  in all", whole.as_secs_f64()));
}

pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Busy => "busy: a process works on it",
        State::Broken => "broken: something that it started has ended",
        State::HalfMade => "half made: its maker ended before it was complete",
    }
}

/// Returns one line about a laboratory.
pub(crate) fn summary(status: &Status) -> String {
    let nodes = status.nodes.iter().filter(|node| node.running).count();
    format!(
        "{:<20} {}  {} of {} nodes run, {}",
        status.name,
        state(status.state),
        nodes,
        status.nodes.len(),
        status.subnet
    )
}

/// Prints what is known of a laboratory.
pub(crate) fn show_status(status: &Status) {
    answer(&format!("laboratory  {}: {}", status.name, state(status.state)));
    answer(&format!("network     {}", status.subnet));
    for node in status.nodes.iter().chain([&status.client]) {
        let mut roles = Vec::new();
        roles.extend(node.mon.iter().map(|id| format!("mon.{id}")));
        roles.extend(node.mgr.iter().map(|id| format!("mgr.{id}")));
        if node.osds > 0 {
            roles.push(format!("{} OSDs", node.osds));
        }
        if roles.is_empty() {
            roles.push(if node.name == status.client.name {
                format!("fio and rbd as {}", status.client_name)
            } else {
                "no daemons".into()
            });
        }
        let runs = if node.running { "runs   " } else { "STOPPED" };
        answer(&format!(
            "{:<11} {:<13} {runs} {}",
            node.name,
            node.address,
            roles.join(", ")
        ));
    }
    for process in &status.control_plane {
        answer(&format!(
            "{:<25} {} process {}",
            process.name,
            if process.running { "runs   " } else { "STOPPED" },
            process.pid
        ));
    }
    if status.spec.kubernetes {
        answer(&format!("kubeconfig  {}", status.kubeconfig));
        answer(&format!("kubectl     {}", status.kubectl));
        answer(&format!("images      {}, {}", status.ceph_image, status.rook_image));
    }
    answer(&format!(
        "ssh         ssh -F {} {}",
        status.ssh_config, status.nodes[0].name
    ));
    answer(&format!(
        "sudo login  ssh -F {} {}",
        status.ssh_config_operator, status.nodes[0].name
    ));
}
