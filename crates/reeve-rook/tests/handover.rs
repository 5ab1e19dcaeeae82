//! The hand-over report of made-up runs: one that finished after a failure, one that stands, one that was a rehearsal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

use jiff::{SignedDuration, Timestamp};
use reeve_report::{CheckId, CheckResult, Evidence, Finding, Outcome, Part, Report, Severity, TerminalOptions};
use reeve_rook::handover_report::{
    DaemonState, HandOverOutcome, HandoverReport, HandoverSources, RunOutcome, SpanKind, handover_report, schema,
};
use reeve_rook::verify::Exports;
use reeve_rook::watch::{
    Answer, ClientIo, ClientWatch, ClusterView, Sample, SampleLine, Samples, SessionBegin, StopAsked,
};
use serde_json::json;

#[path = "../../reeve-report/tests/chromium/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of the renderers, which use all of it")]
mod chromium;
mod made_up_run;

use made_up_run::Writer;

/// The published schema; it changes only on purpose.
const PUBLISHED_SCHEMA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/src/reference/rook-handover.schema.json"
);

/// A run in which osd.2 does not come up at first, and that ends well.
fn finished() -> Writer {
    let (_, plan) = made_up_run::plan();
    let mut run = Writer::new(plan, false);
    let fails = run.step("osds/osd.2/await_osd_up");
    run.work_until(|step| *step == fails);
    run.begin(&fails);
    let back_to = run.step("osds/osd.2/prove_gate_closed");
    run.fail(&fails, &back_to, "osd.2 is not up after 238 s\u{1b}[31m");
    run.taken();
    run.work_until(|_| false);
    run.finish();
    run
}

fn exports() -> Exports {
    Exports {
        pools: Some(json!([])),
        mgr: Some(json!({ "modules": ["prometheus", "dashboard"] })),
        ..Exports::default()
    }
}

fn samples(until: Timestamp) -> Samples {
    let from: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
    let mut samples = Samples::default();
    samples.take(SampleLine::Begin(SessionBegin {
        format: 1,
        run: "20261121T090000Z-rook-4f2a".into(),
        at: from,
        interval_ms: 1_000,
        client: Some(ClientWatch {
            host: "client1".into(),
            pool: "rbd".into(),
            image: "watch".into(),
            limit_ms: 10_000,
        }),
        rehearsal: false,
    }));
    let total = until.duration_since(from).as_secs();
    for second in 0..total {
        let away = second % 120 < 3;
        let view = ClusterView {
            health: if away { "HEALTH_WARN" } else { "HEALTH_OK" }.into(),
            quorum: if away { &["n1", "n3"][..] } else { &["n1", "n2", "n3"] }
                .iter()
                .map(|it| (*it).to_owned())
                .collect(),
            mons: 3,
            monmap_epoch: 1,
            mgr_available: second != 200,
            osds: 6,
            osds_up: if away { 5 } else { 6 },
            pgs: 33,
            pg_states: [("active+clean".to_owned(), if away { 20 } else { 33 })].into(),
            ..ClusterView::default()
        };
        let answer = if second == 60 {
            Answer::None {
                because: "timed out".into(),
            }
        } else {
            Answer::Cluster(view)
        };
        samples.take(SampleLine::Sample(Sample {
            at: from.checked_add(SignedDuration::from_secs(second)).unwrap(),
            took_ms: 40,
            answer,
            client: Some(ClientIo {
                writes: 90,
                worst_write_us: if away {
                    812_345
                } else {
                    9_000 + u64::try_from(second).unwrap() % 7_000
                },
                p999_write_us: 9_000,
                waiting: false,
                errors: 0,
            }),
        }));
    }
    samples.take(SampleLine::Stopped(StopAsked {
        at: until,
        because: "a write took 12.1 s".into(),
    }));
    samples
}

fn judged() -> Report {
    let at = "2026-11-21T09:40:00Z".parse().unwrap();
    let mut report = Report::new("Is the cluster as the run left it?", "reeve 0.1.0", at);
    let check = CheckId::fixed("rook.verify-flags");
    report.results = vec![CheckResult {
        check: check.clone(),
        title: "Flags of the OSD map are as the plan leaves them".into(),
        source: "ceph/ceph".into(),
        outcome: Outcome::Found(vec![Finding {
            check,
            severity: Severity::Warning,
            subject: "flag noout".into(),
            detail: "noout is still set.".into(),
            evidence: vec![Evidence {
                from: "ceph osd dump".into(),
                text: "noout".into(),
            }],
            remedy: "`ceph osd unset noout`".into(),
            source: "ceph/ceph".into(),
        }]),
    }];
    report
}

