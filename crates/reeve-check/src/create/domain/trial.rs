//! Trying something with the login of a domain manager.

use reeve_openstack::{Method, Request, RequestError, Service};
use serde_json::Value;

use crate::facts::{Missing, missing};
use crate::resource::{Kind, MakeError, Workshop};
use crate::verdict::Findings;

/// What lets a domain manager do its work.
const REMEDY: &str = "use Keystone 2024.2 or later with `enforce_new_defaults = true` and `enforce_scope = true` in `[oslo_policy]` and without policies of one's own; an older one needs the policies of scs-0302-w1";

/// A domain manager: its login and what it sees.
pub(super) struct Manager<'a> {
    pub(super) workshop: &'a Workshop,
    identity: Service,
    /// The id of its domain.
    pub(super) domain: String,
    subject: String,
    /// The roles that it sees, or why it sees none.
    roles: Result<Vec<(String, String)>, RequestError>,
}

impl<'a> Manager<'a> {
    pub(super) async fn new(workshop: &'a Workshop) -> Result<Manager<'a>, Missing> {
        let session = workshop.session();
        let token = session.token().await.map_err(|error| missing(&error))?;
        let name = |named: Option<reeve_openstack::Named>| {
            named.map_or_else(
                String::new,
                |named| {
                    if named.name.is_empty() { named.id } else { named.name }
                },
            )
        };
        let identity = session.service("identity").await.map_err(|error| missing(&error))?;
        let roles = match identity.list(&Request::get("/roles"), "roles").await {
            Ok(roles) => Ok(roles
                .iter()
                .filter_map(|role| Some((role["name"].as_str()?.to_owned(), Kind::Role.id_of(role)?)))
                .collect()),
            Err(error) if refuses(&error) => Err(error),
            Err(error) => return Err(missing(&error)),
        };
        Ok(Manager {
            workshop,
            identity,
            domain: workshop.owner().domain.clone().unwrap_or_default(),
            subject: format!("domain manager {} of domain {}", name(token.user), name(token.domain)),
            roles,
        })
    }

    /// Begins to try things.
    pub(super) fn trial(&self) -> Trial<'_> {
        Trial {
            manager: self,
            findings: Findings::default(),
        }
    }

    /// Returns the id of a role, if it sees one of this name.
    pub(super) fn role(&self, name: &str) -> Option<&str> {
        let roles = self.roles.as_ref().ok()?;
        roles.iter().find(|(known, _)| known == name).map(|(_, id)| id.as_str())
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, RequestError> {
        let mut request = Request::new(method, path);
        if let Some(body) = body {
            request = request.with_body(body);
        }
        let answer = self.identity.send(&request).await?;
        // Many answers have no body.
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

/// Tells whether an error says that somebody may not do something, or may not know of it.
pub(super) fn refuses(error: &RequestError) -> bool {
    matches!(error.status, Some(403 | 404))
}

/// What was tried, and what was found.
pub(super) struct Trial<'a> {
    pub(super) manager: &'a Manager<'a>,
    pub(super) findings: Findings,
}

impl Trial<'_> {
    pub(super) fn violation(&mut self, detail: impl Into<String>) {
        self.findings.violation(self.manager.subject.clone(), detail, REMEDY);
    }

    pub(super) fn note(&mut self, detail: impl Into<String>, remedy: &str) {
        self.findings.note(self.manager.subject.clone(), detail, remedy);
    }

    /// Tries what it must be able to do; `None` if it cannot.
    pub(super) async fn may(
        &mut self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Option<Value>, Missing> {
        match self.manager.send(method, path, body).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if refuses(&error) => {
                self.violation(format!("it cannot {what}: {}", missing(&error).cause));
                Ok(None)
            }
            Err(error) => Err(missing(&error)),
        }
    }

    /// Tries what it must not be able to do; tells whether it can.
    pub(super) async fn may_not(
        &mut self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<bool, Missing> {
        match self.manager.send(method, path, body).await {
            Ok(_) => {
                self.violation(format!("it can {what}, and must not"));
                Ok(true)
            }
            Err(error) if refuses(&error) => Ok(false),
            Err(error) => Err(missing(&error)),
        }
    }

    /// Tries to make something that it must not be able to make, and deletes it if it is made.
    pub(super) async fn may_not_make(
        &mut self,
        what: &str,
        kind: Kind,
        word: &str,
        members: Value,
    ) -> Result<(), Missing> {
        match self.manager.workshop.make(kind, word, members).await {
            Ok(made) => {
                self.violation(format!("it can {what}, and must not"));
                self.manager.workshop.remove(&made).await;
                Ok(())
            }
            Err(MakeError::Request { source, .. }) if refuses(&source) => Ok(()),
            Err(error) => Err(super::aborted(&error, "see what Keystone's log says")),
        }
    }

    /// Tries to give a role that it must not be able to give, and takes it back if it was given.
    pub(super) async fn may_not_give(&mut self, what: &str, path: &str) -> Result<(), Missing> {
        if self.may_not(what, Method::Put, path, None).await? {
            // The role goes at the latest with the user, the group or the project that was made for this.
            let taken = self.manager.send(Method::Delete, path, None).await;
            if let Err(error) = taken {
                self.note(
                    format!(
                        "what it could {what} could not be taken back at once: {}",
                        missing(&error).cause
                    ),
                    "it goes with the things that this run made and deletes",
                );
            }
        }
        Ok(())
    }

    /// Tries to give a role, to see that it is given, and to take it back.
    pub(super) async fn gives_and_takes(&mut self, role: &str, whom: &str, path: &str) -> Result<(), Missing> {
        let give = format!("give {whom} the role `{role}`");
        if self.may(&give, Method::Put, path, None).await?.is_none() {
            return Ok(());
        }
        if self.manager.send(Method::Head, path, None).await.is_err() {
            self.violation(format!("it could {give}, but the role is not there afterwards"));
        }
        let take = format!("take the role `{role}` from {whom}");
        let taken = self.may(&take, Method::Delete, path, None).await?;
        if taken.is_some() && self.manager.send(Method::Head, path, None).await.is_ok() {
            self.violation(format!("it could {take}, but the role is still there afterwards"));
        }
        Ok(())
    }

    /// Returns how many things a list shows it, which is none if the list is refused.
    pub(super) async fn listed(&self, path: &str, collection: &str) -> Result<usize, Missing> {
        match self.manager.send(Method::Get, path, None).await {
            Ok(answer) => Ok(answer[collection].as_array().map_or(0, Vec::len)),
            Err(error) if refuses(&error) => Ok(0),
            Err(error) => Err(missing(&error)),
        }
    }

    /// Returns the id of the role `member`; that it cannot be seen is a violation.
    pub(super) fn member(&mut self) -> Option<String> {
        let id = self.manager.role("member").map(str::to_owned);
        if id.is_none() {
            let why = match &self.manager.roles {
                Err(error) => missing(error).cause,
                Ok(_) => "there is none of this name among the roles that it sees".to_owned(),
            };
            self.violation(format!("it cannot find the role `member` to give it: {why}"));
        }
        id
    }
}
