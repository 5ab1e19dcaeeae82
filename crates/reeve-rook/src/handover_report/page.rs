//! The report as a page for people.

mod watch;

use jiff::Timestamp;
use reeve_report::{Bar, Block, Document, DocumentOutcome, Lane, Look, Part, Property, Task, Timeline, Tone};

use super::shape::{DaemonHistory, DaemonState, HandOverOutcome, HandWork, HandoverReport, RunOutcome, Span, SpanKind};

impl HandoverReport {
    /// Returns the report as a page: head, the two answers, timeline, cluster, away times, hand-overs, failures, go-aheads, findings.
    pub fn document(&self) -> Document {
        let mut blocks = vec![self.managed_block()];
        blocks.push(tasks(
            "What must still be done by hand",
            "The most pressing first. Nothing here is urgent for the clients unless it says so.",
            "Nothing is known to be left.",
            &self.by_hand,
        ));
        if !self.not_any_more.is_empty() {
            blocks.push(tasks("What not to do any more", "", "", &self.not_any_more));
        }
        blocks.push(self.timeline_block());
        blocks.extend(self.watch.as_ref().map(watch::block));
        blocks.push(self.away_block());
        blocks.push(self.hand_overs_block());
        if !self.failures.is_empty() {
            blocks.push(self.failures_block());
        }
        blocks.push(self.phases_block());
        for judged in &self.judged {
            blocks.push(Block {
                title: judged.title.clone(),
                intro: format!("Judged {}.", judged.made_at.strftime("%Y-%m-%d %H:%M:%S UTC")),
                parts: vec![Part::Results(judged.results.clone())],
            });
        }
        blocks.push(Block {
            title: "What the plan said".into(),
            intro: self.cluster.planned.join("\n"),
            parts: Vec::new(),
        });
        let rehearsal = self.run.rehearsal;
        let verb = if rehearsal {
            "Rehearsal of the take-over"
        } else {
            "Take-over"
        };
        Document {
            title: format!("{verb} of Ceph cluster {} into Rook", self.cluster.name),
            tool: self.tool.clone(),
            made_at: self.made_at,
            banner: rehearsal
                .then(|| "REHEARSAL: this was played on a model. Nothing of it has happened to the cluster, and times are modelled.".into()),
            outcome: self.outcome(),
            subject: self.subject(),
            blocks,
        }
    }

    fn outcome(&self) -> DocumentOutcome {
        let (tone, word) = match self.run.outcome {
            RunOutcome::Finished => (Tone::Good, "Finished"),
            RunOutcome::TakenBack => (Tone::Neutral, "Taken back"),
            RunOutcome::Paused => (Tone::Caution, "Paused"),
            RunOutcome::Stuck => (Tone::Bad, "Stuck"),
            RunOutcome::Unfinished => (Tone::Caution, "Not finished"),
        };
        let count = |state: DaemonState, kind: &str| {
            let fits = |it: &&DaemonHistory| it.state == Some(state) && it.name.starts_with(kind);
            self.daemons.iter().filter(fits).count()
        };
        let (mons, osds) = (count(DaemonState::Rook, "mon."), count(DaemonState::Rook, "osd."));
        let old = count(DaemonState::OldUnit, "");
        DocumentOutcome {
            tone,
            word: word.into(),
            advice: format!(
                "{} Mons under Rook: {mons}; OSDs under Rook: {osds}; daemons in their old units: {old}.",
                self.run.detail
            ),
        }
    }

    fn subject(&self) -> Vec<Property> {
        let run = &self.run;
        let took = run.ended_at.duration_since(run.began_at).as_secs_f64();
        let mut subject = vec![
            Property::new("Cluster", self.cluster.fsid.clone()),
            Property::new(
                "CephCluster",
                format!("{}/{}", self.cluster.namespace, self.cluster.name),
            ),
            Property::new("Run", run.id.clone()),
            Property::new(
                "Time",
                format!(
                    "{} to {} ({})",
                    moment(run.began_at),
                    moment(run.ended_at),
                    length(took)
                ),
            ),
            Property::new("Steps", format!("{} of {} done", run.steps_done, run.steps)),
        ];
        if run.times_taken > 1 {
            subject.push(Property::new("Taken up", format!("{} times", run.times_taken)));
        }
        if let Some(longest) = self
            .daemons
            .iter()
            .filter_map(|it| Some((it.away_seconds?, &it.name)))
            .max_by(|a, b| a.0.total_cmp(&b.0))
        {
            subject.push(Property::new(
                "Longest away",
                format!("{} ({})", length(longest.0), longest.1),
            ));
        }
        if let Some(watch) = &self.watch {
            subject.push(Property::new(
                "No answer from the mons",
                length(watch.seconds_unanswered),
            ));
            subject.push(Property::new("No active mgr", length(watch.seconds_without_mgr)));
            if let Some(worst) = watch.worst_write_ms {
                subject.push(Property::new("Slowest client write", format!("{worst} ms")));
            }
            if let Some(errors) = watch.io_errors {
                subject.push(Property::new("Client I/O errors", errors.to_string()));
            }
        }
        subject
    }

