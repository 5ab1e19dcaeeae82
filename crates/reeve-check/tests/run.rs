//! Whole runs on a cloud that behaves: verdicts, and that nothing is ever left behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod good_cloud;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use good_cloud::{GOOD, good_cloud, guest, options};
use jiff::{SignedDuration, Timestamp};
use reeve_check::{
    Aggregate, Catalogue, CheckRun, CleanupOptions, CleanupOutcome, Creates, Patience, RunId, RunOptions, ScopeChoice,
    Selected, Selection, Target, Telling, Verdict, cleanup, load_run, read_ledgers, run,
};
use reeve_openstack::fake::{Cut, FakeCloud, Fault, RuleKeeping};
use reeve_openstack::{Access, Session, SessionOptions};
use serde_json::json;

fn patience() -> Patience {
    Patience {
        poll: Duration::from_millis(1),
        server: Duration::from_secs(30),
        console: Duration::from_secs(30),
        volume: Duration::from_secs(30),
        removal: Duration::from_secs(30),
        settle: Duration::from_millis(2),
    }
}

fn selected(only: &[&str]) -> Selected {
    let selection = Selection {
        versions: ScopeChoice::Version("v5.1".to_owned()),
        targets: Vec::new(),
        only: only.iter().map(|id| (*id).to_owned()).collect(),
        skip: Vec::new(),
    };
    Catalogue::embedded().select(&selection).unwrap()
}

/// The checks that make something.
const MAKING: [&str; 7] = [
    "scs-0101-entropy-avail",
    "scs-0101-fips-test",
    "scs-0116-permissions",
    "scs-0117-test-backup",
    "scsx-0114-encrypted",
    "scsx-0116-payload",
    "scsx-iam-access-rules-compute",
];

struct Bench {
    cloud: FakeCloud,
    _holder: tempfile::TempDir,
    ledgers: Utf8PathBuf,
}

impl Bench {
    async fn new() -> Bench {
        let holder = tempfile::tempdir().unwrap();
        let ledgers = Utf8PathBuf::from_path_buf(holder.path().join("check")).unwrap();
        let cloud = good_cloud().await;
        {
            // Things of others, some of them called almost like ours.
            let mut state = cloud.state();
            for name in ["db", "scsx-backup", "scsx-r261121161259a1b2c3-03", "scs-test"] {
                state.add(
                    "volumes",
                    json!({ "id": format!("own-{name}"), "name": name, "status": "available", "metadata": {} }),
                );
            }
            state.add(
                "servers",
                json!({ "id": "own-server", "name": "web", "status": "ACTIVE", "metadata": {} }),
            );
            let rule = json!({ "id": "own-rule", "path": "/v2.1/servers", "method": "GET", "service": "compute" });
            state.add("access_rules", rule);
        }
        Bench {
            cloud,
            _holder: holder,
            ledgers,
        }
    }

    fn session(&self, record: Option<&Utf8Path>) -> Session {
        let mut options = SessionOptions {
            access: Access::ReadWrite,
            record: record.map(Utf8Path::to_owned),
            ..options()
        };
        // A machine that is busy is no slow cloud.
        options.limits.answer = Duration::from_secs(30);
        Session::connect(self.cloud.config(), &options).unwrap()
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            tool: "reeve 0.0.0".to_owned(),
            run: RunId::generate(Timestamp::now()),
            creates: Creates::Yes {
                ledgers: self.ledgers.clone(),
            },
            patience: patience(),
        }
    }

    async fn run(&self, only: &[&str]) -> CheckRun {
        run(
            &self.session(None),
            &Catalogue::embedded(),
            &selected(only),
            &self.options(),
            &quiet(),
            std::future::pending(),
        )
        .await
        .unwrap()
    }

    async fn cleanup(&self) -> CleanupOutcome {
        self.cleanup_older_than(SignedDuration::from_hours(2)).await
    }

    async fn cleanup_older_than(&self, older_than: SignedDuration) -> CleanupOutcome {
        let options = CleanupOptions {
            ledgers: self.ledgers.clone(),
            run: None,
            older_than,
            only_show: false,
            patience: patience(),
            tool: "reeve 0.0.0".to_owned(),
        };
        cleanup(&self.session(None), &options, Timestamp::now(), &quiet())
            .await
            .unwrap()
    }

    fn things(&self) -> BTreeMap<String, Vec<String>> {
        self.cloud.state().things()
    }

    fn ledgers(&self) -> Vec<Utf8PathBuf> {
        read_ledgers(&self.ledgers).unwrap()
    }
}

