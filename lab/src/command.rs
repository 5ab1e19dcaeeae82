//! Programs that the laboratory runs: with a deadline, with the end of their output kept, and inside a cgroup of the laboratory.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{LabError, Result};

/// How long a program may take when nothing else is said.
const DEADLINE: Duration = Duration::from_secs(60);
/// Most bytes kept of each output stream.
const OUTPUT_LIMIT: usize = 4 << 20;
/// Lines of output that an error carries.
const TAIL_LINES: usize = 15;

/// Puts the shell into each of the cgroups that come first in its arguments, then becomes the command that follows them.
///
/// The kernel keeps children in their parent's cgroup, so whatever the command starts can be found there later. A shell that outlives its
/// maker fails here as soon as the laboratory's cgroups are gone, and starts nothing.
const ENTER: &str =
    "n=$1; shift; while [ \"$n\" -gt 0 ]; do echo $$ > \"$1\" || exit 125; shift; n=$((n-1)); done; exec \"$@\"";

/// One run of one program.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    part: String,
    words: Vec<String>,
    environment: Vec<(String, String)>,
    folder: Option<Utf8PathBuf>,
    input: Vec<u8>,
    cgroups: Vec<Utf8PathBuf>,
    deadline: Duration,
}

/// What a program said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output, at most 4 MiB.
    pub stdout: String,
    /// Standard error, at most 4 MiB.
    pub stderr: String,
}

