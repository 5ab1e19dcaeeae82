//! Nothing is left behind, whatever happens to a run.

use std::time::Duration;

use jiff::SignedDuration;
use reeve_check::{Catalogue, Verdict, run};
use reeve_openstack::fake::{Cut, Fault};
use serde_json::json;

use crate::bench::{Bench, of, quiet, selected};

/// The checks that make something.
const MAKING: [&str; 9] = [
    "scs-0101-entropy-avail",
    "scs-0101-fips-test",
    "scs-0116-permissions",
    "scs-0117-test-backup",
    "scsx-0117-data",
    "scsx-0126-rbac",
    "scsx-0114-encrypted",
    "scsx-0116-payload",
    "scsx-iam-access-rules-compute",
];

/// The process dies at every request in turn, before or after the request had its effect; cleaning up brings the project back to what it was.
#[tokio::test]
async fn whoever_is_killed_at_any_request_leaves_nothing_after_a_cleanup() {
    let bench = Bench::new().await;
    let before = bench.things();
    bench.cloud.state().requests.clear();
    bench.run(&MAKING).await;
    let all = bench.cloud.state().requests.len();
    assert!(all > 60, "{all} requests");
    let mut left_something = 0;
    for at in 1..=all {
        for with_effect in [false, true] {
            let was_cut = bench.cloud.state().die_at(at, with_effect);
            let died = tokio::select! {
                _ = bench.run(&MAKING) => false,
                () = was_cut.notified() => true,
            };
            bench.cloud.state().cut = None;
            // The order of requests differs from run to run, and with it their number by a few.
            assert!(died || at > all / 2, "request {at} of {all} never came");
            left_something += usize::from(bench.things() != before);
            let outcome = bench.cleanup().await;
            assert_eq!(
                (&outcome.left, &outcome.unreadable),
                (&Vec::new(), &Vec::new()),
                "killed at {at}, {with_effect}"
            );
            assert_eq!(
                bench.things(),
                before,
                "killed at request {at} of {all}, with effect: {with_effect}"
            );
            assert!(bench.ledgers().is_empty(), "killed at {at}");
        }
    }
    assert!(
        left_something > all / 2,
        "only {left_something} of {} kills left something to clean up",
        all * 2
    );
}

