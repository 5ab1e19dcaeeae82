//! Measures a take-over beside plain restarts of the same daemons, on the laboratory that `REEVE_LAB` names; `cargo xtask bench rook` calls it.
//!
//! First every mon and every OSD is restarted by `systemctl restart`, one after the other, as an operator does for an update. Then the cluster is taken
//! over. The same client writes and the same probe looks all the time, so that both are measured with one instrument in one run.

#![expect(clippy::print_stdout, reason = "figures are what this program is for")]

mod spent;
mod writes;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reeve_journal::Event;
use reeve_live_tests::{Absence, Answer, Counts, Daemon, Laboratory, Migration, Probe, silence, without_mgr};
use serde_json::Value;

use spent::Spent;
use writes::{Write, Writer, during, p999};

/// For how long the cluster is left alone between two restarts, and how long a restart may take.
const REST: Duration = Duration::from_secs(4);
const DEADLINE: Duration = Duration::from_secs(180);

/// A daemon that was taken away at a moment.
struct Taken {
    name: String,
    daemon: Daemon,
    at: f64,
}

/// What came of it.
struct Figures {
    name: String,
    absence: Absence,
    worst: f64,
    p999: f64,
}

/// One figure of a daemon's absence.
type Figure = fn(&Figures) -> f64;

fn main() {
    let lab = Laboratory::open();
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    let probe = Probe::start(&lab);
    let writer = Writer::start(&lab);
    let first = now();

    let restarts = restart_everything(&lab, &probe);
    let restarted = now();
    let mgr_failed = now();
    lab.ceph(&["mgr", "fail"]);
    lab.wait("an active mgr", DEADLINE, |_| {
        probe
            .answers()
            .last()
            .is_some_and(|answer| !answer.mgr.is_empty() && answer.asked > mgr_failed + 5.0)
    });
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    std::thread::sleep(REST);

    let (began, began_counting) = (now(), reeve_live_tests::now());
    let migration = Migration::plan(&lab);
    let said = migration.migrate(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let ended = now();
    lab.wait("the cluster to be well", DEADLINE, Laboratory::is_well);
    std::thread::sleep(REST);
    let last = now();

    let writes = writer.stop();
    let answers = probe.answers();
    drop(probe);
    let steps = migration.steps();
    let records = migration.records();
    let taken = records.iter().filter_map(|record| {
        let Event::StepStarted { step, .. } = &record.event else {
            return None;
        };
        let step = steps.iter().find(|planned| planned.id == step.to_string())?;
        (step.kind == "stop_unit").then_some(())?;
        Some(Taken {
            name: step.subject.clone(),
            daemon: Daemon::parse(&step.subject)?,
            at: record.at.as_microsecond() as f64 / 1e6,
        })
    });
    let handed_over: Vec<Taken> = taken.collect();

    println!(
        "laboratory: {} nodes; client: 4 KiB writes, one at a time, at most 50 a second; {} of them",
        lab.nodes.len(),
        writes.len()
    );
    let plain = figures(&restarts, &answers, &writes);
    let ours = figures(&handed_over, &answers, &writes);
    for kind in ["mon", "osd"] {
        compare(kind, &plain, &ours);
    }
    where_an_osd_s_time_goes(&lab, &migration, &ours);

    let spent = Spent::of(&records, &steps);
    println!(
        "\nthe run took {:.0} s; between steps {:.1} s, in steps that wait for nobody {:.1} s; kinds that took most:",
        spent.whole, spent.between, spent.in_own_steps
    );
    for (kind, seconds, count) in spent.by_kind.iter().take(12) {
        println!("  {seconds:>7.1} s  {count:>3} × {kind}");
    }
    goal("own-share", spent.own_share() * 100.0, "%", 10.0);
    the_whole_run(
        &lab,
        &answers,
        [first, restarted, mgr_failed, began, ended, last],
        began_counting,
    );
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is right")
        .as_secs_f64()
}

/// Restarts every mon and every OSD in its old unit, one after the other, each when the one before has come back.
fn restart_everything(lab: &Laboratory, probe: &Probe<'_>) -> Vec<Taken> {
    let mut units = Vec::new();
    for node in &lab.nodes {
        let list =
            "systemctl list-units --plain --no-legend --state=active 'ceph-mon@*' 'ceph-osd@*' | awk '{print $1}'";
        for unit in lab.on(node, &["sh", "-c", list]).fine().lines() {
            let name = unit
                .trim_start_matches("ceph-")
                .trim_end_matches(".service")
                .replace('@', ".");
            let daemon = Daemon::parse(&name).unwrap_or_else(|| panic!("{unit} on {node} is a mon or an OSD"));
            units.push((node.clone(), unit.to_owned(), name, daemon));
        }
    }
    let mut taken = Vec::new();
    for (node, unit, name, daemon) in units {
        let at = now();
        lab.on(&node, &["systemctl", "restart", &unit]).fine();
        lab.wait(&format!("{name} to be back"), DEADLINE, |_| {
            daemon.absence(&probe.answers(), at).is_some()
        });
        taken.push(Taken { name, daemon, at });
        std::thread::sleep(REST);
    }
    taken
}

fn figures(taken: &[Taken], answers: &[Answer], writes: &[Write]) -> Vec<Figures> {
    let all = taken.iter().map(|taken| {
        let absence = taken.daemon.absence(answers, taken.at);
        let absence = absence.unwrap_or_else(|| panic!("{} came back, and the probe did not see it", taken.name));
        let took = during(writes, taken.at, taken.at + absence.clean.max(absence.back) + 1.0);
        Figures {
            name: taken.name.clone(),
            absence,
            worst: took.last().copied().unwrap_or(f64::NAN),
            p999: p999(&took),
        }
    });
    all.collect()
}

/// Minimum, median, maximum.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    [values[0], values[values.len() / 2], values[last]]
}

