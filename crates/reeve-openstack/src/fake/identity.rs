//! Users, groups, projects, roles and domains, as a domain manager of Keystone sees them.
//!
//! Source: keystone 27: `common/policies/` – `user.py`, `group.py`, `project.py`, `grant.py`, `role.py`, `domain.py`; that something which cannot be looked up is "forbidden" and not "not found":
//! `api/users.py` – `_build_user_target_enforcement`.

use serde_json::{Value, json};

use super::http::{Answered, Asked};
use super::routes::{Link, paged};
use super::state::State;

/// What is in Keystone from the beginning: a domain for each of two customers, with a manager each.
pub(super) fn begin(state: &mut State) {
    for domain in ["one", "two"] {
        state.add(
            "domains",
            json!({ "id": format!("{domain}-id"), "name": domain, "enabled": true }),
        );
        let manager = format!("{domain}-manager");
        let user = json!({ "id": format!("{manager}-id"), "name": manager, "domain_id": format!("{domain}-id"), "enabled": true });
        state.add("users", user);
    }
    state.add(
        "users",
        json!({ "id": "joe-id", "name": super::USER, "domain_id": "one-id", "enabled": true }),
    );
    state.add(
        "projects",
        json!({ "id": "alpha-id", "name": "alpha", "domain_id": "one-id", "enabled": true }),
    );
    for role in ["admin", "manager", "member", "reader"] {
        state.add(
            "roles",
            json!({ "id": format!("{role}-id"), "name": role, "domain_id": null }),
        );
    }
}

/// Logs a domain manager in: token and what it says; `None` if it is none.
pub(super) fn login(state: &mut State, body: &Value) -> Option<(String, Value)> {
    let identity = &body["auth"]["identity"];
    let user = &identity["password"]["user"];
    let domain = body["auth"]["scope"]["domain"]["name"].as_str()?.to_owned();
    let is_manager = user["name"] == format!("{domain}-manager").as_str() && user["domain"]["name"] == domain.as_str();
    if !is_manager || user["password"] != super::PASSWORD || !["one", "two"].contains(&domain.as_str()) {
        return None;
    }
    let (token, mut says) = state.give_token();
    let of = json!({ "id": format!("{domain}-id"), "name": domain });
    let name = format!("{domain}-manager");
    let roles = state.manager_roles.clone();
    says["token"]["user"] = json!({ "id": format!("{name}-id"), "name": name, "domain": of });
    says["token"]["roles"] = roles
        .iter()
        .map(|role| json!({ "id": format!("{role}-id"), "name": role }))
        .collect();
    says["token"].as_object_mut()?.remove("project");
    says["token"]["domain"] = of;
    state.managers.insert(token.clone(), format!("{domain}-id"));
    Some((token, says))
}

fn forbidden() -> Answered {
    let message = "You are not authorized to perform the requested action.";
    Answered::json(403, &json!({ "error": { "code": 403, "message": message } }))
}

fn done(status: u16) -> Answered {
    Answered {
        status,
        headers: Vec::new(),
        body: String::new(),
    }
}

/// Answers a request about identities; `None` for any other.
pub(super) fn answer(state: &mut State, asked: &Asked) -> Option<Answered> {
    let path = asked
        .path
        .trim_end_matches('/')
        .strip_prefix("/identity/v3")?
        .to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let collection = *parts.first()?;
    let of_user = parts
        .get(2)
        .is_some_and(|part| ["application_credentials", "access_rules"].contains(part));
    if of_user || !["users", "groups", "projects", "roles", "domains"].contains(&collection) {
        return None;
    }
    let Some(own) = asked
        .token
        .as_ref()
        .and_then(|token| state.managers.get(token))
        .cloned()
    else {
        return Some(forbidden());
    };
    let keeper = Keeper { state, own };
    Some(keeper.answer(asked, &path, &parts))
}

/// Decides what the manager of domain `own` may do.
struct Keeper<'a> {
    state: &'a mut State,
    own: String,
}

