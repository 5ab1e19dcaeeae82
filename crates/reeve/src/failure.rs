//! How a command fails in front of a person: what, why, what next, and the exit code.

use std::error::Error;
use std::fmt::Display;

use crate::exit::Exit;

/// A command's failure: one sentence, the chain of causes, hints, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// Returns a failure without a cause behind it.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Returns a failure that says what `error` and everything behind it say.
    pub(crate) fn from_error(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut source = error.source();
        // Chains are short; the bound is for an error that names itself as its source.
        while let Some(cause) = source.filter(|_| failure.causes.len() < 16) {
            let said = cause.to_string();
            // Libraries that put their source into their own sentence too would say it twice.
            if !failure.message.contains(&said) && !failure.causes.iter().any(|earlier| earlier.contains(&said)) {
                failure.causes.push(said);
            }
            source = cause.source();
        }
        failure
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// Returns the lines for standard error, without colour.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("error: {}", self.message)];
        lines.extend(self.causes.iter().map(|cause| format!("  because: {cause}")));
        lines.extend(self.hints.iter().map(|hint| format!("hint: {hint}")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read the tree")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_tells_what_why_and_what_next() {
        let error = Outer(std::io::Error::other("no route"));
        let failure = Failure::from_error(Exit::Unreachable, &error).hint("try again");
        assert_eq!(
            failure.lines(),
            [
                "error: could not read the tree",
                "  because: no route",
                "hint: try again"
            ]
        );
        assert_eq!(failure.exit, Exit::Unreachable);
    }
}
