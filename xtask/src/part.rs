//! Parts of a job: what runs, for how long, and what came of it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// How often a part that prints nothing itself says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long the output of a command that has ended is still waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes of a failed command's output that are shown.
const TAIL_BYTES: u64 = 6000;

/// A part of the job failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartError {
    /// The machine lacks something.
    #[error("this machine lacks what `{job}` needs:\n{missing}")]
    Needs {
        /// The job.
        job: String,
        /// One line for each thing missing, with the way out.
        missing: String,
    },
    /// A command could not be started.
    #[error("could not start `{command}`: {source}")]
    Start {
        /// The command.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// A command ended with a status other than 0.
    #[error("{part}: `{command}` ended with {status}{tail}")]
    Failed {
        /// The part.
        part: String,
        /// The command.
        command: String,
        /// Its status.
        status: String,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The end of its output, if it was not shown already.
        tail: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something was seen that must not be.
    #[error("{0}")]
    Seen(String),
}

impl PartError {
    /// A command whose output was shown already ended with a status other than 0.
    pub(crate) fn failed(part: &str, command: &str, status: ExitStatus) -> Self {
        Self::Failed {
            part: part.into(),
            command: command.into(),
            status: status.to_string(),
            code: status.code(),
            tail: String::new(),
        }
    }

    /// Returns the exit code: 2 where the machine lacks something, 1 for all else.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Needs { .. } => 2,
            _ => 1,
        }
    }
}

/// The parts of one job and the time each took.
pub(crate) struct Parts {
    began: Instant,
    rows: Vec<(String, Duration)>,
}

impl Parts {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            rows: Vec::new(),
        }
    }

    /// Runs `work` as the part `title` and records its time.
    pub(crate) fn run<T>(&mut self, title: &str, work: impl FnOnce() -> Result<T, PartError>) -> Result<T, PartError> {
        say(&format!("[{}] {title} …", clock(self.began.elapsed())));
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        let word = if result.is_ok() { "done" } else { "failed" };
        say(&format!(
            "[{}] {title}: {word} in {}",
            clock(self.began.elapsed()),
            clock(took)
        ));
        self.rows.push((title.to_owned(), took));
        result
    }

    /// Runs a command as a part, its output to the terminal.
    pub(crate) fn show(&mut self, title: &str, command: &mut Command) -> Result<(), PartError> {
        self.run(title, || show(title, command))
    }

    /// The same with each line behind a name: for parts that run beside each other.
    pub(crate) fn show_behind(&mut self, name: &str, title: &str, command: &mut Command) -> Result<(), PartError> {
        self.run(title, || show_behind(name, title, command))
    }

    /// Returns parts of the same job for a worker beside this one, whose times [`Parts::take_in`] adds.
    pub(crate) const fn beside(&self) -> Self {
        Self {
            began: self.began,
            rows: Vec::new(),
        }
    }

    /// Adds the times that a worker beside this one recorded.
    pub(crate) fn take_in(&mut self, beside: Self) {
        self.rows.extend(beside.rows);
    }

    /// Runs a command as a part, its output to a log file that is shown when it fails.
    pub(crate) fn quiet(&mut self, title: &str, command: &mut Command) -> Result<(), PartError> {
        self.run(title, || quiet(title, command))
    }

    /// Prints the time of each part and of all.
    pub(crate) fn print_times(&self) {
        if self.rows.len() < 2 {
            return;
        }
        say("times of the parts:");
        for (title, took) in &self.rows {
            say(&format!("  {:>7}  {title}", clock(*took)));
        }
        say(&format!("  {:>7}  in all", clock(self.began.elapsed())));
    }
}

/// Prints a line for the person who watches.
#[expect(
    clippy::print_stderr,
    reason = "xtask is a command line; this is its one way to speak"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Returns `m:ss`.
pub(crate) fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command with its output to the terminal.
pub(crate) fn show(part: &str, command: &mut Command) -> Result<(), PartError> {
    let text = words(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| PartError::Start {
            command: text.clone(),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(PartError::failed(part, &text, status))
    }
}

/// Runs a command with its output to the terminal, each line behind a name.
fn show_behind(name: &str, part: &str, command: &mut Command) -> Result<(), PartError> {
    let text = words(command);
    let start = |source| PartError::Start {
        command: text.clone(),
        source,
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(start)?;
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|out| Box::new(out) as _),
        child.stderr.take().map(|err| Box::new(err) as _),
    ];
    let (ended, ends) = mpsc::channel();
    let mut open = 0;
    for output in outputs.into_iter().flatten() {
        let (name, ended) = (name.to_owned(), ended.clone());
        open += 1;
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                say(&format!("{name:>8} | {}", String::from_utf8_lossy(&line)));
            }
            // Nobody listens any more if the command ended long ago.
            let _ = ended.send(());
        });
    }
    let status = child.wait().map_err(start)?;
    // What the command began and left running, such as a laboratory, may hold its output open for as long as it lives.
    let until = Instant::now() + LAST_WORDS;
    while open > 0
        && ends
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .is_ok()
    {
        open -= 1;
    }
    if status.success() {
        Ok(())
    } else {
        Err(PartError::failed(part, &text, status))
    }
}

/// Runs a command with its output to a log file, a heartbeat to the terminal, and the log's end when it fails.
pub(crate) fn quiet(part: &str, command: &mut Command) -> Result<(), PartError> {
    let log = log_path(part)?;
    let file = |source| PartError::File {
        path: log.clone(),
        source,
    };
    let out = File::create(&log).map_err(file)?;
    let err = out.try_clone().map_err(file)?;
    let text = words(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|source| PartError::Start {
            command: text.clone(),
            source,
        })?;
    let began = Instant::now();
    let mut said = began;
    // Bounded by the child: it is a compiler or a package tool, with deadlines of its own or ended by Ctrl-C, which reaches it too.
    let status = loop {
        match child.try_wait().map_err(file)? {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(100)),
        }
        if said.elapsed() >= HEARTBEAT {
            said = Instant::now();
            say(&format!(
                "        {part}: {} so far; {}",
                clock(began.elapsed()),
                last_line(&log)
            ));
        }
    };
    if status.success() {
        return Ok(());
    }
    let tail = format!("; the end of {log}:\n{}", tail(&log, TAIL_BYTES));
    Err(PartError::Failed {
        part: part.into(),
        command: text,
        status: status.to_string(),
        code: status.code(),
        tail,
    })
}

/// Returns the log file of a part, in the target directory.
pub(crate) fn log_path(part: &str) -> Result<Utf8PathBuf, PartError> {
    let dir = crate::tool::target_dir().join("xtask-logs");
    std::fs::create_dir_all(&dir).map_err(|source| PartError::File {
        path: dir.clone(),
        source,
    })?;
    let name: String = part
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    Ok(dir.join(format!("{name}.log")))
}

fn tail(path: &Utf8Path, bytes: u64) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let length = file.metadata().map_or(0, |m| m.len());
        // An unreadable log only makes the message shorter.
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(bytes)));
        let _ = file.take(bytes).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn last_line(path: &Utf8Path) -> String {
    let text = tail(path, 400);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no output yet")
        .trim();
    line.chars().filter(|c| !c.is_control()).take(90).collect()
}

/// Writes text to standard output: the one thing that a job has to say.
pub(crate) fn answer(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_leaves_something_running_is_not_waited_for() {
        let began = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo \"$!\" >&2; exit 3"]);
        let error = show_behind("lab", "leave something running", &mut command).unwrap_err();
        assert!(matches!(error, PartError::Failed { code: Some(3), .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    }
}
