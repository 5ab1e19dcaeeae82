//! A session against a cloud that behaves, and against one that does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reeve_openstack::fake::{Behaviour, FakeCloud, Fault};
use reeve_openstack::{
    Access, Auth, CredentialName, Limits, Method, Microversion, Problem, Request, RequestError, Scope, Session,
    SessionOptions,
};
use serde_json::{Value, json};

const FLAVORS: &str = "GET /compute/v2.1/flavors/detail";

fn quick() -> SessionOptions {
    let limits = Limits {
        answer: Duration::from_secs(30),
        request: Duration::from_secs(60),
        pause: Duration::from_millis(5),
        longest_pause: Duration::from_secs(2),
        answer_bytes: 1 << 20,
        ..Limits::default()
    };
    SessionOptions {
        limits,
        ..SessionOptions::default()
    }
}

async fn cloud_with_flavors(number: usize) -> FakeCloud {
    let cloud = FakeCloud::start().await;
    for n in 0..number {
        cloud.state().add(
            "flavors",
            json!({ "id": format!("f{n}"), "name": format!("flavor {n}"), "extra_specs": { "a": "b" } }),
        );
    }
    cloud
}

async fn flavors(session: &Session) -> Result<Vec<Value>, RequestError> {
    session
        .service("compute")
        .await?
        .list(&Request::get("/flavors/detail"), "flavors")
        .await
}

async fn failing(fault: Fault) -> (FakeCloud, RequestError) {
    failing_within(fault, quick().limits.answer).await
}

async fn failing_within(fault: Fault, answer: Duration) -> (FakeCloud, RequestError) {
    let cloud = cloud_with_flavors(1).await;
    cloud.fault(fault);
    let mut options = quick();
    options.limits.answer = answer;
    let session = Session::connect(cloud.config(), &options).unwrap();
    // Nothing below hangs: this is far above what any of it takes on a busy machine.
    let asked = tokio::time::timeout(Duration::from_secs(120), flavors(&session));
    let error = asked.await.expect("it has an end").unwrap_err();
    (cloud, error)
}

#[tokio::test]
async fn listings_are_read_to_their_end_whatever_the_form_of_their_links() {
    let cloud = cloud_with_flavors(60).await;
    for n in 0..51 {
        cloud
            .state()
            .add("images", json!({ "id": format!("i{n}"), "visibility": "public" }));
        cloud.state().add("volume_types", json!({ "id": format!("t{n}") }));
        cloud.state().add("objects", json!({ "id": format!("o{n:03}") }));
    }
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    assert_eq!(flavors(&session).await.unwrap().len(), 60);
    let images = session.service("image").await.unwrap();
    assert_eq!(images.endpoint(), format!("{}/image/v2", cloud.url()));
    assert_eq!(
        images
            .list(&Request::get("/images").with("member_status", "all"), "images")
            .await
            .unwrap()
            .len(),
        51
    );
    let volume = session.service("block-storage").await.unwrap();
    assert_eq!(volume.endpoint(), format!("{}/volume/v3/alpha-id", cloud.url()));
    let types = volume.list(&Request::get("/types"), "volume_types").await.unwrap();
    let ids: Vec<_> = types
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..51).map(|n| format!("t{n}")).collect::<Vec<_>>());
    let s3 = session.service("object-store-s3").await.unwrap();
    let objects = s3
        .list_by_marker(&Request::get("/objects"), "objects", "id", 20)
        .await
        .unwrap();
    assert_eq!(objects.len(), 51);
    assert_eq!(
        cloud.state().asked("POST /identity/v3/auth/tokens"),
        1,
        "one login for everything"
    );
    let exchanges = session.exchanges();
    assert_eq!(exchanges.len(), cloud.state().requests.len());
    assert!(
        exchanges
            .iter()
            .all(|exchange| exchange.status.is_some() && exchange.request_id.is_some())
    );
}

#[tokio::test]
async fn an_application_credential_logs_in_without_a_scope() {
    let cloud = cloud_with_flavors(1).await;
    let mut config = cloud.config();
    config.auth = Auth::ApplicationCredential {
        credential: CredentialName::Id("ac-id".to_owned()),
        secret: reeve_openstack::fake::PASSWORD.into(),
    };
    config.scope = Scope::Unscoped;
    let session = Session::connect(config, &quick()).unwrap();
    let token = session.token().await.unwrap();
    assert_eq!(token.role_names().collect::<Vec<_>>(), ["member", "reader"]);
    assert!(token.has_service_type("volumev3") && !token.has_service_type("block-storage"));
    assert_eq!(token.project.unwrap().name, "alpha");
}

