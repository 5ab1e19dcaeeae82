//! Findings, and how they are shown: terminal, JSON, JUnit and one self-contained HTML file.
//!
//! A check ends in a [`CheckResult`]: it passed, it found something ([`Finding`]), it could not be judged, or what it found was waived.
//! A [`Report`] holds the results of one run together with what was looked at. Each renderer is a pure function of the report:
//! [`terminal`], [`json`], [`junit`] and [`html`] return a `String` and never print, read the clock or the environment.
//!
//! Everything in a report that came from a host or a cloud is untrusted. The values carry it as it is; every renderer makes control characters, terminal
//! sequences and characters that reorder or hide text visible before it shows them (the JSON form uses JSON's own escapes and loses nothing).
//!
//! A [`Document`] is a page of titled blocks beside that: running text, tables, pictures of time ([`Timeline`], [`Chart`]), things to do and results. It has no
//! JSON of its own, because whoever makes one has; [`document_html`] and [`document_terminal`] show it.
//!
//! Left to others: making findings (the operations), choosing a format, a width and colour (the command line), and writing files.

mod check_id;
mod document;
mod html;
mod json;
mod junit;
mod order;
mod report;
mod result;
mod section;
mod svg;
mod terminal;
mod verdict;
mod wording;

pub use check_id::{CheckId, CheckIdError};
pub use document::{Block, Document, DocumentOutcome, Part, Task, Tone};
pub use html::{document_html, html};
pub use json::{LoadError, json, load, schema};
pub use junit::{JunitError, junit};
pub use report::{FORMAT, Property, Report};
pub use result::{CheckResult, Evidence, Finding, Outcome, Severity};
pub use section::{Section, SectionBody};
pub use svg::{Bar, Chart, Keep, Lane, Look, Series, Timeline};
pub use terminal::{TerminalOptions, document_terminal, terminal};
pub use verdict::{Counts, Verdict};
