//! Bodies that are sent while they are being made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use std::time::Duration;

use reeve_openstack::fake::{FakeCloud, Fault};
use reeve_openstack::{
    Access, Bytes, Limits, Method, Problem, Request, RequestError, Service, Session, SessionOptions, Upload,
    UploadClosed, UploadPatience, UploadWriter, upload, upload_of_any_length,
};
use serde_json::json;

async fn glance(cloud: &FakeCloud, access: Access) -> Service {
    let options = SessionOptions {
        access,
        limits: Limits {
            pause: Duration::from_millis(1),
            ..Limits::default()
        },
        record: None,
    };
    let session = Session::connect(cloud.config(), &options).unwrap();
    session.service("image").await.unwrap()
}

/// Makes an image and returns its path for data.
async fn image(glance: &Service) -> String {
    let body = json!({ "name": "x", "disk_format": "raw", "container_format": "bare" });
    let made = glance
        .json(&Request::new(Method::Post, "/images").with_body(body))
        .await
        .unwrap();
    format!("/images/{}/file", made["id"].as_str().unwrap())
}

async fn put(glance: &Service, path: &str, body: Upload) -> Result<(), RequestError> {
    let patience = UploadPatience::default();
    glance.put(path, &[], body, patience).await.map(|_| ())
}

/// Gives so many pieces of this many bytes, in a thread of its own.
fn give(writer: UploadWriter, pieces: usize, bytes: usize) -> std::thread::JoinHandle<Result<(), UploadClosed>> {
    std::thread::spawn(move || (0..pieces).try_for_each(|at| writer.give(Bytes::from(vec![at as u8; bytes]))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_arrives() {
    let cloud = FakeCloud::start().await;
    let glance = glance(&cloud, Access::ReadWrite).await;
    let path = image(&glance).await;
    let (writer, body) = upload(3_000_000, 2);
    let taken = body.taken();
    let giving = give(writer, 3, 1_000_000);
    put(&glance, &path, body).await.unwrap();
    assert_eq!(giving.join().unwrap(), Ok(()));
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 3_000_000);
    let expected: Vec<u8> = (0..3_u8).flat_map(|at| vec![at; 1_000_000]).collect();
    assert!(cloud.state().image_data.values().next() == Some(&expected));
    // Nothing at all is a body too.
    let path = image(&glance).await;
    put(&glance, &path, upload(0, 1).1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_shorter_or_longer_than_was_said_is_an_error() {
    let cloud = FakeCloud::start().await;
    let glance = glance(&cloud, Access::ReadWrite).await;
    for pieces in [2, 4] {
        let path = image(&glance).await;
        let (writer, body) = upload(3_500_000, 2);
        let giving = give(writer, pieces, 1_000_000);
        let error = put(&glance, &path, body).await.unwrap_err();
        assert!(error.is_transient() || error.status.is_none(), "{error}");
        // Whoever gives is not left waiting.
        let _ended = giving.join().unwrap();
    }
    assert!(cloud.state().image_data.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_length_before_its_end_arrives_whole_or_not_at_all() {
    let cloud = FakeCloud::start().await;
    let glance = glance(&cloud, Access::ReadWrite).await;
    for ends in [true, false] {
        let path = image(&glance).await;
        let (writer, body) = upload_of_any_length(2);
        let giving = std::thread::spawn(move || {
            (0..3_u8).try_for_each(|at| writer.give(Bytes::from(vec![at; 1_000_000])))?;
            // Without a word about the end, whoever gave may as well have died.
            if ends { writer.end() } else { Ok(()) }
        });
        let put = put(&glance, &path, body).await;
        assert_eq!(giving.join().unwrap(), Ok(()));
        assert_eq!(put.is_ok(), ends, "{put:?}");
        let sizes: Vec<usize> = cloud.state().image_data.values().map(Vec::len).collect();
        assert_eq!(sizes, [3_000_000]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_still_is_given_up() {
    let cloud = FakeCloud::start().await;
    let glance = glance(&cloud, Access::ReadWrite).await;
    let path = image(&glance).await;
    let (writer, body) = upload(1_000_000, 1);
    let patience = UploadPatience {
        stall: Duration::from_secs(2),
        ..UploadPatience::default()
    };
    let error = glance.put(&path, &[], body, patience).await.unwrap_err();
    assert!(matches!(error.problem, Problem::Deadline { .. }), "{error}");
    // The connection lets go of the body a moment later; until then one piece finds room, never two.
    assert_eq!(give(writer, 3, 1).join().unwrap(), Err(UploadClosed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_the_clouds_own_and_the_next_try_logs_in_again() {
    let cloud = FakeCloud::start().await;
    let reading = glance(&cloud, Access::ReadOnly).await;
    let error = put(&reading, "/images/x/file", upload(1, 1).1).await.unwrap_err();
    assert!(
        matches!(error.problem, Problem::ReadOnly { method: Method::Put }),
        "{error}"
    );
    let glance = glance(&cloud, Access::ReadWrite).await;
    let path = image(&glance).await;
    cloud.fault(Fault::status(&format!("PUT /image/v2{path}"), 1, 413));
    let (writer, body) = upload(10, 1);
    let giving = give(writer, 1, 10);
    let error = put(&glance, &path, body).await.unwrap_err();
    assert_eq!(error.status, Some(413));
    assert!(giving.join().unwrap().is_ok());
    cloud.state().revoke_tokens();
    let path = {
        let logins = cloud.state().asked("POST /identity/v3/auth/tokens");
        let (writer, body) = upload(10, 1);
        let giving = give(writer, 1, 10);
        let error = put(&glance, &path, body).await.unwrap_err();
        assert!(matches!(error.problem, Problem::Unauthorized(_)), "{error}");
        let _ended = giving.join().unwrap();
        let path = image(&glance).await;
        assert_eq!(cloud.state().asked("POST /identity/v3/auth/tokens"), logins + 1);
        path
    };
    let (writer, body) = upload(10, 1);
    let giving = give(writer, 1, 10);
    put(&glance, &path, body).await.unwrap();
    assert!(giving.join().unwrap().is_ok());
}
