//! Faults for tests of operations: a crash after any event, a failure of any step.
//!
//! The crash is an unwinding that skips everything the engine would still have written, as a killed process does; the journal
//! stays behind and its lock is released. What SQLite itself does for durability has its own tests, with real processes.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::event::Record;
use crate::plan::{PlannedStep, StepId};
use crate::{BuildError, Observer, Operation, Outputs, Recorded, Refusal, Step, StepError};

/// What [`crash`] unwinds with.
struct Crash;

/// Ends the work at this very place, as a crash would; for fake worlds that crash before or after an effect.
pub fn crash() -> ! {
    // Not `panic!`: that would print a message for every one of the hundreds of crashes of a test.
    std::panic::resume_unwind(Box::new(Crash))
}

/// Runs a future to its end or to a crash; `None` for a crash.
///
/// # Panics
///
/// As the future does, if that is not a [`crash`].
pub async fn until_crash<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let polled = std::future::poll_fn(|context| {
        let poll = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match poll {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(output)) => std::task::Poll::Ready(Some(output)),
            Err(panic) if panic.is::<Crash>() => std::task::Poll::Ready(None),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    polled.await
}

/// An observer that crashes right after the given number of events have been written.
#[derive(Debug)]
pub struct CrashAfter(AtomicUsize);

impl CrashAfter {
    /// Crashes after this many events; 0 crashes after the first too.
    #[must_use]
    pub fn events(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }
}

impl Observer for CrashAfter {
    fn record(&self, _: &Record) {
        if self.0.fetch_sub(1, Ordering::SeqCst) <= 1 {
            crash();
        }
    }
}

/// Where a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailWhen {
    /// Before it has its effect.
    BeforeEffect,
    /// After it.
    AfterEffect,
    /// When it is asked whether the world is ready.
    NotReady,
    /// When it is undone.
    Undoing,
}

/// An operation of which one step fails, once.
///
/// A step that fails after its effect says that the effect is not there for as long as nobody undoes it, so that the engine
/// has to take it back.
pub struct FailingOperation<'a, W: ?Sized> {
    inner: &'a dyn Operation<W>,
    step: StepId,
    when: FailWhen,
    armed: std::sync::Arc<AtomicBool>,
}

impl<'a, W: ?Sized> FailingOperation<'a, W> {
    /// Lets `step` of `inner` fail, the first time it gets there.
    pub fn new(inner: &'a dyn Operation<W>, step: StepId, when: FailWhen) -> Self {
        Self {
            inner,
            step,
            when,
            armed: std::sync::Arc::new(AtomicBool::new(true)),
        }
    }

    /// Tells whether the failure has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

impl<W: ?Sized + Sync + 'static> Operation<W> for FailingOperation<'_, W> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn step(&self, planned: &PlannedStep, outputs: &Outputs<'_>) -> Result<Box<dyn Step<W>>, BuildError> {
        let inner = self.inner.step(planned, outputs)?;
        if planned.id != self.step {
            return Ok(inner);
        }
        let (armed, when) = (std::sync::Arc::clone(&self.armed), self.when);
        Ok(Box::new(FailingStep {
            inner,
            when,
            armed,
            denies: AtomicBool::new(false),
        }))
    }
}

struct FailingStep<W: ?Sized> {
    inner: Box<dyn Step<W>>,
    when: FailWhen,
    armed: std::sync::Arc<AtomicBool>,
    denies: AtomicBool,
}

impl<W: ?Sized> FailingStep<W> {
    fn fails(&self, when: FailWhen) -> bool {
        self.when == when && self.armed.swap(false, Ordering::SeqCst)
    }
}

fn injected() -> StepError {
    StepError::permanent("a failure made by the test")
}

#[async_trait]
impl<W: ?Sized + Sync + 'static> Step<W> for FailingStep<W> {
    async fn ready(&self, world: &W) -> Result<(), Refusal> {
        if self.fails(FailWhen::NotReady) {
            return Err(Refusal::refused("the test wants it so", "try again"));
        }
        self.inner.ready(world).await
    }

    async fn done(&self, world: &W) -> Result<bool, StepError> {
        Ok(self.inner.done(world).await? && !self.denies.load(Ordering::SeqCst))
    }

    async fn act(&self, world: &W) -> Result<Recorded, StepError> {
        if self.fails(FailWhen::BeforeEffect) {
            return Err(injected());
        }
        let recorded = self.inner.act(world).await?;
        if self.fails(FailWhen::AfterEffect) {
            self.denies.store(true, Ordering::SeqCst);
            return Err(injected());
        }
        Ok(recorded)
    }

    async fn undo(&self, world: &W, was: &Recorded) -> Result<(), StepError> {
        if self.fails(FailWhen::Undoing) {
            return Err(injected());
        }
        self.denies.store(false, Ordering::SeqCst);
        self.inner.undo(world, was).await
    }

    async fn recall(&self, world: &W) -> Result<Recorded, StepError> {
        self.inner.recall(world).await
    }
}
