//! XML as a tree with bounds: what an OVF descriptor needs of it.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};

use crate::error::{ReadError, SourceName, quoted};

/// The deepest nesting; real descriptors stay below 10.
const MAX_DEPTH: usize = 64;

/// The most elements; the largest descriptor among VMware's own tests has about 60,000.
const MAX_ELEMENTS: usize = 500_000;

/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;

/// An element: names without their namespace prefix, text without the children's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
    /// Where it begins in the file.
    pub(crate) offset: u64,
}

impl Element {
    /// Reads a document and returns its root.
    ///
    /// # Errors
    ///
    /// [`ReadError`] at the byte where it is not well-formed, has a document type declaration, or exceeds a bound.
    pub(crate) fn parse(bytes: &[u8], file: &SourceName) -> Result<Self, ReadError> {
        let text = decode(bytes, file)?;
        let mut reader = Reader::from_str(&text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        let mut elements = 0;
        // Bounded by the text: every event takes at least one byte, and the end is an event.
        loop {
            let at = reader.buffer_position();
            let event = reader
                .read_event()
                .map_err(|error| file.damaged(reader.error_position(), format!("not well-formed XML: {error}")))?;
            match event {
                Event::Start(start) => {
                    let element = begin(&start, file, at, &mut elements)?;
                    if root.is_some() {
                        return Err(file.damaged(at, "a second root element"));
                    }
                    if open.len() == MAX_DEPTH {
                        let depth = MAX_DEPTH as u64;
                        return Err(file.too_large(at, "the nesting of elements", depth + 1, depth));
                    }
                    open.push(element);
                }
                Event::Empty(start) => {
                    let element = begin(&start, file, at, &mut elements)?;
                    close(element, &mut open, &mut root, file, at)?;
                }
                Event::End(_) => {
                    let Some(element) = open.pop() else {
                        return Err(file.damaged(at, "an end tag without its start"));
                    };
                    close(element, &mut open, &mut root, file, at)?;
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| file.damaged(at, error.to_string()))?;
                    add_text(&text, &mut open, file, at)?;
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| file.damaged(at, error.to_string()))?;
                    add_text(&text, &mut open, file, at)?;
                }
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref() {
                        Ok(Some(character)) => Some(Cow::Owned(character.to_string())),
                        Ok(None) => reference
                            .decode()
                            .ok()
                            .and_then(|name| resolve_xml_entity(&name).map(Cow::Borrowed)),
                        Err(_) => None,
                    };
                    let resolved = resolved
                        .ok_or_else(|| file.damaged(at, "a reference to an entity that XML does not define"))?;
                    add_text(&resolved, &mut open, file, at)?;
                }
                Event::DocType(_) => {
                    return Err(file.refused(
                        at,
                        "a document type declaration: an OVF descriptor has none, and it can make a small file huge",
                    ));
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = open.last() {
            return Err(file.damaged(
                element.offset,
                format!("the element {} is not closed", quoted(&element.name)),
            ));
        }
        root.ok_or_else(|| file.damaged(0, "no XML element"))
    }

    /// Returns an attribute by its name without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the values of all attributes that declare a namespace.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(|(key, _)| key.starts_with("xmlns"))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the children of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the first child of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns the text of the first child whose name is this, whatever the case; `None` if it is missing or blank.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.children
            .iter()
            .find(|child| child.name.eq_ignore_ascii_case(name))
            .map(|child| child.text.trim())
            .filter(|text| !text.is_empty())
    }
}

/// Returns the text of a document: UTF-8, or UTF-16 and Latin-1 where the document says so.
fn decode<'a>(bytes: &'a [u8], file: &SourceName) -> Result<Cow<'a, str>, ReadError> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return decode(rest, file);
    }
    let utf16 = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let (units, _) = rest.as_chunks::<2>();
        char::decode_utf16(units.iter().map(|unit| read(*unit)))
            .collect::<Result<String, _>>()
            .map(Cow::Owned)
            .map_err(|_| file.damaged(2, "not valid UTF-16"))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    std::str::from_utf8(bytes).map(Cow::Borrowed).or_else(|error| {
        let head = &bytes[..bytes.len().min(200)];
        let head: String = head.iter().map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
        let declaration = head.split("?>").next().unwrap_or_default();
        if declaration.contains("iso-8859-1") || declaration.contains("latin1") {
            return Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()));
        }
        Err(file.damaged(error.valid_up_to() as u64, "not UTF-8 text"))
    })
}

