//! A daemon's name as the gate knows it.

use std::fmt;
use std::str::FromStr;

use super::RELEASED_SUFFIX;

/// A text that names no daemon for the gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a daemon that Kubernetes can label: expected `mon.ID` with letters, digits, `-`, `_` or `.` in the id, 63 at most"
)]
pub struct DaemonKeyError(String);

/// The values of the two labels that Rook puts on a daemon's pod, as `TYPE.ID`.
///
/// The kind is a legal part of an annotation's prefix and the id a legal label value, which is what an annotation's name may be, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DaemonKey {
    kind: String,
    id: String,
}

impl DaemonKey {
    /// Returns the key of daemon `id` of kind `kind`.
    ///
    /// # Errors
    ///
    /// [`DaemonKeyError`] if the kind is anything but small letters, digits and inner `-`, or the id is no label value.
    pub fn new(kind: &str, id: &str) -> Result<Self, DaemonKeyError> {
        if is_dns_label(kind) && is_label_value(id) {
            Ok(Self {
                kind: kind.to_owned(),
                id: id.to_owned(),
            })
        } else {
            Err(DaemonKeyError(reeve_untrusted::printable(&format!("{kind}.{id}"))))
        }
    }

    /// Returns the kind: `mon`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the key of the annotation of the namespace that releases this daemon: `mon.released.reeve/n1`.
    pub fn annotation(&self) -> String {
        format!("{}.{RELEASED_SUFFIX}/{}", self.kind, self.id)
    }

    /// Reads what [`Self::annotation`] wrote; none for any other annotation.
    pub fn from_annotation(key: &str) -> Option<Self> {
        let (prefix, id) = key.split_once('/')?;
        let kind = prefix.strip_suffix(RELEASED_SUFFIX)?.strip_suffix('.')?;
        Self::new(kind, id).ok()
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for DaemonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}

impl FromStr for DaemonKey {
    type Err = DaemonKeyError;

    /// Reads `mon.n1`; ids may have dots, kinds have none.
    fn from_str(text: &str) -> Result<Self, DaemonKeyError> {
        let (kind, id) = text
            .split_once('.')
            .ok_or_else(|| DaemonKeyError(reeve_untrusted::printable(text)))?;
        Self::new(kind, id)
    }
}

/// Source: Kubernetes documentation: Object Names and IDs – RFC 1123 Label Names.
fn is_dns_label(text: &str) -> bool {
    is_label_value(text)
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Source: Kubernetes documentation: Labels and Selectors – Syntax and character set.
fn is_label_value(text: &str) -> bool {
    let alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_can_be_labelled_is_a_key() {
        for good in ["mon.n1", "osd.12", "mon.host.example.org", "mds.cephfs-a", "mgr.A_b"] {
            assert_eq!(good.parse::<DaemonKey>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "mon",
            "mon.",
            ".a",
            "mon.-a",
            "mon.a b",
            "mon.a\n",
            "Mon.a",
            "mon.ü",
            &format!("mon.{}", "a".repeat(64)),
        ] {
            assert!(bad.parse::<DaemonKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn other_annotations_release_nobody() {
        for other in [
            "released.reeve/n1",
            "mon.released.reeve",
            "mon.released.reeve/",
            "monreleased.reeve/n1",
            "a.b.released.reeve/n1",
            "x/y",
        ] {
            assert_eq!(DaemonKey::from_annotation(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_what_it_was_made_of(kind in "[a-z]{1,8}", id in "[a-zA-Z0-9]([a-zA-Z0-9._-]{0,40}[a-zA-Z0-9])?") {
            let key = DaemonKey::new(&kind, &id).unwrap();
            prop_assert_eq!(&key.to_string().parse::<DaemonKey>().unwrap(), &key);
            prop_assert_eq!(DaemonKey::from_annotation(&key.annotation()), Some(key));
        }
    }
}
