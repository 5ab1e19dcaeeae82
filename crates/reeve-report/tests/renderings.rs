//! The four forms of the sample, and properties that hold for every report.

use proptest::prelude::*;
use reeve_report::{
    CheckId, CheckResult, Counts, Document, Evidence, Finding, LoadError, Outcome, Part, Property, Report, Section,
    SectionBody, Severity, TerminalOptions, Verdict,
};

use textwrap::core::display_width;

#[path = "sample/document.rs"]
mod document;
mod sample;

const PLAIN: TerminalOptions = TerminalOptions {
    width: 80,
    colour: false,
};

/// The published schema; it changes only on purpose.
const PUBLISHED_SCHEMA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/src/reference/report.schema.json"
);

#[test]
fn terminal_at_80_columns() {
    insta::assert_snapshot!(reeve_report::terminal(&sample::report(), PLAIN));
}

#[test]
fn terminal_at_40_and_200_columns() {
    let mut report = sample::report();
    report.results.truncate(2);
    report.sections.truncate(1);
    for width in [40, 200] {
        let text = reeve_report::terminal(&report, TerminalOptions { width, colour: false });
        insta::assert_snapshot!(format!("terminal_at_{width}_columns"), text);
    }
}

#[test]
fn terminal_in_colour_differs_only_in_sequences() {
    let coloured = reeve_report::terminal(
        &sample::report(),
        TerminalOptions {
            width: 80,
            colour: true,
        },
    );
    assert!(
        coloured.contains("\u{1b}[1m\u{1b}[31mREFUSAL\u{1b}[0m"),
        "refusals are not bold and red"
    );
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').expect("a colour sequence ends in m").1;
    }
    plain.push_str(rest);
    assert_eq!(plain, reeve_report::terminal(&sample::report(), PLAIN));
}

#[test]
fn a_command_in_a_remedy_stays_on_one_line() {
    let mut report = sample::report();
    for filler in 0..70 {
        let mut finding = finding(Severity::Refusal);
        finding.remedy = format!("{} `ceph osd pool set images size 3` and wait.", "x".repeat(filler));
        report.results[1].outcome = Outcome::Found(vec![finding]);
        let text = reeve_report::terminal(&report, PLAIN);
        assert!(text.contains("`ceph osd pool set images size 3`"), "{text}");
    }
}

#[test]
fn json_of_the_sample() {
    let text = reeve_report::json(&sample::report());
    assert!(!text.chars().any(steers), "the sample can steer a terminal");
    assert!(
        text.contains("\\u001b[2J\\u202eloop"),
        "the sample's hostile name is lost"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn the_published_schema_is_the_schema() {
    let published = std::fs::read_to_string(PUBLISHED_SCHEMA).expect("the schema is part of the documentation");
    let present = format!("{:#}\n", reeve_report::schema());
    assert!(
        published == present,
        "the JSON shape has changed. If that is meant, and old readers and writers still agree, write the schema with \
         `cargo run -p reeve-report --example sample -- FOLDER` and copy it to docs/src/reference/report.schema.json"
    );
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let validator = jsonschema::validator_for(&reeve_report::schema()).expect("the schema is one");
    let good: serde_json::Value = serde_json::from_str(&reeve_report::json(&sample::report())).unwrap();
    assert!(validator.is_valid(&good));
    for (pointer, bad) in [
        ("/format", serde_json::json!(0)),
        ("/made_at", serde_json::json!(5)),
        ("/verdict", serde_json::json!("good")),
        ("/results/0/check", serde_json::json!("Not An Id")),
        ("/results/0/outcome/state", serde_json::json!("unknown")),
        ("/results/1/outcome/findings/0/severity", serde_json::json!("fatal")),
        ("/sections/0/body/rows", serde_json::json!("none")),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).expect("the sample has this place") = bad;
        assert!(!validator.is_valid(&changed), "{pointer} may be anything");
    }
}

#[test]
fn a_report_of_another_minor_version_can_be_read() {
    let text = r#"{ "format": 1, "title": "t", "tool": "reeve 0.9.0", "made_at": "2026-11-21T03:04:05Z", "verdict": "fine", "news": 1,
        "results": [{ "check": "a.b", "title": "t", "source": "s", "outcome": { "state": "passed", "news": 1 } }] }"#;
    let report = reeve_report::load(text).unwrap();
    assert_eq!(report.verdict(), Verdict::Fine);
}

