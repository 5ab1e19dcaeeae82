//! A whole cloud, asked and judged: good, broken, and recorded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod good_cloud;

use std::time::Duration;

use camino::Utf8PathBuf;
use good_cloud::{all_readable, good_cloud, options};
use reeve_check::{Aggregate, Catalogue, Facts, ScopeChoice, Target, Verdict, Weight, gather, judge};
use reeve_openstack::fake::{Behaviour, FakeCloud, Fault};
use reeve_openstack::{Session, SessionOptions};
use serde_json::json;

fn verdict(facts: &Facts, id: &str) -> Verdict {
    judge(id, facts).unwrap().verdict
}

#[tokio::test]
async fn a_good_cloud_passes_with_one_listing_each() {
    let cloud = good_cloud().await;
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    for id in all_readable() {
        let result = judge(&id, &facts).unwrap();
        assert_eq!(
            (result.verdict, result.findings.as_slice()),
            (Verdict::Pass, &[][..]),
            "{id}: {:?}",
            result.cause
        );
        assert!(
            result.requirement.ends_with('.') && result.source.starts_with("scs-"),
            "{result:?}"
        );
    }
    let state = cloud.state();
    assert_eq!(state.asked("POST"), 1, "one login: {:?}", state.requests);
    assert_eq!(
        state.asked("GET /compute/v2.1/flavors/detail"),
        2,
        "31 flavors on pages of 25"
    );
    assert_eq!(
        (
            state.asked("/images"),
            state.asked("/types"),
            state.asked("/default-security-group-rules")
        ),
        (1, 1, 1)
    );
    assert_eq!(state.requests.len(), 8, "{:?}", state.requests);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_remedy() {
    let cloud = good_cloud().await;
    {
        let mut state = cloud.state();
        let flavors = state.collections.get_mut("flavors").unwrap();
        flavors.retain(|flavor| flavor["name"] != "SCS-1V-4");
        flavors.push(json!({ "id": "f", "name": "SCS-64V-256_nonsense", "vcpus": 1, "ram": 1, "disk": 0 }));
        let small = flavors.iter_mut().find(|flavor| flavor["name"] == "SCS-2V-8").unwrap();
        small["ram"] = 4096.into();
        state.collections.get_mut("images").unwrap()[0]["architecture"] = "amd64".into();
    }
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    let failed: Vec<String> = all_readable()
        .into_iter()
        .filter(|id| verdict(&facts, id) == Verdict::Fail)
        .collect();
    assert_eq!(
        failed,
        [
            "scs-0100-syntax-check",
            "scs-0100-semantics-check",
            "scs-0102-prop-architecture",
            "scs-0103-flavor-1v-4",
            "scs-0103-flavor-2v-8"
        ]
    );
    insta::assert_json_snapshot!(failed.iter().map(|id| judge(id, &facts).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn trouble_with_one_service_aborts_its_checks_and_no_others() {
    for (behaviour, word) in [
        (Behaviour::Status(500, Vec::new(), String::new()), "500"),
        (Behaviour::Half, "the answer ends in the middle"),
        (
            Behaviour::Slow(Duration::from_secs(60)),
            "no complete answer within 0.5 s",
        ),
        (Behaviour::Page, "it is no JSON"),
        (Behaviour::Status(403, Vec::new(), String::new()), "403"),
    ] {
        let cloud = good_cloud().await;
        let mut options = options();
        if matches!(behaviour, Behaviour::Slow(_)) {
            options.limits.answer = Duration::from_millis(500);
        }
        cloud.fault(Fault::always("GET /image/v2/images", behaviour));
        let session = Session::connect(cloud.config(), &options).unwrap();
        let facts = gather(&session).await;
        for id in all_readable() {
            let result = judge(&id, &facts).unwrap();
            if id.starts_with("scs-0102") || id.starts_with("scs-0104") {
                assert_eq!(result.verdict, Verdict::Abort, "{id}");
                let cause = result.cause.unwrap();
                assert!(cause.contains(word) && cause.contains("image of cloud fake"), "{cause}");
            } else {
                assert_eq!(result.verdict, Verdict::Pass, "{id}");
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_is_refused_or_too_mighty_aborts_everything() {
    let cloud = good_cloud().await;
    cloud.state().password = "another".to_owned();
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    for id in all_readable() {
        let result = judge(&id, &facts).unwrap();
        assert_eq!(result.verdict, Verdict::Abort);
        assert!(result.cause.unwrap().contains("the login was refused (401)"));
    }
    assert_eq!(cloud.state().requests.len(), 1, "a wrong password is sent once");

    for (roles, word) in [
        (vec!["member", "manager"], "`manager`"),
        (vec!["admin", "member"], "`admin`"),
        (vec!["reader"], "`member`"),
    ] {
        let cloud = good_cloud().await;
        cloud.state().roles = roles.into_iter().map(str::to_owned).collect();
        let session = Session::connect(cloud.config(), &options()).unwrap();
        let result = judge("scs-0123-service-compute", &gather(&session).await).unwrap();
        assert_eq!(result.verdict, Verdict::Abort);
        assert!(result.cause.as_deref().unwrap().contains(word), "{:?}", result.cause);
    }
}

#[tokio::test]
async fn a_service_that_is_missing_fails_there_and_aborts_where_it_is_needed() {
    let cloud = good_cloud().await;
    cloud
        .state()
        .catalogue
        .as_mut()
        .unwrap()
        .retain(|(service_type, _)| service_type != "volumev3" && service_type != "load-balancer");
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    assert_eq!(verdict(&facts, "scs-0123-storage-apis"), Verdict::Fail);
    assert_eq!(verdict(&facts, "scs-0123-service-load-balancer"), Verdict::Fail);
    let result = judge("scs-0114-syntax-check", &facts).unwrap();
    assert_eq!(result.verdict, Verdict::Abort);
    assert!(
        result
            .cause
            .unwrap()
            .contains("the catalogue has no endpoint for block-storage (public, region r1)")
    );
}

#[tokio::test]
async fn an_older_nova_is_asked_for_each_flavor() {
    let cloud = good_cloud().await;
    cloud.state().nova_microversion = "2.60".to_owned();
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    assert_eq!(verdict(&facts, "scs-0103-flavor-2v-4-20s"), Verdict::Pass);
    assert_eq!(cloud.state().asked("/os-extra_specs"), 31);
}

#[tokio::test]
async fn an_empty_cloud_passes_where_there_is_nothing_to_judge() {
    let cloud = FakeCloud::start().await;
    let session = Session::connect(cloud.config(), &options()).unwrap();
    let facts = gather(&session).await;
    for id in [
        "scs-0100-syntax-check",
        "scs-0102-prop-min_disk",
        "scs-0102-image-recency",
        "scs-0104-source-debian-12",
        "scs-0114-syntax-check",
    ] {
        assert_eq!(verdict(&facts, id), Verdict::Pass, "{id}");
    }
    for id in [
        "scs-0103-flavor-1v-4",
        "scs-0104-image-ubuntu-2404",
        "scs-0114-encrypted-type",
        "scs-0115-default-rules",
    ] {
        assert_eq!(verdict(&facts, id), Verdict::Fail, "{id}");
    }
}

#[tokio::test]
async fn a_recorded_cloud_is_judged_like_the_cloud() {
    let holder = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(holder.path().join("cloud")).unwrap();
    let live = {
        let cloud = good_cloud().await;
        cloud.state().collections.get_mut("images").unwrap()[1]["provided_until"] = "".into();
        cloud.state().collections.get_mut("flavors").unwrap()[3]["name"] = "SCS-1V:4".into();
        cloud.fault(Fault::status("GET /volume", u32::MAX, 500));
        let session = Session::connect(
            cloud.config(),
            &SessionOptions {
                record: Some(folder.clone()),
                ..options()
            },
        )
        .unwrap();
        let facts = gather(&session).await;
        all_readable()
            .iter()
            .map(|id| judge(id, &facts).unwrap())
            .collect::<Vec<_>>()
    };
    let facts = gather(&Session::replay(&folder).unwrap()).await;
    for was in live {
        let is = judge(&was.id, &facts).unwrap();
        assert_eq!(is, was);
    }
    let note = judge("scs-0100-syntax-check", &facts).unwrap();
    assert_eq!((note.verdict, note.findings[0].weight), (Verdict::Pass, Weight::Note));
    // The recording is judged at its own time, and by any version.
    let catalogue = Catalogue::embedded();
    for version in ["v3", "v4", "v5.1", "next"] {
        let scope = catalogue.scope(&ScopeChoice::Version(version.to_owned())).unwrap();
        let main = scope.cases.iter().filter(|case| case.target == Target::Main);
        let together = Aggregate::of(main.map(|case| judge(&case.id, &facts).map(|result| result.verdict)));
        assert_eq!(together, Aggregate::Fail, "{version}: provided_until is empty");
    }
}
