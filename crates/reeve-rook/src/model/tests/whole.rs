//! Whole plans: clusters of many shapes, forth, and back from the end of each phase.

use super::picture::{assert_same, picture};
use super::*;
use crate::plan::tests::properties::{Twist, twisted};

async fn taken_over(facts: &Facts, options: &Options) {
    let stage = Stage::of(facts, options);
    let (mon_epoch, _) = stage.epochs();
    stage.go_to_the_end().await;
    stage.assert_taken_over();
    stage.assert_nothing_twice();
    assert_eq!(stage.epochs().0, mon_epoch, "the mon map has changed");
}

#[tokio::test(start_paused = true)]
async fn one_three_and_five_mons() {
    for (hosts, mons) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5)] {
        let cluster = Cluster {
            hosts,
            mons,
            mgrs: hosts.min(2),
            osds_per_host: if hosts == 1 { 3 } else { 1 },
            pool_size: if hosts < 3 { 2 } else { 3 },
            failure_domain: if hosts == 1 { "osd" } else { "host" }.into(),
            ..Cluster::default()
        };
        taken_over(&cluster.facts(), &options()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn clusters_that_are_less_tidy() {
    let plain = Twist::default();
    for twist in [
        Twist {
            mon_in_names: true,
            ..plain
        },
        Twist {
            debian_users: true,
            ..plain
        },
        Twist {
            short_crush_names: true,
            settings: true,
            ..plain
        },
        Twist {
            lvm_with_db: true,
            ..plain
        },
        Twist { cephadm: true, ..plain },
    ] {
        let cluster = Cluster {
            osds_per_host: 1,
            racks: 2,
            ..Cluster::default()
        };
        taken_over(&twisted(&cluster, twist), &options()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_osds_of_a_host_at_once() {
    let options = Options {
        osds_at_once: crate::plan::OsdsAtOnce::Host,
        ..options()
    };
    taken_over(&Cluster::default().facts(), &options).await;
}

#[tokio::test(start_paused = true)]
async fn from_the_end_of_each_phase_everything_goes_back() {
    for phase in ["prepare", "close_gate", "seed", "mons", "mgrs", "osds", "let_go"] {
        let stage = Stage::small();
        let before = picture(&stage);
        stage.go_to_phase(phase).await;
        let outcome = stage.undo_all().await;
        assert_eq!(outcome, Outcome::Paused(PauseReason::Undone), "{phase}");
        assert_eq!(stage.violations(), [], "{phase}");
        assert_same(&before, &picture(&stage), phase);
    }
}
