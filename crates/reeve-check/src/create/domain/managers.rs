//! The logins of domain managers that a run was given, each with its own ledger.

use reeve_openstack::Session;

use crate::facts::{Missing, missing};
use crate::outcome::LeftBehind;
use crate::resource::{Ledger, LedgerError, Owner, Patience, Workshop};
use crate::run::Telling;

/// The logins of domain managers that a run was given, in the order in which they were named; one that will not do is in its place with the cause.
pub(crate) struct Managers(Vec<Result<Workshop, Missing>>);

impl Managers {
    /// Logs in with each and begins its ledger with `begin`.
    pub(crate) async fn open(
        sessions: &[Session],
        begin: impl Fn(&Session, &Owner) -> Result<Ledger, LedgerError>,
        patience: &Patience,
        telling: &Telling,
    ) -> Result<Managers, LedgerError> {
        let mut opened: Vec<Result<Workshop, Missing>> = Vec::new();
        for session in sessions {
            let known = |domain: &Option<String>| {
                let mut others = opened.iter().flatten();
                others.any(|other| other.owner().domain == *domain)
            };
            opened.push(match owner(session).await {
                Ok(owner) if known(&owner.domain) => Err(unfit(
                    session,
                    "is for the same domain as the login before it",
                    "name the manager of another domain, or only one",
                )),
                Ok(owner) => {
                    let ledger = begin(session, &owner)?;
                    let telling = std::sync::Arc::clone(telling);
                    Ok(Workshop::new(session.clone(), ledger, owner, patience.clone(), telling))
                }
                Err(missing) => Err(missing),
            });
        }
        Ok(Managers(opened))
    }

    /// Returns the first login, and the second one if there is any.
    pub(super) fn pair(&self) -> Result<(&Workshop, Option<&Workshop>), Missing> {
        let first = match self.0.first() {
            Some(first) => first.as_ref().map_err(Clone::clone)?,
            None => {
                return Err(Missing {
                    cause: "no login of a domain manager was given".to_owned(),
                    hint: "name one of clouds.yaml with `--manager-cloud`".to_owned(),
                    not_found: false,
                });
            }
        };
        let second = self.0.get(1).map(|second| second.as_ref().map_err(Clone::clone));
        Ok((first, second.transpose()?))
    }

    /// Deletes everything that may be there and returns what stays.
    pub(crate) async fn remove_all(&self) -> Vec<LeftBehind> {
        let mut left = Vec::new();
        for workshop in self.0.iter().flatten() {
            left.extend(workshop.remove_all().await);
        }
        left
    }

    /// Returns how many things were made.
    pub(crate) fn made(&self) -> usize {
        self.0.iter().flatten().map(Workshop::made).sum()
    }

    /// Ends the work.
    pub(crate) fn end(self) {
        self.0.into_iter().flatten().for_each(Workshop::end);
    }
}

/// Logs in, and returns whose things the login's are if it is a domain manager's and no more than that.
async fn owner(session: &Session) -> Result<Owner, Missing> {
    let token = session.token().await.map_err(|error| missing(&error))?;
    let owner = Owner::of(&token);
    let has = |role: &str| token.role_names().any(|name| name == role);
    if owner.domain.is_none() {
        return Err(unfit(
            session,
            "is not for a domain",
            "set `domain_name` (or `domain_id`) and no project for it in clouds.yaml",
        ));
    }
    if has("admin") {
        return Err(unfit(
            session,
            "has the role `admin`, which may do everything",
            "use a user that has the role `manager` on a domain and no more",
        ));
    }
    if !has("manager") {
        return Err(unfit(
            session,
            "does not have the role `manager` on its domain",
            "an administrator can give it: `openstack role add --user USER --domain DOMAIN manager`; if there is no such role, the cloud does not keep scs-0302",
        ));
    }
    Ok(owner)
}

fn unfit(session: &Session, what: &str, hint: &str) -> Missing {
    Missing {
        cause: format!("the login of cloud {} {what}", session.config().name),
        hint: hint.to_owned(),
        not_found: false,
    }
}
