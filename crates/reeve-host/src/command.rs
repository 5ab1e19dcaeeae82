//! A command as a value.

use std::fmt;
use std::time::Duration;

/// What stands in a log or a recording in place of a secret argument.
pub const MASK: &str = "***";

/// A program with its arguments, what to feed it and how long and how much it may answer.
///
/// The arguments reach the program as they are. `Display` gives one line that could be pasted into a shell, with the
/// arguments marked secret masked and without standard input.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command {
    program: String,
    args: Vec<Arg>,
    stdin: Option<Vec<u8>>,
    deadline: Duration,
    stdout_limit: usize,
    stderr_limit: usize,
    cut_stdout: bool,
    as_root: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Arg {
    text: String,
    secret: bool,
}

impl Command {
    /// How long a command may take unless it says otherwise.
    pub const DEADLINE: Duration = Duration::from_secs(30);
    /// How many bytes of standard output a command may give unless it says otherwise.
    pub const STDOUT_LIMIT: usize = 16 * 1024 * 1024;
    /// How many of the last bytes of standard error are kept unless the command says otherwise.
    pub const STDERR_LIMIT: usize = 64 * 1024;

    /// Begins a command without arguments, with the default deadline and limits, as the login user.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            stdin: None,
            deadline: Self::DEADLINE,
            stdout_limit: Self::STDOUT_LIMIT,
            stderr_limit: Self::STDERR_LIMIT,
            cut_stdout: false,
            as_root: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(Arg {
            text: arg.into(),
            secret: false,
        });
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| Arg {
            text: arg.into(),
            secret: false,
        }));
        self
    }

    /// Adds an argument that no log, error or recording shows.
    ///
    /// # Caveats
    ///
    /// Every user of the host can see the arguments of its processes. Give a real secret through [`Command::stdin`] or a file;
    /// this is for what should merely not be spread further, such as a one-time token.
    #[must_use]
    pub fn secret_arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(Arg {
            text: arg.into(),
            secret: true,
        });
        self
    }

    /// Feeds these bytes to the program; without this call its standard input is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Sets how long the command may take, connecting included.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many bytes of standard output are taken; more is an error, or is cut after [`Command::cut_stdout`].
    #[must_use]
    pub fn stdout_limit(mut self, bytes: usize) -> Self {
        self.stdout_limit = bytes;
        self
    }

    /// Sets how many of the last bytes of standard error are kept; more is cut and never an error.
    #[must_use]
    pub fn stderr_limit(mut self, bytes: usize) -> Self {
        self.stderr_limit = bytes;
        self
    }

    /// Takes standard output up to its limit and drops the rest, instead of failing.
    #[must_use]
    pub fn cut_stdout(mut self) -> Self {
        self.cut_stdout = true;
        self
    }

    /// Runs the command as root: as it is if the login is root, else in the way the host was told to ([`crate::Privilege`]).
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.as_root = true;
        self
    }

    /// Returns the program.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Returns program and arguments as a plan or a recording shows them: secret ones masked.
    #[must_use]
    pub fn shown_argv(&self) -> Vec<String> {
        let args = self
            .args
            .iter()
            .map(|arg| if arg.secret { MASK } else { &arg.text }.to_owned());
        std::iter::once(self.program.clone()).chain(args).collect()
    }

    /// Returns the deadline.
    #[must_use]
    pub fn get_deadline(&self) -> Duration {
        self.deadline
    }

    /// Tells whether the command is to run as root.
    #[must_use]
    pub fn is_as_root(&self) -> bool {
        self.as_root
    }

    /// Returns how many bytes the command is fed.
    #[must_use]
    pub fn stdin_bytes(&self) -> Option<usize> {
        self.stdin.as_ref().map(Vec::len)
    }

    pub(crate) fn argv(&self) -> Vec<String> {
        std::iter::once(self.program.clone())
            .chain(self.args.iter().map(|arg| arg.text.clone()))
            .collect()
    }

    /// Returns what the command is fed, for whoever stands in for a host.
    #[must_use]
    pub fn input(&self) -> Option<&[u8]> {
        self.stdin.as_deref()
    }

    pub(crate) fn limits(&self) -> crate::process::Limits {
        crate::process::Limits {
            stdout: self.stdout_limit,
            stderr: self.stderr_limit,
            cut_stdout: self.cut_stdout,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.as_root {
            f.write_str("(as root) ")?;
        }
        for (at, word) in self.shown_argv().iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&quoted(word))?;
        }
        match &self.stdin {
            Some(bytes) => write!(f, " < ({} bytes)", bytes.len()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self}, within {:?})", self.deadline)
    }
}

/// Quotes a word for a POSIX shell; words with control characters take the `$'…'` form, which no terminal obeys.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "@%+=:,./_-".contains(char);
    if word == MASK {
        return word.to_owned();
    }
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        let escaped: String = word
            .chars()
            .map(|char| match char {
                '\n' => "\\n".to_owned(),
                '\t' => "\\t".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\'' => "\\'".to_owned(),
                control if control.is_control() => format!("\\u{:04x}", u32::from(control)),
                other => other.to_string(),
            })
            .collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_shows_itself_quoted_and_masked() {
        let command = Command::new("ceph")
            .args(["config", "get", "mon.", "a b", "it's", ""])
            .arg("line\nbreak\u{1b}[2J")
            .secret_arg("AQBl")
            .stdin("key")
            .as_root();
        let shown = command.to_string();
        assert_eq!(
            shown,
            r"(as root) ceph config get mon. 'a b' 'it'\''s' '' $'line\nbreak\u001b[2J' *** < (3 bytes)"
        );
        assert!(!format!("{command:?}").contains("AQBl"));
    }

    proptest! {
        /// What is shown means to bash what is run; the arguments come back NUL-separated.
        #[test]
        fn quoting_is_what_a_shell_reads(words in prop::collection::vec("[^\0]{0,12}", 1..4)) {
            let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
            prop_assume!(!words.iter().any(|word| word == MASK));
            let output = std::process::Command::new("bash")
                .args(["-c", &format!("printf '%s\\0' {line}")])
                .env("LC_ALL", "C.UTF-8")
                .output()
                .unwrap();
            let read: Vec<String> = String::from_utf8(output.stdout).unwrap()
                .split_terminator('\0').map(str::to_owned).collect();
            prop_assert_eq!(read, words);
        }
    }
}
