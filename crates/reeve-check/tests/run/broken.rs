//! What is broken in a cloud is found and named.

use reeve_check::Verdict;
use reeve_openstack::fake::{FakeCloud, Fault, RuleKeeping};
use serde_json::json;

use crate::bench::{Bench, of};
use crate::good_cloud::{GOOD, guest};

/// What a good server says, but for what the metadata service told it.
fn with_metadata(meta: &'static str, vendor: &'static str) -> Vec<(&'static str, &'static str)> {
    let other = |part: &&(&str, &str)| !["meta", "vendor"].contains(&part.0);
    let mut parts: Vec<_> = GOOD.iter().filter(other).copied().collect();
    parts.extend([("meta", meta), ("vendor", vendor)]);
    parts
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
            "scsx-cmp-metadata",
            |cloud| cloud.state().guest = guest(&with_metadata("reached\n\"scsx_run\": \"r261121161259a1b2c3\"\n", "")),
            Verdict::Fail,
            "without the metadata that was set for it",
        ),
        (
            "scsx-cmp-metadata",
            |cloud| cloud.state().guest = guest(&with_metadata("", "")),
            Verdict::Abort,
            "did not answer the server",
        ),
        (
            "scsx-cmp-metadata-namespace",
            |cloud| {
                cloud.state().guest = guest(&with_metadata(
                    "reached\n",
                    "\"static\":\n\"scs-region\" :\n\"scs-region\":\n",
                ))
            },
            Verdict::Fail,
            "has the keys scs-region\"",
        ),
        (
            "scsx-0104-upload",
            |cloud| cloud.fault(Fault::status("POST /image/v2/images", 9, 403)),
            Verdict::Fail,
            "they may not make an image",
        ),
        (
            "scsx-0104-upload",
            |cloud| cloud.fault(Fault::status("/file", 9, 403)),
            Verdict::Fail,
            "they may not upload an image",
        ),
        (
            "scsx-0104-upload",
            |cloud| cloud.fault(Fault::status("POST /image/v2/images", 9, 413)),
            Verdict::Abort,
            "413",
        ),
        (
            "scsx-0117-data",
            |cloud| cloud.state().loses_data = true,
            Verdict::Fail,
            "its content is another one",
        ),
        (
            "scsx-0117-data",
            |cloud| cloud.state().behind_content = 7,
            Verdict::Pass,
            "",
        ),
        (
            "scsx-0117-data",
            |cloud| cloud.fault(Fault::status("POST /volume/v3/alpha-id/backups", 9, 500)),
            Verdict::Abort,
            "no restored volume to look at",
        ),
        (
            "scsx-0117-data",
            |cloud| cloud.fault(Fault::status("/file", 9, 403)),
            Verdict::Abort,
            "no image with known content",
        ),
        (
            "scsx-0126-rbac",
            |cloud| cloud.state().lets_share = true,
            Verdict::Fail,
            "access_as_external",
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