fn quiet() -> Telling {
    Arc::new(|_| {})
}

fn verdicts(run: &CheckRun) -> BTreeMap<&str, Option<Verdict>> {
    run.cases.iter().map(|case| (case.id.as_str(), case.verdict)).collect()
}

fn of<'a>(run: &'a CheckRun, id: &str) -> &'a reeve_check::CaseOutcome {
    run.cases.iter().find(|case| case.id == id).unwrap()
}

#[tokio::test]
async fn a_good_cloud_passes_and_is_as_it_was() {
    let bench = Bench::new().await;
    let before = bench.things();
    let run = bench.run(&[]).await;
    for case in &run.cases {
        let expected = match (case.target, case.id.as_str()) {
            (Target::Preview, _) => None,
            // The cloud in this process speaks no TLS.
            (_, "scsx-0125-https") => Some(Verdict::Fail),
            _ => Some(Verdict::Pass),
        };
        assert_eq!(case.verdict, expected, "{case:#?}");
    }
    assert_eq!(run.versions.len(), 1);
    assert_eq!(
        (run.versions[0].verdict, run.versions[0].complete),
        (Aggregate::Pass, true)
    );
    assert!(
        run.is_clean() && run.left_behind.is_empty() && run.made > 10,
        "{} made",
        run.made
    );
    assert_eq!(bench.things(), before);
    assert!(
        bench.ledgers().is_empty(),
        "a run that left nothing takes its ledger away"
    );
    assert_eq!(bench.cleanup().await, CleanupOutcome::default());
}

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
            let was_cut = {
                let mut state = bench.cloud.state();
                state.requests.clear();
                state.cut = Some(Cut {
                    at,
                    with_effect,
                    forever: true,
                });
                Arc::clone(&state.was_cut)
            };
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
            json!({ "id": "p", "network_id": "n", "device_id": "s", "project_id": "alpha-id", "name": "" }),
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
        reeve_openstack::fake::Behaviour::Slow(Duration::from_millis(300)),
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

