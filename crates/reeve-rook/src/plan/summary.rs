//! What the plan does, in sentences for somebody who reads nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::measured::{
    CLEAN_AFTER_SECONDS, FRAME_SECONDS, MGR_FAILOVER_SECONDS, MON_AWAY_SECONDS, OSD_AWAY_SECONDS, QUORUM_LOST_SECONDS,
    SEED_SECONDS,
};
use super::objects::cluster::dashboard_on;
use super::options::{OsdsAtOnce, PlanOptions};
use super::phases::count;
use super::site::Site;
use super::stilled::Stilled;
use crate::facts::Reading;

pub(super) fn summary(site: &Site<'_>, options: &PlanOptions, stilled: &Stilled) -> Vec<String> {
    let mut lines = vec![
        what(site, options),
        how_long(site, options),
        clients(site),
        osds(site, options),
    ];
    lines.push(
        "Every hand-over can be taken back, alone or all of them; what cannot is listed as a point of no return."
            .into(),
    );
    lines.extend(rook_changes(site, options));
    lines.extend(stays(site, stilled));
    lines.extend(keep_off(site));
    lines.push(not_touched(site));
    lines
}

fn what(site: &Site<'_>, options: &PlanOptions) -> String {
    let mons = count(site.mons.len(), "mon");
    let mgrs = count(site.mgrs.len(), "mgr");
    let osds = count(site.osds().count(), "OSD");
    let hosts = count(site.nodes.len(), "host");
    let rook = site
        .rook
        .as_ref()
        .map_or_else(|| "Rook".to_owned(), |version| format!("Rook {version}"));
    format!(
        "Hands {mons}, {mgrs} and {osds} of a Ceph {} on {hosts} over to {rook}, in place and one by one, as CephCluster {}/{} with image {}.",
        site.version,
        options.scope.namespace,
        options.cluster_name(),
        site.image
    )
}

fn how_long(site: &Site<'_>, options: &PlanOptions) -> String {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let seconds = |each: u32, count: u64| u64::from(each).saturating_mul(count);
    let (mons, hosts, osds) = (
        number(site.mons.len()),
        number(site.osd_hosts.len()),
        number(site.osds().count()),
    );
    let soaks = seconds(options.chosen.mon_soak_seconds, mons) + seconds(options.chosen.host_soak_seconds, hosts);
    // A step that asks or changes one thing takes about a second over ssh or through an API.
    let own = seconds(FRAME_SECONDS + SEED_SECONDS, 1)
        + seconds(10, mons)
        + seconds(6, osds)
        + seconds(5, number(site.nodes.len()));
    let away = match options.chosen.osds_at_once {
        OsdsAtOnce::One => seconds(OSD_AWAY_SECONDS + CLEAN_AFTER_SECONDS, osds),
        OsdsAtOnce::Host => seconds(OSD_AWAY_SECONDS + CLEAN_AFTER_SECONDS, hosts),
    };
    let total = soaks + own + away + seconds(MON_AWAY_SECONDS, mons) + seconds(MGR_FAILOVER_SECONDS, 1);
    format!(
        "Takes about {}, {} of it watching; more under load, where PGs need longer to be clean, and where the run pauses for a person.",
        duration(total),
        duration(soaks)
    )
}

/// Returns `40 s`, `12 min`, `3 h 20 min`.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn clients(site: &Site<'_>) -> String {
    let mons = site.mons.len();
    let quorum = if super::phases::keeps_majority(mons) {
        format!("Quorum is never lost: {} of {mons} mons stay", mons - 1)
    } else {
        let times = if mons == 1 { "ONCE" } else { "TWICE" };
        format!(
            "THERE IS NO QUORUM, {times}, for about {QUORUM_LOST_SECONDS} s: no session begins and no map changes then; I/O that runs goes on"
        )
    };
    format!("Clients keep addresses, keys and ceph.conf. {quorum}.")
}

fn osds(site: &Site<'_>, options: &PlanOptions) -> String {
    let how = match options.chosen.osds_at_once {
        OsdsAtOnce::One => "OSDs go one at a time, each",
        OsdsAtOnce::Host => "OSDs go by host, all of one at a time, each host",
    };
    let pauses: Vec<&str> = match &options.chosen.pause_after {
        None => site
            .osd_hosts
            .first()
            .map(|host| host.host.as_str())
            .into_iter()
            .collect(),
        Some(hosts) => hosts.iter().map(reeve_host::HostName::as_str).collect(),
    };
    let pause = match pauses.as_slice() {
        [] => "The run does not pause between hosts.".to_owned(),
        hosts => format!("The run pauses after {}, for you to look.", hosts.join(", ")),
    };
    let stops = match site.stopping_pools.as_slice() {
        [] => String::new(),
        pools => format!(
            " POOLS {} STOP while an OSD of theirs is away: they have no copy to spare.",
            pools.join(", ")
        ),
    };
    format!(
        "{how} away about {OSD_AWAY_SECONDS} s and clean after about {} s; the next begins then.{stops} {pause}",
        OSD_AWAY_SECONDS + CLEAN_AFTER_SECONDS
    )
}

