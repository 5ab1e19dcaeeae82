//! What each service answers.

use serde_json::{Value, json};

use super::http::{Answered, Asked};
use super::state::State;
use super::{glance, identity, rules, sharing, things};
use crate::request::Microversion;

/// Answers a request.
pub(super) fn route(state: &mut State, asked: &Asked) -> Answered {
    let path = asked.path.trim_end_matches('/');
    match (asked.method.as_str(), path) {
        ("POST", "/identity/v3/auth/tokens") => login(state, asked),
        ("GET", "/identity/v3") => {
            let link = json!({ "rel": "self", "href": format!("{}/identity/v3/", state.url) });
            Answered::json(
                200,
                &json!({ "version": { "id": "v3.14", "status": "stable", "links": [link] } }),
            )
        }
        // What stands for Ceph's gateway knows strangers only.
        ("GET", "") => Answered {
            status: state.s3_answer.0,
            headers: vec![("content-type".to_owned(), "application/xml".to_owned())],
            body: state.s3_answer.1.clone(),
        },
        ("GET", "/image") => version_list(state, "v2.17", "/image", "/v2/"),
        ("GET", "/network") => version_list(state, "v2.0", "", "/network/v2.0/"),
        ("GET", "/key-manager") => version_list(state, "v1", "/key-manager", "/v1/"),
        ("GET", "/load-balancer") => version_list(state, "v2.27", "/load-balancer", "/v2"),
        _ if !state.accepts(asked.token.as_deref()) => {
            let words =
                json!({ "error": { "message": "The request you have made requires authentication.", "code": 401 } });
            Answered::json(401, &words)
        }
        _ if !rules::allows(state, asked) => {
            let words =
                json!({ "error": { "message": "The request you have made requires authentication.", "code": 401 } });
            Answered::json(401, &words)
        }
        ("GET", "/compute/v2.1") => {
            let link = json!({ "rel": "self", "href": format!("{}/compute/v2.1/", state.url) });
            let version = json!({ "id": "v2.1", "status": "CURRENT", "min_version": "2.1", "version": state.nova_microversion, "links": [link] });
            Answered::json(200, &json!({ "version": version }))
        }
        ("GET", path) if path.starts_with("/compute/v2.1/flavors/") && path.ends_with("/os-extra_specs") => {
            let id = path.split('/').nth(4).unwrap_or_default();
            match all(state, "flavors").iter().find(|flavor| flavor["id"] == id) {
                Some(flavor) => Answered::json(200, &json!({ "extra_specs": flavor["extra_specs"] })),
                None => Answered::json(
                    404,
                    &json!({ "itemNotFound": { "code": 404, "message": "Flavor could not be found." } }),
                ),
            }
        }
        ("GET", "/compute/v2.1/flavors/detail") => flavors(state, asked),
        ("GET", "/image/v2/images") => images(state, asked),
        ("GET", "/volume/v3/alpha-id/types") => {
            let all = all(state, "volume_types");
            paged(state, asked, "volume_types", all, &Link::List("volume_type_links"))
        }
        ("GET", "/network/v2.0/default-security-group-rules") => {
            let all = all(state, "default_security_group_rules");
            paged(
                state,
                asked,
                "default_security_group_rules",
                all,
                &Link::List("default_security_group_rules_links"),
            )
        }
        ("GET", "/compute/v2.1/flavors" | "/image/v2/schemas/images" | "/swift/v1/AUTH_alpha") => {
            Answered::json(200, &json!({}))
        }
        ("GET", "/compute/v2.1/os-availability-zone" | "/volume/v3/alpha-id/os-availability-zone") => {
            let service = if path.starts_with("/compute") {
                "compute_zones"
            } else {
                "volume_zones"
            };
            Answered::json(200, &json!({ "availabilityZoneInfo": all(state, service) }))
        }
        ("GET", "/network/v2.0/availability_zones") => {
            Answered::json(200, &json!({ "availability_zones": all(state, "network_zones") }))
        }
        // A service without links, read by marker.
        ("GET", "/s3/objects") => {
            let all = all(state, "objects");
            paged(state, asked, "objects", all, &Link::None)
        }
        _ => identity::answer(state, asked)
            .or_else(|| sharing::answer(state, asked))
            .or_else(|| things::answer(state, asked))
            .or_else(|| glance::answer(state, asked))
            .unwrap_or_else(|| {
                let words = json!({ "itemNotFound": { "code": 404, "message": "The resource could not be found." } });
                Answered::json(404, &words)
            }),
    }
}

fn login(state: &mut State, asked: &Asked) -> Answered {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    if let Some((token, says)) = identity::login(state, &body) {
        let mut answered = Answered::json(201, &says);
        answered.headers.push(("x-subject-token".to_owned(), token));
        return answered;
    }
    let identity = &body["auth"]["identity"];
    let mut rules = None;
    let right = match identity["methods"][0].as_str() {
        Some("password") => {
            let user = &identity["password"]["user"];
            user["name"] == super::USER
                && user["password"] == state.password.as_str()
                && user["domain"]["name"] == "one"
        }
        Some("application_credential") => {
            let credential = &identity["application_credential"];
            let made = state.collections.get("application_credentials").into_iter().flatten();
            let known = made
                .clone()
                .find(|known| known["id"] == credential["id"] && known["secret"] == credential["secret"]);
            rules = known.and_then(|known| known["access_rules"].as_array().cloned());
            let is_fixed = credential["id"] == "ac-id" && credential["secret"] == state.password.as_str();
            (is_fixed || known.is_some()) && body["auth"]["scope"].is_null()
        }
        Some("token") => state.accepts(identity["token"]["id"].as_str()),
        _ => false,
    };
    if !right {
        let words =
            json!({ "error": { "message": "The request you have made requires authentication.", "code": 401 } });
        return Answered::json(401, &words);
    }
    let (token, says) = state.give_token();
    if let Some(rules) = rules {
        state.token_rules.insert(token.clone(), rules);
    }
    let mut answered = Answered::json(201, &says);
    answered.headers.push(("x-subject-token".to_owned(), token));
    answered
}

