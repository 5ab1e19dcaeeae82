//! Runs on a cloud that keeps everything, and what is shown of a run.

use reeve_check::{
    Aggregate, Catalogue, CleanupOutcome, Creates, RunOptions, ScopeChoice, Selected, Selection, Target, Verdict,
    load_run, run,
};
use reeve_openstack::Session;
use reeve_openstack::fake::Fault;
use serde_json::json;

use crate::bench::{Bench, of, quiet, selected, verdicts};
use crate::good_cloud::{GOOD, guest, options};

#[tokio::test]
async fn a_good_cloud_passes_and_is_as_it_was() {
    let bench = Bench::new().await;
    let before = bench.things();
    let run = bench.run_with(&["two"], &[]).await;
    for case in &run.cases {
        let expected = match (case.target, case.id.as_str()) {
            (Target::Preview, _) => None,
            // The cloud in this process speaks no TLS.
            (_, "scsx-0125-https") => Some(Verdict::Fail),
            (_, "scsx-0125-tls") => Some(Verdict::Abort),
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
