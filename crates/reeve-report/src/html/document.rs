//! A page of titled blocks as one self-contained HTML file.

use maud::{Markup, html as markup};

use super::{findings, frame, icon, label, not_judged, properties, prose, table, waived, wording};
use crate::order::Grouped;
use crate::{Block, CheckResult, Document, Part, Report, Task, Tone, svg};

/// Most blocks that are read without a table of contents.
const WITHOUT_CONTENTS: usize = 3;

/// Returns the page as one self-contained HTML file: no script, nothing loaded, readable on a narrow screen and on paper.
pub fn document_html(document: &Document) -> String {
    let tone = tone_class(document.outcome.tone);
    let header = markup! {
        @if let Some(banner) = &document.banner { p.banner { (reeve_untrusted::line(banner)) } }
        h1 { (reeve_untrusted::line(&document.title)) }
        p.made {
            "Made " time datetime=(document.made_at) { (document.made_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) }
            " by " (reeve_untrusted::line(&document.tool))
        }
        section.summary.(tone) aria-label="Outcome" {
            p.verdict { (icon::tone(document.outcome.tone)) strong { (reeve_untrusted::line(&document.outcome.word)) } }
            p.advice { (reeve_untrusted::line(&document.outcome.advice)) }
        }
        (properties(&document.subject))
        @if document.blocks.len() > WITHOUT_CONTENTS { (contents(&document.blocks)) }
    };
    let main = markup! {
        @for (index, it) in document.blocks.iter().enumerate() { (block(&format!("block-{}", index + 1), it)) }
    };
    frame(&document.title, &document.tool, "Skip to the report", &header, &main)
}

fn contents(blocks: &[Block]) -> Markup {
    markup! {
        nav aria-label="Contents" {
            h2 { "Contents" }
            ol.contents {
                @for (index, block) in blocks.iter().enumerate() {
                    li { a href={ "#block-" (index + 1) } { (reeve_untrusted::line(&block.title)) } }
                }
            }
        }
    }
}

fn block(id: &str, block: &Block) -> Markup {
    markup! {
        section aria-labelledby=(id) {
            h2 #(id) { (reeve_untrusted::line(&block.title)) }
            @if !block.intro.is_empty() { (prose(&block.intro)) }
            @for (index, it) in block.parts.iter().enumerate() { (part(id, &format!("{id}-{}", index + 1), it)) }
        }
    }
}

fn part(block: &str, id: &str, part: &Part) -> Markup {
    match part {
        Part::Prose(text) => prose(text),
        Part::Properties(list) => properties(list),
        Part::Table { columns, rows } => table(block, columns, rows),
        Part::Timeline(timeline) => svg::timeline(id, timeline),
        Part::Chart(chart) => svg::chart(id, chart),
        Part::Tasks(tasks) => {
            markup! { @for (index, it) in tasks.iter().enumerate() { (task(&format!("{id}-{}", index + 1), it)) } }
        }
        Part::Results(results) => judged(id, results),
    }
}

fn task(id: &str, task: &Task) -> Markup {
    markup! {
        article.task aria-labelledby=(id) {
            h3 #(id) { (reeve_untrusted::line(&task.title)) }
            (prose(&task.detail))
            @if !task.commands.is_empty() {
                pre tabindex="0" role="region" aria-labelledby=(id) {
                    code { @for command in &task.commands { (reeve_untrusted::line(command)) "\n" } }
                }
            }
        }
    }
}

/// Returns findings by severity, with the headings of a report one step further down; the level of headings stays right within a section.
fn judged(id: &str, results: &[CheckResult]) -> Markup {
    let mut report = Report::new("", "", jiff::Timestamp::UNIX_EPOCH);
    report.results = results.to_vec();
    let grouped = Grouped::of(&report);
    let counts = report.counts();
    markup! {
        (label(icon::verdict(report.verdict()), &wording::counts(&counts)))
        (findings(&format!("{id}-refusals"), "Refusals", &grouped.refusals))
        (not_judged(&format!("{id}-not-judged"), &grouped.not_judged))
        (findings(&format!("{id}-warnings"), "Warnings", &grouped.warnings))
        (findings(&format!("{id}-notes"), "Notes", &grouped.notes))
        (waived(&format!("{id}-waived"), &grouped.waived))
    }
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "fine",
        Tone::Caution => "warning",
        Tone::Bad => "refusal",
        Tone::Neutral => "note",
    }
}
