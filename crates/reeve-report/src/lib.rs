//! Findings, and how they are shown: terminal, JSON, JUnit and one self-contained HTML file.
//!
//! A check ends in a [`CheckResult`]: it passed, it found something ([`Finding`]), it could not be judged, or what it found was waived.
//! A [`Report`] holds the results of one run together with what was looked at. Each renderer is a pure function of the report:
//! [`terminal`], [`json`], [`junit`] and [`html`] return a `String` and never print, read the clock or the environment.
//!
//! Everything in a report that came from a host or a cloud is untrusted. The values carry it as it is; every renderer makes control characters, terminal
//! sequences and characters that reorder or hide text visible before it shows them (the JSON form uses JSON's own escapes and loses nothing).
//!
//! Left to others: making findings (the operations), choosing a format, a width and colour (the command line), and writing files.

mod check_id;
mod escape;
mod html;
mod json;
mod junit;
mod order;
mod report;
mod result;
mod section;
mod terminal;
mod verdict;
mod wording;

pub use check_id::{CheckId, CheckIdError};
pub use html::html;
pub use json::{LoadError, json, load, schema};
pub use junit::{JunitError, junit};
pub use report::{FORMAT, Property, Report};
pub use result::{CheckResult, Evidence, Finding, Outcome, Severity};
pub use section::{Section, SectionBody};
pub use terminal::{TerminalOptions, terminal};
pub use verdict::{Counts, Verdict};