fn report_of(run: Writer, with: bool) -> HandoverReport {
    let detail = run.detail();
    let samples = samples(detail.summary.updated_at);
    let (facts, _) = made_up_run::plan();
    let judged = [judged()];
    handover_report(&HandoverSources {
        run: &detail,
        samples: with.then_some(&samples),
        exports: &exports(),
        kept_in: with.then_some("/runs/20261121T090000Z-rook-4f2a.secrets"),
        facts: with.then_some(&facts),
        judged: if with { &judged } else { &[] },
        tool: "reeve 0.1.0",
        made_at: "2026-11-21T10:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

#[test]
fn a_run_that_finished_after_a_failure() {
    let report = report_of(finished(), true);
    assert_eq!(report.run.outcome, RunOutcome::Finished);
    assert_eq!(report.run.times_taken, 2);
    let daemon = |name: &str| report.daemons.iter().find(|it| it.name == name).unwrap();

    let mon = daemon("mon.n2");
    assert_eq!(mon.state, Some(DaemonState::Rook));
    let away = mon.away_seconds.unwrap();
    assert!((9.0..20.0).contains(&away), "{away}");
    let kinds: Vec<SpanKind> = mon.spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Away, SpanKind::Watched]);

    let osd = daemon("osd.2");
    let kinds: Vec<SpanKind> = osd.spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [SpanKind::Undone, SpanKind::Away, SpanKind::Recovering]);
    // The failed attempt waited four minutes; it must not count as the time away of the one that succeeded.
    assert!(
        osd.spans[0].seconds > 240.0 && osd.away_seconds.unwrap() < 30.0,
        "{osd:?}"
    );
    assert!(osd.clean_seconds.unwrap() > osd.away_seconds.unwrap());

    assert_eq!(daemon("mgr.n1").state, Some(DaemonState::Retired));
    assert_eq!(daemon("mgr.n1").away_seconds, None);
    assert_eq!(daemon("host.n1").spans[0].kind, SpanKind::Watched);

    assert_eq!(report.failures.len(), 1);
    let failure = &report.failures[0];
    assert_eq!(failure.step, "osds/osd.2/await_osd_up");
    assert!(
        failure.undone.contains(&"osds/osd.2/stop_unit".to_owned()),
        "{failure:?}"
    );
    let hand_over = report.hand_overs.iter().find(|it| it.subject == "osd.2").unwrap();
    assert_eq!((hand_over.outcome, hand_over.times_undone), (HandOverOutcome::Done, 1));
    let others = report.hand_overs.iter().filter(|it| it.subject != "osd.2");
    assert!(
        others
            .into_iter()
            .all(|it| it.outcome == HandOverOutcome::Done && it.times_undone == 0)
    );

    let watch = report.watch.as_ref().unwrap();
    assert_eq!(watch.unanswered, 1);
    assert!(
        (watch.seconds_unanswered - 1.0).abs() < 0.01 && (watch.seconds_without_mgr - 1.0).abs() < 0.01,
        "{watch:?}"
    );
    assert_eq!((watch.fewest_in_quorum, watch.fewest_osds_up), (2, 5));
    assert_eq!((watch.worst_write_ms, watch.monmap_epochs), (Some(812.3), Some((1, 1))));
    assert!(watch.points.len() <= 1_200 && watch.points.iter().any(|point| !point.answered));
}

#[test]
fn what_is_to_be_done_follows_from_the_run_and_the_inventory() {
    let report = report_of(finished(), true);
    let ids =
        |works: &[reeve_rook::handover_report::HandWork]| works.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
    let by_hand = [
        "describe-pools",
        "settings",
        "operator-settings",
        "dashboard",
        "monitoring",
        "reboot",
        "old-units",
        "old-folders",
        "backups",
    ];
    // What the facts know goes before what the run kept: the sample's mgr has no module to speak of.
    let without = by_hand.iter().filter(|it| !["dashboard", "monitoring"].contains(it));
    assert_eq!(
        ids(&report.by_hand),
        without.map(|it| (*it).to_owned()).collect::<Vec<_>>()
    );
    let never = [
        "purge-packages",
        "ceph-ansible",
        "unmask",
        "mons-by-hand",
        "delete-objects",
    ];
    assert_eq!(ids(&report.not_any_more), never);
    let what: Vec<&str> = report.managed.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what[..3], ["3 mons", "6 OSDs", "2 mgrs"]);
    // Without facts, nothing is said that is not known.
    let bare = report_of(finished(), false);
    let gateways = bare.by_hand.iter().find(|it| it.id == "gateways").unwrap();
    assert!(gateways.detail.contains("was not read"), "{gateways:?}");
    assert!(
        ids(&bare.by_hand).contains(&"monitoring".to_owned()) && ids(&bare.by_hand).contains(&"dashboard".to_owned())
    );
    assert!(!ids(&bare.by_hand).contains(&"backups".to_owned()));
}

#[test]
fn a_run_that_stands_says_how_to_go_on() {
    let (_, plan) = made_up_run::plan();
    let mut run = Writer::new(plan, false);
    let at = run.step("mons/mon.n2/await_quorum");
    run.work_until(|step| *step == at);
    let report = report_of(run, false);
    assert_eq!(report.run.outcome, RunOutcome::Unfinished);
    let first = &report.by_hand[0];
    assert_eq!(first.id, "finish");
    assert_eq!(first.commands[0], "reeve rook resume 20261121T090000Z-rook-4f2a");
    let between = report
        .daemons
        .iter()
        .find(|it| it.state == Some(DaemonState::Between))
        .unwrap();
    assert_eq!(
        (between.name.as_str(), between.spans[0].kind),
        ("mon.n2", SpanKind::StillAway)
    );
    assert!(
        report
            .daemons
            .iter()
            .filter(|it| it.name.starts_with("osd"))
            .all(|it| it.state == Some(DaemonState::OldUnit))
    );
    assert!(!report.by_hand.iter().any(|it| it.id == "reboot"));
}