fn rook_changes(site: &Site<'_>, options: &PlanOptions) -> Vec<String> {
    let ceph = &site.facts.ceph;
    let mut lines = Vec::new();
    let bootstrap = ceph.auth.known().map_or(0, |all| {
        all.iter()
            .filter(|it| it.entity.starts_with("client.bootstrap-"))
            .count()
    });
    let keys = if bootstrap == 0 {
        String::new()
    } else {
        ", deletes the client.bootstrap-* keys".to_owned()
    };
    let protection = if options.chosen.keep_pool_protection {
        ""
    } else {
        ", allows pools to be deleted and to have size 1"
    };
    lines.push(format!(
        "Rook changes in Ceph: it logs to its pods instead of files, makes keys for itself{keys}{protection}. `rollback --all` puts that back."
    ));
    let insecure = ["mon", "global"]
        .iter()
        .all(|section| ceph.config_value(section, "auth_allow_insecure_global_id_reclaim") != Some("false"));
    if insecure && !options.chosen.allow_insecure_global_id {
        lines.push("Rook locks out clients that reclaim their global id insecurely (older than the fix of CVE-2021-20288); none was seen.".into());
    }
    let on = dashboard_on(ceph, options.chosen.dashboard);
    let found = ceph.mgr.modules.contains("dashboard");
    match (found, on) {
        (_, true) => lines
            .push("The dashboard runs in Rook's mgr, with a new password for `admin`; alerts and users stay.".into()),
        (true, false) => lines.push("The dashboard is switched off.".into()),
        (false, false) => {}
    }
    lines
}

fn stays(site: &Site<'_>, stilled: &Stilled) -> Vec<String> {
    let mut lines = Vec::new();
    if !stilled.carried.settings.is_empty() {
        let options = count(stilled.carried.settings.len(), "option");
        lines.push(format!(
            "Moves {options} from ceph.conf files into the config database, where Rook's pods find them."
        ));
    }
    if !stilled.carried.by_hand.is_empty() {
        let options: Vec<&str> = stilled.carried.by_hand.iter().map(String::as_str).collect();
        lines.push(format!(
            "CARRY BY HAND before you begin, with `ceph config set`: {} (not read, may be secret).",
            options.join("; ")
        ));
    }
    if let [first, rest @ ..] = site.crush_names.pinned_because.as_slice() {
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(" (and {} more)", rest.len())
        };
        lines.push(format!("osd_crush_update_on_start stays off for good: {first}{more}."));
    }
    lines
}

fn keep_off(site: &Site<'_>) -> Option<String> {
    let mut by_unit: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, host) in site.facts.reached_hosts() {
        for reviver in host
            .revivers
            .iter()
            .filter(|it| !it.unit.starts_with("ceph") && it.enabled != "masked")
        {
            *by_unit.entry(&reviver.unit).or_default() += 1;
        }
    }
    if by_unit.is_empty() {
        return None;
    }
    let units: Vec<String> = by_unit
        .into_iter()
        .map(|(unit, hosts)| format!("{unit} on {}", count(hosts, "host")))
        .collect();
    Some(format!(
        "KEEP OFF until the end, because they can start old daemons again: {}. And run no ceph-ansible.",
        units.join("; ")
    ))
}

fn not_touched(site: &Site<'_>) -> String {
    let ceph = &site.facts.ceph;
    let mut others = Vec::new();
    match &ceph.filesystems {
        Reading::Known(all) => {
            let mds: BTreeSet<&str> = all.iter().flat_map(|fs| &fs.mds).map(String::as_str).collect();
            if !mds.is_empty() {
                others.push(format!("{} MDS of {}", mds.len(), count(all.len(), "file system")));
            }
        }
        Reading::Unknown { .. } => others.push("MDS (not read)".into()),
    }
    match &ceph.services {
        Reading::Known(all) => {
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for service in all {
                *kinds.entry(&service.kind).or_default() += 1;
            }
            others.extend(kinds.into_iter().map(|(kind, number)| format!("{number} {kind}")));
        }
        Reading::Unknown { .. } => others.push("RGW and other gateways (not read)".into()),
    }
    let others = if others.is_empty() {
        String::new()
    } else {
        format!("{} (they run on in their old units), ", others.join(", "))
    };
    format!("Not touched: {others}pools, file systems, data, client keys, OSD devices, old folders and packages.")
}
