use std::collections::BTreeSet;

use proptest::prelude::*;
use reeve_journal::plan::Undo;

use super::*;
use crate::inspect::SourceKind;
use crate::machine::{Bus, Machine};
use crate::plan::{ComputeFacts, ImageFacts, NetworkChoice, NetworkFacts, VolumeFacts};

/// Returns a machine with so many disks.
pub(crate) fn source(disks: usize) -> SourceFacts {
    let name = |at: usize| {
        let name = crate::error::SourceName::new("test");
        crate::member_name::MemberName::new(&format!("disk{at}.vmdk"), &name, 0).unwrap()
    };
    SourceFacts {
        address: crate::SourceAddress::Local("/vms/web.ova".into()),
        kind: SourceKind::Ova,
        machine: Machine {
            name: "web".to_owned(),
            cpus: 2,
            memory: 4 << 30,
            ..Machine::default()
        },
        is_described: true,
        disks: (1..=disks)
            .map(|at| SourceDisk {
                label: format!("Hard disk {at}"),
                bus: Some(Bus::Sata),
                controller: None,
                file: Some(name(at)),
                size: (at as u64) << 30,
                stored: 1 << 20,
                kind: None,
                fingerprint: Some(format!("blake3:{at}")),
                layout: None,
                refused: None,
                key: None,
            })
            .collect(),
        guest: None,
        unseen: Vec::new(),
        problems: Vec::new(),
        remarks: Vec::new(),
        export: None,
    }
}

/// Returns a cloud that has what an import wants.
pub(crate) fn cloud(makes: Makes) -> CloudFacts {
    let network = |name: &str, is_own| NetworkFact {
        id: format!("{name}-id"),
        name: name.to_owned(),
        is_own,
        is_external: name == "public",
        subnets: 1,
    };
    CloudFacts {
        cloud: "lab".to_owned(),
        region: None,
        project_id: "p1".to_owned(),
        project_name: "alpha".to_owned(),
        taken_at: jiff::Timestamp::UNIX_EPOCH,
        images: ImageFacts {
            disk_formats: vec!["qcow2".to_owned(), "raw".to_owned()],
            ..ImageFacts::default()
        },
        compute: (makes == Makes::Server).then(|| ComputeFacts {
            flavors: vec![FlavorFact {
                id: "f1".to_owned(),
                name: "SCS-2V-4".to_owned(),
                vcpus: 2,
                memory_mib: 4096,
                ..FlavorFact::default()
            }],
            ..ComputeFacts::default()
        }),
        volumes: (makes != Makes::Images).then(|| VolumeFacts {
            types: vec!["fast".to_owned()],
            ..VolumeFacts::default()
        }),
        network: (makes == Makes::Server).then(|| NetworkFacts {
            networks: vec![network("public", false), network("inner", true)],
            ports_left: None,
        }),
        reserved_for: 0,
    }
}

fn options(makes: Makes) -> ImportOptions {
    ImportOptions {
        makes,
        ..ImportOptions::default()
    }
}

fn card(network: &str, mac: Option<&str>) -> Nic {
    Nic {
        label: "nic".to_owned(),
        model: Some("E1000".to_owned()),
        mac: mac.map(str::to_owned),
        network: Some(network.to_owned()),
    }
}

