//! What stands in a clouds.yaml, before anything is made of it: texts, lists and sections.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as DeError, MapAccess, SeqAccess, Visitor};

/// A section of a file: keys with `_` for `-`, except the names of clouds.
pub(crate) type Section = BTreeMap<String, Node>;

/// One value of a file.
///
/// Scalars stay texts as far as they can: project ids of digits with an `e` in them, passwords with leading zeros and microversions such as `2.10` must
/// not turn into numbers and back.
#[derive(Clone, PartialEq)]
pub(crate) enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// A scalar; `true` and `false` for what YAML calls a boolean.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Section),
}

/// Shows the shape only: the values are secrets as often as not.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Null => f.write_str("null"),
            Node::Text(_) => f.write_str("text"),
            Node::List(list) => f.debug_list().entries(list).finish(),
            Node::Map(map) => f.debug_map().entries(map).finish(),
        }
    }
}

impl Node {
    /// Returns the text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the section, if it is one.
    pub(crate) fn map(&self) -> Option<&Section> {
        match self {
            Node::Map(map) => Some(map),
            _ => None,
        }
    }
}

/// Where a value stands, as far as reading it depends on that.
#[derive(Clone, Copy)]
enum Place {
    /// The file.
    File,
    /// `clouds` or `public-clouds`: its keys are names that a person chose.
    Clouds,
    /// Anything in a cloud.
    Cloud,
    /// A scalar that has to stay as it is written.
    Text,
}

/// Keys of a cloud whose value is read as it is written, not as the number that it may look like.
fn is_text(key: &str) -> bool {
    const WHOLE: [&str; 14] = [
        "username",
        "password",
        "token",
        "auth_token",
        "auth_url",
        "passcode",
        "profile",
        "cloud",
        "cacert",
        "cert",
        "key",
        "application_credential_secret",
        "system_scope",
        "default_microversion",
    ];
    WHOLE.contains(&key)
        || key.ends_with("_id")
        || (key.ends_with("_name") && key != "region_name")
        || key.ends_with("_api_version")
        || key.ends_with("_default_microversion")
        || key.ends_with("_endpoint_override")
}

/// Reads YAML.
///
/// Duplicate keys: the last counts, as in the tools that the file is made for. The error has a place but no text of the file.
pub(crate) fn from_yaml(text: &str) -> Result<Node, String> {
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |de| Seed(Place::File).deserialize(de))
        .map_err(|error| match error.location() {
            Some(place) => format!("line {}, column {}", place.line(), place.column()),
            None => "the place is not known".to_owned(),
        })
}

/// Reads JSON; the error has a place but no text of the file.
pub(crate) fn from_json(text: &str) -> Result<Node, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
    Ok(from_value(value, Place::File))
}

fn from_value(value: serde_json::Value, place: Place) -> Node {
    match value {
        serde_json::Value::Null => Node::Null,
        serde_json::Value::Bool(value) => Node::Text(value.to_string()),
        serde_json::Value::Number(number) => Node::Text(number.to_string()),
        serde_json::Value::String(text) => Node::Text(text),
        serde_json::Value::Array(list) => Node::List(list.into_iter().map(|item| from_value(item, place)).collect()),
        serde_json::Value::Object(map) => Node::Map(
            map.into_iter()
                .map(|(key, value)| {
                    let (key, below) = place.below(key);
                    (key, from_value(value, below))
                })
                .collect(),
        ),
    }
}

impl Place {
    /// Returns a key as it is kept, and where its value stands.
    fn below(self, key: String) -> (String, Place) {
        match self {
            Place::File if key == "clouds" || key == "public-clouds" => (key, Place::Clouds),
            Place::Clouds => (key, Place::Cloud),
            Place::File | Place::Cloud | Place::Text => {
                let key = key.replace('-', "_");
                let below = if is_text(&key) { Place::Text } else { Place::Cloud };
                (key, below)
            }
        }
    }
}

struct Seed(Place);

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.0 {
            Place::Text => deserializer.deserialize_option(TextVisitor),
            place => deserializer.deserialize_any(NodeVisitor(place)),
        }
    }
}

/// Reads a scalar as it is written.
struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_none<E: DeError>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_unit<E: DeError>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_string(self)
    }

    fn visit_str<E: DeError>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }
}

struct NodeVisitor(Place);

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: DeError>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_unit<E: DeError>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: DeError>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E: DeError>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E: DeError>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i128<E: DeError>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u128<E: DeError>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E: DeError>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E: DeError>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element_seed(Seed(self.0))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut map = Section::new();
        while let Some(key) = access.next_key::<String>()? {
            let (key, below) = self.0.below(key);
            let value = access.next_value_seed(Seed(below))?;
            map.insert(key, value);
        }
        Ok(Node::Map(map))
    }
}
