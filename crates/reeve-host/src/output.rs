//! What a command answered, and how to show it safely.

use std::time::Duration;

/// What a command that ran to its end answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status as a shell tells it: the program's own, or 128 and the signal that ended it.
    ///
    /// Over ssh a signal can also appear as 255, because ssh does not pass it on.
    pub status: i32,
    /// Standard output, from its beginning.
    pub stdout: Vec<u8>,
    /// Standard error, its end.
    pub stderr: Vec<u8>,
    /// How long the command took, the way to the host included.
    pub elapsed: Duration,
    /// Whether standard output or standard error was cut at its limit.
    pub truncated: bool,
}

impl Output {
    /// Tells whether the status is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Returns standard output as text, with a mark in place of what is not UTF-8.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns standard error as text, with a mark in place of what is not UTF-8.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Returns text from outside in one line that is safe on a terminal: control characters escaped, at most `max` characters.
#[must_use]
pub fn printable(bytes: &[u8], max: usize) -> String {
    reeve_untrusted::short(&String::from_utf8_lossy(bytes), max)
}

/// Returns the last lines of an output as [`printable`] shows them, joined by ` / `: at most 5 lines and 1,000 characters.
#[must_use]
pub fn printable_tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(5)
        .collect();
    lines.reverse();
    let all = lines.join(" / ");
    let shown = reeve_untrusted::line(&all);
    match shown.char_indices().rev().nth(999) {
        Some((at, _)) if at > 0 => format!("…{}", &shown[at..]),
        _ => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        assert_eq!(printable_tail(b"1\n2\n\n3\n4\n5\n6\n"), "2 / 3 / 4 / 5 / 6");
        assert_eq!(printable_tail(b"\x1b[31mred\r\n"), "\\u{1b}[31mred");
        let long = printable_tail(&[b'x'; 5000]);
        assert_eq!((long.chars().count(), long.chars().next()), (1001, Some('…')));
        assert_eq!(printable(b" a\tb ", 10), "a b");
        assert_eq!(printable(b"abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(bytes: Vec<u8>) {
            for shown in [printable_tail(&bytes), printable(&bytes, 100)] {
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }
    }
}
