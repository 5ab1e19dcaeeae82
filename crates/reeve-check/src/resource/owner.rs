//! Whose things a login can make.

use reeve_openstack::TokenInfo;
use serde_json::Value;

use super::kind::Kind;

/// Whose things a login can make: those of its user, and of the project or the domain that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The id of the user.
    pub(crate) user: String,
    /// The id of the project, if the login is for one.
    pub(crate) project: Option<String>,
    /// The id of the domain, if the login is for one.
    pub(crate) domain: Option<String>,
}

impl Owner {
    /// Returns whose things a token's are.
    pub(crate) fn of(token: &TokenInfo) -> Owner {
        Owner {
            user: token.user.as_ref().map(|user| user.id.clone()).unwrap_or_default(),
            project: token.project.as_ref().map(|project| project.id.clone()),
            domain: token.domain.as_ref().map(|domain| domain.id.clone()),
        }
    }

    /// Returns the kinds of things that such a login makes.
    pub(crate) const fn kinds(&self) -> &'static [Kind] {
        if self.domain.is_some() {
            &Kind::OF_DOMAINS
        } else {
            &Kind::OF_PROJECTS
        }
    }

    /// Tells whether something in a listing is the owner's. Neutron also lists what others share, Glance what is public, and both everything for whoever may see it.
    pub(crate) fn owns(&self, kind: Kind, value: &Value) -> bool {
        let is = |owner: Option<&str>, wanted: Option<&str>| owner.is_some() && owner == wanted;
        match kind {
            Kind::Image => is(value["owner"].as_str(), self.project.as_deref()),
            Kind::Router | Kind::SecurityGroup | Kind::Subnet | Kind::Network => {
                let of = value["project_id"].as_str().or_else(|| value["tenant_id"].as_str());
                is(of, self.project.as_deref())
            }
            Kind::User | Kind::Group | Kind::Project => is(value["domain_id"].as_str(), self.domain.as_deref()),
            _ => true,
        }
    }
}