impl Keeper<'_> {
    /// Tells whether something is allowed, by the policy or as a test has it.
    fn allows(&self, action: &str, by_itself: bool) -> bool {
        self.state.manager_policy.get(action).copied().unwrap_or(by_itself)
    }

    /// Tells whether something may be done with a thing of a domain.
    fn may(&self, action: &str, domain: Option<&str>) -> bool {
        if domain == Some(self.own.as_str()) {
            self.allows(action, true)
        } else {
            self.allows(&format!("{action}:foreign"), false)
        }
    }

    fn find(&self, collection: &str, id: &str) -> Option<&Value> {
        self.state
            .collections
            .get(collection)?
            .iter()
            .find(|thing| thing["id"] == id)
    }

    /// Returns the domain that something is in; a domain is in itself.
    fn domain_of(&self, collection: &str, id: &str) -> Option<String> {
        let thing = self.find(collection, id)?;
        let key = if collection == "domains" { "id" } else { "domain_id" };
        thing[key].as_str().map(str::to_owned)
    }

    fn answer(mut self, asked: &Asked, path: &str, parts: &[&str]) -> Answered {
        let method = asked.method.as_str();
        match (method, parts) {
            ("GET", [collection]) => self.list(asked, collection),
            ("POST", [collection]) => self.create(asked, collection),
            ("GET", ["users", user, "projects"]) => self.projects_of(user),
            ("GET", ["groups", group, "users"]) => self.members_of(group),
            ("PUT" | "DELETE", ["groups", group, "users", user]) => {
                let (of_group, of_user) = (self.domain_of("groups", group), self.domain_of("users", user));
                let both = of_group.filter(|of| Some(of) == of_user.as_ref());
                let action = if method == "PUT" {
                    "add_user_to_group"
                } else {
                    "remove_user_from_group"
                };
                if !self.may(action, both.as_deref()) {
                    return forbidden();
                }
                self.hold(method == "PUT", path)
            }
            (_, [place, target, person, who, "roles", role]) => {
                self.grant(method, path, place, target, person, who, role)
            }
            (_, [collection, id]) => self.one(asked, collection, id),
            _ => done(404),
        }
    }

    fn list(&self, asked: &Asked, collection: &str) -> Answered {
        let wanted = asked
            .query
            .iter()
            .find(|(name, _)| name == "domain_id")
            .map(|(_, value)| value.as_str());
        let domain = wanted.unwrap_or(&self.own);
        let action = format!("list_{collection}");
        let all = self.state.collections.get(collection).cloned().unwrap_or_default();
        let list: Vec<Value> = match collection {
            "roles" if self.allows(&action, true) => all,
            "domains" => {
                let everything = self.allows("list_domains:foreign", false);
                all.into_iter()
                    .filter(|of| everything || of["id"] == self.own.as_str())
                    .collect()
            }
            "roles" => return forbidden(),
            _ if !self.may(&action, Some(domain)) => return forbidden(),
            _ => all.into_iter().filter(|thing| thing["domain_id"] == domain).collect(),
        };
        paged(self.state, asked, collection, list, &Link::None)
    }

    fn create(&mut self, asked: &Asked, collection: &str) -> Answered {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let word = collection.trim_end_matches('s');
        let mut thing = body[word].clone();
        let domain = thing["domain_id"].as_str().map(str::to_owned);
        let action = format!("create_{word}");
        let allowed = match collection {
            "roles" | "domains" => self.allows(&action, false),
            _ => self.may(&action, domain.as_deref()),
        };
        if !allowed {
            return forbidden();
        }
        let id = format!("{word}-{}", self.state.next_number());
        thing["id"] = id.into();
        self.state.add(collection, thing.clone());
        Answered::json(201, &json!({ word: thing }))
    }

    fn one(&mut self, asked: &Asked, collection: &str, id: &str) -> Answered {
        let word = collection.trim_end_matches('s');
        let verb = match asked.method.as_str() {
            "GET" => "get",
            "PATCH" => "update",
            "DELETE" => "delete",
            _ => return done(405),
        };
        let domain = self.domain_of(collection, id);
        let action = format!("{verb}_{word}");
        let allowed = match collection {
            "roles" => self.allows(&action, false),
            _ => self.may(&action, domain.as_deref()),
        };
        if !allowed {
            return forbidden();
        }
        let list = self.state.collections.entry(collection.to_owned()).or_default();
        let Some(at) = list.iter().position(|thing| thing["id"] == id) else {
            return done(404);
        };
        match verb {
            "delete" => {
                list.remove(at);
                let part = format!("/{collection}/{id}/");
                let ends = format!("/{collection}/{id}");
                self.state
                    .held
                    .retain(|path| !path.contains(&part) && !path.ends_with(&ends));
                return done(204);
            }
            "update" if self.state.manager_policy.get("update_is_lost") != Some(&true) => {
                let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
                for (key, value) in body[word].as_object().into_iter().flatten() {
                    list[at][key.as_str()] = value.clone();
                }
            }
            _ => {}
        }
        let thing = &self.state.collections[collection][at];
        Answered::json(200, &json!({ word: thing }))
    }

    /// Gives a role, takes it, or says whether it is given.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one path")]
    fn grant(
        &mut self,
        method: &str,
        path: &str,
        place: &str,
        target: &str,
        person: &str,
        who: &str,
        role: &str,
    ) -> Answered {
        let own = Some(self.own.clone());
        let inside = self.domain_of(place, target) == own && self.domain_of(person, who) == own;
        let manageable = ["manager-id", "member-id", "reader-id"].contains(&role);
        let allowed = match (inside, manageable) {
            (true, true) => self.allows("create_grant", true),
            (true, false) => self.allows("create_grant:admin", false),
            (false, _) => self.allows("create_grant:foreign", false),
        };
        match method {
            _ if !allowed => forbidden(),
            "PUT" | "DELETE" => self.hold(method == "PUT", path),
            _ if self.state.held.contains(path) => done(204),
            _ => done(404),
        }
    }

    fn hold(&mut self, holds: bool, path: &str) -> Answered {
        if !holds {
            self.state.held.remove(path);
        } else if self.state.manager_policy.get("grant_is_lost") != Some(&true) {
            self.state.held.insert(path.to_owned());
        }
        done(204)
    }

    fn projects_of(&self, user: &str) -> Answered {
        if !self.may("list_projects_of_user", self.domain_of("users", user).as_deref()) {
            return forbidden();
        }
        let has = |project: &&Value| {
            let path = format!(
                "/projects/{}/users/{user}/roles/",
                project["id"].as_str().unwrap_or_default()
            );
            self.state.held.iter().any(|held| held.starts_with(&path))
        };
        let projects = self.state.collections.get("projects").into_iter().flatten();
        Answered::json(200, &json!({ "projects": projects.filter(has).collect::<Vec<_>>() }))
    }

    fn members_of(&self, group: &str) -> Answered {
        if !self.may("list_users_in_group", self.domain_of("groups", group).as_deref()) {
            return forbidden();
        }
        let has = |user: &&Value| {
            let path = format!("/groups/{group}/users/{}", user["id"].as_str().unwrap_or_default());
            self.state.held.contains(&path)
        };
        let users = self.state.collections.get("users").into_iter().flatten();
        Answered::json(200, &json!({ "users": users.filter(has).collect::<Vec<_>>() }))
    }
}