    fn managed_block(&self) -> Block {
        let rows: Vec<Vec<String>> = self
            .managed
            .iter()
            .map(|it| vec![it.what.clone(), it.detail.clone()])
            .collect();
        let title = "What Rook manages now".into();
        if rows.is_empty() {
            let intro = "Nothing: every daemon runs as it did before.".into();
            return Block {
                title,
                intro,
                parts: Vec::new(),
            };
        }
        Block {
            title,
            intro: String::new(),
            parts: vec![Part::Table {
                columns: vec!["What".into(), "How".into()],
                rows,
            }],
        }
    }

    fn timeline_block(&self) -> Block {
        let phases = Lane {
            name: "phases".into(),
            value: String::new(),
            bars: self
                .phases
                .iter()
                .filter_map(|phase| {
                    let from = phase.began_at?;
                    let to = phase.ended_at.unwrap_or(self.run.ended_at).max(from);
                    Some(Bar {
                        from,
                        to,
                        look: Look::Light,
                        note: format!("{}: {} to {}", phase.name, clock(from), clock(to)),
                    })
                })
                .collect(),
        };
        let lanes: Vec<Lane> = std::iter::once(phases).chain(self.daemons.iter().map(lane)).collect();
        let seen = |kind: SpanKind| {
            self.daemons
                .iter()
                .flat_map(|it| &it.spans)
                .any(|span| span.kind == kind)
        };
        let legend = [
            (
                SpanKind::Away,
                Look::Strong,
                "away: from its stop until it was back under Rook",
            ),
            (SpanKind::Recovering, Look::Caution, "back, and PGs not all clean yet"),
            (SpanKind::Watched, Look::Light, "watched before going on"),
            (
                SpanKind::Undone,
                Look::Broken,
                "undone: away until the old unit ran again",
            ),
            (
                SpanKind::StillAway,
                Look::Bad,
                "away, and not back at the end of the record",
            ),
        ];
        let away = self.daemons.iter().filter(|it| it.away_seconds.is_some()).count();
        let undone = self
            .daemons
            .iter()
            .flat_map(|it| &it.spans)
            .filter(|span| span.kind == SpanKind::Undone)
            .count();
        Block {
            title: "Timeline".into(),
            intro: "Each daemon has a lane, in the plan's order. Times are UTC.".into(),
            parts: vec![Part::Timeline(Timeline {
                title: "Daemons over the run".into(),
                description: format!(
                    "Mons and OSDs that were away and came back: {away}; attempts that were undone: {undone}. A table below has the numbers."
                ),
                from: self.run.began_at,
                to: self.run.ended_at,
                lanes,
                legend: legend
                    .into_iter()
                    .filter(|(kind, ..)| seen(*kind))
                    .map(|(_, look, meaning)| (look, meaning.into()))
                    .collect(),
            })],
        }
    }

    fn away_block(&self) -> Block {
        let rows: Vec<Vec<String>> = self
            .daemons
            .iter()
            .filter(|it| it.state.is_some())
            .map(|it| {
                let undone: Vec<String> = it
                    .spans
                    .iter()
                    .filter(|span| span.kind == SpanKind::Undone)
                    .map(|span| length(span.seconds))
                    .collect();
                vec![
                    it.name.clone(),
                    it.host.clone().unwrap_or_default(),
                    it.state.map_or("", state).into(),
                    it.away_seconds.map_or_else(String::new, length),
                    it.clean_seconds.map_or_else(String::new, length),
                    undone.join(", "),
                ]
            })
            .collect();
        Block {
            title: "How long each daemon was away".into(),
            intro: "Away is from the stop of the old unit until the mon is in quorum, or the OSD up, under Rook. A mgr is never away: Rook's stand by before the old one goes.".into(),
            parts: vec![Part::Table {
                columns: ["Daemon", "Host", "Runs in", "Away", "All clean after", "Undone"].map(String::from).into(),
                rows,
            }],
        }
    }

