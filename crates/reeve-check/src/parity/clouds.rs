//! Clouds that nobody has: mostly right, wrong in one place or another.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::flavor_name::parse;

const STANDARD: [&str; 31] = [
    "SCS-1V-4",
    "SCS-2V-8",
    "SCS-4V-16",
    "SCS-8V-32",
    "SCS-1V-2",
    "SCS-2V-4",
    "SCS-4V-8",
    "SCS-8V-16",
    "SCS-16V-32",
    "SCS-1V-8",
    "SCS-2V-16",
    "SCS-4V-32",
    "SCS-1L-1",
    "SCS-2V-4-20s",
    "SCS-4V-16-100s",
    "SCS-1V-4-10",
    "SCS-2V-8-20",
    "SCS-4V-16-50",
    "SCS-8V-32-100",
    "SCS-1V-2-5",
    "SCS-2V-4-10",
    "SCS-4V-8-20",
    "SCS-8V-16-50",
    "SCS-16V-32-100",
    "SCS-1V-8-20",
    "SCS-2V-16-50",
    "SCS-4V-32-100",
    "SCS-1L-1-5",
    "SCS-16V-64",
    "SCS-8V-64",
    "SCS-16V-128",
];

/// A name of a flavor: put together by the grammar, by its pieces in any order, or by chance.
pub(super) fn flavor_name() -> impl Strategy<Value = String> {
    let grammar = (
        "SCS-[0-9]{0,2}[LVTC]i?[-:]([0-9]{1,3}|[0-9]{0,2}\\.[0-9]?|[0-9.]{0,4})u?o?",
        "([-:]([0-9]{0,2}x)?[0-9]{0,3}[nhsp]?)?",
        "([-_](kvm|xen|vmw|hyv|bms|chy))?([-_]hwv)?",
        "([-_][izar][0-9]{0,2}h{0,4})?",
        "([-_][gG][NAI]([fkmpvtalgbu]|[0-5](\\.[0-9]{1,2})?|ib|_ib)?([-:][0-9]{1,3})?h{0,3}([-:][0-9]{1,3})?h{0,3})?",
        "([-_]ib)?\n?",
    )
        .prop_map(|(main, disk, virt, cpu, gpu, ib)| format!("{main}{disk}{virt}{cpu}{gpu}{ib}"));
    let regular = (
        "SCS-[1-9][LVTC]i?-[1-9][0-9]?(\\.[05])?u?o?",
        "(-([1-9]x)?[1-9]0{0,2}[nhsp]?)?",
        "(_(kvm|xen|vmw|hyv|bms|chy))?(_hwv)?(_[izar][0-6]?h{0,3})?",
        "(_[gG](N[fkmpvtalgbu]?|A(0\\.4|1|2\\.1|3\\.5)?|I(0\\.95|1|4)?)(-[1-9][0-9]?h{0,2}(-[1-9][0-9]?h{0,2})?)?)?(_ib)?",
    )
        .prop_map(|(main, disk, virt, gpu)| format!("{main}{disk}{virt}{gpu}"));
    let old = regular
        .clone()
        .prop_map(|name| name.replace('-', ":").replace('_', "-").replace("SCS:", "SCS-"));
    let pieces = vec(
        select(vec![
            "SCS-", "1", "0", "4", "16", "V", "L", "T", "C", "i", "-", ":", "_", "u", "o", "x", "s", "n", "p", "h",
            "hh", "kvm", "hwv", "z", "a", "r", "GN", "gA", "GI", "0.5", ".", "ib", "_ib", "é", " ",
        ]),
        0..12,
    )
    .prop_map(|pieces| format!("SCS-{}", pieces.concat()));
    prop_oneof![4 => grammar, 3 => regular, 1 => old, 2 => pieces, 1 => select(STANDARD.to_vec()).prop_map(str::to_owned)]
}

