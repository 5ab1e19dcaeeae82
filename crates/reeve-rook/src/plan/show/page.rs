//! Lines of text for a terminal: wrapped, indented, coloured, and free of control characters.

use std::borrow::Cow;

use anstyle::{AnsiColor, Effects, Style};

/// Narrowest and widest running text, in columns.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=110;

pub(super) const HEADING: Style = Style::new().effects(Effects::BOLD);
pub(super) const QUIET: Style = Style::new().effects(Effects::DIMMED);
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const PLAIN: Style = Style::new();

pub(super) struct Page {
    text: String,
    columns: usize,
    colour: bool,
}

impl Page {
    pub(super) fn new(width: usize, colour: bool) -> Self {
        Self {
            text: String::new(),
            columns: width.clamp(*COLUMNS.start(), *COLUMNS.end()),
            colour,
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Adds a text whose first line begins with `first` and whose others are indented to the same column.
    pub(super) fn paragraph(&mut self, style: Style, first: &str, text: &str) {
        let first = printable(first);
        let later = " ".repeat(textwrap::core::display_width(&first));
        let options = textwrap::Options::new(self.columns)
            .subsequent_indent(&later)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .break_words(false)
            .initial_indent(&first);
        for line in textwrap::wrap(&printable(text), options) {
            self.line(style, line.trim_end());
        }
    }

    /// Adds a line as it is, however long: commands must stay whole, to be copied.
    pub(super) fn verbatim(&mut self, style: Style, indent: &str, text: &str) {
        self.line(style, &format!("{indent}{}", printable(text)));
    }

    fn line(&mut self, style: Style, line: &str) {
        if self.colour && style != PLAIN && !line.is_empty() {
            self.text
                .push_str(&format!("{}{line}{}", style.render(), style.render_reset()));
        } else {
            self.text.push_str(line);
        }
        self.text.push('\n');
    }
}

/// Returns the text as one line that is safe on a terminal: names in a plan come from other systems.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    reeve_untrusted::line(text)
}
