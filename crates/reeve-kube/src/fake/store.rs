//! The objects, and what becomes of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::object_path::{ObjectPath, selects};

/// Objects by where they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<ObjectPath, Value>,
    revision: u64,
}

impl Store {
    pub(super) fn get(&self, path: &ObjectPath) -> Option<&Value> {
        self.objects.get(path)
    }

    /// Returns the objects below `path`, a path without a name, in the order of namespace and name.
    pub(super) fn list(&self, path: &ObjectPath, selector: &str) -> Vec<&Value> {
        let fits = |key: &ObjectPath| {
            key.group_version == path.group_version
                && key.resource == path.resource
                && (path.namespace.is_none() || key.namespace == path.namespace)
        };
        let selected = |object: &Value| {
            selects(selector, |key| {
                object["metadata"]["labels"][key].as_str().map(str::to_owned)
            })
        };
        // Within a namespace the wanted ones lie beside one another.
        let first = ObjectPath {
            name: None,
            ..path.clone()
        };
        let in_namespace = path.namespace.is_some();
        let all = if in_namespace {
            self.objects.range(first..)
        } else {
            self.objects.range(..)
        };
        all.take_while(|(key, _)| !in_namespace || fits(key))
            .filter(|(key, object)| fits(key) && selected(object))
            .map(|(_, object)| object)
            .collect()
    }

    /// Returns the object as it would be stored at `path`, which has its name.
    pub(super) fn dressed(&self, path: &ObjectPath, mut object: Value) -> Value {
        let old = self.objects.get(path);
        let metadata = &mut object["metadata"];
        if !metadata.is_object() {
            *metadata = Value::Object(Map::new());
        }
        metadata["name"] = json!(path.name);
        if let Some(namespace) = &path.namespace {
            metadata["namespace"] = json!(namespace);
        }
        // The API server does not keep an empty map.
        if metadata["annotations"].as_object().is_some_and(Map::is_empty) {
            metadata.as_object_mut().map(|metadata| metadata.remove("annotations"));
        }
        let kept = |key: &str, new: Value| old.map_or(new, |old| old["metadata"][key].clone());
        metadata["uid"] = kept(
            "uid",
            json!(format!("00000000-0000-0000-0000-{:012}", self.revision + 1)),
        );
        metadata["creationTimestamp"] = kept("creationTimestamp", json!("2026-01-02T03:04:05Z"));
        metadata["resourceVersion"] = json!((self.revision + 1).to_string());
        dress_spec(&mut object, old);
        let metadata = &mut object["metadata"];
        if path.resource == "namespaces" {
            // As the API server does for every namespace.
            let name = path.name.clone();
            metadata["labels"]["kubernetes.io/metadata.name"] = json!(name);
        }
        object
    }

    /// Stores an object that was dressed for `path`.
    pub(super) fn put(&mut self, path: &ObjectPath, object: Value) {
        self.revision += 1;
        self.objects.insert(path.clone(), object);
    }

    /// Removes an object; a namespace goes with everything in it.
    pub(super) fn remove(&mut self, path: &ObjectPath) -> Option<Value> {
        let removed = self.objects.remove(path)?;
        self.revision += 1;
        if path.resource == "namespaces" {
            self.objects.retain(|key, _| key.namespace != path.name);
        }
        Some(removed)
    }

    /// Returns everything as one value, for comparing before and after.
    pub(super) fn everything(&self) -> Vec<Value> {
        self.objects.values().cloned().collect()
    }
}

/// Counts the generations of what has a spec, and turns a Secret's `stringData` into `data`.
fn dress_spec(object: &mut Value, old: Option<&Value>) {
    if object["spec"].is_object() {
        let before = old.map_or(0, |old| old["metadata"]["generation"].as_i64().unwrap_or(0));
        let same = old.is_some_and(|old| old["spec"] == object["spec"]);
        object["metadata"]["generation"] = json!(if same { before } else { before + 1 });
    }
    let texts = object.as_object_mut().and_then(|object| object.remove("stringData"));
    if let Some(Value::Object(texts)) = texts {
        for (key, text) in texts {
            object["data"][key] = json!(base64(text.as_str().unwrap_or_default().as_bytes()));
        }
    }
}

/// Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * place) & 63).expect("six bits fit");
            text.push(if place <= three.len() {
                char::from(ALPHABET[six])
            } else {
                '='
            });
        }
    }
    text
}

/// Applies a JSON merge patch. Source: RFC 7396, section 2.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            if let Some(map) = target.as_object_mut() {
                map.remove(key);
            }
        } else {
            merge(&mut target[key], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_encoded() {
        for (plain, encoded) in [
            ("", ""),
            ("a", "YQ=="),
            ("ab", "YWI="),
            ("abc", "YWJj"),
            ("ü?>", "w7w/Pg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_generation_counts_changes_of_the_spec() {
        let path = ObjectPath::parse("/apis/apps/v1/namespaces/n/deployments/d").expect("it is a path");
        let mut store = Store::default();
        for (object, generation) in [
            (json!({ "spec": { "replicas": 1 } }), 1),
            (json!({ "spec": { "replicas": 1 }, "status": { "replicas": 1 } }), 1),
            (json!({ "spec": { "replicas": 0 } }), 2),
        ] {
            let dressed = store.dressed(&path, object);
            assert_eq!(dressed["metadata"]["generation"], generation);
            store.put(&path, dressed);
        }
    }
}
