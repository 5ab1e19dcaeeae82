//! A large cluster is judged at once.

use std::time::{Duration, Instant};

use crate::check::{Waivers, check};
use crate::sample::Cluster;

#[test]
fn two_thousand_osds_are_judged_in_a_second() {
    let facts = Cluster {
        hosts: 100,
        mons: 5,
        osds_per_host: 20,
        racks: 10,
        failure_domain: "rack".into(),
        ..Cluster::default()
    }
    .facts();
    let start = Instant::now();
    let results = check(&facts, &Waivers::default());
    let took = start.elapsed();
    assert!(!results.is_empty());
    // Unoptimised and on a busy machine; a quadratic rule takes minutes.
    assert!(took < Duration::from_secs(1), "{took:?}");
}
