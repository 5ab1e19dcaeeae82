//! Many hosts at once, with a bound.

use std::future::Future;
use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::{Host, HostError, HostName, Hosts};

/// Connects to each host and calls `f` on it, at most `bound` hosts at a time (at least one).
///
/// Shape: one entry per name, in the order of `names`. A host that fails or hangs costs its own place and its own deadlines and
/// delays no other: the next host starts as soon as any ends.
pub async fn on_each<T, E, F, Fut>(
    hosts: &dyn Hosts,
    names: &[HostName],
    bound: usize,
    f: F,
) -> Vec<(HostName, Result<T, E>)>
where
    E: From<HostError>,
    F: Fn(Arc<dyn Host>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let f = &f;
    // Collected, because a lazy map over references keeps the whole future from being `Send`.
    let calls: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| async move {
            let result = match hosts.connect(name).await {
                Ok(host) => f(host).await,
                Err(error) => Err(error.into()),
            };
            (at, name.clone(), result)
        })
        .collect();
    let mut results: Vec<_> = stream::iter(calls).buffer_unordered(bound.max(1)).collect().await;
    results.sort_by_key(|(at, ..)| *at);
    results.into_iter().map(|(_, name, result)| (name, result)).collect()
}
