//! The questions to Ceph and how their answers become facts.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use reeve_ceph::{
    CephCommands, CephError, ConfigEntry, DaemonMetadata, DaemonName, DaemonType, HealthDetail, HealthWord, MgrDump,
    MonDump, NodeList, OrchStatus, OsdDump, Status, query,
};
use reeve_host::HostName;

use super::{crush, gateways, hosts, osds};
use crate::facts::{
    AuthEntity, CephFacts, CephxCiphers, ConfigOption, Health, HealthCheck, HealthStatus, MgrMap, Mon, MonMap,
    Orchestrator, OsdMap, PgSummary, Quorum, Reading,
};
use crate::survey::{SurveyError, secrets};

/// Facts about Ceph, and what only the search for hosts needs.
pub(crate) struct CephAnswers {
    pub(crate) facts: CephFacts,
    pub(crate) wanted: Vec<hosts::Wanted>,
}

/// Asks Ceph everything.
///
/// # Errors
///
/// [`SurveyError`] if one of the answers fails that no plan can do without; the others become unknown facts.
pub(crate) async fn read(ceph: &dyn CephCommands, host: &HostName) -> Result<CephAnswers, SurveyError> {
    let failed = |error| SurveyError::of_ceph(host, error);
    // Alone and first: if the host or the key is no good, one question is enough to know it.
    let mons = query::MON_DUMP.ask(ceph).await.map_err(failed)?;
    let needed = async {
        futures::try_join!(
            query::HEALTH.ask(ceph),
            query::VERSIONS.ask(ceph),
            query::QUORUM_STATUS.ask(ceph),
            query::MGR_DUMP.ask(ceph),
            query::OSD_DUMP.ask(ceph),
            query::OSD_METADATA.ask(ceph),
            query::CRUSH_DUMP.ask(ceph),
            query::STATUS.ask(ceph),
        )
    };
    let wanted = async {
        futures::join!(
            query::FS_DUMP.ask(ceph),
            query::SERVICE_DUMP.ask(ceph),
            query::AUTH_LS.ask(ceph),
            query::CONFIG_DUMP.ask(ceph),
            query::CONFIG_KEY_LS.ask(ceph),
            query::OSD_DF.ask(ceph),
            orchestrator(ceph),
        )
    };
    let places = async {
        futures::join!(
            query::NODE_LS.ask(ceph),
            query::MON_METADATA.ask(ceph),
            query::MGR_METADATA.ask(ceph),
            query::MDS_METADATA.ask(ceph),
        )
    };
    let (needed, (fs, services, auth, config, config_keys, df, orchestrator), (nodes, mon_meta, mgr_meta, mds_meta)) =
        futures::join!(needed, wanted, places);
    let (health, versions, quorum, mgrs, osdmap, osd_metadata, crush_dump, status) = needed.map_err(failed)?;
    let (rgw, mirroring) = futures::join!(gateways::sites(ceph, &osdmap), gateways::mirroring(ceph, &osdmap));

    let pool_names: BTreeMap<i64, String> = osdmap
        .pools
        .iter()
        .map(|pool| (pool.pool, pool.pool_name.clone()))
        .collect();
    let places = Places {
        nodes: nodes.ok(),
        mons: mon_meta.ok(),
        mgrs: mgr_meta.ok(),
        mds: mds_meta.ok(),
    };
    let daemon_hosts = places.daemon_hosts();
    let services = services.map(|dump| gateways::services(&dump));
    let wanted = hosts::wanted_hosts(&mons, &osd_metadata, &places, services.as_deref().unwrap_or_default());
    let facts = CephFacts {
        fsid: mons.fsid.clone(),
        health: health_facts(health),
        versions: versions.by_kind(),
        ciphers: mons.ciphers().map(|ciphers| CephxCiphers {
            service: ciphers.service,
            allowed: ciphers.allowed.join(", "),
            preferred: ciphers.preferred,
        }),
        monmap: monmap(mons),
        quorum: Quorum {
            names: quorum.quorum_names.into_iter().collect(),
            leader: quorum.quorum_leader_name,
        },
        mgr: mgrmap(mgrs),
        osds: osds::osds(&osdmap, &osd_metadata, df.as_ref().ok()),
        pools: osds::pools(&osdmap, &mirroring),
        osdmap: osdmap_facts(&osdmap),
        crush: crush::crush(&crush_dump),
        pgs: pgs(status),
        filesystems: reading(fs.map(|dump| gateways::filesystems(&dump, &pool_names))),
        services: reading(services),
        rgw,
        auth: reading(auth.map(|list| {
            let mut entities: Vec<AuthEntity> = list
                .auth_dump
                .into_iter()
                .map(|entry| AuthEntity {
                    entity: entry.entity,
                    caps: entry.caps,
                })
                .collect();
            entities.sort_by_cached_key(|entity| by_number(&entity.entity));
            entities
        })),
        config: reading(config.map(|entries| entries.into_iter().map(config_option).collect())),
        config_keys: reading(config_keys.map(|keys| keys.0)),
        orchestrator,
        daemon_hosts,
    };
    Ok(CephAnswers { facts, wanted })
}

