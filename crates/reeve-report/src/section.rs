//! Titled blocks that a report shows beside its findings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Property;

/// A titled block of a report: an inventory, a list of daemons, the text of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// A sentence or two before the block; may be empty.
    #[serde(default)]
    pub intro: String,
    /// What the block holds.
    pub body: SectionBody,
}

/// What a section holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SectionBody {
    /// Names with their values, in this order.
    Properties {
        /// The names and values.
        properties: Vec<Property>,
    },
    /// Rows under column headings.
    Table {
        /// The column headings.
        columns: Vec<String>,
        /// The rows; a row shorter than the headings is filled with empty cells, a longer one is cut.
        rows: Vec<Vec<String>>,
    },
    /// Text whose line breaks and spaces matter, word for word.
    Text {
        /// The text.
        text: String,
    },
}