/// The address of a host that cannot be reached from here.
const INSIDE: &str = "http://10.255.255.1";

/// Returns a list of one version; a proxy has taken `prefix` away.
fn version_list(state: &State, id: &str, prefix: &str, path: &str) -> Answered {
    let href = if state.behind_proxy {
        format!("{INSIDE}{path}")
    } else {
        format!("{}{prefix}{path}", state.url)
    };
    let versions =
        json!({ "versions": [{ "id": id, "status": "CURRENT", "links": [{ "rel": "self", "href": href }] }] });
    Answered::json(300, &versions)
}

fn all(state: &State, collection: &str) -> Vec<Value> {
    state.collections.get(collection).cloned().unwrap_or_default()
}

/// Source: nova: `api/openstack/compute/schemas/flavors.py` – extra specs come in the listing from microversion 2.61 on; `api/openstack/wsgi.py` – one that is not spoken is answered with 406.
fn flavors(state: &State, asked: &Asked) -> Answered {
    let asked_for: Option<Microversion> = asked
        .microversion
        .as_deref()
        .and_then(|text| text.strip_prefix("compute "))
        .and_then(|text| text.parse().ok());
    let spoken: Option<Microversion> = state.nova_microversion.parse().ok();
    if asked_for > spoken {
        let words = json!({ "computeFault": { "code": 406, "message": "Version is not supported by the API." } });
        return Answered::json(406, &words);
    }
    let with_specs = asked_for.is_some_and(|asked| asked >= Microversion { major: 2, minor: 61 });
    let mut list = all(state, "flavors");
    if !with_specs {
        for flavor in &mut list {
            if let Some(map) = flavor.as_object_mut() {
                map.remove("extra_specs");
            }
        }
    }
    paged(state, asked, "flavors", list, &Link::List("flavors_links"))
}

/// Source: glance: `db/sqlalchemy/api.py` – hidden images only when asked for, community images of others only when asked for.
fn images(state: &State, asked: &Asked) -> Answered {
    let wanted = |name: &str| {
        asked
            .query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let hidden = wanted("os_hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let visibility = wanted("visibility");
    let list = all(state, "images").into_iter().filter(|image| {
        let of = image["visibility"].as_str().unwrap_or("public");
        let own = image["owner"] == "alpha-id";
        image["os_hidden"].as_bool().unwrap_or(false) == hidden
            && wanted("tag").is_none_or(|tag| {
                image["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.iter().any(|known| known == tag))
            })
            && match visibility {
                Some(wanted) if wanted != "all" => of == wanted,
                Some(_) => true,
                None => of == "public" || of == "shared" || own,
            }
    });
    let list = list.collect();
    paged(state, asked, "images", list, &Link::Next("/v2/images"))
}

/// How a service says that there is more.
pub(super) enum Link {
    /// `next`, with this path.
    Next(&'static str),
    /// A list of links under this key.
    List(&'static str),
    /// Not at all.
    None,
}

pub(super) fn paged(state: &State, asked: &Asked, collection: &str, list: Vec<Value>, link: &Link) -> Answered {
    let wanted = |name: &str| {
        asked
            .query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let size = wanted("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(state.page_size)
        .min(state.page_size.max(1));
    let id = |entry: &Value| entry["id"].as_str().unwrap_or_default().to_owned();
    let start = match wanted("marker") {
        None => 0,
        Some(marker) => match list.iter().position(|entry| id(entry) == marker) {
            Some(at) => at + 1,
            None => {
                return Answered::json(
                    400,
                    &json!({ "badRequest": { "code": 400, "message": format!("marker [{marker}] not found") } }),
                );
            }
        },
    };
    let page: Vec<Value> = list.iter().skip(start).take(size).cloned().collect();
    let more = start + page.len() < list.len();
    let mut body = json!({ collection: page });
    if let (true, Some(last)) = (more, page.last()) {
        let mut query: Vec<(String, String)> = asked
            .query
            .iter()
            .filter(|(name, _)| name != "marker")
            .cloned()
            .collect();
        let marker = if state.circular {
            wanted("marker")
        } else {
            Some(id(last))
        };
        query.extend(marker.map(|marker| ("marker".to_owned(), marker)));
        if query.is_empty() {
            query.push(("limit".to_owned(), size.to_string()));
        }
        match link {
            Link::Next(path) => body["next"] = crate::url::join("", path, &query).into(),
            Link::List(key) => {
                let host = if state.behind_proxy { INSIDE } else { &state.url };
                let href = crate::url::join(host, &asked.path, &query);
                body[*key] = json!([{ "rel": "next", "href": href }]);
            }
            Link::None => {}
        }
    }
    Answered::json(200, &body)
}