fn right_flavor(name: &str, off: usize) -> Value {
    let (parsed, _) = parse(name).unwrap();
    let disk = parsed.disk.as_ref();
    let mut specs = json!({
        "scs:cpu-type": parsed.cpu_ram.cpu_type_word(),
        "scs:name-v1": parsed.in_first_syntax(),
        "scs:name-v2": name,
    });
    if let Some(disk) = disk {
        specs["scs:disk0-type"] = disk.kind_word().into();
    }
    let mut flavor = json!({
        "id": format!("id-{name}"), "name": name, "vcpus": parsed.cpu_ram.cpus as u64, "ram": (parsed.cpu_ram.ram_gib * 1024.0) as u64,
        "disk": disk.and_then(|disk| disk.size_gb).unwrap_or(0) as u64, "extra_specs": specs,
    });
    // What is off with it, if anything: most of the time nothing.
    match off {
        0 => flavor["vcpus"] = 0.into(),
        1 => flavor["ram"] = (flavor["ram"].as_u64().unwrap() - 52).into(),
        2 => flavor["ram"] = (flavor["ram"].as_u64().unwrap() - 51).into(),
        3 => flavor["disk"] = 7.into(),
        4 => flavor["extra_specs"]["scs:cpu-type"] = "any".into(),
        5 => drop(flavor["extra_specs"].as_object_mut().unwrap().remove("scs:name-v1")),
        6 => drop(flavor["extra_specs"].as_object_mut().unwrap().remove("scs:name-v2")),
        7 => drop(flavor["extra_specs"].as_object_mut().unwrap().remove("scs:disk0-type")),
        8 => flavor["name"] = "m1.other".into(),
        9 => flavor["extra_specs"]["scs:name-v2"] = "SCS-1V-4".into(),
        _ => {}
    }
    flavor
}

fn flavors() -> impl Strategy<Value = Vec<Value>> {
    let standard = (vec((select(STANDARD.to_vec()), 0usize..60), 0..24), any::<bool>()).prop_map(|(chosen, all)| {
        let mut flavors: Vec<Value> = chosen.into_iter().map(|(name, off)| right_flavor(name, off)).collect();
        if all {
            flavors.extend(STANDARD.iter().map(|name| right_flavor(name, 99)));
        }
        flavors
    });
    let fuzzed = (flavor_name(), 0i64..9, select(vec![0i64, 51, 1023, 1024, 4045, 4046, 4096, 16384, 70000]), select(vec![0i64, 5, 10, 100]))
        .prop_map(|(name, vcpus, ram, disk)| {
            json!({ "id": "f", "name": name, "vcpus": vcpus, "ram": ram, "disk": disk, "extra_specs": {} })
        });
    (standard, prop_oneof![2 => Just(Vec::new()), 1 => vec(fuzzed, 0..3)]).prop_map(|(mut one, two)| {
        one.extend(two);
        one
    })
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "2026-1[01]-[012][0-9]",
        2 => "202[0-7]-(0[1-9]|1[0-2])-[0-3][0-9]",
        1 => "202[5-7]-1[0-2]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9][Zz]?",
        1 => "202[56]-[1-9]-[1-9] {1,2}[0-9]:[0-9]{1,2}",
        1 => "19(70-01-01|69-12-31)|٢٠٢٦-11-01|none|soon|",
    ]
}

/// A property that is mostly one of the good values, sometimes bad, empty or missing.
fn property(good: &'static [&'static str]) -> BoxedStrategy<Option<String>> {
    prop_oneof![
        20 => select(good).prop_map(|value| Some(value.to_owned())),
        1 => Just(None),
        1 => select(vec!["", "other", "Virtio"]).prop_map(|value| Some(value.to_owned())),
    ]
    .boxed()
}

fn name() -> impl Strategy<Value = Option<String>> {
    let names = vec![
        "Ubuntu 24.04",
        "Ubuntu 24.04 20260101",
        "Ubuntu 24.04  old",
        "Ubuntu 24.04 prev",
        "Ubuntu 22.04",
        "Ubuntu 20.04",
        "Debian 13",
        "Debian 13 2026-01-01",
        "Debian 12",
        "Debian 11",
        "Debian",
        "ubuntu-capi-image v1.30",
        "ubuntu-capi-image-v1.30.2 x",
        "ubuntu-capi-image v1x30",
        "ubuntu-capi-image-v1.",
        "",
    ];
    weighted(0.985, select(names).prop_map(str::to_owned))
}

