//! Plain or coloured text for a terminal.
//!
//! The order is that of reading at three in the morning: what this is and what it means, the inventory, then refusals, what could not be judged, warnings and
//! notes, and at the very end – where the eye is after the text has scrolled by – how much passed and the verdict again.

mod document;

use anstyle::{AnsiColor, Effects, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::order::{Entry, Grouped, Waived};
use crate::{CheckResult, Evidence, Property, Report, Section, SectionBody, Severity, Verdict, wording};

/// Narrowest and widest text, in columns: below, words no longer fit; above, the eye loses the line.
const TEXT_COLUMNS: std::ops::RangeInclusive<usize> = 40..=100;
/// Widest table, in columns.
const TABLE_COLUMNS: usize = 200;
/// Longest word of a table that is never broken, in columns: longer than a host name, shorter than a device path.
const TABLE_WORD_COLUMNS: usize = 28;
/// Columns that a table puts beside each cell, and between two cells in addition.
const TABLE_PADDING: usize = 2;
const TABLE_GAP: usize = 1;
/// Lines of one piece of evidence that are shown; JSON and HTML hold all of them.
const EVIDENCE_LINES: usize = 12;
/// Lines of a section of text that are shown.
const SECTION_LINES: usize = 60;
/// A line below the headings and nothing else.
const TABLE_STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Columns by which everything below a heading is set in.
const INDENT: &str = "  ";

pub use document::document_terminal;

/// How text is laid out for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Columns of the terminal. Running text uses 40 to 100 of them, tables up to 200.
    pub width: usize,
    /// Whether to use colour and weight; without, the text carries no terminal sequence at all.
    pub colour: bool,
}

/// Returns the report as text for a terminal, with a final line break.
///
/// Shape: title, verdict and subject; sections; findings with what, where, evidence, remedy, check and source, refusals first; waived checks; one
/// line with the number passed and the verdict. Long evidence is cut and says so.
pub fn terminal(report: &Report, options: TerminalOptions) -> String {
    let mut page = Page::new(options);
    page.head(report);
    for section in &report.sections {
        page.section(section);
    }
    page.findings(&Grouped::of(report));
    page.foot(report);
    page.text
}

/// Text as it grows.
struct Page {
    text: String,
    columns: usize,
    table_columns: usize,
    colour: bool,
}

impl Page {
    fn new(options: TerminalOptions) -> Self {
        Self {
            text: String::new(),
            columns: options.width.clamp(*TEXT_COLUMNS.start(), *TEXT_COLUMNS.end()),
            table_columns: options.width.clamp(*TEXT_COLUMNS.start(), TABLE_COLUMNS),
            colour: options.colour,
        }
    }

    fn findings(&mut self, grouped: &Grouped<'_>) {
        for entry in &grouped.refusals {
            self.finding(*entry);
        }
        for (result, because) in &grouped.not_judged {
            self.not_judged(result, because);
        }
        for entry in grouped.warnings.iter().chain(&grouped.notes) {
            self.finding(*entry);
        }
        for waived in &grouped.waived {
            self.waived(waived);
        }
    }

    fn head(&mut self, report: &Report) {
        self.wrapped("", "", &reeve_untrusted::line(&report.title), bold());
        let verdict = report.verdict();
        self.wrapped("", "", &self.verdict_line(report), verdict_style(verdict));
        self.wrapped("", "", &wording::counts(&report.counts()), Style::new());
        self.blank();
        let mut properties = report.subject.clone();
        properties.push(Property::new(
            "made",
            format!("{} by {}", wording::made_at(report), report.tool),
        ));
        self.properties(&properties);
    }

    fn foot(&mut self, report: &Report) {
        self.blank();
        let passed = match report.counts().passed {
            0 => "No check passed.".to_owned(),
            n => format!("{} passed.", wording::count(n, "check", "checks")),
        };
        self.wrapped("", "", &passed, Style::new());
        self.wrapped("", "", &self.verdict_line(report), verdict_style(report.verdict()));
    }

    fn verdict_line(&self, report: &Report) -> String {
        format!(
            "{}: {}",
            wording::verdict(report.verdict()).to_uppercase(),
            wording::advice(report)
        )
    }

    fn finding(&mut self, Entry { finding, .. }: Entry<'_>) {
        let (label, style) = match finding.severity {
            Severity::Refusal => ("REFUSAL", AnsiColor::Red),
            Severity::Warning => ("WARNING", AnsiColor::Yellow),
            Severity::Note => ("NOTE", AnsiColor::Cyan),
        };
        self.heading(label, style.on_default(), &finding.subject);
        self.wrapped(INDENT, INDENT, &reeve_untrusted::block(&finding.detail), Style::new());
        for evidence in &finding.evidence {
            self.evidence(evidence);
        }
        self.remedy(&finding.remedy);
        self.origin(finding.check.as_str(), &finding.source);
    }

