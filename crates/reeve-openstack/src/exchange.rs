//! What was sent and how long it took.

use std::time::Duration;

/// Most exchanges that a session remembers.
pub(crate) const MAX_EXCHANGES: usize = 10_000;

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The type of the service.
    pub service: String,
    /// What was asked, safe to print: `GET https://cloud.example/compute/v2.1/flavors/detail`.
    pub request: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The cloud's own number for the request.
    pub request_id: Option<String>,
    /// From sending to the last byte of the answer.
    pub took: Duration,
}
