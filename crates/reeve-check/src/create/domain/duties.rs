//! What a domain manager can do with users, groups and projects of its own domain, and not with those of another.

use reeve_openstack::Method;
use serde_json::{Value, json};

use super::trial::{Manager, Trial};
use super::{Foreign, Own, Owns, Unmade};
use crate::facts::Missing;
use crate::resource::{Kind, Made as Thing};
use crate::verdict::Findings;

pub(super) async fn users(manager: &Manager<'_>, owns: &Owns, foreign: &Foreign) -> Result<Findings, Missing> {
    let mut trial = manager.trial();
    if let Some(user) = own(&mut trial, Kind::User, &owns.user)? {
        let path = format!("/users/{}", user.id);
        let change = json!({ "user": { "enabled": true } });
        look_and_change(&mut trial, Kind::User, &user.id, &path, change).await?;
        if let Some(member) = trial.member() {
            let path = format!("/domains/{}/users/{}/roles/{member}", manager.domain, user.id);
            trial.gives_and_takes("member", "a user on the domain", &path).await?;
        }
    }
    beyond(&mut trial, Kind::User, foreign, foreign.user.as_deref()).await?;
    Ok(trial.findings)
}

pub(super) async fn projects(manager: &Manager<'_>, owns: &Owns, foreign: &Foreign) -> Result<Findings, Missing> {
    let mut trial = manager.trial();
    if let Some(project) = own(&mut trial, Kind::Project, &owns.project)? {
        let path = format!("/projects/{}", project.id);
        let change = json!({ "project": { "enabled": true } });
        look_and_change(&mut trial, Kind::Project, &project.id, &path, change).await?;
        // That there is no user to try it with stands in the check on users.
        if let (Ok(user), Some(member)) = (&owns.user, trial.member()) {
            let role = format!("{path}/users/{}/roles/{member}", user.id);
            if trial
                .may("give a user the role `member` on a project", Method::Put, &role, None)
                .await?
                .is_some()
            {
                let list = format!("/users/{}/projects", user.id);
                let listed = trial
                    .may("list the projects of a user of its domain", Method::Get, &list, None)
                    .await?;
                if listed.is_some_and(|listed| !has(&listed["projects"], &project.id)) {
                    trial.violation("it gave a user a role on a project, and the list of the user's projects does not have the project");
                }
            }
            trial.gives_and_takes("member", "a user on a project", &role).await?;
        }
    }
    beyond(&mut trial, Kind::Project, foreign, foreign.project.as_deref()).await?;
    Ok(trial.findings)
}

pub(super) async fn groups(manager: &Manager<'_>, owns: &Owns, foreign: &Foreign) -> Result<Findings, Missing> {
    let mut trial = manager.trial();
    if let Some(group) = own(&mut trial, Kind::Group, &owns.group)? {
        let path = format!("/groups/{}", group.id);
        // The description is the mark of the run, so it stays as it is.
        let same = json!({ "group": { "description": format!("scsx_run={}", manager.workshop.run()) } });
        look_and_change(&mut trial, Kind::Group, &group.id, &path, same).await?;
        if let Ok(user) = &owns.user {
            membership(&mut trial, &path, &user.id).await?;
        }
        if let Some(member) = trial.member() {
            let on_domain = format!("/domains/{}{path}/roles/{member}", manager.domain);
            trial
                .gives_and_takes("member", "a group on the domain", &on_domain)
                .await?;
            if let Ok(project) = &owns.project {
                let on_project = format!("/projects/{}{path}/roles/{member}", project.id);
                trial
                    .gives_and_takes("member", "a group on a project", &on_project)
                    .await?;
            }
        }
    }
    beyond(&mut trial, Kind::Group, foreign, foreign.group.as_deref()).await?;
    Ok(trial.findings)
}

/// Puts a user into a group and takes it out again.
async fn membership(trial: &mut Trial<'_>, group: &str, user: &str) -> Result<(), Missing> {
    let path = format!("{group}/users/{user}");
    let list = format!("{group}/users");
    if trial
        .may("put a user into a group", Method::Put, &path, None)
        .await?
        .is_none()
    {
        return Ok(());
    }
    let listed = trial.may("list the users of a group", Method::Get, &list, None).await?;
    if listed.is_some_and(|listed| !has(&listed["users"], user)) {
        trial.violation("it put a user into a group, and the list of the group's users does not have the user");
    }
    let out = trial
        .may("take a user out of a group", Method::Delete, &path, None)
        .await?;
    if out.is_some() {
        let listed = trial.may("list the users of a group", Method::Get, &list, None).await?;
        if listed.is_some_and(|listed| has(&listed["users"], user)) {
            trial.violation("it took a user out of a group, and the list of the group's users still has the user");
        }
    }
    Ok(())
}