fn compare(kind: &str, plain: &[Figures], ours: &[Figures]) {
    let of = |figures: &[Figures], value: Figure| {
        let prefix = format!("{kind}.");
        spread(
            figures
                .iter()
                .filter(|it| it.name.starts_with(&prefix))
                .map(value)
                .collect(),
        )
    };
    let rows: [(&str, Figure); 4] = [
        ("away", |it| it.absence.back),
        ("all active+clean", |it| it.absence.clean),
        ("worst write", |it| it.worst),
        ("99.9 % of writes", |it| it.p999),
    ];
    println!("\n{kind}, seconds: min, median, max; systemctl restart | hand-over | ratio of medians");
    let mut ratios = BTreeMap::new();
    for (name, value) in rows {
        let (a, b) = (of(plain, value), of(ours, value));
        println!(
            "  {name:<18} {:>7.3} {:>7.3} {:>7.3} | {:>7.3} {:>7.3} {:>7.3} | {:>6.2}",
            a[0],
            a[1],
            a[2],
            b[0],
            b[1],
            b[2],
            b[1] / a[1]
        );
        ratios.insert(name, b[1] / a[1]);
    }
    goal(
        &format!("{kind}-worst-write"),
        ratios["worst write"],
        "× a restart",
        1.3,
    );
    if kind == "mon" {
        goal("mon-away", ratios["away"], "× a restart", 2.0);
    } else {
        println!(
            "goal osd-away: {:.2} × a restart (wanted as near to 1 as Rook's init containers allow; see below)",
            ratios["away"]
        );
    }
}

