//! Pictures of time: spans in lanes, and values over time.
//!
//! Shapes are SVG that stretches to the width there is; every letter is HTML, so that it stays readable on a narrow screen. Each picture has a
//! title and a description, and tells its kinds apart by shape before colour.

mod chart;
mod scale;
mod timeline;

use jiff::Timestamp;

pub(crate) use chart::chart;
pub(crate) use timeline::timeline;

/// Spans of time in lanes, one below the other, over one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What it shows.
    pub title: String,
    /// What one sees in it, in a sentence or two; read out where there is no picture.
    pub description: String,
    /// Where the axis begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// The lanes, from above.
    pub lanes: Vec<Lane>,
    /// What each look means.
    pub legend: Vec<(Look, String)>,
}

/// A lane of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// What it is about: `mon.n1`.
    pub name: String,
    /// What is to be said beside it: `13.2 s`; may be empty.
    pub value: String,
    /// Its spans, in order.
    pub bars: Vec<Bar>,
}

/// A span of time in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; at the same moment, it is drawn as thin as can be seen.
    pub to: Timestamp,
    /// How it looks.
    pub look: Look,
    /// What it is, in words; read out.
    pub note: String,
}

/// How a span looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Full and strong.
    Strong,
    /// Low and light.
    Light,
    /// A dashed outline.
    Broken,
    /// As wanted: low.
    Good,
    /// To be looked at: half high.
    Caution,
    /// Wrong: full.
    Bad,
    /// Not known: an outline.
    Unknown,
}

/// Values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What one sees in it; read out where there is no picture.
    pub description: String,
    /// The unit of the values: `ms`.
    pub unit: String,
    /// Where the axis begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// The curves.
    pub series: Vec<Series>,
    /// A value to be drawn as a line across, with its name.
    pub limit: Option<(f64, String)>,
}

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Values in order of time; none where there was no answer, which breaks the curve.
    pub points: Vec<(Timestamp, Option<f64>)>,
    /// Which of several values that fall on one spot is drawn.
    pub keep: Keep,
}

/// Which of several values that fall on one spot is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The highest.
    Highest,
    /// The lowest.
    Lowest,
}
