//! Shows imports at work: a bar for each disk on a terminal, plain lines elsewhere, or a stream of JSON.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use reeve_import::apply::CopyWatch;
use reeve_journal::plan::{Plan, StepId};
use reeve_journal::{Event, Observer, Record};
use schemars::JsonSchema;
use serde::Serialize;

use super::safe;
use crate::printer::Printer;

/// The layout of the stream.
const STREAM_FORMAT: u32 = 1;
/// How often a copy is told of in the stream.
const STREAM_EVERY: Duration = Duration::from_secs(1);
/// How often a copy is told of in plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// What a copy's bar looks like.
const BAR: &str = "{prefix} [{bar:24}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left{msg}";

/// How runs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Bars that are drawn over.
    Live,
    /// Lines.
    Plain,
    /// JSON on standard output.
    Stream,
}

/// One line of the stream: an object with exactly one of these keys.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::command) enum StreamLine<'a> {
    /// A run was taken.
    Begin {
        /// Layout of the lines.
        format: u32,
        /// The run.
        run: &'a str,
        /// Digest of its plan.
        plan_digest: &'a str,
        /// How many steps the plan has.
        steps: usize,
        /// How many are done already.
        steps_done: usize,
    },
    /// An event, as it stands in the run's journal.
    Record {
        /// The run.
        run: &'a str,
        /// The event.
        record: &'a Record,
    },
    /// How far a disk is.
    Copy {
        /// The run.
        run: &'a str,
        /// The step.
        step: &'a StepId,
        /// Bytes that were taken by the cloud, or read again.
        bytes: u64,
        /// Bytes in all.
        of: u64,
        /// Since the copy began.
        bytes_per_second: u64,
        /// If it goes on like that.
        seconds_left: Option<u64>,
        /// Whether the source is only read once more, for its digest.
        reads_again: bool,
    },
    /// How a run stopped.
    End {
        /// The run.
        run: &'a str,
        /// What the process would exit with if this were its only run.
        exit_code: u8,
        /// The same in sentences; the last ones say how to go on.
        text: &'a [String],
        /// How many steps are done.
        steps_done: usize,
        /// How many steps the plan has.
        steps: usize,
    },
}

/// Shows runs.
pub(super) struct Display {
    printer: Printer,
    manner: Manner,
    bars: MultiProgress,
    /// Lines must not be mixed.
    line: Mutex<()>,
}

impl Display {
    pub(super) fn new(printer: &Printer, manner: Manner) -> Arc<Self> {
        Arc::new(Self {
            printer: printer.clone(),
            manner,
            bars: MultiProgress::new(),
            line: Mutex::new(()),
        })
    }

    /// Says something beside the progress.
    pub(super) fn note(&self, text: &str) {
        let _one = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        match self.manner {
            Manner::Live => self.bars.suspend(|| self.printer.note(text)),
            Manner::Plain | Manner::Stream => self.printer.note(text),
        }
    }

    fn stream(&self, line: &StreamLine<'_>) {
        let mut text = serde_json::to_vec(line).expect("a line of the stream is JSON all through");
        text.push(b'\n');
        let _one = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that went away does not stop a run.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(&text).and_then(|()| out.flush());
    }
}

/// Watches one run for the display.
pub(super) struct RunWatch {
    display: Arc<Display>,
    run: String,
    /// What lines begin with, if there is more than one run.
    prefix: String,
    /// What each step does, and for a copy the image's name.
    steps: HashMap<StepId, (String, String)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    began: HashMap<StepId, Timestamp>,
    copies: HashMap<StepId, Copying>,
}