/// A check, what breaks the cloud for it, its verdict and words of what is found.
#[tokio::test]
async fn what_is_broken_is_found() {
    type Break = fn(&FakeCloud);
    let cases: &[(&str, Break, Verdict, &str)] = &[
        (
            "scs-0101-entropy-avail",
            |cloud| cloud.state().guest = guest(&[("entropy", "3\n"), ("fips", ""), ("how", ""), ("random", "")]),
            Verdict::Fail,
            "3 bits",
        ),
        (
            "scs-0101-fips-test",
            |cloud| {
                cloud.state().guest = guest(&[
                    ("entropy", "256"),
                    ("fips", "rngtest: FIPS 140-2 failures: 6\n"),
                    ("how", "rngtest"),
                    ("random", ""),
                ])
            },
            Verdict::Fail,
            "6 failed",
        ),
        (
            "scs-0101-fips-test",
            |cloud| {
                cloud.state().guest = guest(&[
                    ("entropy", "256"),
                    ("fips", "nothing"),
                    ("how", "nothing"),
                    ("random", ""),
                ])
            },
            Verdict::Abort,
            "neither `rngtest` nor `python3`",
        ),
        (
            "scsx-0101-cpu-random",
            |cloud| cloud.state().guest = guest(&[("entropy", "256"), ("fips", ""), ("how", ""), ("random", "")]),
            Verdict::Fail,
            "no instruction for random numbers",
        ),
        (
            "scs-0101-entropy-avail",
            |cloud| cloud.fault(Fault::status("POST /compute/v2.1/servers", 9, 403)),
            Verdict::Abort,
            "403",
        ),
        (
            "scs-0101-entropy-avail",
            |cloud| cloud.fault(Fault::status("POST /network/v2.0/networks", 9, 409)),
            Verdict::Abort,
            "409",
        ),
        (
            "scs-0115-default-rules",
            |cloud| cloud.fault(Fault::status("GET /network/v2.0/default-security-group-rules", 9, 404)),
            Verdict::Pass,
            "",
        ),
        (
            "scs-0115-default-rules",
            |cloud| {
                cloud.fault(Fault::status("GET /network/v2.0/default-security-group-rules", 9, 404));
                cloud.fault(Fault::status("POST /network/v2.0/security-groups", 9, 409));
            },
            Verdict::Abort,
            "409",
        ),
        (
            "scs-0116-permissions",
            |cloud| cloud.fault(Fault::status("POST /key-manager/v1/secrets", 9, 403)),
            Verdict::Fail,
            "403",
        ),
        (
            "scs-0116-permissions",
            |cloud| cloud.fault(Fault::status("GET /key-manager/v1/secrets", 1, 403)),
            Verdict::Fail,
            "403",
        ),
        (
            "scs-0116-permissions",
            |cloud| cloud.fault(Fault::status("POST /key-manager/v1/secrets", 9, 500)),
            Verdict::Abort,
            "500",
        ),
        (
            "scs-0116-permissions",
            |cloud| {
                cloud
                    .state()
                    .catalogue
                    .as_mut()
                    .unwrap()
                    .retain(|(service, _)| service != "key-manager")
            },
            Verdict::Pass,
            "",
        ),
        (
            "scs-0117-test-backup",
            |cloud| {
                cloud
                    .state()
                    .add("volumes", json!({ "id": "x", "name": null, "status": "available" }))
            },
            Verdict::Fail,
            "it has no name",
        ),
        (
            "scs-0117-test-backup",
            |cloud| cloud.fault(Fault::status("POST /volume/v3/alpha-id/backups", 9, 500)),
            Verdict::Fail,
            "500",
        ),
        (
            "scs-0123-swift-s3",
            |cloud| cloud.state().s3_answer = (403, "<Error><Code>SignatureDoesNotMatch</Code></Error>".to_owned()),
            Verdict::Fail,
            "SignatureDoesNotMatch",
        ),
        (
            "scs-0123-swift-s3",
            |cloud| cloud.state().s3_answer = (200, String::new()),
            Verdict::Abort,
            "a key that nobody has",
        ),
        (
            "scsx-0102-hidden-images",
            |cloud| {
                let mut image = cloud.state().collections["images"][0].clone();
                image["id"] = "hidden".into();
                image["os_hidden"] = true.into();
                image["architecture"] = "amd64".into();
                cloud.state().add("images", image);
            },
            Verdict::Fail,
            "amd64",
        ),
        (
            "scsx-0102-community-images",
            |cloud| {
                let mut image = cloud.state().collections["images"][0].clone();
                image["id"] = "community".into();
                image["visibility"] = "community".into();
                image["image_source"] = "somewhere".into();
                cloud.state().add("images", image);
            },
            Verdict::Fail,
            "image_source",
        ),
        (
            "scsx-0102-dates",
            |cloud| cloud.state().collections.get_mut("images").unwrap()[0]["provided_until"] = "soon".into(),
            Verdict::Fail,
            "`soon`",
        ),
        (
            "scsx-0103-extra-specs",
            |cloud| {
                cloud.state().collections.get_mut("flavors").unwrap()[0]["extra_specs"]["scs:cpu-type"] =
                    "dedicated-core".into()
            },
            Verdict::Fail,
            "the name says shared-core",
        ),
        (
            "scsx-0103-extra-specs",
            |cloud| {
                cloud.state().add("flavors", json!({ "id": "f", "name": "big", "vcpus": 1, "ram": 512, "disk": 0, "extra_specs": { "scs:name-v2": "SCS-1V-4" } }))
            },
            Verdict::Fail,
            "512 MiB of memory",
        ),
        (
            "scsx-0114-encrypted",
            |cloud| cloud.state().encrypts.clear(),
            Verdict::Fail,
            "is not encrypted",
        ),
        (
            "scsx-0114-volume-types",
            |cloud| {
                cloud.state().add(
                    "volume_types",
                    json!({ "id": "l", "name": "late", "description": "fast [scs:encrypted]" }),
                )
            },
            Verdict::Fail,
            "does not stand at the beginning",
        ),
        (
            "scsx-0121-zones",
            |cloud| {
                cloud.state().collections.get_mut("compute_zones").unwrap()[0]["zoneState"]["available"] = false.into()
            },
            Verdict::Fail,
            "not available",
        ),
        (
            "scsx-0123-endpoints",
            |cloud| {
                cloud
                    .state()
                    .catalogue
                    .as_mut()
                    .unwrap()
                    .push(("dns".to_owned(), "http://127.0.0.1:1/dns".to_owned()))
            },
            Verdict::Fail,
            "connection refused",
        ),
        (
            "scsx-0126-default-network",
            |cloud| cloud.state().collections.get_mut("networks").unwrap()[0]["is_default"] = false.into(),
            Verdict::Fail,
            "although public lead outside",
        ),
        (
            "scsx-0126-default-network",
            |cloud| {
                cloud.state().add(
                    "networks",
                    json!({ "id": "two", "name": "two", "is_default": true, "router:external": true }),
                )
            },
            Verdict::Fail,
            "one of 2 default networks",
        ),
        (
            "scsx-0126-provider-networks",
            |cloud| {
                cloud.state().add(
                    "networks",
                    json!({ "id": "two", "name": "two", "project_id": "provider", "shared": true }),
                )
            },
            Verdict::Fail,
            "it is shared",
        ),
        (
            "scsx-0126-ipv6-pool",
            |cloud| cloud.state().collections.get_mut("subnetpools").unwrap()[0]["min_prefixlen"] = 72.into(),
            Verdict::Fail,
            "and none of 64",
        ),
        (
            "scsx-hyg-leftovers",
            |cloud| {
                cloud.state().add(
                    "volumes",
                    json!({ "id": "x", "name": "scs-test-volume", "status": "available", "metadata": {} }),
                )
            },
            Verdict::Fail,
            "the official tests",
        ),
        (
            "scsx-iam-access-rules-compute",
            |cloud| {
                cloud
                    .state()
                    .rule_keeping
                    .insert("compute".to_owned(), RuleKeeping::Ignores);
            },
            Verdict::Fail,
            "do not allow",
        ),
        (
            "scsx-iam-access-rules-object-store",
            |cloud| {
                cloud
                    .state()
                    .rule_keeping
                    .insert("swift".to_owned(), RuleKeeping::Refuses);
            },
            Verdict::Fail,
            "does not know access rules",
        ),
    ];
    for (id, break_it, verdict, words) in cases {
        let bench = Bench::new().await;
        break_it(&bench.cloud);
        let before = bench.things();
        let run = bench.run(&[id]).await;
        let case = of(&run, id);
        assert_eq!(case.verdict, Some(*verdict), "{case:#?}");
        let said = format!("{:?} {:?}", case.cause, case.findings);
        assert!(said.contains(words), "{id} does not say `{words}`: {said}");
        for finding in &case.findings {
            assert!(
                !finding.remedy.is_empty() && !finding.subject.is_empty(),
                "{finding:#?}"
            );
        }
        assert!(run.left_behind.is_empty(), "{id}: {:#?}", run.left_behind);
        assert_eq!(bench.things(), before, "{id}");
    }
}