fn begin(start: &BytesStart<'_>, file: &SourceName, at: u64, elements: &mut usize) -> Result<Element, ReadError> {
    *elements += 1;
    if *elements > MAX_ELEMENTS {
        let limit = MAX_ELEMENTS as u64;
        return Err(file.too_large(at, "the number of elements", limit + 1, limit));
    }
    let mut attributes = Vec::new();
    // Without the check for duplicates, which takes the square of their number; the first of a name counts.
    for attribute in start.attributes().with_checks(false) {
        let attribute =
            attribute.map_err(|error: AttrError| file.damaged(at, format!("a broken attribute: {error}")))?;
        if attributes.len() == MAX_ATTRIBUTES {
            let limit = MAX_ATTRIBUTES as u64;
            return Err(file.too_large(at, "the number of attributes of an element", limit + 1, limit));
        }
        let key = attribute.key;
        let name = if key.as_namespace_binding().is_some() {
            key.as_ref()
        } else {
            key.local_name().into_inner()
        };
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| file.damaged(at, format!("a broken attribute: {error}")))?;
        attributes.push((String::from_utf8_lossy(name).into_owned(), value.into_owned()));
    }
    Ok(Element {
        name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(),
        attributes,
        offset: at,
        ..Element::default()
    })
}

fn close(
    element: Element,
    open: &mut [Element],
    root: &mut Option<Element>,
    file: &SourceName,
    at: u64,
) -> Result<(), ReadError> {
    match (open.last_mut(), root.is_some()) {
        (Some(parent), _) => parent.children.push(element),
        (None, false) => *root = Some(element),
        (None, true) => return Err(file.damaged(at, "a second root element")),
    }
    Ok(())
}

fn add_text(text: &str, open: &mut [Element], file: &SourceName, at: u64) -> Result<(), ReadError> {
    match open.last_mut() {
        Some(element) => {
            element.text.push_str(text);
            Ok(())
        }
        None if text.trim().is_empty() => Ok(()),
        None => Err(file.damaged(at, "text outside of the root element")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Element, ReadError> {
        Element::parse(text, &SourceName::new("x.ovf"))
    }

    #[test]
    fn elements_attributes_and_text_are_read() {
        let root = parse(
            b"<?xml version='1.0'?>\n<!-- c --><o:E xmlns:o=\"n\" o:a=\"1 &lt; 2\"><o:B>x &amp; &#65;<![CDATA[<y>]]></o:B><B/></o:E>\n",
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.attribute("a")), ("E", Some("1 < 2")));
        assert_eq!(root.namespaces().collect::<Vec<_>>(), ["n"]);
        assert_eq!(root.value("b"), Some("x & A<y>"));
        assert_eq!(root.all("B").count(), 2);
        assert_eq!((root.offset, root.children[1].offset), (32, 103));
    }

    #[test]
    fn other_encodings_are_read() {
        let latin = parse(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>").unwrap();
        assert_eq!(latin.text, "ä");
        let utf16: Vec<u8> = "\u{feff}<a>ä</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse(&utf16).unwrap().text, "ä");
        assert_eq!(parse(b"\xef\xbb\xbf<a/>").unwrap().name, "a");
    }

    #[test]
    fn what_is_not_read_says_why() {
        let deep = "<a>".repeat(100);
        let many = format!("<a {}/>", (0..300).map(|n| format!("b{n}='' ")).collect::<String>());
        let said: Vec<String> = [
            &b""[..],
            b"<a>",
            b"<a></b>",
            b"<a/><b/>",
            b"<a></a>text",
            b"<a>\xff</a>",
            b"<a b=c/>",
            b"<a>&nope;</a>",
            b"<a b='&nope;'/>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            deep.as_bytes(),
            many.as_bytes(),
        ]
        .iter()
        .map(|text| parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
