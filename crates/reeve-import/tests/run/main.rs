//! Imports on a cloud in this process: whole ones, and ones that are killed, cut off and refused at every place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod desk;
#[path = "../made/mod.rs"]
mod made;
mod ways;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reeve_import::apply::{CopyWatch, Import, NobodyWatches, Pace, World};
use reeve_import::plan::{ImportOptions, Makes, discover, plan};
use reeve_import::{Depth, survey_source};
use reeve_journal::fault::{CrashAfter, FailWhen, FailingOperation, until_crash};
use reeve_journal::plan::StepId;
use reeve_journal::{Cancellation, Outcome, PauseReason, Until};
use reeve_openstack::fake::{Behaviour, Fault};
use serde_json::{Value, json};

use desk::{BOUND, Desk, engine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_becomes_a_server_and_is_taken_back() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Server).await;
    let outcome = desk.goes(&plan).await;
    assert_eq!(outcome, Outcome::Finished);
    desk.assert_whole("a plain run");
    {
        let state = desk.cloud.state();
        let server = state.collections["servers"]
            .iter()
            .find(|server| server["id"] != "foreign")
            .unwrap();
        assert_eq!(server["flavorRef"], "SCS-8V-16");
        let boot: Vec<&Value> = server["block_device_mapping_v2"].as_array().unwrap().iter().collect();
        assert_eq!(
            (boot.len(), &boot[0]["boot_index"], &boot[1]["boot_index"]),
            (2, &json!(0), &json!(1))
        );
        let image = state.collections["images"]
            .iter()
            .find(|image| image["id"] != "foreign")
            .unwrap();
        assert_eq!(image["disk_format"], "raw");
        assert_eq!(
            (&image["hw_disk_bus"], &image["os_secure_boot"]),
            (&json!("sata"), &json!("required"))
        );
    }
    desk.undo(&plan).await;
    desk.assert_empty("undone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_any_event_leaves_nothing_behind() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Server).await;
    for events in 1..BOUND {
        let world = desk.world(&plan).await;
        let crash = CrashAfter::events(events);
        let mut engine = engine(desk.create(&plan), &Import, &world).observed_by(&crash);
        let outcome = until_crash(engine.run(&Until::End)).await;
        drop(engine);
        let context = format!("crash after {events} events");
        if outcome.is_none() {
            desk.finish(&plan).await;
        }
        desk.assert_whole(&context);
        let uploads = desk.cloud.state().asked("/file");
        assert_eq!(uploads, 1, "an image that is whole is not sent again: {context}");
        desk.undo(&plan).await;
        desk.assert_empty(&context);
        desk.cloud.state().requests.clear();
        if let Some(outcome) = outcome {
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            assert!(events > 15, "five steps have three events each: {events}");
            return;
        }
    }
    panic!("no run came to its end");
}

