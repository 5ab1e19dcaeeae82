//! Settings that Rook changes, or that its daemons would not see.

use std::collections::{BTreeMap, BTreeSet};

use reeve_report::Severity;

use crate::check::context::Context;
use crate::check::need::Need;
use crate::check::rule::{Judgement, Rule, list};
use crate::facts::ConfigOption;

const DEFAULTS: &str = "rook/rook: pkg/operator/ceph/config/defaults.go; pkg/operator/ceph/cluster/mon/mon.go – startMons (SetOrRemoveDefaultConfigs)";
const CONF: &str = "rook/rook: pkg/operator/ceph/config/defaults.go, pkg/operator/ceph/controller/spec.go – the host's /etc/ceph is not mounted";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.network-only-in-file",
        title: "The networks are in the configuration database",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Config, Need::Hosts],
        reason: "Rook's daemons do not see the host's ceph.conf; on a host with several addresses they would bind to another network.",
        remedy: "ceph config set global {option} {value}",
        source: CONF,
        judge: network_only_in_file,
    },
    Rule {
        id: "rook.conf-option",
        title: "No setting stands in a ceph.conf alone",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Config, Need::Hosts],
        reason: "Rook's daemons do not see the host's ceph.conf, so the setting is lost when the daemon is handed over.",
        remedy: "If it is still wanted: `ceph config set {section} {option} {value}`.",
        source: CONF,
        judge: conf_option,
    },
    Rule {
        id: "rook.wire-encryption",
        title: "Encryption on the wire is not forced",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Config],
        reason: "Rook removes the setting, and with it the encryption, unless the CephCluster says `network.connections.encryption.enabled: true`; see that the plan does.",
        remedy: "Look for `encryption` in the plan before you approve it; `ceph config get {section} {option}` shows the present value.",
        source: "rook/rook: pkg/operator/ceph/cluster/cluster.go – configureMsgr2",
        judge: wire_encryption,
    },
    Rule {
        id: "rook.config-removed",
        title: "No setting is there that Rook removes",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Config],
        reason: "Rook removes it at every reconcile.",
        remedy: "If it is wanted, pin it in the CephCluster's `spec.cephConfig` under `{section}`: `{option}`.",
        source: DEFAULTS,
        judge: removed,
    },
    Rule {
        id: "rook.config-overwritten",
        title: "No setting is there that Rook overwrites",
        severity: Severity::Warning,
        waiver: None,
        needs: &[Need::Config],
        reason: "Rook sets its own value at every reconcile.",
        remedy: "If the present value is wanted, pin it in the CephCluster's `spec.cephConfig` under `global`: `{option}`.",
        source: DEFAULTS,
        judge: overwritten,
    },
    Rule {
        id: "rook.auth-none",
        title: "All parties must authenticate with cephx",
        severity: Severity::Refusal,
        waiver: None,
        needs: &[Need::Config, Need::Hosts],
        reason: "Rook's daemons and clients use cephx, and so do the keys that are seeded.",
        remedy: "Move the cluster to cephx first (`ceph config set global {option} cephx`, with every client's key in place), and survey again.",
        source: "rook/rook: pkg/operator/ceph/config/keyring/store.go",
        judge: auth_none,
    },
];

const NETWORKS: &[&str] = &["cluster_network", "public_network"];
const AUTH_REQUIRED: &[&str] = &["auth_client_required", "auth_cluster_required", "auth_service_required"];

/// Options of a ceph.conf that only say where things are on that host, or that the seed carries.
const LOCAL: &[&str] = &[
    "admin_socket",
    "auth_client_required",
    "auth_cluster_required",
    "auth_service_required",
    "cluster",
    "cluster_addr",
    "err_to_syslog",
    "fsid",
    "host",
    "keyring",
    "log_file",
    "log_to_file",
    "log_to_stderr",
    "mds_data",
    "mgr_data",
    "mon_addr",
    "mon_cluster_log_file",
    "mon_data",
    "mon_host",
    "mon_initial_members",
    "osd_data",
    "pid_file",
    "public_addr",
    "run_dir",
    "setgroup",
    "setuser",
    "setuser_match_path",
];

/// What the survey puts in the place of values that can hold secrets.
const HIDDEN: &str = "(hidden)";

/// A setting found in a file and not in the database: section, option, value.
type Setting<'a> = (&'a str, &'a str, &'a str);