/// Says where the time of OSD hand-overs goes: before the release it is reeve's and the old unit's, after it Kubernetes', Rook's and Ceph's.
fn where_an_osd_s_time_goes(lab: &Laboratory, migration: &Migration<'_>, ours: &[Figures]) {
    let pods = lab.kubectl_json(&[
        "--namespace",
        "rook-ceph",
        "get",
        "pods",
        "--selector",
        "app=rook-ceph-osd",
    ]);
    let at = |value: &Value| {
        let time: Option<jiff::Timestamp> = value.as_str().and_then(|text| text.parse().ok());
        time.map(|time| time.as_microsecond() as f64 / 1e6)
    };
    let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for away in migration.away() {
        let Some(id) = away.subject.strip_prefix("osd.") else {
            continue;
        };
        rows.entry("1 stop, mask, gone, release (reeve, systemd)")
            .or_default()
            .push(away.until_released);
        let items = pods["items"].as_array().into_iter().flatten();
        let Some(pod) = items
            .into_iter()
            .find(|pod| pod["metadata"]["labels"]["ceph-osd-id"] == id)
        else {
            continue;
        };
        let status = &pod["status"];
        let init: Vec<f64> = status["initContainerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|container| at(&container["state"]["terminated"]["finishedAt"]))
            .collect();
        let osd = status["containerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|it| it["name"] == "osd");
        let started = osd.and_then(|it| at(&it["state"]["running"]["startedAt"]));
        let created = at(&pod["metadata"]["creationTimestamp"]);
        if let (Some(created), Some(finished), Some(started)) = (created, init.last(), started) {
            rows.entry("2 pod made to last init container's end (Kubernetes, Rook)")
                .or_default()
                .push(finished - created);
            rows.entry("3 to the OSD's start (Kubernetes)")
                .or_default()
                .push(started - finished);
        }
    }
    let back = ours
        .iter()
        .filter(|it| it.name.starts_with("osd."))
        .map(|it| it.absence.back);
    rows.insert("4 whole, from the stop to up", back.collect());
    println!("\nwhere an OSD's time goes, seconds: min, median, max (Kubernetes tells whole seconds)");
    for (name, values) in rows {
        let [low, middle, high] = spread(values);
        println!("  {low:>6.1} {middle:>6.1} {high:>6.1}  {name}");
    }
}

/// The quantities in which rookify was measured, over the whole run, beside its figures.
fn the_whole_run(lab: &Laboratory, answers: &[Answer], moments: [f64; 6], began_counting: u64) {
    let [first, restarted, mgr_failed, began, ended, last] = moments;
    let epochs: Vec<u32> = answers
        .iter()
        .filter(|it| it.asked >= began)
        .map(|it| it.mon_epoch)
        .collect();
    let (epoch_before, epoch_after) = (
        epochs.first().copied().unwrap_or(0),
        epochs.last().copied().unwrap_or(0),
    );
    let plain_silence = silence(answers, first, restarted);
    let our_silence = silence(answers, began, ended);
    let plain_mgr = without_mgr(answers, mgr_failed, began);
    let our_mgr = without_mgr(answers, began, ended);
    let overlaps = overlapping_failure_domains(lab, answers, began, ended);
    let counts = Counts::since(lab, began_counting);
    let twice = counts.more_than_once();
    let _ = last;
    println!(
        "\nthe whole take-over, beside rookify 0e64f9e as it was measured on the same kind of cluster (research notes, rookify-measured)"
    );
    println!("  {:<44} {:>22}  {:>22}  rookify", "", "restarts alone", "reeve");
    let row = |name: &str, plain: String, ours: String, theirs: &str| {
        println!("  {name:<44} {plain:>22}  {ours:>22}  {theirs}");
    };
    row(
        "seconds without a quorum's answer",
        format!("{plain_silence:.1}"),
        format!("{our_silence:.1}"),
        "37 to 45",
    );
    row(
        "epoch of the mon map",
        "unchanged".into(),
        format!("{epoch_before} to {epoch_after}"),
        "1 to 7",
    );
    let list = |stretches: &[f64]| {
        stretches
            .iter()
            .map(|it| format!("{it:.0}"))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    row(
        "seconds without an active mgr",
        list(&plain_mgr),
        list(&our_mgr),
        "about 35, twice",
    );
    row(
        "failure domains touched while PGs not clean",
        "0".into(),
        overlaps.to_string(),
        "every host but the first",
    );
    row(
        "daemons started or stopped twice",
        "0".into(),
        twice.len().to_string(),
        "OSDs, two at a time",
    );
    goal(
        "quorum-silence-beyond-restarts",
        (our_silence - plain_silence).max(0.0),
        "s",
        1.0,
    );
    goal("mon-map-epochs", f64::from(epoch_after - epoch_before), "epochs", 0.5);
    let plain_gap = plain_mgr.iter().copied().fold(1.0, f64::max);
    goal(
        "mgr-gap",
        our_mgr.iter().copied().fold(0.0, f64::max) / plain_gap,
        "× a fail-over",
        1.3,
    );
    goal("mgr-gaps", our_mgr.len() as f64, "gaps for one fail-over", 1.5);
    goal("failure-domains-overlapping", overlaps as f64, "times", 0.5);
    goal("second-restarts", twice.len() as f64, "daemons", 0.5);
}

/// Counts how often an OSD of another host went down before all placement groups were clean again.
fn overlapping_failure_domains(lab: &Laboratory, answers: &[Answer], from: f64, to: f64) -> usize {
    let host_of = lab.hosts_of_osds();
    let (mut touched, mut overlaps) = (None::<&String>, 0);
    for answer in answers.iter().filter(|answer| (from..=to).contains(&answer.asked)) {
        let down: Vec<&String> = host_of
            .iter()
            .filter(|(osd, _)| !answer.up_from.contains_key(osd))
            .map(|(_, host)| host)
            .collect();
        for host in &down {
            if touched.is_some_and(|touched| touched != *host) {
                overlaps += 1;
            }
            touched = Some(host);
        }
        if down.is_empty() && answer.unclean == 0 {
            touched = None;
        }
    }
    overlaps
}

fn goal(name: &str, value: f64, unit: &str, wanted_at_most: f64) {
    let word = if value <= wanted_at_most { "held" } else { "short" };
    println!("goal {name}: {value:.2} {unit} (wanted at most {wanted_at_most}): {word}");
}
