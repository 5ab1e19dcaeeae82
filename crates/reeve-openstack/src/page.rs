//! How listings go on: the link or the marker for the next page.

use serde_json::Value;

/// Returns the query of the next page, if the answer says that there is one.
///
/// Every service has its own form: Glance and Barbican `next`, Keystone `links.next`, Nova, Cinder, Neutron and Octavia `…_links` with `rel: next`. Only the query of a
/// link counts: its host and path are often not those that are reachable from outside, and a token goes to no other host.
pub(crate) fn next_query(body: &Value) -> Option<Vec<(String, String)>> {
    let map = body.as_object()?;
    let href = map
        .get("next")
        .and_then(Value::as_str)
        .or_else(|| map.get("links").and_then(|links| links["next"].as_str()))
        .or_else(|| {
            map.iter()
                .filter(|(key, _)| *key == "links" || key.ends_with("_links"))
                .filter_map(|(_, links)| links.as_array())
                .flatten()
                .find(|link| link["rel"] == "next")
                .and_then(|link| link["href"].as_str())
        })?;
    let query = crate::url::query_of(href);
    (!query.is_empty()).then_some(query)
}

/// Returns the entries of a page.
pub(crate) fn entries(mut body: Value, collection: &str) -> Result<Vec<Value>, String> {
    match body.get_mut(collection).map(Value::take) {
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("`{collection}` in it is no list")),
        None => Err(format!("it has no `{collection}`")),
    }
}

/// Returns the query of a page behind the entry that has `marker`.
pub(crate) fn marker_query(query: &[(String, String)], limit: usize, marker: Option<&str>) -> Vec<(String, String)> {
    let mut page: Vec<_> = query
        .iter()
        .filter(|(name, _)| name != "limit" && name != "marker")
        .cloned()
        .collect();
    page.push(("limit".to_owned(), limit.to_string()));
    if let Some(marker) = marker {
        page.push(("marker".to_owned(), marker.to_owned()));
    }
    page
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_link_is_followed() {
        let wanted = Some(vec![
            ("limit".to_owned(), "2".to_owned()),
            ("marker".to_owned(), "b".to_owned()),
        ]);
        let href = "http://10.0.0.1/v2/things?limit=2&marker=b";
        for body in [
            json!({ "images": [], "next": "/v2/images?limit=2&marker=b" }),
            json!({ "users": [], "links": { "self": href, "next": href, "previous": null } }),
            json!({ "flavors": [], "flavors_links": [{ "rel": "next", "href": href }] }),
            json!({ "volume_types": [], "volume_type_links": [{ "rel": "next", "href": href }] }),
            json!({ "ports": [], "ports_links": [{ "rel": "previous", "href": "x" }, { "rel": "next", "href": href }] }),
        ] {
            assert_eq!(next_query(&body), wanted, "{body}");
        }
        for last in [
            json!({ "flavors": [] }),
            json!({ "users": [], "links": { "next": null } }),
            json!({ "images": [], "next": null }),
            json!({ "images": [], "next": "/v2/images" }),
            json!([]),
        ] {
            assert_eq!(next_query(&last), None, "{last}");
        }
    }
}