/// Returns the settings that hosts have in a file only, with the hosts.
fn only_in_files<'a>(
    cx: &Context<'a>,
    wanted: impl Fn(&str, bool) -> bool,
) -> BTreeMap<Setting<'a>, BTreeSet<&'a str>> {
    let Some(config) = cx.facts.ceph.config.known() else {
        return BTreeMap::new();
    };
    let set: BTreeSet<(&str, &str)> = config
        .iter()
        .filter(|o| o.mask.is_empty())
        .map(|o| (o.name.as_str(), o.value.trim()))
        .collect();
    let mut found: BTreeMap<Setting<'a>, BTreeSet<&'a str>> = BTreeMap::new();
    for (host, facts) in cx.facts.reached_hosts() {
        let choice = facts.addresses.len() > 1;
        for (section, options) in facts.ceph_confs.iter().flat_map(|conf| &conf.sections) {
            // Clients keep their file; gateways are daemons although their sections are called client.
            let gateway = section.starts_with("client.rgw") || section.starts_with("client.radosgw");
            if section.starts_with("client") && !gateway {
                continue;
            }
            for (option, value) in options.iter().filter(|(option, _)| wanted(option, choice)) {
                if !set.contains(&(option.as_str(), value.trim())) {
                    found
                        .entry((section, option, value.trim()))
                        .or_default()
                        .insert(host.as_str());
                }
            }
        }
    }
    found
}

fn network_only_in_file(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let found = only_in_files(cx, |option, choice| choice && NETWORKS.contains(&option));
    for ((_, option, value), hosts) in found {
        let hosts: Vec<_> = hosts.into_iter().collect();
        let fact = format!(
            "{option} = {value} stands in the ceph.conf of {} only.",
            list(&hosts, 8)
        );
        out.found(
            format!("config {option}"),
            fact,
            &[("option", option), ("value", value)],
        );
    }
}

fn conf_option(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let found = only_in_files(cx, |option, choice| {
        !(LOCAL.contains(&option) || choice && NETWORKS.contains(&option))
    });
    for ((section, option, value), hosts) in found {
        let hosts: Vec<_> = hosts.into_iter().collect();
        let fact = format!(
            "[{section}] {option} stands in the ceph.conf of {} only.",
            list(&hosts, 8)
        );
        let paste = if value == HIDDEN { "VALUE" } else { value };
        let names = [("section", section), ("option", option), ("value", paste)];
        out.found(format!("config {section} {option}"), fact, &names)
            .by("ceph.conf", format!("{option} = {value}"));
    }
}

const MODES: &[&str] = &["ms_client_mode", "ms_cluster_mode", "ms_service_mode"];

fn global<'a>(cx: &Context<'a>) -> impl Iterator<Item = &'a ConfigOption> {
    let config = cx.facts.ceph.config.known().into_iter().flatten();
    config.filter(|option| option.section == "global" && option.mask.is_empty())
}

fn secure(option: &ConfigOption) -> bool {
    MODES.contains(&option.name.as_str()) && option.value.split_whitespace().all(|word| word == "secure")
}

fn wire_encryption(cx: &Context<'_>, out: &mut Judgement<'_>) {
    for option in global(cx).filter(|option| secure(option)) {
        let fact = format!("{} is `{}`.", option.name, option.value);
        let names = [("section", option.section.as_str()), ("option", &option.name)];
        out.found(format!("config {}", option.name), fact, &names);
    }
}

fn removed(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const REMOVED: &[&str] = &["log_file", "ms_osd_compress_mode", "rbd_default_map_options"];
    for option in global(cx) {
        let mode = MODES.contains(&option.name.as_str()) && !secure(option);
        if mode || REMOVED.contains(&option.name.as_str()) {
            let fact = format!("global {} is set to `{}`.", option.name, option.value);
            let names = [("section", option.section.as_str()), ("option", &option.name)];
            out.found(format!("config {}", option.name), fact, &names);
        }
    }
}

fn overwritten(cx: &Context<'_>, out: &mut Judgement<'_>) {
    const SET: &[(&str, &str)] = &[
        ("log_to_file", "false"),
        ("mon_allow_pool_delete", "true"),
        ("mon_allow_pool_size_one", "true"),
        ("mon_cluster_log_file", ""),
    ];
    for option in global(cx) {
        let Some((_, rooks)) = SET.iter().find(|(name, _)| *name == option.name) else {
            continue;
        };
        if option.value != *rooks {
            let fact = format!("global {} is `{}`; Rook makes it `{rooks}`.", option.name, option.value);
            out.found(format!("config {}", option.name), fact, &[("option", &option.name)]);
        }
    }
}

fn auth_none(cx: &Context<'_>, out: &mut Judgement<'_>) {
    let database = cx.facts.ceph.config.known().into_iter().flatten();
    let database = database.map(|option| (option.name.as_str(), option.value.as_str(), "configuration database"));
    let hosts = cx.facts.reached_hosts().flat_map(|(host, facts)| {
        let confs = facts.ceph_confs.iter().flat_map(|conf| conf.sections.values());
        confs
            .flatten()
            .map(move |(option, value)| (option.as_str(), value.as_str(), host.as_str()))
    });
    let none = |value: &str| value.split([',', ' ', ';']).any(|word| word == "none");
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (option, value, place) in database.chain(hosts) {
        if AUTH_REQUIRED.contains(&option) && none(value) {
            places.entry(option).or_default().insert(place);
        }
    }
    for (option, places) in places {
        let places: Vec<_> = places.into_iter().collect();
        let fact = format!("{option} allows `none` ({}).", list(&places, 8));
        out.found(format!("config {option}"), fact, &[("option", option)]);
    }
}
