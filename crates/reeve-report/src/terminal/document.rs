//! A page of titled blocks as text for a terminal.

use anstyle::{AnsiColor, Style};

use super::{INDENT, Page, TerminalOptions, bold, dim};
use crate::order::Grouped;
use crate::{Block, Chart, Document, Part, Property, Report, Task, Timeline, Tone, wording};

/// Returns the page as text for a terminal, with a final line break. Pictures become tables of their lanes, or their description.
pub fn document_terminal(document: &Document, options: TerminalOptions) -> String {
    let mut page = Page::new(options);
    if let Some(banner) = &document.banner {
        page.wrapped(
            "",
            "",
            &reeve_untrusted::line(banner),
            AnsiColor::Yellow.on_default().bold(),
        );
        page.blank();
    }
    page.wrapped("", "", &reeve_untrusted::line(&document.title), bold());
    let outcome = &document.outcome;
    let line = format!("{}: {}", outcome.word.to_uppercase(), outcome.advice);
    page.wrapped("", "", &reeve_untrusted::line(&line), tone_style(outcome.tone));
    page.blank();
    let mut properties = document.subject.clone();
    properties.push(Property::new(
        "made",
        format!(
            "{} by {}",
            document.made_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            document.tool
        ),
    ));
    page.properties(&properties);
    for block in &document.blocks {
        page.block(block);
    }
    page.text
}

impl Page {
    fn block(&mut self, block: &Block) {
        self.blank();
        self.wrapped("", "", &reeve_untrusted::line(&block.title), bold());
        if !block.intro.is_empty() {
            self.wrapped(INDENT, INDENT, &reeve_untrusted::block(&block.intro), Style::new());
        }
        for part in &block.parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Prose(text) => self.wrapped(INDENT, INDENT, &reeve_untrusted::block(text), Style::new()),
            Part::Properties(list) => self.properties(list),
            Part::Table { columns, rows } => self.table(columns, rows),
            Part::Timeline(timeline) => self.timeline(timeline),
            Part::Chart(chart) => self.chart(chart),
            Part::Tasks(tasks) => tasks.iter().for_each(|task| self.task(task)),
            Part::Results(results) => {
                let mut report = Report::new("", "", jiff::Timestamp::UNIX_EPOCH);
                report.results.clone_from(results);
                self.wrapped(INDENT, INDENT, &wording::counts(&report.counts()), Style::new());
                self.findings(&Grouped::of(&report));
            }
        }
    }

    fn timeline(&mut self, timeline: &Timeline) {
        self.wrapped(INDENT, INDENT, &reeve_untrusted::line(&timeline.title), dim());
        let rows: Vec<Vec<String>> = timeline
            .lanes
            .iter()
            .map(|lane| {
                let notes: Vec<&str> = lane
                    .bars
                    .iter()
                    .map(|bar| bar.note.as_str())
                    .filter(|note| !note.is_empty())
                    .collect();
                vec![lane.name.clone(), lane.value.clone(), notes.join("; ")]
            })
            .collect();
        self.table(&["".into(), "".into(), "".into()], &rows);
    }

    fn chart(&mut self, chart: &Chart) {
        self.wrapped(INDENT, INDENT, &reeve_untrusted::line(&chart.title), dim());
        self.wrapped(INDENT, INDENT, &reeve_untrusted::line(&chart.description), Style::new());
    }

    fn task(&mut self, task: &Task) {
        self.blank();
        self.wrapped("  - ", "    ", &reeve_untrusted::line(&task.title), bold());
        self.wrapped("    ", "    ", &reeve_untrusted::block(&task.detail), Style::new());
        for command in &task.commands {
            // A command is copied, so it is never broken.
            self.push_line("      ", &reeve_untrusted::line(command), Style::new());
        }
    }
}

fn tone_style(tone: Tone) -> Style {
    let colour = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Caution => AnsiColor::Yellow,
        Tone::Bad => AnsiColor::Red,
        Tone::Neutral => AnsiColor::Cyan,
    };
    colour.on_default().bold()
}
