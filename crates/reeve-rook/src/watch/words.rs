//! What a look has seen, in words.

use super::sample::{ClientIo, ClusterView};

/// Says in a line how the cluster is: `HEALTH_WARN (OSD_DOWN), quorum 3 of 3, mgr n1, 5 of 6 OSDs up, 24 of 32 PGs active+clean`.
#[must_use]
pub fn cluster(view: &ClusterView) -> String {
    format!(
        "{}, {}, {}, {}, {}",
        health(view),
        quorum(view),
        mgr(view),
        osds(view),
        pgs(view)
    )
}

/// Returns `HEALTH_WARN (OSD_DOWN, PG_DEGRADED)`.
#[must_use]
pub fn health(view: &ClusterView) -> String {
    if view.checks.is_empty() {
        return view.health.clone();
    }
    let codes: Vec<&str> = view.checks.iter().map(String::as_str).collect();
    format!("{} ({})", view.health, codes.join(", "))
}

/// Returns `quorum 2 of 3 (n1, n3)`; the names only where some are missing.
#[must_use]
pub fn quorum(view: &ClusterView) -> String {
    let counts = format!("quorum {} of {}", view.quorum.len(), view.mons);
    if view.is_quorum_full() {
        return counts;
    }
    format!("{counts} ({})", view.quorum.join(", "))
}

/// Returns `mgr n1, 1 stands by` or `NO ACTIVE MGR`.
#[must_use]
pub fn mgr(view: &ClusterView) -> String {
    if !view.mgr_available {
        return "NO ACTIVE MGR".into();
    }
    let name = view.mgr_active.as_deref().unwrap_or("active");
    match view.mgr_standbys {
        0 => format!("mgr {name}, none stands by"),
        1 => format!("mgr {name}, 1 stands by"),
        more => format!("mgr {name}, {more} stand by"),
    }
}

/// Returns `6 OSDs up` or `5 of 6 OSDs up`.
#[must_use]
pub fn osds(view: &ClusterView) -> String {
    if view.osds_up == view.osds {
        return format!("{} OSDs up", view.osds);
    }
    format!("{} of {} OSDs up", view.osds_up, view.osds)
}

/// Returns `32 PGs active+clean` or `24 of 32 PGs active+clean (8 active+undersized+degraded)`.
#[must_use]
pub fn pgs(view: &ClusterView) -> String {
    if view.is_clean() {
        return format!("{} PGs active+clean", view.pgs);
    }
    let clean = |state: &str| {
        let parts: Vec<&str> = state.split('+').collect();
        parts.contains(&"active") && parts.contains(&"clean")
    };
    let others = view.pg_states.iter().filter(|(state, _)| !clean(state));
    let mut others: Vec<(&str, u32)> = others.map(|(state, count)| (state.as_str(), *count)).collect();
    others.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut shown: Vec<String> = others
        .iter()
        .take(3)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    if others.len() > 3 {
        shown.push("…".into());
    }
    format!(
        "{} of {} PGs active+clean ({})",
        view.pgs_clean(),
        view.pgs,
        shown.join(", ")
    )
}

/// Returns `worst write 12 ms, 20 writes` or `a write WAITS since 4.0 s`.
#[must_use]
pub fn client(io: &ClientIo) -> String {
    let worst = milliseconds(io.worst_write_us);
    let errors = match io.errors {
        0 => String::new(),
        errors => format!(", {errors} ERRORS"),
    };
    if io.waiting {
        return format!("a write WAITS since {worst}{errors}");
    }
    format!("worst write {worst}, {} writes{errors}", io.writes)
}

/// Returns `0.4 ms`, `12 ms`, `1.2 s`.
#[must_use]
pub fn milliseconds(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// Returns `40 s`, `3 min 20 s`, `2 h 05 min`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_told_in_a_line() {
        let healthy = ClusterView {
            health: "HEALTH_OK".into(),
            quorum: ["n1", "n2", "n3"].map(String::from).into(),
            mons: 3,
            mgr_available: true,
            mgr_active: Some("n1".into()),
            mgr_standbys: 1,
            osds: 6,
            osds_up: 6,
            pgs: 32,
            pg_states: [("active+clean".to_owned(), 32)].into(),
            ..ClusterView::default()
        };
        insta::assert_snapshot!(cluster(&healthy), @"HEALTH_OK, quorum 3 of 3, mgr n1, 1 stands by, 6 OSDs up, 32 PGs active+clean");
        let mut ill = healthy;
        ill.health = "HEALTH_WARN".into();
        ill.checks = ["OSD_DOWN", "MON_DOWN"].map(String::from).into();
        ill.quorum.pop();
        ill.mgr_available = false;
        ill.osds_up = 5;
        ill.pg_states = [
            ("active+clean".to_owned(), 24),
            ("active+undersized+degraded".to_owned(), 8),
        ]
        .into();
        insta::assert_snapshot!(cluster(&ill), @"HEALTH_WARN (MON_DOWN, OSD_DOWN), quorum 2 of 3 (n1, n2), NO ACTIVE MGR, 5 of 6 OSDs up, 24 of 32 PGs active+clean (8 active+undersized+degraded)");
    }

    #[test]
    fn times_are_told_as_short_as_they_are_exact() {
        let told = [80, 9_950, 12_345, 1_250_000].map(milliseconds);
        assert_eq!(told, ["0.0 ms", "9.9 ms", "12 ms", "1.2 s"]);
        assert_eq!([59, 200, 7_500].map(duration), ["59 s", "3 min 20 s", "2 h 05 min"]);
    }
}
