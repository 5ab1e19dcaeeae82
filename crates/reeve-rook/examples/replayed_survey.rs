//! Takes a survey of made-up hosts that answer after a given time, for benchmarks: the clock of everything but the network and Ceph.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reeve_host::ReplayHosts;
use reeve_rook::sample::Cluster;
use reeve_rook::survey;

/// Reads `--name value` pairs; this program is for developers, so what is wrong is simply named.
#[tokio::main]
async fn main() -> ExitCode {
    let mut cluster = Cluster {
        mons: 5,
        osds_per_host: 20,
        racks: 10,
        ..Cluster::default()
    };
    let mut latency = Duration::from_millis(30);
    let words: Vec<String> = std::env::args().skip(1).collect();
    for pair in words.chunks(2) {
        let [name, value] = pair else {
            return wrong("each option takes a value");
        };
        match (name.as_str(), value.parse::<u32>()) {
            ("--hosts", Ok(n)) => cluster.hosts = n as usize,
            ("--osds-per-host", Ok(n)) => cluster.osds_per_host = n as usize,
            ("--latency-ms", Ok(n)) => latency = Duration::from_millis(n.into()),
            _ => return wrong(&format!("what is `{name} {value}`?")),
        }
    }
    cluster.mons = cluster.mons.min(cluster.hosts);
    let facts = cluster.facts();
    let hosts = ReplayHosts::new(survey::recording_of(&facts)).latency(latency);
    let began = Instant::now();
    let found = match survey::replayed(facts.scope.clone(), Arc::new(hosts), facts.kubernetes.clone()).await {
        Ok(found) => found,
        Err(error) => return wrong(&error.to_string()),
    };
    let took = began.elapsed();
    // A fast survey of half the hosts would be no figure.
    if found.ceph != facts.ceph || found.hosts != facts.hosts {
        return wrong("the survey did not find what is there");
    }
    report(&format!(
        "{} hosts, {} OSDs, {latency:?} of latency: {took:.3?}",
        found.hosts.len(),
        found.ceph.osds.len()
    ));
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "an example is a small command line")]
fn report(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "an example is a small command line")]
fn wrong(message: &str) -> ExitCode {
    eprintln!("replayed_survey: {message}");
    ExitCode::from(2)
}