/// One connection breaks at every request in turn; the run goes on, says no wrong verdict and leaves nothing.
#[tokio::test]
async fn a_connection_that_breaks_once_makes_no_wrong_verdict_and_leaves_nothing() {
    let bench = Bench::new().await;
    let before = bench.things();
    bench.cloud.state().requests.clear();
    bench.run(&MAKING).await;
    let all = bench.cloud.state().requests.len();
    for at in 1..=all {
        for with_effect in [false, true] {
            {
                let mut state = bench.cloud.state();
                state.requests.clear();
                state.cut = Some(Cut {
                    at,
                    with_effect,
                    forever: false,
                });
            }
            let run = bench.run(&MAKING).await;
            bench.cloud.state().cut = None;
            for case in &run.cases {
                // Whatever goes wrong with a backup is a FAIL in the official test.
                let is_honest = case.verdict != Some(Verdict::Fail) || case.id == "scs-0117-test-backup";
                assert!(is_honest, "broken at {at}: {case:#?}");
            }
            if !run.left_behind.is_empty() {
                bench.cleanup().await;
            }
            assert_eq!(
                bench.things(),
                before,
                "broken at request {at}, with effect: {with_effect}"
            );
            assert!(bench.ledgers().is_empty(), "broken at {at}");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_deletes_what_it_made_and_says_so() {
    for at in [3, 20, 30, 40, 50] {
        let bench = Bench::new().await;
        let before = bench.things();
        let session = bench.session(None);
        let cloud = &bench.cloud;
        let stop = async {
            while cloud.state().requests.len() < at {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        let run = run(
            &session,
            &Catalogue::embedded(),
            &selected(&MAKING),
            &bench.options(),
            &quiet(),
            stop,
        )
        .await
        .unwrap();
        assert!(
            run.interrupted && !run.is_clean() && run.left_behind.is_empty(),
            "{at}: {run:#?}"
        );
        let stopped = |case: &reeve_check::CaseOutcome| {
            case.missing.as_deref() == Some("the run was stopped before this was judged")
        };
        assert!(run.cases.iter().any(stopped), "{at}");
        assert_eq!(bench.things(), before, "{at}");
        assert!(bench.ledgers().is_empty(), "{at}");
    }
}

#[tokio::test]
async fn without_a_backup_service_one_backup_is_left_once_and_no_more() {
    let bench = Bench::new().await;
    let before = bench.things();
    bench.cloud.state().has_backup_service = false;
    let run = bench.run(&["scs-0117-test-backup"]).await;
    let case = of(&run, "scs-0117-test-backup");
    assert_eq!(case.verdict, Some(Verdict::Fail));
    assert_eq!(case.findings[0].detail, "it has the status `error`");
    let [left] = run.left_behind.as_slice() else {
        panic!("{:#?}", run.left_behind);
    };
    assert_eq!(left.kind, "backup");
    assert!(
        left.cause.contains("2086683") && left.remedy.contains("backup delete --force"),
        "{left:#?}"
    );
    assert_eq!(
        bench.things()["volumes"],
        before["volumes"],
        "the volumes are gone all the same"
    );
    // What is known already is not made once more.
    let again = bench.run(&["scs-0117-test-backup"]).await;
    let case = of(&again, "scs-0117-test-backup");
    assert_eq!((case.verdict, again.made), (Some(Verdict::Fail), 0));
    assert!(
        case.findings[0].detail.contains("Nothing was made this time"),
        "{case:#?}"
    );
    assert_eq!(bench.things()["backups"].len(), 1);
    let outcome = bench.cleanup().await;
    assert_eq!((outcome.left.len(), outcome.deleted.len()), (1, 0), "{outcome:#?}");
    // The leftover is found by whoever looks for leftovers, once its run is long over; then the service comes back.
    bench.cloud.state().has_backup_service = true;
    let outcome = bench.cleanup().await;
    assert_eq!((outcome.left.len(), outcome.deleted.len()), (0, 1), "{outcome:#?}");
    assert_eq!(bench.things(), before);
    assert!(bench.ledgers().is_empty());
}

#[tokio::test]
async fn without_its_ledger_a_run_is_cleaned_up_by_name_and_mark_when_it_is_old() {
    let bench = Bench::new().await;
    let before = bench.things();
    let run = "r261121101112a1b2c3";
    {
        let mut state = bench.cloud.state();
        let name = |number: u32, word: &str| format!("scsx-{run}-{number:02}-{word}");
        state.add(
            "servers",
            json!({ "id": "s", "name": name(3, "server"), "status": "ACTIVE", "metadata": { "scsx_run": run } }),
        );
        state.add("networks", json!({ "id": "n", "name": name(1, "net"), "project_id": "alpha-id", "description": format!("scsx_run={run}") }));
        state.add(
            "ports",
            json!({ "id": "port-s", "network_id": "n", "device_id": "s", "project_id": "alpha-id", "name": "" }),
        );
        state.add(
            "volumes",
            json!({ "id": "v", "name": name(4, "restored"), "status": "available", "metadata": {} }),
        );
        // The name is one of ours, the mark is missing.
        state.add(
            "volumes",
            json!({ "id": "w", "name": name(5, "volume"), "status": "available", "metadata": {} }),
        );
        // Of another project, and only shared.
        state.add("networks", json!({ "id": "o", "name": name(6, "net"), "project_id": "beta-id", "shared": true, "description": format!("scsx_run={run}") }));
    }
    let far = SignedDuration::from_hours(24 * 365 * 100);
    let young = bench.cleanup_older_than(far).await;
    assert_eq!(
        (young.deleted.len(), young.left.len(), young.skipped.len()),
        (0, 0, 1),
        "{young:#?}"
    );
    assert!(
        young.skipped[0].1.contains("may be at work on another machine"),
        "{young:#?}"
    );
    let outcome = bench
        .cleanup_older_than(SignedDuration::from_hours(-24 * 365 * 100))
        .await;
    assert_eq!(outcome.deleted.len(), 3, "{outcome:#?}");
    let [left] = outcome.left.as_slice() else {
        panic!("{outcome:#?}");
    };
    assert!(
        left.id.as_deref() == Some("w") && left.cause.contains("does not have the mark"),
        "{left:#?}"
    );
    let mut expected = before;
    expected.get_mut("volumes").unwrap().push("w".to_owned());
    expected.get_mut("networks").unwrap().push("o".to_owned());
    assert_eq!(bench.things(), expected);
}

#[tokio::test]
async fn a_run_that_is_at_work_is_let_alone() {
    let bench = Bench::new().await;
    let before = bench.things();
    // The first look at the new server takes a while, and the cleanup comes meanwhile.
    bench.cloud.fault(Fault::new(
        "POST /compute/v2.1/servers/",
        1,
        reeve_openstack::fake::Behaviour::Slow(Duration::from_secs(3)),
    ));
    let server = bench.run(&["scs-0101-entropy-avail"]);
    let meanwhile = async {
        while bench.cloud.state().asked("/action") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.cleanup_older_than(SignedDuration::from_hours(-1)).await
    };
    let (run, outcome) = tokio::join!(server, meanwhile);
    assert_eq!(
        of(&run, "scs-0101-entropy-avail").verdict,
        Some(Verdict::Pass),
        "{run:#?}"
    );
    assert_eq!((outcome.deleted.len(), outcome.left.len()), (0, 0), "{outcome:#?}");
    assert_eq!(outcome.skipped[0].1, "it is at work");
    assert_eq!(bench.things(), before);
}
