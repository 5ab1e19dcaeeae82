//! From the address in the catalogue to the one that requests go to.
//!
//! A catalogue may name a version (`https://c/compute/v2.1`) or not (`https://c:9292`); a service without one has a document at its root that lists its
//! versions. Links in that document often name a host that is not reachable from outside, so only their path counts: a token never goes to a host that the
//! catalogue does not name. Source of the shapes: the version documents of the 2025.1 services; keystoneauth1 5.18: `discover.py`.

use serde_json::Value;

use crate::request::Microversion;

/// Returns whether an address names a version already, anywhere in its path: `/v3/0123abc` does.
pub(crate) fn has_version(url: &str) -> bool {
    crate::url::path(url).split('/').any(is_version)
}

/// Returns an address cut behind its version: `https://c/v3` for `https://c/v3/0123abc`.
pub(crate) fn up_to_version(url: &str) -> String {
    let origin = crate::url::origin(url);
    let path = crate::url::path(url);
    let mut kept = Vec::new();
    for segment in path.split('/') {
        kept.push(segment);
        if is_version(segment) {
            break;
        }
    }
    format!("{origin}{}", kept.join("/"))
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| {
        number.starts_with(|c: char| c.is_ascii_digit()) && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    })
}

/// One version in a version document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    id: String,
    path: Option<String>,
    usable: bool,
    /// Lowest and highest microversion.
    pub(crate) range: Option<(Microversion, Microversion)>,
}

impl Offered {
    /// Tells whether this is major version `version`: `v2.17` is `v2`, and `v3.0` is `v3`.
    pub(crate) fn is(&self, version: &str) -> bool {
        self.id == version || self.id.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Reads a version document, of a root or of one version.
pub(crate) fn offered(document: &Value) -> Vec<Offered> {
    // Keystone wraps its list once more.
    let versions = &document["versions"];
    let list = versions.as_array().or_else(|| versions["values"].as_array());
    let entries: Vec<&Value> = match list {
        Some(list) => list.iter().take(64).collect(),
        None => document.get("version").into_iter().collect(),
    };
    entries.into_iter().filter_map(one).collect()
}

fn one(entry: &Value) -> Option<Offered> {
    let id = entry["id"].as_str()?.to_owned();
    let links = entry["links"].as_array();
    let href = links
        .and_then(|links| links.iter().find(|link| link["rel"] == "self"))
        .and_then(|link| link["href"].as_str());
    let number = |keys: [&str; 2]| {
        keys.iter()
            .find_map(|key| entry[*key].as_str())
            .and_then(|text| text.parse().ok())
    };
    let range = number(["min_version", "min_version"]).zip(number(["max_version", "version"]));
    let usable = entry["status"].as_str().is_none_or(|status| {
        matches!(
            status.to_ascii_uppercase().as_str(),
            "CURRENT" | "SUPPORTED" | "STABLE" | "DEPRECATED"
        )
    });
    Some(Offered {
        id,
        path: href.map(path_of),
        usable,
        range,
    })
}

fn path_of(href: &str) -> String {
    if href.contains("://") {
        crate::url::path(href)
    } else {
        href.trim_end_matches('/').to_owned()
    }
}

/// Returns the address of the best version in `versions` that a root at `root` offers; the plain addition of the version if it offers none of them.
pub(crate) fn choose(root: &str, offers: &[Offered], versions: &[&str]) -> String {
    let root = root.trim_end_matches('/');
    let below = crate::url::path(root);
    for version in versions {
        // Several minor versions of one major share an address in Glance; where they do not, the last listed is as good as any.
        let Some(offer) = offers.iter().find(|offer| offer.usable && offer.is(version)) else {
            continue;
        };
        return match &offer.path {
            Some(path) if path.starts_with(&below) && has_version(&format!("{}{path}", crate::url::origin(root))) => {
                format!("{}{path}", crate::url::origin(root))
            }
            _ => format!("{root}/{version}"),
        };
    }
    match versions.first() {
        Some(version) => format!("{root}/{version}"),
        None => root.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_in_addresses() {
        for (url, has) in [
            ("https://c/compute/v2.1", true),
            ("https://c:8776/v3/abc", true),
            ("https://c/swift/v1/AUTH_x", true),
            ("https://c:9292", false),
            ("https://vm.example/volume", false),
        ] {
            assert_eq!(has_version(url), has, "{url}");
        }
        assert_eq!(up_to_version("https://c:8776/v3/abc"), "https://c:8776/v3");
        assert_eq!(up_to_version("https://c/placement"), "https://c/placement");
    }

    #[test]
    fn the_host_of_a_link_does_not_count() {
        let glance = json!({ "versions": [
            { "id": "v2.17", "status": "CURRENT", "links": [{ "rel": "self", "href": "http://10.0.0.1:9292/v2/" }] },
            { "id": "v2.16", "status": "SUPPORTED", "links": [{ "rel": "self", "href": "http://10.0.0.1:9292/v2/" }] } ] });
        assert_eq!(
            choose("https://image.c", &offered(&glance), &["v2"]),
            "https://image.c/v2"
        );
        // Behind a proxy that adds a path, the link has none of it.
        assert_eq!(
            choose("https://c/image", &offered(&glance), &["v2"]),
            "https://c/image/v2"
        );
        let neutron = json!({ "versions": [{ "id": "v2.0", "status": "CURRENT",
            "links": [{ "rel": "self", "href": "https://c/network/v2.0/" }] }] });
        assert_eq!(
            choose("https://c/network/", &offered(&neutron), &["v2.0"]),
            "https://c/network/v2.0"
        );
        let octavia = json!({ "versions": [
            { "id": "v2.0", "status": "SUPPORTED", "links": [{ "rel": "self", "href": "http://c:9876/v2" }] },
            { "id": "v2.27", "status": "CURRENT", "links": [{ "rel": "self", "href": "http://c:9876/v2" }] } ] });
        assert_eq!(choose("http://c:9876", &offered(&octavia), &["v2"]), "http://c:9876/v2");
    }

    #[test]
    fn microversions_of_root_and_of_one_version() {
        let cinder = json!({ "versions": [{ "id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0",
            "links": [{ "rel": "self", "href": "http://c:8776/v3/" }] }] });
        let range = offered(&cinder)[0].range.unwrap();
        assert_eq!(
            (range.0.to_string(), range.1.to_string()),
            ("3.0".into(), "3.71".into())
        );
        let nova = json!({ "version": { "id": "v2.1", "status": "CURRENT", "version": "2.100", "min_version": "2.1", "links": [] } });
        assert_eq!(
            offered(&nova)[0].range.unwrap().1,
            Microversion { major: 2, minor: 100 }
        );
        let placement = json!({ "versions": [{ "id": "v1.0", "max_version": "1.39", "min_version": "1.0", "status": "CURRENT", "links": [] }] });
        assert_eq!(
            offered(&placement)[0].range.unwrap().1,
            Microversion { major: 1, minor: 39 }
        );
    }

    #[test]
    fn documents_of_any_shape_give_an_address() {
        for document in [
            json!(null),
            json!([]),
            json!({ "versions": 3 }),
            json!({ "versions": [{}] }),
            json!({ "error": "x" }),
        ] {
            assert_eq!(choose("https://c", &offered(&document), &["v2"]), "https://c/v2");
        }
    }
}