    fn not_judged(&mut self, result: &CheckResult, because: &str) {
        self.heading("NOT JUDGED", AnsiColor::Magenta.on_default(), &result.title);
        self.wrapped(INDENT, INDENT, &reeve_untrusted::block(because), Style::new());
        self.origin(result.check.as_str(), &result.source);
    }

    fn waived(&mut self, waived: &Waived<'_>) {
        self.heading("WAIVED", Style::new(), &waived.result.title);
        let by = format!("accepted by {}", reeve_untrusted::line(waived.by));
        self.wrapped(INDENT, INDENT, &by, Style::new());
        for finding in waived.findings {
            let line = format!(
                "{}: {}: {}",
                wording::severity(finding.severity),
                reeve_untrusted::line(&finding.subject),
                reeve_untrusted::line(&finding.detail)
            );
            self.wrapped("  - ", "    ", &line, Style::new());
        }
        self.origin(waived.result.check.as_str(), &waived.result.source);
    }

    fn section(&mut self, section: &Section) {
        self.blank();
        self.wrapped("", "", &reeve_untrusted::line(&section.title), bold());
        if !section.intro.is_empty() {
            self.wrapped(INDENT, INDENT, &reeve_untrusted::block(&section.intro), Style::new());
        }
        match &section.body {
            SectionBody::Properties { properties } => self.properties(properties),
            SectionBody::Table { columns, rows } => self.table(columns, rows),
            SectionBody::Text { text } => self.quoted(text, SECTION_LINES),
        }
    }

    fn properties(&mut self, properties: &[Property]) {
        let widest = self.columns / 3;
        let names: Vec<String> = properties
            .iter()
            .map(|p| reeve_untrusted::line(&p.name).into_owned())
            .collect();
        let width = names
            .iter()
            .map(|name| display_width(name))
            .filter(|w| *w <= widest)
            .max()
            .unwrap_or(0);
        let rest = " ".repeat(INDENT.len() + width + 2);
        for (name, property) in names.iter().zip(properties) {
            let value = reeve_untrusted::block(&property.value);
            if display_width(name) > widest || value.trim().is_empty() {
                self.wrapped(INDENT, INDENT, name, Style::new());
                self.wrapped(&rest, &rest, &value, Style::new());
            } else {
                let padding = " ".repeat(width - display_width(name));
                self.wrapped(&format!("{INDENT}{name}{padding}  "), &rest, &value, Style::new());
            }
        }
    }

