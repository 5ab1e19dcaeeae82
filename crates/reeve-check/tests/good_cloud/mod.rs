//! A cloud that keeps every standard, with servers that say so.

#![allow(dead_code, reason = "each test takes what it needs of it")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reeve_check::{Catalogue, Way, parse, way};
use reeve_openstack::SessionOptions;
use reeve_openstack::fake::{FakeCloud, Guest};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

pub(crate) fn options() -> SessionOptions {
    let mut options = SessionOptions::default();
    options.limits.pause = Duration::from_millis(2);
    // A machine that is busy is no slow cloud.
    options.limits.answer = Duration::from_secs(30);
    options
}

fn flavor(name: &str) -> Value {
    let (parsed, _) = parse(name).unwrap();
    let mut specs = json!({ "scs:cpu-type": parsed.cpu_ram.cpu_type_word(), "scs:name-v1": parsed.in_first_syntax(), "scs:name-v2": name });
    if let Some(disk) = &parsed.disk {
        specs["scs:disk0-type"] = disk.kind_word().into();
    }
    json!({ "id": format!("id-{name}"), "name": name, "vcpus": parsed.cpu_ram.cpus as u64, "ram": (parsed.cpu_ram.ram_gib * 1024.0) as u64,
        "disk": parsed.disk.as_ref().and_then(|disk| disk.size_gb).unwrap_or(0) as u64, "extra_specs": specs })
}

fn image(name: &str, source: &str) -> Value {
    let built = jiff::Timestamp::now() - Duration::from_secs(86_400);
    json!({ "id": format!("id-{name}"), "name": name, "status": "active", "visibility": "public", "os_hidden": false, "size": 1 << 30, "min_disk": 4,
        "min_ram": 512, "created_at": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "owner": "provider",
        "architecture": "x86_64", "os_hash_algo": "sha512", "os_distro": name.split(' ').next().unwrap().to_lowercase(),
        "os_version": name.split(' ').nth(1).unwrap_or("1"), "os_purpose": "generic", "hw_disk_bus": "scsi",
        "hypervisor_type": "kvm", "hw_rng_model": "virtio", "image_build_date": built.strftime("%Y-%m-%d").to_string(),
        "image_original_user": "user", "image_source": source, "image_description": "an image",
        "replace_frequency": "monthly", "provided_until": "none", "uuid_validity": "last-3", "hotfix_hours": "0" })
}

/// A server that carries out its orders and says these parts, with the id of the run for `RUN`.
pub(crate) fn guest(parts: &[(&'static str, &'static str)]) -> Guest {
    let parts = parts.to_vec();
    Guest::new(move |user_data| {
        let orders = String::from_utf8(STANDARD.decode(user_data).unwrap()).unwrap();
        let (_, rest) = orders.split_once("@scsx ").unwrap();
        let run = rest.split(' ').next().unwrap();
        let frames = parts.iter().map(|(part, text)| {
            let body = STANDARD.encode(text.replace("RUN", run));
            let sum = hex::encode(digest(&SHA256, body.as_bytes()));
            format!(
                "[    9.1] cloud-init[513]: @scsx {run} {part} {} :{body} @\r\n",
                &sum[..16]
            )
        });
        format!("[    0.0] Linux\r\n{}@scsx {run} end @\r\n", frames.collect::<String>())
    })
}

/// What a good server says.
pub(crate) const GOOD: &[(&str, &str)] = &[
    ("entropy", "256\n"),
    (
        "fips",
        "rngtest: FIPS 140-2 successes: 999\nrngtest: FIPS 140-2 failures: 1\n",
    ),
    ("how", "rngtest\n"),
    ("random", "rdrand\nrdseed\n"),
    ("meta", "reached\n\"scsx_run\": \"RUN\"\n"),
    ("vendor", "\"static\":\n\"cloud-init\":\n"),
];

/// A cloud that keeps every standard, as far as listings show it.
pub(crate) async fn good_cloud() -> FakeCloud {
    let cloud = FakeCloud::start().await;
    {
        let mut state = cloud.state();
        let ids: Vec<String> = Catalogue::embedded()
            .testcases
            .into_iter()
            .map(|testcase| testcase.id)
            .collect();
        for id in ids.iter().filter_map(|id| id.strip_prefix("scs-0103-flavor-")) {
            let mut parts = id.split('-');
            let cpu = parts.next().unwrap().to_uppercase();
            let rest: String = parts.map(|part| format!("-{part}")).collect();
            state.add("flavors", flavor(&format!("SCS-{cpu}{rest}")));
        }
        for (name, source) in [
            ("Ubuntu 24.04", "https://cloud-images.ubuntu.com/releases/noble/x"),
            ("Ubuntu 22.04", "https://cloud-images.ubuntu.com/jammy/x"),
            ("Debian 13", "https://cloud.debian.org/images/cloud/trixie/x"),
            ("Debian 12", "https://cdimage.debian.org/cdimage/cloud/bookworm/x"),
            (
                "ubuntu-capi-image v1.33",
                "https://nbg1.your-objectstorage.com/osism/openstack-k8s-capi-images/x",
            ),
            (
                "ubuntu-capi-image-v1.33.1",
                "https://nbg1.your-objectstorage.com/osism/openstack-k8s-capi-images/x",
            ),
        ] {
            state.add("images", image(name, source));
        }
        state.add(
            "volume_types",
            json!({ "id": "t", "name": "t", "description": "[scs:encrypted, replicated] safe" }),
        );
        for ethertype in ["IPv4", "IPv6"] {
            state.add(
                "default_security_group_rules",
                json!({ "id": ethertype, "direction": "egress", "ethertype": ethertype, "remote_ip_prefix": null, "remote_group_id": null,
                    "used_in_default_sg": true, "used_in_non_default_sg": true }),
            );
        }
        state.add(
            "networks",
            json!({ "id": "outside", "name": "public", "project_id": "provider", "is_default": true, "router:external": true, "shared": false }),
        );
        state.add(
            "subnetpools",
            json!({ "id": "pool", "name": "v6", "ip_version": 6, "shared": true, "is_default": true, "min_prefixlen": "64", "max_prefixlen": "64" }),
        );
        for service in ["compute_zones", "volume_zones"] {
            state.add(
                service,
                json!({ "zoneName": "az1", "zoneState": { "available": true } }),
            );
        }
        state.add(
            "network_zones",
            json!({ "name": "az1", "state": "available", "resource": "network" }),
        );
        state.encrypts = vec!["t".to_owned()];
        state.guest = guest(GOOD);
        let url = state.url.clone();
        let object_store = ("object-store".to_owned(), format!("{url}/swift/v1/AUTH_alpha"));
        state.catalogue.as_mut().unwrap().push(object_store);
    }
    cloud
}

pub(crate) fn all_readable() -> Vec<String> {
    let ids = Catalogue::embedded().testcases.into_iter().map(|testcase| testcase.id);
    ids.filter(|id| way(id) == Some(Way::Reads)).collect()
}
