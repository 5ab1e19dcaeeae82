//! Bounds on time, size and number.

use std::time::Duration;

/// Bounds on time, size and number for one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time for a connection to be made.
    pub connect: Duration,
    /// Longest time for one answer; `api_timeout` of the configuration comes before it.
    pub answer: Duration,
    /// Longest time for a request with all its repeats and pauses.
    pub request: Duration,
    /// How often a request is tried that may be tried again.
    pub attempts: u32,
    /// Pause before the second try; doubled for each further one.
    pub pause: Duration,
    /// Longest pause that a cloud may ask for by `Retry-After`; if it asks for more, the request fails at once.
    pub longest_pause: Duration,
    /// Largest answer, in bytes.
    pub answer_bytes: usize,
    /// Most pages of one listing.
    pub pages: usize,
    /// Most entries of one listing.
    pub entries: usize,
    /// Most requests under way at once to one service.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            request: Duration::from_secs(180),
            attempts: 4,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            answer_bytes: 64 << 20,
            pages: 1000,
            entries: 100_000,
            in_flight: 4,
        }
    }
}
