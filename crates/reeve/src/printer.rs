//! The one way out: answers to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes answers, notes, progress and failures.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    quiet: bool,
    colour_out: bool,
    colour_err: bool,
    draws: bool,
    width: usize,
}

impl Printer {
    /// Returns a printer for this process's streams.
    ///
    /// `no_color` and `columns` are what the environment says.
    pub(crate) fn new(quiet: bool, colour: Colour, no_color: bool, columns: Option<usize>) -> Self {
        let wanted = |terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !no_color,
        };
        let out_terminal = std::io::stdout().is_terminal();
        let err_terminal = std::io::stderr().is_terminal();
        let measured = || comfy_table::Table::new().width().map(usize::from);
        Self {
            quiet,
            colour_out: wanted(out_terminal),
            colour_err: wanted(err_terminal),
            draws: err_terminal && !quiet,
            // Text that goes to a file or a pipe has the width of a letter page.
            width: columns
                .or_else(|| out_terminal.then(measured).flatten())
                .unwrap_or(100)
                .clamp(40, 200),
        }
    }

    /// Tells whether standard output takes colours.
    pub(crate) const fn colour(&self) -> bool {
        self.colour_out
    }

    /// Tells whether only answers and errors are wanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Returns the width for text on standard output, 40 to 200 columns.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Tells whether something may be drawn over on standard error.
    pub(crate) fn draws(&self) -> bool {
        // A terminal that cannot move its cursor takes lines only.
        self.draws && !indicatif::ProgressDrawTarget::stderr().is_hidden()
    }

    /// Returns the width for what is drawn on standard error, 40 to 200 columns; a terminal may be made wider or narrower at any time.
    pub(crate) fn error_width(&self) -> usize {
        let measured = rustix::termios::tcgetwinsize(std::io::stderr());
        let columns = measured
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        columns.unwrap_or(self.width).clamp(40, 200)
    }

    /// Writes the answer. A reader that went away (`| head`) is not a failure.
    ///
    /// # Errors
    ///
    /// What the system says of a full disk and the like.
    pub(crate) fn answer(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| {
            if text.ends_with('\n') || text.is_empty() {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        });
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Tells something beside the answer; silent with `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.err_line(text, None);
        }
    }

    /// Tells of a failure.
    pub(crate) fn failure(&self, failure: &Failure) {
        for line in failure.lines() {
            let style = if line.starts_with("error:") {
                Some(AnsiColor::Red.on_default().bold())
            } else if line.starts_with("hint:") {
                Some(AnsiColor::Cyan.on_default())
            } else {
                None
            };
            self.err_line(&line, style);
        }
    }

    fn err_line(&self, line: &str, style: Option<Style>) {
        let mut err = std::io::stderr().lock();
        // Standard error that is gone leaves nobody to tell.
        let _ = match style.filter(|_| self.colour_err) {
            // Only the first word is coloured: the sentence stays readable on every background.
            Some(style) => {
                let (word, rest) = line.split_once(':').unwrap_or((line, ""));
                writeln!(err, "{style}{word}:{style:#}{rest}")
            }
            None => writeln!(err, "{line}"),
        };
    }

    /// Returns a progress display: a line that is drawn over on a terminal, a plain line now and then elsewhere.
    pub(crate) fn progress(&self, title: &str) -> Progress {
        let bar = self.draws.then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg} [{elapsed}]");
            bar.set_style(style.expect("a literal template that the tests draw"));
            bar.set_prefix(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Progress {
            title: title.into(),
            bar,
            printer: self.clone(),
            said: std::time::Instant::now(),
        }
    }
}

/// Progress of one job.
pub(crate) struct Progress {
    title: String,
    bar: Option<ProgressBar>,
    printer: Printer,
    said: std::time::Instant,
}

/// How often progress is said where nothing is drawn over.
const PLAIN_INTERVAL: Duration = Duration::from_secs(2);

impl Progress {
    /// Says what is being done now.
    pub(crate) fn doing(&mut self, what: &str) {
        let what = reeve_untrusted::line(what).into_owned();
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        } else if self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = std::time::Instant::now();
            self.printer.note(&format!("{}: {what}", self.title));
        }
    }

    /// Ends the display, leaving nothing behind.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_template_is_well_formed() {
        assert!(ProgressStyle::with_template("{spinner} {prefix}: {wide_msg} [{elapsed}]").is_ok());
    }

    #[test]
    fn the_width_stays_within_bounds() {
        for (columns, expected) in [(Some(3), 40), (Some(80), 80), (Some(100_000), 200)] {
            assert_eq!(Printer::new(false, Colour::Never, true, columns).width(), expected);
        }
    }
}