/// Where daemons other than OSDs say they run.
#[derive(Default)]
pub(super) struct Places {
    pub(super) nodes: Option<NodeList>,
    pub(super) mons: Option<Vec<DaemonMetadata>>,
    pub(super) mgrs: Option<Vec<DaemonMetadata>>,
    pub(super) mds: Option<Vec<DaemonMetadata>>,
}

impl Places {
    /// Returns each daemon's metadata, those without a host left out.
    pub(super) fn metadata(&self) -> impl Iterator<Item = (DaemonName, &DaemonMetadata)> {
        let kinds = [
            (DaemonType::Mon, &self.mons),
            (DaemonType::Mgr, &self.mgrs),
            (DaemonType::Mds, &self.mds),
        ];
        kinds.into_iter().flat_map(|(kind, list)| {
            let list = list.iter().flatten().filter(|entry| !entry.hostname.is_empty());
            list.map(move |entry| (DaemonName::new(kind, entry.name.as_str()), entry))
        })
    }

    /// Returns the host of each mon, mgr and MDS: from `node ls`, and from the metadata where that says more.
    fn daemon_hosts(&self) -> BTreeMap<DaemonName, String> {
        let mut hosts = self.nodes.as_ref().map(NodeList::hosts).unwrap_or_default();
        hosts.extend(self.metadata().map(|(daemon, entry)| (daemon, entry.hostname.clone())));
        hosts.retain(|daemon, _| matches!(daemon.kind, DaemonType::Mon | DaemonType::Mgr | DaemonType::Mds));
        hosts
    }
}

/// Turns an answer into a reading; the reason names the whole chain of causes.
pub(super) fn reading<T>(answer: Result<T, CephError>) -> Reading<T> {
    match answer {
        Ok(value) => Reading::Known(value),
        Err(error) => {
            let mut because = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                because = format!("{because}: {error}");
                cause = error.source();
            }
            Reading::Unknown { because }
        }
    }
}

async fn orchestrator(ceph: &dyn CephCommands) -> Reading<Orchestrator> {
    let status = match query::ORCH_STATUS.ask(ceph).await {
        Ok(status) => status,
        // ENOENT: no backend is set. EINVAL: the mgr has no orchestrator module, so no backend either.
        Err(CephError::Failed { status: 2 | 22, .. }) => OrchStatus {
            available: false,
            backend: None,
            paused: false,
        },
        Err(error) => return reading(Err(error)),
    };
    let Some(backend) = status.backend.filter(|backend| !backend.is_empty()) else {
        return Reading::Known(Orchestrator {
            backend: None,
            paused: false,
            upgrade: None,
        });
    };
    let upgrade = match query::ORCH_UPGRADE_STATUS.ask(ceph).await {
        Ok(upgrade) if upgrade.in_progress => Some(
            upgrade
                .target_image
                .unwrap_or_else(|| "an image that it does not name".into()),
        ),
        Ok(_) => None,
        // Backends other than cephadm know no upgrades.
        Err(CephError::Failed { .. }) if backend != "cephadm" => None,
        Err(error) => return reading(Err(error)),
    };
    Reading::Known(Orchestrator {
        backend: Some(backend),
        paused: status.paused,
        upgrade,
    })
}

fn health_word(word: HealthWord) -> HealthStatus {
    match word {
        HealthWord::Ok => HealthStatus::Ok,
        HealthWord::Warn => HealthStatus::Warn,
        HealthWord::Err => HealthStatus::Err,
    }
}

fn health_facts(health: HealthDetail) -> Health {
    let checks = health.checks.into_iter().map(|(code, check)| {
        let detail = check.detail.into_iter().take(100).map(|line| line.message).collect();
        let severity = health_word(check.severity);
        (
            code,
            HealthCheck {
                severity,
                summary: check.summary.message,
                detail,
                muted: check.muted,
            },
        )
    });
    Health {
        status: health_word(health.status),
        checks: checks.collect(),
    }
}

fn monmap(dump: MonDump) -> MonMap {
    let mut mons: Vec<Mon> = dump
        .mons
        .into_iter()
        .map(|mon| Mon {
            rank: mon.rank,
            v2: mon.public_addrs.of("v2").map(String::from),
            v1: mon.public_addrs.of("v1").map(String::from),
            name: mon.name,
        })
        .collect();
    mons.sort_by_key(|mon| mon.rank);
    MonMap {
        epoch: dump.epoch,
        mons,
        min_mon_release: dump.min_mon_release_name,
        stretch_mode: dump.stretch_mode,
    }
}