#[test]
fn what_is_no_report_is_refused_with_words() {
    let load = |text: &str| reeve_report::load(text).unwrap_err();
    assert!(matches!(
        load(r#"{ "format": 2, "findings": {} }"#),
        LoadError::Newer { found: 2 }
    ));
    assert!(matches!(load(r#"{ "format": 0 }"#), LoadError::Zero));
    assert!(matches!(load(r#"{ "format": 1 }"#), LoadError::Shape(_)));
    assert!(matches!(load("null"), LoadError::Shape(_)));
    insta::assert_snapshot!(
        load(r#"{ "format": 7 }"#),
        @"this report has format 7; this version reads up to 1, so use the version that wrote it"
    );
}

#[test]
fn junit_of_the_sample() {
    insta::assert_snapshot!(reeve_report::junit(&sample::report()).unwrap());
}

#[test]
fn html_loads_nothing_and_runs_nothing() {
    let html = reeve_report::html(&sample::report());
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert!(
        html.contains(
            "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        )
    );
    for loader in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<object",
        " src=",
        "url(",
        "@import",
        "onerror=\"",
        "http://192",
    ] {
        let shown_as_text = html
            .replace("href=http://192.0.2.1/x.css", "")
            .replace("&lt;img src=x", "");
        assert!(!shown_as_text.contains(loader), "{loader} is in the page");
    }
    assert_eq!(html.matches("<style>").count(), 1);
}

#[test]
fn a_document_on_a_terminal() {
    insta::assert_snapshot!(reeve_report::document_terminal(&document::document(), PLAIN));
}

#[test]
fn pictures_of_a_document_tell_what_they_show() {
    let html = reeve_report::document_html(&document::document());
    assert!(!html.chars().any(steers));
    for wanted in [
        "REHEARSAL: nothing of this has happened",
        "<desc id=\"block-1-1-0-d\">away 13.2 s; watched 60 s</desc>",
        "failed &amp; undone \\u{1b}[2J",
        "osd.&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}",
        "class=\"curve c1\"",
    ] {
        assert!(html.contains(wanted), "no {wanted} in {html}");
    }
    assert!(!html.contains("<script") && !html.contains("NaN"), "{html}");
}

#[test]
fn a_verdict_is_the_gravest_and_never_fine_by_default() {
    let made_at = jiff::Timestamp::UNIX_EPOCH;
    let verdict = |outcomes: Vec<Outcome>| {
        let mut report = Report::new("t", "reeve 0", made_at);
        report.results = outcomes.into_iter().map(result).collect();
        report.verdict()
    };
    let found = |severity| Outcome::Found(vec![finding(severity)]);
    let not_judged = || Outcome::NotJudged { because: "b".into() };
    let waived = || Outcome::Waived {
        by: "w".into(),
        findings: vec![finding(Severity::Refusal)],
    };
    assert_eq!(verdict(vec![]), Verdict::NotJudged);
    assert_eq!(
        verdict(vec![Outcome::Passed, waived(), found(Severity::Note)]),
        Verdict::Fine
    );
    assert_eq!(
        verdict(vec![Outcome::Passed, found(Severity::Warning)]),
        Verdict::Warnings
    );
    assert_eq!(
        verdict(vec![found(Severity::Warning), not_judged()]),
        Verdict::NotJudged
    );
    assert_eq!(
        verdict(vec![not_judged(), found(Severity::Refusal), Outcome::Passed]),
        Verdict::Refused
    );
    assert_eq!(verdict(vec![Outcome::of(vec![])]), Verdict::Fine);
}

fn result(outcome: Outcome) -> CheckResult {
    CheckResult {
        check: CheckId::fixed("a.b"),
        title: "t".into(),
        source: "s".into(),
        outcome,
    }
}

fn finding(severity: Severity) -> Finding {
    Finding {
        check: CheckId::fixed("a.b"),
        severity,
        subject: "s".into(),
        detail: "d".into(),
        evidence: Vec::new(),
        remedy: String::new(),
        source: "s".into(),
    }
}

/// Text as hosts send it: ordinary, hostile, or anything at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9 .:/`-]{0,60}",
        2 => "[a-z<>&\"'\u{1b}\u{9b}\u{7f}\u{202e}\u{2066}\u{200b}\u{feff}\n\r\t\\]\\[;m ]{0,40}",
        1 => any::<String>(),
    ]
}

prop_compose! {
    fn any_finding()(severity in prop_oneof![Just(Severity::Refusal), Just(Severity::Warning), Just(Severity::Note)],
        subject in text(), detail in text(), from in text(), seen in text(), remedy in text(), source in text()) -> Finding {
        let evidence = vec![Evidence { from, text: seen }];
        Finding { check: CheckId::fixed("a.b"), severity, subject, detail, evidence, remedy, source }
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let findings = || prop::collection::vec(any_finding(), 0..3);
    prop_oneof![
        Just(Outcome::Passed),
        findings().prop_map(Outcome::Found),
        text().prop_map(|because| Outcome::NotJudged { because }),
        (text(), findings()).prop_map(|(by, findings)| Outcome::Waived { by, findings }),
    ]
}

fn any_section() -> impl Strategy<Value = Section> {
    let cells = || prop::collection::vec(text(), 0..4);
    let body = prop_oneof![
        prop::collection::vec((text(), text()), 0..3).prop_map(|list| SectionBody::Properties {
            properties: list
                .into_iter()
                .map(|(name, value)| Property::new(name, value))
                .collect()
        }),
        (cells(), prop::collection::vec(cells(), 0..3))
            .prop_map(|(columns, rows)| SectionBody::Table { columns, rows }),
        text().prop_map(|text| SectionBody::Text { text }),
    ];
    (text(), text(), body).prop_map(|(title, intro, body)| Section { title, intro, body })
}

fn any_report() -> impl Strategy<Value = Report> {
    let results = prop::collection::vec((text(), text(), any_outcome()), 0..5);
    (text(), results, prop::collection::vec(any_section(), 0..3), text()).prop_map(
        |(title, results, sections, value)| {
            let mut report = Report::new(title, "reeve 0.1.0", jiff::Timestamp::UNIX_EPOCH);
            report.subject = vec![Property::new("fsid", value)];
            report.results = results
                .into_iter()
                .map(|(title, source, outcome)| CheckResult {
                    check: CheckId::fixed("a.b"),
                    title,
                    source,
                    outcome,
                })
                .collect();
            report.sections = sections;
            report
        },
    )
}

/// A document all of whose texts are the given ones.
fn hostile_document(texts: &[String], results: Vec<CheckResult>, length: i64) -> Document {
    let mut document = document::document();
    let mut at = 0;
    let mut next = || {
        at += 1;
        texts[at % texts.len()].clone()
    };
    (document.title, document.tool) = (next(), next());
    (document.outcome.word, document.outcome.advice) = (next(), next());
    document.banner = Some(next());
    for block in &mut document.blocks {
        (block.title, block.intro) = (next(), next());
        for part in &mut block.parts {
            match part {
                Part::Prose(text) => *text = next(),
                Part::Properties(list) => list.push(Property::new(next(), next())),
                Part::Table { columns, rows } => {
                    columns.push(next());
                    rows.push(vec![next(), next(), next(), next(), next()]);
                }
                Part::Timeline(timeline) => {
                    (timeline.title, timeline.description) = (next(), next());
                    let length = jiff::SignedDuration::from_secs(length);
                    timeline.to = timeline.from.checked_add(length).unwrap_or(timeline.to);
                    for lane in &mut timeline.lanes {
                        (lane.name, lane.value) = (next(), next());
                        lane.bars.iter_mut().for_each(|bar| bar.note = next());
                    }
                    timeline.legend.iter_mut().for_each(|(_, meaning)| *meaning = next());
                }
                Part::Chart(chart) => {
                    (chart.title, chart.description, chart.unit) = (next(), next(), next());
                    chart.series.iter_mut().for_each(|series| series.name = next());
                    chart.series[0].points[0].1 = Some(f64::NAN);
                    chart.limit = Some((f64::INFINITY, next()));
                }
                Part::Tasks(tasks) => {
                    for task in tasks {
                        (task.title, task.detail) = (next(), next());
                        task.commands.push(next());
                    }
                }
                Part::Results(list) => list.clone_from(&results),
            }
        }
    }
    document
}

/// Characters that steer a terminal or reorder text; written anew here, so that a slip in the crate's own list is seen.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn json_says_everything_and_keeps_to_its_schema(report in any_report()) {
        let json = reeve_report::json(&report);
        prop_assert!(!json.chars().any(steers));
        prop_assert_eq!(&reeve_report::load(&json).unwrap(), &report);
        let validator = jsonschema::validator_for(&reeve_report::schema()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        prop_assert!(errors.is_empty(), "{:?}", errors);
        prop_assert_eq!(serde_json::from_value::<Counts>(value["counts"].clone()).unwrap(), report.counts());
    }

    #[test]
    fn terminal_text_is_safe_and_fits(report in any_report(), width in 0_usize..300) {
        let text = reeve_report::terminal(&report, TerminalOptions { width, colour: false });
        prop_assert!(!text.chars().any(steers));
        // A line may be longer than the terminal only for the sake of one word or command, behind a margin of at most half a line.
        let columns = width.clamp(40, 100);
        let tables = text.lines().filter(|line| line.starts_with("  ─")).map(display_width).max().unwrap_or(0);
        prop_assert!(tables <= width.clamp(40, 200));
        for line in text.lines().filter(|line| display_width(line) > columns.max(tables)) {
            let start = line.char_indices().nth(columns / 2 + 2).map_or(0, |(at, _)| at);
            prop_assert!(!line[start..].trim().contains(' ') || line.contains('`'), "{:?} is wider than {}", line, columns);
        }
        let lines = |label: &str| text.lines().filter(|line| line.starts_with(label)).count();
        // A title may hold any word, so there can be more, never fewer.
        prop_assert!(lines("REFUSAL") >= report.counts().refusals);
        prop_assert!(lines("NOT JUDGED") >= report.counts().not_judged);
        prop_assert!(lines("WAIVED") >= report.counts().waived);
    }

    #[test]
    fn junit_can_be_read_back_with_the_same_numbers(report in any_report()) {
        let xml = reeve_report::junit(&report).unwrap();
        prop_assert!(!xml.chars().any(steers));
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        prop_assert_eq!(read.tests, report.results.len());
        prop_assert_eq!(read.errors, report.counts().not_judged);
        let failed = |r: &CheckResult| r.outcome.findings().iter().any(|f| f.severity != Severity::Note);
        prop_assert_eq!(read.failures, report.results.iter().filter(|r| failed(r)).count());
    }

    #[test]
    fn a_document_holds_no_markup_but_its_own(texts in prop::collection::vec(text(), 20), results in any_report(), length in -5_i64..5_000) {
        let document = hostile_document(&texts, results.results, length);
        let html = reeve_report::document_html(&document);
        prop_assert!(!html.chars().any(steers));
        let own = ["!DOCTYPE", "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "p", "section",
            "strong", "ul", "li", "svg", "path", "rect", "line", "g", "desc", "dl", "div", "dt", "dd", "nav", "ol", "span", "main", "article", "code",
            "details", "summary", "figure", "figcaption", "pre", "table", "thead", "tbody", "tr", "th", "td", "footer", "time"];
        for tag in html.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric() && c != '!').next().unwrap_or("");
            prop_assert!(own.contains(&name), "unknown element {}", name);
        }
        prop_assert!(!html.contains("NaN") && !html.contains("inf\""));
        let terminal = reeve_report::document_terminal(&document, PLAIN);
        prop_assert!(!terminal.chars().any(steers));
    }

    #[test]
    fn html_holds_no_markup_but_its_own(report in any_report()) {
        let html = reeve_report::html(&report);
        prop_assert!(!html.chars().any(steers));
        let known = ["!DOCTYPE", "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "p", "section",
            "strong", "ul", "li", "b", "svg", "path", "dl", "div", "dt", "dd", "nav", "ol", "span", "main", "article", "code", "details",
            "summary", "figure", "figcaption", "pre", "table", "thead", "tbody", "tr", "th", "td", "footer", "time"];
        for tag in html.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric() && c != '!').next().unwrap_or("");
            prop_assert!(known.contains(&name), "unknown element {}", name);
        }
    }
}
