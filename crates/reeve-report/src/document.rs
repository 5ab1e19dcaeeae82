//! A page of titled blocks: what a hand-over or a rehearsal leaves behind, beside the findings of a [`crate::Report`].

use jiff::Timestamp;

use crate::{Chart, CheckResult, Property, Timeline};

/// A page of titled blocks, with a head that says what it is about and how it came out.
///
/// It is made to be shown: whoever makes one has data of its own shape, with its own JSON. Texts may come from outside; renderers escape them.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What the page is about.
    pub title: String,
    /// The program and its version: `reeve 0.1.0`.
    pub tool: String,
    /// When the page was made, in UTC.
    pub made_at: Timestamp,
    /// What nobody may overlook, before everything else: that this was a rehearsal.
    pub banner: Option<String>,
    /// How it came out.
    pub outcome: DocumentOutcome,
    /// Names and values below the title.
    pub subject: Vec<Property>,
    /// The blocks, in the order of reading.
    pub blocks: Vec<Block>,
}

/// How something came out, in a word and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentOutcome {
    /// How good it is.
    pub tone: Tone,
    /// The word: "Finished".
    pub word: String,
    /// What it means to the reader.
    pub advice: String,
}

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As wanted.
    Good,
    /// To be looked at.
    Caution,
    /// Wrong.
    Bad,
    /// Neither.
    Neutral,
}

/// A titled block of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The heading.
    pub title: String,
    /// A sentence or two before it; may be empty.
    pub intro: String,
    /// What it holds, in order.
    pub parts: Vec<Part>,
}

/// A part of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Running text; what stands between two backticks is code.
    Prose(String),
    /// Names and values.
    Properties(Vec<Property>),
    /// Rows under column headings; a row shorter than the headings is filled with empty cells, a longer one is cut.
    Table {
        /// The column headings.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
    /// Spans of time in lanes.
    Timeline(Timeline),
    /// Values over time.
    Chart(Chart),
    /// Things to do or to know.
    Tasks(Vec<Task>),
    /// Results of checks; those that passed are counted only.
    Results(Vec<CheckResult>),
}

/// Something that a person has to do, or should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What, as a heading.
    pub title: String,
    /// Why, and what else one has to know.
    pub detail: String,
    /// Commands, one a line, as they are typed.
    pub commands: Vec<String>,
}
