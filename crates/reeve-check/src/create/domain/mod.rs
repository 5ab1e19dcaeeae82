//! scs-0302: what a domain manager can do in its domain, and cannot do beyond it.
//!
//! A user, a group and a project are made in the domain, without a password and switched off, and everything is tried on them. Beyond the domain only what is harmless is tried, or what the manager of the other
//! domain made for it. What is tried is what the official script tries, and what it means to try and does not: SovereignCloudStack/standards at 077174d9: `Tests/iam/domain-manager/domain-manager-check.py`. What
//! Keystone allows by itself: keystone: `common/policies/base.py`, `grant.py`, `role.py`, `domain.py`.

mod bounds;
mod duties;
mod managers;
mod trial;

use serde_json::json;

use super::{Made, aborted, judged};
use crate::facts::{Missing, missing};
use crate::resource::{Kind, Made as Thing, MakeError, Workshop};
use crate::verdict::Findings;

pub(crate) use managers::Managers;
use trial::Manager;

pub(super) const USERS: &str = "scsx-0302-users";
pub(super) const PROJECTS: &str = "scsx-0302-projects";
pub(super) const GROUPS: &str = "scsx-0302-groups";
pub(super) const ESCALATION: &str = "scsx-0302-escalation";
pub(super) const DOMAINS: &str = "scsx-0302-domain-scope";

/// Something in the manager's own domain that things are tried on.
type Own = Result<Thing, Unmade>;

/// Why there is no such thing.
#[derive(Clone)]
enum Unmade {
    /// Keystone refused it, which is what a check is about.
    Refused(String),
    /// Something else went wrong.
    Missing(Missing),
}

/// A user, a group and a project in the manager's own domain.
struct Owns {
    user: Own,
    group: Own,
    project: Own,
}

/// What is known of another domain.
struct Foreign {
    domain: String,
    /// A user, a group and a project in it.
    user: Option<String>,
    group: Option<String>,
    project: Option<String>,
    /// Whether they were made for this, so that changing and deleting them may be tried.
    expendable: bool,
}

pub(super) async fn judge(wanted: &[String], own: &Workshop, managers: &Managers) -> Vec<Made> {
    let wanted = wanted.iter().map(String::as_str);
    match Box::pin(all(own, managers)).await {
        Err(missing) => wanted.map(|id| judged(id, Err(missing.clone()))).collect(),
        Ok(outcomes) => {
            let outcomes = outcomes.into_iter();
            let wanted: Vec<&str> = wanted.collect();
            outcomes
                .filter(|(id, _)| wanted.contains(id))
                .map(|(id, outcome)| judged(id, outcome))
                .collect()
        }
    }
}

type Outcome = (&'static str, Result<Findings, Missing>);

async fn all(own: &Workshop, managers: &Managers) -> Result<[Outcome; 5], Missing> {
    let (workshop, second) = managers.pair()?;
    let manager = Manager::new(workshop).await?;
    workshop.tell("trying what a domain manager can do and cannot do");
    let (foreign, lent) = foreign(own, &manager, second).await?;
    let (user, group, project) = tokio::join!(
        make(workshop, Kind::User),
        make(workshop, Kind::Group),
        make(workshop, Kind::Project)
    );
    let owns = Owns { user, group, project };
    let (mut users, mut projects, mut groups, escalation, domains) = tokio::join!(
        duties::users(&manager, &owns, &foreign),
        duties::projects(&manager, &owns, &foreign),
        duties::groups(&manager, &owns, &foreign),
        bounds::escalation(&manager, &owns, &foreign),
        bounds::domains(&manager, &foreign),
    );
    for (thing, kind, outcome) in [
        (&owns.user, Kind::User, &mut users),
        (&owns.group, Kind::Group, &mut groups),
        (&owns.project, Kind::Project, &mut projects),
    ] {
        if let Ok(thing) = thing {
            duties::delete(&manager, kind, thing, outcome).await;
        }
    }
    if let Some(second) = second {
        // What does not go here is tried again at the end and told there.
        for thing in &lent {
            second.remove(thing).await;
        }
    }
    Ok([
        (USERS, users),
        (PROJECTS, projects),
        (GROUPS, groups),
        (ESCALATION, escalation),
        (DOMAINS, domains),
    ])
}

async fn make(workshop: &Workshop, kind: Kind) -> Own {
    let domain = workshop.owner().domain.as_deref().unwrap_or_default();
    made(workshop, kind, kind.word(), domain)
        .await
        .map_err(|error| match error {
            MakeError::Request { ref source, .. } if trial::refuses(source) => Unmade::Refused(missing(source).cause),
            error => Unmade::Missing(aborted(&error, "see what Keystone's log says")),
        })
}

async fn made(workshop: &Workshop, kind: Kind, word: &str, domain: &str) -> Result<Thing, MakeError> {
    let mut members = json!({ "domain_id": domain });
    if kind != Kind::Group {
        members["enabled"] = false.into();
    }
    workshop.make(kind, word, members).await
}

/// Returns what is known of another domain, and what was made in it for this.
async fn foreign(
    own: &Workshop,
    manager: &Manager<'_>,
    second: Option<&Workshop>,
) -> Result<(Foreign, Vec<Thing>), Missing> {
    if let Some(second) = second {
        let domain = second.owner().domain.clone().unwrap_or_default();
        let mut things = Vec::new();
        let mut ids = [None, None, None];
        for (id, kind) in ids.iter_mut().zip([Kind::User, Kind::Group, Kind::Project]) {
            match made(second, kind, kind.word(), &domain).await {
                Ok(thing) => {
                    *id = Some(thing.id.clone());
                    things.push(thing);
                }
                // The first manager is the one who is judged; without this there is less to try.
                Err(MakeError::Request { source, .. }) if trial::refuses(&source) => {}
                Err(error) => return Err(aborted(&error, "see what Keystone's log says")),
            }
        }
        let [user, group, project] = ids;
        let foreign = Foreign {
            domain,
            user,
            group,
            project,
            expendable: true,
        };
        return Ok((foreign, things));
    }
    let token = own.session().token().await.map_err(|error| missing(&error))?;
    let domain_of = |named: Option<reeve_openstack::Named>| {
        let named = named?;
        let domain = named.domain?.id;
        (domain != manager.domain).then_some((named.id, domain))
    };
    let (user, project) = (domain_of(token.user), domain_of(token.project));
    let domain = user.as_ref().or(project.as_ref()).map(|(_, domain)| domain.clone());
    let foreign = Foreign {
        // Every Keystone has this one.
        domain: domain.unwrap_or_else(|| "default".to_owned()),
        user: user.map(|(id, _)| id),
        group: None,
        project: project.map(|(id, _)| id),
        expendable: false,
    };
    Ok((foreign, Vec::new()))
}
