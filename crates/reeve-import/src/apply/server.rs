//! The step that starts the server.

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use reeve_openstack::Microversion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::marked::{Kind, METADATA_KEY, Marked, shown, text};
use super::world::{World, failed};
use crate::plan::ServerInput;

/// From here on a server can be without a network.
const WITHOUT_NETWORK: Microversion = Microversion { major: 2, minor: 37 };

/// What is recorded of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerMade {
    /// The server.
    pub server_id: String,
}

/// Starts a server from its volumes.
///
/// Undo: every server with the mark is deleted; the volumes stay. A repeat finds the server; one that is still being made is waited for.
pub(super) struct MakeServer {
    pub(super) input: ServerInput,
    pub(super) volumes: Vec<Option<String>>,
    pub(super) ports: Vec<Option<String>>,
}

impl MakeServer {
    fn marked(&self) -> Marked<'_> {
        Marked {
            kind: Kind::Server,
            mark: &self.input.mark,
            name: &self.input.name,
        }
    }

    async fn active(&self, world: &World) -> Result<Option<Value>, StepError> {
        let only = self.marked().only(world).await?;
        Ok(only.filter(|server| server["status"] == "ACTIVE"))
    }

    fn made(server: &Value) -> Result<Recorded, StepError> {
        Recorded::value(ServerMade {
            server_id: text(&server["id"]).to_owned(),
        })
    }

    fn body(&self) -> Value {
        let mapping: Vec<Value> = self
            .volumes
            .iter()
            .enumerate()
            .map(|(at, volume)| {
                json!({
                    "uuid": volume,
                    "source_type": "volume",
                    "destination_type": "volume",
                    "boot_index": at,
                    "delete_on_termination": false,
                })
            })
            .collect();
        let networks = if self.ports.is_empty() {
            json!("none")
        } else {
            self.ports.iter().map(|port| json!({ "port": port })).collect()
        };
        json!({
            "name": self.input.name,
            "flavorRef": self.input.flavor_id,
            "block_device_mapping_v2": mapping,
            "networks": networks,
            "metadata": { METADATA_KEY: self.input.mark },
        })
    }

    async fn settled(&self, world: &World, id: &str) -> Result<Value, StepError> {
        // Ends with the step's deadline.
        loop {
            let Some(server) = self.marked().look(world, id).await? else {
                return Err(self.marked().error(id, "was deleted while it was being made"));
            };
            match text(&server["status"]) {
                "ACTIVE" => return Ok(server),
                "BUILD" => tokio::time::sleep(world.pace.poll).await,
                other => {
                    let said = text(&server["fault"]["message"]);
                    let what = format!("has status {}: {}", shown(other), shown(said));
                    return Err(self.marked().error(id, &what));
                }
            }
        }
    }
}

#[async_trait]
impl Step<World> for MakeServer {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        if self.volumes.iter().chain(&self.ports).any(Option::is_none) {
            return Err(Refusal::refused(
                "a volume or a port of this server is not made",
                "resume the run",
            ));
        }
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.active(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let marked = self.marked();
        let begun = match marked.only(world).await? {
            Some(only) if only["status"] == "BUILD" => only,
            _ => {
                marked.remove_all(world).await?;
                let nova = world.session.service("compute").await.map_err(failed)?;
                let known = nova.negotiate(WITHOUT_NETWORK, WITHOUT_NETWORK).await.map_err(failed)?;
                marked.make(world, marked.create(self.body()).at(known)).await?
            }
        };
        Self::made(&self.settled(world, text(&begun["id"])).await?)
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        self.marked().remove_all(world).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        match self.active(world).await? {
            Some(server) => Self::made(&server),
            None => Err(self.marked().error("?", "was there a moment ago and is not any more")),
        }
    }
}
