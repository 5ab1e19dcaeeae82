//! What can be made and deleted: servers, volumes, backups, secrets, networks, application credentials.
//!
//! Things behave as far as whoever makes and deletes them can see: they take a look or two to be ready or gone, what is in use or at work cannot be deleted, a backup without a backup service cannot be deleted
//! at all, and access rules stay when their credential goes. Source: the API references of release 2025.1, and of the refusals: cinder: `backup/api.py` – `API.delete`; neutron: `db/db_base_plugin_v2.py` –
//! `delete_network`.

use serde_json::{Value, json};

use super::content;
use super::http::{Answered, Asked};
use super::routes::{Link, paged};
use super::state::State;

/// Where something of a kind is.
struct Place {
    collection: &'static str,
    member: &'static str,
    links: Link,
}

/// Answers a request about things that can be made; `None` for any other.
pub(super) fn answer(state: &mut State, asked: &Asked) -> Option<Answered> {
    let path = asked.path.trim_end_matches('/').to_owned();
    if let (Some(document), "GET") = (state.documents.get(&path), asked.method.as_str()) {
        return Some(Answered::json(200, document));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (place, rest) = place(&parts)?;
    let id = rest.first().copied();
    let method = asked.method.as_str();
    Some(match (method, id, rest.get(1).copied()) {
        ("GET", None | Some("detail"), None) => {
            let list = list(state, asked, &place);
            paged(state, asked, place.collection, list, &place.links)
        }
        ("POST", None, None) => make(state, asked, &place),
        ("GET", Some(id), None) => look(state, &place, id),
        ("DELETE", Some(id), None) => delete(state, &place, id),
        ("GET", Some(id), Some("payload")) => match find(state, "secrets", id) {
            Some(at) => Answered {
                status: 200,
                headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
                body: state.collections["secrets"][at]["payload"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            },
            None => absent(&place, id),
        },
        ("POST", Some(id), Some("action")) if place.collection == "volumes" => content::copy(state, asked, id),
        ("POST", Some(id), Some("action")) => console(state, id),
        ("POST", Some(id), Some("restore")) => restore(state, asked, id),
        _ => return None,
    })
}

fn place<'a>(parts: &'a [&'a str]) -> Option<(Place, &'a [&'a str])> {
    let of = |collection, member, links| Place {
        collection,
        member,
        links,
    };
    Some(match parts {
        ["compute", "v2.1", "servers", rest @ ..] => (of("servers", "server", Link::List("servers_links")), rest),
        ["volume", "v3", _, "volumes", rest @ ..] => (of("volumes", "volume", Link::List("volumes_links")), rest),
        ["volume", "v3", _, "backups", rest @ ..] => (of("backups", "backup", Link::List("backups_links")), rest),
        ["key-manager", "v1", "secrets", rest @ ..] => (of("secrets", "secret", Link::None), rest),
        ["identity", "v3", "users", _, "application_credentials", rest @ ..] => (
            of("application_credentials", "application_credential", Link::None),
            rest,
        ),
        ["identity", "v3", "users", _, "access_rules", rest @ ..] => {
            (of("access_rules", "access_rule", Link::None), rest)
        }
        ["network", "v2.0", collection, rest @ ..] => {
            let place = match *collection {
                "networks" => of("networks", "network", Link::List("networks_links")),
                "subnets" => of("subnets", "subnet", Link::List("subnets_links")),
                "routers" => of("routers", "router", Link::List("routers_links")),
                "ports" => of("ports", "port", Link::List("ports_links")),
                "subnetpools" => of("subnetpools", "subnetpool", Link::List("subnetpools_links")),
                "security-groups" => of("security_groups", "security_group", Link::List("security_groups_links")),
                "security-group-rules" => of("security_group_rules", "security_group_rule", Link::List("rules_links")),
                _ => return None,
            };
            (place, rest)
        }
        _ => return None,
    })
}

fn list(state: &State, asked: &Asked, place: &Place) -> Vec<Value> {
    let all = state.collections.get(place.collection).cloned().unwrap_or_default();
    let exact = |name: &str| match place.collection {
        "ports" => matches!(name, "device_id" | "description"),
        "volumes" => name == "name",
        _ => matches!(name, "security_group_id" | "device_id"),
    };
    let filters: Vec<&(String, String)> = asked.query.iter().filter(|(name, _)| exact(name)).collect();
    all.into_iter()
        .filter(|thing| {
            filters
                .iter()
                .all(|(name, value)| thing[name.as_str()] == value.as_str())
        })
        .map(|mut thing| {
            // A listing tells no secrets.
            if let Some(map) = thing.as_object_mut() {
                ["payload", "secret", "user_data", "looks"].iter().for_each(|key| {
                    map.remove(*key);
                });
            }
            thing
        })
        .collect()
}

fn find(state: &State, collection: &str, id: &str) -> Option<usize> {
    state
        .collections
        .get(collection)?
        .iter()
        .position(|thing| thing["id"] == id)
}

fn refused(status: u16, message: &str) -> Answered {
    let key = if status == 400 {
        "badRequest"
    } else {
        "conflictingRequest"
    };
    Answered::json(status, &json!({ key: { "code": status, "message": message } }))
}

fn absent(place: &Place, id: &str) -> Answered {
    let message = format!("{} {id} could not be found.", place.member);
    Answered::json(404, &json!({ "itemNotFound": { "code": 404, "message": message } }))
}

fn make(state: &mut State, asked: &Asked, place: &Place) -> Answered {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let mut thing = if body[place.member].is_object() {
        body[place.member].clone()
    } else {
        body
    };
    let id = format!("{}-{}", place.member.replace('_', "-"), state.next_number());
    thing["id"] = id.as_str().into();
    let of_project = |thing: &mut Value| thing["project_id"] = "alpha-id".into();
    if let Some(refusal) = refusal(state, place, &thing) {
        return refusal;
    }
    match place.collection {
        "servers" => {
            thing["status"] = "BUILD".into();
            let network = thing["networks"][0]["uuid"].clone();
            if network.is_string() {
                let port = json!({ "id": format!("port-{id}"), "network_id": network, "device_id": id, "device_owner": "compute:nova",
                    "project_id": "alpha-id", "name": "" });
                state.add("ports", port);
            }
            take_up(state, &thing, &id);
        }
        "volumes" => {
            thing["status"] = "creating".into();
            thing["bootable"] = if thing["imageRef"].is_string() { "true" } else { "false" }.into();
            let encrypted = thing["volume_type"]
                .as_str()
                .is_some_and(|name| state.encrypts.iter().any(|known| known == name));
            thing["encrypted"] = encrypted.into();
        }
        "backups" => {
            thing["status"] = "creating".into();
            thing["is_broken"] = (!state.has_backup_service).into();
        }
        "security_groups" => {
            of_project(&mut thing);
            for ethertype in ["IPv4", "IPv6"] {
                let rule = json!({ "id": format!("rule-{id}-{ethertype}"), "direction": "egress", "ethertype": ethertype, "security_group_id": id });
                state.add("security_group_rules", rule);
            }
        }
        "secrets" => thing["secret_ref"] = format!("{}/key-manager/v1/secrets/{id}", state.url).into(),
        "application_credentials" => {
            thing["secret"] = format!("fake-secret-of-{id}").into();
            let number = state.next_number();
            for (at, rule) in thing["access_rules"].as_array_mut().into_iter().flatten().enumerate() {
                rule["id"] = format!("rule-{number}-{at}").into();
                state
                    .collections
                    .entry("access_rules".to_owned())
                    .or_default()
                    .push(rule.clone());
            }
        }
        _ => of_project(&mut thing),
    }
    content::take(state, place.collection, &thing, &id);
    state.add(place.collection, thing.clone());
    match place.collection {
        "secrets" => Answered::json(201, &json!({ "secret_ref": thing["secret_ref"] })),
        "servers" => Answered::json(202, &json!({ "server": { "id": id } })),
        "volumes" | "backups" => Answered::json(202, &json!({ place.member: thing })),
        _ => Answered::json(201, &json!({ place.member: thing })),
    }
}

/// Shows one thing; with each look it comes nearer to what it is becoming.
fn look(state: &mut State, place: &Place, id: &str) -> Answered {
    let Some(at) = find(state, place.collection, id) else {
        return absent(place, id);
    };
    let thing = state.collections[place.collection][at].clone();
    let mut shown = thing.clone();
    if let Some(map) = shown.as_object_mut() {
        ["payload", "secret", "user_data"].iter().for_each(|key| {
            map.remove(*key);
        });
    }
    advance(state, place.collection, at);
    if place.collection == "secrets" {
        return Answered::json(200, &shown);
    }
    Answered::json(200, &json!({ place.member: shown }))
}

/// Lets a thing go on by one step.
fn advance(state: &mut State, collection: &str, at: usize) {
    let thing = &mut state
        .collections
        .get_mut(collection)
        .expect("the caller found it there")[at];
    let next = match (collection, thing["status"].as_str().unwrap_or_default()) {
        (_, "deleting") => {
            let id = thing["id"].as_str().unwrap_or_default().to_owned();
            remove(state, collection, &id);
            return;
        }
        ("servers", "BUILD") => "ACTIVE",
        ("volumes", "creating") if thing["imageRef"].is_string() => "downloading",
        ("volumes", "creating" | "downloading" | "restoring-backup" | "uploading") => "available",
        ("backups", "creating") if thing["is_broken"] == true => "error",
        ("backups", "creating") => "available",
        _ => return,
    };
    thing["status"] = next.into();
}

fn remove(state: &mut State, collection: &str, id: &str) {
    if let Some(list) = state.collections.get_mut(collection) {
        list.retain(|thing| thing["id"] != id);
    }
    if collection == "servers" {
        give_back(state, id);
    }
    let (below, key) = match collection {
        "servers" => ("ports", "device_id"),
        "security_groups" => ("security_group_rules", "security_group_id"),
        _ => return,
    };
    if let Some(list) = state.collections.get_mut(below) {
        list.retain(|thing| thing[key] != id);
    }
}

/// Returns why something cannot be made. Source: cinder: `volume/flows/api/create_volume.py` – `_extract_image_props`; neutron: `conf/policies/port.py` –
/// `create_port:mac_address`.
fn refusal(state: &State, place: &Place, thing: &Value) -> Option<Answered> {
    match place.collection {
        "volumes" => {
            let image = thing["imageRef"].as_str()?;
            let Some(at) = find(state, "images", image) else {
                return Some(refused(400, &format!("Image {image} could not be found.")));
            };
            let image = &state.collections["images"][at];
            let size = thing["size"].as_u64().unwrap_or(0);
            if image["status"] != "active" {
                Some(refused(400, "Image is not active."))
            } else if size < image["min_disk"].as_u64().unwrap_or(0) || size << 30 < image["size"].as_u64().unwrap_or(0)
            {
                Some(refused(
                    400,
                    "Volume size cannot be smaller than the image minDisk or size.",
                ))
            } else {
                None
            }
        }
        "ports" => {
            let network = find(state, "networks", thing["network_id"].as_str()?)?;
            let is_own = state.collections["networks"][network]["project_id"] == "alpha-id";
            (thing["mac_address"].is_string() && !is_own).then(|| {
                let message = "((rule:create_port and (rule:create_port:mac_address)) is disallowed by policy";
                Answered::json(
                    403,
                    &json!({ "NeutronError": { "type": "PolicyNotAuthorized", "message": message } }),
                )
            })
        }
        "servers" => {
            let ready = |mapping: &Value| {
                let volume = find(state, "volumes", mapping["uuid"].as_str().unwrap_or_default());
                volume.is_some_and(|at| state.collections["volumes"][at]["status"] == "available")
            };
            let mappings = thing["block_device_mapping_v2"].as_array()?;
            (!mappings.iter().all(ready))
                .then(|| refused(400, "Block Device Mapping is Invalid: failed to get volume."))
        }
        _ => None,
    }
}

/// Lets a new server have its volumes and its ports.
fn take_up(state: &mut State, server: &Value, id: &str) {
    let named = |list: &Value, key: &str| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|entry| entry[key].as_str().map(str::to_owned))
            .collect()
    };
    for volume in named(&server["block_device_mapping_v2"], "uuid") {
        if let Some(at) = find(state, "volumes", &volume) {
            let volume = &mut state.collections.get_mut("volumes").expect("it was found there")[at];
            volume["status"] = "in-use".into();
            volume["attached_to"] = id.into();
        }
    }
    for port in named(&server["networks"], "port") {
        if let Some(at) = find(state, "ports", &port) {
            state.collections.get_mut("ports").expect("it was found there")[at]["device_id"] = id.into();
        }
    }
}

/// Takes from a server that goes what it was given: volumes, and ports that it did not make itself.
fn give_back(state: &mut State, server: &str) {
    for volume in state.collections.get_mut("volumes").into_iter().flatten() {
        if volume["attached_to"] == server {
            volume["status"] = "available".into();
            volume["attached_to"] = Value::Null;
        }
    }
    let own = format!("port-{server}");
    for port in state.collections.get_mut("ports").into_iter().flatten() {
        if port["device_id"] == server && port["id"] != own.as_str() {
            port["device_id"] = "".into();
        }
    }
}

fn delete(state: &mut State, place: &Place, id: &str) -> Answered {
    let Some(at) = find(state, place.collection, id) else {
        return absent(place, id);
    };
    let gone = Answered {
        status: 204,
        headers: Vec::new(),
        body: String::new(),
    };
    let thing = state.collections[place.collection][at].clone();
    let status = thing["status"].as_str().unwrap_or_default();
    let has_ports = |key: &str, value: &Value| {
        let ports = state.collections.get("ports");
        ports.is_some_and(|ports| ports.iter().any(|port| port[key] == *value))
    };
    match place.collection {
        "backups" if !state.has_backup_service => {
            let message = "Service cinder-backup could not be found.";
            return Answered::json(404, &json!({ "itemNotFound": { "code": 404, "message": message } }));
        }
        "backups" | "volumes" if !matches!(status, "available" | "error" | "deleting") => {
            let refusal = refused(
                400,
                &format!(
                    "Invalid {}: status must be available or error, but is {status}",
                    place.member
                ),
            );
            // Time passes, whether anybody looks or is refused.
            advance(state, place.collection, at);
            return refusal;
        }
        "networks" if has_ports("network_id", &thing["id"]) => {
            return refused(409, "There are one or more ports still in use on the network");
        }
        "subnets" if has_ports("network_id", &thing["network_id"]) => {
            return refused(409, "One or more ports have an IP allocation from this subnet");
        }
        "networks" => {
            let subnets = state.collections.entry("subnets".to_owned()).or_default();
            subnets.retain(|subnet| subnet["network_id"] != thing["id"]);
        }
        _ => {}
    }
    if matches!(place.collection, "servers" | "volumes" | "backups") {
        state.collections.get_mut(place.collection).expect("it was found there")[at]["status"] = "deleting".into();
        return Answered { status: 202, ..gone };
    }
    remove(state, place.collection, id);
    gone
}

fn console(state: &mut State, id: &str) -> Answered {
    let Some(at) = find(state, "servers", id) else {
        return Answered::json(
            404,
            &json!({ "itemNotFound": { "code": 404, "message": "Instance could not be found." } }),
        );
    };
    let server = &mut state.collections.get_mut("servers").expect("it was found there")[at];
    if server["status"] != "ACTIVE" {
        return refused(409, "Instance is not ready");
    }
    // The first look comes before the server has said anything.
    let looks = server["looks"].as_u64().unwrap_or(0);
    server["looks"] = (looks + 1).into();
    let user_data = server["user_data"].as_str().unwrap_or_default().to_owned();
    let output = if looks == 0 {
        String::new()
    } else {
        state.guest.say(&user_data)
    };
    Answered::json(200, &json!({ "output": output }))
}

fn restore(state: &mut State, asked: &Asked, id: &str) -> Answered {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let available = find(state, "backups", id).filter(|at| state.collections["backups"][*at]["status"] == "available");
    if available.is_none() {
        return refused(400, "Invalid backup: Backup status must be available");
    }
    let volume = format!("volume-{}", state.next_number());
    let name = body["restore"]["name"].as_str().unwrap_or_default();
    content::restore(state, id, &volume);
    state.add(
        "volumes",
        json!({ "id": volume, "name": name, "size": 1, "status": "restoring-backup", "metadata": {}, "encrypted": false,
            "description": "auto-created_from_restore_from_backup" }),
    );
    Answered::json(
        202,
        &json!({ "restore": { "backup_id": id, "volume_id": volume, "volume_name": name } }),
    )
}

/// Lets everything become what it is becoming, as time does without anybody looking.
pub(super) fn settle(state: &mut State) {
    for collection in ["servers", "volumes", "backups"] {
        for _ in 0..3 {
            for at in (0..state.collections.get(collection).map_or(0, Vec::len)).rev() {
                advance(state, collection, at);
            }
        }
    }
}
