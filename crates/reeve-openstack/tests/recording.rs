//! A cloud recorded and read again without it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use camino::{Utf8Path, Utf8PathBuf};
use reeve_openstack::fake::{Behaviour, FakeCloud, Fault, PASSWORD};
use reeve_openstack::{Method, Problem, Request, Session, SessionOptions};
use serde_json::{Value, json};

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let holder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(holder.path().join("cloud")).unwrap();
    (holder, path)
}

async fn cloud() -> FakeCloud {
    let cloud = FakeCloud::start().await;
    for n in 0..30 {
        cloud.state().add(
            "flavors",
            json!({ "id": format!("f{n}"), "name": format!("flavor {n}") }),
        );
        cloud.state().add(
            "images",
            json!({ "id": format!("i{n}"), "visibility": "public", "user_data": "I2Nsb3VkLWNvbmZpZw==",
            "note": format!("made with {PASSWORD}"), "direct_url": "swift+https://u:k3y@store/c/o" }),
        );
    }
    cloud
}

async fn look(session: &Session, backwards: bool) -> Vec<Value> {
    let compute = session.service("compute").await.unwrap();
    let image = session.service("image").await.unwrap();
    let flavors = Request::get("/flavors/detail")
        .with("is_public", "None")
        .with("limit", "10");
    // The same question with its parameters in another order.
    let flavors = if backwards {
        Request::get("/flavors/detail")
            .with("limit", "10")
            .with("is_public", "None")
    } else {
        flavors
    };
    let images = Request::get("/images").with("member_status", "all");
    if backwards {
        let images = image.list(&images, "images").await.unwrap();
        let flavors = compute.list(&flavors, "flavors").await.unwrap();
        [flavors, images].concat()
    } else {
        let flavors = compute.list(&flavors, "flavors").await.unwrap();
        [flavors, image.list(&images, "images").await.unwrap()].concat()
    }
}

fn all_files(folder: &Utf8Path) -> Vec<(Utf8PathBuf, String)> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            files.push((path.clone(), std::fs::read_to_string(path).unwrap()));
        }
    }
    files
}

#[tokio::test]
async fn a_recorded_cloud_answers_in_any_order_and_has_no_secrets() {
    let (_holder, path) = folder();
    let recorded = {
        let cloud = cloud().await;
        let options = SessionOptions {
            record: Some(path.clone()),
            ..SessionOptions::default()
        };
        let session = Session::connect(cloud.config(), &options).unwrap();
        let recorded = look(&session, false).await;
        assert_eq!(recorded.len(), 60);
        assert!(session.service("dns").await.is_err());
        recorded
    };
    let replay = Session::replay(&path).unwrap();
    assert!(replay.is_replay() && replay.recorded_at().is_some());
    assert_eq!(replay.config().name, "fake");
    let replayed = look(&replay, true).await;
    assert_eq!(replayed[..30], recorded[..30]);
    assert_eq!(replayed[30]["id"], recorded[30]["id"]);
    assert_eq!(
        replay.token().await.unwrap().role_names().collect::<Vec<_>>(),
        ["member", "reader"]
    );
    assert!(matches!(
        replay.service("dns").await.unwrap_err().problem,
        Problem::NoEndpoint { .. }
    ));

    // Nothing that was not asked then, and no change.
    let compute = replay.service("compute").await.unwrap();
    let error = compute.json(&Request::get("/servers")).await.unwrap_err();
    assert_eq!(error.problem, Problem::NotRecorded);
    let error = compute
        .send(&Request::new(Method::Delete, "/servers/1"))
        .await
        .unwrap_err();
    assert!(matches!(error.problem, Problem::ReadOnly { .. }));

    let files = all_files(&path);
    assert!(files.len() >= 8, "{files:?}");
    for (path, text) in &files {
        for secret in [PASSWORD, "gAAAA-fake-token", "I2Nsb3VkLWNvbmZpZw", "k3y", "aud1t-1d"] {
            assert!(!text.contains(secret), "{path} has {secret}");
        }
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(path).unwrap().permissions().mode() & 0o077,
            0,
            "{path} is open to others"
        );
    }
}

#[tokio::test]
async fn what_failed_fails_again_and_what_was_mended_does_not() {
    let (_holder, path) = folder();
    {
        let cloud = cloud().await;
        cloud.fault(Fault::status("GET /image/v2/images", u32::MAX, 403));
        cloud.fault(Fault::status("GET /compute/v2.1/flavors", 1, 503));
        cloud.fault(Fault::always("GET /volume", Behaviour::Close));
        let mut options = SessionOptions {
            record: Some(path.clone()),
            ..SessionOptions::default()
        };
        options.limits.pause = std::time::Duration::from_millis(2);
        let session = Session::connect(cloud.config(), &options).unwrap();
        let images = session.service("image").await.unwrap();
        assert!(
            images
                .list(&Request::get("/images"), "images")
                .await
                .unwrap_err()
                .is_forbidden()
        );
        let compute = session.service("compute").await.unwrap();
        assert_eq!(
            compute
                .list(&Request::get("/flavors/detail"), "flavors")
                .await
                .unwrap()
                .len(),
            30
        );
        let volume = session.service("block-storage").await.unwrap();
        assert_eq!(
            volume
                .list(&Request::get("/types"), "volume_types")
                .await
                .unwrap_err()
                .problem,
            Problem::Truncated
        );
    }
    let replay = Session::replay(&path).unwrap();
    let images = replay.service("image").await.unwrap();
    assert!(
        images
            .list(&Request::get("/images"), "images")
            .await
            .unwrap_err()
            .is_forbidden()
    );
    let compute = replay.service("compute").await.unwrap();
    assert_eq!(
        compute
            .list(&Request::get("/flavors/detail"), "flavors")
            .await
            .unwrap()
            .len(),
        30
    );
    let volume = replay.service("block-storage").await.unwrap();
    let error = volume.list(&Request::get("/types"), "volume_types").await.unwrap_err();
    assert_eq!(
        error.problem,
        Problem::WhenRecorded("the answer ends in the middle".to_owned())
    );
}

#[tokio::test]
async fn other_folders_are_no_recordings() {
    let (_holder, path) = folder();
    assert!(Session::replay(&path).is_err());
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("recording.json"), r#"{"format": 99}"#).unwrap();
    let text = format!("{:?}", Session::replay(&path).unwrap_err());
    assert!(text.contains("Newer") && text.contains("99"), "{text}");
    std::fs::write(path.join("recording.json"), "[]").unwrap();
    assert!(Session::replay(&path).is_err());
    let cloud = FakeCloud::start().await;
    let options = SessionOptions {
        record: Some(path),
        ..SessionOptions::default()
    };
    let text = format!("{:?}", Session::connect(cloud.config(), &options).unwrap_err());
    assert!(text.contains("NotEmpty"), "nothing is overwritten: {text}");
}
