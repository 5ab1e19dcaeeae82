//! Things in the cloud that are found again by a mark, whoever made them and however far that got.

use reeve_journal::StepError;
use reeve_openstack::{Method, Request};
use serde_json::Value;

use super::world::{World, failed};

/// The key under which volumes and servers have their mark.
pub(super) const METADATA_KEY: &str = "reeve_import";

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    /// An image that Cinder makes of a volume: it takes a name and no tag, so the mark is its name.
    Proof,
    Volume,
    Port,
    Server,
}

impl Kind {
    const fn service(self) -> &'static str {
        match self {
            Self::Image | Self::Proof => "image",
            Self::Volume => "block-storage",
            Self::Port => "network",
            Self::Server => "compute",
        }
    }

    const fn collection(self) -> &'static str {
        match self {
            Self::Image | Self::Proof => "images",
            Self::Volume => "volumes",
            Self::Port => "ports",
            Self::Server => "servers",
        }
    }

    /// Returns the key around one thing in an answer; Glance has none.
    const fn member(self) -> Option<&'static str> {
        match self {
            Self::Image | Self::Proof => None,
            Self::Volume => Some("volume"),
            Self::Port => Some("port"),
            Self::Server => Some("server"),
        }
    }

    fn path(self, id: &str) -> String {
        format!("/{}/{id}", self.collection())
    }
}

/// A mark, and the name that was given together with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marked<'a> {
    pub(super) kind: Kind,
    pub(super) mark: &'a str,
    pub(super) name: &'a str,
}

/// A thing stays where it is to be deleted, or ended in an error.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {id} {what}")]
pub(super) struct ThingError {
    kind: &'static str,
    id: String,
    what: String,
}

impl Marked<'_> {
    /// Returns everything with the mark.
    pub(super) async fn find(&self, world: &World) -> Result<Vec<Value>, StepError> {
        let service = world.session.service(self.kind.service()).await.map_err(failed)?;
        let request = match self.kind {
            Kind::Image => Request::get("/images").with("tag", self.mark),
            Kind::Proof => Request::get("/images").with("name", self.mark),
            Kind::Volume => Request::get("/volumes/detail").with("name", self.name),
            Kind::Port => Request::get("/ports").with("description", self.mark),
            // Nova takes a pattern; what else it fits is left out below.
            Kind::Server => Request::get("/servers/detail").with("name", pattern(self.name)),
        };
        let mut found = service.list(&request, self.kind.collection()).await.map_err(failed)?;
        found.retain(|thing| match self.kind {
            Kind::Image => {
                let has_tag = thing["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.iter().any(|tag| tag == self.mark));
                has_tag && thing["owner"] == world.project.as_str()
            }
            Kind::Proof => thing["name"] == self.mark && thing["owner"] == world.project.as_str(),
            Kind::Volume | Kind::Server => thing["metadata"][METADATA_KEY] == self.mark,
            Kind::Port => thing["description"] == self.mark,
        });
        Ok(found)
    }

    /// Returns the thing with the mark, if there is exactly one.
    pub(super) async fn only(&self, world: &World) -> Result<Option<Value>, StepError> {
        let mut found = self.find(world).await?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// Returns one thing as it is now; `None` if it is not there any more.
    pub(super) async fn look(&self, world: &World, id: &str) -> Result<Option<Value>, StepError> {
        let service = world.session.service(self.kind.service()).await.map_err(failed)?;
        match service.json(&Request::get(self.kind.path(id))).await {
            Ok(mut answer) => Ok(Some(match self.kind.member() {
                Some(member) => answer[member].take(),
                None => answer,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Makes a thing and returns it as the cloud answers.
    pub(super) async fn make(&self, world: &World, request: Request) -> Result<Value, StepError> {
        let service = world.session.service(self.kind.service()).await.map_err(failed)?;
        let mut answer = service.json(&request).await.map_err(failed)?;
        let thing = match self.kind.member() {
            Some(member) => answer[member].take(),
            None => answer,
        };
        if thing["id"].as_str().is_none_or(str::is_empty) {
            return Err(self.error("?", "was made, and the answer has no id"));
        }
        Ok(thing)
    }

    /// Returns a new thing's path.
    pub(super) fn create(&self, body: Value) -> Request {
        Request::new(Method::Post, format!("/{}", self.kind.collection())).with_body(match self.kind.member() {
            Some(member) => serde_json::json!({ member: body }),
            None => body,
        })
    }

    /// Deletes everything with the mark, and waits until it is gone.
    pub(super) async fn remove_all(&self, world: &World) -> Result<(), StepError> {
        for thing in self.find(world).await? {
            self.remove(world, text(&thing["id"])).await?;
        }
        Ok(())
    }

    /// Deletes one thing, and waits until it is gone; one that is not there is no error.
    pub(super) async fn remove(&self, world: &World, id: &str) -> Result<(), StepError> {
        let service = world.session.service(self.kind.service()).await.map_err(failed)?;
        // Ends with the step's deadline.
        loop {
            match service.send(&Request::new(Method::Delete, self.kind.path(id))).await {
                Ok(_) => break,
                Err(error) if error.is_not_found() => return Ok(()),
                // A volume that is at work, or was a server's a moment ago, cannot be deleted yet.
                Err(error) if self.kind == Kind::Volume && error.status == Some(400) => {
                    let volume = self.look(world, id).await?;
                    let status = volume.as_ref().map(|volume| text(&volume["status"]));
                    match status {
                        None => return Ok(()),
                        Some("in-use") => return Err(failed(error)),
                        Some(_) => tokio::time::sleep(world.pace.poll).await,
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        loop {
            let Some(thing) = self.look(world, id).await? else {
                return Ok(());
            };
            let status = text(&thing["status"]);
            if status.starts_with("error_") {
                return Err(self.error(id, &format!("could not be deleted: its status is {}", shown(status))));
            }
            // Glance deletes at once; what can still be seen afterwards is on its way out.
            if matches!(self.kind, Kind::Image | Kind::Proof) && matches!(status, "deleted" | "pending_delete") {
                return Ok(());
            }
            tokio::time::sleep(world.pace.poll).await;
        }
    }

    pub(super) fn error(&self, id: &str, what: &str) -> StepError {
        StepError::permanent(ThingError {
            kind: match self.kind {
                Kind::Image | Kind::Proof => "image",
                Kind::Volume => "volume",
                Kind::Port => "port",
                Kind::Server => "server",
            },
            id: shown(id),
            what: what.to_owned(),
        })
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns a text of the cloud for an error.
pub(super) fn shown(text: &str) -> String {
    crate::error::escaped(text, 300)
}

/// Returns a pattern that fits this name; whatever has a meaning in patterns may be anything.
fn pattern(name: &str) -> String {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() || char == '-' || char == '_' {
            char
        } else {
            '.'
        }
    };
    format!("^{}$", name.chars().map(plain).collect::<String>())
}
