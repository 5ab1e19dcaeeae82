//! Backups, settings, names, and the image on every node: all reversible, no daemon touched.

use std::collections::BTreeMap;

use crate::plan::draft::Draft;
use crate::plan::site::Site;
use crate::plan::steps::{
    AnnotateNode, DisableOrchestrator, EnableMsgr2, ExportHost, ExportState, ProveImage, RenameBucket,
    SetOperatorSettings, SettingChange,
};
use crate::plan::stilled::Stilled;

/// File name, arguments of `ceph`, and whether the answer is secret.
const EXPORTS: [(&str, &[&str], bool); 11] = [
    ("auth-export", &["auth", "export"], true),
    ("config-dump.json", &["config", "dump", "--format", "json"], true),
    (
        "config-key-dump.json",
        &["config-key", "dump", "--format", "json"],
        true,
    ),
    ("monmap.bin", &["mon", "getmap"], false),
    ("osdmap.bin", &["osd", "getmap"], false),
    ("crushmap.bin", &["osd", "getcrushmap"], false),
    ("crush-dump.json", &["osd", "crush", "dump", "--format", "json"], false),
    ("osd-tree.json", &["osd", "tree", "--format", "json"], false),
    (
        "pools.json",
        &["osd", "pool", "ls", "detail", "--format", "json"],
        false,
    ),
    ("fs-dump.json", &["fs", "dump", "--format", "json"], false),
    ("mgr-dump.json", &["mgr", "dump", "--format", "json"], false),
];

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>, stilled: &Stilled) {
    draft.phase(
        "prepare",
        "Prepare",
        "Keeps copies of what cannot be made again, pins settings and proves the image. No daemon is touched, all can be taken back.",
    );
    backup(draft, site);
    settings(draft, stilled);
    let missing: Vec<String> = site
        .mons
        .iter()
        .filter(|mon| !mon.has_v2)
        .map(|mon| mon.id.clone())
        .collect();
    if !missing.is_empty() {
        draft.hand_over("msgr2", "Give every mon a msgr2 address");
        draft.step(EnableMsgr2 { mons: missing });
    }
    draft.hand_over("crush", "Give CRUSH host buckets the names that Rook uses");
    for (from, to) in &site.crush_names.renames {
        draft.step_for(
            from,
            RenameBucket {
                from: from.clone(),
                to: to.clone(),
            },
        );
    }
    let orchestrator = site.facts.ceph.orchestrator.known();
    if let Some(cephadm) = orchestrator.filter(|it| it.backend.as_deref() == Some("cephadm")) {
        draft.hand_over("orchestrator", "Switch cephadm off");
        draft.step(DisableOrchestrator {
            paused_before: cephadm.paused,
        });
    }
    operator(draft, site);
    nodes(draft, site);
    image(draft, site);
}

fn backup(draft: &mut Draft<'_>, site: &Site<'_>) {
    draft.hand_over("backup", "Keep copies beside the journal");
    for (name, arguments, secret) in EXPORTS {
        let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        draft.step_for(
            name,
            ExportState {
                name: name.into(),
                arguments,
                secret,
            },
        );
    }
    let mut units: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mons = site.mons.iter().map(|it| (it.host.as_str(), &it.unit));
    let mgrs = site.mgrs.iter().map(|it| (it.host.as_str(), &it.unit));
    let osds = site.osds().map(|(host, osd)| (host.host.as_str(), &osd.unit));
    for (host, unit) in mons.chain(mgrs).chain(osds) {
        units.entry(host).or_default().push(unit.clone());
    }
    for node in &site.nodes_in_order {
        let host = node.host.as_str();
        draft.step_for(
            host,
            ExportHost {
                host: host.into(),
                units: units.remove(host).unwrap_or_default(),
            },
        );
    }
}

fn settings(draft: &mut Draft<'_>, stilled: &Stilled) {
    draft.hand_over("settings", "Pin settings and still the balancer and the autoscalers");
    let all = stilled
        .carried
        .settings
        .iter()
        .chain(&stilled.pinned)
        .chain(&stilled.pinned_for_good);
    for setting in all {
        draft.step_for(&format!("{}.{}", setting.section, setting.name), setting.clone());
    }
    if let Some(step) = &stilled.balancer {
        draft.step(step.clone());
    }
    for (pool, step) in &stilled.autoscalers {
        draft.step_for(&format!("pool{pool}"), step.clone());
    }
}

/// Settings that would let the operator, or its discovery, act while the take-over runs, or delete what it did not make.
///
/// Source: rook: `deploy/examples/operator.yaml`; rules are deleted since 1.20 unless this is off.
fn operator(draft: &mut Draft<'_>, site: &Site<'_>) {
    let mut wanted = BTreeMap::from([
        ("ROOK_DELETE_UNUSED_CRUSH_RULES", "false"),
        ("ROOK_DISABLE_DEVICE_HOTPLUG", "true"),
        ("ROOK_ENABLE_DISCOVERY_DAEMON", "false"),
    ]);
    // Only a laboratory has OSDs on loop devices; Rook does not look at those by itself.
    if site
        .osds()
        .any(|(_, osd)| osd.devices.iter().any(|device| device.starts_with("/dev/loop")))
    {
        wanted.insert("ROOK_CEPH_ALLOW_LOOP_DEVICES", "true");
    }
    let settings: BTreeMap<String, SettingChange> = wanted
        .into_iter()
        .map(|(name, after)| (name, site.operator.settings.get(name).cloned(), after))
        .filter(|(_, before, after)| before.as_deref() != Some(*after))
        .map(|(name, before, after)| {
            (
                name.to_owned(),
                SettingChange {
                    before,
                    after: after.to_owned(),
                },
            )
        })
        .collect();
    if !settings.is_empty() {
        draft.hand_over("operator", "Keep the Rook operator from acting by itself");
        draft.step(SetOperatorSettings { settings });
    }
}

fn nodes(draft: &mut Draft<'_>, site: &Site<'_>) {
    draft.hand_over("nodes", "Note the mons' addresses on their nodes");
    for mon in &site.mons {
        let node = site.node(&mon.host);
        let only = node.addresses.len() == 1 && node.addresses.contains(&mon.ip);
        if !only {
            draft.step_for(
                &node.node,
                AnnotateNode {
                    node: node.node.clone(),
                    address: mon.ip.clone(),
                },
            );
        }
    }
}

fn image(draft: &mut Draft<'_>, site: &Site<'_>) {
    for node in &site.nodes_in_order {
        draft.hand_over(
            format!("image.{}", node.node),
            format!("Prove the Ceph image on node {}", node.node),
        );
        draft.step(ProveImage {
            node: node.node.clone(),
            hostname: node.hostname.clone(),
            image: site.image.clone(),
            version_line: site.version_line.clone(),
            tolerations: node.taints.iter().cloned().collect(),
        });
    }
}