    fn hand_overs_block(&self) -> Block {
        let rows: Vec<Vec<String>> = self
            .hand_overs
            .iter()
            .map(|it| {
                let outcome = match it.outcome {
                    HandOverOutcome::Done => "done",
                    HandOverOutcome::Undone => "undone",
                    HandOverOutcome::Begun => "begun",
                    HandOverOutcome::NotBegun => "not begun",
                };
                let took = it
                    .began_at
                    .zip(it.ended_at)
                    .map(|(from, to)| to.duration_since(from).as_secs_f64());
                let mut said = outcome.to_owned();
                if it.times_undone > 0 && it.outcome == HandOverOutcome::Done {
                    said.push_str(&format!(", undone before {}", times(it.times_undone)));
                }
                vec![
                    it.phase.clone(),
                    it.title.clone(),
                    said,
                    format!("{}/{}", it.steps_done, it.steps),
                    it.began_at.map_or_else(String::new, clock),
                    took.map_or_else(String::new, length),
                ]
            })
            .collect();
        Block {
            title: "Hand-overs".into(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: ["Phase", "Hand-over", "Outcome", "Steps", "Began", "Took"]
                    .map(String::from)
                    .into(),
                rows,
            }],
        }
    }

    fn failures_block(&self) -> Block {
        let tasks = self
            .failures
            .iter()
            .map(|it| {
                let what = match (it.undoing, it.refused) {
                    (true, _) => "could not be undone",
                    (_, true) => "was refused",
                    _ => "failed",
                };
                let undone = match it.undone.as_slice() {
                    [] => "Nothing was undone.".to_owned(),
                    steps => format!("Undone then: {}.", steps.join(", ")),
                };
                Task {
                    title: format!("{} {what} at {}", it.step, clock(it.at)),
                    detail: format!("{}\n{}\n{undone}", it.what, it.error),
                    commands: Vec::new(),
                }
            })
            .collect();
        Block {
            title: "What failed, and what was undone".into(),
            intro: String::new(),
            parts: vec![Part::Tasks(tasks)],
        }
    }

    fn phases_block(&self) -> Block {
        let rows: Vec<Vec<String>> = self
            .phases
            .iter()
            .map(|it| {
                let by: Vec<String> = it
                    .approvals
                    .iter()
                    .map(|one| format!("{} at {}", one.by, clock(one.at)))
                    .collect();
                let took = it
                    .began_at
                    .zip(it.ended_at)
                    .map(|(from, to)| to.duration_since(from).as_secs_f64());
                vec![
                    it.name.clone(),
                    it.title.clone(),
                    format!("{}/{}", it.steps_done, it.steps),
                    took.map_or_else(String::new, length),
                    by.join("; "),
                ]
            })
            .collect();
        Block {
            title: "Phases and go-aheads".into(),
            intro: String::new(),
            parts: vec![Part::Table {
                columns: ["Phase", "What", "Steps", "Took", "Go-ahead by"]
                    .map(String::from)
                    .into(),
                rows,
            }],
        }
    }
}

fn tasks(title: &str, intro: &str, none: &str, works: &[HandWork]) -> Block {
    let tasks = works
        .iter()
        .map(|it| Task {
            title: it.title.clone(),
            detail: it.detail.clone(),
            commands: it.commands.clone(),
        })
        .collect();
    Block {
        title: title.into(),
        intro: if works.is_empty() { none } else { intro }.into(),
        parts: if works.is_empty() {
            Vec::new()
        } else {
            vec![Part::Tasks(tasks)]
        },
    }
}

fn lane(daemon: &DaemonHistory) -> Lane {
    let value = match (daemon.state, daemon.away_seconds) {
        (Some(DaemonState::Retired), _) => "retired".into(),
        (Some(DaemonState::OldUnit), _) => "old unit".into(),
        (Some(DaemonState::Between), _) => "between".into(),
        (_, Some(away)) => length(away),
        _ => String::new(),
    };
    Lane {
        name: daemon.name.clone(),
        value,
        bars: daemon.spans.iter().map(bar).collect(),
    }
}

fn bar(span: &Span) -> Bar {
    let (look, word) = match span.kind {
        SpanKind::Away => (Look::Strong, "away"),
        SpanKind::Recovering => (Look::Caution, "recovering"),
        SpanKind::Watched => (Look::Light, "watched"),
        SpanKind::Undone => (Look::Broken, "undone, away"),
        SpanKind::StillAway => (Look::Bad, "still away,"),
    };
    Bar {
        from: span.from,
        to: span.to,
        look,
        note: format!("{word} {} from {}", length(span.seconds), clock(span.from)),
    }
}

fn state(state: DaemonState) -> &'static str {
    match state {
        DaemonState::OldUnit => "its old unit",
        DaemonState::Rook => "Rook's pod",
        DaemonState::Retired => "retired",
        DaemonState::Between => "neither",
    }
}

fn times(number: usize) -> String {
    if number == 1 {
        "once".into()
    } else {
        format!("{number} times")
    }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Returns a length of time as people read it.
fn length(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.1} s")
    } else if seconds < 5_400.0 {
        format!(
            "{:.0} min {:02.0} s",
            (seconds / 60.0).floor(),
            (seconds % 60.0).floor()
        )
    } else {
        format!(
            "{:.0} h {:02.0} min",
            (seconds / 3600.0).floor(),
            (seconds % 3600.0 / 60.0).floor()
        )
    }
}