impl Tool {
    /// Begins a run of `program` for `part`, the name that errors carry.
    pub(crate) fn new(part: impl Into<String>, program: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            words: vec![program.into()],
            environment: Vec::new(),
            folder: None,
            input: Vec::new(),
            cgroups: Vec::new(),
            deadline: DEADLINE,
        }
    }

    pub(crate) fn arg(mut self, word: impl Into<String>) -> Self {
        self.words.push(word.into());
        self
    }

    pub(crate) fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn folder(mut self, folder: &Utf8Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Gives `input` on standard input; without this it is empty.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs the program inside cgroups, each named by its `cgroup.procs` file.
    pub(crate) fn inside(mut self, procs: &[Utf8PathBuf]) -> Self {
        self.cgroups = procs.to_vec();
        self
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the command as errors show it.
    pub(crate) fn text(&self) -> String {
        self.words.join(" ")
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = if self.cgroups.is_empty() {
            let mut command = Command::new(&self.words[0]);
            command.args(&self.words[1..]);
            command
        } else {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", ENTER, "enter", &self.cgroups.len().to_string()]);
            command
                .args(self.cgroups.iter().map(|path| path.as_str()))
                .args(&self.words);
            command
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// Runs the program to its end and returns what it said; it must end with 0.
    ///
    /// # Errors
    ///
    /// [`LabError::Start`], [`LabError::Failed`], [`LabError::TooLong`].
    pub(crate) fn run(&self) -> Result<Output> {
        let output = self.answer()?;
        if output.code == 0 {
            return Ok(output);
        }
        let status = if output.code < 0 {
            "a signal".to_owned()
        } else {
            format!("exit code {}", output.code)
        };
        Err(LabError::Failed {
            part: self.part.clone(),
            command: self.text(),
            status,
            tail: tail(&output),
        })
    }

    /// Runs the program to its end and returns what it said, whatever its exit code.
    ///
    /// # Errors
    ///
    /// [`LabError::Start`], [`LabError::TooLong`].
    pub(crate) fn answer(&self) -> Result<Output> {
        let mut command = self.command();
        command.stdin(if self.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.not_started(source))?;
        if let Some(mut pipe) = child.stdin.take() {
            let input = self.input.clone();
            // A program that ends before it has read everything closes the pipe; its exit code says what it thought of it.
            std::thread::spawn(move || drop(pipe.write_all(&input)));
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = wait(&mut child, self.deadline);
        let collected = |from: &mpsc::Receiver<Vec<u8>>| {
            // A grandchild may hold the pipe open; what came until now is enough then.
            let bytes = from.recv_timeout(Duration::from_secs(2)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let output = |code| Output {
            code,
            stdout: collected(&stdout),
            stderr: collected(&stderr),
        };
        match status.map_err(|source| self.not_started(source))? {
            Some(status) => Ok(output(status.code().unwrap_or(-1))),
            None => Err(LabError::TooLong {
                part: self.part.clone(),
                command: self.text(),
                deadline: self.deadline,
                tail: tail(&output(-1)),
            }),
        }
    }

    /// Starts the program detached from this process: own session, no input, both outputs appended to `log`.
    ///
    /// # Errors
    ///
    /// [`LabError::Start`], [`LabError::File`].
    pub(crate) fn start(&self, log: &Utf8Path) -> Result<Child> {
        let mut detached = self.clone();
        detached.words.insert(0, "setsid".into());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let out = file.map_err(LabError::file("open", log))?;
        let err = out.try_clone().map_err(LabError::file("open", log))?;
        let mut command = detached.command();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        command.spawn().map_err(|source| self.not_started(source))
    }

    fn not_started(&self, source: std::io::Error) -> LabError {
        LabError::Start {
            part: self.part.clone(),
            command: self.text(),
            source,
        }
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            let mut buffer = [0; 16 << 10];
            while let Ok(count) = pipe.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                // The end of an output says more than its beginning.
                kept.extend_from_slice(&buffer[..count]);
                if kept.len() > OUTPUT_LIMIT {
                    kept.drain(..kept.len() - OUTPUT_LIMIT / 2);
                }
            }
        }
        // Nobody waits any more when the command was given up.
        drop(sender.send(kept));
    });
    receiver
}

/// Waits for a child to end, and kills it at the deadline: `None` then.
fn wait(child: &mut Child, deadline: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Returns the last lines of a program's output, standard error first, with control characters made visible.
fn tail(output: &Output) -> String {
    let all = if output.stderr.trim().is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    last_lines(all, TAIL_LINES)
}

/// Returns the last `count` lines of `text`, indented, with control characters made visible.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "    (it said nothing)".into();
    }
    let visible = |line: &&str| {
        let shown: String = line
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
            .take(400)
            .collect();
        format!("    {shown}")
    };
    lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(visible)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Waits until `look` returns a value; `Err` of it is what was seen instead.
///
/// # Errors
///
/// [`LabError::Waited`] at the deadline, with what was seen last.
pub(crate) fn wait_for<T>(
    part: &str,
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(seen) if began.elapsed() > deadline => {
                return Err(LabError::Waited {
                    part: part.into(),
                    what: what.into(),
                    deadline,
                    seen,
                });
            }
            Err(_) => std::thread::sleep(pause),
        }
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_told_with_its_last_lines() {
        let script = "for i in 1 2 3; do echo line $i >&2; done; exit 7";
        let error = Tool::new("part", "sh")
            .args(["-c", script])
            .run()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("part: `sh -c"), "{error}");
        assert!(
            error.contains("exit code 7") && error.ends_with("line 1\n    line 2\n    line 3"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed_at_its_deadline() {
        let began = Instant::now();
        let error = Tool::new("part", "sleep")
            .arg("60")
            .deadline(Duration::from_millis(50))
            .run()
            .unwrap_err();
        assert!(matches!(error, LabError::TooLong { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn input_reaches_the_program_and_its_cgroup_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let procs = Utf8PathBuf::from_path_buf(folder.path().join("cgroup.procs")).unwrap();
        let said = Tool::new("part", "cat")
            .input("hello")
            .inside(std::slice::from_ref(&procs))
            .run()
            .unwrap();
        assert_eq!(said.stdout, "hello");
        assert!(std::fs::read_to_string(procs).unwrap().trim().parse::<u32>().is_ok());
    }

    #[test]
    fn a_program_whose_cgroup_is_gone_is_not_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("started");
        let gone = Utf8PathBuf::from("/nonexistent/cgroup.procs");
        let said = Tool::new("part", "touch")
            .arg(mark.to_str().unwrap())
            .inside(&[gone])
            .answer()
            .unwrap();
        assert_ne!(said.code, 0);
        assert!(!mark.exists());
    }

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(last_lines("a\n\u{1b}[31mred\n\n", 1), "    \u{fffd}[31mred");
    }
}
