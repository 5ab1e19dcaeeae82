//! The CephCluster.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Map, Value, json};

use crate::facts::{CephFacts, CephxCiphers};
use crate::plan::PlanError;
use crate::plan::options::{Dashboard, EncryptedOsds, PlanOptions, Probes};
use crate::plan::site::Site;

/// The status interval that the CephCluster is created with.
pub(crate) const STATUS_INTERVAL: &str = "60s";
/// What the second look changes it to.
pub(crate) const SECOND_INTERVAL: &str = "61s";

/// Returns the CephCluster as it is created: everything that Rook could do by itself is off.
///
/// Nodes stand in it by name only. A node without devices, filters or `useAllDevices` is adopted: ceph-volume's own lists decide
/// which OSDs there are, and no disk can be formatted (rook: `pkg/daemon/ceph/osd/daemon.go`, `Provision`).
pub(crate) fn ceph_cluster(site: &Site<'_>, options: &PlanOptions) -> Result<Value, PlanError> {
    let hostnames: Vec<&str> = site.nodes_in_order.iter().map(|it| it.hostname.as_str()).collect();
    let taints: BTreeSet<&str> = site
        .nodes_in_order
        .iter()
        .flat_map(|it| &it.taints)
        .map(String::as_str)
        .collect();
    let tolerations: Vec<Value> = taints
        .into_iter()
        .map(|key| json!({ "key": key, "operator": "Exists" }))
        .collect();
    let with_osds: BTreeSet<_> = site.osd_hosts.iter().map(|it| &it.host).collect();
    let storage_nodes: Vec<Value> = site
        .nodes_in_order
        .iter()
        .filter(|it| with_osds.contains(&it.host))
        .map(|it| json!({ "name": it.hostname }))
        .collect();
    let mut storage = json!({ "useAllNodes": false, "useAllDevices": false, "nodes": storage_nodes });
    if options.chosen.encrypted_osds == EncryptedOsds::Rook && site.osds().any(|(_, osd)| osd.encrypted) {
        storage["config"] = json!({ "encryptedDevice": "true" });
    }
    let mut spec = json!({
        "cephVersion": { "image": site.image, "allowUnsupported": false },
        "dataDirHostPath": options.scope.data_dir_host_path,
        "mon": { "count": site.mons.len(), "allowMultiplePerNode": false },
        "mgr": { "count": site.rook_mgrs.len(), "allowMultiplePerNode": false, "modules": [] },
        "network": network(site)?,
        "dashboard": dashboard(site, options.chosen.dashboard),
        "monitoring": { "enabled": false, "metricsDisabled": !site.facts.ceph.mgr.modules.contains("prometheus") },
        "crashCollector": { "disable": true },
        "logCollector": { "enabled": false },
        "placement": { "all": {
            "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
                { "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": hostnames }] },
            ] } },
            "tolerations": tolerations,
        } },
        "priorityClassNames": { "mon": "system-node-critical", "osd": "system-node-critical", "mgr": "system-cluster-critical" },
        "storage": storage,
        "skipUpgradeChecks": false,
        "continueUpgradeAfterChecksEvenIfNotHealthy": false,
        "removeOSDsIfOutAndSafeToRemove": false,
        "disruptionManagement": { "managePodBudgets": false },
        "healthCheck": { "daemonHealth": {
            "mon": { "disabled": true },
            "osd": { "disabled": true },
            "status": { "interval": STATUS_INTERVAL },
        } },
        "cephConfig": { "global": pins(&site.facts.ceph, options) },
    });
    if options.chosen.probes == Probes::Patient {
        for (probe, of_daemons) in patient_probes() {
            spec["healthCheck"][probe] = of_daemons;
        }
    }
    if let Some(key_type) = key_type(site.facts.ceph.ciphers.as_ref(), site.rook.as_ref())? {
        spec["security"] = json!({ "cephx": { "daemon": { "keyType": key_type } } });
    }
    Ok(json!({
        "apiVersion": "ceph.rook.io/v1",
        "kind": "CephCluster",
        "metadata": { "name": options.cluster_name(), "namespace": options.scope.namespace },
        "spec": spec,
    }))
}

