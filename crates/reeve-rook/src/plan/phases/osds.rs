//! OSDs, host by host, failure domain by failure domain.

use crate::plan::draft::Draft;
use crate::plan::measured::{CLEAN_AFTER_SECONDS, OSD_AWAY_SECONDS};
use crate::plan::options::{OsdsAtOnce, PlanOptions};
use crate::plan::site::{OsdHost, OsdSite, ROOK_OWNER, Site};
use crate::plan::steps::{
    AwaitActiveClean, AwaitOsdDown, AwaitOsdUp, AwaitProcessGone, ChownDevices, ConfirmOkToStop, NudgeReplicaSet,
    PauseRun, ProveCrushPosition, ProveGateClosed, ReleaseDaemon, SetOsdFlag, StopUnit, WatchHealth,
};
use crate::plan::stilled::Stilled;

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>, options: &PlanOptions, stilled: &Stilled) {
    draft.phase(
        "osds",
        "Hand over the OSDs",
        "Host by host, failure domain by failure domain. The next OSD begins when all PGs are active+clean; the first host is a canary.",
    );
    draft.hand_over("flags", "Let no data move for an OSD that stays away");
    for flag in &stilled.flags {
        draft.step_for(flag, SetOsdFlag { flag: (*flag).into() });
    }
    for (number, host) in site.osd_hosts.iter().enumerate() {
        match options.chosen.osds_at_once {
            OsdsAtOnce::One => one_by_one(draft, site, host),
            OsdsAtOnce::Host => together(draft, site, host),
        }
        draft.hand_over(format!("host.{}", host.host), format!("Watch after {}", host.host));
        if options.chosen.host_soak_seconds > 0 {
            draft.step(WatchHealth {
                seconds: options.chosen.host_soak_seconds,
            });
        }
        let pause = options
            .chosen
            .pause_after
            .as_ref()
            .map_or(number == 0, |hosts| hosts.contains(&host.host));
        if pause {
            draft.step(PauseRun {
                after: format!("the OSDs of {}", host.host),
            });
        }
    }
}

fn one_by_one(draft: &mut Draft<'_>, site: &Site<'_>, host: &OsdHost) {
    for osd in &host.osds {
        let daemon = osd.daemon();
        draft.hand_over(daemon.to_string(), format!("Hand over osd.{} on {}", osd.id, host.host));
        draft.step(ProveGateClosed {
            daemons: vec![daemon.to_string()],
        });
        draft.step(ConfirmOkToStop {
            daemons: vec![daemon],
            but_for_pools: site.stopping_pools.clone(),
        });
        stop(draft, site, host, osd, false);
        release(draft, osd, false, is_first(site, osd));
        arrive(draft, site, host, osd, false);
        draft.step(AwaitActiveClean {});
    }
}

/// All OSDs of a host in one hand-over: they stand or fall together.
fn together(draft: &mut Draft<'_>, site: &Site<'_>, host: &OsdHost) {
    draft.hand_over(
        format!("osds.{}", host.host),
        format!(
            "Hand over {} on {} at once",
            super::count(host.osds.len(), "OSD"),
            host.host
        ),
    );
    draft.step(ProveGateClosed {
        daemons: host.osds.iter().map(|osd| osd.daemon().to_string()).collect(),
    });
    draft.step(ConfirmOkToStop {
        daemons: host.osds.iter().map(OsdSite::daemon).collect(),
        but_for_pools: site.stopping_pools.clone(),
    });
    for osd in &host.osds {
        stop(draft, site, host, osd, true);
    }
    for osd in &host.osds {
        release(draft, osd, true, is_first(site, osd));
    }
    for osd in &host.osds {
        arrive(draft, site, host, osd, true);
    }
    draft.step(AwaitActiveClean {});
}

fn stop(draft: &mut Draft<'_>, site: &Site<'_>, host: &OsdHost, osd: &OsdSite, several: bool) {
    let daemon = osd.daemon();
    let detail = if several { daemon.to_string() } else { String::new() };
    let name = host.host.to_string();
    draft.step_for(
        &detail,
        StopUnit {
            daemon: daemon.clone(),
            host: name.clone(),
            unit: osd.unit.clone(),
            activation: Some(osd.activation.clone()),
            interrupts: interruption(site, osd),
            about_seconds: OSD_AWAY_SECONDS + CLEAN_AFTER_SECONDS,
        },
    );
    draft.step_for(&detail, super::mask(&name, &osd.unit, &osd.unit_path));
    for unit in &osd.starters {
        draft.step_for(unit, super::mask(&name, unit, ""));
    }
    draft.step_for(
        &detail,
        AwaitProcessGone {
            daemon,
            host: name.clone(),
            unit: osd.unit.clone(),
            ports: Vec::new(),
            devices: osd.devices.clone(),
        },
    );
    draft.step_for(&detail, AwaitOsdDown { osd: osd.id });
    if let Some(before) = osd.other_owner {
        draft.step_for(
            &detail,
            ChownDevices {
                osd: osd.id,
                host: name,
                devices: osd.devices.clone(),
                before,
                after: ROOK_OWNER,
            },
        );
    }
}

fn is_first(site: &Site<'_>, osd: &OsdSite) -> bool {
    site.osds().next().is_some_and(|(_, first)| first.id == osd.id)
}

fn interruption(site: &Site<'_>, osd: &OsdSite) -> String {
    let away = format!(
        "osd.{} is away, its PGs have a copy less; writes to them wait about a second at first",
        osd.id
    );
    match site.stopping_pools.as_slice() {
        [] => away,
        pools => format!("{away}; PGs of {} STOP until it is back", pools.join(", ")),
    }
}

fn release(draft: &mut Draft<'_>, osd: &OsdSite, several: bool, first: bool) {
    let detail = if several {
        osd.daemon().to_string()
    } else {
        String::new()
    };
    let step = draft.step_for(&detail, ReleaseDaemon { daemon: osd.daemon() });
    // Said once, at the first; the survey does not know the sizes.
    if first {
        let because = "An OSD that is smaller than its device, such as a volume that was extended, grows to fill it when Rook first starts it \
                       (bluefs-bdev-expand); so do all after it";
        let instead = "compare the sizes before you begin (`ceph-bluestore-tool show-label`, `blockdev --getsize64`), or let them grow";
        draft.no_return(step, because, instead);
    }
    draft.step_for(&detail, NudgeReplicaSet { daemon: osd.daemon() });
}

fn arrive(draft: &mut Draft<'_>, site: &Site<'_>, host: &OsdHost, osd: &OsdSite, several: bool) {
    let detail = if several {
        osd.daemon().to_string()
    } else {
        String::new()
    };
    draft.step_for(
        &detail,
        AwaitOsdUp {
            osd: osd.id,
            uuid: osd.uuid.clone(),
            hostname: site.node(&host.host).hostname.clone(),
        },
    );
    draft.step_for(
        &detail,
        ProveCrushPosition {
            osd: osd.id,
            bucket: site.bucket_after(&osd.bucket).to_owned(),
            class: osd.class.clone(),
            weight: osd.weight,
        },
    );
}