#[tokio::test]
async fn a_wrong_password_is_said_and_tried_once() {
    let cloud = cloud_with_flavors(1).await;
    cloud.state().password = "another".to_owned();
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    for _ in 0..5 {
        let error = flavors(&session).await.unwrap_err();
        assert!(matches!(error.problem, Problem::LoginRefused(_)), "{error:?}");
        assert_eq!(error.status, Some(401));
        assert_eq!(error.origin.to_string(), "identity of cloud fake (region r1)");
        assert!(!error.is_transient());
        assert!(!format!("{error:?} {error} {}", error.hint()).contains("correct horse"));
    }
    assert_eq!(
        cloud.state().requests.len(),
        1,
        "Keystone locks users out that fail too often"
    );
}

#[tokio::test]
async fn a_revoked_token_is_renewed_once() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    assert_eq!(flavors(&session).await.unwrap().len(), 1);
    cloud.state().revoke_tokens();
    assert_eq!(flavors(&session).await.unwrap().len(), 1);
    assert_eq!(cloud.state().asked("POST /identity"), 2);
    // A service that refuses every token is not asked for ever.
    cloud.fault(Fault::status(FLAVORS, u32::MAX, 401));
    let before = cloud.state().requests.len();
    let error = flavors(&session).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Unauthorized(_)), "{error:?}");
    assert_eq!(cloud.state().requests.len() - before, 3, "asked, logged in, asked");
}

#[tokio::test]
async fn many_requests_at_once_renew_a_token_once() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    flavors(&session).await.unwrap();
    cloud.state().revoke_tokens();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let session = session.clone();
        all.spawn(async move { flavors(&session).await });
    }
    for result in all.join_all().await {
        assert_eq!(result.unwrap().len(), 1);
    }
    assert_eq!(cloud.state().asked("POST /identity"), 2);
}

#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_it_is_used() {
    let cloud = cloud_with_flavors(1).await;
    cloud.state().token_life = SignedDuration::from_secs(30);
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    flavors(&session).await.unwrap();
    let logins = cloud.state().asked("POST /identity");
    assert!(logins >= 2, "a token with less than a minute left is used up: {logins}");
    assert_eq!(cloud.state().asked(FLAVORS), 1);
}

#[tokio::test]
async fn a_token_of_somebody_else_cannot_be_renewed() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    session.token().await.unwrap();
    let token = cloud.state().tokens.keys().next().unwrap().clone();
    let mut config = cloud.config();
    config.auth = Auth::Token(token.into());
    let second = Session::connect(config, &quick()).unwrap();
    assert_eq!(flavors(&second).await.unwrap().len(), 1);
    cloud.state().revoke_tokens();
    let error = flavors(&second).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Unauthorized(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_not_in_the_catalogue_is_said_with_what_is() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    let error = session.service("dns").await.unwrap_err();
    let Problem::NoEndpoint { service, known } = &error.problem else {
        panic!("{error:?}")
    };
    assert_eq!(service, "dns (public, region r1)");
    assert!(known.contains("block-storage, compute, identity"), "{known}");

    let mut config = cloud.config();
    config.region = Some("R1".to_owned());
    let session = Session::connect(config, &quick()).unwrap();
    assert!(matches!(
        session.service("compute").await.unwrap_err().problem,
        Problem::NoEndpoint { .. }
    ));

    cloud.state().catalogue = None;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    assert!(matches!(
        session.service("compute").await.unwrap_err().problem,
        Problem::NoCatalogue
    ));
}

#[tokio::test]
async fn an_endpoint_that_is_set_is_used_without_the_catalogue() {
    let cloud = cloud_with_flavors(1).await;
    cloud.state().catalogue = Some(Vec::new());
    let mut config = cloud.config();
    config
        .services
        .entry("compute".to_owned())
        .or_default()
        .endpoint_override = Some(format!("{}/compute/v2.1", cloud.url()));
    let session = Session::connect(config, &quick()).unwrap();
    assert_eq!(flavors(&session).await.unwrap().len(), 1);
}

