//! The kinds of things that runs make, and where the services have them.

use futures::future::join_all;
use reeve_openstack::{Problem, Request, RequestError, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::name::{ResourceName, RunId};
use super::owner::Owner;

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
    /// An image.
    Image,
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
    /// A user in the domain of a domain manager.
    User,
    /// A group of users in the domain of a domain manager.
    Group,
    /// A project in the domain of a domain manager.
    Project,
    /// A role; made only where a cloud lets a domain manager make one, which it must not.
    Role,
}

/// What is known of a kind.
struct Traits {
    /// The word for people.
    word: &'static str,
    service: &'static str,
    /// The member of a listing that has the list.
    collection: &'static str,
    /// The member that a single one stands in.
    member: &'static str,
    /// In which turn it is deleted: what uses others goes before them.
    turn: u8,
    /// The words of `openstack … ID` that delete one.
    delete: &'static str,
}

impl Kind {
    /// Those that are in a project, or belong to the user who is logged in to one.
    pub(crate) const OF_PROJECTS: [Kind; 11] = [
        Kind::Server,
        Kind::Backup,
        Kind::Volume,
        Kind::Image,
        Kind::Secret,
        Kind::ApplicationCredential,
        Kind::AccessRule,
        Kind::Router,
        Kind::SecurityGroup,
        Kind::Subnet,
        Kind::Network,
    ];

    /// Those that are in a domain, or in none.
    pub(crate) const OF_DOMAINS: [Kind; 4] = [Kind::User, Kind::Group, Kind::Project, Kind::Role];

    const fn traits(self) -> Traits {
        let (word, service, collection, member, turn, delete) = match self {
            Kind::Server => ("server", "compute", "servers", "server", 0, "server delete"),
            Kind::Backup => (
                "backup",
                "block-storage",
                "backups",
                "backup",
                0,
                "volume backup delete",
            ),
            Kind::Volume => ("volume", "block-storage", "volumes", "volume", 1, "volume delete"),
            Kind::Image => ("image", "image", "images", "image", 2, "image delete"),
            Kind::Secret => ("secret", "key-manager", "secrets", "secret", 0, "secret delete"),
            Kind::ApplicationCredential => (
                "application credential",
                "identity",
                "application_credentials",
                "application_credential",
                0,
                "application credential delete",
            ),
            Kind::AccessRule => (
                "access rule",
                "identity",
                "access_rules",
                "access_rule",
                1,
                "access rule delete",
            ),
            Kind::Router => ("router", "network", "routers", "router", 1, "router delete"),
            Kind::SecurityGroup => (
                "security group",
                "network",
                "security_groups",
                "security_group",
                1,
                "security group delete",
            ),
            Kind::Subnet => ("subnet", "network", "subnets", "subnet", 2, "subnet delete"),
            Kind::Network => ("network", "network", "networks", "network", 3, "network delete"),
            Kind::User => ("user", "identity", "users", "user", 0, "user delete"),
            Kind::Group => ("group", "identity", "groups", "group", 0, "group delete"),
            Kind::Project => ("project", "identity", "projects", "project", 1, "project delete"),
            Kind::Role => ("role", "identity", "roles", "role", 1, "role delete"),
        };
        Traits {
            word,
            service,
            collection,
            member,
            turn,
            delete,
        }
    }

    /// Returns the word for people.
    pub const fn word(self) -> &'static str {
        self.traits().word
    }

    /// Returns the service that has it.
    pub(crate) const fn service(self) -> &'static str {
        self.traits().service
    }

    /// Returns the path of the collection; `user` is the id of the user who is logged in.
    pub(crate) fn path(self, user: &str) -> String {
        match self {
            Kind::ApplicationCredential | Kind::AccessRule => format!("/users/{user}/{}", self.collection()),
            Kind::SecurityGroup => "/security-groups".to_owned(),
            _ => format!("/{}", self.collection()),
        }
    }

    /// Returns the request for the listing that also has the marks.
    fn listing(self, owner: &Owner) -> Request {
        let path = self.path(&owner.user);
        match self {
            Kind::Server | Kind::Backup | Kind::Volume => Request::get(format!("{path}/detail")),
            Kind::Image => {
                let project = owner.project.as_deref().unwrap_or_default();
                Request::get(path).with("owner", project).with("limit", "1000")
            }
            Kind::User | Kind::Group | Kind::Project => {
                Request::get(path).with("domain_id", owner.domain.as_deref().unwrap_or_default())
            }
            _ => Request::get(path),
        }
    }

    /// Returns the member of a listing that has the list.
    pub(crate) const fn collection(self) -> &'static str {
        self.traits().collection
    }

    /// Returns the member that a single one stands in; images stand alone.
    pub(crate) const fn member(self) -> &'static str {
        self.traits().member
    }

    /// Returns in which turn it is deleted: what uses others goes before them.
    pub(crate) const fn turn(self) -> u8 {
        self.traits().turn
    }

    /// Returns `members` of a new one with name and mark; secrets have no place for a mark.
    pub(crate) fn body(self, name: &str, run: &RunId, mut members: Value) -> Value {
        members["name"] = name.into();
        match self {
            Kind::Server | Kind::Volume => members["metadata"] = json!({ MARK: run.as_str() }),
            Kind::Image => members[MARK] = run.as_str().into(),
            Kind::Secret => {}
            _ => members["description"] = format!("{MARK}={run}").into(),
        }
        match self {
            Kind::Secret | Kind::Image => members,
            _ => json!({ self.member(): members }),
        }
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
            // Cinder makes the copy of a volume, and has no place for a mark.
            Kind::Image => value[MARK] == name.run.as_str() || name.word == "copy",
            // A volume that a restoration made has no metadata of ours, and Cinder writes the description.
            Kind::Volume => value["metadata"][MARK] == name.run.as_str() || name.word == "restored",
            // There is no place for a mark; the names are all there is, and nobody else gives such names.
            Kind::Secret | Kind::AccessRule => true,
            _ => value["description"] == format!("{MARK}={}", name.run),
        }
    }

    /// Returns the command with which a person deletes one.
    pub(crate) fn delete_command(self, id: &str) -> String {
        format!("`openstack {} {id}`", self.traits().delete)
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

/// Looks for everything of one kind whose name `wanted` accepts; services that the cloud does not have have nothing.
pub(crate) async fn find_kind(
    session: &Session,
    kind: Kind,
    owner: &Owner,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Found>, RequestError> {
    let service = match session.service(kind.service()).await {
        Ok(service) => service,
        Err(error) if matches!(error.problem, Problem::NoEndpoint { .. } | Problem::NoCatalogue) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let listing = match service.list(&kind.listing(owner), kind.collection()).await {
        Ok(listing) => listing,
        // An old Keystone knows no access rules.
        Err(error) if error.is_not_found() && kind == Kind::AccessRule => return Ok(Vec::new()),
        // Whoever may not list roles has not made one either.
        Err(error) if error.is_forbidden() && kind == Kind::Role => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(listing
        .iter()
        .filter(|value| owner.owns(kind, value))
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

/// Looks everywhere at once, in the project or the domain of the login, for everything whose name `wanted` accepts.
pub(crate) async fn find_ours(
    session: &Session,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<Found>, RequestError> {
    let owner = Owner::of(&session.token().await?);
    let kinds = owner
        .kinds()
        .iter()
        .map(|kind| find_kind(session, *kind, &owner, wanted));
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
