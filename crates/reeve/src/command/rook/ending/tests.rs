//! What is said when a run has stopped, from journals that hold what would have happened.

use camino::Utf8PathBuf;
use reeve_journal::{Event, Holder, Journal, RecordedError, Runs, UndoCause};
use reeve_rook::plan::{Options, plan};
use reeve_rook::sample::Cluster;

use super::*;

struct Desk {
    _dir: tempfile::TempDir,
    journal: Journal,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs::in_dir(Utf8PathBuf::from_path_buf(dir.path().join("runs")).unwrap()).unwrap();
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let mut journal = runs.create(plan, &Holder::this_process("here", "test")).unwrap();
        let phases: Vec<_> = journal.plan().phases.iter().map(|phase| phase.name.clone()).collect();
        for phase in phases {
            let by = "test".to_owned();
            journal.append(Event::PhaseApproved { phase, by }).unwrap();
        }
        Self { _dir: dir, journal }
    }

    fn next(&self) -> StepId {
        let state = self.journal.state();
        state.step(state.position()).2.id.clone()
    }

    /// Does every step before one, and begins that.
    fn up_to(&mut self, name: &str) -> StepId {
        loop {
            let step = self.next();
            self.journal
                .append(Event::StepStarted {
                    step: step.clone(),
                    attempt: 1,
                })
                .unwrap();
            if step.as_str() == name {
                return step;
            }
            let output = serde_json::Value::Null;
            self.journal
                .append(Event::StepDone {
                    step,
                    changed: true,
                    output,
                })
                .unwrap();
        }
    }

    fn ends(&self, outcome: &Outcome, asked: &Asked) -> (Exit, String) {
        let ending = ending("RUN", self.journal.state(), outcome, false, asked);
        assert!(ending.lines.iter().all(|line| !line.contains('\u{1b}')));
        (ending.exit, ending.lines.join("\n"))
    }
}

#[test]
fn an_interruption_in_the_middle_says_which_daemon_is_away() {
    let mut desk = Desk::new();
    let step = desk.up_to("mons/mon.n1/await_process_gone");
    let output = serde_json::Value::Null;
    desk.journal
        .append(Event::StepDone {
            step,
            changed: false,
            output,
        })
        .unwrap();
    let outcome = Outcome::Paused(PauseReason::Interrupted);
    let asked = Asked {
        by_signal: true,
        ..Asked::default()
    };
    let (exit, text) = desk.ends(&outcome, &asked);
    assert_eq!(exit, Exit::Paused);
    insta::assert_snapshot!(text, @r"
    run RUN is paused: interrupted in good order
      AWAY: mon.n1 on n1: ceph-mon@n1.service is stopped, and Rook's pod must not start yet
      the run stopped in the middle of this hand-over: do not leave it so for long
    hint: `reeve rook resume RUN` goes on, `reeve rook rollback RUN --all` takes everything back
    hint: `reeve rook rollback RUN --to mons/mon.n1/prove_gate_closed` takes back only this hand-over
    ");
    let asked = Asked {
        by_watch: Some("a client's write took 12.0 s".into()),
        by_signal: true,
        ..Asked::default()
    };
    assert!(
        desk.ends(&outcome, &asked)
            .1
            .starts_with("run RUN is paused: a client's write took 12.0 s\n")
    );
}

#[test]
fn a_pause_of_the_plan_is_told_from_an_interruption() {
    let mut desk = Desk::new();
    let pause = desk
        .journal
        .plan()
        .steps()
        .map(|(_, _, step)| step.clone())
        .find(|step| step.kind.as_str() == "pause_run")
        .unwrap();
    let step = desk.up_to(pause.id.as_str());
    let output = serde_json::Value::Null;
    desk.journal
        .append(Event::StepDone {
            step,
            changed: true,
            output,
        })
        .unwrap();
    let (_, text) = desk.ends(&Outcome::Paused(PauseReason::Interrupted), &Asked::default());
    assert!(text.starts_with("run RUN is paused: as the plan says"), "{text}");
    assert!(!text.contains("AWAY"), "{text}");
}

#[test]
fn a_stuck_run_says_what_state_things_are_in_and_what_to_type() {
    let mut desk = Desk::new();
    let step = desk.up_to("osds/osd.0/await_osd_up");
    let error = RecordedError::message("osd.0 is up: not so after 600 s; last seen: it is down");
    desk.journal
        .append(Event::StepFailed {
            step: step.clone(),
            error: error.clone(),
        })
        .unwrap();
    let back_to = desk
        .journal
        .plan()
        .steps()
        .map(|(_, _, step)| step.id.clone())
        .find(|id| id.as_str().starts_with("osds/osd.0/"))
        .unwrap();
    let because = UndoCause::Failed {
        step: step.clone(),
        error: error.clone(),
    };
    desk.journal.append(Event::UndoBegan { back_to, because }).unwrap();
    // Undone from the last on, until the release, whose undo fails.
    let undo_failed = RecordedError::message("could not delete the pod: the API server does not answer");
    let stuck = loop {
        let state = desk.journal.state();
        let index = state.in_hand().unwrap_or_else(|| state.position() - 1);
        let step = state.step(index).2.id.clone();
        desk.journal
            .append(Event::StepUndoStarted {
                step: step.clone(),
                attempt: 1,
            })
            .unwrap();
        if step.as_str() == "osds/osd.0/release_daemon" {
            let error = undo_failed.clone();
            desk.journal
                .append(Event::StepUndoFailed {
                    step: step.clone(),
                    error,
                })
                .unwrap();
            break step;
        }
        desk.journal
            .append(Event::StepUndoDone { step, changed: true })
            .unwrap();
    };
    let outcome = Outcome::Stuck {
        step: stuck,
        failed: Some(error),
        undo_failed,
    };
    let (exit, text) = desk.ends(&outcome, &Asked::default());
    assert_eq!(exit, Exit::Stuck);
    insta::assert_snapshot!(text, @r#"
    run RUN is STUCK at osds/osd.0/release_daemon: a person must act
      what failed first: osd.0 is up: not so after 600 s; last seen: it is down
      what kept it from being undone: could not delete the pod: the API server does not answer
      as far as the journal tells:
        osd.0 on n1: Rook's pod may start, and was not seen to serve yet
        in effect: Stops ceph-osd@0.service on n1.
        in effect: Masks ceph-osd@0.service on n1, so that nothing starts it.
        half undone, or not at all: Releases osd.0 to Rook.
      what undoing does, in this order, should you have to do it by hand:
        patch Namespace rook-ceph: {"metadata":{"annotations":{"osd.released.reeve/0":null}}}
        wait until a dry run of a pod labelled as osd.0 is refused
        delete Pods rook-ceph/app=rook-ceph-osd,ceph-osd-id=0
        wait until no pod of osd.0 is left and no process of it runs
        n1$ systemctl unmask -- ceph-osd@0.service
        n1$ ceph-volume raw activate --no-systemd --device /dev/disk0
        n1$ systemctl start -- ceph-osd@0.service
        wait until osd.0 is up and all PGs are active+clean
    hint: mend that, then `reeve rook resume RUN` goes on with the undo; `reeve rook resume RUN --forward` gives the undo up and goes forward
    "#);
}
