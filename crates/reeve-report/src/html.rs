//! One self-contained HTML file.
//!
//! No script, no font, no image, no request: everything is text, inline CSS and inline SVG, and a content security policy makes the browser hold to that.
//! It follows the reader's light or dark setting, prints on A4 with all evidence unfolded, and tells severity by word and shape before colour.

mod document;
mod icon;

pub use document::document_html;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::order::{Entry, Grouped, Waived};
use crate::{CheckResult, Evidence, Property, Report, Section, SectionBody, Severity, Verdict, wording};

/// The style sheet; it holds no address and no `</style`.
const STYLE: &str = include_str!("html/report.css");

/// What the page may load: its own inline style and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Most findings and sections that are read without a table of contents.
const WITHOUT_CONTENTS: usize = 4;

/// Most findings of one group that the table of contents names one by one.
const LISTED_IN_CONTENTS: usize = 12;

/// Longest word of a table cell, in characters, that is kept on one line on narrow screens and paper.
const LONGEST_UNBROKEN_WORD: usize = 24;

/// Returns the report as one self-contained HTML file.
///
/// Shape: title and subject, a summary with the verdict, a table of contents if the report is long, findings by severity with folded evidence, waived
/// checks, sections, passed checks, and what made it. Nothing is cut.
pub fn html(report: &Report) -> String {
    let grouped = Grouped::of(report);
    let header = markup! {
        h1 { (reeve_untrusted::line(&report.title)) }
        p.made {
            "Made " time datetime=(report.made_at) { (wording::made_at(report)) }
            " by " (reeve_untrusted::line(&report.tool))
        }
        (summary(report))
        (properties(&report.subject))
        @if is_long(report, &grouped) { (contents(report, &grouped)) }
    };
    let main = markup! {
        (findings("refusals", "Refusals", &grouped.refusals))
        (not_judged("not-judged", &grouped.not_judged))
        (findings("warnings", "Warnings", &grouped.warnings))
        (findings("notes", "Notes", &grouped.notes))
        (waived("waived", &grouped.waived))
        @for (index, block) in report.sections.iter().enumerate() { (section(index, block)) }
        (passed(&grouped.passed))
    };
    frame(&report.title, &report.tool, "Skip to the findings", &header, &main)
}

/// Returns a whole page: what every page of this crate has around its header and its content.
fn frame(title: &str, tool: &str, skip: &str, header: &Markup, main: &Markup) -> String {
    markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(reeve_untrusted::line(tool));
                title { (reeve_untrusted::line(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { (skip) }
                header { (header) }
                main #main { (main) }
                footer {
                    p { "This page is complete in itself: it runs no script and loads nothing." }
                }
            }
        }
    }
    .into_string()
}

fn summary(report: &Report) -> Markup {
    let verdict = report.verdict();
    let counts = report.counts();
    let tallies = [
        (counts.refusals, "refusal", "refusals"),
        (counts.not_judged, "not judged", "not judged"),
        (counts.warnings, "warning", "warnings"),
        (counts.notes, "note", "notes"),
        (counts.waived, "waived", "waived"),
        (counts.passed, "passed", "passed"),
    ];
    markup! {
        section.summary.(verdict_class(verdict)) aria-label="Summary" {
            p.verdict { (icon::verdict(verdict)) strong { (wording::verdict(verdict)) } }
            p.advice { (wording::advice(report)) }
            ul.tallies {
                @for (number, one, many) in tallies {
                    @if number > 0 { li { b { (number) } " " (if number == 1 { one } else { many }) } }
                }
            }
        }
    }
}

fn is_long(report: &Report, grouped: &Grouped<'_>) -> bool {
    let found = grouped.refusals.len() + grouped.not_judged.len() + grouped.warnings.len() + grouped.notes.len();
    found + grouped.waived.len() + report.sections.len() > WITHOUT_CONTENTS
}