fn image() -> impl Strategy<Value = Value> {
    let fixed = (
        name(),
        select(vec!["public", "public", "public", "community", "shared"]),
        prop::bool::weighted(0.1),
        prop_oneof![6 => Just("2026-11-20T00:00:00Z".to_owned()), 1 => "202[5-7]-(0[1-9]|1[0-2])-[012][1-9]T00:00:00Z"],
        weighted(0.985, select(vec![0i64, 1 << 30, (1 << 30) + 1, 5 << 30])),
        prop_oneof![12 => Just(5i64), 1 => 0i64..6],
        prop_oneof![12 => Just(512i64), 1 => select(vec![0i64, 63, 64])],
    );
    let technical = (
        property(&["x86_64", "aarch64", "risc-v"]),
        property(&["sha512", "sha256"]),
        property(&["generic", "generic", "custom", "minimal", "oldgeneric"]),
        property(&["ubuntu", "debian"]),
        property(&["24.04", "13"]),
        property(&["virtio", "scsi"]),
        property(&["kvm", "qemu"]),
        property(&["virtio"]),
    );
    let source = prop_oneof![
        6 => select(vec![
            "https://cloud-images.ubuntu.com/releases/noble/release/x.img", "https://cloud-images.ubuntu.com/jammy/x",
            "https://cloud.debian.org/images/cloud/trixie/x", "https://cloud.debian.org/images/cloud/bookworm/x",
            "https://cdimage.debian.org/cdimage/cloud/bullseye/", "https://cloud-images.ubuntu.com/focal/",
            "https://nbg1.your-objectstorage.com/osism/openstack-k8s-capi-images/x", "private", "ftps://x", "://", "x://", "HTTP://x", "private ",
        ]).prop_map(|value| Some(value.to_owned())),
        1 => Just(None),
    ];
    let handling = (
        weighted(0.97, date()),
        property(&["ubuntu"]),
        property(&["an image"]),
        source,
        property(&[
            "never",
            "critical_bug",
            "yearly",
            "quarterly",
            "monthly",
            "weekly",
            "daily",
        ]),
        prop_oneof![4 => property(&["none", "notice"]), 4 => of(date())],
        prop_oneof![4 => property(&["none", "notice", "forever", "last-3"]), 2 => of(date()), 1 => of("last-[0-9٣]{0,2}x?")],
        prop_oneof![6 => Just(None), 1 => of("[0-9٣-]{0,2}")],
    );
    (fixed, technical, handling).prop_map(|(fixed, technical, handling)| {
        let mut image = Map::new();
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                image.insert(key.to_owned(), value.into());
            }
        };
        let (architecture, hash, purpose, distro, version, bus, hypervisor, rng) = technical;
        set("architecture", architecture);
        set("os_hash_algo", hash);
        set("os_purpose", purpose);
        set("os_distro", distro);
        set("os_version", version);
        set("hw_disk_bus", bus);
        set("hypervisor_type", hypervisor);
        set("hw_rng_model", rng);
        let (built, user, description, source, frequency, until, uuid, hotfix) = handling;
        set("image_build_date", built);
        set("image_original_user", user);
        set("image_description", description);
        set("image_source", source);
        set("replace_frequency", frequency);
        set("provided_until", until);
        set("uuid_validity", uuid);
        set("hotfix_hours", hotfix);
        let (name, visibility, hidden, created, size, min_disk, min_ram) = fixed;
        image.extend(
            json!({ "id": "i", "name": name, "visibility": visibility, "os_hidden": hidden, "created_at": created, "size": size,
                "min_disk": min_disk, "min_ram": min_ram })
            .as_object()
            .unwrap()
            .clone(),
        );
        Value::Object(image)
    })
}

fn volume_type() -> impl Strategy<Value = Value> {
    let description = prop_oneof![
        4 => select(vec!["[scs:encrypted]", "[scs:replicated] text", "[scs:encrypted, replicated]", "[scs:]", ""]).prop_map(str::to_owned),
        2 => "\\[scs:( ?(encrypted|replicated|other|\\[)? ?,?){0,3}\\]?.?",
        1 => " ?x?\\[scs:encrypted\\]",
    ];
    of(description).prop_map(|description| json!({ "id": "t", "name": "t", "description": description }))
}

fn rule() -> impl Strategy<Value = Value> {
    let texts = (
        select(vec!["egress", "egress", "egress", "ingress"]),
        select(vec!["IPv4", "IPv6"]),
        prop_oneof![5 => Just(None), 1 => Just(Some("0.0.0.0/0")), 1 => Just(Some(""))],
        prop_oneof![1 => Just(None), 2 => Just(Some("PARENT"))],
    );
    (texts, prop::bool::weighted(0.7), prop::bool::weighted(0.6)).prop_map(|((direction, ethertype, prefix, group), default, other)| {
        json!({ "id": "r", "direction": direction, "ethertype": ethertype, "remote_ip_prefix": prefix, "remote_group_id": group,
            "used_in_default_sg": default, "used_in_non_default_sg": other })
    })
}

/// A cloud as its listings show it.
pub(super) fn cloud() -> impl Strategy<Value = Value> {
    let services = prop::sample::subsequence(
        vec![
            "compute",
            "identity",
            "image",
            "network",
            "load-balancer",
            "placement",
            "key-manager",
            "object-store-s3",
            "volume",
            "volumev2",
            "volumev3",
            "block-storage",
            "block-store",
        ],
        0..=13,
    );
    (flavors(), vec(image(), 0..4), vec(volume_type(), 0..3), vec(rule(), 0..8), services).prop_map(
        |(flavors, images, volume_types, rules, services)| {
            json!({ "flavors": flavors, "images": images, "volume_types": volume_types, "default_security_group_rules": rules,
                "services": services })
        },
    )
}
