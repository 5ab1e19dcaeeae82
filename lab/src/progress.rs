//! What the laboratory says while it works, and how long its parts took.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Hears what the laboratory is doing; a command line shows it.
pub trait Progress: Sync {
    /// A part begins.
    fn began(&self, part: &str);
    /// A part is done.
    fn done(&self, part: &str, took: Duration);
    /// A part failed; the error follows as the function's result.
    fn failed(&self, part: &str, took: Duration);
    /// Something worth a line that is no part.
    fn note(&self, text: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn began(&self, _: &str) {}
    fn done(&self, _: &str, _: Duration) {}
    fn failed(&self, _: &str, _: Duration) {}
    fn note(&self, _: &str) {}
}

/// Runs parts, tells a [`Progress`] and keeps the times.
pub(crate) struct Parts<'a> {
    to: &'a dyn Progress,
    times: Mutex<Vec<(String, Duration)>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(to: &'a dyn Progress) -> Self {
        Self {
            to,
            times: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn note(&self, text: &str) {
        self.to.note(text);
    }

    pub(crate) fn run<T, E>(&self, part: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.to.began(part);
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        match &result {
            Ok(_) => self.to.done(part, took),
            Err(_) => self.to.failed(part, took),
        }
        self.times
            .lock()
            .expect("no thread panics while it holds the times")
            .push((part.to_owned(), took));
        result
    }

    pub(crate) fn times(&self) -> Vec<(String, Duration)> {
        self.times
            .lock()
            .expect("no thread panics while it holds the times")
            .clone()
    }
}

/// Runs `work` for every item at once, each in its own thread, and returns the results in order, or the first error.
///
/// All threads are waited for, also after an error, so that nothing goes on behind the caller's back.
pub(crate) fn all_at_once<I: Sync, T: Send, E: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(|| work(item))).collect();
        let joined: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        joined.into_iter().collect()
    })
}
