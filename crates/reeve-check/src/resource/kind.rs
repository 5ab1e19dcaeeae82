//! The kinds of things that runs make, and where the services have them.

use futures::future::join_all;
use reeve_openstack::{Problem, Request, RequestError, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::name::{ResourceName, RunId};

/// The member of metadata that says which run made something.
const MARK: &str = "scsx_run";

/// A kind of thing that runs make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A server.
    Server,
    /// A backup of a volume.
    Backup,
    /// A volume.
    Volume,
    /// A secret of the key manager.
    Secret,
    /// An application credential.
    ApplicationCredential,
    /// An access rule, which stays when its application credential goes.
    AccessRule,
    /// A router; no run makes one, but the official tests do and may leave it.
    Router,
    /// A group of rules for ports.
    SecurityGroup,
    /// A subnet.
    Subnet,
    /// A network.
    Network,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Server,
        Kind::Backup,
        Kind::Volume,
        Kind::Secret,
        Kind::ApplicationCredential,
        Kind::AccessRule,
        Kind::Router,
        Kind::SecurityGroup,
        Kind::Subnet,
        Kind::Network,
    ];

    /// Returns the word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Server => "server",
            Kind::Backup => "backup",
            Kind::Volume => "volume",
            Kind::Secret => "secret",
            Kind::ApplicationCredential => "application credential",
            Kind::AccessRule => "access rule",
            Kind::Router => "router",
            Kind::SecurityGroup => "security group",
            Kind::Subnet => "subnet",
            Kind::Network => "network",
        }
    }

    /// Returns the service that has it.
    pub(crate) const fn service(self) -> &'static str {
        match self {
            Kind::Server => "compute",
            Kind::Backup | Kind::Volume => "block-storage",
            Kind::Secret => "key-manager",
            Kind::ApplicationCredential | Kind::AccessRule => "identity",
            Kind::Router | Kind::SecurityGroup | Kind::Subnet | Kind::Network => "network",
        }
    }

    /// Returns the path of the collection; `user` is the id of the user who is logged in.
    pub(crate) fn path(self, user: &str) -> String {
        match self {
            Kind::Server => "/servers".to_owned(),
            Kind::Backup => "/backups".to_owned(),
            Kind::Volume => "/volumes".to_owned(),
            Kind::Secret => "/secrets".to_owned(),
            Kind::ApplicationCredential => format!("/users/{user}/application_credentials"),
            Kind::AccessRule => format!("/users/{user}/access_rules"),
            Kind::Router => "/routers".to_owned(),
            Kind::SecurityGroup => "/security-groups".to_owned(),
            Kind::Subnet => "/subnets".to_owned(),
            Kind::Network => "/networks".to_owned(),
        }
    }

    /// Returns the path of the listing that also has the marks.
    fn listing(self, user: &str) -> String {
        let path = self.path(user);
        match self {
            Kind::Server | Kind::Backup | Kind::Volume => format!("{path}/detail"),
            _ => path,
        }
    }

    /// Returns the member of a listing that has the list.
    pub(crate) const fn collection(self) -> &'static str {
        match self {
            Kind::Server => "servers",
            Kind::Backup => "backups",
            Kind::Volume => "volumes",
            Kind::Secret => "secrets",
            Kind::ApplicationCredential => "application_credentials",
            Kind::AccessRule => "access_rules",
            Kind::Router => "routers",
            Kind::SecurityGroup => "security_groups",
            Kind::Subnet => "subnets",
            Kind::Network => "networks",
        }
    }

    /// Returns the member that a single one stands in.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Kind::Server => "server",
            Kind::Backup => "backup",
            Kind::Volume => "volume",
            Kind::Secret => "secret",
            Kind::ApplicationCredential => "application_credential",
            Kind::AccessRule => "access_rule",
            Kind::Router => "router",
            Kind::SecurityGroup => "security_group",
            Kind::Subnet => "subnet",
            Kind::Network => "network",
        }
    }

    /// Returns in which turn it is deleted: what uses others goes before them.
    pub(crate) const fn turn(self) -> u8 {
        match self {
            Kind::Server | Kind::Backup | Kind::Secret | Kind::ApplicationCredential => 0,
            Kind::Volume | Kind::AccessRule | Kind::Router | Kind::SecurityGroup => 1,
            Kind::Subnet => 2,
            Kind::Network => 3,
        }
    }

    /// Returns `members` of a new one with name and mark; secrets have no place for a mark.
    pub(crate) fn body(self, name: &str, run: &RunId, mut members: Value) -> Value {
        members["name"] = name.into();
        match self {
            Kind::Server | Kind::Volume => members["metadata"] = json!({ MARK: run.as_str() }),
            Kind::Secret => return members,
            _ => members["description"] = format!("{MARK}={run}").into(),
        }
        json!({ self.member(): members })
    }

    /// Returns the id of one, as a listing or the answer to its creation has it.
    pub(crate) fn id_of(self, value: &Value) -> Option<String> {
        match self {
            // The key manager gives an address whose last part is the id.
            Kind::Secret => value["secret_ref"].as_str()?.rsplit('/').next().map(str::to_owned),
            _ => value["id"].as_str().map(str::to_owned),
        }
        .filter(|id| {
            !id.is_empty() && id.len() <= 200 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
    }

    /// Returns the name of one in a listing. An access rule has none; the name stands as a parameter in its path.
    fn name_of(self, value: &Value) -> Option<String> {
        match self {
            Kind::AccessRule => rule_name(value["path"].as_str()?),
            _ => value["name"].as_str().map(str::to_owned),
        }
    }

    /// Tells whether one in a listing has the mark of the run that its name says.
    fn is_marked(self, value: &Value, name: &ResourceName) -> bool {
        match self {
            Kind::Server => value["metadata"][MARK] == name.run.as_str(),
            // A volume that a restoration made has no metadata of ours, and Cinder writes the description.
            Kind::Volume => value["metadata"][MARK] == name.run.as_str() || name.word == "restored",
            // There is no place for a mark; the names are all there is, and nobody else gives such names.
            Kind::Secret | Kind::AccessRule => true,
            _ => value["description"] == format!("{MARK}={}", name.run),
        }
    }

    /// Returns the command with which a person deletes one.
    pub(crate) fn delete_command(self, id: &str) -> String {
        let what = match self {
            Kind::Server => "server delete",
            Kind::Backup => "volume backup delete",
            Kind::Volume => "volume delete",
            Kind::Secret => "secret delete",
            Kind::ApplicationCredential => "application credential delete",
            Kind::AccessRule => "access rule delete",
            Kind::Router => "router delete",
            Kind::SecurityGroup => "security group delete",
            Kind::Subnet => "subnet delete",
            Kind::Network => "network delete",
        };
        format!("`openstack {what} {id}`")
    }
}

/// Returns the path of an access rule that matches one part of an address and says whose it is.
pub(crate) fn rule_path(before: &str, name: &str) -> String {
    format!("{before}/{{{name}}}")
}

fn rule_name(path: &str) -> Option<String> {
    let (_, rest) = path.split_once('{')?;
    let (name, _) = rest.split_once('}')?;
    Some(name.to_owned())
}

/// Something in the project that a run of this program made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) id: String,
    /// The run, if the name is one of ours.
    pub(crate) parsed: Option<ResourceName>,
    /// Whether it also has the mark.
    pub(crate) marked: bool,
    /// Its status, where it has one.
    pub(crate) status: String,
}

