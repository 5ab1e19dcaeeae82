//! The text of LVM's metadata: names with values, lists or sections.
//!
//! Source: LVM2, `libdm/libdm-config.c` (how it is read), `lib/format_text/export.c` (how it is written).

use super::LvmError;

/// How deep sections may be; those of a volume group are four deep.
const MAX_DEPTH: usize = 8;

/// The most values; a list counts as what it has.
const MAX_VALUES: usize = 50_000;

/// The longest name. Source: `NAME_LEN`.
const MAX_NAME: usize = 128;

/// What stands behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
    /// A number that is none of ours: negative, or with a fraction.
    Other,
}

/// Names with what stands behind them, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section(Vec<(String, Value)>);

impl Section {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(held, _)| held == name).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[Value]> {
        match self.get(name)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    /// Returns the sections in it, in order.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }
}

/// Parses a text; it ends at its end, or at a zero byte.
///
/// # Errors
///
/// [`LvmError::Damaged`] if it is no such text, or has more than is read.
pub(super) fn parse(text: &[u8]) -> Result<Section, LvmError> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let mut parser = Parser {
        rest: &text[..end],
        left: MAX_VALUES,
    };
    parser
        .section(0)
        .ok_or(LvmError::Damaged("the text of its metadata cannot be understood"))
}

struct Parser<'a> {
    rest: &'a [u8],
    /// How many values may still come.
    left: usize,
}

impl<'a> Parser<'a> {
    /// Passes over blanks and comments, and returns the byte behind them.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let blank = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.rest = &self.rest[blank..];
            if self.rest.first() != Some(&b'#') {
                return self.rest.first().copied();
            }
            let line = self.rest.iter().take_while(|byte| **byte != b'\n').count();
            self.rest = &self.rest[line..];
        }
    }

    /// Takes a byte, if it comes next.
    fn takes(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    /// Takes a name or a number: letters, digits and what names may have besides.
    fn word(&mut self) -> Option<&'a str> {
        self.peek()?;
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.+-/".contains(byte);
        let length = self.rest.iter().take_while(is_word).count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        str::from_utf8(word)
            .ok()
            .filter(|word| !word.is_empty() && word.len() <= MAX_NAME)
    }

    /// Takes what is in a section, up to its end.
    fn section(&mut self, depth: usize) -> Option<Section> {
        let mut section = Section::default();
        // Each turn takes at least a byte.
        loop {
            let is_end = if depth == 0 {
                self.peek().is_none()
            } else {
                self.takes(b'}')
            };
            if is_end {
                return Some(section);
            }
            let name = self.word()?.to_owned();
            let value = if self.takes(b'=') {
                self.value()?
            } else if self.takes(b'{') && depth < MAX_DEPTH {
                self.counted()?;
                Value::Section(self.section(depth + 1)?)
            } else {
                return None;
            };
            section.0.push((name, value));
        }
    }

    fn counted(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    /// Takes a value or a list of them; there are no lists in lists.
    fn value(&mut self) -> Option<Value> {
        if !self.takes(b'[') {
            return self.single();
        }
        let mut list = Vec::new();
        while !self.takes(b']') {
            list.push(self.single()?);
            if !self.takes(b',') && self.peek() != Some(b']') {
                return None;
            }
        }
        Some(Value::List(list))
    }

    fn single(&mut self) -> Option<Value> {
        self.counted()?;
        if !self.takes(b'"') {
            let word = self.word()?;
            return Some(word.parse().map_or(Value::Other, Value::Number));
        }
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => break,
                // Only these two are written so.
                b'\\' => {
                    let (second, rest) = rest.split_first()?;
                    self.rest = rest;
                    text.push(*second);
                }
                other => text.push(*other),
            }
        }
        Some(Value::Text(String::from_utf8_lossy(&text).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        let parsed = parse(
            b"# a comment\nvg-a.1 {\n\tid = \"a-b\" # = }\n\tnumber = 8192\n\tnegative=-1\n\tlist = [\"pv0\", 7, ]\n\tempty = []\n\tquoted = \"a \\\"b\\\" \\\\\"\n\n\tinner {\n\t}\n}\nlast = 1\0 { not read",
        )
        .unwrap();
        let group = parsed.section("vg-a.1").unwrap();
        assert_eq!(group.text("id"), Some("a-b"));
        assert_eq!((group.number("number"), group.number("negative")), (Some(8192), None));
        assert_eq!(
            group.list("list").unwrap(),
            [Value::Text("pv0".into()), Value::Number(7)]
        );
        assert_eq!(group.list("empty"), Some(&[][..]));
        assert_eq!(group.text("quoted"), Some("a \"b\" \\"));
        assert_eq!(group.sections().map(|(name, _)| name).collect::<Vec<_>>(), ["inner"]);
        assert_eq!(parsed.number("last"), Some(1));
    }

    #[test]
    fn what_is_no_such_text_or_too_much_is_refused() {
        let deep = |depth| ["a {".repeat(depth), "}".repeat(depth)].concat();
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        for text in [
            deep(MAX_DEPTH + 1),
            deep(100_000),
            "a".into(),
            "a {".into(),
            "}".into(),
            "a = ".into(),
            "a = \"".into(),
            "a = \"\\".into(),
            "a = [1".into(),
            "a = [1 2]".into(),
            "a = [[1]]".into(),
            format!("{} = 1", "n".repeat(MAX_NAME + 1)),
            format!("a = [{}]", "1,".repeat(MAX_VALUES + 1)),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{:.40}", text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[a-c0-2 ={}\\[\\],\"\\\\#\n]{0,200}") {
            let _ = parse(text.as_bytes());
        }
    }
}
