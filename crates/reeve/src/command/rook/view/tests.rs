//! What an operator sees, at chosen moments of a made-up run.

use reeve_journal::{PauseReason, RecordedError, UndoCause};
use reeve_rook::plan::{Options, plan};
use reeve_rook::sample::Cluster;
use reeve_rook::watch::{Answer, ClientIo, ClusterView, SessionBegin};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_250_000 + seconds).unwrap()
}

/// A run of the made-up cluster's plan up to the start of a step, one second a step.
struct Story {
    view: View,
    seconds: i64,
}

impl Story {
    fn new() -> Self {
        let plan = plan(&Cluster::default().facts(), &Options::default()).unwrap();
        let mut story = Self {
            view: View::new(&plan),
            seconds: 0,
        };
        let by = reeve_journal::Holder {
            pid: 1,
            host: "here".into(),
            version: "test".into(),
            since: at(0),
        };
        story.happens(Event::RunTaken { by });
        story
    }

    fn happens(&mut self, event: Event) {
        self.seconds += 1;
        let record = Record {
            seq: 1,
            at: at(self.seconds),
            event,
        };
        self.view.record(&record);
    }

    fn id(&self, name: &str) -> StepId {
        let found = self.view.index.keys().find(|id| id.as_str() == name);
        found.unwrap_or_else(|| panic!("no step {name}")).clone()
    }

    fn up_to(&mut self, name: &str) {
        let last = self.view.index[&self.id(name)];
        let mut ids: Vec<(usize, StepId)> = self.view.index.iter().map(|(id, at)| (*at, id.clone())).collect();
        ids.sort_by_key(|(at, _)| *at);
        for (index, step) in ids.into_iter().filter(|(index, _)| *index <= last) {
            self.happens(Event::StepStarted {
                step: step.clone(),
                attempt: 1,
            });
            if index < last {
                let output = serde_json::Value::Null;
                self.happens(Event::StepDone {
                    step,
                    changed: true,
                    output,
                });
            }
        }
    }

    fn sees(&mut self, change: impl FnOnce(&mut ClusterView), client: Option<ClientIo>) {
        let mut view = ClusterView {
            health: "HEALTH_OK".into(),
            quorum: ["n1", "n2", "n3"].map(String::from).into(),
            mons: 3,
            mgr_available: true,
            mgr_active: Some("a".into()),
            mgr_standbys: 1,
            osds: 6,
            osds_up: 6,
            pgs: 32,
            pg_states: [("active+clean".to_owned(), 32)].into(),
            ..ClusterView::default()
        };
        change(&mut view);
        self.view.sample(&SampleLine::Sample(Sample {
            at: at(self.seconds),
            took_ms: 300,
            answer: Answer::Cluster(view),
            client,
        }));
    }

    fn drawn(&self, later: i64, width: usize) -> String {
        let lines = self.view.lines(at(self.seconds + later), width);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= width && !line.chars().any(char::is_control)),
            "{lines:#?}"
        );
        lines.join("\n")
    }
}

