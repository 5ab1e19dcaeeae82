//! Work with a cloud under a person's eyes: progress, and Ctrl-C or SIGTERM, of which the first ends it in good order and the second at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reeve_check::{Event, Telling};
use reeve_openstack::Session;
use tokio::sync::oneshot;

use crate::command::Context;
use crate::command::signals::Signals;
use crate::exit::Exit;
use crate::failure::Failure;

/// How often progress is drawn again.
const TICK: Duration = Duration::from_millis(500);

/// Lets something work with a cloud, says what it does meanwhile, and stops it at a signal.
pub(super) async fn watched<T, W: Future<Output = T>>(
    session: &Session,
    context: &Context<'_>,
    run: &str,
    work: impl FnOnce(Telling, StopFuture) -> W,
) -> Result<T, Failure> {
    let mut signals = Signals::listen()?;
    let doing = Arc::new(Mutex::new(("logging in".to_owned(), String::new())));
    let told = Arc::clone(&doing);
    let telling: Telling = Arc::new(move |event| {
        let mut doing = told.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Doing(what) => doing.0 = what,
            Event::Judged { done, of, .. } => doing.1 = format!(" ({done} of {of} judged)"),
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let mut progress = context.printer.progress(&session.config().name);
    let mut tick = tokio::time::interval(TICK);
    let work = work(
        telling,
        Box::pin(async move {
            // Nobody stops it any more once the other end is gone.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        }),
    );
    tokio::pin!(work);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = tick.tick() => {
                let (what, judged) = doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
                progress.doing(&format!("{what}{judged}"));
            }
            () = signals.next() => match stop.take() {
                Some(stop) => {
                    context.printer.note("stopping: what was made is deleted first (again to leave at once)");
                    // The work that listens may be over already.
                    let _ = stop.send(());
                }
                None => {
                    progress.finish();
                    return Err(Failure::new(Exit::Stuck, "left at once; what this run made may still be in the cloud")
                        .hint(format!("`reeve check cleanup --run {run}` deletes it")));
                }
            },
        }
    };
    progress.finish();
    Ok(result)
}

/// Returns when something is to stop.
pub(super) type StopFuture = std::pin::Pin<Box<dyn Future<Output = ()>>>;
