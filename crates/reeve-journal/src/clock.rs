//! Where the times of records come from.

use std::fmt;
use std::sync::Arc;

/// Tells the time for the records of a journal: the machine's clock, or that of a rehearsal.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>);

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        Self(Arc::new(jiff::Timestamp::now))
    }
}

impl Clock {
    /// Makes a clock of a function; a rehearsal passes one that tells modelled time.
    pub fn of(now: impl Fn() -> jiff::Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