fn contents(report: &Report, grouped: &Grouped<'_>) -> Markup {
    let group = |id: &str, title: &str, names: Vec<&str>| {
        markup! {
            @if !names.is_empty() {
                li {
                    a href={ "#" (id) } { (title) } " " span.number { (names.len()) }
                    @if names.len() <= LISTED_IN_CONTENTS {
                        ol {
                            @for (index, name) in names.iter().enumerate() {
                                li { a href={ "#" (id) "-" (index + 1) } { (reeve_untrusted::line(name)) } }
                            }
                        }
                    }
                }
            }
        }
    };
    markup! {
        nav aria-label="Contents" {
            h2 { "Contents" }
            ol.contents {
                (group("refusals", "Refusals", subjects(&grouped.refusals)))
                (group("not-judged", "Not judged", grouped.not_judged.iter().map(|(r, _)| r.title.as_str()).collect()))
                (group("warnings", "Warnings", subjects(&grouped.warnings)))
                (group("notes", "Notes", subjects(&grouped.notes)))
                (group("waived", "Waived", grouped.waived.iter().map(|w| w.result.title.as_str()).collect()))
                @for (index, section) in report.sections.iter().enumerate() {
                    li { a href={ "#section-" (index + 1) } { (reeve_untrusted::line(&section.title)) } }
                }
                @if !grouped.passed.is_empty() {
                    li { a href="#passed" { "Passed" } " " span.number { (grouped.passed.len()) } }
                }
            }
        }
    }
}

