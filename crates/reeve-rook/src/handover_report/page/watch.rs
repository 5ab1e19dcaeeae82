//! How the cluster fared during the run: health, quorum and mgr as lanes, PGs and client latency as curves.

use reeve_report::{Bar, Block, Chart, Keep, Lane, Look, Part, Series, Timeline};

use super::{clock, length};
use crate::handover_report::shape::{WatchPoint, WatchSummary};

/// Returns the block of the page that shows how the cluster fared.
pub(super) fn block(watch: &WatchSummary) -> Block {
    let mut parts = vec![Part::Timeline(states(watch))];
    let chart =
        |title: &str, description: String, unit: &str, name: &str, keep, value: &dyn Fn(&WatchPoint) -> Option<f64>| {
            Chart {
                title: title.into(),
                description,
                unit: unit.into(),
                from: watch.from,
                to: watch.to,
                series: vec![Series {
                    name: name.into(),
                    points: watch.points.iter().map(|point| (point.at, value(point))).collect(),
                    keep,
                }],
                limit: None,
            }
        };
    parts.push(Part::Chart(chart(
        "PGs active+clean",
        format!(
            "PGs were not all active+clean for about {} in all.",
            length(watch.seconds_not_clean)
        ),
        "%",
        "active+clean",
        Keep::Lowest,
        &|point| point.pgs_clean.map(|share| share * 100.0),
    )));
    if let Some(worst) = watch.worst_write_ms {
        let at = watch
            .worst_write_at
            .map_or_else(String::new, |at| format!(" at {}", clock(at)));
        let errors = watch.io_errors.unwrap_or(0);
        let mut latency = chart(
            "Slowest client write",
            format!("The slowest write took {worst} ms{at}; errors that the watching client saw: {errors}."),
            "ms",
            "slowest write",
            Keep::Highest,
            &|point| point.worst_write_ms,
        );
        latency.limit = watch.limit_ms.and_then(|limit| {
            // A limit far above everything seen would press the curve to the ground.
            let value = u32::try_from(limit).map(f64::from).ok()?;
            (value <= worst * 4.0).then(|| (value, format!("limit {limit} ms")))
        });
        parts.push(Part::Chart(latency));
    }
    let mut intro = format!(
        "Samples: {}, of which not answered: {}. At least {} mons were in quorum and {} OSDs up whenever somebody answered.",
        watch.samples, watch.unanswered, watch.fewest_in_quorum, watch.fewest_osds_up
    );
    if let Some((first, last)) = watch.monmap_epochs {
        intro.push_str(&if first == last {
            format!(" The mon map kept epoch {first}.")
        } else {
            format!(" The mon map went from epoch {first} to {last}.")
        });
    }
    for because in &watch.stopped {
        intro.push_str(&format!("\nThe watch asked the run to stop: {because}"));
    }
    Block {
        title: "The cluster meanwhile".into(),
        intro,
        parts,
    }
}

/// Returns health, quorum and mgr as lanes of states.
fn states(watch: &WatchSummary) -> Timeline {
    let most = watch
        .points
        .iter()
        .filter_map(|point| point.in_quorum)
        .max()
        .unwrap_or(0);
    let health = |point: &WatchPoint| match point.health.as_deref() {
        _ if !point.answered => (Look::Unknown, "no answer".to_owned()),
        Some("HEALTH_OK") => (Look::Good, "HEALTH_OK".to_owned()),
        Some("HEALTH_WARN") => (Look::Caution, "HEALTH_WARN".to_owned()),
        Some(other) => (Look::Bad, other.to_owned()),
        None => (Look::Unknown, "no answer".to_owned()),
    };
    let quorum = |point: &WatchPoint| match point.in_quorum {
        Some(mons) if point.answered && mons >= most => (Look::Good, format!("{mons} mons")),
        Some(mons) if point.answered => (Look::Caution, format!("{mons} of {most} mons")),
        _ => (Look::Bad, "no answer".to_owned()),
    };
    let mgr = |point: &WatchPoint| match point.mgr_active {
        Some(true) => (Look::Good, "active".to_owned()),
        Some(false) => (Look::Bad, "no active mgr".to_owned()),
        None => (Look::Unknown, "no answer".to_owned()),
    };
    Timeline {
        title: "Health, quorum and mgr".into(),
        description: format!(
            "For about {} nobody answered, and for about {} no mgr was active.",
            length(watch.seconds_unanswered),
            length(watch.seconds_without_mgr)
        ),
        from: watch.from,
        to: watch.to,
        lanes: vec![
            state_lane("health", watch, &health),
            state_lane("quorum", watch, &quorum),
            state_lane("mgr", watch, &mgr),
        ],
        legend: vec![
            (Look::Good, "as wanted".into()),
            (Look::Caution, "less than wanted".into()),
            (Look::Bad, "bad".into()),
            (Look::Unknown, "no answer".into()),
        ],
    }
}

/// Returns points that say the same as one bar.
fn state_lane(name: &str, watch: &WatchSummary, state: &dyn Fn(&WatchPoint) -> (Look, String)) -> Lane {
    let mut bars: Vec<Bar> = Vec::new();
    for point in &watch.points {
        let (look, note) = state(point);
        if let Some(last) = bars.last_mut() {
            last.to = point.at;
            if last.look == look && last.note == note {
                continue;
            }
        }
        bars.push(Bar {
            from: point.at,
            to: watch.to.max(point.at),
            look,
            note,
        });
    }
    if let Some(last) = bars.last_mut() {
        last.to = watch.to;
    }
    Lane {
        name: name.into(),
        value: String::new(),
        bars,
    }
}