/// Probes that a daemon survives on a host that is busy for minutes, by their field in `spec.healthCheck`.
///
/// Rook takes what is not said from its own defaults, the command among it; an OSD has two hours to start there.
/// Source: rook: `pkg/operator/ceph/config/probes.go` (`GetProbeWithDefaults`), `pkg/operator/ceph/controller/spec.go` (`GenerateLivenessProbeExecDaemon`,
/// `GenerateStartupProbeExecDaemon`).
fn patient_probes() -> [(&'static str, Value); 2] {
    let live = json!({ "probe": { "periodSeconds": 30, "timeoutSeconds": 25, "failureThreshold": 10 } });
    let start = json!({ "probe": { "timeoutSeconds": 25, "failureThreshold": 60 } });
    let start_osd = json!({ "probe": { "timeoutSeconds": 25 } });
    [
        ("livenessProbe", json!({ "mon": live, "mgr": live, "osd": live })),
        ("startupProbe", json!({ "mon": start, "mgr": start, "osd": start_osd })),
    ]
}

/// Host networking as it is, and on-wire encryption and compression as they are: Rook removes what the spec does not ask for.
///
/// Source: rook: `pkg/operator/ceph/controller/network.go`.
fn network(site: &Site<'_>) -> Result<Value, PlanError> {
    let ceph = &site.facts.ceph;
    let mut network = json!({ "provider": "host" });
    let sixes = site.mons.iter().filter(|mon| mon.ip.contains(':')).count();
    if sixes == site.mons.len() {
        network["ipFamily"] = json!("IPv6");
    } else if sixes > 0 {
        return Err(PlanError::cluster(
            "some mons have IPv4 and some IPv6 addresses",
            "bring them to one family first",
        ));
    }
    let modes = ["ms_cluster_mode", "ms_service_mode", "ms_client_mode"].map(|name| ceph.config_value("global", name));
    let secure = modes.iter().filter(|mode| **mode == Some("secure")).count();
    if secure == modes.len() {
        network["connections"]["encryption"] = json!({ "enabled": true });
    } else if secure > 0 {
        let fact = "only some of ms_cluster_mode, ms_service_mode and ms_client_mode are `secure`";
        return Err(PlanError::cluster(
            fact,
            "set all three or none: Rook knows encryption on the wire as one switch",
        ));
    }
    if ceph
        .config_value("global", "ms_osd_compress_mode")
        .is_some_and(|mode| mode == "force")
    {
        network["connections"]["compression"] = json!({ "enabled": true });
    }
    Ok(network)
}

fn dashboard(site: &Site<'_>, choice: Dashboard) -> Value {
    if !dashboard_on(&site.facts.ceph, choice) {
        return json!({ "enabled": false });
    }
    let mut dashboard = json!({ "enabled": true, "ssl": true });
    if let Some(url) = site.facts.ceph.mgr.services.get("dashboard") {
        dashboard["ssl"] = json!(url.starts_with("https:"));
        let authority = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if let Some(port) = authority
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok())
        {
            dashboard["port"] = json!(port);
        }
    }
    dashboard
}

/// Tells whether the dashboard will be on.
pub(crate) fn dashboard_on(ceph: &CephFacts, choice: Dashboard) -> bool {
    match choice {
        Dashboard::On => true,
        Dashboard::Off => false,
        Dashboard::AsFound => ceph.mgr.modules.contains("dashboard"),
    }
}

/// Options that Rook would change and that stay as they are; Rook applies them after its own in every reconcile.
fn pins(ceph: &CephFacts, options: &PlanOptions) -> Map<String, Value> {
    let mut pins = Map::new();
    if options.chosen.keep_pool_protection {
        for name in ["mon_allow_pool_delete", "mon_allow_pool_size_one"] {
            let now = ["global", "mon"]
                .into_iter()
                .find_map(|section| ceph.config_value(section, name));
            pins.insert(name.into(), json!(now.unwrap_or("false")));
        }
    }
    if let Some(options) = ceph.config_value("global", "rbd_default_map_options") {
        pins.insert("rbd_default_map_options".into(), json!(options));
    }
    if options.chosen.allow_insecure_global_id {
        pins.insert("auth_allow_insecure_global_id_reclaim".into(), json!("true"));
    }
    pins
}

/// Returns the cephx key type to pin, if one must be.
///
/// Rook from 1.19.9 and 1.20.5 on raises a cluster to AES256K where Ceph has it, which old clients do not survive: a cluster that is at `aes`
/// is pinned there. On a cluster born with AES256K the pin would be a downgrade (measured: HEALTH_ERR), so nothing is written.
fn key_type(ciphers: Option<&CephxCiphers>, rook: Option<&Version>) -> Result<Option<&'static str>, PlanError> {
    let Some(ciphers) = ciphers else { return Ok(None) };
    let raises = rook.is_none_or(|rook| {
        let (minor, patch) = (rook.minor, rook.patch);
        rook.major > 1 || minor > 20 || (minor == 20 && patch >= 5) || (minor == 19 && patch >= 9)
    });
    match (ciphers.preferred.as_str(), ciphers.service.as_str()) {
        ("aes", "aes") => Ok(raises.then_some("aes")),
        ("aes256k", "aes256k") => Ok(None),
        (preferred, service) => {
            let fact = format!("the mon map prefers cipher {preferred} and gives service tickets with {service}");
            Err(PlanError::cluster(
                fact,
                "bring both to one cipher first: Rook would change them in the middle of the take-over",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cipher_is_pinned_only_where_rook_would_raise_it() {
        let ciphers = |preferred: &str, service: &str| CephxCiphers {
            service: service.into(),
            allowed: "aes, aes256k".into(),
            preferred: preferred.into(),
        };
        let pinned = |preferred, service, rook: &str| {
            key_type(Some(&ciphers(preferred, service)), Version::parse(rook).ok().as_ref())
        };
        assert_eq!(key_type(None, None), Ok(None));
        assert_eq!(pinned("aes", "aes", "1.19.8"), Ok(None));
        assert_eq!(pinned("aes", "aes", "1.19.9"), Ok(Some("aes")));
        assert_eq!(pinned("aes", "aes", "1.20.4"), Ok(None));
        assert_eq!(pinned("aes", "aes", "1.20.6"), Ok(Some("aes")));
        assert_eq!(pinned("aes", "aes", "master"), Ok(Some("aes")));
        assert_eq!(pinned("aes256k", "aes256k", "1.20.6"), Ok(None));
        assert!(pinned("aes256k", "aes", "1.20.6").is_err());
    }
}
