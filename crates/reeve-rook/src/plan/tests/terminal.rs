//! What an operator sees.

use reeve_journal::plan::Plan;

use super::planned;
use crate::plan::{Options, plan, render, render_diff};
use crate::sample::Cluster;

/// The digest changes with every field that the text does not show.
const DIGEST: (&str, &str) = ("sha256:[0-9a-f]{64}", "sha256:(the digest)");

#[test]
fn the_default_sample_as_an_operator_reads_it() {
    insta::with_settings!({ filters => [DIGEST] }, {
        insta::assert_snapshot!(render(&planned(|_| {}), false, 110, false));
    });
}

#[test]
fn the_default_sample_with_all_steps() {
    insta::with_settings!({ filters => [DIGEST] }, {
        insta::assert_snapshot!(render(&planned(|_| {}), true, 110, false));
    });
}

#[test]
fn two_thousand_osds_fit_on_a_few_screens() {
    let facts = Cluster {
        hosts: 100,
        mons: 5,
        osds_per_host: 20,
        racks: 10,
        ..Cluster::default()
    }
    .facts();
    let text = render(&plan(&facts, &Options::default()).unwrap(), false, 100, false);
    assert!(text.lines().count() < 220, "{} lines", text.lines().count());
    assert!(text.contains("osd.0 … osd.19"), "OSDs of one host are one line");
    assert!(text.contains("Interruptions, one after the other"));
}

#[test]
fn colour_is_only_colour_and_names_cannot_speak_to_the_terminal() {
    let plan = planned(|facts| facts.ceph.pools[1].name = "evil\u{1b}[2J".into());
    let plain = render(&plan, true, 80, false);
    assert!(!plain.contains('\u{1b}'), "a terminal sequence came through");
    let coloured = render(&plan, true, 80, true);
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
    assert_ne!(coloured, plain);
}

#[test]
fn one_mon_is_shown_as_what_it_is() {
    let facts = Cluster {
        hosts: 3,
        mons: 1,
        ..Cluster::default()
    }
    .facts();
    let text = render(&plan(&facts, &Options::default()).unwrap(), false, 110, false);
    insta::assert_snapshot!(
        text.lines()
            .filter(|line| line.contains("QUORUM"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn a_difference_is_told_by_step() {
    let before = planned(|_| {});
    let after = plan(
        &Cluster {
            osds_per_host: 3,
            ..Cluster::default()
        }
        .facts(),
        &Options {
            mon_soak_seconds: 90,
            ..Options::default()
        },
    );
    let after = after.unwrap();
    let text = render_diff(&Plan::diff(&before, &after), 100, false);
    assert!(text.contains("chosen.mon_soak_seconds\n    - 60\n    + 90"), "{text}");
    assert!(text.contains("osds/osd.8/stop_unit"), "{text}");
    assert_eq!(
        render_diff(&Plan::diff(&before, &before), 100, false),
        "The plans say the same.\n"
    );
}

#[test]
fn hosts_at_once_are_not_called_one_after_the_other() {
    let options = Options {
        osds_at_once: crate::plan::OsdsAtOnce::Host,
        ..Options::default()
    };
    let text = render(&plan(&Cluster::default().facts(), &options).unwrap(), false, 100, false);
    // Three mons, one mgr, and three hosts for as long as one OSD.
    assert!(
        text.contains("those of one hand-over at the same time, 80 s in all"),
        "{text}"
    );
}
