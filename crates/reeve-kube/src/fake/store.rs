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
        self.objects
            .iter()
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
