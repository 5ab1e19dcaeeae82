//! What can go wrong while a source is read: always with the file and the byte.

use std::fmt;
use std::sync::Arc;

/// The longest piece of a file's own text that an error repeats, in characters.
const QUOTED_CHARACTERS: usize = 120;

/// The name of a file as errors show it: control characters escaped, because the name may come from inside an archive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceName(Arc<str>);

impl SourceName {
    /// Returns the name for `text`; control characters are escaped and a very long name is cut.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(escaped(text, 1024)))
    }

    /// Returns the name of a part of this file, as in `lab.ova (disk1.vmdk)`.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        Self::new(&format!("{} ({part})", self.0))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns an error that says that the file is damaged at `offset`.
    pub(crate) fn damaged(&self, offset: u64, what: impl Into<String>) -> ReadError {
        ReadError::Damaged {
            file: self.clone(),
            offset,
            what: what.into(),
        }
    }

    /// Returns an error that says that what stands at `offset` is sound but not read by this crate.
    pub(crate) fn refused(&self, offset: u64, what: impl Into<String>) -> ReadError {
        ReadError::Refused {
            file: self.clone(),
            offset,
            what: what.into(),
        }
    }

    /// Returns an error that says that a number at `offset` is beyond what is read.
    pub(crate) fn too_large(&self, offset: u64, what: &'static str, value: u64, limit: u64) -> ReadError {
        ReadError::TooLarge {
            file: self.clone(),
            offset,
            what,
            value,
            limit,
        }
    }

    /// Returns an error for a failed read.
    pub(crate) fn io(&self, offset: u64, source: std::io::Error) -> ReadError {
        ReadError::Io {
            file: self.clone(),
            offset,
            source,
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A source could not be read. Every variant names the file and the byte at which reading stopped.
///
/// None of them is helped by trying again with the same file, but for [`ReadError::Io`] on a network file system.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{file}, byte {offset}: could not be read")]
    Io {
        /// The file.
        file: SourceName,
        /// Where reading was to begin.
        offset: u64,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes contradict the format or each other.
    #[error("{file}, byte {offset}: {what}")]
    Damaged {
        /// The file.
        file: SourceName,
        /// Where the contradiction was met.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The file is sound as far as it was read, and of a kind that is not imported; the text says the way out.
    #[error("{file}, byte {offset}: {what}")]
    Refused {
        /// The file.
        file: SourceName,
        /// Where the kind was recognised.
        offset: u64,
        /// What it is, and what to do instead.
        what: String,
    },
    /// A number is beyond the limits of `docs/src/reference/disk-formats.md`.
    #[error("{file}, byte {offset}: {what} is {value}, and at most {limit} is read")]
    TooLarge {
        /// The file.
        file: SourceName,
        /// Where the number stands.
        offset: u64,
        /// What the number counts.
        what: &'static str,
        /// The number.
        value: u64,
        /// The limit.
        limit: u64,
    },
}

impl ReadError {
    /// Returns the file that could not be read.
    #[must_use]
    pub const fn file(&self) -> &SourceName {
        match self {
            Self::Io { file, .. }
            | Self::Damaged { file, .. }
            | Self::Refused { file, .. }
            | Self::TooLarge { file, .. } => file,
        }
    }

    /// Returns the byte at which reading stopped.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match self {
            Self::Io { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::Refused { offset, .. }
            | Self::TooLarge { offset, .. } => *offset,
        }
    }
}

/// Returns text from a file for use inside an error: in quotes, control characters escaped, cut after a line's worth.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, QUOTED_CHARACTERS))
}

/// Returns `text` with what is hidden made visible, line breaks too, and not longer than `limit` characters of its own.
pub(crate) fn escaped(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        if reeve_untrusted::is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_file_and_byte_and_cannot_steer_a_terminal() {
        let name = SourceName::new("a\u{1b}[2J.ova").part("disk\n1.vmdk");
        let error = name.damaged(512, format!("the marker says {}", quoted("x\u{202e}y\r")));
        assert_eq!(
            error.to_string(),
            "a\\u{1b}[2J.ova (disk\\u{a}1.vmdk), byte 512: the marker says \"x\\u{202e}y\\u{d}\""
        );
        assert_eq!(error.offset(), 512);
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(escaped("abcdef", 3), "abc…");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), QUOTED_CHARACTERS + 3);
    }
}
