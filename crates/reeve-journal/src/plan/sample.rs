//! A plan for tests, as large as wanted.

use serde_json::json;

use super::{
    Action, FactsReference, HandOver, Interruption, PLAN_FORMAT, Phase, PhaseName, Place, Plan, PlannedStep,
    PointOfNoReturn, StepId, StepKind, Target, Undo,
};

/// Returns a plan of one phase with this many hand-overs of ten steps each; not sealed.
pub(crate) fn plan(hand_overs: usize) -> Plan {
    let hand_overs = (0..hand_overs)
        .map(|number| HandOver {
            subject: format!("mon.{number}"),
            title: format!("Hand over mon.{number}"),
            steps: (0..10).map(|at| step(number, at)).collect(),
        })
        .collect();
    Plan {
        format: PLAN_FORMAT,
        operation: "model".to_owned(),
        made_by: "reeve 0.1.0".to_owned(),
        target: Target {
            kind: "model".to_owned(),
            id: "4f2a".to_owned(),
            name: "small".to_owned(),
        },
        options: json!({ "soak_seconds": 30, "ratio": 0.85 }),
        facts: FactsReference {
            digest: super::digest_of(&"facts"),
            taken_at: jiff::Timestamp::UNIX_EPOCH,
        },
        summary: vec!["Hands over every mon.".to_owned()],
        phases: vec![Phase {
            name: PhaseName::new("mons").unwrap(),
            title: "Monitors".to_owned(),
            why: "They come first.".to_owned(),
            hand_overs,
        }],
        points_of_no_return: vec![PointOfNoReturn {
            step: StepId::new("mons/mon.0/do_step_9").unwrap(),
            because: "the old store is gone".to_owned(),
            instead: "restore it from the backup".to_owned(),
        }],
        digest: String::new(),
    }
}

fn step(number: usize, at: usize) -> PlannedStep {
    PlannedStep {
        id: StepId::new(format!("mons/mon.{number}/do_step_{at}")).unwrap(),
        kind: StepKind::new(format!("do_step_{at}")).unwrap(),
        input: json!({ "mon": number, "unit": format!("ceph-mon@{number}.service") }),
        what: format!("Stops the unit of mon.{number}."),
        place: Place::Host(format!("n{number}")),
        actions: vec![Action::Command {
            host: format!("n{number}"),
            argv: ["systemctl", "stop", &format!("ceph-mon@{number}.service")]
                .map(str::to_owned)
                .to_vec(),
        }],
        interrupts: Some(Interruption {
            what: format!("mon.{number} is out of quorum"),
            about_seconds: 5,
        }),
        deadline_seconds: 60,
        undo: Undo::Actions(vec![Action::Wait {
            until: "the mon is back".to_owned(),
        }]),
    }
}
