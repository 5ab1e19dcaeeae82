//! Images, as far as the checks look at them.

use std::collections::BTreeMap;

use serde_json::Value;

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its name; images can be without.
    pub name: Option<String>,
    /// `public` or `community`.
    pub visibility: String,
    /// Whether listings leave it out.
    pub hidden: bool,
    /// When it was registered, as Glance writes it.
    pub created_at: Option<String>,
    /// Its size in bytes; `None` as long as it has no data.
    pub size_bytes: Option<i64>,
    /// The smallest disk in GiB; 0 if it is not set.
    pub min_disk_gib: i64,
    /// The smallest memory in MiB; 0 if it is not set.
    pub min_ram_mib: i64,
    /// All other members that are texts, numbers or booleans, as texts: `os_hash_algo`, `architecture`, `image_source` …
    pub properties: BTreeMap<String, String>,
}

impl Image {
    /// Reads one entry of Glance's listing.
    pub(crate) fn from_json(value: &Value) -> Result<Image, String> {
        let map = value.as_object().ok_or("an image is no object")?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let properties = map.iter().filter_map(|(key, value)| match value {
            Value::String(text) => Some((key.clone(), text.clone())),
            Value::Number(number) => Some((key.clone(), number.to_string())),
            Value::Bool(value) => Some((key.clone(), value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        Ok(Image {
            id: text("id").ok_or("an image has no `id`")?,
            name: text("name"),
            visibility: text("visibility").unwrap_or_default(),
            hidden: value["os_hidden"].as_bool().unwrap_or(false),
            created_at: text("created_at"),
            size_bytes: value["size"].as_i64(),
            min_disk_gib: value["min_disk"].as_i64().unwrap_or(0),
            min_ram_mib: value["min_ram"].as_i64().unwrap_or(0),
            properties: properties.collect(),
        })
    }

    /// Returns a property, if it is set; it may be empty.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// Returns how an operator would name it.
    pub fn subject(&self) -> String {
        match &self.name {
            Some(name) => format!("image {name} ({})", self.id),
            None => format!("image without a name ({})", self.id),
        }
    }
}
