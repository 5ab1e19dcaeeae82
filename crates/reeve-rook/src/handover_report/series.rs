//! Samples as sums, and thinned to what a page can show.

use jiff::Timestamp;

use super::history::seconds;
use super::shape::{WatchPoint, WatchSummary};
use crate::watch::{Sample, Samples, Session};

/// Most points that are kept.
const MOST_POINTS: usize = 1_200;

/// Sums the samples up; none if there are none.
pub(super) fn summary(samples: &Samples) -> Option<WatchSummary> {
    let all: Vec<&Sample> = samples.iter().collect();
    let (first, last) = (all.first()?, all.last()?);
    let views = || all.iter().filter_map(|sample| sample.cluster());
    let writes = || {
        all.iter()
            .filter_map(|sample| Some((sample.at, sample.client.as_ref()?)))
    };
    let worst = writes().max_by_key(|(_, client)| client.worst_write_us);
    let lasted = |fits: &dyn Fn(&Sample) -> bool| -> f64 {
        let sum: f64 = samples.sessions.iter().map(|session| lasted(session, fits)).sum();
        (sum * 1000.0).round() / 1000.0
    };
    Some(WatchSummary {
        from: first.at,
        to: last.at,
        samples: all.len(),
        unanswered: all.iter().filter(|sample| sample.cluster().is_none()).count(),
        seconds_unanswered: lasted(&|sample| sample.cluster().is_none()),
        seconds_without_mgr: lasted(&|sample| sample.cluster().is_some_and(|view| !view.mgr_available)),
        seconds_not_clean: lasted(&|sample| sample.cluster().is_some_and(|view| !view.is_clean())),
        fewest_in_quorum: views().map(|view| view.quorum.len()).min().unwrap_or(0),
        fewest_osds_up: views().map(|view| view.osds_up).min().unwrap_or(0),
        monmap_epochs: views()
            .next()
            .zip(views().next_back())
            .map(|(a, b)| (a.monmap_epoch, b.monmap_epoch)),
        worst_write_ms: worst.map(|(_, client)| milliseconds(client.worst_write_us)),
        worst_write_at: worst.map(|(at, _)| at),
        // The count goes up from the beginning of each watch.
        io_errors: worst.map(|_| {
            let of_session = |session: &Session| {
                session
                    .samples
                    .iter()
                    .filter_map(|it| Some(it.client.as_ref()?.errors))
                    .max()
            };
            samples.sessions.iter().filter_map(of_session).sum()
        }),
        limit_ms: samples
            .sessions
            .iter()
            .filter_map(|session| Some(session.begin.client.as_ref()?.limit_ms))
            .next_back(),
        stopped: samples
            .sessions
            .iter()
            .filter_map(|session| session.stopped.as_ref().map(|stopped| stopped.because.clone()))
            .collect(),
        points: points(samples),
    })
}

fn milliseconds(us: u64) -> f64 {
    // A write of more than 2^53 µs would have to wait for 285 years.
    (us as f64 / 100.0).round() / 10.0
}

/// Returns for how many seconds of a session samples fit, each counted until the next; the last one counts for its own time.
fn lasted(session: &Session, fits: &dyn Fn(&Sample) -> bool) -> f64 {
    let ends = session
        .samples
        .iter()
        .skip(1)
        .map(|next| next.at)
        .map(Some)
        .chain([None]);
    let fitting = session.samples.iter().zip(ends).filter(|(sample, _)| fits(sample));
    fitting
        .map(|(sample, end)| seconds(sample.at, end.unwrap_or_else(|| sample.ended_at())).max(0.0))
        .sum()
}

fn points(samples: &Samples) -> Vec<WatchPoint> {
    let total: usize = samples.sessions.iter().map(|session| session.samples.len()).sum();
    let together = total.div_ceil(MOST_POINTS).max(1);
    // Two sessions never fall together: between them nobody looked.
    let chunks = samples
        .sessions
        .iter()
        .flat_map(|session| session.samples.chunks(together));
    chunks.filter_map(point).collect()
}

fn point(samples: &[Sample]) -> Option<WatchPoint> {
    let at: Timestamp = samples.first()?.at;
    let views = || samples.iter().filter_map(Sample::cluster);
    let rank = |health: &str| {
        ["HEALTH_OK", "HEALTH_WARN", "HEALTH_ERR"]
            .iter()
            .position(|one| *one == health)
    };
    let clean = |view: &crate::watch::ClusterView| match view.pgs {
        0 => 1.0,
        pgs => (f64::from(view.pgs_clean()) / f64::from(pgs) * 10_000.0).round() / 10_000.0,
    };
    let writes = samples
        .iter()
        .filter_map(|sample| Some(sample.client.as_ref()?.worst_write_us));
    Some(WatchPoint {
        at,
        answered: samples.iter().all(|sample| sample.cluster().is_some()),
        health: views()
            .map(|view| view.health.as_str())
            .max_by_key(|health| rank(health))
            .map(str::to_owned),
        in_quorum: views().map(|view| view.quorum.len()).min(),
        mgr_active: views().map(|view| view.mgr_available).reduce(|a, b| a && b),
        osds_up: views().map(|view| view.osds_up).min(),
        pgs_clean: views().map(clean).reduce(f64::min),
        worst_write_ms: writes.max().map(milliseconds),
    })
}
