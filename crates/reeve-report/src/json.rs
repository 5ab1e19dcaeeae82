//! The JSON form of a report, its schema, and reading it back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CheckResult, Counts, FORMAT, Property, Report, Section, Verdict};

/// A text is not a report that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text has another shape than the schema says.
    #[error("this is not a report of reeve")]
    Shape(#[source] serde_json::Error),
    /// The report was written by a later version in a later format.
    #[error("this report has format {found}; this version reads up to {FORMAT}, so use the version that wrote it")]
    Newer {
        /// The format the text names.
        found: u32,
    },
    /// The format number is one that was never written.
    #[error("this report has format 0, which no version writes")]
    Zero,
}

/// A report as it is written: with the verdict and the counts, so that a reader need not work them out.
#[derive(Serialize, JsonSchema)]
#[schemars(
    title = "Reeve report",
    description = "What was looked at, by whom and when, and what every check said about it."
)]
struct Document<'a> {
    /// The version of this shape: fields may be added within a version, never removed or changed.
    #[schemars(range(min = 1))]
    format: u32,
    /// What the report is about.
    title: &'a str,
    /// The program and its version.
    tool: &'a str,
    /// When the report was made, in UTC.
    made_at: Timestamp,
    /// What the results mean together. Worked out from the results; a reader of this program ignores it.
    verdict: Verdict,
    /// How many checks ended in which way. Worked out from the results; a reader of this program ignores it.
    counts: Counts,
    /// What was looked at, in this order.
    subject: &'a [Property],
    /// One result for every check.
    results: &'a [CheckResult],
    /// Further titled blocks.
    sections: &'a [Section],
}

/// Returns the report as JSON, with a final line break; [`schema`] describes it.
///
/// Characters that steer a terminal or hide text are written as JSON escapes, so that the text can be shown as it is and still loses nothing.
pub fn json(report: &Report) -> String {
    let document = Document {
        format: report.format,
        title: &report.title,
        tool: &report.tool,
        made_at: report.made_at,
        verdict: report.verdict(),
        counts: report.counts(),
        subject: &report.subject,
        results: &report.results,
        sections: &report.sections,
    };
    let plain = serde_json::to_string_pretty(&document).expect("a report has only string keys and finite numbers");
    let mut text = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // The serializer has escaped controls below U+0020 already, and all others stand inside strings.
        if c != '\n' && reeve_untrusted::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

/// Returns the JSON Schema (draft 2020-12) of what [`json`] returns.
pub fn schema() -> Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Document<'static>>()
        .to_value()
}

/// Returns the report that `text` holds; unknown fields are ignored, since later versions may add some.
///
/// # Errors
///
/// [`LoadError::Newer`] for a later format, [`LoadError::Shape`] for anything that is no report.
pub fn load(text: &str) -> Result<Report, LoadError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    // The format first: a later one may well have another shape, and then its number is the better answer.
    let head: Head = serde_json::from_str(text).map_err(LoadError::Shape)?;
    match head.format {
        0 => Err(LoadError::Zero),
        1..=FORMAT => serde_json::from_str(text).map_err(LoadError::Shape),
        found => Err(LoadError::Newer { found }),
    }
}
