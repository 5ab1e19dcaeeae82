//! How long is waited for what.

use std::time::Duration;

/// How long is waited for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Between two looks at something; grows to five times this.
    pub poll: Duration,
    /// For a server to run, as long as the official test waits.
    pub server: Duration,
    /// For the words of a server on its console, as long as the official test waits.
    pub console: Duration,
    /// For a volume, a backup or its restoration, as long as the official test waits for each.
    pub volume: Duration,
    /// For one thing to be gone after it was deleted.
    pub removal: Duration,
    /// Before something that may have been made, and was not found, is looked for once more.
    pub settle: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            poll: Duration::from_secs(1),
            server: Duration::from_secs(500),
            console: Duration::from_secs(300),
            volume: Duration::from_secs(110),
            removal: Duration::from_secs(300),
            settle: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// Returns the pause after look number `look` (from 0): the first ones are short, because much is ready at once.
    pub(crate) fn pause(&self, look: u32) -> Duration {
        self.poll.saturating_mul((look / 3 + 1).min(5))
    }
}
