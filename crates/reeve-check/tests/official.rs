//! The official tests as they are, with their SDK, against a cloud in this process; their verdicts and ours.
//!
//! Needs `SDK_PYTHON`, a python3 with openstacksdk and boto3, and `SCS_STANDARDS`, a checkout of SovereignCloudStack/standards at 077174d9.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

mod good_cloud;

use std::collections::BTreeMap;

use good_cloud::{all_readable, good_cloud, options};
use reeve_check::{gather, judge};
use reeve_openstack::Session;
use reeve_openstack::fake::{FakeCloud, Fault, PASSWORD, USER};

/// Breaks a cloud.
type Change = fn(&FakeCloud);

/// Runs the official tests and returns their verdicts.
async fn official(cloud: &FakeCloud, ids: &[String]) -> BTreeMap<String, String> {
    let python = std::env::var_os("SDK_PYTHON").expect("SDK_PYTHON names a python3 with openstacksdk and boto3");
    let suite = std::env::var_os("SCS_STANDARDS").expect("SCS_STANDARDS names a checkout of the standards");
    let holder = tempfile::tempdir().unwrap();
    let file = holder.path().join("clouds.yaml");
    let auth = format!(
        "{{auth_url: '{}/identity/v3', username: {USER}, password: {PASSWORD}, user_domain_name: one, project_name: alpha, project_domain_name: one}}",
        cloud.url()
    );
    std::fs::write(&file, format!("clouds: {{fake: {{region_name: r1, auth: {auth}}}}}")).unwrap();
    let output = tokio::process::Command::new(python)
        .arg("openstack_test.py")
        .args(["-c", "fake"])
        .args(ids)
        .current_dir(std::path::Path::new(&suite).join("Tests/iaas"))
        .env("OS_CLIENT_CONFIG_FILE", &file)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let verdicts: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.rsplit_once(": "))
        .map(|(id, verdict)| (id.to_owned(), verdict.to_owned()))
        .collect();
    assert_eq!(verdicts.len(), ids.len(), "{}", String::from_utf8_lossy(&output.stderr));
    verdicts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs SDK_PYTHON and SCS_STANDARDS"]
async fn the_official_tests_see_the_same_cloud() {
    let ids = all_readable();
    let profiles: [(&str, Change); 6] = [
        ("good", |_| {}),
        ("flavors", |cloud| {
            let mut state = cloud.state();
            let flavors = state.collections.get_mut("flavors").unwrap();
            flavors.remove(0);
            flavors[1]["ram"] = 1.into();
            flavors[2]["extra_specs"].as_object_mut().unwrap().remove("scs:name-v2");
            flavors[3]["name"] = "SCS-1X-2".into();
            flavors[4]["name"] = "other".into();
        }),
        ("images", |cloud| {
            let mut state = cloud.state();
            let images = state.collections.get_mut("images").unwrap();
            images[0]["visibility"] = "community".into();
            images[1]["os_hidden"] = true.into();
            images[2]["visibility"] = "shared".into();
            images[3]["image_build_date"] = "2020-01-01".into();
            images[3].as_object_mut().unwrap().remove("provided_until");
            images[4]["size"] = serde_json::Value::Null;
            images[5]["os_purpose"] = "unknown".into();
        }),
        ("services", |cloud| {
            let mut state = cloud.state();
            state
                .catalogue
                .as_mut()
                .unwrap()
                .retain(|(name, _)| !matches!(name.as_str(), "placement" | "key-manager" | "object-store-s3"));
            state.collections.remove("volume_types");
            state.collections.get_mut("default_security_group_rules").unwrap().pop();
        }),
        ("refused", |cloud| {
            cloud.fault(Fault::status("GET /image/v2/images", u32::MAX, 403))
        }),
        ("mighty", |cloud| cloud.state().roles.push("admin".to_owned())),
    ];
    for (profile, change) in profiles {
        let cloud = good_cloud().await;
        cloud.state().behind_proxy = false;
        change(&cloud);
        let theirs = official(&cloud, &ids).await;
        let asked = cloud.state().requests.len();
        let session = Session::connect(cloud.config(), &options()).unwrap();
        let facts = gather(&session).await;
        let ours: BTreeMap<String, String> = ids
            .iter()
            .map(|id| (id.clone(), judge(id, &facts).unwrap().verdict.to_string()))
            .collect();
        assert_eq!(ours, theirs, "{profile}");
        let ours_asked = cloud.state().requests.len() - asked;
        // With a login that is too mighty they end before they ask for anything.
        assert!(
            ours_asked <= asked || profile == "mighty",
            "{profile}: {ours_asked} requests against {asked}"
        );
    }
}