#[test]
fn nothing_is_managed_before_anything_is_done() {
    let (_, plan) = made_up_run::plan();
    let report = report_of(Writer::new(plan, false), false);
    assert_eq!((report.managed.len(), report.not_any_more.len()), (0, 0));
    assert!(
        report
            .hand_overs
            .iter()
            .all(|it| it.outcome == HandOverOutcome::NotBegun)
    );
}

#[test]
fn a_rehearsal_is_marked_as_one() {
    let (_, plan) = made_up_run::plan();
    let mut run = Writer::new(plan, true);
    run.work_until(|_| false);
    run.finish();
    let report = report_of(run, false);
    assert!(report.run.rehearsal);
    let document = report.document();
    assert!(document.banner.unwrap().starts_with("REHEARSAL"));
    assert!(document.title.starts_with("Rehearsal"));
}

#[test]
fn the_text_form() {
    let document = report_of(finished(), true).document();
    let text = reeve_report::document_terminal(
        &document,
        TerminalOptions {
            width: 100,
            colour: false,
        },
    );
    assert!(!text.contains('\u{1b}'));
    insta::assert_snapshot!(text);
}

#[test]
fn the_json_form_keeps_to_its_schema_and_comes_back() {
    let report = report_of(finished(), true);
    let value = serde_json::to_value(&report).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(serde_json::from_value::<HandoverReport>(value).unwrap(), report);
    let mut broken = serde_json::to_value(&report).unwrap();
    broken["run"]["outcome"] = "splendid".into();
    assert!(!validator.is_valid(&broken));
}

#[test]
fn the_published_schema_is_the_schema() {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap();
    text.push('\n');
    let published = std::fs::read_to_string(PUBLISHED_SCHEMA).unwrap_or_default();
    if published != text {
        let fresh = std::env::temp_dir().join("rook-handover.schema.json");
        std::fs::write(&fresh, text).unwrap();
        panic!(
            "{PUBLISHED_SCHEMA} is not what the code has; the right one is {}",
            fresh.display()
        );
    }
}

/// Returns what stands out of the page, and pictures without words.
const FAULTS: &str = r#"(() => {
  const edge = document.documentElement.clientWidth;
  const boxed = e => e.parentElement && (['auto', 'scroll'].includes(getComputedStyle(e.parentElement).overflowX) || boxed(e.parentElement));
  const out = [...document.body.querySelectorAll('*')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > edge + .5 && !boxed(e)).map(e => e.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  const mute = [...document.querySelectorAll('svg[role=img]')].filter(e => !e.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id)?.textContent.trim())).length;
  return { out, twice, mute, bars: document.querySelectorAll('svg.track .bar').length };
})()"#;

#[test]
fn the_page_in_a_browser() {
    let Some(program) = chromium::program() else {
        // The renderers' own test insists on a browser where one has to be.
        return;
    };
    let mut browser = chromium::Chromium::start(program);
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("reeve-rook");
    std::fs::create_dir_all(&pictures).unwrap();
    let file = pictures.join("hand-over.html");
    std::fs::write(
        &file,
        reeve_report::document_html(&report_of(finished(), true).document()),
    )
    .unwrap();
    for width in [400, 1200] {
        for scheme in ["light", "dark"] {
            let mut page = browser.open(&file, width);
            page.emulate("screen", scheme);
            let faults = page.evaluate(FAULTS);
            assert_eq!(faults["out"], json!([]), "stands out at {width}");
            assert_eq!((&faults["twice"], &faults["mute"]), (&json!([]), &json!(0)), "{faults}");
            assert!(faults["bars"].as_u64().unwrap() > 30, "{faults}");
            page.picture(&pictures.join(format!("hand-over-{scheme}-{width}.png")));
            assert_eq!(page.requests(), [chromium::url(&file)]);
            assert_eq!(page.console(), Vec::<String>::new());
        }
    }
    let mut page = browser.open(&file, 1200);
    std::fs::write(pictures.join("hand-over.pdf"), page.print()).unwrap();
}

#[test]
fn the_page_holds_every_part() {
    let document = report_of(finished(), true).document();
    let titles: Vec<&str> = document.blocks.iter().map(|block| block.title.as_str()).collect();
    for wanted in [
        "What Rook manages now",
        "What must still be done by hand",
        "What not to do any more",
        "Timeline",
        "The cluster meanwhile",
    ] {
        assert!(titles.contains(&wanted), "{titles:?}");
    }
    let charts = document
        .blocks
        .iter()
        .flat_map(|block| &block.parts)
        .filter(|part| matches!(part, Part::Chart(_)))
        .count();
    assert_eq!(charts, 2);
}
