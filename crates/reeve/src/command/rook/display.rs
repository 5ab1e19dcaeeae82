//! Shows a run while it is at work: a block that is drawn over on a terminal, plain lines elsewhere, or a stream of JSON.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use reeve_journal::{Observer, Record};
use reeve_rook::watch::{SampleLine, SampleLog, SampleSink, SessionBegin, change, words};

use super::progress::RecordLines;
use super::stream::{StreamEnd, StreamLine};
use super::view::{StepInHand, View};
use crate::printer::Printer;

/// How long plain lines may be silent while something is awaited.
const SILENT_AT_MOST: Duration = Duration::from_secs(30);
/// How often the block is drawn anew.
const DRAWN_EVERY: Duration = Duration::from_millis(500);

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A block that is drawn over.
    Live,
    /// Lines.
    Plain,
    /// JSON on standard output.
    Stream,
}

/// Shows one run. Takes its records and its samples, and keeps the samples in their file.
pub(super) struct Display {
    printer: Printer,
    manner: Manner,
    inner: Mutex<Inner>,
}

struct Inner {
    view: View,
    lines: RecordLines,
    log: Option<SampleLog>,
    bar: Option<ProgressBar>,
    said_at: Instant,
}

impl Display {
    pub(super) fn new(printer: &Printer, manner: Manner, view: View, lines: RecordLines) -> Self {
        let bar = (manner == Manner::Live).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::with_template("{msg}").expect("a literal template that the tests draw"));
            bar
        });
        Self {
            printer: printer.clone(),
            manner,
            inner: Mutex::new(Inner {
                view,
                lines,
                log: None,
                bar,
                said_at: Instant::now(),
            }),
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A display that was left half drawn is still a display.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps samples in this file from now on.
    pub(super) fn keep_samples_in(&self, log: SampleLog) {
        self.inner().log = Some(log);
    }

    /// Takes the beginning of a session of samples that is in the file already.
    pub(super) fn begin_samples(&self, begin: SessionBegin) {
        self.inner().view.sample(&SampleLine::Begin(begin));
    }

    /// Draws the block every half second until the task is aborted, so that times go on.
    pub(super) async fn redraw(self: Arc<Self>) {
        loop {
            tokio::time::sleep(DRAWN_EVERY).await;
            self.draw();
        }
    }

    /// Draws the block anew; where there is none, says what is awaited if nothing was said for a while.
    pub(super) fn draw(&self) {
        let mut inner = self.inner();
        inner.draw(&self.printer);
        let is_silent = inner.said_at.elapsed() >= SILENT_AT_MOST && !inner.view.is_at_rest();
        if self.manner == Manner::Plain && is_silent {
            inner.say_what_is_awaited(&self.printer);
        }
    }

    /// Takes what has happened before anybody looked, without a word.
    pub(super) fn replay(&self, records: &[Record], samples: &[SampleLine]) {
        let mut inner = self.inner();
        for record in records {
            inner.view.record(record);
        }
        for line in samples {
            inner.view.sample(line);
        }
    }

    /// Says something, above the block where there is one.
    pub(super) fn note(&self, text: &str) {
        self.inner().note(&self.printer, text);
    }

    /// Takes the block away while a person is asked.
    pub(super) fn hide(&self) {
        if let Some(bar) = &self.inner().bar {
            bar.finish_and_clear();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    /// Brings the block back.
    pub(super) fn show_again(&self) {
        let mut inner = self.inner();
        inner.said_at = Instant::now();
        if let Some(bar) = &inner.bar {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.reset();
        }
        inner.draw(&self.printer);
    }

    /// Takes the block away for good.
    pub(super) fn finish(&self) {
        self.hide();
        self.inner().bar = None;
    }

    /// Writes the last line of the stream.
    pub(super) fn end(&self, end: StreamEnd) {
        if self.manner == Manner::Stream {
            stream(&StreamLine::End(end));
        }
    }

    /// Writes a line of the stream, if this is one.
    pub(super) fn stream(&self, line: &StreamLine<'_>) {
        if self.manner == Manner::Stream {
            stream(line);
        }
    }

    pub(super) fn in_hand(&self) -> Option<StepInHand> {
        self.inner().view.in_hand(Timestamp::now())
    }

    /// Returns why the watch asked the run to stop, if it did.
    pub(super) fn watch_stopped(&self) -> Option<String> {
        self.inner().view.watch_stopped().map(str::to_owned)
    }
}

impl Inner {
    fn note(&mut self, printer: &Printer, text: &str) {
        self.said_at = Instant::now();
        match &self.bar {
            // The bar knows what it has drawn and moves it down.
            Some(bar) if !printer.is_quiet() => bar.suspend(|| printer.note(text)),
            _ => printer.note(text),
        }
    }

    fn draw(&mut self, printer: &Printer) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.view.lines(Timestamp::now(), printer.error_width()).join("\n"));
            bar.tick();
        }
    }

    fn say_what_is_awaited(&mut self, printer: &Printer) {
        let now = Timestamp::now();
        let mut text = match self.view.in_hand(now) {
            Some(step) => format!(
                "  still: {} s of at most {} s",
                step.since.as_secs(),
                step.at_most.as_secs()
            ),
            None => "  between two steps".into(),
        };
        if let Some(view) = self.view.last_sample().and_then(|sample| sample.cluster()) {
            text.push_str("; ");
            text.push_str(&words::cluster(view));
        }
        let line = self.lines.aside(now, &text);
        self.note(printer, &line);
    }
}

/// Writes a line to standard output; a reader that went away ends nothing.
pub(super) fn stream(line: &StreamLine<'_>) {
    let mut text = serde_json::to_vec(line).expect("a line of the stream is JSON all through");
    text.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&text).and_then(|()| out.flush());
}

impl Observer for Display {
    fn record(&self, record: &Record) {
        let mut inner = self.inner();
        inner.view.record(record);
        let line = inner.lines.of(record);
        if self.manner == Manner::Stream {
            stream(&StreamLine::Record(record));
            return;
        }
        if let Some(line) = line {
            inner.note(&self.printer, &line);
        }
        inner.draw(&self.printer);
    }
}

impl SampleSink for Display {
    fn line(&self, line: &SampleLine) {
        let mut inner = self.inner();
        let failed = inner.log.as_mut().and_then(|log| log.write(line).err());
        if let Some(error) = failed {
            // The run is worth more than its samples.
            inner.log = None;
            inner.note(&self.printer, &format!("warning: no more samples are kept: {error}"));
        }
        let changed = match line {
            SampleLine::Sample(sample) => change(inner.view.last_sample(), sample),
            SampleLine::Stopped(asked) => Some(format!("the run is asked to stop: {}", asked.because)),
            SampleLine::Begin(_) | SampleLine::End { .. } => None,
        };
        inner.view.sample(line);
        match (self.manner, line) {
            (Manner::Stream, SampleLine::Sample(sample)) => stream(&StreamLine::Sample(sample)),
            (Manner::Stream, SampleLine::Stopped(asked)) => stream(&StreamLine::Stopped(asked)),
            (Manner::Stream, _) => {}
            (Manner::Live, SampleLine::Sample(_)) => inner.draw(&self.printer),
            _ => {
                if let Some(changed) = changed {
                    let line = inner.lines.aside(Timestamp::now(), &changed);
                    inner.note(&self.printer, &line);
                }
            }
        }
    }
}
