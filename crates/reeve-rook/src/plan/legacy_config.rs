//! What the old ceph.conf files say and Rook's pods would no longer read.
//!
//! Rook's pods do not mount the hosts' `/etc/ceph/ceph.conf`. Options for daemons that stand only there are therefore put into the config
//! database first: for a whole section where all its hosts agree, with a host mask where they do not.

use std::collections::{BTreeMap, BTreeSet};

use reeve_ceph::DaemonType;
use reeve_host::HostName;

use super::steps::SetConfig;
use crate::facts::{Facts, HostFacts};

/// Options that name the cluster, files or addresses of one host, or that Rook gives its pods itself.
const STAYS: [&str; 36] = [
    "admin_socket",
    "asok",
    "auth_client_required",
    "auth_cluster_required",
    "auth_service_required",
    "auth_supported",
    "chdir",
    "cluster_addr",
    "crash_dir",
    "crush_location",
    "daemonize",
    "err_to_stderr",
    "err_to_syslog",
    "fsid",
    "host",
    "key",
    "keyfile",
    "keyring",
    "log_file",
    "log_to_file",
    "log_to_stderr",
    "log_to_syslog",
    "mgr_data",
    "mon_cluster_log_file",
    "mon_data",
    "mon_host",
    "mon_initial_members",
    "osd_crush_location",
    "osd_crush_update_on_start",
    "osd_data",
    "osd_journal",
    "pid_file",
    "public_addr",
    "run_dir",
    "setgroup",
    "setuser",
];

/// Options that no mon stores (`Error EINVAL: … is special and cannot be stored by the mon`), beyond those above: they are read when a cluster is made, or
/// are for programs that debug.
///
/// Source: ceph/ceph: `src/common/options/*.yaml.in`, flag `no_mon_update`; read from `ceph config help` of 18.2.7.
const NOT_STORED: [&str; 15] = [
    "client_use_faked_inos",
    "fuse_debug",
    "lockdep",
    "mds_data",
    "mempool_debug",
    "mgr_initial_modules",
    "mon_cache_target_full_warn_ratio",
    "mon_host_override",
    "mon_osd_backfillfull_ratio",
    "mon_osd_full_ratio",
    "mon_osd_initial_require_min_compat_client",
    "mon_osd_nearfull_ratio",
    "monmap",
    "no_config_file",
    "rgw_data",
];

fn stays(name: &str) -> bool {
    STAYS.contains(&name) || NOT_STORED.contains(&name)
}

/// What has to be carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// Options to set, sorted.
    pub(super) settings: Vec<SetConfig>,
    /// Options that a person has to carry, because their value was hidden as a secret.
    pub(super) by_hand: BTreeSet<String>,
}

pub(super) fn carried(facts: &Facts) -> Carried {
    let mut result = Carried::default();
    let hosts: Vec<(&HostName, &HostFacts)> = facts.reached_hosts().collect();
    // Section and option, then value and the hosts that have it.
    let mut found: BTreeMap<(&str, &str), BTreeMap<&str, BTreeSet<&HostName>>> = BTreeMap::new();
    for (host, host_facts) in &hosts {
        for (section, options) in host_facts.ceph_confs.iter().flat_map(|conf| &conf.sections) {
            if !has_daemon(host_facts, section) {
                continue;
            }
            for (name, value) in options.iter().filter(|(name, _)| !stays(name)) {
                if value == "(hidden)" {
                    result.by_hand.insert(format!("{name} in [{section}]"));
                } else {
                    found
                        .entry((section, name))
                        .or_default()
                        .entry(value)
                        .or_default()
                        .insert(host);
                }
            }
        }
    }
    for ((section, name), values) in found {
        let affected = hosts.iter().filter(|(_, it)| has_daemon(it, section)).count();
        let uniform = values.len() == 1 && values.values().next().is_some_and(|hosts| hosts.len() == affected);
        for (value, hosts) in values {
            if uniform {
                result.settings.extend(setting(facts, section, "", name, value));
                continue;
            }
            for host in hosts {
                let hostname = facts
                    .hosts
                    .get(host)
                    .and_then(|it| it.reached())
                    .map_or(host.as_str(), |it| it.hostname.as_str());
                result
                    .settings
                    .extend(setting(facts, section, &format!("host:{hostname}"), name, value));
            }
        }
    }
    result
}

fn setting(facts: &Facts, section: &str, mask: &str, name: &str, value: &str) -> Option<SetConfig> {
    let options = facts.ceph.config.known().map_or(&[][..], Vec::as_slice);
    let before = options
        .iter()
        .find(|it| it.section == section && it.mask == mask && it.name == name);
    if before.is_some_and(|it| it.value == value) {
        return None;
    }
    Some(SetConfig {
        section: if mask.is_empty() {
            section.to_owned()
        } else {
            format!("{section}/{mask}")
        },
        name: name.to_owned(),
        value: value.to_owned(),
        before: before.map(|it| it.value.clone()),
        because: "it stands in the old ceph.conf, which Rook's pods do not read".into(),
    })
}

/// Tells whether a section of a host's ceph.conf speaks to a mon, mgr or OSD there.
fn has_daemon(host: &HostFacts, section: &str) -> bool {
    let (kind, id) = section
        .split_once('.')
        .map_or((section, None), |(kind, id)| (kind, Some(id)));
    let handed_over = |it: DaemonType| matches!(it, DaemonType::Mon | DaemonType::Mgr | DaemonType::Osd);
    host.daemons
        .iter()
        .map(|unit| &unit.daemon)
        .filter(|daemon| handed_over(daemon.kind))
        .any(|daemon| {
            (kind == "global" && id.is_none()) || (kind == daemon.kind.as_str() && id.is_none_or(|id| id == daemon.id))
        })
}