struct Copying {
    began: Instant,
    first: u64,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl RunWatch {
    pub(super) fn new(display: &Arc<Display>, run: &str, plan: &Plan, is_one_of_several: bool) -> Arc<Self> {
        let steps = plan.steps().map(|(_, _, step)| {
            let name = step.input["name"].as_str().unwrap_or_default();
            (step.id.clone(), (safe(&step.what), safe(name)))
        });
        let prefix = if is_one_of_several {
            format!("{run} ")
        } else {
            String::new()
        };
        Arc::new(Self {
            display: Arc::clone(display),
            run: run.to_owned(),
            prefix,
            steps: steps.collect(),
            state: Mutex::new(State::default()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, plan: &Plan, steps_done: usize) {
        if self.display.manner == Manner::Stream {
            self.display.stream(&StreamLine::Begin {
                format: STREAM_FORMAT,
                run: &self.run,
                plan_digest: &plan.digest,
                steps: plan.steps().count(),
                steps_done,
            });
        } else {
            self.display.note(&format!("run {}", self.run));
        }
    }

    /// Says how the run stopped.
    pub(super) fn end(&self, exit_code: u8, text: &[String], steps_done: usize, steps: usize) {
        text.iter().for_each(|line| self.display.note(line));
        if self.display.manner == Manner::Stream {
            self.display.stream(&StreamLine::End {
                run: &self.run,
                exit_code,
                text,
                steps_done,
                steps,
            });
        }
    }

    fn line(&self, record: &Record) -> Option<String> {
        let what = |step: &StepId| self.steps.get(step).map_or("", |(what, _)| what.as_str());
        let took = |step: &StepId| {
            let began = self.state().began.remove(step);
            began.map_or_else(String::new, |began| {
                format!(" ({:.1} s)", record.at.duration_since(began).as_secs_f64())
            })
        };
        let text = match &record.event {
            Event::StepStarted { step, attempt } => {
                self.state().began.insert(step.clone(), record.at);
                let again = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                format!("{}{again}", what(step))
            }
            Event::StepDone { step, changed, output } => {
                let word = if *changed { "done" } else { "is so" };
                let digest = match (output["algorithm"].as_str(), output["digest"].as_str()) {
                    (Some(algorithm), Some(digest)) => {
                        format!(", {algorithm} {} fits", safe(&digest[..digest.len().min(16)]))
                    }
                    _ => String::new(),
                };
                format!("  {word}{}{digest}: {}", took(step), what(step))
            }
            Event::StepRefused { because, .. } => format!("  refused: {because}"),
            Event::StepFailed { step, error } => format!("  FAILED{}: {error}", took(step)),
            Event::UndoBegan { back_to, .. } => format!("undoing everything back to {back_to}"),
            Event::StepUndoStarted { step, .. } => {
                self.state().began.insert(step.clone(), record.at);
                return None;
            }
            Event::StepUndoDone { step, changed: true } => format!("undone{}: {}", took(step), what(step)),
            Event::StepUndoFailed { error, .. } => format!("  UNDO FAILED: {error}"),
            Event::UndoAbandoned { .. } => "the undo is given up; the run goes forward again".to_owned(),
            _ => return None,
        };
        Some(format!("{} {}{text}", record.at.strftime("%H:%M:%S"), self.prefix))
    }

    /// Takes the bar of a copy away that has come to an end.
    fn copy_ended(&self, event: &Event) {
        let step = match event {
            Event::StepDone { step, .. } | Event::StepFailed { step, .. } | Event::StepUndoStarted { step, .. } => step,
            _ => return,
        };
        if let Some(Copying { bar: Some(bar), .. }) = self.state().copies.remove(step) {
            bar.finish_and_clear();
        }
    }

    fn progress(&self, step: &StepId, bytes: u64, of: u64, reads_again: bool) {
        let manner = self.display.manner;
        let name = self.steps.get(step).map_or("", |(_, name)| name.as_str());
        let mut state = self.state();
        let now = Instant::now();
        let copying = state.copies.entry(step.clone()).or_insert_with(|| Copying {
            began: now,
            first: bytes,
            said: now,
            bar: (manner == Manner::Live).then(|| {
                let bar = ProgressBar::new(of);
                let style = ProgressStyle::with_template(BAR).expect("a literal template that the tests draw");
                bar.set_style(style);
                bar.set_prefix(name.to_owned());
                if reads_again {
                    bar.set_message(" (reading the source once more)");
                }
                self.display.bars.add(bar)
            }),
        });
        if bytes < copying.first {
            // Another attempt.
            (copying.began, copying.first) = (now, bytes);
        }
        if let Some(bar) = &copying.bar {
            bar.set_position(bytes);
            return;
        }
        let every = if manner == Manner::Stream {
            STREAM_EVERY
        } else {
            PLAIN_EVERY
        };
        let is_last = bytes == of && manner == Manner::Stream;
        if !is_last && now.duration_since(copying.said) < every {
            return;
        }
        copying.said = now;
        let (rate, left) = rate(bytes - copying.first, of - bytes, now.duration_since(copying.began));
        drop(state);
        if manner == Manner::Stream {
            self.display.stream(&StreamLine::Copy {
                run: &self.run,
                step,
                bytes,
                of,
                bytes_per_second: rate,
                seconds_left: left,
                reads_again,
            });
            return;
        }
        let verb = if reads_again { "read again" } else { "copied" };
        let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
        self.display.note(&format!(
            "{} {}  {name}: {} of {} MiB {verb}, {} MiB/s{left}",
            Timestamp::now().strftime("%H:%M:%S"),
            self.prefix,
            bytes >> 20,
            of.div_ceil(1 << 20),
            rate >> 20,
        ));
    }
}

/// Returns bytes in a second, and the seconds that are left if it goes on like that.
fn rate(done: u64, left: u64, took: Duration) -> (u64, Option<u64>) {
    let millis = took.as_millis().max(1);
    let rate = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
    (rate, left.checked_div(rate))
}

impl Observer for RunWatch {
    fn record(&self, record: &Record) {
        self.copy_ended(&record.event);
        if self.display.manner == Manner::Stream {
            self.display.stream(&StreamLine::Record { run: &self.run, record });
        } else if let Some(line) = self.line(record) {
            self.display.note(&line);
        }
    }
}

impl CopyWatch for RunWatch {
    fn copied(&self, step: &StepId, bytes: u64, of: u64) {
        self.progress(step, bytes, of, false);
    }

    fn read_again(&self, step: &StepId, bytes: u64, of: u64) {
        self.progress(step, bytes, of, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_template_is_well_formed() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn rates_and_times_left() {
        assert_eq!(rate(10 << 20, 30 << 20, Duration::from_secs(2)), (5 << 20, Some(6)));
        assert_eq!(rate(0, 1, Duration::from_secs(2)), (0, None));
        assert_eq!(rate(1, 0, Duration::ZERO), (1000, Some(0)));
    }
}