/// A process that dies at a request: neither it nor the cloud's answer is heard of again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_request_leaves_nothing_behind() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Server).await;
    desk.cloud.state().requests.clear();
    let world = desk.world(&plan).await;
    engine(desk.create(&plan), &Import, &world)
        .run(&Until::End)
        .await
        .unwrap();
    let requests = desk.cloud.state().requests.clone();
    desk.undo(&plan).await;
    let changes = |request: &str| !request.starts_with("GET") && !request.contains("/auth/tokens");
    let cases: Vec<(usize, bool)> = requests
        .iter()
        .enumerate()
        .flat_map(|(at, request)| match changes(request) {
            true => vec![(at + 1, false), (at + 1, true)],
            // The others differ in nothing but where they stand.
            false if at % 4 == 3 => vec![(at + 1, false)],
            false => Vec::new(),
        })
        .collect();
    assert!(cases.len() > 15, "{requests:?}");
    for (number, (at, with_effect)) in cases.into_iter().enumerate() {
        let was_cut = desk.cloud.state().die_at(at, with_effect);
        let context = format!("dead at {} ({at}), with effect: {with_effect}", requests[at - 1]);
        let journal = desk.create(&plan);
        let working = async {
            let world = desk.world(&plan).await;
            engine(journal, &Import, &world).run(&Until::End).await
        };
        tokio::select! {
            ended = working => panic!("{context}: it ended with {ended:?}"),
            () = was_cut.notified() => {}
        }
        desk.cloud.state().cut = None;
        // Every other run is taken back instead of being brought to its end.
        if number % 2 == 0 {
            desk.finish(&plan).await;
            desk.assert_whole(&context);
        }
        let journal = desk.reopen();
        let has_begun = journal.state().position() > 0 || journal.state().in_hand().is_some();
        drop(journal);
        if has_begun {
            desk.undo(&plan).await;
        }
        desk.assert_empty(&context);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_at_any_step_is_taken_back_and_can_be_gone_on_from() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Server).await;
    let steps: Vec<StepId> = plan.steps().map(|(_, _, step)| step.id.clone()).collect();
    for step in &steps {
        for when in [FailWhen::NotReady, FailWhen::BeforeEffect, FailWhen::AfterEffect] {
            let failing = FailingOperation::new(&Import, step.clone(), when);
            let world = desk.world(&plan).await;
            let outcome = engine(desk.create(&plan), &failing, &world)
                .run(&Until::End)
                .await
                .unwrap();
            let context = format!("{step} {when:?}");
            assert!(failing.has_failed(), "{context}");
            assert!(
                matches!(
                    outcome,
                    Outcome::Paused(PauseReason::Failed { .. } | PauseReason::Refused { .. })
                ),
                "{context}: {outcome:?}"
            );
            desk.finish(&plan).await;
            desk.assert_whole(&context);
            desk.undo(&plan).await;
            desk.assert_empty(&context);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_breaks_off_is_begun_anew() {
    for status in ["queued", "saving"] {
        let desk = Desk::new().await;
        let plan = desk.plan(Makes::Images).await;
        {
            let mut state = desk.cloud.state();
            state.break_upload_at = Some(300_000);
            state.broken_upload_status = status.to_owned();
        }
        let outcome = desk.goes(&plan).await;
        assert_eq!(outcome, Outcome::Finished, "{status}");
        assert_eq!(desk.made()["images"], 1, "{status}");
        assert_eq!(desk.cloud.state().asked("POST /image/v2/images"), 2, "{status}");
        assert_eq!(
            desk.cloud.state().image_data.values().next(),
            Some(&desk.disk),
            "{status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_left_is_deleted_and_made_again() {
    for (status, hash) in [("queued", ""), ("saving", ""), ("active", "0011")] {
        let desk = Desk::new().await;
        let plan = desk.plan(Makes::Images).await;
        let mark = plan.steps().next().unwrap().2.input["mark"].clone();
        let size = desk.disk.len();
        desk.cloud.state().add(
            "images",
            json!({ "id": "left", "status": status, "owner": "alpha-id", "tags": [mark], "visibility": "private", "size": size,
                "os_hash_algo": "sha512", "os_hash_value": hash }),
        );
        let outcome = desk.goes(&plan).await;
        assert_eq!(outcome, Outcome::Finished, "{status}");
        assert_eq!(desk.made()["images"], 1, "{status}");
        assert!(
            !desk.cloud.state().collections["images"]
                .iter()
                .any(|image| image["id"] == "left")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_whose_digest_differs_is_not_left() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Images).await;
    // Glance answers about another image than the one that was sent, for ever.
    let wrong = json!({ "id": "x", "status": "active", "size": desk.disk.len(), "os_hash_algo": "sha512", "os_hash_value": "00" });
    let reply = Behaviour::Status(200, Vec::new(), wrong.to_string());
    desk.cloud.fault(Fault::always("GET /image/v2/images/image-", reply));
    let world = desk.world(&plan).await;
    let working = engine(desk.create(&plan), &Import, &world);
    let mut working = working;
    let outcome = tokio::time::timeout(Duration::from_secs(5), working.run(&Until::End)).await;
    // The deletion is asked for and never seen to be done, so it waits for it; what counts is that nothing is taken for done.
    assert!(!matches!(outcome, Ok(Ok(Outcome::Finished))), "{outcome:?}");
    drop(working);
    assert_eq!(desk.made()["images"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_has_changed_is_refused_before_anything_is_made() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Images).await;
    let mut other = desk.disk.clone();
    other[5] ^= 1;
    std::fs::write(desk.source(), made::ova(&other)).unwrap();
    let outcome = desk.goes(&plan).await;
    let Outcome::Paused(PauseReason::Refused { because, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        because.contains("is not the disk that the plan was made for"),
        "{because}"
    );
    assert_eq!(desk.cloud.state().asked("POST /image"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cloud_refuses_is_said_in_its_words() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Server).await;
    let words = r#"{"NeutronError":{"message":"disallowed by policy"}}"#;
    let reply = Behaviour::Status(403, Vec::new(), words.to_owned());
    desk.cloud.fault(Fault::always("POST /network/v2.0/ports", reply));
    let outcome = desk.goes(&plan).await;
    let Outcome::Paused(PauseReason::Failed { error, step }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(step.as_str(), "ports/nic1/make_port");
    assert!(error.to_string().contains("disallowed by policy"), "{error}");
    // The images and the volumes stay for whoever goes on.
    assert_eq!(
        (desk.made()["images"], desk.made()["volumes"], desk.made()["ports"]),
        (1, 2, 0)
    );
}

/// Asks to stop when so many bytes were copied.
struct StopAt(u64, Cancellation, Mutex<u64>);

impl CopyWatch for StopAt {
    fn copied(&self, _step: &StepId, bytes: u64, of: u64) {
        assert!(bytes <= of);
        *self.2.lock().unwrap() = bytes;
        if bytes >= self.0 {
            self.1.cancel();
        }
    }

    fn read_again(&self, _step: &StepId, _bytes: u64, _of: u64) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_asked_to_stop_leaves_no_image() {
    let desk = Desk::new().await;
    let plan = desk.plan(Makes::Images).await;
    let cancellation = Cancellation::default();
    let watch = Arc::new(StopAt(1 << 20, cancellation.clone(), Mutex::new(0)));
    let world = desk.world_watched(&plan, cancellation.clone(), watch).await;
    let mut working = engine(desk.create(&plan), &Import, &world).cancelled_by(cancellation);
    let outcome = working.run(&Until::End).await.unwrap();
    drop(working);
    assert_eq!(outcome, Outcome::Paused(PauseReason::Interrupted));
    assert_eq!(desk.made()["images"], 0);
    desk.finish(&plan).await;
    assert_eq!(desk.cloud.state().image_data.values().next(), Some(&desk.disk));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_chosen_where_there_are_several() {
    let desk = Desk::new().await;
    let source = survey_source(&desk.source(), Depth::Tables).unwrap().remove(0);
    let choose = |store: Option<&str>| ImportOptions {
        store: store.map(str::to_owned),
        accept_licences: true,
        ..ImportOptions::default()
    };
    let facts = discover(&desk.session(), Makes::Images).await.unwrap();
    let refused = plan(&source, &facts, &choose(Some("fast")), "reeve 0.1.0").unwrap_err();
    assert_eq!(
        refused.blockers[0].what,
        "this cloud does not let anybody choose a store"
    );
    let stores = json!({ "stores": [{ "id": "slow", "default": true }, { "id": "fast" }] });
    let path = "/image/v2/info/stores".to_owned();
    desk.cloud.state().documents.insert(path, stores);
    let facts = discover(&desk.session(), Makes::Images).await.unwrap();
    let refused = plan(&source, &facts, &choose(Some("none")), "reeve 0.1.0").unwrap_err();
    assert_eq!(refused.blockers[0].what, "this cloud has no store none");
    assert_eq!(refused.blockers[0].remedy, "choose one of slow, fast");
    for (chosen, expected) in [(Some("fast"), "fast"), (None, "slow")] {
        let plan = plan(&source, &facts, &choose(chosen), "reeve 0.1.0").unwrap();
        let journal = desk.create(&plan);
        let world = desk.world(&plan).await;
        let mut working = engine(journal, &Import, &world);
        assert_eq!(working.run(&Until::End).await.unwrap(), Outcome::Finished);
        let state = desk.cloud.state();
        let images = state.collections["images"].iter();
        let found: Vec<&Value> = images
            .filter(|image| image["id"] != "foreign")
            .map(|image| &image["stores"])
            .collect();
        assert_eq!(found.last(), Some(&&json!(expected)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_project_is_refused() {
    let desk = Desk::new().await;
    let mut plan = desk.plan(Makes::Images).await;
    plan.target.id = "beta-id".to_owned();
    let world = World::connect(
        desk.session(),
        &plan.target,
        Pace::default(),
        Cancellation::default(),
        Arc::new(NobodyWatches),
    );
    let error = world.await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the plan is for project beta-id, and this login is for project alpha-id"
    );
}
