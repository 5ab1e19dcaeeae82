//! Mons, one at a time, the leader last.

use crate::plan::draft::Draft;
use crate::plan::measured::{MON_AWAY_SECONDS, QUORUM_LOST_SECONDS};
use crate::plan::options::PlanOptions;
use crate::plan::site::{MonSite, ROOK_OWNER, Site};
use crate::plan::steps::{
    AwaitProcessGone, AwaitQuorum, ChownMonStore, ConfirmOkToStop, ConfirmQuorum, MoveMonStore, NudgeReplicaSet,
    ProveGateClosed, ReleaseDaemon, StopUnit, WatchHealth,
};

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>, options: &PlanOptions) {
    draft.phase(
        "mons",
        "Hand over the mons",
        "One at a time, the leader last. Each keeps its name, address and store; the mon map does not change. The next begins when all are in quorum.",
    );
    let mut all: Vec<String> = site.mons.iter().map(|mon| mon.id.clone()).collect();
    all.sort();
    for mon in &site.mons {
        draft.hand_over(
            mon.daemon().to_string(),
            format!("Hand over mon.{} on {}", mon.id, mon.host),
        );
        hand_over(draft, mon, &all);
        if options.chosen.mon_soak_seconds > 0 {
            draft.step(WatchHealth {
                seconds: options.chosen.mon_soak_seconds,
            });
        }
    }
}

fn hand_over(draft: &mut Draft<'_>, mon: &MonSite, all: &[String]) {
    let daemon = mon.daemon();
    let host = mon.host.to_string();
    draft.step(ProveGateClosed {
        daemons: vec![daemon.to_string()],
    });
    draft.step(ConfirmQuorum { mons: all.to_vec() });
    // Ceph never lets one of two mons, or the only one, go; the plan says at the stop what that costs.
    if keeps_majority(all.len()) {
        draft.step(ConfirmOkToStop {
            daemons: vec![daemon.clone()],
            but_for_pools: Vec::new(),
        });
    }
    let (interrupts, about_seconds) = interruption(mon, all.len());
    draft.step(StopUnit {
        daemon: daemon.clone(),
        host: host.clone(),
        unit: mon.unit.clone(),
        activation: None,
        interrupts,
        about_seconds,
    });
    draft.step(super::mask(&mon.host, &mon.unit, &mon.unit_path));
    draft.step(AwaitProcessGone {
        daemon: daemon.clone(),
        host: host.clone(),
        unit: mon.unit.clone(),
        ports: mon.ports.clone(),
        devices: Vec::new(),
    });
    draft.step(MoveMonStore {
        mon: mon.id.clone(),
        host: host.clone(),
        from: mon.store.clone(),
        to: mon.target.clone(),
    });
    if mon.owner != ROOK_OWNER {
        draft.step(ChownMonStore {
            mon: mon.id.clone(),
            host,
            path: mon.target.clone(),
            before: mon.owner,
            after: ROOK_OWNER,
        });
    }
    draft.step(ReleaseDaemon { daemon: daemon.clone() });
    draft.step(NudgeReplicaSet { daemon });
    draft.step(AwaitQuorum {
        mon: mon.id.clone(),
        mons: all.to_vec(),
        ip: mon.ip.clone(),
    });
}

/// Tells whether a majority is left when one mon is away.
pub(in crate::plan) const fn keeps_majority(mons: usize) -> bool {
    mons >= 3
}

fn interruption(mon: &MonSite, mons: usize) -> (String, u32) {
    if !keeps_majority(mons) {
        let what = "NO QUORUM: no map changes, no new sessions; running I/O goes on".to_owned();
        return (what, QUORUM_LOST_SECONDS);
    }
    let election = if mon.leader {
        "; it leads, so there are two elections"
    } else {
        ""
    };
    let left = mons - 1;
    (
        format!(
            "mon.{} is away, {left} of {mons} are in quorum; its clients go to another{election}",
            mon.id
        ),
        MON_AWAY_SECONDS,
    )
}
