//! A made-up page that holds every kind of part, with awkward and hostile text.

use jiff::{SignedDuration, Timestamp};
use reeve_report::{
    Bar, Block, Chart, Document, DocumentOutcome, Keep, Lane, Look, Part, Property, Series, Task, Timeline, Tone,
};

fn at(second: i64) -> Timestamp {
    let begin: Timestamp = "2026-11-21T09:00:00Z".parse().expect("the sample's time is a time");
    begin
        .checked_add(SignedDuration::from_secs(second))
        .expect("within a day")
}

fn bar(from: i64, to: i64, look: Look, note: &str) -> Bar {
    Bar {
        from: at(from),
        to: at(to),
        look,
        note: note.into(),
    }
}

/// Returns the sample.
pub(crate) fn document() -> Document {
    let mut lanes: Vec<Lane> = (1..=3)
        .map(|n| Lane {
            name: format!("mon.n{n}"),
            value: "13.2 s".into(),
            bars: vec![
                bar(60 * n, 60 * n + 13, Look::Strong, "away 13.2 s"),
                bar(60 * n + 13, 60 * n + 73, Look::Light, "watched 60 s"),
            ],
        })
        .collect();
    lanes.push(Lane {
        name: "osd.<script>alert(1)</script>\u{202e}".into(),
        value: "undone".into(),
        bars: vec![
            bar(300, 340, Look::Broken, "failed & undone \u{1b}[2J"),
            bar(590, 590, Look::Bad, ""),
            bar(0, 600, Look::Unknown, "all"),
            bar(10, 20, Look::Good, "good"),
            bar(30, 40, Look::Caution, "caution"),
        ],
    });
    let latency: Vec<(Timestamp, Option<f64>)> = (0..600)
        .map(|second| {
            let value = if second % 97 == 0 {
                120.0
            } else {
                4.0 + f64::from(second % 7)
            };
            (at(second.into()), (second % 200 != 199).then_some(value))
        })
        .collect();
    Document {
        title: "Take-over of ceph-lab into Rook".into(),
        tool: "reeve 0.1.0".into(),
        made_at: at(700),
        banner: Some("REHEARSAL: nothing of this has happened".into()),
        outcome: DocumentOutcome {
            tone: Tone::Good,
            word: "Finished".into(),
            advice: "Rook runs 3 mons, 2 mgrs and 6 OSDs.".into(),
        },
        subject: vec![Property::new("Run", "20261121T090000Z-rook-4f2a"), Property::new("Cluster", "7c2f9a3e-55d0-4f0a-9b0e-0c5a1f3f4c21")],
        blocks: vec![
            Block {
                title: "Timeline".into(),
                intro: "Each daemon has a lane.".into(),
                parts: vec![
                    Part::Timeline(Timeline {
                        title: "Daemons over the run".into(),
                        description: "Three mons were away for 13 seconds each.".into(),
                        from: at(0),
                        to: at(600),
                        lanes,
                        legend: vec![
                            (Look::Strong, "away".into()),
                            (Look::Light, "watched".into()),
                            (Look::Broken, "undone".into()),
                        ],
                    }),
                    Part::Chart(Chart {
                        title: "Slowest write".into(),
                        description: "At most 120 ms, at most times below 12 ms.".into(),
                        unit: "ms".into(),
                        from: at(0),
                        to: at(600),
                        series: vec![
                            Series {
                                name: "slowest".into(),
                                points: latency.clone(),
                                keep: Keep::Highest,
                            },
                            Series {
                                name: "99.9 %".into(),
                                points: latency.iter().map(|(at, value)| (*at, value.map(|it| it / 2.0))).collect(),
                                keep: Keep::Highest,
                            },
                            Series {
                                name: "none".into(),
                                points: Vec::new(),
                                keep: Keep::Lowest,
                            },
                        ],
                        limit: Some((150.0, "limit".into())),
                    }),
                ],
            },
            Block {
                title: "Away".into(),
                intro: String::new(),
                parts: vec![Part::Table {
                    columns: vec!["Daemon".into(), "Host".into(), "Seconds".into()],
                    rows: vec![vec!["mon.n1".into(), "n1".into(), "13.2".into()], vec!["osd.0".into()]],
                }],
            },
            Block {
                title: "What must still be done".into(),
                intro: "In this order.".into(),
                parts: vec![Part::Tasks(vec![Task {
                    title: "Describe the pools".into(),
                    detail: "Run `reeve rook adopt-crs` & read what it says.".into(),
                    commands: vec![
                        "reeve rook adopt-crs --admin-host n1 --kubeconfig admin.conf --output pools/ # a long line that scrolls by itself".into(),
                        "kubectl apply -f pools/".into(),
                    ],
                }])],
            },
            Block {
                title: "Findings".into(),
                intro: String::new(),
                parts: vec![
                    Part::Prose("All of them.".into()),
                    Part::Properties(vec![Property::new("checked", "twice")]),
                    Part::Results(crate::sample::report().results),
                ],
            },
        ],
    }
}