fn has(list: &Value, id: &str) -> bool {
    list.as_array().into_iter().flatten().any(|value| value["id"] == id)
}

/// Returns the thing to try something on; that it could not be made is a violation or an obstacle.
fn own<'a>(trial: &mut Trial<'_>, kind: Kind, thing: &'a Own) -> Result<Option<&'a Thing>, Missing> {
    match thing {
        Ok(thing) => Ok(Some(thing)),
        Err(Unmade::Refused(cause)) => {
            trial.violation(format!("it cannot make a {} in its domain: {cause}", kind.word()));
            Ok(None)
        }
        Err(Unmade::Missing(missing)) => Err(missing.clone()),
    }
}

async fn look_and_change(
    trial: &mut Trial<'_>,
    kind: Kind,
    id: &str,
    path: &str,
    change: Value,
) -> Result<(), Missing> {
    let word = kind.word();
    let member = kind.member();
    let wanted = change[member].as_object().cloned().unwrap_or_default();
    trial
        .may(&format!("look at a {word} of its domain"), Method::Get, path, None)
        .await?;
    let changed = trial
        .may(
            &format!("change a {word} of its domain"),
            Method::Patch,
            path,
            Some(change),
        )
        .await?;
    let differs = |changed: &Value| wanted.iter().any(|(key, value)| changed[member][key] != *value);
    if changed.as_ref().is_some_and(differs) {
        trial.violation(format!("it changed a {word}, and the {word} is as it was"));
    }
    let (collection, domain) = (kind.collection(), trial.manager.domain.clone());
    let list = format!("/{collection}?domain_id={domain}");
    let listed = trial
        .may(
            &format!("list the {collection} of its domain"),
            Method::Get,
            &list,
            None,
        )
        .await?;
    if let Some(listed) = listed {
        if !has(&listed[collection], id) {
            trial.violation(format!(
                "the list of {collection} does not have the {word} that it made"
            ));
        }
        let entries = listed[collection].as_array().into_iter().flatten();
        let others = entries.filter(|value| value["domain_id"] != domain.as_str()).count();
        if others > 0 {
            trial.violation(format!("its list of {collection} has {others} of other domains"));
        }
    }
    Ok(())
}

/// Tries in another domain what it may do in its own only.
async fn beyond(trial: &mut Trial<'_>, kind: Kind, foreign: &Foreign, id: Option<&str>) -> Result<(), Missing> {
    let word = kind.word();
    let mut members = json!({ "domain_id": foreign.domain });
    if kind != Kind::Group {
        members["enabled"] = false.into();
    }
    trial
        .may_not_make(&format!("make a {word} in another domain"), kind, "foreign", members)
        .await?;
    let Some(id) = id else { return Ok(()) };
    let path = format!("/{}/{id}", kind.collection());
    trial
        .may_not(&format!("look at a {word} of another domain"), Method::Get, &path, None)
        .await?;
    if foreign.expendable {
        let change = json!({ kind.member(): { "description": "changed from another domain" } });
        trial
            .may_not(
                &format!("change a {word} of another domain"),
                Method::Patch,
                &path,
                Some(change),
            )
            .await?;
        trial
            .may_not(
                &format!("delete a {word} of another domain"),
                Method::Delete,
                &path,
                None,
            )
            .await?;
    }
    Ok(())
}

/// Deletes something of the manager's own; that it cannot is a finding of the check that is about the kind.
pub(super) async fn delete(manager: &Manager<'_>, kind: Kind, thing: &Thing, outcome: &mut Result<Findings, Missing>) {
    let mut trial = manager.trial();
    let path = format!("/{}/{}", kind.collection(), thing.id);
    let what = format!("delete a {} of its domain", kind.word());
    let deleted = trial.may(&what, Method::Delete, &path, None).await;
    match &deleted {
        Ok(Some(_)) => manager.workshop.gone(thing),
        // What does not go here is tried again at the end and told there.
        _ => {
            manager.workshop.remove(thing).await;
        }
    }
    match (deleted, &mut *outcome) {
        (Ok(_), Ok(findings)) => findings.extend(trial.findings),
        (Err(missing), Ok(_)) => *outcome = Err(missing),
        (_, Err(_)) => {}
    }
}