fn mgrmap(dump: MgrDump) -> MgrMap {
    MgrMap {
        active: Some(dump.active_name).filter(|name| dump.available && !name.is_empty()),
        standbys: dump.standbys.into_iter().map(|standby| standby.name).collect(),
        modules: dump.modules,
        services: dump
            .services
            .into_iter()
            .map(|(module, url)| (module, without_user(&url)))
            .collect(),
    }
}

fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest
                .split_once('/')
                .map_or((rest, None), |(authority, path)| (authority, Some(path)));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            path.map_or(format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => url.to_owned(),
    }
}

fn osdmap_facts(dump: &OsdDump) -> OsdMap {
    OsdMap {
        epoch: dump.epoch,
        flags: dump.flag_set(),
        nearfull_ratio: ratio(dump.nearfull_ratio),
        backfillfull_ratio: ratio(dump.backfillfull_ratio),
        full_ratio: ratio(dump.full_ratio),
        require_osd_release: dump.require_osd_release.clone(),
        require_min_compat_client: dump.require_min_compat_client.clone(),
    }
}

/// Ceph keeps these as 32-bit floats and prints 0.85 as 0.85000002384185791.
fn ratio(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn pgs(status: Status) -> PgSummary {
    let mut states: BTreeMap<String, u32> = BTreeMap::new();
    for state in status.pgmap.pgs_by_state {
        let count = states.entry(state.state_name).or_default();
        *count = count.saturating_add(state.count);
    }
    PgSummary {
        total: status.pgmap.num_pgs,
        states,
        degraded_objects: status.pgmap.degraded_objects,
        misplaced_objects: status.pgmap.misplaced_objects,
    }
}

fn config_option(entry: ConfigEntry) -> ConfigOption {
    let value = secrets::shown(&entry.name, &entry.value);
    ConfigOption {
        section: entry.section,
        mask: entry.mask,
        name: entry.name,
        value,
    }
}

/// A key to sort by that puts `osd.9` before `osd.10`.
fn by_number(entity: &str) -> (String, Option<u64>) {
    let numbered = entity
        .rsplit_once('.')
        .and_then(|(kind, id)| Some((kind.to_owned(), Some(id.parse().ok()?))));
    numbered.unwrap_or_else(|| (entity.to_owned(), None))
}

/// Returns the IP addresses in Ceph's writings of addresses: `10.0.0.1:0/123`, `[v2:10.0.0.1:6800/1,v1:[fd00::1]:6801/1]`.
pub(super) fn ips(addresses: &str) -> BTreeSet<String> {
    let ip = |part: &str| {
        let part = part
            .trim_start_matches('[')
            .trim_start_matches("v2:")
            .trim_start_matches("v1:")
            .trim_start_matches("any:");
        let (host, _port) = part.rsplit_once(':')?;
        let ip: std::net::IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        (!ip.is_unspecified() && !ip.is_loopback()).then(|| ip.to_string())
    };
    addresses.split(',').filter_map(ip).collect()
}

/// Returns the first address as `10.0.0.1:6800`, the msgr2 one if there are two; empty if there is none.
pub(super) fn first_address(addresses: &str) -> String {
    let inner = addresses
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|rest| rest.contains("v2:") || rest.contains("v1:"));
    let parts: Vec<&str> = inner.unwrap_or(addresses).split(',').collect();
    let chosen = parts
        .iter()
        .find(|part| part.starts_with("v2:"))
        .or(parts.first())
        .copied()
        .unwrap_or_default();
    let address = chosen.trim_start_matches("v2:").trim_start_matches("v1:");
    address.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_ceph_writes_them() {
        let both = "[v2:10.77.0.11:6804/14,v1:10.77.0.11:6805/14]";
        assert_eq!(
            (first_address(both), ips(both)),
            ("10.77.0.11:6804".into(), BTreeSet::from(["10.77.0.11".into()]))
        );
        let v6 = "[v2:[fd00::1]:6800/1,v1:[fd00::1]:6801/1]";
        assert_eq!(
            (first_address(v6), ips(v6)),
            ("[fd00::1]:6800".into(), BTreeSet::from(["fd00::1".into()]))
        );
        assert_eq!(
            (first_address("10.0.0.1:6801/9"), ips("10.0.0.1:6801/9").len()),
            ("10.0.0.1:6801".into(), 1)
        );
        for nothing in ["", "-", ":/0", "0.0.0.0:0/0", "[]"] {
            assert!(ips(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn numbers_and_urls_are_shown_plainly() {
        assert!((ratio(f64::from(0.85_f32)) - 0.85).abs() < f64::EPSILON);
        assert_eq!(without_user("https://u:p@10.0.0.1:8443/x"), "https://10.0.0.1:8443/x");
        assert_eq!(without_user("http://10.0.0.1:9283/"), "http://10.0.0.1:9283/");
    }
}