#[tokio::test]
async fn microversions_are_asked_for_and_sent() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    let compute = session.service("compute").await.unwrap();
    let version = |minor| Microversion { major: 2, minor };
    assert_eq!(compute.microversions().await.unwrap(), Some((version(1), version(100))));
    assert_eq!(compute.negotiate(version(61), version(96)).await.unwrap(), version(96));
    let error = compute.negotiate(version(101), version(120)).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Microversion { .. }), "{error:?}");
    let plain = compute.list(&Request::get("/flavors/detail"), "flavors").await.unwrap();
    let newer = compute
        .list(&Request::get("/flavors/detail").at(version(61)), "flavors")
        .await
        .unwrap();
    assert!(plain[0]["extra_specs"].is_null() && newer[0]["extra_specs"]["a"] == "b");
}

#[tokio::test]
async fn a_session_that_only_reads_sends_nothing_else() {
    let cloud = cloud_with_flavors(1).await;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    let compute = session.service("compute").await.unwrap();
    let before = cloud.state().requests.len();
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        let error = compute
            .send(&Request::new(method, "/servers").with_body(json!({})))
            .await
            .unwrap_err();
        assert_eq!(error.problem, Problem::ReadOnly { method });
    }
    assert_eq!(cloud.state().requests.len(), before, "nothing reached the cloud");
    let session = Session::connect(
        cloud.config(),
        &SessionOptions {
            access: Access::ReadWrite,
            ..quick()
        },
    )
    .unwrap();
    let compute = session.service("compute").await.unwrap();
    let answer = compute
        .send(&Request::new(Method::Post, "/servers").with_body(json!({})))
        .await
        .unwrap();
    assert_eq!((answer.status, cloud.state().collections["servers"].len()), (202, 1));
}

#[tokio::test]
async fn passing_trouble_is_waited_out() {
    let busy = || Behaviour::Status(429, vec![("retry-after".to_owned(), "1".to_owned())], String::new());
    for (behaviour, least) in [
        (busy(), Duration::from_secs(1)),
        (Behaviour::Status(503, Vec::new(), String::new()), Duration::ZERO),
        (Behaviour::Close, Duration::ZERO),
        (Behaviour::Half, Duration::ZERO),
        (Behaviour::HalfLine, Duration::ZERO),
    ] {
        for on in [FLAVORS, "POST /identity/v3/auth/tokens"] {
            let cloud = cloud_with_flavors(3).await;
            cloud.fault(Fault::new(on, 1, behaviour.clone()));
            let session = Session::connect(cloud.config(), &quick()).unwrap();
            let started = Instant::now();
            assert_eq!(flavors(&session).await.unwrap().len(), 3, "{behaviour:?}");
            assert!(started.elapsed() >= least, "{behaviour:?}");
            assert_eq!(cloud.state().asked(on), 2);
        }
    }
}

