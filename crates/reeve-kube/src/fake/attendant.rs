//! Whoever stands behind the server and acts on what it stores: controllers, kubelets, operators.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Asked;

/// What a request meets when the server cannot answer it: an HTTP status and a text.
pub type Trouble = (u16, String);

/// A model of the controllers behind an API server. It is told of requests before and after they are answered, and never while
/// the server is locked, so it may read and change objects itself.
pub trait Attendant: Send + Sync {
    /// Comes before a request is answered; takes the time that the request takes, and may say that the server is in trouble.
    fn before(&self) -> BoxFuture<'_, Result<(), Trouble>>;

    /// Comes after a request that was answered with success.
    fn after(&self, asked: &Asked);
}

/// The attendant of a server, if it has one.
#[derive(Clone, Default)]
pub(super) struct Attended(pub(super) Option<Arc<dyn Attendant>>);

impl fmt::Debug for Attended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attended({})", self.0.is_some())
    }
}
