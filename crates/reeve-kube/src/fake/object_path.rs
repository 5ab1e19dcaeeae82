//! Reading a request's path and query.

use std::collections::BTreeMap;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectPath {
    /// `v1`, `apps/v1`.
    pub(super) group_version: String,
    /// The namespace; none for cluster-wide.
    pub(super) namespace: Option<String>,
    /// The plural.
    pub(super) resource: String,
    /// The object; none for a list or a creation.
    pub(super) name: Option<String>,
}

impl ObjectPath {
    /// Reads `/api/v1/namespaces/NS/pods/NAME`, `/apis/GROUP/VERSION/RESOURCE` and so on; none for any other path.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, resource, name) = match rest {
            ["namespaces", namespace, resource] => (Some(*namespace), *resource, None),
            ["namespaces", namespace, resource, name] => (Some(*namespace), *resource, Some(*name)),
            [resource] => (None, *resource, None),
            [resource, name] => (None, *resource, Some(*name)),
            _ => return None,
        };
        Some(Self {
            group_version,
            namespace: namespace.map(str::to_owned),
            resource: resource.to_owned(),
            name: name.map(str::to_owned),
        })
    }

    /// Returns the API group; empty for core.
    pub(super) fn group(&self) -> &str {
        self.group_version.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

/// Reads a query string.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), decode(value))
        })
        .collect()
}

/// Undoes the encoding of a query's value.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (bytes[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Tells whether labels fit a selector of the forms `a=b`, `a in (b,c)` and `a`, joined by commas.
pub(super) fn selects(selector: &str, label: impl Fn(&str) -> Option<String>) -> bool {
    let mut depth = 0;
    let terms = selector.split(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    terms.map(str::trim).filter(|term| !term.is_empty()).all(|term| {
        if let Some((key, values)) = term.split_once(" in ") {
            let values = values.trim().trim_start_matches('(').trim_end_matches(')');
            label(key.trim()).is_some_and(|found| values.split(',').any(|value| value.trim() == found))
        } else if let Some((key, value)) = term.split_once('=') {
            label(key).as_deref() == Some(value.trim_start_matches('='))
        } else {
            label(term).is_some()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_read() {
        let path = ObjectPath::parse("/apis/apps/v1/namespaces/n/deployments/d").unwrap();
        assert_eq!(
            (path.group(), path.namespace.as_deref(), path.name.as_deref()),
            ("apps", Some("n"), Some("d"))
        );
        let namespace = ObjectPath::parse("/api/v1/namespaces/n").unwrap();
        assert_eq!(
            (
                namespace.resource.as_str(),
                namespace.name.as_deref(),
                namespace.namespace
            ),
            ("namespaces", Some("n"), None)
        );
        assert_eq!(ObjectPath::parse("/version"), None);
        assert_eq!(
            query("labelSelector=a+in+%28b%2Cc%29&limit=5")["labelSelector"],
            "a in (b,c)"
        );
    }

    #[test]
    fn selectors_select() {
        let label = |key: &str| (key == "app").then(|| "mon".to_owned());
        assert!(selects("app in (mgr,mon)", label) && selects("app=mon", label) && selects("app", label));
        assert!(!selects("app in (mgr),app=mon", label) && !selects("app=mon,x=y", label));
    }
}