fn blocked(source: &SourceFacts, cloud: &CloudFacts, options: &ImportOptions) -> String {
    let refused = plan(source, cloud, options, "reeve 0.1.0").unwrap_err();
    let lines = refused
        .blockers
        .iter()
        .map(|blocker| format!("{} -> {}", blocker.what, blocker.remedy));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a machine with so many disks that its host exports.
fn exported(disks: usize, snapshot: Option<Quiesce>) -> SourceFacts {
    let mut facts = source(disks);
    facts.address = "vsphere://root@esxi.example/folder/web/web.vmx?dcPath=ha-datacenter&dsName=one"
        .to_owned()
        .try_into()
        .unwrap();
    facts.export = Some(crate::source::ExportFacts {
        instance_uuid: "5000".to_owned(),
        snapshot,
    });
    for (disk, key) in facts.disks.iter_mut().zip(2000..) {
        disk.key = Some(key);
    }
    facts
}

#[test]
fn a_machine_that_runs_is_planned_with_its_snapshot_around_the_copies() {
    let plan = |snapshot| {
        plan(
            &exported(2, snapshot),
            &cloud(Makes::Volumes),
            &options(Makes::Volumes),
            "reeve 0.1.0",
        )
        .unwrap()
    };
    let kinds = |plan: &Plan| {
        plan.steps()
            .map(|(_, _, step)| step.kind.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let planned = plan(Some(Quiesce::Yes));
    assert_eq!(
        kinds(&planned),
        "make_snapshot make_image make_image remove_snapshot make_volume make_volume"
    );
    let steps: Vec<_> = planned.steps().map(|(_, _, step)| step).collect();
    let mark = steps[0].input["mark"].as_str().unwrap();
    assert!(
        mark.starts_with("reeve-import-") && mark.ends_with("-snapshot"),
        "{mark}"
    );
    assert_eq!(steps[0].input["quiesce"], true);
    for (step, key) in steps[1..3].iter().zip(2000..) {
        assert_eq!(step.input["export"]["snapshot"], mark);
        assert_eq!(step.input["export"]["key"], key);
    }
    assert_eq!(steps[3].input, steps[0].input);
    assert_eq!(steps[3].undo, Undo::Nothing);
    assert_eq!(
        plan(Some(Quiesce::NoTools)).steps().next().unwrap().2.input["quiesce"],
        false
    );
    let off = plan(None);
    assert_eq!(kinds(&off), "make_image make_image make_volume make_volume");
    assert_eq!(
        off.steps().next().unwrap().2.input["export"],
        serde_json::json!({ "instance_uuid": "5000", "key": 2000 })
    );
}

#[test]
fn a_lease_gives_no_qcow2() {
    let wanted = ImportOptions {
        format: ImageFormat::Qcow2,
        ..ImportOptions::default()
    };
    let said = blocked(&exported(1, None), &cloud(Makes::Images), &wanted);
    assert!(said.contains("`--image-format vmdk`"), "{said}");
    plan(&source(1), &cloud(Makes::Images), &wanted, "reeve 0.1.0").unwrap();
}

/// Each quota in its turn has room for two machines, but not for three: the third is told so, and nothing else is in its way.
#[test]
fn machines_planned_beside_each_other_share_the_quotas() {
    let mut source = source(2);
    source.machine.nics = vec![card("VM Network", None)];
    type Limit = fn(&mut CloudFacts, i64);
    // Two disks of 1 and 2 GiB, one port, one server of 2 processors and 4 GiB.
    let limits: [(&str, i64, Limit); 6] = [
        ("volumes", 2, |cloud, left| {
            cloud.volumes.as_mut().unwrap().volumes_left = Some(left)
        }),
        ("GiB of volumes", 3, |cloud, left| {
            cloud.volumes.as_mut().unwrap().gigabytes_left = Some(left)
        }),
        ("ports", 1, |cloud, left| {
            cloud.network.as_mut().unwrap().ports_left = Some(left)
        }),
        ("servers", 1, |cloud, left| {
            cloud.compute.as_mut().unwrap().servers_left = Some(left)
        }),
        ("processors", 2, |cloud, left| {
            cloud.compute.as_mut().unwrap().cores_left = Some(left)
        }),
        ("MiB of memory", 4096, |cloud, left| {
            cloud.compute.as_mut().unwrap().memory_mib_left = Some(left)
        }),
    ];
    for (what, each, set) in limits {
        let mut cloud = cloud(Makes::Server);
        set(&mut cloud, 3 * each - 1);
        for _ in 0..2 {
            let plan = plan(&source, &cloud, &options(Makes::Server), "reeve 0.1.0").unwrap();
            cloud.reserve(&plan);
        }
        let left = each - 1;
        let expected = format!(
            "the quota has room for {left} more {what} beside the 2 machines planned before it, and {each} are needed -> ask the provider for a larger quota, or delete what is not needed any more"
        );
        assert_eq!(blocked(&source, &cloud, &options(Makes::Server)), expected);
    }
}

#[test]
fn a_plan_for_a_server() {
    let mut source = source(2);
    source.machine.nics = vec![card("VM Network", Some("00:50:56:00:00:01")), card("Other", None)];
    let plan = plan(&source, &cloud(Makes::Server), &options(Makes::Server), "reeve 0.1.0").unwrap();
    insta::assert_snapshot!(plan.to_json());
}

#[test]
fn everything_that_stands_in_the_way_is_told_at_once() {
    let mut source = source(3);
    source.disks[0].refused = Some("the file ends early".to_owned());
    source.disks[1].size = 0;
    source.problems = vec!["web.ovf is not the file that the manifest was made for".to_owned()];
    source.machine.eulas = vec!["Be kind.".to_owned()];
    source.machine.cpus = 64;
    source.machine.nics = vec![card("VM Network", None)];
    let mut cloud = cloud(Makes::Server);
    cloud.images.disk_formats = vec!["qcow2".to_owned()];
    cloud.images.hash_algorithm = Some("blake2b".to_owned());
    let volumes = cloud.volumes.as_mut().unwrap();
    (volumes.volumes_left, volumes.gigabytes_left, volumes.largest_gib) = (Some(0), Some(2), Some(2));
    cloud.network.as_mut().unwrap().networks.clear();
    let options = ImportOptions {
        volume_type: Some("slow".to_owned()),
        ..options(Makes::Server)
    };
    insta::assert_snapshot!(blocked(&source, &cloud, &options));
}

#[test]
fn networks_are_chosen_or_asked_for() {
    let mut source = source(1);
    source.machine.nics = vec![card("VM Network", Some("00:50:56:00:00:01"))];
    let mut cloud = cloud(Makes::Server);
    let shared = NetworkFact {
        id: "shared-id".to_owned(),
        name: "shared".to_owned(),
        subnets: 1,
        ..NetworkFact::default()
    };
    cloud.network.as_mut().unwrap().networks.push(shared);
    let mut options = options(Makes::Server);
    assert!(blocked(&source, &cloud, &options).contains("more than one network to choose from"));
    options.networks = vec![NetworkChoice {
        source: Some("VM Network".to_owned()),
        network: "shared".to_owned(),
    }];
    let mac = |options: &ImportOptions| {
        let plan = plan(&source, &cloud, options, "reeve 0.1.0").unwrap();
        let (_, _, step) = plan
            .steps()
            .find(|(_, _, step)| step.kind.as_str() == "make_port")
            .unwrap();
        (step.input["network_id"].clone(), step.input["mac"].clone())
    };
    // Another project's network: the address is not asked for, unless it is wanted.
    assert_eq!(mac(&options), ("shared-id".into(), Value::Null));
    options.mac = MacPolicy::Keep;
    assert_eq!(mac(&options).1, "00:50:56:00:00:01");
    options.networks[0].network = "inner-id".to_owned();
    options.mac = MacPolicy::Auto;
    assert_eq!(mac(&options), ("inner-id".into(), "00:50:56:00:00:01".into()));
    options.networks[0].network = "none".to_owned();
    assert!(blocked(&source, &cloud, &options).contains("the cloud has no network none"));
}

proptest! {
    /// What holds for every plan, whatever the machine.
    #[test]
    fn plans_hold_together(
        disks in prop::collection::vec((0_u64..5 << 30, any::<bool>()), 0..5),
        cards in prop::collection::vec(any::<bool>(), 0..4),
        makes in prop::sample::select(vec![Makes::Images, Makes::Volumes, Makes::Server]),
        name in "\\PC{0,300}",
        gigabytes in prop::option::of(0_i64..12),
    ) {
        let mut source = source(disks.len());
        for (disk, (size, has_file)) in source.disks.iter_mut().zip(&disks) {
            disk.size = *size;
            if !has_file {
                disk.file = None;
            }
        }
        source.machine.nics = cards
            .iter()
            .enumerate()
            .map(|(at, has)| card("VM Network", has.then(|| format!("00:50:56:00:00:0{at}")).as_deref()))
            .collect();
        let mut cloud = cloud(makes);
        if let Some(volumes) = &mut cloud.volumes {
            volumes.gigabytes_left = gigabytes;
        }
        let options = ImportOptions { name: Some(name), ..options(makes) };
        match plan(&source, &cloud, &options, "reeve 0.1.0") {
            Err(refused) => {
                prop_assert!(!refused.blockers.is_empty());
                prop_assert!(refused.blockers.iter().all(|blocker| !blocker.remedy.is_empty()));
            }
            Ok(plan) => {
                prop_assert_eq!(&Plan::from_json(plan.to_json().as_bytes(), "plan.json").unwrap(), &plan);
                let again = super::plan(&source, &cloud, &options, "reeve 0.1.0").unwrap();
                prop_assert_eq!(&again, &plan);
                // No two things of a kind have one mark, and nothing is used before the step that makes it.
                let mut marks = BTreeSet::new();
                let mut made = BTreeSet::new();
                for (_, _, step) in plan.steps() {
                    let mark = (step.kind.as_str().to_owned(), step.input["mark"].to_string());
                    prop_assert!(marks.insert(mark));
                    let uses = [&step.input["volume_steps"], &step.input["port_steps"]];
                    let lists = uses.iter().flat_map(|list| list.as_array().into_iter().flatten());
                    for used in lists.chain([&step.input["image_step"]]).filter_map(Value::as_str) {
                        prop_assert!(made.contains(used), "{} is used before it is made", used);
                    }
                    made.insert(step.id.as_str().to_owned());
                    prop_assert!(matches!(step.undo, Undo::Actions(_)));
                }
                // Every disk with a file is copied once, and every volume holds its disk.
                let kinds = |kind: &str| plan.steps().filter(|(_, _, step)| step.kind.as_str() == kind).count();
                prop_assert_eq!(kinds("make_image"), source.disks.iter().filter(|disk| disk.file.is_some()).count());
                if makes != Makes::Images {
                    let wanted: u64 = source.disks.iter().map(|disk| disk.size.div_ceil(1 << 30)).sum();
                    prop_assert!(gigabytes.is_none_or(|left| wanted <= u64::try_from(left).unwrap()));
                    for (_, _, step) in plan.steps().filter(|(_, _, step)| step.kind.as_str() == "make_volume") {
                        prop_assert!(step.input["size_gib"].as_u64().unwrap() >= 1);
                    }
                }
                prop_assert_eq!(kinds("make_server"), usize::from(makes == Makes::Server));
                prop_assert_eq!(kinds("make_port"), if makes == Makes::Server { cards.len() } else { 0 });
            }
        }
    }
}

#[test]
fn what_the_cloud_or_the_disk_is_not_made_for_is_told() {
    let mut cloud = cloud(Makes::Volumes);
    cloud.images.disk_formats.push("vmdk".to_owned());
    let mut source = source(2);
    source.disks[0].kind = Some(DiskKind::StreamOptimized);
    source.disks[1].kind = Some(DiskKind::MonolithicSparse);
    let wanted = ImportOptions {
        format: ImageFormat::Vmdk,
        method: ImageMethod::GlanceDirect,
        ..options(Makes::Volumes)
    };
    insta::assert_snapshot!(blocked(&source, &cloud, &wanted), @r"
    this cloud does not offer the import method glance-direct, it has no import method -> leave out `--import-method`
    disk 2 (Hard disk 2) is monolithicSparse, and only streamOptimized disks are sent as they are -> choose `--image-format raw` or `qcow2`
    ");
    cloud.images.import_methods = vec!["web-download".to_owned(), "glance-direct".to_owned()];
    source.disks.truncate(1);
    assert!(plan(&source, &cloud, &wanted, "reeve 0.1.0").is_ok());
}

#[test]
fn a_volume_is_compared_with_its_disk_before_anything_uses_it() {
    let wanted = ImportOptions {
        verify_volumes: true,
        ..options(Makes::Server)
    };
    let plan = plan(&source(2), &cloud(Makes::Server), &wanted, "reeve 0.1.0").unwrap();
    let ids: Vec<&str> = plan.steps().map(|(_, _, step)| step.id.as_str()).collect();
    insta::assert_snapshot!(ids.join("\n"), @r"
    images/disk1/make_image
    images/disk2/make_image
    volumes/disk1/make_volume
    volumes/disk1/prove_volume
    volumes/disk1/remove_proof
    volumes/disk2/make_volume
    volumes/disk2/prove_volume
    volumes/disk2/remove_proof
    server/server/make_server
    ");
    let image = plan.steps().next().unwrap().2;
    assert_eq!(image.input["for_proof"], true);
}