/// Looks for everything of one kind in the project whose name `wanted` accepts; services that the cloud does not have have nothing.
pub(crate) async fn find_kind(
    session: &Session,
    kind: Kind,
    user: &str,
    project: Option<&str>,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Found>, RequestError> {
    let service = match session.service(kind.service()).await {
        Ok(service) => service,
        Err(error) if matches!(error.problem, Problem::NoEndpoint { .. } | Problem::NoCatalogue) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let request = Request::get(kind.listing(user));
    let listing = match service.list(&request, kind.collection()).await {
        Ok(listing) => listing,
        // An old Keystone knows no access rules.
        Err(error) if error.is_not_found() && kind.service() == "identity" => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Neutron also lists what other projects share, and everything for whoever may see it.
    let is_own = |value: &Value| {
        kind.service() != "network" || {
            let of = value["project_id"].as_str().or_else(|| value["tenant_id"].as_str());
            of.is_some() && of == project
        }
    };
    Ok(listing
        .iter()
        .filter(|value| is_own(value))
        .filter_map(|value| {
            let name = kind.name_of(value)?;
            let id = kind.id_of(value)?;
            wanted(&name).then(|| {
                let parsed = ResourceName::parse(&name);
                Found {
                    kind,
                    id,
                    marked: parsed.as_ref().is_some_and(|parsed| kind.is_marked(value, parsed)),
                    parsed,
                    name,
                    status: value["status"].as_str().unwrap_or_default().to_owned(),
                }
            })
        })
        .collect())
}

/// Looks in all services at once for everything whose name `wanted` accepts.
pub(crate) async fn find_ours(
    session: &Session,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Found>, RequestError> {
    let token = session.token().await?;
    let user = token.user.map(|user| user.id).unwrap_or_default();
    let project = token.project.map(|project| project.id);
    let kinds = Kind::ALL
        .into_iter()
        .map(|kind| find_kind(session, kind, &user, project.as_deref(), wanted));
    let found: Result<Vec<Vec<Found>>, RequestError> = join_all(kinds).await.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_rules_carry_their_name_in_the_path() {
        let name = "scsx-r261121161259a1b2c3-03-rule";
        let value = json!({ "path": rule_path("/v2.1", name) });
        assert_eq!(Kind::AccessRule.name_of(&value).as_deref(), Some(name));
        assert_eq!(Kind::AccessRule.name_of(&json!({ "path": "/v2.1/servers" })), None);
        assert_eq!(Kind::AccessRule.name_of(&json!({ "path": "/v2.1/{open" })), None);
    }

    #[test]
    fn ids_that_would_lead_elsewhere_are_none() {
        for bad in ["", "../x", "a/b", "a?b", "a b", "é"] {
            assert_eq!(Kind::Volume.id_of(&json!({ "id": bad })), None, "{bad}");
        }
        let secret = json!({ "secret_ref": "https://kms.example/v1/secrets/0a-1b" });
        assert_eq!(Kind::Secret.id_of(&secret).as_deref(), Some("0a-1b"));
    }
}