#[tokio::test]
async fn lasting_trouble_ends_as_what_it_is() {
    let (cloud, error) = failing(Fault::status(FLAVORS, u32::MAX, 503)).await;
    assert!(matches!(error.problem, Problem::Server { code: 503, .. }), "{error:?}");
    assert_eq!(
        (error.status, error.request_id.as_deref()),
        (Some(503), Some("req-00000000-fake"))
    );
    assert_eq!(cloud.state().asked(FLAVORS), 4, "tried four times");

    let words = json!({ "computeFault": { "code": 500, "message": "Unexpected API Error." } }).to_string();
    let (cloud, error) = failing(Fault::always(FLAVORS, Behaviour::Status(500, Vec::new(), words))).await;
    assert_eq!(
        error.problem,
        Problem::Server {
            code: 500,
            message: "Unexpected API Error.".to_owned()
        }
    );
    assert_eq!(cloud.state().asked(FLAVORS), 1, "a 500 comes back the same");

    let long = Behaviour::Status(429, vec![("retry-after".to_owned(), "3600".to_owned())], String::new());
    let (cloud, error) = failing(Fault::always(FLAVORS, long)).await;
    assert!(
        matches!(error.problem, Problem::TooManyRequests { code: 429, .. }),
        "{error:?}"
    );
    assert_eq!(cloud.state().asked(FLAVORS), 1, "an hour is not waited");

    let slow = Fault::always(FLAVORS, Behaviour::Slow(Duration::from_secs(60)));
    let (_, error) = failing_within(slow, Duration::from_millis(500)).await;
    assert!(matches!(error.problem, Problem::Deadline { .. }), "{error:?}");
    assert!(error.is_unreachable());

    let (_, error) = failing(Fault::always(FLAVORS, Behaviour::Half)).await;
    assert_eq!(error.problem, Problem::Truncated);

    let (_, error) = failing(Fault::always(FLAVORS, Behaviour::Noise)).await;
    assert!(matches!(error.problem, Problem::Garbage(_)), "{error:?}");

    let (_, error) = failing(Fault::always(FLAVORS, Behaviour::Page)).await;
    assert_eq!(
        error.problem,
        Problem::Garbage("it is no JSON (line 1, column 1)".to_owned())
    );

    let (_, error) = failing(Fault::always(FLAVORS, Behaviour::Huge(2 << 20))).await;
    assert_eq!(error.problem, Problem::TooLarge { limit: 1 << 20 });

    let empty = Behaviour::Status(200, Vec::new(), "{}".to_owned());
    let (_, error) = failing(Fault::always(FLAVORS, empty)).await;
    assert_eq!(error.problem, Problem::Garbage("it has no `flavors`".to_owned()));

    let (_, error) = failing(Fault::status(FLAVORS, 1, 403)).await;
    assert!(error.is_forbidden(), "{error:?}");

    let (_, error) = failing(Fault::always("POST /identity", Behaviour::Page)).await;
    assert!(matches!(error.problem, Problem::Garbage(_)), "{error:?}");
    let moved = Behaviour::Status(
        301,
        vec![("location".to_owned(), "https://elsewhere.example/".to_owned())],
        String::new(),
    );
    let (_, error) = failing(Fault::always("POST /identity", moved)).await;
    assert_eq!(
        error.problem,
        Problem::Rejected {
            code: 301,
            message: "moved to https://elsewhere.example/".to_owned()
        }
    );
}

#[tokio::test]
async fn nobody_there_is_said() {
    let config = {
        let cloud = FakeCloud::start().await;
        cloud.config()
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let session = Session::connect(config.clone(), &quick()).unwrap();
    let error = session.token().await.unwrap_err();
    assert_eq!(error.problem, Problem::ConnectionRefused);
    assert!(error.is_unreachable() && error.is_transient());

    let mut nowhere = config;
    nowhere.auth_url = "http://no-such-host.invalid/identity".to_owned();
    let session = Session::connect(nowhere, &quick()).unwrap();
    let error = session.token().await.unwrap_err();
    assert!(
        matches!(error.problem, Problem::NameUnknown(_) | Problem::Deadline { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_listing_without_end_is_an_error() {
    let cloud = cloud_with_flavors(60).await;
    cloud.state().circular = true;
    let session = Session::connect(cloud.config(), &quick()).unwrap();
    let error = flavors(&session).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Endless(_)), "{error:?}");
    assert!(cloud.state().asked(FLAVORS) <= 3);

    let cloud = cloud_with_flavors(60).await;
    let mut options = quick();
    options.limits.pages = 2;
    let session = Session::connect(cloud.config(), &options).unwrap();
    assert_eq!(
        flavors(&session).await.unwrap_err().problem,
        Problem::Endless("more than 2 pages".to_owned())
    );
    options.limits.pages = 100;
    options.limits.entries = 30;
    let session = Session::connect(cloud.config(), &options).unwrap();
    assert_eq!(
        flavors(&session).await.unwrap_err().problem,
        Problem::Endless("more than 30 entries".to_owned())
    );
}

#[tokio::test]
async fn no_more_requests_at_once_than_allowed() {
    let cloud = cloud_with_flavors(1).await;
    let mut options = quick();
    options.limits.in_flight = 2;
    let session = Session::connect(cloud.config(), &options).unwrap();
    flavors(&session).await.unwrap();
    cloud.fault(Fault::always(FLAVORS, Behaviour::Slow(Duration::from_millis(100))));
    let started = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let session = session.clone();
        all.spawn(async move { flavors(&session).await.unwrap().len() });
    }
    assert_eq!(all.join_all().await, [1; 6]);
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "six at a time: {:?}",
        started.elapsed()
    );
}