#[test]
fn an_osd_on_its_way() {
    let mut story = Story::new();
    story.view.sample(&SampleLine::Begin(SessionBegin {
        format: 1,
        run: "r".into(),
        at: at(0),
        interval_ms: 1000,
        client: Some(ClientWatch {
            host: "client".into(),
            pool: "volumes".into(),
            image: "watch".into(),
            limit_ms: 10_000,
        }),
        rehearsal: false,
    }));
    story.up_to("osds/osd.0/await_osd_up");
    let ill = |view: &mut ClusterView| {
        view.health = "HEALTH_WARN".into();
        view.checks = ["OSD_DOWN", "PG_DEGRADED"].map(String::from).into();
        view.osds_up = 5;
        view.pg_states = [
            ("active+clean".to_owned(), 24),
            ("active+undersized+degraded".to_owned(), 8),
        ]
        .into();
    };
    let slow = ClientIo {
        writes: 20,
        worst_write_us: 440_000,
        p999_write_us: 400_000,
        ..ClientIo::default()
    };
    story.sees(ill, Some(slow));
    let io = ClientIo {
        writes: 20,
        worst_write_us: 12_000,
        ..ClientIo::default()
    };
    story.sees(ill, Some(io));
    insta::assert_snapshot!(story.drawn(8, 100), @r"
    Phase 6 of 7: Hand over the OSDs                                                     93 of 170 steps
      osd.0  Waits until osd.0 is up.                                                       8 s of 600 s
      ceph    HEALTH_WARN (OSD_DOWN, PG_DEGRADED)
      mons    quorum 3 of 3; mgr a, 1 stands by
      osds    5 of 6 OSDs up, 24 of 32 PGs active+clean (8 active+undersized+degraded)
      client  worst write 12 ms, 20 writes; worst so far 440 ms
      away    osd.0 on n1: Rook's pod may start, and was not seen to serve yet
      time    3 min 16 s so far, about 6 min 29 s left, pauses aside
    ");
    // Narrow, and nothing heard for a while.
    insta::assert_snapshot!(story.drawn(40, 50), @r"
    Phase 6 of 7: Hand over the OSDs   93 of 170 steps
      osd.0  Waits until osd.0 is up.    40 s of 600 s
      ceph    HEALTH_WARN (OSD_DOWN, PG_DEGRADED)
      mons    quorum 3 of 3; mgr a, 1 stands by
      osds    5 of 6 OSDs up, 24 of 32 PGs active+cle…
      client  worst write 12 ms, 20 writes; worst so …
              seen 39 s ago
      away    osd.0 on n1: Rook's pod may start, and …
      time    3 min 48 s so far, about 6 min 29 s lef…
    ");
}

#[test]
fn before_anything_and_at_the_end() {
    let mut story = Story::new();
    insta::assert_snapshot!(story.drawn(0, 90), @r"
    Phase 1 of 7: Prepare                                                       0 of 170 steps
      between two steps
      time    1 s so far, about 13 min 24 s left, pauses aside
    ");
    let last = story.view.index.iter().max_by_key(|(_, at)| **at).unwrap().0.clone();
    story.up_to(last.as_str());
    let step = last;
    let output = serde_json::Value::Null;
    story.happens(Event::StepDone {
        step,
        changed: false,
        output,
    });
    story.happens(Event::Finished);
    story.sees(|_| (), None);
    insta::assert_snapshot!(story.drawn(500, 90), @r"
    Phase 7 of 7: Let go                                                      170 of 170 steps
      at rest
      ceph    HEALTH_OK
      mons    quorum 3 of 3; mgr a, 1 stands by
      osds    6 OSDs up, 32 PGs active+clean
      time    nothing left
    ");
}

#[test]
fn no_quorum_while_a_mon_is_taken_back() {
    let mut story = Story::new();
    story.up_to("mons/mon.n1/release_daemon");
    let step = story.id("mons/mon.n1/release_daemon");
    let error = RecordedError::message("not so after 60 s");
    story.happens(Event::StepFailed {
        step: step.clone(),
        error: error.clone(),
    });
    let back_to = story.id("mons/mon.n1/prove_gate_closed");
    story.happens(Event::UndoBegan {
        back_to,
        because: UndoCause::Failed {
            step: step.clone(),
            error: error.clone(),
        },
    });
    story.happens(Event::StepUndoStarted {
        step: step.clone(),
        attempt: 1,
    });
    story.view.sample(&SampleLine::Sample(Sample {
        at: at(story.seconds),
        took_ms: 5_000,
        answer: Answer::None {
            because: "no answer within 5 s".into(),
        },
        client: None,
    }));
    insta::assert_snapshot!(story.drawn(3, 100), @r"
    Phase 4 of 7: Hand over the mons                                                     70 of 170 steps
      mon.n1  undoing: Releases mon.n1 to Rook.                                             3 s of 120 s
      ceph    DOES NOT ANSWER: no answer within 5 s
      away    mon.n1 on n1: Rook's pod may start, and was not seen to serve yet
      time    2 min 28 s so far, about 7 s of undoing left
    ");
    story.happens(Event::StepUndoDone {
        step: step.clone(),
        changed: true,
    });
    story.happens(Event::Paused {
        reason: PauseReason::Failed { step, error },
    });
    insta::assert_snapshot!(story.drawn(3, 100), @r"
    Phase 4 of 7: Hand over the mons                                                     70 of 170 steps
      at rest
      ceph    DOES NOT ANSWER: no answer within 5 s
      away    mon.n1 on n1: ceph-mon@n1.service is stopped, and Rook's pod must not start yet
      time    about 7 min 53 s left, pauses aside
    ");
}