fn findings(id: &str, title: &str, entries: &[Entry<'_>]) -> Markup {
    markup! {
        @if !entries.is_empty() {
            section aria-labelledby=(id) {
                h2 #(id) { (title) " " span.number { (entries.len()) } }
                @for (index, entry) in entries.iter().enumerate() { (finding(&format!("{id}-{}", index + 1), *entry)) }
            }
        }
    }
}

fn finding(id: &str, Entry { result, finding }: Entry<'_>) -> Markup {
    let class = severity_class(finding.severity);
    markup! {
        article.finding.(class) aria-labelledby=(id) {
            (label(icon::severity(finding.severity), wording::severity(finding.severity)))
            h3 #(id) { (reeve_untrusted::line(&finding.subject)) }
            p.check { (reeve_untrusted::line(&result.title)) }
            (prose(&finding.detail))
            (remedy(&finding.remedy))
            (evidence(&finding.evidence))
            (origin(finding.check.as_str(), &finding.source))
        }
    }
}

fn not_judged(group: &str, results: &[(&CheckResult, &str)]) -> Markup {
    markup! {
        @if !results.is_empty() {
            section aria-labelledby=(group) {
                h2 #(group) { "Not judged " span.number { (results.len()) } }
                @for (index, (result, because)) in results.iter().enumerate() {
                    @let id = format!("{group}-{}", index + 1);
                    article.finding.not-judged aria-labelledby=(id) {
                        (label(icon::verdict(Verdict::NotJudged), "Not judged"))
                        h3 #(id) { (reeve_untrusted::line(&result.title)) }
                        (prose(because))
                        (origin(result.check.as_str(), &result.source))
                    }
                }
            }
        }
    }
}

fn waived(group: &str, results: &[Waived<'_>]) -> Markup {
    markup! {
        @if !results.is_empty() {
            section aria-labelledby=(group) {
                h2 #(group) { "Waived " span.number { (results.len()) } }
                @for (index, waived) in results.iter().enumerate() {
                    @let id = format!("{group}-{}", index + 1);
                    article.finding.waived aria-labelledby=(id) {
                        (label(icon::waived(), "Waived"))
                        h3 #(id) { (reeve_untrusted::line(&waived.result.title)) }
                        p.detail { "Accepted by " (reeve_untrusted::line(waived.by)) "." }
                        @for finding in waived.findings {
                            details {
                                summary {
                                    (wording::severity(finding.severity)) ": " (reeve_untrusted::line(&finding.subject))
                                }
                                (prose(&finding.detail))
                                (remedy(&finding.remedy))
                                @for evidence in &finding.evidence { (figure(evidence)) }
                            }
                        }
                        (origin(waived.result.check.as_str(), &waived.result.source))
                    }
                }
            }
        }
    }
}

fn passed(results: &[&CheckResult]) -> Markup {
    markup! {
        @if !results.is_empty() {
            section aria-labelledby="passed" {
                h2 #passed { "Passed " span.number { (results.len()) } }
                details {
                    summary { (wording::count(results.len(), "check", "checks")) " that found nothing" }
                    div.scroll tabindex="0" role="region" aria-labelledby="passed" {
                        table {
                            thead { tr { th scope="col" { "Check" } th scope="col" { "Id" } th scope="col" { "Source" } } }
                            tbody {
                                @for result in results {
                                    tr {
                                        th scope="row" { (reeve_untrusted::line(&result.title)) }
                                        td.long { code { (result.check) } }
                                        td.long { (reeve_untrusted::line(&result.source)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn section(index: usize, section: &Section) -> Markup {
    let id = format!("section-{}", index + 1);
    markup! {
        section aria-labelledby=(id) {
            h2 #(id) { (reeve_untrusted::line(&section.title)) }
            @if !section.intro.is_empty() { (prose(&section.intro)) }
            @match &section.body {
                SectionBody::Properties { properties: list } => { (properties(list)) }
                SectionBody::Table { columns, rows } => { (table(&id, columns, rows)) }
                SectionBody::Text { text } => {
                    pre tabindex="0" role="region" aria-labelledby=(id) { code { (reeve_untrusted::block(text)) } }
                }
            }
        }
    }
}

fn table(id: &str, columns: &[String], rows: &[Vec<String>]) -> Markup {
    let cell = |row: &[String], index: usize| -> (String, Option<&str>) {
        let text = row
            .get(index)
            .map_or_else(String::new, |text| reeve_untrusted::block(text).into_owned());
        let long = text
            .split_whitespace()
            .any(|word| word.chars().count() > LONGEST_UNBROKEN_WORD);
        (text, long.then_some("long"))
    };
    markup! {
        div.scroll tabindex="0" role="region" aria-labelledby=(id) {
            table {
                thead { tr { @for column in columns { th scope="col" { (reeve_untrusted::line(column)) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for index in 0..columns.len() {
                                @let (text, class) = cell(row, index);
                                @if index == 0 { th scope="row" class=[class] { (text) } } @else { td class=[class] { (text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn properties(list: &[Property]) -> Markup {
    markup! {
        @if !list.is_empty() {
            dl.properties {
                @for property in list {
                    div { dt { (reeve_untrusted::line(&property.name)) } dd { (reeve_untrusted::block(&property.value)) } }
                }
            }
        }
    }
}

fn label(icon: Markup, word: &str) -> Markup {
    markup! { p.label { (icon) (word) } }
}

fn prose(text: &str) -> Markup {
    markup! { p.detail { (with_code(text)) } }
}

fn remedy(text: &str) -> Markup {
    markup! { @if !text.is_empty() { div.remedy { p.caption { "Remedy" } p { (with_code(text)) } } } }
}

fn evidence(list: &[Evidence]) -> Markup {
    markup! {
        @if !list.is_empty() {
            details {
                summary { "Evidence" @if list.len() > 1 { " " span.number { (list.len()) } } }
                @for evidence in list { (figure(evidence)) }
            }
        }
    }
}

fn figure(evidence: &Evidence) -> Markup {
    let from = reeve_untrusted::line(&evidence.from);
    markup! {
        figure {
            figcaption { code { (from) } }
            pre tabindex="0" role="region" aria-label=(from) { code { (reeve_untrusted::block(evidence.text.trim_end())) } }
        }
    }
}

fn origin(check: &str, source: &str) -> Markup {
    markup! {
        p.origin { code { (check) } @if !source.is_empty() { " · " (reeve_untrusted::line(source)) } }
    }
}

/// Returns text in which what stands between two backticks is set as code; a backtick without a partner stays.
fn with_code(text: &str) -> Markup {
    let shown = reeve_untrusted::block(text);
    let parts: Vec<&str> = shown.split('`').collect();
    markup! {
        @if parts.len() % 2 == 1 {
            @for (index, part) in parts.iter().enumerate() {
                @if index % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else {
            (shown)
        }
    }
}

fn subjects<'a>(entries: &[Entry<'a>]) -> Vec<&'a str> {
    entries.iter().map(|entry| entry.finding.subject.as_str()).collect()
}

fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Refusal => "refusal",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "fine",
        Verdict::Warnings => "warning",
        Verdict::Refused => "refusal",
        Verdict::NotJudged => "not-judged",
    }
}
