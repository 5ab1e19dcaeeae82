//! The exit codes: one table for every command.

use std::process::ExitCode;

/// What a command's end means to the shell that called it.
///
/// The numbers are a promise (docs: `reference/exit-codes.md`); scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and nothing to say.
    Done,
    /// A check found something, or a target was refused.
    Findings,
    /// Wrong usage, or a wrong file: command line, configuration, kubeconfig, facts, plan.
    Usage,
    /// A target cannot be reached, or does not let us in.
    Unreachable,
    /// A run is paused and waits for a person's go-ahead.
    Paused,
    /// A step failed and its undo too: a person must act.
    Stuck,
    /// What another program that was asked to be imitated would end with; in no table of ours.
    Imitated(u8),
}

impl Exit {
    /// All of our own, in the order of their codes.
    pub(crate) const ALL: [Self; 6] = [
        Self::Done,
        Self::Findings,
        Self::Usage,
        Self::Unreachable,
        Self::Paused,
        Self::Stuck,
    ];

    /// Returns the number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Paused => 4,
            Self::Stuck => 5,
            Self::Imitated(code) => code,
        }
    }

    /// Returns what the code means, as the help and the documentation say it.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, nothing to say",
            Self::Findings => "findings: a check failed, or a target was refused",
            Self::Usage => "wrong usage or configuration",
            Self::Unreachable => "a target cannot be reached",
            Self::Paused => "paused, waits for a person's go-ahead",
            Self::Stuck => "stuck: a step failed and its undo too, a person must act",
            Self::Imitated(_) => "what the program that is imitated means by it",
        }
    }

    /// Returns the table as lines for `--help`.
    pub(crate) fn table() -> String {
        let rows = Self::ALL
            .iter()
            .map(|exit| format!("  {}  {}", exit.code(), exit.meaning()));
        std::iter::once("Exit codes:".to_owned())
            .chain(rows)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    /// The documentation's table and the code's are the same table.
    #[test]
    fn the_table_is_the_documented_one() {
        let page = include_str!("../../../docs/src/reference/exit-codes.md");
        let rows: Vec<(u8, &str)> = page
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
                Some((cells.next()?.parse().ok()?, cells.next()?))
            })
            .collect();
        let ours: Vec<(u8, &str)> = Exit::ALL.iter().map(|exit| (exit.code(), exit.meaning())).collect();
        assert_eq!(rows, ours);
    }
}
