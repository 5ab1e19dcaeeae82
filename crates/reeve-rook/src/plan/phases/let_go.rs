//! The gate goes, Rook looks after its daemons, and what was stilled is given back.

use crate::plan::draft::Draft;
use crate::plan::site::Site;
use crate::plan::steps::{
    ClearOsdFlag, DeleteGateBinding, DeleteGatePolicy, DeleteReleasedList, EnableHealthChecks, ProveNoRestart,
    RecordPodStarts, RestoreConfig, StartAutoscaler, StartBalancer, VerifyTakeover,
};
use crate::plan::stilled::Stilled;

pub(super) fn write(draft: &mut Draft<'_>, site: &Site<'_>, stilled: &Stilled) {
    draft.phase(
        "let_go",
        "Let go",
        "Every daemon runs under Rook. The gate is removed, Rook's own watch begins, and what was stilled for the take-over is given back.",
    );
    let mut released = super::close_gate::rook_mgrs(site);
    released.extend(site.mons.iter().map(|mon| mon.daemon().to_string()));
    released.extend(site.osds().map(|(_, osd)| osd.daemon().to_string()));
    let daemons = released.len();

    draft.hand_over("gate", "Remove the gate");
    draft.step(DeleteGateBinding {});
    draft.step(DeleteGatePolicy {});
    draft.step(DeleteReleasedList { released });

    // Record and proof stand in one hand-over: where a daemon restarts all the same, it is undone, and the next try compares with the starts of then.
    draft.hand_over("rook", "Let Rook watch over its daemons");
    draft.step(RecordPodStarts { daemons });
    draft.step(EnableHealthChecks {
        deadline_seconds: super::reconcile_deadline(site),
    });
    draft.step(ProveNoRestart { daemons });

    draft.hand_over("settings", "Give back what was stilled");
    for flag in &stilled.flags {
        draft.step_for(flag, ClearOsdFlag { flag: (*flag).into() });
    }
    for (pool, step) in &stilled.autoscalers {
        draft.step_for(
            &format!("pool{pool}"),
            StartAutoscaler {
                pool: step.pool.clone(),
                mode: step.before.clone(),
            },
        );
    }
    if let Some(step) = &stilled.balancer {
        draft.step(StartBalancer { was_set: step.was_set });
    }
    for pinned in &stilled.pinned {
        draft.step_for(
            &format!("{}.{}", pinned.section, pinned.name),
            RestoreConfig {
                section: pinned.section.clone(),
                name: pinned.name.clone(),
                value: pinned.value.clone(),
                before: pinned.before.clone(),
            },
        );
    }

    draft.hand_over("cluster", "Look at everything once more");
    draft.step(super::maps_unchanged(site));
    draft.step(VerifyTakeover {
        hosts: site.nodes_in_order.iter().map(|it| it.host.to_string()).collect(),
    });
}
