//! What a domain manager must not be able to do: get or give more than the provider meant, and see other domains.

use reeve_openstack::Method;
use serde_json::{Value, json};

use super::trial::Manager;
use super::{Foreign, Owns};
use crate::facts::Missing;
use crate::resource::Kind;
use crate::verdict::Findings;

/// Tries to get at the role `admin`, at roles themselves, and at roles across domains.
pub(super) async fn escalation(manager: &Manager<'_>, owns: &Owns, foreign: &Foreign) -> Result<Findings, Missing> {
    let mut trial = manager.trial();
    let (user, group, project) = (
        owns.user.as_ref().ok(),
        owns.group.as_ref().ok(),
        owns.project.as_ref().ok(),
    );
    if let Some(admin) = manager.role("admin") {
        let domain = format!("/domains/{}", manager.domain);
        let places = [
            Some(("domain", domain)),
            project.map(|project| ("project", format!("/projects/{}", project.id))),
        ];
        let people = [
            user.map(|user| ("user", format!("users/{}", user.id))),
            group.map(|group| ("group", format!("groups/{}", group.id))),
        ];
        for (place, path) in places.into_iter().flatten() {
            for (who, person) in people.iter().flatten() {
                let what = format!("give a {who} the role `admin` on a {place}");
                trial
                    .may_not_give(&what, &format!("{path}/{person}/roles/{admin}"))
                    .await?;
            }
        }
    } else {
        trial.note(
            "it sees no role `admin`, so that it cannot give it was not tried",
            "nothing needs to be done",
        );
    }
    trial.may_not_make("make a role", Kind::Role, "role", json!({})).await?;
    if let Some(member) = manager.role("member") {
        // If it can, nothing has changed.
        let same = json!({ "role": { "name": "member" } });
        let path = format!("/roles/{member}");
        trial
            .may_not("change the role `member`", Method::Patch, &path, Some(same))
            .await?;
        let own_user = user.map(|user| user.id.as_str());
        let own_project = project.map(|project| project.id.as_str());
        let (their_user, their_project) = (foreign.user.as_deref(), foreign.project.as_deref());
        let mut across = vec![
            (
                their_user,
                own_project,
                "a user of another domain the role `member` on a project of its own",
            ),
            (
                own_user,
                their_project,
                "a user the role `member` on a project of another domain",
            ),
        ];
        if foreign.expendable {
            across.push((
                their_user,
                their_project,
                "a user of another domain the role `member` on a project there",
            ));
        }
        for (user, project, what) in across {
            if let (Some(user), Some(project)) = (user, project) {
                let path = format!("/projects/{project}/users/{user}/roles/{member}");
                trial.may_not_give(&format!("give {what}"), &path).await?;
            }
        }
        if let Some(user) = own_user {
            let path = format!("/domains/{}/users/{user}/roles/{member}", foreign.domain);
            trial
                .may_not_give("give a user the role `member` on another domain", &path)
                .await?;
        }
    }
    Ok(trial.findings)
}

/// Looks for other domains, and for what is in them.
pub(super) async fn domains(manager: &Manager<'_>, foreign: &Foreign) -> Result<Findings, Missing> {
    let mut trial = manager.trial();
    let own = manager.domain.as_str();
    let domain = format!("/domains/{own}");
    trial.may("look at its own domain", Method::Get, &domain, None).await?;
    let listed = trial.may("list its own domain", Method::Get, "/domains", None).await?;
    if let Some(listed) = listed {
        let list: Vec<&Value> = listed["domains"].as_array().into_iter().flatten().collect();
        let others: Vec<&str> = list
            .iter()
            .filter(|value| value["id"] != own)
            .filter_map(|value| value["name"].as_str())
            .take(5)
            .collect();
        if !others.is_empty() {
            trial.violation(format!(
                "its list of domains has {} others: {}",
                list.len() - 1,
                others.join(", ")
            ));
        }
    }
    let domain = format!("/domains/{}", foreign.domain);
    trial
        .may_not("look at another domain", Method::Get, &domain, None)
        .await?;
    for collection in ["users", "groups", "projects"] {
        let path = format!("/{collection}?domain_id={}", foreign.domain);
        let listed = trial.listed(&path, collection).await?;
        if listed > 0 {
            trial.violation(format!(
                "it can list the {collection} of another domain ({listed} of them)"
            ));
        }
    }
    Ok(trial.findings)
}