    fn table(&mut self, columns: &[String], rows: &[Vec<String>]) {
        let cell = |row: &[String], i: usize| {
            row.get(i)
                .map_or_else(String::new, |text| reeve_untrusted::line(text).into_owned())
        };
        let headings: Vec<String> = columns
            .iter()
            .map(|column| reeve_untrusted::line(column).into_owned())
            .collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| (0..columns.len()).map(|i| cell(row, i)).collect())
            .collect();
        // What each column needs so that no word of ordinary length is broken.
        let needed: Vec<usize> = (0..columns.len())
            .map(|i| {
                let cells = rows.iter().map(|row| &row[i]).chain([&headings[i]]);
                let words = cells.flat_map(|text| text.split(' ')).map(display_width);
                words.map(|width| width.min(TABLE_WORD_COLUMNS)).max().unwrap_or(0) + TABLE_PADDING
            })
            .collect();
        let room = self.table_columns - INDENT.len();
        if needed.iter().map(|width| width + TABLE_GAP).sum::<usize>() > room {
            return self.records(&headings, rows);
        }
        let mut table = Table::new();
        table
            .load_style(TABLE_STYLE)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(room).expect("tables have at most 200 columns"))
            .set_header(headings);
        for (column, needed) in table.column_iter_mut().zip(needed) {
            let width = u16::try_from(needed).expect("a word of a table has at most 28 columns");
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        for row in rows {
            table.add_row(row);
        }
        for line in table.lines() {
            self.push_line(INDENT, line.trim_end(), Style::new());
        }
    }

    /// Writes a table too wide for the terminal row by row, each cell behind its heading.
    fn records(&mut self, headings: &[String], rows: Vec<Vec<String>>) {
        for (index, row) in rows.into_iter().enumerate() {
            if index > 0 {
                self.blank();
            }
            let properties: Vec<Property> = headings
                .iter()
                .zip(row)
                .map(|(name, value)| Property::new(name, value))
                .collect();
            self.properties(&properties);
        }
    }

    fn evidence(&mut self, evidence: &Evidence) {
        self.wrapped(INDENT, INDENT, &reeve_untrusted::line(&evidence.from), dim());
        self.quoted(&evidence.text, EVIDENCE_LINES);
    }

    /// Writes text word for word behind a bar; lines too long for the terminal are broken, since no one copies evidence.
    fn quoted(&mut self, text: &str, most_lines: usize) {
        let text = reeve_untrusted::block(text);
        let text = text.trim_end();
        let lines = text.lines().count();
        let options = Options::new(self.columns)
            .initial_indent("  │ ")
            .subsequent_indent("  │ ")
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit)
            .break_words(true);
        let mut room = most_lines;
        for (index, line) in text.lines().enumerate() {
            // The bound is on lines of the screen, so that one endless line cannot flood it either.
            let parts = textwrap::wrap(line, &options);
            for part in parts.iter().take(room) {
                self.push_line("", part.trim_end(), Style::new());
            }
            if parts.len() > room {
                let more = wording::count(lines - index, "more line", "more lines");
                self.push_line("  │ ", &format!("… {more}; JSON and HTML hold all of it"), dim());
                return;
            }
            room -= parts.len();
        }
    }

    fn remedy(&mut self, remedy: &str) {
        if !remedy.is_empty() {
            let remedy = keep_commands_whole(&reeve_untrusted::block(remedy));
            self.wrapped("  remedy: ", "          ", &remedy, bold());
        }
    }

    fn origin(&mut self, check: &str, source: &str) {
        let text = if source.is_empty() {
            check.to_owned()
        } else {
            format!("{check} – {}", reeve_untrusted::line(source))
        };
        self.wrapped(INDENT, INDENT, &text, dim());
    }

    fn heading(&mut self, label: &str, style: Style, subject: &str) {
        self.blank();
        let first = format!("{label}  ");
        let mut margin = format!("{}  ", self.styled(label, style.bold()));
        for part in textwrap::wrap(&reeve_untrusted::line(subject), prose(self.columns, &first, INDENT)) {
            let content = part
                .strip_prefix(&first)
                .or_else(|| part.strip_prefix(INDENT))
                .unwrap_or(&part);
            self.push_line(&margin, content, bold());
            margin = INDENT.to_owned();
        }
    }

    /// Writes running text between margins; words longer than a line, such as paths and commands, are left whole so that they can be copied.
    fn wrapped(&mut self, first: &str, rest: &str, text: &str, style: Style) {
        let mut indent = first;
        for line in text.trim_end().lines() {
            for part in textwrap::wrap(line, prose(self.columns, indent, rest)) {
                let content = part.strip_prefix(indent).unwrap_or(&part);
                // A shell does not take the unbreakable space for a space.
                self.push_line(indent, &content.trim_end().replace(UNBREAKABLE_SPACE, " "), style);
                indent = rest;
            }
        }
    }

    fn push_line(&mut self, margin: &str, content: &str, style: Style) {
        let content = self.styled(content, style);
        self.text.push_str(margin);
        self.text.push_str(&content);
        // Nothing but the margin is an empty line.
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn styled(&self, content: &str, style: Style) -> String {
        if self.colour && !style.is_plain() && !content.is_empty() {
            format!("{style}{content}{style:#}")
        } else {
            content.to_owned()
        }
    }
}

/// Returns how running text is broken between these margins.
fn prose<'a>(columns: usize, first: &'a str, rest: &'a str) -> Options<'a> {
    Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(false)
}

/// Stands for a space inside a command while lines are broken; lines break at the ASCII space only.
const UNBREAKABLE_SPACE: char = '\u{a0}';

/// Returns `text` with the spaces between two backticks made unbreakable, so that a command stays on one line and can be copied.
fn keep_commands_whole(text: &str) -> String {
    let mut inside = false;
    let balanced = text.matches('`').count().is_multiple_of(2);
    text.chars()
        .map(|c| match c {
            '`' => {
                inside = balanced && !inside;
                c
            }
            ' ' if inside => UNBREAKABLE_SPACE,
            '\n' => {
                inside = false;
                c
            }
            _ => c,
        })
        .collect()
}

fn bold() -> Style {
    Style::new().effects(Effects::BOLD)
}

fn dim() -> Style {
    Style::new().effects(Effects::DIMMED)
}

fn verdict_style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Fine => AnsiColor::Green,
        Verdict::Warnings => AnsiColor::Yellow,
        Verdict::Refused => AnsiColor::Red,
        Verdict::NotJudged => AnsiColor::Magenta,
    };
    colour.on_default().bold()
}