#[tokio::test]
async fn a_run_that_only_reads_makes_nothing_and_says_what_it_left_out() {
    let bench = Bench::new().await;
    let session = Session::connect(bench.cloud.config(), &options()).unwrap();
    let run_options = RunOptions {
        creates: Creates::No {
            because: "only reads".to_owned(),
        },
        ..bench.options()
    };
    let run = run(
        &session,
        &Catalogue::embedded(),
        &selected(&[]),
        &run_options,
        &quiet(),
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(bench.cloud.state().asked("POST"), 1, "the login");
    assert_eq!(of(&run, "scs-0117-test-backup").missing.as_deref(), Some("only reads"));
    assert_eq!(of(&run, "scs-0123-swift-s3").verdict, Some(Verdict::Pass));
    assert_eq!((run.versions[0].verdict, run.is_clean()), (Aggregate::Missing, true));
    assert!(!bench.ledgers.exists());
}

#[tokio::test]
async fn without_a_login_nothing_is_judged_and_nothing_made() {
    let bench = Bench::new().await;
    bench.cloud.state().password = "another".to_owned();
    let run = bench.run(&[]).await;
    assert!(
        run.common_cause().unwrap().contains("the login was refused (401)"),
        "{run:#?}"
    );
    assert!(run.cloud.user.is_none() && !bench.ledgers.exists());
    assert_eq!(bench.cloud.state().requests.len(), 1, "a wrong password is sent once");
    let verdicts = verdicts(&run);
    assert!(
        verdicts
            .values()
            .all(|verdict| matches!(verdict, None | Some(Verdict::Abort)))
    );
}

#[tokio::test]
async fn a_recorded_cloud_comes_out_the_same_in_all_its_checks() {
    let bench = Bench::new().await;
    bench.cloud.state().has_backup_service = false;
    bench.cloud.state().encrypts.clear();
    bench.cloud.state().collections.get_mut("images").unwrap()[1]["provided_until"] = "".into();
    let folder = bench.ledgers.with_file_name("recording");
    let session = bench.session(Some(&folder));
    let catalogue = Catalogue::embedded();
    let live = run(
        &session,
        &catalogue,
        &selected(&[]),
        &bench.options(),
        &quiet(),
        std::future::pending(),
    )
    .await
    .unwrap();
    let kept = load_run(&serde_json::to_string(&live).unwrap()).unwrap();
    assert_eq!(kept, live);
    let replayed = Session::replay(&folder).unwrap();
    let options = RunOptions {
        creates: Creates::AsRecorded(Box::new(kept)),
        ..bench.options()
    };
    let again = run(
        &replayed,
        &catalogue,
        &selected(&[]),
        &options,
        &quiet(),
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(verdicts(&again), verdicts(&live));
    for (is, was) in again.cases.iter().zip(&live.cases) {
        assert_eq!((&is.findings, &is.cause), (&was.findings, &was.cause), "{}", is.id);
    }
    assert!(again.cloud.recording && again.made == 0);
    // The same recording by another version of the standards.
    let selection = Selection {
        versions: ScopeChoice::Version("next".to_owned()),
        targets: vec![Target::Main],
        only: Vec::new(),
        skip: vec!["scs-0101-*".to_owned()],
    };
    let next = catalogue.select(&selection).unwrap();
    let run = run(&replayed, &catalogue, &next, &options, &quiet(), std::future::pending())
        .await
        .unwrap();
    assert_eq!(
        (run.versions[0].version.as_str(), run.versions[0].complete),
        ("next", false)
    );
    assert_eq!(of(&run, "scs-0102-prop-os_purpose").verdict, Some(Verdict::Pass));
    let text = std::fs::read_dir(folder.join("answers"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    assert!(
        text.into_iter()
            .all(|text| !text.contains("fake-secret-of") && !text.contains("correct horse"))
    );
}

#[tokio::test]
async fn the_official_report_has_what_the_monitor_needs() {
    let bench = Bench::new().await;
    bench
        .cloud
        .state()
        .collections
        .get_mut("flavors")
        .unwrap()
        .retain(|flavor| flavor["name"] != "SCS-1V-4");
    bench.cloud.state().guest = guest(GOOD);
    let run = bench
        .run(&[
            "scs-0103-flavor-1v-4",
            "scs-0103-flavor-2v-8",
            "scsx-0125-https",
            "domain-manager-check",
        ])
        .await;
    let report = reeve_check::OfficialReport {
        subject: "my \"cloud\"\u{202e}".to_owned(),
        report_uuid: "11111111-2222-4333-8444-555555555555".to_owned(),
        invocation_uuid: "66666666-7777-4888-9999-000000000000".to_owned(),
    };
    let yaml = reeve_check::official_yaml(&run, &report);
    let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(read["subject"], "my \"cloud\"\u{202e}");
    assert_eq!(read["spec"]["uuid"], "50393e6f-2ae1-4c5c-a62c-3b75f2abef3f");
    let invocation = &read["run"]["invocations"]["66666666-7777-4888-9999-000000000000"];
    assert_eq!(
        invocation["results"],
        json!({ "scs-0103-flavor-1v-4": -1, "scs-0103-flavor-2v-8": 1 })
    );
    assert_eq!(
        invocation["stdout"],
        json!(["scs-0103-flavor-1v-4: FAIL", "scs-0103-flavor-2v-8: PASS"])
    );
    let generated = reeve_check::OfficialReport::generate("x");
    let is_uuid = |text: &str| text.len() == 36 && text.as_bytes()[14] == b'4' && "89ab".contains(&text[19..20]);
    assert!(
        is_uuid(&generated.report_uuid) && is_uuid(&generated.invocation_uuid),
        "{generated:?}"
    );
    insta::with_settings!({ filters => [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", "TIME"),
        (r"reference_date: \S+", "reference_date: DAY"),
    ] }, { insta::assert_snapshot!(yaml) });
}

#[tokio::test]
async fn a_person_reads_what_failed_and_what_to_do() {
    let bench = Bench::new().await;
    {
        let mut state = bench.cloud.state();
        state.has_backup_service = false;
        state
            .collections
            .get_mut("flavors")
            .unwrap()
            .retain(|flavor| flavor["name"] != "SCS-1V-4");
        state.collections.get_mut("images").unwrap()[0]["name"] = "evil \u{1b}[31mname".into();
        state.collections.get_mut("images").unwrap()[0]["architecture"] = "amd64".into();
    }
    bench
        .cloud
        .fault(Fault::status("GET /volume/v3/alpha-id/types", u32::MAX, 500));
    let run = bench.run(&[]).await;
    let options = reeve_report::TerminalOptions {
        width: 100,
        colour: false,
    };
    let text = reeve_report::document_terminal(&run.document(), options);
    assert!(!text.contains('\u{1b}'));
    insta::with_settings!({ filters => [
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d UTC)?", "TIME"),
        (r"r\d{12}[0-9a-f]{6}", "RUN"),
        (r"\d+ requests in \d+\.\d s; \d+ things", "N requests in T s; N things"),
        (r"(backup|volume)-\d+", "$1-ID"),
    ] }, { insta::assert_snapshot!(text) });
    let html = reeve_report::document_html(&run.document());
    assert!(html.contains("scs-0103-flavor-1v-4") && !html.contains("evil \u{1b}"));
    let junit = reeve_report::junit(&run.report()).unwrap();
    assert_eq!(
        junit.matches("<testcase ").count(),
        run.cases.len(),
        "every id can be shown"
    );
}

#[test]
fn selections_are_what_was_asked_for_and_name_the_nearest_id() {
    let catalogue = Catalogue::embedded();
    let select = |only: &[&str], skip: &[&str], targets: &[Target]| {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        catalogue.select(&Selection {
            versions: ScopeChoice::Version("v5.1".to_owned()),
            targets: targets.to_vec(),
            only: owned(only),
            skip: owned(skip),
        })
    };
    let ids = |selected: &Selected| selected.cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>();
    let all = select(&[], &[], &[]).unwrap();
    assert_eq!(select(&[], &[], &[Target::Main]).unwrap().cases.len(), 54);
    assert_eq!(all.cases.len(), 54 + 27 + 3 + reeve_check::EXTRA_CHECKS.len());
    // Of another version, by name.
    assert_eq!(
        ids(&select(&["scs-0102-prop-os_purpose"], &[], &[]).unwrap()),
        ["scs-0102-prop-os_purpose"]
    );
    let some = select(&["scs-0116-*", "scsx-0116-*"], &["scs-0116-presence"], &[]).unwrap();
    assert_eq!(ids(&some), ["scs-0116-permissions", "scsx-0116-payload"]);
    let error = select(&["scs-0102-prop-min_dsik"], &[], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no check `scs-0102-prop-min_dsik`; the nearest one is `scs-0102-prop-min_disk`"
    );
    assert_eq!(
        select(&["scs-0116-*"], &["scs-0116-*"], &[]).unwrap_err().to_string(),
        "no check is left of this selection"
    );
}
